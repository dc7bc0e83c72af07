// Compressed layers and archives: which compression by its first bytes, and the way back to plain bytes. gzip and zstd
// by what is inside of Node, where it has it, bzip2 by bunzip2.ts, the rest by small packages that are loaded when the
// first such blob comes.

import { createRequire } from 'node:module'
import fs from 'node:fs/promises'
import { ArchiveError, LayerStoreError, LimitError } from '../errors.ts'
import { ZstdDecoder } from '../sys/zstd.ts'
import { bunzip2 } from './bunzip2.ts'
import { CHUNK_BYTES, readRange } from './byte-range.ts'
import { type GunzipOptions, gunzip } from './gunzip.ts'
import type { ByteRange, LayerResult } from './layer-job.ts'

export type Compression = LayerResult['compression']

/** By magic number, as every engine does it: media types lie. */
export function sniffCompression(head: Uint8Array): Compression {
  const starts = (...magic: number[]): boolean => magic.every((byte, i) => head[i] === byte)
  if (starts(0x1f, 0x8b, 0x08)) return 'gzip'
  if (starts(0x28, 0xb5, 0x2f, 0xfd)) return 'zstd'
  // A skippable frame: 0x184D2A50 to 5F, little-endian.
  if (
    head[0] !== undefined &&
    (head[0] & 0xf0) === 0x50 &&
    head[1] === 0x2a &&
    head[2] === 0x4d &&
    head[3] === 0x18
  ) {
    return 'zstd'
  }
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
  options: GunzipOptions = {},
): AsyncGenerator<Uint8Array> {
  const input = observed(readRange(range, label), onCompressed)
  try {
    if (kind === 'none') yield* input
    else if (kind === 'gzip') yield* gunzip(input, options)
    else if (kind === 'zstd') yield* unzstd(input)
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

async function* unzstd(input: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  const decoder = ZstdDecoder.open()
  if (decoder) yield* unzstdNative(input, decoder)
  else yield* unzstdPure(input)
}

/**
 * Not by node:zlib's stream, which ends with the first frame as though the rest were nothing, and in Node 22 takes a
 * frame that is cut short for a whole one.
 */
async function* unzstdNative(
  input: AsyncGenerator<Uint8Array>,
  decoder: ZstdDecoder,
): AsyncGenerator<Uint8Array> {
  try {
    const out = Buffer.allocUnsafeSlow(CHUNK_BYTES)
    for await (const chunk of input) {
      decoder.give(chunk)
      for (let length = out.length; length === out.length || decoder.hasInput;) {
        length = decoder.decode(out)
        if (length > 0) yield out.subarray(0, length)
      }
    }
    if (!decoder.isAtEnd) throw new Error('unexpected end of file')
  } finally {
    decoder.close()
  }
}

/** What the zstd tool and Node accept without being told otherwise; a frame can ask for terabytes. */
const WINDOW_BYTES_MAX = 1 << 27
/**
 * A block of zstd is 4 bytes at least and 128 KiB of output at most, and all output of one push is in memory at once:
 * pushes of 8 KiB bound that to 256 MiB for the worst input, and to some 50 KiB for an ordinary one.
 */
const ZSTD_PUSH_BYTES = 8 << 10

/** For Node before 22.15, which has no zstd. Exported for its tests. */
export async function* unzstdPure(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { Decompress } = load('fzstd') as typeof import('fzstd')
  let out: Uint8Array[] = []
  const decoder = new Decompress((chunk) => {
    out.push(chunk)
  })
  let first = true
  for await (const chunk of input) {
    if (first) checkWindow(chunk)
    first = false
    for (let at = 0; at < chunk.length; at += ZSTD_PUSH_BYTES) {
      // The decoder keeps what it cannot use yet, and this chunk's memory is used again.
      decoder.push(new Uint8Array(chunk.subarray(at, at + ZSTD_PUSH_BYTES)))
      const ready = out
      out = []
      for (const piece of ready) if (piece.length > 0) yield piece
    }
  }
  decoder.push(new Uint8Array(0), true)
  for (const piece of out) if (piece.length > 0) yield piece
}

/** RFC 8878, 3.1.1.1: the window of the first frame. */
function checkWindow(head: Uint8Array): void {
  const descriptor = head[4]
  const window = head[5]
  const singleSegment = descriptor !== undefined && (descriptor & 0x20) !== 0
  if (descriptor === undefined || window === undefined || singleSegment || head[0] !== 0x28) return
  const base = 2 ** (10 + (window >> 3))
  const bytes = base + (base / 8) * (window & 7)
  if (bytes > WINDOW_BYTES_MAX) {
    throw new LimitError(
      'ERR_EXPANSION_MAX',
      `cannot decompress zstd data: it needs ${bytes} bytes of memory, over the limit of ${WINDOW_BYTES_MAX}`,
      {
        details: { actual: bytes, limit: WINDOW_BYTES_MAX },
      },
    )
  }
}

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
