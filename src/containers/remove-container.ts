// rm: a container, its writable layer and its init layer go; its image stays, and layers that only it still held go
// with it. By docker's rules and words for what is in use.

import path from 'node:path'
import type { ChainID } from '../digest/digest.ts'
import { ConflictError } from '../errors.ts'
import type { Container } from '../store/container-db.ts'
import { topChainID, type Store } from '../store/store.ts'
import type { Transaction } from '../store/transaction.ts'
import { LayerClaims, planLayerRemoval } from '../store/layer-claims.ts'
import { unmountTarget } from '../view/mount-list.ts'
import { dropContainerMerge } from './container-merges.ts'
import { containerOf } from './container-stack.ts'
import { mountsOf } from './mount-container.ts'

export interface RemoveContainerOptions {
  /** Also one that is mounted, which is unmounted, and one that its engine left as running. */
  readonly force?: boolean
  /** Also the volumes that nobody named, unless another container has them. */
  readonly volumes?: boolean
  /** Only say what would go, or throw what would be thrown; a mount stays. */
  readonly dryRun?: boolean
  readonly signal?: AbortSignal
}

export interface RemovedContainer {
  readonly id: string
  readonly name: string
}

/**
 * @throws NotFoundError ERR_CONTAINER_NOT_FOUND; ConflictError ERR_CONTAINER_IN_USE: running, or mounted; HostError where a
 * mount does not go away
 */
export async function removeContainer(
  store: Store,
  name: string,
  options: RemoveContainerOptions = {},
): Promise<RemovedContainer> {
  const found = containerOf(store, name)
  if (options.dryRun ?? false) {
    refuseUsed(store, found, options.force ?? false)
    return { id: found.id, name: found.name }
  }
  return store.write(
    async (transaction) => {
      const container = containerOf(store, name)
      const mounts = refuseUsed(store, container, options.force ?? false)
      // Lazily, as docker does: a shell that stands in it does not keep the name from going.
      for (const target of mounts.reverse()) {
        if (!dropContainerMerge(store, target)) unmountTarget(target, { lazy: true })
      }
      planContainerRemoval(store, transaction, [container], { volumes: options.volumes ?? false })
      return { id: container.id, name: container.name }
    },
    options.signal ? { signal: options.signal } : {},
  )
}

/**
 * @returns the mounts that must go first
 * @throws ConflictError ERR_CONTAINER_IN_USE
 */
function refuseUsed(store: Store, container: Container, force: boolean): string[] {
  const { id, state } = container
  const details = { container: id, pid: state.pid }
  if (state.running && !force) {
    throw new ConflictError(
      'ERR_CONTAINER_IN_USE',
      `You cannot remove a running container ${id}. Stop the container before attempting removal or force remove`,
      { details },
    )
  }
  const mounts = mountsOf(store, container)
  if (mounts.length === 0) return mounts
  if (state.running) {
    throw new ConflictError(
      'ERR_CONTAINER_IN_USE',
      `cannot remove container ${container.name}: it runs, with its root on ${mounts[0]!}; stop it with the engine that started it`,
      { details: { ...details, path: mounts[0] } },
    )
  }
  if (!force) {
    throw new ConflictError(
      'ERR_CONTAINER_IN_USE',
      `cannot remove container ${container.name}: its root is mounted on ${mounts[0]!}; unmount it first, or use --force`,
      { details: { ...details, path: mounts[0] } },
    )
  }
  return mounts
}

/** The steps by which containers go, and with them what only they held. */
export function planContainerRemoval(
  store: Store,
  transaction: Transaction,
  containers: readonly Container[],
  options: { readonly volumes: boolean },
): void {
  const { layout } = store
  const gone = new Set(containers.map(({ id }) => id))
  for (const { id, layer } of containers) {
    transaction.planRemoval(layout.container(id))
    transaction.planRemoval(layout.layerMount(id))
    if (!layer) continue
    for (const cacheID of [layer.mountID, layer.initID]) {
      if (cacheID) transaction.plan({ op: 'remove-driver-directory', cacheID })
    }
  }
  const tops = new Set(
    containers
      .filter((container) => !isHeldByImage(store, container))
      .flatMap(({ layer }): ChainID[] => (layer?.parent ? [layer.parent] : [])),
  )
  if (tops.size > 0) {
    const claims = new LayerClaims(store, gone)
    for (const top of tops) planLayerRemoval(transaction, claims.release(top))
  }
  if (!options.volumes) return
  const kept = new Set(
    store.containerDB
      .list()
      .filter(({ id }) => !gone.has(id))
      .flatMap(({ mountPoints }) => mountPoints.map((point) => point.name)),
  )
  for (const { mountPoints } of containers) {
    for (const { name, anonymous, driver } of mountPoints) {
      const isOurs = anonymous && driver === 'local' && /^[0-9a-f]{64}$/.test(name)
      if (isOurs && !kept.has(name)) transaction.planRemoval(path.join(layout.volumes, name))
    }
  }
}

/** As nearly always: then nothing else in the store needs to be asked. */
function isHeldByImage(store: Store, { imageID, layer }: Container): boolean {
  const image = imageID === undefined ? undefined : store.imageDB.get(imageID)
  return image !== undefined && topChainID(image) === layer?.parent
}
