// zstd, frame after frame, in bounded memory. Knows what a frame may make its decoder hold, and which blobs ask for so much
// that nothing else should be unpacked meanwhile; seeing to that is the pool's.

import { createRequire } from 'node:module'
import { LimitError } from '../errors.ts'
import { ZstdDecoder } from '../sys/zstd.ts'
import { CHUNK_BYTES } from './byte-range.ts'
import { WINDOW_BYTES_MAX, type ZstdFrame, ZstdFrames } from './zstd-frames.ts'

/** What RFC 8878 asks of every decoder, the most that engines write, and what levels up to 19 take. */
export const SMALL_WINDOW_BYTES: number = 8 << 20
/** The first frame may stand behind skippable ones. */
export const WINDOW_HEAD_BYTES: number = 64 << 10

export interface UnzstdOptions {
  /** What a frame may make the decoder hold. Default WINDOW_BYTES_MAX. */
  readonly windowBytesMax?: number
  /** None where neither Node nor the system has a zstd. */
  readonly openZstd?: () => ZstdDecoder | undefined
}

/**
 * Whether a blob's first frame asks for more memory than a layer gets that is unpacked beside others. A blob that hides
 * its first frame is taken for one that does.
 * @param head the first bytes of the blob, WINDOW_HEAD_BYTES of them if it has so many
 */
export function wantsLargeWindow(head: Uint8Array): boolean {
  let frames: readonly ZstdFrame[]
  try {
    frames = new ZstdFrames().push(head)
  } catch {
    // Whoever unpacks it says what is wrong.
    return false
  }
  const [first] = frames
  if (first === undefined) return head.length >= WINDOW_HEAD_BYTES
  return first.memoryBytes > SMALL_WINDOW_BYTES
}

/**
 * The plain bytes; each chunk is valid until the next is asked for. All of `input` is read.
 * @throws LimitError ERR_EXPANSION_MAX about a frame's window; Error in plain words, about the data
 */
export async function* unzstd(
  input: AsyncGenerator<Uint8Array>,
  { windowBytesMax = WINDOW_BYTES_MAX, openZstd = () => ZstdDecoder.open() }: UnzstdOptions = {},
): AsyncGenerator<Uint8Array> {
  const decoder = openZstd()
  const chunks = withinWindows(input, decoder ? windowBytesMax : SMALL_WINDOW_BYTES)
  if (decoder) yield* unzstdNative(chunks, decoder)
  else yield* unzstdPure(chunks)
}

/** The chunks as they come, where the frames that begin in them may be decoded. */
async function* withinWindows(
  input: AsyncGenerator<Uint8Array>,
  windowBytesMax: number,
): AsyncGenerator<Uint8Array> {
  const frames = new ZstdFrames()
  for await (const chunk of input) {
    for (const { windowBytes, memoryBytes } of frames.push(chunk)) {
      if (windowBytes > WINDOW_BYTES_MAX) throw tooLarge(windowBytes, WINDOW_BYTES_MAX)
      if (memoryBytes > windowBytesMax) throw tooLarge(memoryBytes, windowBytesMax)
    }
    yield chunk
  }
}

function tooLarge(actual: number, limit: number): LimitError {
  return new LimitError(
    'ERR_EXPANSION_MAX',
    `cannot decompress zstd data: a frame needs ${actual} bytes of memory, over the limit of ${limit}; compress it again with level 19 or lower, and in one frame`,
    { details: { actual, limit } },
  )
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

/**
 * A block of zstd is 4 bytes at least and 128 KiB of output at most, and all output of one push is in memory at once:
 * pushes of 8 KiB bound that to 256 MiB for the worst input, and to some 50 KiB for an ordinary one.
 */
const ZSTD_PUSH_BYTES = 8 << 10

/** By fzstd, at a quarter of the speed: it moves the whole window for each block, so large ones would take for ever. */
async function* unzstdPure(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { Decompress } = createRequire(import.meta.url)('fzstd') as typeof import('fzstd')
  let out: Uint8Array[] = []
  const decoder = new Decompress((chunk) => {
    out.push(chunk)
  })
  for await (const chunk of input) {
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
