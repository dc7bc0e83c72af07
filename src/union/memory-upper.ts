// An upper layer that lives in memory: for a union whose changes nobody keeps, and for tests of the rules without a
// disk. It has no marks with reserved names and no limits of a host; owners, devices and attributes are what they are
// said to be.

import { basename, dirname, type BytePath } from '../path/byte-path.ts'
import { E } from './errno.ts'
import type { LayerEntry, LayerNode } from './layer-view.ts'
import { MemoryNode, MemoryBody } from './memory-node.ts'
import type {
  Attributes,
  FileBody,
  NewNode,
  RenameOptions,
  UpperLayer,
  WritableBody,
  XattrFlags,
} from './upper-layer.ts'

const EMPTY: ReadonlyMap<string, Uint8Array> = new Map()

/** Takes a union's changes, and is gone with it. */
export class MemoryUpper implements UpperLayer {
  readonly fileSystem = 'memory'
  readonly keepsAcls = true
  readonly #now: () => bigint
  readonly #root: MemoryNode
  #lastIno = 0n

  /**
   * @param now nanoseconds
   * @param root whose owner, mode and times the merged root shows; as the kernel, it is the upper one's
   */
  constructor(now: () => bigint, root: Partial<NewNode> = {}) {
    this.#now = now
    this.#root = this.#node({ type: 'directory', mode: 0o755, uid: 0, gid: 0, ...root })
  }

  lookup(path: BytePath): LayerNode | 'whiteout' | undefined {
    const node = this.#find(path)
    return node === 'whiteout' ? node : node?.status()
  }

  list(path: BytePath): LayerEntry[] {
    const node = this.#find(path)
    if (node === undefined || node === 'whiteout') return []
    return [...node.children].map(([name, child]) => ({
      name,
      kind: child === 'whiteout' ? child : child.type === 'directory' ? 'directory' : 'leaf',
    }))
  }

  opaque(path: BytePath): boolean {
    const node = this.#find(path)
    return node instanceof MemoryNode && node.opaque
  }

  xattrs(path: BytePath): ReadonlyMap<string, Uint8Array> {
    const node = this.#find(path)
    return node instanceof MemoryNode ? new Map(node.xattrs) : EMPTY
  }

  openBody(path: BytePath, write?: false): FileBody | number
  openBody(path: BytePath, write: true): WritableBody | number
  openBody(path: BytePath): WritableBody | number {
    const node = this.#find(path)
    if (!(node instanceof MemoryNode)) return -E.NOENT
    return node.type === 'file' ? new MemoryBody(node, this.#now) : -E.INVAL
  }

  make(path: BytePath, what: NewNode): number {
    const dir = this.#parent(path)
    if (dir === undefined) return -E.NOENT
    const name = basename(path)
    if (dir.children.get(name) instanceof MemoryNode) return -E.EXIST
    const node = this.#node(what)
    if (what.content) {
      const filled = node.fill(what.content.body, what.content.sizeBytes)
      if (filled < 0) return filled
    }
    if (what.type === 'directory') dir.nlink++
    dir.children.set(name, node)
    this.#changed(dir)
    return 0
  }

  link(from: BytePath, to: BytePath): number {
    const node = this.#find(from)
    const dir = this.#parent(to)
    if (!(node instanceof MemoryNode) || dir === undefined) return -E.NOENT
    if (node.type === 'directory') return -E.PERM
    if (dir.children.get(basename(to)) instanceof MemoryNode) return -E.EXIST
    dir.children.set(basename(to), node)
    node.nlink++
    node.ctimeNs = this.#now()
    this.#changed(dir)
    return 0
  }

  rename(from: BytePath, to: BytePath, options: RenameOptions = {}): number {
    const fromDir = this.#parent(from)
    const dir = this.#parent(to)
    const node = fromDir?.children.get(basename(from))
    if (!(node instanceof MemoryNode) || fromDir === undefined || dir === undefined) return -E.NOENT
    const target = dir.children.get(basename(to))
    const replaced = target instanceof MemoryNode ? target : undefined
    if (options.exchange) {
      if (replaced === undefined) return -E.NOENT
      fromDir.children.set(basename(from), replaced)
    } else if (options.whiteout) {
      fromDir.children.set(basename(from), 'whiteout')
    } else {
      fromDir.children.delete(basename(from))
    }
    dir.children.set(basename(to), node)
    if (node.type === 'directory') {
      fromDir.nlink--
      dir.nlink++
    }
    if (replaced?.type === 'directory') {
      dir.nlink--
      if (options.exchange) fromDir.nlink++
    }
    if (replaced !== undefined && !options.exchange) this.#unlinked(replaced)
    node.ctimeNs = this.#now()
    this.#changed(fromDir)
    this.#changed(dir)
    return 0
  }

  remove(path: BytePath, options: { readonly whiteout: boolean }): number {
    const dir = this.#parent(path)
    if (dir === undefined) return -E.NOENT
    const name = basename(path)
    const node = dir.children.get(name)
    if (node instanceof MemoryNode) {
      if (node.type === 'directory') {
        if ([...node.children.values()].some((child) => child !== 'whiteout')) return -E.NOTEMPTY
        dir.nlink--
      }
      this.#unlinked(node)
    }
    if (options.whiteout) dir.children.set(name, 'whiteout')
    else dir.children.delete(name)
    this.#changed(dir)
    return 0
  }

  setOpaque(path: BytePath): number {
    return this.#change(path, (node) => {
      node.opaque = true
      return 0
    })
  }

  setAttributes(path: BytePath, attributes: Attributes): number {
    return this.#change(path, (node) => node.setAttributes(attributes, this.#now()))
  }

  setXattr(path: BytePath, name: string, value: Uint8Array, flags: XattrFlags = {}): number {
    return this.#change(path, (node) => node.setXattr(name, value, flags, this.#now()))
  }

  removeXattr(path: BytePath, name: string): number {
    return this.#change(path, (node) => node.removeXattr(name))
  }

  reservesName(): boolean {
    return false
  }

  sync(): number {
    return 0
  }

  close(): void {
    // Nothing is held but memory.
  }

  #node(what: NewNode): MemoryNode {
    return new MemoryNode(++this.#lastIno, what, this.#now())
  }

  #find(path: BytePath): MemoryNode | 'whiteout' | undefined {
    let node: MemoryNode | 'whiteout' | undefined = this.#root
    if (path === '') return node
    for (const name of path.split('/')) {
      if (!(node instanceof MemoryNode)) return undefined
      node = node.children.get(name as BytePath)
    }
    return node
  }

  #parent(path: BytePath): MemoryNode | undefined {
    const node = this.#find(dirname(path))
    return node instanceof MemoryNode && node.type === 'directory' ? node : undefined
  }

  #change(path: BytePath, change: (node: MemoryNode) => number): number {
    const node = this.#find(path)
    return node instanceof MemoryNode ? change(node) : -E.NOENT
  }

  #changed(dir: MemoryNode): void {
    dir.mtimeNs = dir.ctimeNs = this.#now()
  }

  #unlinked(node: MemoryNode): void {
    node.nlink--
    node.ctimeNs = this.#now()
  }
}
