// The layers of a container as open directories: what it has changed, what its runtime put beneath, and the image.
// Works without a mount and beside one: the kernel writes a container's changes straight into its writable layer.

import { ConflictError, IntegrityError } from '../errors.ts'
import { openLayers } from '../inspect/image-stack.ts'
import type { Container } from '../store/container-db.ts'
import type { Layer } from '../store/layer-db.ts'
import type { WritableLayer } from '../store/mount-db.ts'
import type { Store } from '../store/store.ts'
import type { LayerStack } from '../view/stack.ts'

/** @throws NotFoundError ERR_CONTAINER_NOT_FOUND; InvalidArgumentError ERR_AMBIGUOUS_ID */
export function containerOf(store: Store, name: string): Container {
  return store.containerDB.resolve(name)
}

/** @throws IntegrityError ERR_STORE_CORRUPT */
export function layerOf(container: Container): WritableLayer {
  if (container.layer) return container.layer
  throw new IntegrityError(
    'ERR_STORE_CORRUPT',
    `cannot find the writable layer of container ${container.id.slice(0, 12)}: layerdb/mounts has no mount-id for it; remove the container`,
    { details: { container: container.id } },
  )
}

/** The image's layers that a container stands on, base first. */
export function imageLayersOf(store: Store, container: Container): Layer[] {
  const { parent } = layerOf(container)
  return parent === undefined ? [] : store.layers.chain(parent)
}

/**
 * With overlay2: the writable layer, its init layer, then the image's, nearest first. With vfs one whole tree.
 * Close it after use.
 * @param options.init the container as it was made: without the writable layer
 */
export async function openContainerStack(
  store: Store,
  container: Container,
  options: { readonly init?: boolean } = {},
): Promise<LayerStack> {
  const { mountID, initID } = layerOf(container)
  const layers = imageLayersOf(store, container)
  const top = options.init ? (initID ?? layers.at(-1)?.cacheID) : mountID
  const directories = top === undefined ? [] : await store.driver.stack(top)
  return openLayers(store, directories, layers)
}

/** @throws ConflictError ERR_CONTAINER_IN_USE in docker's words */
export function refuseRunning(container: Container, what: string, remedy: string): void {
  if (!container.state.running) return
  throw new ConflictError('ERR_CONTAINER_IN_USE', `${what} ${container.id}. ${remedy}`, {
    details: { container: container.id, pid: container.state.pid },
  })
}
