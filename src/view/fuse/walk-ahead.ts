// Reading ahead of a walk: whoever has looked through one directory, and then through the first one in it, goes on with
// the next (find, du, ls -R, tar, a copy). While he looks at the names that he was told, the next directory's are read:
// the two then work beside each other and not in turns.
// Knows the order of a walk, a directory before what is in it and siblings as they are listed. What it reads is what a
// request would read, and is asked for as a request asks. What was read ahead is good until something is changed.

import type { UnionEntry } from '../../union/entry.ts'
import type { UnionName, UnionTree } from '../../union/tree.ts'

/** So many directories in the order of a walk make one; who opens a directory and the first in it may be looking around. */
const HITS_MIN = 2
/** Of those that come next, so many are looked at: one that was passed over (find -prune) does not end it. */
const NEAR = 8
/** Names that are read and not asked for yet: some milliseconds of a walk, and 400 KiB. */
const AHEAD_MAX = 1_000
/** Directories that lie ahead; where there are more, what is known of the walk is let go. */
const NEXT_MAX = 10_000
/** To list a large directory takes long, and whoever asks meanwhile waits. */
const DIRECTORY_BYTES_MAX = 256 << 10
/** In one step, of some 5 µs each. */
const STEP = 4

interface Prepared {
  /** undefined: whoever asks for them is told why there are none. */
  readonly names: readonly UnionName[] | undefined
  /** So many are looked up. */
  at: number
}

const NOT_READ: Prepared = { names: undefined, at: 0 }

export class WalkAhead {
  readonly #tree: UnionTree
  /** The last one comes next. */
  #next: UnionEntry[] = []
  #hits = 0
  readonly #prepared = new Map<UnionEntry, Prepared>()
  /** The directory that was opened last, if it was read ahead. */
  #opened: { readonly entry: UnionEntry; readonly prepared: Prepared } | undefined
  /** Nothing is left to do until somebody opens or has seen a directory. */
  #isDone = true

  constructor(tree: UnionTree) {
    this.#tree = tree
  }

  get hasWork(): boolean {
    return !this.#isDone
  }

  /** A directory is opened. */
  opened(entry: UnionEntry): void {
    const { length } = this.#next
    for (let back = 1; back <= NEAR && back <= length; back++) {
      if (this.#next[length - back] !== entry) continue
      if (back === 1) this.#hits++
      const prepared = this.#prepared.get(entry)
      this.#opened = prepared && { entry, prepared }
      for (const passed of this.#next.splice(length - back)) this.#prepared.delete(passed)
      this.#isDone = this.#hits < HITS_MIN
      return
    }
    this.forget()
  }

  /** @returns the names of a directory that was opened, where they were read ahead */
  take(entry: UnionEntry): readonly UnionName[] | undefined {
    const opened = this.#opened
    this.#opened = undefined
    return opened?.entry === entry ? opened.prepared.names : undefined
  }

  /** All names of a directory were told. */
  told(entry: UnionEntry, names: readonly UnionName[]): void {
    if (this.#next.length > NEXT_MAX) this.forget()
    for (let index = names.length - 1; index >= 0; index--) {
      const { name, isDirectory } = names[index]!
      const child = isDirectory ? entry.children.get(name) : undefined
      if (child !== undefined) this.#next.push(child)
    }
    this.#isDone = this.#hits < HITS_MIN
  }

  /** Something is changed, or somebody goes another way. */
  forget(): void {
    this.#hits = 0
    this.#isDone = true
    if (this.#next.length > 0) this.#next = []
    if (this.#prepared.size > 0) this.#prepared.clear()
    this.#opened = undefined
  }

  /** A little of what comes next, in some 20 µs, or one directory's names. @returns whether more is left */
  step(): boolean {
    const { length } = this.#next
    // Nearest first, and no further than what is near has names enough.
    for (let back = 1, ahead = 0; back <= NEAR && back <= length && ahead < AHEAD_MAX; back++) {
      const entry = this.#next[length - back]!
      const prepared = this.#prepared.get(entry)
      if (prepared === undefined) {
        this.#prepare(entry)
        return true
      }
      if (this.#lookUp(entry, prepared)) return true
      ahead += (prepared.names?.length ?? 0) + 1
    }
    this.#isDone = true
    return false
  }

  #prepare(entry: UnionEntry): void {
    // In the order of time: those that lie far behind by now.
    for (const oldest of this.#prepared.keys()) {
      if (this.#prepared.size < 2 * NEAR) break
      this.#prepared.delete(oldest)
    }
    this.#prepared.set(entry, this.#read(entry) ?? NOT_READ)
  }

  #read(entry: UnionEntry): Prepared | undefined {
    // One that the kernel has forgotten meanwhile is another one when it asks again.
    if (entry.isRemoved) return undefined
    try {
      if (this.#isLarge(entry)) return undefined
      const names = this.#tree.list(entry)
      return typeof names === 'number' ? undefined : { names, at: 0 }
    } catch {
      // Of a layer that cannot be read: whoever asks is told.
      return undefined
    }
  }

  #isLarge({ node }: UnionEntry): boolean {
    const own = this.#tree.layerStatus(node)
    const ownBytes = typeof own === 'number' ? 0 : (own.directoryBytes ?? 0)
    const lowerBytes = node.mergesLower ? (node.lower?.directoryBytes ?? 0) : 0
    return Math.max(ownBytes, lowerBytes) > DIRECTORY_BYTES_MAX
  }

  /** @returns whether there was something to look up */
  #lookUp(entry: UnionEntry, prepared: Prepared): boolean {
    const { names, at } = prepared
    const end = Math.min(names?.length ?? 0, at + STEP, AHEAD_MAX)
    if (names === undefined || at >= end) return false
    prepared.at = end
    try {
      for (let index = at; index < end; index++) this.#tree.lookup(entry, names[index]!.name)
    } catch {
      // As above, and the others of this directory may be as bad.
      prepared.at = AHEAD_MAX
    }
    return true
  }
}
