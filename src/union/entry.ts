// The names and nodes of a merged tree as far as somebody has asked for them, as the kernel's dentries and inodes: a
// name belongs to a directory, a node is what it names, and hardlinks of the upper layer are names of one node. What a
// node keeps through copy-up, rename and removal is its identity.
// Knows no rule; union/tree.ts fills it.

import { joinPath, type BytePath } from '../path/byte-path.ts'
import type { LayerNode, NodeType } from './layer-view.ts'
import type { MergedNode } from './merge.ts'
import type { OpenFile } from './open-file.ts'

/** Of which the kernel asks before a first write: a file that has it loses it then. */
export const CAPABILITY = 'security.capability'

export class UnionNode {
  /** Never used again in one tree; the root's is 1. */
  readonly id: number
  readonly type: NodeType
  /** As stat(2) shows it: kept through copy-up. */
  ino: bigint
  /** The upper layer has it. */
  upper: boolean
  /** Its number there. */
  upperIno: bigint | undefined
  /** What the lower layers have of it; of a file that was copied up, where it came from. */
  readonly lower: MergedNode | undefined
  /** A directory that shows what the lower layers have in it. */
  readonly mergesLower: boolean
  /** Names that are still there: one, nearly always, for which a set would cost more than the node. */
  #name: UnionEntry | undefined
  #otherNames: Set<UnionEntry> | undefined
  /** Made here, or looked at: the kernel asks before a first write, and nobody gives one but by this tree. */
  lacksCapability = false
  /** A directory, in the same way: asked for with each name that is made in it. */
  lacksDefaultAcl = false
  /** Open: as with names, nearly always one or none. */
  #file: OpenFile | undefined
  #otherFiles: Set<OpenFile> | undefined
  /** Of the upper layer, as read last; gone with each change. */
  remembered: LayerNode | undefined
  /** Whoever holds it by its id was given its content with the first opening. */
  isTold = false
  /** How many outside of the tree hold it by its id. */
  holds = 0

  constructor(
    id: number,
    what: {
      readonly type: NodeType
      readonly ino: bigint
      readonly upper: boolean
      readonly lower: MergedNode | undefined
      readonly mergesLower: boolean
    },
  ) {
    this.id = id
    this.type = what.type
    this.ino = what.ino
    this.upper = what.upper
    this.lower = what.lower
    this.mergesLower = what.mergesLower
  }

  /** Any of its names; undefined once the last was removed. */
  get entry(): UnionEntry | undefined {
    return this.#name
  }

  get hasNames(): boolean {
    return this.#name !== undefined
  }

  names(): UnionEntry[] {
    if (this.#name === undefined) return []
    return [this.#name, ...(this.#otherNames ?? [])]
  }

  isNamed(entry: UnionEntry): boolean {
    return this.#name === entry || (this.#otherNames?.has(entry) ?? false)
  }

  addName(entry: UnionEntry): void {
    if (this.#name === undefined) this.#name = entry
    else (this.#otherNames ??= new Set()).add(entry)
  }

  removeName(entry: UnionEntry): void {
    if (this.#name !== entry) {
      this.#otherNames?.delete(entry)
      return
    }
    this.#name = undefined
    for (const other of this.#otherNames ?? []) {
      this.#otherNames!.delete(other)
      this.#name = other
      return
    }
  }

  files(): OpenFile[] {
    if (this.#file === undefined) return []
    return [this.#file, ...(this.#otherFiles ?? [])]
  }

  addFile(file: OpenFile): void {
    if (this.#file === undefined) this.#file = file
    else (this.#otherFiles ??= new Set()).add(file)
  }

  removeFile(file: OpenFile): void {
    if (this.#file !== file) {
      this.#otherFiles?.delete(file)
      return
    }
    this.#file = undefined
    for (const other of this.#otherFiles ?? []) {
      this.#otherFiles!.delete(other)
      this.#file = other
      return
    }
  }

  get isOpen(): boolean {
    return this.#file !== undefined
  }

  get isOpenOnce(): boolean {
    return this.#file !== undefined && (this.#otherFiles?.size ?? 0) === 0
  }

  /** Something but the tree's own memory refers to it. */
  get isHeld(): boolean {
    return this.holds > 0 || this.isOpen
  }
}

/** Of everything but directories. */
const NO_CHILDREN: Map<BytePath, UnionEntry> = new Map<BytePath, UnionEntry>()

export class UnionEntry {
  readonly node: UnionNode
  #parent: UnionEntry | undefined
  #name: BytePath
  #path: BytePath | undefined
  /** Of a directory: the names that were looked up. */
  readonly children: Map<BytePath, UnionEntry>
  /** Those are all that it has: it was made here, and nothing of it was forgotten since. */
  isWhole = false

  constructor(node: UnionNode, parent: UnionEntry | undefined, name: BytePath) {
    this.node = node
    this.children = node.type === 'directory' ? new Map<BytePath, UnionEntry>() : NO_CHILDREN
    this.#parent = parent
    this.#name = name
    node.addName(this)
  }

  get parent(): UnionEntry | undefined {
    return this.#parent
  }

  get name(): BytePath {
    return this.#name
  }

  /** In the upper layer and in the lower ones: one path, since no directory with a lower part moves. */
  get path(): BytePath {
    return (this.#path ??=
      this.#parent === undefined ? ('' as BytePath) : joinPath(this.#parent.path, this.#name))
  }

  get isRemoved(): boolean {
    return !this.node.isNamed(this)
  }

  move(parent: UnionEntry, name: BytePath): void {
    this.#parent = parent
    this.#name = name
    this.#forgetPath()
  }

  #forgetPath(): void {
    const open: UnionEntry[] = [this]
    for (let entry = open.pop(); entry !== undefined; entry = open.pop()) {
      entry.#path = undefined
      open.push(...entry.children.values())
    }
  }

  /** @param entry of which this one may be, or lie below */
  isWithin(entry: UnionEntry): boolean {
    if (this.node === entry.node) return true
    return this.#parent?.isWithin(entry) ?? false
  }
}
