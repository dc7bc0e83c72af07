// What one layer says, as a layer tar: docker's native diff of an overlay2 directory (whiteouts and opaque marks back
// into `.wh.` names), and the tar of a merged tree (export). Depth first, names in byte order.
// Nothing in such a tar can be read in two ways: a directory's removals stand before all that it holds, none stands beside
// what it would remove or below an opaque mark, and one mark stands for removals that leave nothing.
// Knows layers and merges by the union's interfaces; opens no directory.

import type { Warning } from '../errors.ts'
import { basename, comparePaths, dirname, joinPath, type BytePath } from '../path/byte-path.ts'
import type { LayerEntry, LayerView } from '../union/layer-view.ts'
import type { Change } from '../union/changes.ts'
import type { MergedNode, MergedView } from '../union/merge.ts'
import { ChangeMarks, LayerMarks } from './removal-marks.ts'
import { TreeTar, type TreeTarOptions } from './tree-tar.ts'

/** A layer whose files can be read. */
export interface ReadableLayer extends LayerView {
  /** An fd, or -errno. */
  openFile(path: BytePath): number
  /** The marker's own owner and time, where a whiteout is a file of some kind. */
  whiteoutStatus?(path: BytePath): { uid: number; gid: number; mtimeNs: bigint } | undefined
}

export interface DiffOptions extends TreeTarOptions {
  readonly signal?: AbortSignal
  readonly onWarning?: (warning: Warning) => void
  /** What the tar is laid on: without it, no mark stands for many removals. */
  readonly below?: MergedView
}

/** @throws HostError; IntegrityError ERR_SIZE_MISMATCH; signal.reason */
export function layerTar(
  layer: ReadableLayer,
  options: DiffOptions = {},
): AsyncGenerator<Uint8Array> {
  return streamed(options, (tar) => layerMembers(layer, tar, options.below))
}

interface Entry {
  readonly path: BytePath
  readonly kind: LayerEntry['kind']
}

function* layerMembers(
  layer: ReadableLayer,
  tar: TreeTar,
  below: MergedView | undefined,
): Generator<Uint8Array | undefined, void, undefined> {
  const list = (path: BytePath): Entry[] =>
    [...layer.list(path)]
      .map(({ name, kind }) => ({ path: joinPath(path, name), kind }))
      .sort((a, b) => rank(a) - rank(b) || comparePaths(a.path, b.path))
  const marks = new LayerMarks(layer, below)
  // A stack of our own: paths can be thousands of levels deep.
  const open = [{ entries: list('' as BytePath), next: 0, closed: false }]
  for (let level = open.at(-1); level !== undefined; level = open.at(-1)) {
    const entry = level.entries[level.next++]
    if (entry === undefined) {
      open.pop()
      continue
    }
    const { path } = entry
    yield
    if (entry.kind === 'whiteout') {
      if (!level.closed) tar.whiteout(path, layer.whiteoutStatus?.(path))
      continue
    }
    const node = layer.lookup(path)
    if (node === undefined || node === 'whiteout' || tar.isReserved(path)) continue
    yield* tar.member({
      path,
      node,
      layer: 0,
      xattrs: layer.xattrs(path),
      open: () => layer.openFile(path),
    })
    if (node.type !== 'directory') continue
    const entries = list(path)
    const removals = entries.findIndex(({ kind }) => kind !== 'whiteout')
    const marked = !level.closed && marks.isMarked(path, removals < 0 ? entries.length : removals)
    if (marked) tar.opaque(path, node)
    open.push({ entries, next: 0, closed: level.closed || marked })
  }
}

/** Removals come first. */
function rank({ kind }: Entry): number {
  return kind === 'whiteout' ? 0 : 1
}

/** A merge of layers whose files can be read. */
export interface ReadableMerge {
  readonly view: MergedView
  readonly layers: readonly ReadableLayer[]
}

/** The whole merged tree, without any marker; its top directory is not a member. */
export function mergedTar(
  merge: ReadableMerge,
  options: DiffOptions = {},
): AsyncGenerator<Uint8Array> {
  return streamed(options, function* (tar) {
    for (const entry of merge.view.walk()) {
      yield
      const node = merge.view.node(entry)
      if (node !== undefined) yield* mergedMember(merge, node, tar)
    }
  })
}

/**
 * Changes between two trees, for drivers that keep whole trees: sorted by path, deletions as whiteouts without a time.
 * @param merge the new tree; the old one is `options.below`
 */
export function changesTar(
  changes: readonly Change[],
  merge: ReadableMerge,
  options: DiffOptions = {},
): AsyncGenerator<Uint8Array> {
  const marks = new ChangeMarks(changes, options.below)
  // A NUL, which no name holds, puts removals first in their directory.
  const key = ({ kind, path }: Change): string =>
    kind === 'delete' ? joinPath(dirname(path), `\0${basename(path)}` as BytePath) : path
  const sorted = changes
    .filter(({ kind, path }) => kind !== 'delete' || !marks.isHidden(dirname(path)))
    .sort((a, b) => comparePaths(key(a), key(b)))
  return streamed(options, function* (tar) {
    for (const { kind, path, node } of sorted) {
      yield
      if (kind === 'delete') tar.whiteout(path)
      else if (!tar.isReserved(path)) yield* mergedMember(merge, node, tar)
      if (marks.isMarked(path)) tar.opaque(path, node)
    }
  })
}

function mergedMember(
  { layers }: ReadableMerge,
  node: MergedNode,
  tar: TreeTar,
): Generator<Uint8Array, void, undefined> {
  const { path, layer } = node
  const own = layers[layer]!
  return tar.member({
    path,
    node,
    layer,
    xattrs: own.xattrs(path),
    open: () => own.openFile(path),
  })
}

/** Members between two turns of the event loop, in which a signal can be heard. */
const MEMBERS_PER_TURN = 256

async function* streamed(
  options: DiffOptions,
  members: (tar: TreeTar) => Iterable<Uint8Array | undefined>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const tar = new TreeTar(options)
  let count = 0
  for (const bytes of members(tar)) {
    if (bytes !== undefined) yield bytes
    else if (++count % MEMBERS_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve))
    options.signal?.throwIfAborted()
  }
  yield* tar.end()
  for (const warning of tar.warnings()) options.onWarning?.(warning)
}
