// What a change would do to the upper layer, said before it is done: which directories and files would be copied up,
// which whiteouts and opaque marks would stay, or with which errno it would be refused (fs/overlayfs/dir.c and
// copy_up.c, with redirect_dir=off and index=off, as docker mounts). Decides from the search alone and changes nothing;
// permissions are not looked at: it is said for root.

import { dirname, type BytePath } from '../path/byte-path.ts'
import type { NodeType } from '../union/layer-view.ts'
import type { Component, Holding, Named, NameSearch, TraceEnd } from './trace.ts'

export type ExplainOp = 'write' | 'rm' | 'mv' | 'mkdir' | 'chmod'
/** All of them, for choices. */
export const EXPLAIN_OPS: readonly ExplainOp[] = ['write', 'rm', 'mv', 'mkdir', 'chmod']

/** One thing that is different in the upper layer afterwards. In order, each on what those before it left. */
export type UpperChange =
  /** A lower layer's file whole, or its directory without content, with owner, mode, times and attributes. */
  | {
      readonly kind: 'copy-up'
      readonly path: BytePath
      readonly type: NodeType
      readonly from: number
    }
  | {
      readonly kind: 'make'
      readonly path: BytePath
      readonly type: 'file' | 'directory'
      readonly opaque: boolean
      /** A directory of that name lies below, and would be merged in. */
      readonly hides?: boolean
      readonly replaces: 'whiteout' | 'nothing'
    }
  /** What stands in the upper layer gets other bytes or another mode. */
  | { readonly kind: 'change'; readonly path: BytePath; readonly what: 'content' | 'mode' }
  /** With all below it. */
  | { readonly kind: 'remove'; readonly path: BytePath; readonly type: NodeType }
  | { readonly kind: 'whiteout'; readonly path: BytePath }
  | { readonly kind: 'opaque'; readonly path: BytePath }
  /** With all below it; what was at the new name is replaced. */
  | {
      readonly kind: 'move'
      readonly path: BytePath
      readonly to: BytePath
      readonly replaces: Holding
    }

export type RefusalReason =
  | 'no-such-name'
  | 'not-a-directory'
  | 'too-many-links'
  | 'is-a-directory'
  | 'exists'
  | 'is-root'
  | 'lower-directory'
  | 'not-empty'
  | 'into-itself'
  | 'trailing-slash'
  | 'no-entry'

export interface Refusal {
  readonly errno:
    | 'ENOENT'
    | 'ENOTDIR'
    | 'ELOOP'
    | 'EISDIR'
    | 'EEXIST'
    | 'EBUSY'
    | 'EXDEV'
    | 'ENOTEMPTY'
    | 'EINVAL'
  readonly reason: RefusalReason
  readonly path: BytePath
}

export interface Prediction {
  readonly refusal?: Refusal
  /** Empty with a refusal, and where nothing has to change. */
  readonly changes: readonly UpperChange[]
}

/**
 * @param search its first layer is the upper one
 * @param to only for `mv`: the new name itself, as rename(2) takes it
 */
export function predict(
  search: NameSearch,
  op: ExplainOp,
  path: BytePath,
  to?: BytePath,
): Prediction {
  switch (op) {
    case 'write':
      return predictWrite(search, path)
    case 'chmod':
      return predictMode(search, search.trace(path, true).end)
    case 'mkdir':
      return predictDirectory(search, search.name(path))
    case 'rm':
      return predictRemoval(search, search.name(path), search.trace(path, false).end)
    case 'mv':
      return predictMove(search, search.name(path), search.name(to ?? path))
  }
}

/** open(2) with O_WRONLY|O_CREAT, and bytes written. */
function predictWrite(search: NameSearch, place: BytePath): Prediction {
  const name = search.name(place)
  if (name.kind === 'failed') return failed(name)
  const { end } = search.trace(place, true)
  // Before anybody looks what is there (open_last_lookups of fs/namei.c).
  if (name.kind === 'entry' && name.slash && name.at.node?.type !== 'directory') {
    return refused('EISDIR', 'trailing-slash', name.at.path)
  }
  if (end.kind === 'failed') return failed(end)
  const { path, node } = end.at
  const written: UpperChange = { kind: 'change', path, what: 'content' }
  if (end.kind === 'absent') return { changes: [...made(search, end, 'file'), written] }
  if (node?.type === 'directory') return refused('EISDIR', 'is-a-directory', path)
  // What is written to a device or a FIFO goes to the driver or the reader, not into a layer.
  if (node?.type !== 'file') return { changes: [] }
  return { changes: [...copyUp(search, path), written] }
}

function predictMode(search: NameSearch, end: TraceEnd): Prediction {
  if (end.kind === 'failed') return failed(end)
  const { path } = end.at
  if (end.kind === 'absent') return refused('ENOENT', 'no-such-name', path)
  return { changes: [...copyUp(search, path), { kind: 'change', path, what: 'mode' }] }
}

function predictDirectory(search: NameSearch, name: Named): Prediction {
  if (name.kind === 'failed') return failed(name)
  if (name.kind !== 'entry' || name.at.node !== undefined) {
    return refused('EEXIST', 'exists', name.at.path)
  }
  return { changes: made(search, name, 'directory') }
}

/** As rm -r: a directory goes with all that is in it, and one whiteout is what is left. */
function predictRemoval(search: NameSearch, name: Named, end: TraceEnd): Prediction {
  if (name.kind === 'failed') return failed(name)
  const { at } = name
  if (name.kind === 'root') return refused('EBUSY', 'is-root', at.path)
  if (name.kind !== 'entry') {
    return refused(name.kind === 'dot' ? 'EINVAL' : 'ENOTEMPTY', 'no-entry', at.path)
  }
  if (at.node === undefined) return refused('ENOENT', 'no-such-name', at.path)
  if (name.slash && at.node.type !== 'directory') {
    // What the link leads to is looked at; what would be removed is the link.
    if (end.kind === 'failed') return failed(end)
    if (end.kind === 'absent') return refused('ENOENT', 'no-such-name', end.at.path)
    return refused('ENOTDIR', 'trailing-slash', at.path)
  }
  const changes: UpperChange[] = [...copyUp(search, dirname(at.path))]
  if (at.layers[0] === 0) changes.push({ kind: 'remove', path: at.path, type: at.node.type })
  if (liesBelow(search, at)) changes.push({ kind: 'whiteout', path: at.path })
  return { changes }
}

/** rename(2), whose order of refusals this keeps. */
function predictMove(search: NameSearch, from: Named, to: Named): Prediction {
  for (const name of [from, to]) if (name.kind === 'failed') return failed(name)
  for (const name of [from, to]) {
    if (name.kind === 'root') return refused('EBUSY', 'is-root', name.at.path)
    if (name.kind !== 'entry') return refused('EBUSY', 'no-entry', name.at.path)
  }
  const source = from.at
  const target = to.at
  if (source.node === undefined) return refused('ENOENT', 'no-such-name', source.path)
  for (const name of [from, to]) {
    if (source.node.type === 'directory' || name.kind !== 'entry' || !name.slash) continue
    return refused('ENOTDIR', 'trailing-slash', name.at.path)
  }
  if (target.path.startsWith(`${source.path}/`)) {
    return refused('EINVAL', 'into-itself', target.path)
  }
  if (source.path.startsWith(`${target.path}/`)) {
    return refused('ENOTEMPTY', 'not-empty', target.path)
  }
  if (source.path === target.path || isOneFile(source, target)) return { changes: [] }
  const isDirectory = source.node.type === 'directory'
  const ontoDirectory = target.node?.type === 'directory'
  if (target.node !== undefined && isDirectory && !ontoDirectory) {
    return refused('ENOTDIR', 'not-a-directory', target.path)
  }
  if (!isDirectory && ontoDirectory) return refused('EISDIR', 'is-a-directory', target.path)
  // Its content would have to be copied or redirected; mv(1) sees EXDEV and copies.
  if (isDirectory && source.layers.some((layer) => layer !== 0)) {
    return refused('EXDEV', 'lower-directory', source.path)
  }
  if (ontoDirectory && search.names(target).length > 0) {
    return refused('ENOTEMPTY', 'not-empty', target.path)
  }
  const parent = search.component(dirname(target.path))
  const parentUp = copyUp(search, parent.path)
  const changes: UpperChange[] = [...copyUp(search, source.path)]
  changes.push(...parentUp.filter((change) => !changes.some(({ path }) => path === change.path)))
  const sight = source.sights[0]!
  // What lies below the new name must not show in what moves there.
  if (isDirectory && !sight.opaque && parent.layers.some((layer) => layer !== 0)) {
    changes.push({ kind: 'opaque', path: source.path })
  }
  const replaces = target.sights[0]!
  changes.push({
    kind: 'move',
    path: source.path,
    to: target.path,
    replaces: replaces.verdict === 'not-asked' ? 'nothing' : replaces.holds,
  })
  if (liesBelow(search, source)) changes.push({ kind: 'whiteout', path: source.path })
  return { changes }
}

function made(
  search: NameSearch,
  end: { readonly at: Component; readonly directory: Component },
  type: 'file' | 'directory',
): UpperChange[] {
  const { path, sights } = end.at
  const replaces = sights[0]!.verdict === 'removes' ? 'whiteout' : 'nothing'
  // The kernel marks each one that takes a whiteout's place, whatever it was that was removed.
  const opaque = type === 'directory' && replaces === 'whiteout'
  const below = end.directory.layers.find(
    (layer) => layer > 0 && sights[layer]!.holds !== 'nothing',
  )
  const hides = opaque && below !== undefined && sights[below]!.holds === 'directory'
  const make = { kind: 'make', path, type, opaque, ...(hides ? { hides } : {}), replaces } as const
  return [...copyUp(search, end.directory.path), make]
}

/** Parents first; what the upper layer has already is not copied. */
function copyUp(search: NameSearch, path: BytePath): UpperChange[] {
  const out: UpperChange[] = []
  for (let at = search.component(path); at.layers[0] !== 0;) {
    out.push({ kind: 'copy-up', path: at.path, type: at.node!.type, from: at.layers[0]! })
    if (at.path === '') break
    at = search.component(dirname(at.path))
  }
  return out.reverse()
}

/** Would something of a lower layer show, were there nothing of that name in the upper one? */
function liesBelow(search: NameSearch, at: Component): boolean {
  const parent = search.component(dirname(at.path))
  for (const layer of parent.layers) {
    if (layer === 0) continue
    const { holds } = at.sights[layer]!
    if (holds !== 'nothing') return holds !== 'whiteout'
  }
  return false
}

/** Two names of one file of the upper layer: rename(2) does nothing then. */
function isOneFile(a: Component, b: Component): boolean {
  const key = a.node?.hardlinkKey
  return key !== undefined && a.layers[0] === 0 && b.layers[0] === 0 && b.node?.hardlinkKey === key
}

function failed(end: Extract<Named, { kind: 'failed' }>): Prediction {
  const { errno, at } = end
  const reason =
    errno === 'ENOENT' ? 'no-such-name' : errno === 'ELOOP' ? 'too-many-links' : 'not-a-directory'
  return refused(errno, reason, at.path)
}

function refused(errno: Refusal['errno'], reason: RefusalReason, path: BytePath): Prediction {
  return { refusal: { errno, reason, path }, changes: [] }
}
