// The directories of one layer that were asked about last, kept open: what is asked about a name then costs one call
// relative to its directory, also where two directories take turns (a file and its parent, the two of a rename).
// Knows that a path below the top is opened without following a symlink; what is in a directory is not known here.

import type { BytePath } from '../path/byte-path.ts'
import { ERRNO } from '../sys/errno.ts'
import { O, close } from '../sys/file-calls.ts'
import { openInRoot } from '../sys/open-in-root.ts'

/** Of each layer: 125 layers must not take all the descriptors that a process may have (1024 by tradition). */
const OPEN_MAX = 4

export interface OpenDirectory<Fact> {
  readonly path: BytePath
  readonly fd: number
  /** What was found out about it; `undefined` where nobody looked yet. */
  fact: Fact | undefined
}

export class OpenDirectories<Fact> {
  readonly #root: OpenDirectory<Fact>
  /** Least recently used first. */
  readonly #open: OpenDirectory<Fact>[] = []

  /** @param root an open directory, the caller's */
  constructor(root: number) {
    this.#root = { path: '' as BytePath, fd: root, fact: undefined }
  }

  /**
   * Its descriptor is good for calls relative to it (O_PATH), and stays ours: until three other ones were opened.
   * @returns -errno: ENOENT, ENOTDIR or ELOOP where this layer has no such directory
   */
  open(path: BytePath): OpenDirectory<Fact> | number {
    if (path === '') return this.#root
    const open = this.#open
    for (let index = open.length - 1; index >= 0; index--) {
      const known = open[index]!
      if (known.path !== path) continue
      if (index < open.length - 1) {
        open.splice(index, 1)
        open.push(known)
      }
      return known
    }
    const flags = O.PATH | O.DIRECTORY | O.NOFOLLOW
    const fd = openInRoot(this.#root.fd, path, flags, { noSymlinks: true })
    if (fd < 0) return fd
    if (open.length >= OPEN_MAX) close(open.shift()!.fd)
    const directory = { path, fd, fact: undefined }
    open.push(directory)
    return directory
  }

  /** All that was found out is out of date. */
  forgetFacts(): void {
    this.#root.fact = undefined
    for (const directory of this.#open) directory.fact = undefined
  }

  /** Another directory, or none, has that path from now on. */
  forgetBelow(path: BytePath): void {
    const prefix = `${path}/`
    for (let index = this.#open.length - 1; index >= 0; index--) {
      const directory = this.#open[index]!
      if (directory.path !== path && !directory.path.startsWith(prefix)) continue
      close(directory.fd)
      this.#open.splice(index, 1)
    }
  }

  close(): void {
    for (const { fd } of this.#open.splice(0)) close(fd)
  }
}

/** Of an errno of `open`: nothing is wrong with the layer. */
export function isNoDirectory(errno: number): boolean {
  // A symlink on the way is ELOOP, or ENOTDIR as the last component: either way this layer has no such path.
  return errno === -ERRNO.ENOENT || errno === -ERRNO.ENOTDIR || errno === -ERRNO.ELOOP
}
