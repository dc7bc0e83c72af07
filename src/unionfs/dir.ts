// fs.Dir of a merged directory: its entries one by one, as they were when it was opened.

import type { UnionCalls } from './calls.ts'
import { nodeError } from './node-error.ts'
import { shownPath, type PathArgument } from './path-argument.ts'
import type { UnionDirent } from './stats.ts'
import { listTree } from './trees.ts'

export class UnionDir implements AsyncDisposable {
  readonly path: string
  readonly #entries: readonly UnionDirent[]
  #next = 0
  #closed = false

  static open(
    calls: UnionCalls,
    path: PathArgument,
    options: { readonly recursive?: boolean } = {},
  ): UnionDir {
    try {
      const entries = options.recursive
        ? listTree(calls, path).map(({ dirent }) => dirent)
        : calls.readdirTypes(path)
      return new UnionDir(shownPath(path), entries)
    } catch (error) {
      const { errno } = error as NodeJS.ErrnoException
      if (typeof errno !== 'number') throw error
      throw nodeError(errno, { syscall: 'opendir', path: shownPath(path) })
    }
  }

  private constructor(path: string, entries: readonly UnionDirent[]) {
    this.path = path
    this.#entries = entries
  }

  async read(): Promise<UnionDirent | null> {
    return this.readSync()
  }

  readSync(): UnionDirent | null {
    this.#check()
    return this.#entries[this.#next++] ?? null
  }

  async close(): Promise<void> {
    this.closeSync()
  }

  closeSync(): void {
    this.#check()
    this.#closed = true
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<UnionDirent, void, undefined> {
    try {
      for (let entry = this.readSync(); entry !== null; entry = this.readSync()) yield entry
    } finally {
      if (!this.#closed) this.closeSync()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#closed) this.closeSync()
  }

  #check(): void {
    if (!this.#closed) return
    throw Object.assign(new Error('Directory handle was closed'), { code: 'ERR_DIR_CLOSED' })
  }
}
