// Containers whose root is written out instead of mounted: which there are, and what was changed in them brought into
// their writable layers. Knows the records of merges; how one is folded is src/view's.

import { ConflictError, LayerStoreError } from '../errors.ts'
import type { Container } from '../store/container-db.ts'
import type { Store } from '../store/store.ts'
import { closeMerge, findMerge, settleMerge } from '../view/close-merge.ts'
import { mergeForm, refuseFold } from '../view/fold-merge.ts'
import {
  readRecords,
  unmaterialise,
  type FoldPlace,
  type MergeRecord,
} from '../view/merge-records.ts'
import { showMergeOf } from '../view/show.ts'
import { LayerStack } from '../view/stack.ts'
import { layerOf } from './container-stack.ts'

export interface ContainerMerge {
  readonly target: string
  /** The writable layer's driver directory. */
  readonly mountID: string
}

export function listContainerMerges(store: Store): ContainerMerge[] {
  return recordsOf(store).map(({ target, topCacheID }) => ({ target, mountID: topCacheID }))
}

export function mergeOf(store: Store, { layer }: Container): ContainerMerge | undefined {
  return listContainerMerges(store).find(({ mountID }) => mountID === layer?.mountID)
}

/** @throws UnsupportedError, ConflictError ERR_DESTINATION_EXISTS, HostError; signal.reason */
export async function showContainerMerge(
  store: Store,
  container: Container,
  spec: Pick<FoldPlace, 'lowers' | 'upper' | 'work'>,
  target: string,
  signal?: AbortSignal,
): Promise<void> {
  const { form } = store
  const { upper, work, lowers } = spec
  refuseFold(target, form)
  await showMergeOf({
    merges: store.layout.merges,
    record: {
      target,
      topCacheID: layerOf(container).mountID,
      image: container.name,
      of: 'container',
      fold: { form, lowers, upper, work },
    },
    openStack: () => new LayerStack([upper, ...lowers], { form }),
    form: mergeForm(form),
    onWarning: store.onWarning,
    ...(signal === undefined ? {} : { signal }),
  })
}

/** What was changed in the container's merges is in its writable layer afterwards. Under the write lock. */
export async function settleContainer(
  store: Store,
  container: Container,
  signal?: AbortSignal,
): Promise<void> {
  const mountID = container.layer?.mountID
  for (const record of recordsOf(store)) {
    if (record.topCacheID === mountID) await settleMerge(store.layout.merges, record, signal)
  }
}

/**
 * Before a container is read by its layers: what was changed in a merge of it would not be seen. Locks nothing where
 * it has none.
 * @throws ConflictError ERR_CONTAINER_IN_USE where that cannot be done now; signal.reason
 */
export async function settleForReading(
  store: Store,
  container: Container,
  signal?: AbortSignal,
): Promise<void> {
  const merge = mergeOf(store, container)
  if (merge === undefined) return
  try {
    await store.write(
      () => settleContainer(store, container, signal),
      signal === undefined ? {} : { signal },
    )
  } catch (cause) {
    if (!(cause instanceof LayerStoreError)) throw cause
    throw new ConflictError(
      'ERR_CONTAINER_IN_USE',
      `cannot read container ${container.name}: its root is written out in ${merge.target}, and what was changed there cannot be brought into its layer: ${cause.message}`,
      { cause, details: { container: container.id, path: merge.target } },
    )
  }
}

/** Folds and empties it. @returns false where there is no such merge; @throws ConflictError, HostError */
export async function closeContainerMerge(store: Store, target: string): Promise<boolean> {
  const record = findMerge(store.layout.merges, target, 'container')
  if (record === undefined) return false
  await closeMerge(store.layout.merges, record)
  return true
}

/** Empties it, whatever was changed in it. @returns false where there is no such merge */
export function dropContainerMerge(store: Store, target: string): boolean {
  const record = findMerge(store.layout.merges, target, 'container')
  if (record === undefined) return false
  unmaterialise(store.layout.merges, record)
  return true
}

function recordsOf(store: Store): MergeRecord[] {
  return readRecords(store.layout.merges).filter((record) => record.of === 'container')
}
