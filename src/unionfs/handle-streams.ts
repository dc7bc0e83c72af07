// The streams of a FileHandle: Node's own, which read and write by calls that they are given, and close the handle when
// they end. Knows nothing of the union.

import fs from 'node:fs'
import { ReadableStream, type ReadableByteStreamController } from 'node:stream/web'
import { callbackify } from 'node:util'

const CHUNK_BYTES = 16 << 10

export interface ReadStreamOptions {
  readonly encoding?: BufferEncoding | null
  /** Default: where the handle stands. */
  readonly start?: number
  /** The last byte, inclusive. */
  readonly end?: number
  readonly highWaterMark?: number
  /** Default true. */
  readonly autoClose?: boolean
  readonly emitClose?: boolean
  readonly signal?: AbortSignal | null
}

export interface WriteStreamOptions {
  readonly encoding?: BufferEncoding | null
  readonly start?: number
  readonly highWaterMark?: number
  /** Default true. */
  readonly autoClose?: boolean
  readonly emitClose?: boolean
  /** fsync before it is closed. */
  readonly flush?: boolean
}

/** What the streams need of a handle. */
export interface StreamSource {
  readonly fd: number
  read(
    buffer: Uint8Array,
    offset: number,
    length: number,
    position: number | null,
  ): Promise<{ readonly bytesRead: number }>
  write(
    buffer: Uint8Array,
    offset: number,
    length: number,
    position: number | null,
  ): Promise<{ readonly bytesWritten: number }>
  writev(
    buffers: readonly Uint8Array[],
    position: number | null,
  ): Promise<{ readonly bytesWritten: number }>
  sync(): Promise<void>
  close(): Promise<void>
  once(event: 'close', listener: () => void): unknown
}

type Done = (error: Error | null, count?: number, what?: unknown) => void

/** As `options.fs` of node:fs's streams: with callbacks. */
function operations(source: StreamSource, release: () => void): object {
  const answer = (asked: () => Promise<number>, done: Done, what?: unknown): void =>
    callbackify(asked)((error: Error | null, count?: number) => done(error, count ?? 0, what))
  const none = (): number => 0
  return {
    read: (_: number, buffer: Buffer, offset: number, length: number, at: number, done: Done) =>
      answer(() => source.read(buffer, offset, length, at).then((r) => r.bytesRead), done, buffer),
    write: (_: number, buffer: Buffer, offset: number, length: number, at: number, done: Done) =>
      answer(
        () => source.write(buffer, offset, length, at).then((r) => r.bytesWritten),
        done,
        buffer,
      ),
    writev: (_: number, buffers: Buffer[], at: number, done: Done) =>
      answer(() => source.writev(buffers, at).then((r) => r.bytesWritten), done, buffers),
    fsync: (_: number, done: Done) => answer(() => source.sync().then(none), done),
    close: (_: number, done: Done) => {
      release()
      answer(() => source.close().then(none), done)
    },
  }
}

/** @param release when the stream holds the handle no more */
export function readStream(
  source: StreamSource,
  options: ReadStreamOptions | BufferEncoding | undefined,
  release: () => void,
): fs.ReadStream {
  const stream = fs.createReadStream(undefined as unknown as string, {
    ...namedOptions(options),
    fd: source.fd,
    fs: operations(source, release) as never,
  })
  source.once('close', () => stream.close())
  return stream
}

export function writeStream(
  source: StreamSource,
  options: WriteStreamOptions | BufferEncoding | undefined,
  release: () => void,
): fs.WriteStream {
  const stream = fs.createWriteStream(undefined as unknown as string, {
    ...namedOptions(options),
    fd: source.fd,
    fs: operations(source, release) as never,
  })
  source.once('close', () => stream.close())
  return stream
}

function namedOptions(options: object | string | undefined): object {
  return typeof options === 'string' ? { encoding: options } : (options ?? {})
}

/** Of bytes, from where the handle stands; the handle stays open. */
export function webStream(source: StreamSource, release: () => void): ReadableStream {
  let ended = false
  const end = (): void => {
    if (!ended) release()
    ended = true
  }
  let control: ReadableByteStreamController | undefined
  source.once('close', () => {
    if (ended) return
    end()
    control?.close()
    control?.byobRequest?.respond(0)
  })
  return new ReadableStream({
    type: 'bytes',
    autoAllocateChunkSize: CHUNK_BYTES,
    start(controller: ReadableByteStreamController) {
      control = controller
    },
    async pull(controller: ReadableByteStreamController) {
      const request = controller.byobRequest!
      const view = request.view as Uint8Array
      const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
      const { bytesRead } = await source.read(bytes, 0, bytes.length, null)
      if (bytesRead === 0) {
        end()
        controller.close()
      }
      request.respond(bytesRead)
    },
    cancel: end,
  })
}
