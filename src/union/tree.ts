// The state that the rules of this folder work on: the layers, and what is remembered of their merge. Holds the two
// reading rules of overlayfs (Documentation/filesystems/overlayfs.rst, "Merging of directories"): lookup and readdir.
//
// A layer is asked about a name once; the answer stays until this tree changes it. So the layers must not change by any
// other hand meanwhile, as the kernel has it ("changes to the underlying filesystems").

import { comparePaths, joinPath, type BytePath } from '../path/byte-path.ts'
import { UnionEntry, UnionNode } from './entry.ts'
import { E } from './errno.ts'
import type { LayerNode } from './layer-view.ts'
import { askLayer, mergeLayers, type MergedNode, type MergedView } from './merge.ts'
import type { ReadableLayer, UpperLayer } from './upper-layer.ts'

/** Names that are remembered, at some 400 bytes each; twice as many as somebody holds, where those are more. */
const ENTRIES_MAX = 200_000
/** Names that are known to be absent. */
const ABSENT_MAX = 64
const NAME_BYTES_MAX = 255
/** Above what file systems use, and within what a number of JavaScript holds (fs.Stats.ino). */
const FILE_SYSTEM_SHIFT = 48n

export interface UnionLayers {
  /** Nearest first. */
  readonly lowers: readonly ReadableLayer[]
  /** Without one, nothing can be changed. */
  readonly upper?: UpperLayer | undefined
}

/** A name in a merged directory, before anybody asked what it is. */
export interface UnionName {
  readonly name: BytePath
  readonly isDirectory: boolean
}

export class UnionTree {
  readonly upper: UpperLayer | undefined
  readonly lowers: readonly ReadableLayer[]
  /** Of the lower layers alone: they never change. */
  readonly lower: MergedView
  readonly root: UnionEntry
  /** Nanoseconds. */
  readonly now: () => bigint
  /** Told of what comes into the upper layer where its links, or a directory's size, are others from now on. */
  onCopiedUp: ((node: UnionNode) => void) | undefined
  readonly #fileSystems: readonly string[]
  readonly #entriesMax: number
  /** When to look next for what nobody holds. */
  #trimAbove: number
  readonly #byUpperIno = new Map<bigint, UnionNode>()
  /** inode of the upper layer -> of the lower layer that it was copied from */
  readonly #origins = new Map<bigint, bigint>()
  /** Looked for in vain lately: whoever makes a name asks for it first, and so may several at a time. */
  readonly #absent = new Set<BytePath>()
  #lastID = 0
  #entries = 0

  constructor(layers: UnionLayers, now: () => bigint, entriesMax: number = ENTRIES_MAX) {
    this.#entriesMax = entriesMax
    this.#trimAbove = entriesMax
    this.upper = layers.upper
    this.lowers = layers.lowers
    this.lower = mergeLayers(layers.lowers)
    this.now = now
    const all = [...(layers.upper ? [layers.upper] : []), ...layers.lowers]
    this.#fileSystems = [...new Set(all.map((layer) => layer.fileSystem))]
    const root = '' as BytePath
    const upper = this.upper?.lookup(root)
    const lower = this.lower.lookup(root)
    const own = upper === 'whiteout' ? undefined : upper
    this.root = new UnionEntry(
      new UnionNode(this.#nextID(), {
        type: 'directory',
        ino: lower ? this.#lowerIno(lower) : this.#ino(own?.ino, this.upper?.fileSystem),
        upper: own !== undefined,
        lower,
        mergesLower: lower !== undefined,
      }),
      undefined,
      root,
    )
  }

  /**
   * The topmost layer that has the name decides; a whiteout or a non-directory ends the search, an opaque directory the
   * merge.
   * @returns -ENOENT, -ENOTDIR; what the layers fail with
   */
  lookup(dir: UnionEntry, name: BytePath): UnionEntry | number {
    const known = dir.children.get(name)
    if (known !== undefined) return known
    if (dir.node.type !== 'directory') return -E.NOTDIR
    if (name.length > NAME_BYTES_MAX) return -E.NAMETOOLONG
    if (dir.isWhole || dir.isRemoved) return -E.NOENT
    const isKnown = this.#absent.size > 0 && this.#absent.has(joinPath(dir.path, name))
    return isKnown ? -E.NOENT : this.#find(dir, name)
  }

  #find(dir: UnionEntry, name: BytePath): UnionEntry | number {
    const { path, node } = dir
    const own = node.upper ? askLayer(this.upper!, path, name) : undefined
    if (own !== undefined && own !== 'whiteout')
      return this.#remember(this.#upperNode(dir, name, own), dir, name)
    const lower = own === undefined && node.mergesLower ? this.lower.child(path, name) : undefined
    if (lower !== undefined) return this.#remember(this.#lowerNode(lower), dir, name)
    if (this.#absent.size >= ABSENT_MAX) this.#absent.clear()
    this.#absent.add(joinPath(path, name))
    return -E.NOENT
  }

  /** Names once each, without whiteouts, in byte order. */
  list(dir: UnionEntry): UnionName[] | number {
    if (dir.node.type !== 'directory') return -E.NOTDIR
    if (dir.isRemoved) return []
    const { path } = dir
    const out: UnionName[] = []
    const seen = new Set<BytePath>()
    const merges = dir.node.mergesLower
    if (dir.node.upper) {
      for (const { name, kind } of this.upper!.list(path)) {
        if (merges) seen.add(name)
        if (kind !== 'whiteout') out.push({ name, isDirectory: kind === 'directory' })
      }
      if (!merges) return out.sort((a, b) => comparePaths(a.name, b.name))
    }
    for (const { name, directory } of this.lower.list(path) ?? []) {
      if (!seen.has(name)) out.push({ name, isDirectory: directory })
    }
    return dir.node.upper ? out.sort((a, b) => comparePaths(a.name, b.name)) : out
  }

  /** rmdir(2) and rename(2) ask for the merged directory, whiteouts not counted. */
  isEmpty(dir: UnionEntry): boolean {
    const names = this.list(dir)
    return typeof names !== 'number' && names.length === 0
  }

  /** Whether removing that name from the upper layer would let something below come back. */
  hasBelow(dir: UnionEntry, name: BytePath): boolean {
    return this.#below(dir, name) !== undefined
  }

  /** Of a directory: whether it shows what several layers have in it. */
  isMerged({ upper, mergesLower, lower }: UnionNode): boolean {
    return upper ? mergesLower : lower !== undefined && this.lower.isMerged(lower.path)
  }

  #below(dir: UnionEntry, name: BytePath): MergedNode | undefined {
    return dir.node.mergesLower ? this.lower.child(dir.path, name) : undefined
  }

  /** As its deciding layer has it; `ino` and `nlink` are for attributes.ts to say. */
  layerStatus(node: UnionNode): LayerNode | number {
    if (!node.upper) return node.lower!
    if (node.remembered !== undefined) return node.remembered
    const { entry } = node
    if (entry === undefined) {
      for (const file of node.files()) return file.status()
      return -E.STALE
    }
    const upper = this.upper!
    const found =
      node.type === 'directory' && upper.directoryStatus
        ? upper.directoryStatus(entry.path)
        : upper.lookup(entry.path)
    if (found === undefined || found === 'whiteout') return -E.NOENT
    // Whoever has it open for writing may change it by the file's own descriptor.
    if (!node.isOpen) node.remembered = found
    return found
  }

  /**
   * Before a name is made there: should that fail or throw half-way, what the directory has is to be asked again.
   * @returns whether it is known as a whole, for whoever made the name to give back
   */
  unsettle(dir: UnionEntry, name: BytePath): boolean {
    const { isWhole } = dir
    // Of one that is known as a whole nothing was looked for in vain: see `removed`.
    if (!isWhole) this.#absent.delete(joinPath(dir.path, name))
    dir.isWhole = false
    return isWhole
  }

  /** A name that the rules just made. @param node what is there, where it is known */
  adopt(dir: UnionEntry, name: BytePath, wasWhole: boolean, node?: UnionNode): UnionEntry | number {
    const entry = node ? this.#remember(node, dir, name) : this.#find(dir, name)
    if (typeof entry !== 'number') dir.isWhole = wasWhole
    return entry
  }

  /** A new file of the upper layer, of which this is known already. */
  adoptNew(dir: UnionEntry, name: BytePath, wasWhole: boolean, own: LayerNode): UnionEntry {
    const entry = this.#remember(this.#upperNode(dir, name, own), dir, name)
    dir.isWhole = wasWhole
    return entry
  }

  /** A new file of the upper layer, without a name so far. */
  nameless(own: LayerNode): UnionNode {
    const ino = this.#ino(own.ino, this.upper!.fileSystem)
    const what = { type: own.type, ino, upper: true, lower: undefined, mergesLower: false }
    const node = new UnionNode(this.#nextID(), what)
    node.upperIno = own.ino
    return node
  }

  /** The name is gone, whatever became of its node. */
  drop(entry: UnionEntry): void {
    const siblings = entry.parent?.children
    if (siblings?.get(entry.name) === entry) siblings.delete(entry.name)
    entry.node.removeName(entry)
    entry.node.remembered = undefined
    this.#entries--
  }

  /**
   * Before a name is taken away: whoever has the file open from below, though it was copied up since, must have the
   * upper one in hand, since no name will lead there any more.
   * @returns its status, for `removed`; of an open one a negative errno says that its name must stay
   */
  parting(node: UnionNode): LayerNode | number {
    for (const file of node.files()) {
      const settled = file.settle()
      if (settled < 0) return settled
    }
    return this.layerStatus(node)
  }

  /** @param last what `parting` said: of what is held and no open file, nobody else can tell it */
  removed(entry: UnionEntry, last: LayerNode | number): void {
    const { node } = entry
    this.drop(entry)
    // What was looked for in a directory may be in the next one of its path.
    if (node.type === 'directory') this.#absent.clear()
    if (node.hasNames) return
    const left = node.upper && typeof last !== 'number' ? (last.nlink ?? 1) - 1 : 0
    if (left === 0) this.#freed(node)
    // Under another name that nobody asked for yet it is the same file, for whoever has it.
    else if (node.isHeld && node.upperIno !== undefined) this.#byUpperIno.set(node.upperIno, node)
    if (!node.isOpen && node.isHeld && typeof last !== 'number') {
      node.remembered = { ...last, nlink: node.upper ? left : (last.nlink ?? 1) }
    }
  }

  move(entry: UnionEntry, dir: UnionEntry, name: BytePath): void {
    // Also of what lies below a directory.
    this.#absent.clear()
    const siblings = entry.parent?.children
    if (siblings?.get(entry.name) === entry) siblings.delete(entry.name)
    entry.move(dir, name)
    dir.children.set(name, entry)
    entry.node.remembered = undefined
  }

  /** What was read of that directory's or file's own attributes is out of date. */
  touch(node: UnionNode): void {
    node.remembered = undefined
  }

  /** After copy-up: the upper layer's file goes on as the lower one's. @param status of the copy, where it is known */
  copiedUp(entry: UnionEntry, status?: LayerNode): number {
    const { node } = entry
    // First of all: who cannot be asked now has it nevertheless, and must not be given it again.
    node.upper = true
    node.remembered = undefined
    // Not of every file: whoever writes to one is asked for its status anyway, and an answer too many costs a third.
    if (node.type === 'directory' || isLinked(node.lower)) this.onCopiedUp?.(node)
    if (node.type === 'directory') {
      // It has a name more up there.
      if (entry.parent !== undefined) this.onCopiedUp?.(entry.parent.node)
      return 0
    }
    const own = status ?? this.upper!.lookup(entry.path)
    if (own === undefined || own === 'whiteout') return -E.IO
    if (own.ino !== undefined) {
      const ino = this.#ino(own.ino, this.upper!.fileSystem)
      // Names of one lower file become files of their own, so the lower number would be shared by several
      // (fs/overlayfs/inode.c, ovl_getattr).
      if (isLinked(node.lower)) node.ino = ino
      else this.#origins.set(own.ino, node.ino)
      node.upperIno = own.ino
    }
    return 0
  }

  /** Two names from now on: the next lookup must find this very node. */
  linked(entry: UnionEntry): void {
    const { upperIno } = entry.node
    if (upperIno !== undefined) this.#byUpperIno.set(upperIno, entry.node)
    entry.node.remembered = undefined
  }

  /** Nobody will ask for that node by its id again. */
  forget(node: UnionNode): void {
    if (node.isHeld || node === this.root.node) return
    if (!node.hasNames) this.#forgetLinks(node)
    for (const entry of node.names()) {
      if (entry.children.size > 0) return
      this.#forgetName(entry)
    }
  }

  #remember(node: UnionNode, dir: UnionEntry, name: BytePath): UnionEntry {
    this.#entries++
    const entry = new UnionEntry(node, dir, name)
    dir.children.set(name, entry)
    return entry
  }

  /**
   * Between two operations, when entries found for one are in nobody's hands. Half-way measures cost more than a fresh
   * start: all that nobody holds goes.
   */
  trim(): void {
    if (this.#entries <= this.#trimAbove) return
    const open: { entry: UnionEntry; seen: boolean }[] = [{ entry: this.root, seen: false }]
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      const { entry, seen } = at
      if (!seen) {
        open.push({ entry, seen: true })
        for (const child of entry.children.values()) open.push({ entry: child, seen: false })
      } else if (entry.children.size === 0 && entry.parent !== undefined && !entry.node.isHeld) {
        this.#forgetName(entry)
      }
    }
    // What is held stays, and is not to be walked for each request.
    this.#trimAbove = Math.max(this.#entriesMax, 2 * this.#entries)
  }

  /** It is there as before, and to be looked for again. */
  #forgetName(entry: UnionEntry): void {
    if (entry.parent !== undefined) entry.parent.isWhole = false
    this.drop(entry)
    if (!entry.node.hasNames) this.#forgetLinks(entry.node)
  }

  /** Its other names will be found as those of a file that nobody has asked for. */
  #forgetLinks(node: UnionNode): void {
    const { upperIno } = node
    if (upperIno !== undefined && this.#byUpperIno.get(upperIno) === node)
      this.#byUpperIno.delete(upperIno)
  }

  #lowerNode(lower: MergedNode): UnionNode {
    return new UnionNode(this.#nextID(), {
      type: lower.type,
      ino: this.#lowerIno(lower),
      upper: false,
      lower,
      mergesLower: lower.type === 'directory',
    })
  }

  #upperNode(dir: UnionEntry, name: BytePath, own: LayerNode): UnionNode {
    const isDirectory = own.type === 'directory'
    if (!isDirectory && own.ino !== undefined && this.#byUpperIno.size > 0) {
      const known = this.#byUpperIno.get(own.ino)
      if (known !== undefined && known.type === own.type) {
        known.remembered = known.isOpen ? undefined : own
        return known
      }
    }
    const below = isDirectory ? this.#below(dir, name) : undefined
    const merges = below?.type === 'directory' && !this.upper!.opaque(joinPath(dir.path, name))
    const origin =
      own.ino === undefined || this.#origins.size === 0 ? undefined : this.#origins.get(own.ino)
    const ino =
      merges && below
        ? this.#lowerIno(below)
        : (origin ?? this.#ino(own.ino, this.upper!.fileSystem))
    const node = new UnionNode(this.#nextID(), {
      type: own.type,
      ino,
      upper: true,
      lower: merges ? below : undefined,
      mergesLower: merges,
    })
    node.upperIno = own.ino
    if (!isDirectory && own.ino !== undefined && own.nlink !== 1) {
      this.#byUpperIno.set(own.ino, node)
    }
    node.remembered = own
    return node
  }

  /** The last name of that file is gone, and its number free for another. */
  #freed(node: UnionNode): void {
    this.#forgetLinks(node)
    if (node.upperIno !== undefined) this.#origins.delete(node.upperIno)
  }

  #lowerIno(lower: MergedNode): bigint {
    return this.#ino(lower.ino, this.lowers[lower.layer]?.fileSystem)
  }

  /** Layers on several file systems: which one stands in bits that no inode number uses ("xino" of overlayfs). */
  #ino(ino: bigint | undefined, fileSystem: string | undefined): bigint {
    if (ino === undefined) return BigInt(this.#lastID + 1)
    if (this.#fileSystems.length === 1) return ino
    const index = Math.max(0, this.#fileSystems.indexOf(fileSystem ?? ''))
    return index === 0 ? ino : ino ^ (BigInt(index) << FILE_SYSTEM_SHIFT)
  }

  #nextID(): number {
    return ++this.#lastID
  }
}

/** More than one name in its layer. */
export function isLinked(node: LayerNode | undefined): boolean {
  return node !== undefined && node.type !== 'directory' && (node.nlink ?? 1) > 1
}
