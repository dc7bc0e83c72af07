// FileHandle of node:fs/promises over an open file of a merged tree. As Node's it is held by its streams and by calls
// under way: `close` resolves when the last of them has let go.

import { EventEmitter } from 'node:events'
import type fs from 'node:fs'
import { createInterface, type Interface } from 'node:readline'
import type { ReadableStream } from 'node:stream/web'
import type { OpenHandle } from './handle.ts'
import type { StatOptions } from './calls.ts'
import {
  checkBoolean,
  checkBuffers,
  checkBytesOrText,
  checkInteger,
  checkSignal,
  ownerArgument,
  readOptions,
} from './argument-checks.ts'
import {
  bytesOf,
  dataArgument,
  numberPosition,
  partBytes,
  readArguments,
  textBytes,
  writeArguments,
  type BytePlace,
  type ReadOptions,
  type WriteData,
} from './byte-arguments.ts'
import {
  readStream,
  webStream,
  writeStream,
  type ReadStreamOptions,
  type WriteStreamOptions,
} from './handle-streams.ts'
import { modeArgument, type Encoding } from './path-argument.ts'
import { argumentError } from './refusals.ts'
import type { UnionBigStats, UnionStats } from './stats.ts'
import { timesArgument, type TimeArgument } from './time-argument.ts'
import type { ReadFileOptions, WriteFileOptions } from './union-fs.ts'

let numbers = 1 << 20

type Buffers = readonly NodeJS.ArrayBufferView[]

export class FileHandle extends EventEmitter implements AsyncDisposable {
  readonly #handle: OpenHandle
  /** Of this handle alone; no descriptor of the process. */
  #fd: number
  /** Itself, its streams, and calls that are under way. */
  #holders = 1
  #closing: Promise<void> | undefined
  #settleClosing: { resolve(): void; reject(reason: unknown): void } | undefined
  #isStreamed = false

  constructor(handle: OpenHandle) {
    super()
    this.#handle = handle
    this.#fd = ++numbers
  }

  /** -1 when it is closed. */
  get fd(): number {
    return this.#fd
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
  read<T extends NodeJS.ArrayBufferView>(
    first?: T | ReadOptions<T>,
    second?: number | ReadOptions<T> | null,
    third?: number | null,
    fourth?: number | bigint | null,
  ): Promise<{ bytesRead: number; buffer: T }> {
    return this.#during('read', (handle) => {
      const { bytes, position, buffer } = readArguments(first, second, third, fourth)
      return { bytesRead: bytes.length === 0 ? 0 : handle.read(bytes, position), buffer }
    })
  }

  write(
    buffer: NodeJS.ArrayBufferView,
    offset?: number | null,
    length?: number | null,
    position?: number | null,
  ): Promise<{ bytesWritten: number; buffer: NodeJS.ArrayBufferView }>
  write(
    buffer: NodeJS.ArrayBufferView,
    options?: BytePlace,
  ): Promise<{ bytesWritten: number; buffer: NodeJS.ArrayBufferView }>
  write(
    data: string,
    position?: number | null,
    encoding?: BufferEncoding | null,
  ): Promise<{ bytesWritten: number; buffer: string }>
  write(
    data: NodeJS.ArrayBufferView | string,
    first?: number | BytePlace | null,
    second?: number | BufferEncoding | null,
    third?: number | null,
  ): Promise<{ bytesWritten: number; buffer: NodeJS.ArrayBufferView | string }> {
    return this.#during('write', (handle) => {
      if (!ArrayBuffer.isView(data)) {
        checkBytesOrText('buffer', data)
        const bytes = textBytes(data, second)
        return { bytesWritten: handle.write(bytes, numberPosition(first)), buffer: data }
      }
      const { bytes, position } = writeArguments(data, first, second as number | null, third)
      return { bytesWritten: bytes.length === 0 ? 0 : handle.write(bytes, position), buffer: data }
    })
  }

  readv(
    buffers: Buffers,
    position?: number | null,
  ): Promise<{ bytesRead: number; buffers: Buffers }> {
    return this.#during('readv', (handle) => {
      checkBuffers(buffers)
      return { bytesRead: handle.readv(buffers.map(bytesOf), numberPosition(position)), buffers }
    })
  }

  writev(
    buffers: Buffers,
    position?: number | null,
  ): Promise<{ bytesWritten: number; buffers: Buffers }> {
    return this.#during('writev', (handle) => {
      checkBuffers(buffers)
      return {
        bytesWritten: handle.writev(buffers.map(bytesOf), numberPosition(position)),
        buffers,
      }
    })
  }

  readFile(options?: ReadFileOptions | Encoding): Promise<Buffer | string> {
    return this.#during('readFile', (handle) => {
      const { encoding, signal } = readOptions<ReadFileOptions>(options)
      checkSignal(signal)
      return handle.readContent(encoding)
    })
  }

  /** From the position on, as Node has it: nothing is cut off first. */
  writeFile(data: WriteData, options?: WriteFileOptions | Encoding): Promise<void> {
    return this.#during('writeFile', (handle) => {
      const { encoding, flush, signal } = readOptions<WriteFileOptions>(options)
      checkBoolean('options.flush', flush ?? false)
      const parts = dataArgument(data, encoding)
      checkSignal(signal)
      const put = (bytes: Uint8Array): void => void (bytes.length > 0 && handle.write(bytes))
      if (ArrayBuffer.isView(parts)) return put(parts)
      return (async () => {
        for await (const part of parts) {
          checkSignal(signal)
          put(partBytes(part, encoding))
          checkSignal(signal)
        }
      })()
    })
  }

  appendFile(data: WriteData, options?: WriteFileOptions | Encoding): Promise<void> {
    return this.writeFile(data, options)
  }

  stat(options: StatOptions & { bigint: true }): Promise<UnionBigStats>
  stat(options?: StatOptions & { bigint?: false }): Promise<UnionStats>
  stat(options?: StatOptions): Promise<UnionStats | UnionBigStats> {
    return this.#during('fstat', (handle) => handle.stat(options))
  }

  truncate(sizeBytes = 0): Promise<void> {
    return this.#during('ftruncate', (handle) => {
      checkInteger('len', sizeBytes)
      handle.truncate(sizeBytes)
    })
  }

  chmod(mode: number | string): Promise<void> {
    return this.#during('fchmod', (handle) => {
      handle.setAttributes('fchmod', { mode: modeArgument(mode) })
    })
  }

  chown(uid: number, gid: number): Promise<void> {
    return this.#during('fchown', (handle) => {
      handle.setAttributes('fchown', ownerArgument(uid, gid))
    })
  }

  utimes(atime: TimeArgument, mtime: TimeArgument): Promise<void> {
    return this.#during('futimes', (handle) => {
      const times = timesArgument(atime, mtime, ['atime', 'mtime'])
      handle.setAttributes('futime', times)
    })
  }

  createReadStream(options?: ReadStreamOptions | BufferEncoding): fs.ReadStream {
    const stream = readStream(this, options, () => this.#release())
    this.#holders++
    return stream
  }

  createWriteStream(options?: WriteStreamOptions | BufferEncoding): fs.WriteStream {
    const stream = writeStream(this, options, () => this.#release())
    this.#holders++
    return stream
  }

  /** Of bytes, as Node 24 has it; once for each handle, which stays open. @throws Error ERR_INVALID_STATE */
  readableWebStream(): ReadableStream {
    const state =
      this.#fd === -1
        ? 'closed'
        : this.#closing
          ? 'closing'
          : this.#isStreamed
            ? 'locked'
            : undefined
    if (state !== undefined) {
      throw argumentError('ERR_INVALID_STATE', `Invalid state: The FileHandle is ${state}`, Error)
    }
    this.#isStreamed = true
    this.#holders++
    return webStream(this, () => this.#release())
  }

  readLines(options?: ReadStreamOptions | BufferEncoding): Interface {
    const input = this.createReadStream(options)
    return createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })
  }

  sync(): Promise<void> {
    return this.#during('fsync', (handle) => handle.sync(false))
  }

  datasync(): Promise<void> {
    return this.#during('fdatasync', (handle) => handle.sync(true))
  }

  /** Bound, as Node's: it can be handed on by itself. Idempotent. */
  readonly close = (): Promise<void> => {
    if (this.#closing !== undefined) return this.#closing
    if (this.#fd === -1) return Promise.resolve()
    let closing: Promise<void>
    if (--this.#holders === 0) closing = this.#end()
    else {
      closing = new Promise((resolve, reject) => {
        this.#settleClosing = { resolve, reject }
      })
    }
    this.#closing = closing.finally(() => (this.#closing = undefined))
    this.emit('close')
    return this.#closing
  };

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #end(): Promise<void> {
    this.#fd = -1
    this.#handle.close()
  }

  #release(): void {
    if (--this.#holders > 0) return
    const waiting = this.#settleClosing
    this.#end().then(
      () => waiting?.resolve(),
      (reason: unknown) => waiting?.reject(reason),
    )
  }

  /** Done at once, so that calls take effect in the order in which they are made. */
  async #during<T>(name: string, act: (handle: OpenHandle) => T | Promise<T>): Promise<T> {
    // No error of the system: Node does not ask it.
    if (this.#fd === -1) {
      throw Object.assign(new Error('file closed'), { code: 'EBADF', syscall: name })
    }
    this.#holders++
    try {
      return await act(this.#handle)
    } finally {
      this.#release()
    }
  }
}
