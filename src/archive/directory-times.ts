// Times of a layer's directories, held until everything is in place: whatever is put into a directory changes its time.
// A directory that was replaced meanwhile, or that lay below one, has none any more; that is looked up once at the end,
// since an archive may replace one name a million times beside a million directories.

import { type BytePath, basename, dirname, pathText } from '../path/byte-path.ts'
import { must } from '../sys/errno.ts'
import { setTimesAt } from '../sys/file-calls.ts'
import type { OpenDirectory } from './directory-cache.ts'
import type { Times } from './metadata.ts'

interface Held extends Times {
  readonly turn: number
}

export class DirectoryTimes {
  /** In archive order. */
  readonly #times = new Map<BytePath, Held>()
  /** Directories that were replaced, and when the last time. */
  readonly #replaced = new Map<BytePath, number>()
  #turn = 0

  has(path: BytePath): boolean {
    const held = this.#times.get(path)
    return held !== undefined && !this.#isReplaced(path, held)
  }

  /** @returns whether the path was not held yet, so that it takes memory from now on */
  set(path: BytePath, times: Times): boolean {
    const isNew = !this.#times.delete(path)
    this.#times.set(path, { atimeNs: times.atimeNs, mtimeNs: times.mtimeNs, turn: this.#turn++ })
    return isNew
  }

  /** @returns as `set` */
  replaced(path: BytePath): boolean {
    const isNew = !this.#replaced.has(path)
    this.#replaced.set(path, this.#turn++)
    return isNew
  }

  /** @param parentOf the open parent of a path that is a directory still */
  apply(parentOf: (path: BytePath) => OpenDirectory | undefined): void {
    for (const [path, held] of this.#times) {
      if (this.#replaced.size > 0 && this.#isReplaced(path, held)) continue
      const parent = parentOf(path)
      if (!parent) continue
      const result = setTimesAt(parent.fd, basename(path), held.atimeNs, held.mtimeNs)
      must(result, 'utimensat', pathText(path))
    }
  }

  #isReplaced(path: BytePath, held: Held): boolean {
    for (let at = path; at !== ''; at = dirname(at)) {
      if ((this.#replaced.get(at) ?? -1) > held.turn) return true
    }
    return false
  }
}
