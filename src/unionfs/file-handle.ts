// FileHandle of node:fs/promises over an open file of a merged tree.

import { createInterface, type Interface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import type { OpenHandle } from './handle.ts'
import type { StatOptions, TimeArgument } from './calls.ts'
import { checkData, checkEncoding, checkSignal, ownerArgument } from './argument-checks.ts'
import { argumentError } from './node-error.ts'
import {
  readStream,
  writeStream,
  type ReadStreamOptions,
  type WriteStreamOptions,
} from './handle-streams.ts'
import { modeArgument, timeArgument, type Encoding } from './path-argument.ts'
import type { UnionBigStats, UnionStats } from './stats.ts'
import type { ReadFileOptions, WriteData, WriteFileOptions } from './union-fs.ts'

const READ_BYTES = 16 << 10

export interface ReadOptions<T extends NodeJS.ArrayBufferView> {
  readonly buffer?: T
  readonly offset?: number | null
  readonly length?: number | null
  readonly position?: number | bigint | null
}

let numbers = 1 << 20

export class FileHandle implements AsyncDisposable {
  /** Of this handle alone; no descriptor of the process. */
  readonly fd: number
  #handle: OpenHandle | undefined

  constructor(handle: OpenHandle) {
    this.#handle = handle
    this.fd = ++numbers
  }

  read<T extends NodeJS.ArrayBufferView>(
    buffer: T,
    offset?: number | null,
    length?: number | null,
    position?: number | bigint | null,
  ): Promise<{ bytesRead: number; buffer: T }>
  read<T extends NodeJS.ArrayBufferView>(
    buffer: T,
    options?: ReadOptions<T>,
  ): Promise<{ bytesRead: number; buffer: T }>
  read<T extends NodeJS.ArrayBufferView = Buffer>(
    options?: ReadOptions<T>,
  ): Promise<{ bytesRead: number; buffer: T }>
  async read<T extends NodeJS.ArrayBufferView>(
    first?: T | ReadOptions<T>,
    second?: number | ReadOptions<T> | null,
    third?: number | null,
    fourth?: number | bigint | null,
  ): Promise<{ bytesRead: number; buffer: T }> {
    const view = ArrayBuffer.isView(first) ? first : undefined
    const named: ReadOptions<T> =
      view === undefined
        ? ((first as ReadOptions<T> | undefined) ?? {})
        : typeof second === 'object' && second !== null
          ? second
          : { offset: second ?? null, length: third ?? null, position: fourth ?? null }
    const buffer = view ?? named.buffer ?? (Buffer.alloc(READ_BYTES) as unknown as T)
    const bytes = rangeOf(buffer, named.offset, named.length)
    const bytesRead =
      bytes.length === 0 ? 0 : this.#open('read').read(bytes, positionOf(named.position))
    return { bytesRead, buffer: buffer }
  }

  write(
    buffer: NodeJS.ArrayBufferView,
    offset?: number | null,
    length?: number | null,
    position?: number | null,
  ): Promise<{ bytesWritten: number; buffer: NodeJS.ArrayBufferView }>
  write(
    data: string,
    position?: number | null,
    encoding?: BufferEncoding | null,
  ): Promise<{ bytesWritten: number; buffer: string }>
  async write(
    data: NodeJS.ArrayBufferView | string,
    first?: number | null,
    second?: number | BufferEncoding | null,
    third?: number | null,
  ): Promise<{ bytesWritten: number; buffer: NodeJS.ArrayBufferView | string }> {
    const handle = this.#open('write')
    if (typeof data === 'string') {
      const bytes = Buffer.from(data, (second as BufferEncoding | null | undefined) ?? 'utf8')
      return { bytesWritten: handle.write(bytes, positionOf(first)), buffer: data }
    }
    const bytes = rangeOf(data, first, second as number | null | undefined)
    return { bytesWritten: handle.write(bytes, positionOf(third)), buffer: data }
  }

  async readv(
    buffers: readonly NodeJS.ArrayBufferView[],
    position?: number | null,
  ): Promise<{ bytesRead: number; buffers: readonly NodeJS.ArrayBufferView[] }> {
    let bytesRead = 0
    for (const buffer of buffers) {
      const at = positionOf(position)
      const bytes = rangeOf(buffer)
      const n = this.#open('read').read(bytes, at === undefined ? at : at + bytesRead)
      bytesRead += n
      if (n < bytes.length) break
    }
    return { bytesRead, buffers }
  }

  async writev(
    buffers: readonly NodeJS.ArrayBufferView[],
    position?: number | null,
  ): Promise<{ bytesWritten: number; buffers: readonly NodeJS.ArrayBufferView[] }> {
    let bytesWritten = 0
    for (const buffer of buffers) {
      const at = positionOf(position)
      const to = at === undefined ? at : at + bytesWritten
      bytesWritten += this.#open('write').write(rangeOf(buffer), to)
    }
    return { bytesWritten, buffers }
  }

  async readFile(options?: ReadFileOptions | Encoding): Promise<Buffer | string> {
    const encoding = typeof options === 'string' ? options : options?.encoding
    if (typeof options === 'object') checkSignal(options?.signal)
    checkEncoding(encoding)
    const bytes = this.#open('read').readAll()
    return encoding && encoding !== 'buffer' ? bytes.toString(encoding) : bytes
  }

  /** From the position on, as Node has it: nothing is cut off first. */
  async writeFile(data: WriteData, options?: WriteFileOptions | Encoding): Promise<void> {
    const given = typeof options === 'string' ? options : options?.encoding
    const encoding = given && given !== 'buffer' ? given : 'utf8'
    checkEncoding(encoding)
    checkData(data)
    const signal = typeof options === 'object' ? options?.signal : undefined
    const bytesOf = (part: string | NodeJS.ArrayBufferView): Uint8Array =>
      typeof part === 'string' ? Buffer.from(part, encoding) : rangeOf(part)
    if (typeof data === 'string' || ArrayBuffer.isView(data)) {
      this.#open('write').write(bytesOf(data))
      return
    }
    for await (const part of data) {
      checkSignal(signal)
      this.#open('write').write(bytesOf(part))
    }
  }

  appendFile(data: WriteData, options?: WriteFileOptions | Encoding): Promise<void> {
    return this.writeFile(data, options)
  }

  stat(options: StatOptions & { bigint: true }): Promise<UnionBigStats>
  stat(options?: StatOptions & { bigint?: false }): Promise<UnionStats>
  async stat(options?: StatOptions): Promise<UnionStats | UnionBigStats> {
    return this.#open('fstat').stat(options)
  }

  async truncate(sizeBytes = 0): Promise<void> {
    this.#open('ftruncate').truncate(sizeBytes)
  }

  async chmod(mode: number | string): Promise<void> {
    this.#open('fchmod').setAttributes('fchmod', { mode: modeArgument(mode, 0) })
  }

  async chown(uid: number, gid: number): Promise<void> {
    const owner = ownerArgument(uid, gid)
    this.#open('fchown').setAttributes('fchown', owner)
  }

  async utimes(atime: TimeArgument, mtime: TimeArgument): Promise<void> {
    const atimeNs = timeArgument(atime)
    this.#open('futime').setAttributes('futime', { atimeNs, mtimeNs: timeArgument(mtime) })
  }

  createReadStream(options: ReadStreamOptions = {}): Readable {
    return readStream(this, options)
  }

  createWriteStream(options: WriteStreamOptions = {}): Writable {
    return writeStream(this, options)
  }

  readLines(options: ReadStreamOptions = {}): Interface {
    const input = this.createReadStream(options)
    return createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })
  }

  async sync(): Promise<void> {
    this.#open('fsync').sync(false)
  }

  async datasync(): Promise<void> {
    this.#open('fdatasync').sync(true)
  }

  async close(): Promise<void> {
    const handle = this.#handle
    this.#handle = undefined
    handle?.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #open(syscall: string): OpenHandle {
    // No error of the system: Node does not ask it.
    if (this.#handle === undefined) {
      throw Object.assign(new Error('file closed'), { code: 'EBADF', syscall })
    }
    return this.#handle
  }
}

export function positionOf(position: number | bigint | null | undefined): number | undefined {
  if (position === null || position === undefined) return undefined
  const at = Number(position)
  return at < 0 ? undefined : at
}

/** The bytes that a call means. @throws RangeError ERR_OUT_OF_RANGE */
export function rangeOf(
  view: NodeJS.ArrayBufferView,
  offset?: number | null,
  length?: number | null,
): Uint8Array {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
  const from = offset ?? 0
  const count = length ?? bytes.length - from
  if (from < 0 || count < 0 || from + count > bytes.length) {
    throw argumentError(
      'ERR_OUT_OF_RANGE',
      `The value of "length" is out of range. It must be <= ${bytes.length - from}. Received ${count}`,
      RangeError,
    )
  }
  return bytes.subarray(from, from + count)
}
