// gzip, member after member, into two buffers that take turns.
// Knows what may stand behind a member: another one, or zeros to the end, as tar writers pad. Anything else is damage.

import zlib from 'node:zlib'
import { Inflater } from '../sys/inflate.ts'
import { CHUNK_BYTES } from './byte-range.ts'
import { throughStream } from './through-stream.ts'

const openInflater = (checks: boolean): Inflater | undefined => Inflater.open(checks)

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
  { overlap = () => true, isDigested = false, open = openInflater }: GunzipOptions = {},
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
  /** The last step ended for want of room: there may be more of what was given before. */
  let isFull = false
  /** Sees to it that there is something to inflate; false at the end. */
  const supply = async (): Promise<boolean> => {
    if (isFull && !inflater.isAtEnd) return true
    if (inflater.left.length === 0) {
      const next = await input.next()
      if (next.done === true) {
        if (!inflater.isAtEnd) throw new Error('unexpected end of file')
        return false
      }
      inflater.give(next.value)
    }
    if (!inflater.isAtEnd) return true
    if (inflater.left[0] === 0) return false
    inflater.reset()
    return true
  }
  let step: number | Promise<number> | undefined
  try {
    for (let isOver = false; !isOver;) {
      if (step === undefined) {
        if (!(await supply())) break
        step = inflater.inflate(current, overlap())
      }
      const length = typeof step === 'number' ? step : await step
      step = undefined
      isFull = length === current.length
      const chunk = current.subarray(0, length)
      if (overlap()) {
        // Under way before the consumer gets this chunk: it keeps this thread until it is done with it.
        isOver = !(await supply())
        ;[current, spare] = [spare, current]
        if (!isOver) step = inflater.inflate(current, true)
        // Thrown when its turn comes.
        if (step instanceof Promise) step.catch(() => {})
      }
      if (length > 0) yield chunk
    }
    while ((await input.next()).done !== true);
  } finally {
    // A thread may still be at work on these buffers.
    if (step instanceof Promise) await step.catch(() => {})
    inflater.close()
    await input.return(undefined)
  }
}
