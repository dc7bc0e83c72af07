// export: the merged root of a container or an image as one flat tar, without whiteouts or metadata, as `docker export`
// writes it. Read from the layers: no mount, no privilege.

import { mergedTar, type DiffOptions } from '../archive/diff.ts'
import { NotFoundError, type OnWarning } from '../errors.ts'
import { openImageStack } from '../inspect/image-stack.ts'
import type { Container } from '../store/container-db.ts'
import type { Image, Store } from '../store/store.ts'
import { sourceDateEpoch } from '../store/timestamp.ts'
import { settleForReading } from './container-merges.ts'
import { openContainerStack } from './container-stack.ts'

export interface ExportOptions {
  readonly signal?: AbortSignal
  /** Default: as the store was opened. */
  readonly onWarning?: OnWarning
}

/**
 * @param name of a container, or else of an image
 * @returns once it is known that there is such a thing; SOURCE_DATE_EPOCH bounds the times in it
 * @throws NotFoundError ERR_CONTAINER_NOT_FOUND; HostError and signal.reason while it is read
 */
export function exportTree(
  store: Store,
  name: string,
  options: ExportOptions = {},
): AsyncGenerator<Uint8Array> {
  const source = containerOrImage(store, name)
  const epoch = sourceDateEpoch()
  return tarOf(store, source, {
    onWarning: options.onWarning ?? store.onWarning,
    ...(options.signal ? { signal: options.signal } : {}),
    ...(epoch === undefined ? {} : { sourceDateEpoch: epoch }),
  })
}

export type TreeSource = { readonly container: Container } | { readonly image: Image }

/** @throws NotFoundError ERR_CONTAINER_NOT_FOUND where neither has that name; InvalidArgumentError ERR_AMBIGUOUS_ID */
export function containerOrImage(store: Store, name: string): TreeSource {
  try {
    return { container: store.containerDB.resolve(name) }
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error
  }
  try {
    return { image: store.image(name) }
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error
    // Who meant an image is not to look for a container.
    throw new NotFoundError('ERR_CONTAINER_NOT_FOUND', `No such container or image: ${name}`, {
      details: { name },
    })
  }
}

async function* tarOf(
  store: Store,
  source: TreeSource,
  options: DiffOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  if ('container' in source) await settleForReading(store, source.container, options.signal)
  using stack =
    'container' in source
      ? await openContainerStack(store, source.container)
      : await openImageStack(store, source.image)
  yield* mergedTar(stack, options)
}
