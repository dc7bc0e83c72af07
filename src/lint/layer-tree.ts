// One layer as the union rules see it, from its headers alone: what `ls` reads from a disk, lint reads from a tar that
// was never unpacked. Takes what an unpacker would refuse as well, and says so to whoever asked, since lint must go on.
//
// Follows symlinks of its own layer on the way to an entry, with the layer as the root, as the unpacker does.

import { LimitError } from '../errors.ts'
import {
  basename,
  cleanPath,
  comparePaths,
  dirname,
  joinPath,
  type BytePath,
} from '../path/byte-path.ts'
import type { LayerEntry, LayerNode, LayerView, NodeType } from '../union/layer-view.ts'
import { WHITEOUT_PREFIX } from '../union/whiteout.ts'

/** The bytes of one file in a layer, under all of its names. */
export interface FileBody {
  readonly sizeBytes: number
  /** Base is 0. */
  readonly layer: number
  readonly names: BytePath[]
}

export interface TreeNode {
  readonly type: NodeType
  readonly body?: FileBody
  readonly target?: BytePath
  readonly children?: Map<BytePath, TreeNode>
  /** Of directories: made because something lies below; an entry of its own may follow. */
  implicit: boolean
  opaque: boolean
}

export type Placed =
  /** @param replaced an earlier entry of this layer had that path */
  { readonly kind: 'placed'; readonly path: BytePath; readonly replaced: boolean } | NotPlaced

interface NotPlaced {
  /** `reserved`: symlinks lead to a directory that is not there, and has the name of a whiteout. */
  readonly kind: 'file' | 'missing' | 'circle' | 'reserved'
  readonly at: BytePath
}

const SYMLINKS_MAX = 40

/** Of V8's, measured: a node without its name, and what one with a Map of its own takes more. */
export const NODE_BYTES: number = 200
const DIRECTORY_BYTES = 500
/** What is kept of an image's layers together: 700,000 files, or fewer with long names. Real images have a tenth of it. */
const KEPT_BYTES_MAX = 160 << 20

/** Of a path that is kept: while it is read, a long one is in memory twice. Measured. */
export function pathCost(path: BytePath): number {
  return path.length + Math.max(0, path.length - LONG_PATH_BYTES)
}

const LONG_PATH_BYTES = 256

/** What the trees of an image take of memory, all together. */
export class NodeBudget {
  #used = 0

  /** @throws LimitError ERR_ENTRIES_MAX */
  spend(bytes: number): void {
    this.#used += bytes
    if (this.#used <= KEPT_BYTES_MAX) return
    throw new LimitError(
      'ERR_ENTRIES_MAX',
      `cannot lint the image: the names of all files and directories in its layers take more than ${KEPT_BYTES_MAX} bytes of memory`,
      { details: { limit: KEPT_BYTES_MAX } },
    )
  }
}

export class LayerTree implements LayerView {
  readonly root: TreeNode = directory(false)
  /** Everything with bytes that an entry brought, also what a later entry of the layer replaced. */
  readonly bodies: FileBody[] = []
  readonly #budget: NodeBudget
  readonly #removed = new Set<BytePath>()
  readonly #opaque = new Set<BytePath>()

  constructor(budget: NodeBudget) {
    this.#budget = budget
  }

  /** Settled. Does it hide everything below? The union does not ask: overlay's root always merges. */
  get rootOpaque(): boolean {
    return this.root.opaque
  }

  get(path: BytePath): TreeNode | undefined {
    let node: TreeNode | undefined = this.root
    if (path === '') return node
    for (const part of path.split('/')) {
      node = node.children?.get(part as BytePath)
      if (node === undefined) return undefined
    }
    return node
  }

  /** The node at the end of a path whose parents may be symlinks of this layer; the last component is not followed. */
  find(path: BytePath): TreeNode | undefined {
    const parent = this.#directory(dirname(path), false)
    return parent.kind === 'found' ? parent.node.children?.get(basename(path)) : undefined
  }

  /**
   * Takes away what stands where something else is to be put: as an unpacker does, before a hardlink looks for its
   * target. @returns whether there was anything
   */
  makeRoom(path: BytePath): boolean {
    const parent = this.#directory(dirname(path), true)
    return parent.kind === 'found' && parent.node.children!.delete(basename(path))
  }

  place(path: BytePath, node: Omit<TreeNode, 'implicit' | 'opaque' | 'children'>): Placed {
    const name = basename(path)
    const parent = this.#directory(dirname(path), true)
    if (parent.kind !== 'found') return parent
    const before = parent.node.children!.get(name)
    if (before === undefined) {
      this.#spend(name, node.type === 'directory')
      const made =
        node.type === 'directory' ? directory(false) : { ...node, implicit: false, opaque: false }
      parent.node.children!.set(detached(name, path), made)
      return { kind: 'placed', path: joinPath(parent.at, name), replaced: false }
    }
    if (node.type === 'directory' && before.type === 'directory') {
      const replaced = !before.implicit
      before.implicit = false
      return { kind: 'placed', path: joinPath(parent.at, name), replaced }
    }
    // What goes may have been a link on the way to it: `a -> .`, then `a/a`.
    this.makeRoom(path)
    const placed = this.place(path, node)
    return placed.kind === 'placed' ? { ...placed, replaced: true } : placed
  }

  remove(path: BytePath): void {
    this.#remember(this.#removed, path)
  }

  makeOpaque(path: BytePath): void {
    this.#remember(this.#opaque, path)
  }

  /** The whiteouts and opaque markers, once all entries are known: they act on lower layers only, in whatever order. */
  settle(on: {
    /** A path that is removed and made in this layer. */
    recreated(path: BytePath): void
    /** A whiteout below a directory that is opaque in this layer. */
    inOpaque(path: BytePath): void
    /** A marker whose directory is behind symbolic links in a circle. */
    inCircle(path: BytePath): void
    /** A marker whose directory would have the name of a whiteout, by symbolic links. */
    inReserved(path: BytePath): void
  }): void {
    for (const path of [...this.#opaque].sort(comparePaths)) {
      const found = this.#directory(path, true)
      if (found.kind === 'circle') on.inCircle(path)
      if (found.kind === 'reserved') on.inReserved(path)
      if (found.kind === 'found') found.node.opaque = true
    }
    const open: BytePath[] = []
    for (const path of this.#removed) {
      const node = this.find(path)
      if (node === undefined) {
        open.push(path)
        continue
      }
      on.recreated(path)
      if (node.type === 'directory') node.opaque = true
    }
    for (const path of open.sort(comparePaths)) this.#whiteOut(path, on)
  }

  #whiteOut(
    path: BytePath,
    on: Record<'inOpaque' | 'inCircle' | 'inReserved', (path: BytePath) => void>,
  ): void {
    const parent = this.#directory(dirname(path), false)
    if (parent.kind === 'circle') return on.inCircle(path)
    if (parent.kind === 'file') return
    for (let above = parent.at; above !== ''; above = dirname(above)) {
      const node = this.get(above)
      if (node === WHITEOUT) return
      if (node?.opaque) return on.inOpaque(path)
    }
    if (this.rootOpaque) return
    const made = this.#directory(parent.at, true)
    if (made.kind === 'reserved') return on.inReserved(path)
    if (made.kind !== 'found') return
    this.#spend(basename(path), false)
    made.node.children!.set(detached(basename(path), path), WHITEOUT)
  }

  /** Directories that no entry names, with the first name below each. */
  *implicitDirectories(): Generator<{ path: BytePath; below: BytePath }> {
    const pending: [BytePath, TreeNode][] = [['' as BytePath, this.root]]
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const [path, node] = next
      for (const [name, child] of node.children ?? []) {
        if (child.type !== 'directory' || child === WHITEOUT) continue
        const at = joinPath(path, name)
        if (child.implicit) {
          const [first = '' as BytePath] = child.children?.keys() ?? []
          yield { path: at, below: joinPath(at, first) }
        }
        pending.push([at, child])
      }
    }
  }

  lookup(path: BytePath): LayerNode | 'whiteout' | undefined {
    const node = this.get(path)
    if (node === undefined) return undefined
    return node === WHITEOUT ? 'whiteout' : layerNode(node)
  }

  list(path: BytePath): LayerEntry[] {
    const children = this.get(path)?.children
    if (children === undefined) return []
    return [...children].map(([name, child]) => ({
      name,
      kind: child === WHITEOUT ? 'whiteout' : child.type === 'directory' ? 'directory' : 'leaf',
    }))
  }

  opaque(path: BytePath): boolean {
    return this.get(path)?.opaque ?? false
  }

  xattrs(): ReadonlyMap<string, Uint8Array> {
    return new Map()
  }

  /**
   * A directory by a path through symlinks of this layer; made where it is missing, if asked.
   * @returns `at`: the path without symlinks, as far as it exists
   */
  #directory(
    path: BytePath,
    make: boolean,
  ): { readonly kind: 'found'; readonly node: TreeNode; readonly at: BytePath } | NotPlaced {
    const pending = path === '' ? [] : path.split('/').reverse()
    const way: { node: TreeNode; at: BytePath }[] = [{ node: this.root, at: '' as BytePath }]
    let hops = 0
    while (pending.length > 0) {
      const part = pending.pop() as BytePath
      if (part === '' || part === '.') continue
      if (part === '..') {
        if (way.length > 1) way.pop()
        continue
      }
      const here = way.at(-1)!
      const at = joinPath(here.at, part)
      let child = here.node.children!.get(part)
      if (child === undefined || child === WHITEOUT) {
        if (!make) {
          const rest = cleanPath([at, ...pending.reverse()].join('/') as BytePath)
          return { kind: 'missing', at: rest.path }
        }
        if (part.startsWith(WHITEOUT_PREFIX)) return { kind: 'reserved', at }
        child = directory(true)
        this.#spend(part, true)
        here.node.children!.set(detached(part, path), child)
      }
      if (child.type === 'symlink') {
        if (++hops > SYMLINKS_MAX) return { kind: 'circle', at }
        const target = child.target ?? ''
        if (target.startsWith('/')) way.length = 1
        pending.push(...target.split('/').reverse())
        continue
      }
      if (child.children === undefined) return { kind: 'file', at }
      way.push({ node: child, at })
    }
    return { kind: 'found', ...way.at(-1)! }
  }

  #remember(names: Set<BytePath>, path: BytePath): void {
    if (names.has(path)) return
    this.#budget.spend(NODE_BYTES + path.length)
    names.add(path)
  }

  #spend(name: string, isDirectory: boolean): void {
    this.#budget.spend(NODE_BYTES + name.length + (isDirectory ? DIRECTORY_BYTES : 0))
  }
}

/** V8 keeps a whole string for a piece that was cut out of it: of a long path that is not to be kept, a copy is. */
function detached(name: BytePath, path: BytePath): BytePath {
  if (path.length <= LONG_PATH_BYTES) return name
  return Buffer.from(name, 'latin1').toString('latin1') as BytePath
}

const WHITEOUT: TreeNode = { type: 'char', implicit: false, opaque: false }

function directory(implicit: boolean): TreeNode {
  return { type: 'directory', children: new Map(), implicit, opaque: false }
}

function layerNode({ type, body, target }: TreeNode): LayerNode {
  return {
    type,
    mode: 0,
    uid: 0,
    gid: 0,
    sizeBytes: body?.sizeBytes ?? 0,
    mtimeNs: 0n,
    linkTarget: target ?? ('' as BytePath),
    devMajor: 0,
    devMinor: 0,
  }
}
