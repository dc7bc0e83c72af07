// fs.Dir of a merged directory: its entries one by one, as they were when it was opened.

import { callbackify } from 'node:util'
import { checkInteger, readOptions } from './argument-checks.ts'
import type { UnionCalls } from './calls.ts'
import { nodeError } from './node-error.ts'
import { parentOf, shownPath, type Encoding, type PathArgument } from './path-argument.ts'
import type { UnionDirent } from './stats.ts'
import { listTree } from './trees.ts'

export interface OpendirOptions {
  readonly encoding?: Encoding
  /** Of no use here: they are all there at once. */
  readonly bufferSize?: number
  readonly recursive?: boolean
}

const ENTRIES_AT_ONCE = 32

type ReadDone = (error: Error | null, entry: UnionDirent | null) => void
type CloseDone = (error?: Error | null) => void

export class UnionDir implements AsyncDisposable, Disposable {
  readonly path: string
  readonly #entries: readonly UnionDirent[]
  #next = 0
  #closed = false

  static open(
    calls: UnionCalls,
    path: PathArgument,
    options?: OpendirOptions | Encoding,
  ): UnionDir {
    const shown = shownPath(path)
    const { encoding, recursive, bufferSize } = {
      bufferSize: ENTRIES_AT_ONCE,
      ...readOptions<OpendirOptions>(options),
    }
    try {
      const entries = recursive
        ? listTree(calls, path, encoding).map(({ dirent }) => dirent)
        : calls.readdirTypes(path, encoding)
      checkInteger('options.bufferSize', bufferSize, 1, 2 ** 32 - 1)
      return new UnionDir(parentOf(path), entries)
    } catch (error) {
      const { errno } = error as NodeJS.ErrnoException
      if (typeof errno !== 'number') throw error
      throw nodeError(errno, { syscall: 'opendir', path: shown })
    }
  }

  private constructor(path: string, entries: readonly UnionDirent[]) {
    this.path = path
    this.#entries = entries
  }

  read(): Promise<UnionDirent | null>
  read(done: ReadDone): void
  read(done?: ReadDone): Promise<UnionDirent | null> | void {
    const entry = this.readSync()
    if (done === undefined) return Promise.resolve(entry)
    process.nextTick(done, null, entry)
  }

  readSync(): UnionDirent | null {
    this.#check()
    return this.#entries[this.#next++] ?? null
  }

  close(): Promise<void>
  close(done: CloseDone): void
  close(done?: CloseDone): Promise<void> | void {
    const closing = async (): Promise<void> => this.closeSync()
    if (done === undefined) return closing()
    callbackify(closing)(done)
  }

  closeSync(): void {
    this.#check()
    this.#closed = true
  }

  async *entries(): AsyncGenerator<UnionDirent, void, undefined> {
    try {
      for (let entry = this.readSync(); entry !== null; entry = this.readSync()) yield entry
    } finally {
      if (!this.#closed) this.closeSync()
    }
  }

  [Symbol.asyncIterator](): AsyncGenerator<UnionDirent, void, undefined> {
    return this.entries()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this[Symbol.dispose]()
  }

  [Symbol.dispose](): void {
    if (!this.#closed) this.closeSync()
  }

  #check(): void {
    if (!this.#closed) return
    throw Object.assign(new Error('Directory handle was closed'), { code: 'ERR_DIR_CLOSED' })
  }
}
