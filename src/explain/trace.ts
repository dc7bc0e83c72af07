// How a name is found in a stack of layers, told step by step: for each component of a path, what each layer holds and
// why the search goes on or ends there. Says it by the rules of overlayfs (Documentation/filesystems/overlayfs.rst), in
// words of its own and not by src/union/merge.ts, so that a test can hold one telling against the other.
// Pure: asks LayerViews, remembers answers for as long as the layers do not change.

import { dirname, joinPath, type BytePath } from '../path/byte-path.ts'
import type { LayerNode, LayerView, NodeType } from '../union/layer-view.ts'
import { SYMLINKS_MAX } from '../union/resolve.ts'

export type Holding = NodeType | 'whiteout' | 'nothing'

export type Verdict =
  /** It says nothing of the name: the next layer is asked. */
  | 'goes-on'
  /** The topmost that has the name: what the name means. */
  | 'decides'
  /** A directory below one that decides: its names are merged in. */
  | 'joins'
  /** A whiteout with nothing of that name above: there is no such name. */
  | 'removes'
  /** A whiteout or a file below a directory that decides: the directory's merge ends above it. */
  | 'ends'
  /** Something above ended the search, or its directory takes no part. */
  | 'not-asked'

/** Why a layer is not asked. */
export interface Hidden {
  readonly by: 'opaque' | 'whiteout' | 'file' | 'found' | 'no-directory'
  /** Index of the layer that hides; for `no-directory` the layer itself. */
  readonly layer: number
  /** Where: the name itself, or a directory above it. */
  readonly path: BytePath
}

export interface Sight {
  /** Index into the stack, 0 the topmost. */
  readonly layer: number
  readonly holds: Holding
  /** A directory that hides what lies below. */
  readonly opaque: boolean
  readonly verdict: Verdict
  /** With `not-asked`. */
  readonly hidden?: Hidden
}

export interface Component {
  readonly path: BytePath
  /** One for each layer, topmost first. */
  readonly sights: readonly Sight[]
  /** As the deciding layer has it; undefined: there is no such name. */
  readonly node: LayerNode | undefined
  /** The layers that take part, topmost first: one for a file, all that are merged for a directory, none for no name. */
  readonly layers: readonly number[]
}

export type TraceEnd =
  | { readonly kind: 'found'; readonly at: Component }
  /** Nothing of that name in a directory that is there: it could be made. */
  | { readonly kind: 'absent'; readonly at: Component; readonly directory: Component }
  | {
      readonly kind: 'failed'
      readonly errno: 'ENOENT' | 'ENOTDIR' | 'ELOOP'
      readonly at: Component
    }

/** What a call that makes, moves or removes a name is given: the entry itself, no link in its place followed. */
export type Named =
  | {
      readonly kind: 'entry'
      readonly at: Component
      readonly directory: Component
      /** The path ends in a slash. */
      readonly slash: boolean
    }
  /** `/`, or a path that ends in `.` or `..`: there is no entry of that name. */
  | { readonly kind: 'root' | 'dot' | 'dot-dot'; readonly at: Component }
  | Extract<TraceEnd, { kind: 'failed' }>

export interface Trace {
  /** In the order in which they were looked up; a symlink is followed by the components of its target. */
  readonly steps: readonly Component[]
  readonly end: TraceEnd
}

export class NameSearch {
  readonly layers: readonly LayerView[]
  readonly #known = new Map<BytePath, Component>()

  /** @param layers topmost first, at least one */
  constructor(layers: readonly LayerView[]) {
    this.layers = layers
  }

  /** Without following symlinks, in any component. */
  component(path: BytePath): Component {
    const known = this.#known.get(path)
    if (known !== undefined) return known
    const made = path === '' ? this.#root() : this.#below(this.component(dirname(path)), path)
    this.#known.set(path, made)
    return made
  }

  /**
   * @param path need not be clean; `..` and absolute targets stay within the tree
   * @param followLast a symlink in the last component, as open(2) does; false as lstat(2)
   */
  trace(path: BytePath, followLast: boolean): Trace {
    const steps: Component[] = []
    const pending = path.split('/').reverse()
    let directory = this.component('' as BytePath)
    let links = 0
    while (pending.length > 0) {
      const part = pending.pop()!
      if (part === '' || part === '.') continue
      if (part === '..') {
        directory = this.component(dirname(directory.path))
        continue
      }
      const at = this.component(joinPath(directory.path, part as BytePath))
      steps.push(at)
      // A slash at the end asks for a directory: a link there is followed, a file is none.
      const isLast = pending.length === 0
      if (at.node === undefined) {
        if (pending.every((rest) => rest === ''))
          return { steps, end: { kind: 'absent', at, directory } }
        return { steps, end: { kind: 'failed', errno: 'ENOENT', at } }
      }
      if (at.node.type === 'symlink' && (!isLast || followLast)) {
        if (links++ >= SYMLINKS_MAX) return { steps, end: { kind: 'failed', errno: 'ELOOP', at } }
        const { linkTarget } = at.node
        if (linkTarget === '') return { steps, end: { kind: 'failed', errno: 'ENOENT', at } }
        if (linkTarget.startsWith('/')) directory = this.component('' as BytePath)
        pending.push(...linkTarget.split('/').reverse())
      } else if (at.node.type === 'directory') {
        directory = at
      } else if (!isLast) {
        return { steps, end: { kind: 'failed', errno: 'ENOTDIR', at } }
      } else {
        return { steps, end: { kind: 'found', at } }
      }
    }
    return { steps, end: { kind: 'found', at: directory } }
  }

  /** As filename_parentat of fs/namei.c: the last part is looked at, and taken as it is. */
  name(path: BytePath): Named {
    const trimmed = path.replace(/\/+$/, '')
    const cut = trimmed.lastIndexOf('/') + 1
    const last = trimmed.slice(cut) as BytePath
    const root = this.component('' as BytePath)
    if (last === '') return { kind: 'root', at: root }
    const { end } = this.trace(trimmed.slice(0, cut) as BytePath, true)
    if (end.kind === 'failed') return end
    const at = end.at
    if (end.kind === 'absent') return { kind: 'failed', errno: 'ENOENT', at }
    if (last === '.') return { kind: 'dot', at }
    if (last === '..') return { kind: 'dot-dot', at: this.component(dirname(at.path)) }
    const slash = trimmed.length < path.length
    return { kind: 'entry', at: this.component(joinPath(at.path, last)), directory: at, slash }
  }

  /** Names of a merged directory, in no order; without those that are removed. */
  names(directory: Component): BytePath[] {
    const out = new Set<BytePath>()
    for (const layer of directory.layers) {
      for (const { name } of this.layers[layer]!.list(directory.path)) {
        if (this.component(joinPath(directory.path, name)).node !== undefined) out.add(name)
      }
    }
    return [...out]
  }

  /** Roots always merge: an opaque mark there does nothing. */
  #root(): Component {
    const path = '' as BytePath
    const layers: number[] = []
    let node: LayerNode | undefined
    const sights = this.layers.map((view, layer): Sight => {
      const found = view.lookup(path)
      const own = found === 'whiteout' ? undefined : found
      if (own === undefined) return { layer, holds: 'nothing', opaque: false, verdict: 'goes-on' }
      layers.push(layer)
      const verdict = node === undefined ? 'decides' : 'joins'
      node ??= own
      return { layer, holds: own.type, opaque: false, verdict }
    })
    return { path, sights, node, layers }
  }

  #below(parent: Component, path: BytePath): Component {
    const layers: number[] = []
    let node: LayerNode | undefined
    let ended: Hidden | undefined
    const sights = this.layers.map((view, layer): Sight => {
      const found = view.lookup(path)
      const own = found === 'whiteout' ? undefined : found
      const holds: Holding = found === 'whiteout' ? found : (found?.type ?? 'nothing')
      const opaque = holds === 'directory' && view.opaque(path)
      const said = { layer, holds, opaque }
      if (!parent.layers.includes(layer)) {
        return { ...said, verdict: 'not-asked', hidden: hiddenWith(parent, layer) }
      }
      if (ended !== undefined) return { ...said, verdict: 'not-asked', hidden: ended }
      if (holds === 'nothing') return { ...said, verdict: 'goes-on' }
      if (own?.type === 'directory') {
        const verdict = layers.length === 0 ? 'decides' : 'joins'
        layers.push(layer)
        node ??= own
        if (opaque) ended = { by: 'opaque', layer, path }
        return { ...said, verdict }
      }
      const by = own === undefined ? 'whiteout' : layers.length === 0 ? 'found' : 'file'
      ended = { by, layer, path }
      if (layers.length > 0) return { ...said, verdict: 'ends' }
      if (own === undefined) return { ...said, verdict: 'removes' }
      layers.push(layer)
      node = own
      return { ...said, verdict: 'decides' }
    })
    return { path, sights, node, layers }
  }
}

/** A layer that has no part in a directory is asked of no name in it. */
function hiddenWith(parent: Component, layer: number): Hidden {
  const sight = parent.sights[layer]!
  if (sight.hidden !== undefined) return sight.hidden
  const by =
    sight.holds === 'whiteout' ? 'whiteout' : sight.holds === 'nothing' ? 'no-directory' : 'file'
  return { by, layer, path: parent.path }
}
