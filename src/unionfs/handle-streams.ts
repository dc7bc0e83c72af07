// The streams of a FileHandle, as node:fs/promises has them: over its reads and writes, closing it when they end.
// Knows nothing of the union.

import { Readable, Writable } from 'node:stream'
import { callbackify } from 'node:util'

const CHUNK_BYTES = 64 << 10

export interface ReadStreamOptions {
  readonly encoding?: BufferEncoding | null
  /** Default: where the handle stands. */
  readonly start?: number
  /** The last byte, inclusive. */
  readonly end?: number
  readonly highWaterMark?: number
  /** Default true. */
  readonly autoClose?: boolean
  readonly signal?: AbortSignal
}

export interface WriteStreamOptions {
  readonly encoding?: BufferEncoding | null
  readonly start?: number
  readonly highWaterMark?: number
  readonly autoClose?: boolean
}

interface Reads {
  read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number | null,
  ): Promise<{ bytesRead: number }>
  close(): Promise<void>
}

interface Writes {
  write(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number | null,
  ): Promise<{ bytesWritten: number }>
  close(): Promise<void>
}

export function readStream(handle: Reads, options: ReadStreamOptions): Readable {
  const { start, end, autoClose = true, highWaterMark = CHUNK_BYTES, encoding, signal } = options
  let position = start
  let left = end === undefined ? Number.POSITIVE_INFINITY : end - (start ?? 0) + 1
  const next = callbackify(async (sizeBytes: number): Promise<Buffer> => {
    const buffer = Buffer.allocUnsafe(Math.max(0, Math.min(sizeBytes, left)))
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, position ?? null)
    left -= bytesRead
    if (position !== undefined) position += bytesRead
    return buffer.subarray(0, bytesRead)
  })
  return new Readable({
    highWaterMark,
    ...(encoding ? { encoding } : {}),
    ...(signal ? { signal } : {}),
    read(sizeBytes) {
      next(sizeBytes, (error, bytes) => {
        if (error) this.destroy(error)
        else this.push(bytes.length === 0 ? null : bytes)
      })
    },
    destroy: closing(handle, autoClose),
  })
}

export function writeStream(handle: Writes, options: WriteStreamOptions): Writable {
  const { start, autoClose = true, highWaterMark = CHUNK_BYTES, encoding } = options
  let position = start
  const put = callbackify(async (chunk: Buffer): Promise<void> => {
    const { bytesWritten } = await handle.write(chunk, 0, chunk.length, position ?? null)
    if (position !== undefined) position += bytesWritten
  })
  return new Writable({
    highWaterMark,
    ...(encoding ? { defaultEncoding: encoding } : {}),
    write(chunk: Buffer, _encoding, done) {
      put(chunk, done)
    },
    destroy: closing(handle, autoClose),
  })
}

type Destroy = (error: Error | null, done: (error?: Error | null) => void) => void

function closing(handle: Reads | Writes, autoClose: boolean): Destroy {
  const close = callbackify(async () => {
    if (autoClose) await handle.close()
  })
  return (error, done) => close((failed) => done(error ?? failed))
}
