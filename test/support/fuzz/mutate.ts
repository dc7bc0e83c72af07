// Turns an input into another one that is nearly as good: bytes turned, pieces cut, doubled, swapped with those of
// another input, words of the format put in. Knows no format; a target says its words and may mend what it was given.

import type { Random } from './random.ts'

export interface MutateOptions {
  /** What the format is made of: magic, keys, numbers at the edge. */
  readonly words: readonly (string | Buffer)[]
  /** Other inputs, to take pieces from. */
  readonly others: readonly Buffer[]
  readonly bytesMax: number
}

const EDGES = [0x00, 0x01, 0x20, 0x2e, 0x2f, 0x30, 0x37, 0x7f, 0x80, 0xff]

/** One to eight changes. */
export function mutate(input: Buffer, random: Random, options: MutateOptions): Buffer {
  let bytes: Buffer = Buffer.from(input)
  for (let left = 1 << random.below(4); left > 0; left--) bytes = change(bytes, random, options)
  return bytes.subarray(0, options.bytesMax)
}

function change(bytes: Buffer, random: Random, options: MutateOptions): Buffer {
  const { words, others } = options
  const at = random.below(bytes.length + 1)
  switch (random.below(11)) {
    case 0:
      if (at < bytes.length) bytes[at]! ^= 1 << random.below(8)
      return bytes
    case 1:
      if (at < bytes.length) bytes[at] = random.pick(EDGES)
      return bytes
    case 2:
      if (at < bytes.length) bytes[at] = random.below(256)
      return bytes
    case 3:
      // An ASCII digit moves by one: lengths and counts that are nearly right.
      for (let i = at; i < bytes.length; i++) {
        if (bytes[i]! < 0x30 || bytes[i]! > 0x39) continue
        bytes[i] = 0x30 + ((bytes[i]! - 0x30 + (random.once(2) ? 1 : 9)) % 10)
        break
      }
      return bytes
    case 4:
      return spliced(bytes, at, random.below(random.once(4) ? bytes.length : 9), Buffer.alloc(0))
    case 5:
      return spliced(bytes, at, 0, piece(bytes, random))
    case 6:
    case 7: {
      if (words.length === 0) return bytes
      const chosen = random.pick(words)
      const word = typeof chosen === 'string' ? Buffer.from(chosen, 'latin1') : chosen
      return spliced(bytes, at, random.once(2) ? word.length : 0, word)
    }
    case 8: {
      const other = others.length === 0 ? bytes : random.pick(others)
      return spliced(bytes, at, random.once(2) ? 0 : random.below(600), piece(other, random))
    }
    case 9: {
      // Whole blocks, as tars are made of them.
      const block = random.below(Math.floor(bytes.length / 512) + 1) * 512
      const source = others.length === 0 || random.once(2) ? bytes : random.pick(others)
      const from = random.below(Math.floor(source.length / 512) + 1) * 512
      const taken = source.subarray(from, from + 512 * (1 + random.below(3)))
      return spliced(bytes, block, random.once(2) ? 0 : 512 * random.below(4), Buffer.from(taken))
    }
    default:
      return random.once(4) ? bytes.subarray(0, at) : bytes
  }
}

function piece(source: Buffer, random: Random): Buffer {
  const from = random.below(source.length)
  const length = 1 + random.below(random.once(4) ? 2048 : 32)
  return Buffer.from(source.subarray(from, from + length))
}

export function spliced(bytes: Buffer, at: number, removed: number, put: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + removed)])
}
