// diff: what a container, an image or a layer changes, and why it counts as changed. Read from the layers' directories
// by the union's rules, so it needs neither a mount nor a privilege. Paths come out as text, with their bytes where
// text would lose them.

import { hexOf, type ChainID } from '../digest/digest.ts'
import { InvalidArgumentError, NotFoundError } from '../errors.ts'
import { pathBytes, pathFromText, pathText, type BytePath } from '../path/byte-path.ts'
import type { Layer } from '../store/layer-db.ts'
import type { Store } from '../store/store.ts'
import {
  compareViews,
  type Change,
  type ChangeKind,
  type ChangeReason,
  type CompareOptions,
} from '../union/changes.ts'
import type { NodeType } from '../union/layer-view.ts'
import { sameContent } from '../view/same-content.ts'
import { settleForReading } from './container-merges.ts'
import { containerOf } from './container-stack.ts'
import { openContainerPair, openImagePair, openLayerPair, type TreePair } from './tree-pair.ts'

export interface TreeChange {
  readonly kind: ChangeKind
  /** Absolute; U+FFFD where the name is no UTF-8. */
  readonly path: string
  /** The exact bytes, only where `path` cannot tell them. */
  readonly pathBase64?: string
  /** Of what is there now; of what was there, for a deletion. */
  readonly type: NodeType
  /** With `exact` alone, and of modifications alone; none where only something inside the directory changed. */
  readonly reasons?: readonly ChangeReason[]
}

export interface ChangesOptions {
  /** All that differs, with reasons: also what docker's rule passes over (links, attributes, directories' times). */
  readonly exact?: boolean
  readonly signal?: AbortSignal
}

/**
 * What a container changed since it was made, as `docker diff` lists it: siblings in byte order, a directory before
 * its content.
 * @throws NotFoundError ERR_CONTAINER_NOT_FOUND; ConflictError ERR_CONTAINER_IN_USE where it is written out as a merge
 *   that cannot be folded now; HostError; signal.reason
 */
export async function changesOf(
  store: Store,
  name: string,
  options: ChangesOptions = {},
): Promise<TreeChange[]> {
  const container = containerOf(store, name)
  await settleForReading(store, container, options.signal)
  using pair = await openContainerPair(store, container)
  return await changesOfPair(pair, options)
}

/** What must be done to the first image to get the second. @throws NotFoundError ERR_IMAGE_NOT_FOUND */
export async function changesBetween(
  store: Store,
  images: { readonly before: string; readonly after: string },
  options: ChangesOptions = {},
): Promise<TreeChange[]> {
  const before = store.image(images.before)
  using pair = await openImagePair(store, before, store.image(images.after))
  return await changesOfPair(pair, options)
}

/**
 * What one layer changes of those below it.
 * @param id a chainID, diffID or cache-id, whole or its start
 * @throws NotFoundError ERR_LAYER_NOT_FOUND; InvalidArgumentError ERR_AMBIGUOUS_ID
 */
export async function changesOfLayer(
  store: Store,
  id: string,
  options: ChangesOptions = {},
): Promise<TreeChange[]> {
  const layer = layerByAnyID(store, id)
  using pair = await openLayerPair(store, store.layers.chain(layer.chainID))
  return await changesOfPair(pair, options)
}

async function changesOfPair(pair: TreePair, options: ChangesOptions): Promise<TreeChange[]> {
  const exact = options.exact ?? false
  const changes = await comparePair(pair, {
    rule: exact ? 'exact' : 'docker',
    ...(options.signal ? { signal: options.signal } : {}),
  })
  return changes.map((change) => publicChange(change, exact))
}

/** Directories between two turns of the event loop. */
const STEPS_PER_TURN = 64

/** @throws signal.reason */
export async function comparePair(
  { before, after }: TreePair,
  options: Pick<CompareOptions, 'rule'> & { readonly signal?: AbortSignal },
): Promise<Change[]> {
  const { rule, signal } = options
  const comparison = compareViews(before.view, after.view, {
    ...(rule === undefined ? {} : { rule }),
    ...(rule === 'exact'
      ? {
          sameContent: (a, b) =>
            sameContent(before.layers[a.layer]!, after.layers[b.layer]!, b.path),
        }
      : {}),
  })
  for (let count = 1; ; count++) {
    const step = comparison.next()
    if (step.done === true) return step.value
    if (count % STEPS_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve))
    signal?.throwIfAborted()
  }
}

function publicChange(change: Change, exact: boolean): TreeChange {
  const path = `/${change.path}` as BytePath
  const text = pathText(path)
  const isExact = pathFromText(text) === path
  return {
    kind: change.kind,
    path: text,
    ...(isExact ? {} : { pathBase64: pathBytes(path).toString('base64') }),
    type: change.node.type,
    ...(exact && change.kind === 'modify' ? { reasons: change.reasons } : {}),
  }
}

/** @throws NotFoundError ERR_LAYER_NOT_FOUND; InvalidArgumentError ERR_AMBIGUOUS_ID */
export function layerByAnyID(store: Store, text: string): Layer {
  const prefix = text.replace(/^sha256:/, '')
  const layers = /^[0-9a-zA-Z_.-]+$/.test(prefix) ? store.layers.list() : []
  const idsOf = (layer: Layer): string[] => [
    hexOf(layer.chainID),
    hexOf(layer.diffID),
    layer.cacheID,
  ]
  const whole = layers.filter((layer) => idsOf(layer).includes(prefix))
  const found =
    whole.length > 0
      ? whole
      : layers.filter((layer) => idsOf(layer).some((id) => id.startsWith(prefix)))
  if (found.length === 1) return found[0]!
  if (found.length === 0) {
    throw new NotFoundError(
      'ERR_LAYER_NOT_FOUND',
      `cannot find layer ${text}: no layer of the store has such a chainID, diffID or cache-id`,
      { details: { layer: text } },
    )
  }
  const chainIDs: ChainID[] = found.map(({ chainID }) => chainID)
  throw new InvalidArgumentError(
    'ERR_AMBIGUOUS_ID',
    `cannot tell which layer ${text} means: give more of a chainID of ${chainIDs.join(', ')}`,
    { details: { layer: text, matches: chainIDs } },
  )
}
