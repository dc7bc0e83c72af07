// gzip, member after member, into two buffers that take turns.
// Knows what may stand behind a member: another one, or zeros to the end, as tar writers pad. Anything else is damage.

import zlib from 'node:zlib'
import { Inflater } from '../sys/inflate.ts'
import { CHUNK_BYTES } from './byte-range.ts'
import { throughStream } from './through-stream.ts'

export interface GunzipOptions {
  /**
   * Asked for each chunk: inflate the next one on another thread while the consumer has this one? Where every core has
   * a layer of its own that would only cost. Default yes.
   */
  readonly overlap?: () => boolean
  /** What comes out is held against a digest: gzip's own checksum need not be right too. */
  readonly isDigested?: boolean
  /** None where this Node keeps its zlib to itself; Node's streams do the same in some more time and memory. */
  readonly open?: (checks: boolean) => Inflater | undefined
}

/**
 * The plain bytes; each chunk is valid until the next is asked for. All of `input` is read, also behind the data.
 * @throws Error in plain words, about the data
 */
export async function* gunzip(
  input: AsyncGenerator<Uint8Array>,
  { overlap = () => true, isDigested = false, open = Inflater.open }: GunzipOptions = {},
): AsyncGenerator<Uint8Array> {
  const inflater = open(!isDigested)
  if (inflater) yield* inflateAll(input, inflater, overlap)
  else yield* throughStream(input, zlib.createGunzip({ chunkSize: CHUNK_BYTES }))
}

async function* inflateAll(
  input: AsyncGenerator<Uint8Array>,
  inflater: Inflater,
  overlap: () => boolean,
): AsyncGenerator<Uint8Array> {
  let [current, spare] = [Buffer.allocUnsafeSlow(CHUNK_BYTES), Buffer.allocUnsafeSlow(CHUNK_BYTES)]
  let isOver = false
  const fill = async (into: Buffer): Promise<Buffer> => {
    let length = 0
    while (length < into.length && !isOver) {
      if (inflater.left.length === 0) {
        const next = await input.next()
        if (next.done === true) {
          if (!inflater.isAtEnd) throw new Error('unexpected end of file')
          isOver = true
          break
        }
        inflater.give(next.value)
      }
      if (inflater.isAtEnd) {
        isOver = inflater.left[0] === 0
        if (isOver) break
        inflater.reset()
      }
      const inflated = inflater.inflate(into, length, overlap())
      length += typeof inflated === 'number' ? inflated : await inflated
    }
    return into.subarray(0, length)
  }
  let next: Promise<Buffer> | undefined
  try {
    for (;;) {
      const chunk = await (next ?? fill(current))
      if (chunk.length === 0) break
      ;[current, spare] = [spare, current]
      next = overlap() ? fill(current) : undefined
      // Thrown when its turn comes.
      next?.catch(() => {})
      yield chunk
    }
    while ((await input.next()).done !== true);
  } finally {
    // A thread may still be at work on these buffers.
    await next?.catch(() => {})
    inflater.close()
    await input.return(undefined)
  }
}
