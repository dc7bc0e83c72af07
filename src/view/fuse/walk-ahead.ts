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
/** Names that are read and not asked for yet: 1 ms of a walk, and some 400 KiB. */
const AHEAD_MAX = 1_000
/** Directories that lie ahead; where there are more, what is known of the walk is let go. */
const NEXT_MAX = 10_000
/** To list a large directory takes long, and whoever asks meanwhile waits. */
const DIRECTORY_BYTES_MAX = 256 << 10
/** In one step, of some 5 µs each. */
const STEP = 4

interface Prepared {
  readonly entry: UnionEntry
  readonly names: readonly UnionName[]
  /** So many are looked up. */
  at: number
}

export class WalkAhead {
  readonly #tree: UnionTree
  /** The last one comes next. */
  #next: UnionEntry[] = []
  #hits = 0
  #prepared: Prepared[] = []
  /** Of the directory that was opened last. */
  #taken: Prepared | undefined
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
      const passed = this.#next.splice(length - back)
      this.#taken = this.#prepared.find((prepared) => prepared.entry === entry)
      this.#prepared = this.#prepared.filter((prepared) => !passed.includes(prepared.entry))
      this.#isDone = this.#hits < HITS_MIN
      return
    }
    this.forget()
  }

  /** @returns the names of a directory that was opened, where they were read ahead */
  take(entry: UnionEntry): readonly UnionName[] | undefined {
    const taken = this.#taken
    this.#taken = undefined
    return taken?.entry === entry ? taken.names : undefined
  }

  /** All names of a directory were told. */
  told(entry: UnionEntry, names: readonly UnionName[]): void {
    if (this.#next.length > NEXT_MAX) this.#next = []
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
    if (this.#prepared.length > 0) this.#prepared = []
    this.#taken = undefined
  }

  /** A little of what comes next, in some 20 µs, or one directory's names. @returns whether more is left */
  step(): boolean {
    try {
      this.#isDone = !this.#advance()
    } catch {
      // Of a layer that cannot be read: whoever asks is told.
      this.forget()
    }
    return !this.#isDone
  }

  #advance(): boolean {
    let ahead = 0
    for (const prepared of this.#prepared) {
      const { names, entry } = prepared
      ahead += names.length
      if (prepared.at >= names.length) continue
      const end = Math.min(names.length, prepared.at + STEP)
      for (; prepared.at < end; prepared.at++) this.#tree.lookup(entry, names[prepared.at]!.name)
      return true
    }
    const entry = ahead < AHEAD_MAX ? this.#candidate() : undefined
    const names = entry && this.#tree.list(entry)
    if (entry === undefined || names === undefined || typeof names === 'number') return false
    this.#prepared.push({ entry, names, at: 0 })
    return true
  }

  #candidate(): UnionEntry | undefined {
    const { length } = this.#next
    for (let back = 1; back <= NEAR && back <= length; back++) {
      const entry = this.#next[length - back]!
      // One that the kernel has forgotten meanwhile is another one when it asks again.
      if (entry.isRemoved || isLarge(entry)) continue
      if (!this.#prepared.some((prepared) => prepared.entry === entry)) return entry
    }
    return undefined
  }
}

function isLarge({ node }: UnionEntry): boolean {
  const own = node.remembered ?? node.lower
  return (own?.directoryBytes ?? 0) > DIRECTORY_BYTES_MAX
}
