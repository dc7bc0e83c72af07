// The directories of one layer that were asked about last, kept open: what is asked about a name then costs one call
// relative to its directory, also where directories take turns (the two of a rename; a compiler that writes with as many
// threads as there are cores).
// Knows that a path below the top is opened without following a symlink; what is in a directory is not known here.

import type { BytePath } from '../path/byte-path.ts'
import { ERRNO } from '../sys/errno.ts'
import { O, close } from '../sys/file-calls.ts'
import { openInRoot } from '../sys/open-in-root.ts'

/** Of one layer. Of many, each gets its part: they must not take all that a process may have (1024 by tradition). */
const OPEN_MAX = 32
const ALL_OPEN_MAX = 512
/** A file and its parent, the two directories of a rename. */
const OPEN_MIN = 4
/** Of one call's path. */
const CALL_BYTES_MAX = 4095
/**
 * Of a directory below the top: four times what a path of one call may have. The kernel has no bound, since it knows a
 * directory by its parent; here each is known by its path, and paths of paths would fill the memory.
 */
const DEEP_BYTES_MAX = 4 * CALL_BYTES_MAX

/** @returns how many directories each of so many layers may keep open */
export function openShare(layers: number): number {
  return Math.min(OPEN_MAX, Math.max(OPEN_MIN, Math.trunc(ALL_OPEN_MAX / Math.max(1, layers))))
}

export interface OpenDirectory<Fact> {
  readonly path: BytePath
  readonly fd: number
  /** What was found out about it; `undefined` where nobody looked yet. */
  fact: Fact | undefined
  /** When it was asked for last: the count of openings then. */
  used: number
}

export class OpenDirectories<Fact> {
  readonly #root: OpenDirectory<Fact>
  readonly #max: number
  readonly #open = new Map<BytePath, OpenDirectory<Fact>>()
  #last: OpenDirectory<Fact>
  #opened = 0

  /**
   * @param root an open directory, the caller's
   * @param max how many to keep open, at least 2
   */
  constructor(root: number, max: number = OPEN_MAX) {
    this.#root = { path: '' as BytePath, fd: root, fact: undefined, used: 0 }
    this.#last = this.#root
    this.#max = max
  }

  /**
   * Its descriptor is good for calls relative to it (O_PATH), and stays ours: until `max - 1` other ones were opened.
   * @returns -errno: ENOENT, ENOTDIR or ELOOP where this layer has no such directory; ENAMETOOLONG
   */
  open(path: BytePath): OpenDirectory<Fact> | number {
    if (this.#last.path === path) return this.#last
    if (path === '') return this.#root
    let directory = this.#open.get(path)
    if (directory === undefined) {
      const fd = openBelow(this.#root.fd, path)
      if (fd < 0) return fd
      if (this.#open.size >= this.#max) this.#closeOldest()
      directory = { path, fd, fact: undefined, used: 0 }
      this.#open.set(path, directory)
    }
    directory.used = ++this.#opened
    this.#last = directory
    return directory
  }

  /** Looked for among all: to keep them in order would cost each that is open already. */
  #closeOldest(): void {
    let oldest: OpenDirectory<Fact> | undefined
    for (const directory of this.#open.values()) {
      if (oldest === undefined || directory.used < oldest.used) oldest = directory
    }
    if (oldest === undefined) return
    this.#open.delete(oldest.path)
    close(oldest.fd)
  }

  /** All that was found out is out of date. */
  forgetFacts(): void {
    this.#root.fact = undefined
    for (const directory of this.#open.values()) directory.fact = undefined
  }

  /** Another directory, or none, has that path from now on. */
  forgetBelow(path: BytePath): void {
    const prefix = `${path}/`
    for (const { path: known, fd } of this.#open.values()) {
      if (known !== path && !known.startsWith(prefix)) continue
      close(fd)
      this.#open.delete(known)
    }
    this.#last = this.#root
  }

  close(): void {
    for (const { fd } of this.#open.values()) close(fd)
    this.#open.clear()
    this.#last = this.#root
  }
}

/** In pieces, where the whole is more than one call takes. */
function openBelow(top: number, path: BytePath): number {
  if (path.length > DEEP_BYTES_MAX) return -ERRNO.ENAMETOOLONG
  let fd = top
  for (let from = 0; from <= path.length;) {
    const rest = path.length - from
    const end = rest <= CALL_BYTES_MAX ? path.length : path.lastIndexOf('/', from + CALL_BYTES_MAX)
    const flags = O.PATH | O.DIRECTORY | O.NOFOLLOW
    // Of a name that is longer than any there can be, nothing would be left to cut.
    const next =
      end <= from
        ? -ERRNO.ENAMETOOLONG
        : openInRoot(fd, path.slice(from, end), flags, { noSymlinks: true })
    if (fd !== top) close(fd)
    if (next < 0) return next
    fd = next
    from = end + 1
  }
  return fd
}

/** Of an errno of `open`: nothing is wrong with the layer. */
export function isNoDirectory(errno: number): boolean {
  // A symlink on the way is ELOOP, or ENOTDIR as the last component: either way this layer has no such path.
  return errno === -ERRNO.ENOENT || errno === -ERRNO.ENOTDIR || errno === -ERRNO.ELOOP
}
