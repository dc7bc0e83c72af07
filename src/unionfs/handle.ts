// An open file or directory of a merged tree, with a position of its own: what a file descriptor is to node:fs.

import { StringDecoder } from 'node:string_decoder'
import { setNodeAttributes, status } from '../union/attributes.ts'
import type { UnionNode } from '../union/entry.ts'
import { E } from '../union/errno.ts'
import type { OpenFile } from '../union/open-file.ts'
import type { Attributes } from '../union/upper-layer.ts'
import type { StatOptions, UnionCalls } from './calls.ts'
import { must, nodeError, throwNodeErrors } from './node-error.ts'
import type { UnionBigStats, UnionStats } from './stats.ts'

const CHUNK_BYTES = 1 << 20
/** A directory is never open for writing, and has no bytes to read. */
const OF_DIRECTORY = { read: E.ISDIR, write: E.BADF, ftruncate: E.INVAL } as const

export interface HandleMode {
  readonly reads: boolean
  readonly writes: boolean
  /** Every write is at the end, wherever it is asked for. */
  readonly appends: boolean
  /** O_PATH: not open, and good for stat alone. */
  readonly isPlace: boolean
}

export class OpenHandle {
  readonly node: UnionNode
  readonly #calls: UnionCalls
  readonly #file: OpenFile | undefined
  readonly #mode: HandleMode
  #position = 0
  #closed = false

  constructor(calls: UnionCalls, node: UnionNode, file: OpenFile | undefined, mode: HandleMode) {
    this.#calls = calls
    this.node = node
    this.#file = file
    this.#mode = mode
    node.holds++
  }

  /** @param position undefined: where the last read or write ended. @returns bytes read, 0 at the end */
  read(into: Uint8Array, position?: number): number {
    const file = this.#opened('read')
    if (!this.#mode.reads) throw nodeError(E.BADF, { syscall: 'read' })
    const n = must(file.read(into, position ?? this.#position), { syscall: 'read' })
    if (position === undefined) this.#position += n
    return n
  }

  /** All of `bytes`. */
  write(bytes: Uint8Array, position?: number): number {
    const file = this.#opened('write')
    if (!this.#mode.writes) throw nodeError(E.BADF, { syscall: 'write' })
    // The kernel does not even tell the time of it.
    if (bytes.length === 0) return 0
    const end = this.#mode.appends ? this.#size() : undefined
    const at = end ?? position ?? this.#position
    const n = must(file.write(bytes, at), { syscall: 'write' })
    if (position === undefined) this.#position = at + n
    return n
  }

  /** One after the other, until the end of the file. */
  readv(into: readonly Uint8Array[], position?: number): number {
    // The kernel would read nothing; libuv does not ask it.
    if (into.length === 0) throw nodeError(E.INVAL, { syscall: 'read' })
    let count = 0
    for (const bytes of into) {
      if (bytes.length === 0) continue
      const n = this.read(bytes, position === undefined ? undefined : position + count)
      count += n
      if (n < bytes.length) break
    }
    return count
  }

  /** All of them, one behind the other. */
  writev(from: readonly Uint8Array[], position?: number): number {
    let count = 0
    for (const bytes of from) {
      count += this.write(bytes, position === undefined ? undefined : position + count)
    }
    return count
  }

  /** From the position to the end. */
  readAll(): Buffer {
    this.#opened('read')
    const chunks: Buffer[] = []
    for (;;) {
      const left = this.#size() - this.#position
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, Math.max(left, 1)))
      const n = this.read(chunk)
      if (n === 0) return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
      chunks.push(chunk.subarray(0, n))
    }
  }

  /** As text, where an encoding is asked for: `buffer` is none of text. @throws TypeError ERR_UNKNOWN_ENCODING */
  readContent(encoding?: string | null): Buffer | string {
    const decoder = encoding ? new StringDecoder(encoding as BufferEncoding) : undefined
    const bytes = this.readAll()
    return decoder ? decoder.end(bytes) : bytes
  }

  stat(options: StatOptions = {}): UnionStats | UnionBigStats {
    this.#check('fstat')
    const found = status(this.#calls.tree, this.node)
    return this.#calls.statsOf(must(found, { syscall: 'fstat' }), options)
  }

  truncate(sizeBytes: number): void {
    const file = this.#opened('ftruncate')
    must(file.truncate(Math.max(0, sizeBytes)), { syscall: 'ftruncate' })
  }

  setAttributes(syscall: string, to: Attributes | number): void {
    this.#check(syscall)
    if (this.#mode.isPlace) throw nodeError(E.BADF, { syscall })
    const attributes = must(to, { syscall })
    must(setNodeAttributes(this.#calls.tree, this.node, attributes), { syscall })
  }

  sync(dataOnly: boolean): void {
    const syscall = dataOnly ? 'fdatasync' : 'fsync'
    this.#check(syscall)
    if (this.#mode.isPlace) throw nodeError(E.BADF, { syscall })
    if (this.#file) must(this.#file.sync(dataOnly), { syscall })
  }

  close(): void {
    this.#check('close')
    this.#closed = true
    this.#file?.close()
    this.node.holds--
  }

  #size(): number {
    const found = this.#file!.status()
    return typeof found === 'number' ? 0 : found.sizeBytes
  }

  #opened(syscall: keyof typeof OF_DIRECTORY): OpenFile {
    this.#check(syscall)
    if (this.#mode.isPlace) throw nodeError(E.BADF, { syscall })
    if (this.#file === undefined) throw nodeError(OF_DIRECTORY[syscall], { syscall })
    return this.#file
  }

  #check(syscall: string): void {
    if (this.#closed) throw nodeError(E.BADF, { syscall })
  }
}

throwNodeErrors(OpenHandle)
