// Compressed layers and archives: which compression by its first bytes, and the way back to plain bytes. xz by a small
// package that is loaded when the first such blob comes, the others by the files beside this one.

import { createRequire } from 'node:module'
import { closeSync, openSync, readSync } from 'node:fs'
import fs from 'node:fs/promises'
import { ArchiveError, LayerStoreError } from '../errors.ts'
import { bunzip2 } from './bunzip2.ts'
import { readRange } from './byte-range.ts'
import { type GunzipOptions, gunzip } from './gunzip.ts'
import type { ByteRange, LayerResult } from './layer-job.ts'
import { WINDOW_HEAD_BYTES, type UnzstdOptions, unzstd, wantsLargeWindow } from './unzstd.ts'
import { beginsAsZstd } from './zstd-frames.ts'

export type Compression = LayerResult['compression']

/** By magic number, as every engine does it: media types lie. */
export function sniffCompression(head: Uint8Array): Compression {
  const starts = (...magic: number[]): boolean => magic.every((byte, i) => head[i] === byte)
  if (starts(0x1f, 0x8b, 0x08)) return 'gzip'
  if (beginsAsZstd(head)) return 'zstd'
  if (starts(0x42, 0x5a, 0x68)) return 'bzip2'
  if (starts(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00)) return 'xz'
  return 'none'
}

export async function compressionOf(range: ByteRange): Promise<Compression> {
  const file = await fs.open(range.file, 'r')
  try {
    const head = Buffer.alloc(Math.min(8, range.sizeBytes))
    const { bytesRead } = await file.read(head, 0, head.length, range.offset)
    return sniffCompression(head.subarray(0, bytesRead))
  } finally {
    await file.close()
  }
}

/**
 * Whether unpacking it may take as much memory as all else that a load does together: xz has dictionaries of up to 64 MiB,
 * and zstd large windows. What cannot be read takes none.
 */
export function takesMuchMemory({ file, offset, sizeBytes }: ByteRange): boolean {
  let fd: number | undefined
  try {
    fd = openSync(file, 'r')
    const read = (length: number): Buffer => {
      const head = Buffer.alloc(Math.min(sizeBytes, length))
      return head.subarray(0, readSync(fd!, head, 0, head.length, offset))
    }
    const kind = sniffCompression(read(8))
    return kind === 'xz' || (kind === 'zstd' && wantsLargeWindow(read(WINDOW_HEAD_BYTES)))
  } catch {
    // Whoever unpacks it says what is wrong.
    return false
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

/**
 * The plain bytes of a range; each chunk is valid until the next is asked for.
 * @param onCompressed sees every byte of the range as it stands, in order, also those behind the compressed data; with
 * a promise it asks for the bytes to stand until that settles
 * @param label for messages: whose blob this is
 * @throws ArchiveError ERR_COMPRESSION when the data is damaged or incomplete
 */
export async function* decompressed(
  range: ByteRange,
  kind: Compression,
  onCompressed: (bytes: Uint8Array) => void | Promise<void> = () => {},
  label: string = range.file,
  options: GunzipOptions & UnzstdOptions = {},
): AsyncGenerator<Uint8Array> {
  const input = observed(readRange(range, label), onCompressed)
  try {
    if (kind === 'none') yield* input
    else if (kind === 'gzip') yield* gunzip(input, options)
    else if (kind === 'zstd') yield* unzstd(input, options)
    else if (kind === 'bzip2') yield* bunzip2(input)
    else yield* unxz(input)
  } catch (error) {
    if (
      error instanceof LayerStoreError ||
      typeof (error as NodeJS.ErrnoException).syscall === 'string'
    )
      throw error
    throw new ArchiveError(
      'ERR_COMPRESSION',
      `cannot decompress ${label}: its ${kind} data is damaged or incomplete (${(error as Error).message}); get the file again`,
      { cause: error, details: { path: range.file, compression: kind } },
    )
  }
}

async function* observed(
  chunks: AsyncGenerator<Uint8Array>,
  onChunk: (bytes: Uint8Array) => void | Promise<void>,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    const seen = onChunk(chunk)
    try {
      yield chunk
    } finally {
      await seen
    }
  }
}

const load = createRequire(import.meta.url)

async function* unxz(input: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { XzReadableStream } = load('xz-decompress') as typeof import('xz-decompress')
  const source = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const next = await input.next()
      if (next.done === true) controller.close()
      else controller.enqueue(new Uint8Array(next.value))
    },
    async cancel() {
      await input.return(undefined)
    },
  })
  yield* new XzReadableStream(source) as unknown as AsyncIterable<Uint8Array>
}
