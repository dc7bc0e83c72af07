// A message to or from the kernel: a block of memory, read and written by the words that the protocol is made of. All of
// its fields lie at multiples of four (linux/fuse.h pads its structures for that), in the host's byte order, which is
// little on all machines that this runs on.
// Words of an array and not Buffer's methods: those are JavaScript that checks and takes apart each number, five times the
// cost until V8 has optimised them, which is most of what a server does for its first ten thousand requests.
// Knows numbers; what they mean is protocol.ts's.

import { readLatin1, writeLatin1 } from '../../sys/latin1.ts'
import { nanoseconds, restOf, secondsOf, splitWords } from '../../sys/wide-numbers.ts'

const WORD = 2 ** 32

export class Message {
  /** All of it. */
  readonly bytes: Buffer
  /** The same by words: for whoever writes many of them at once. */
  readonly words: Uint32Array
  readonly #octets: Uint8Array

  /** @param lengthBytes a multiple of four */
  constructor(lengthBytes: number) {
    const memory = new ArrayBuffer(lengthBytes)
    this.bytes = Buffer.from(memory)
    this.#octets = new Uint8Array(memory)
    this.words = new Uint32Array(memory)
  }

  word(at: number): number {
    return this.words[at >>> 2]!
  }

  /** @param value its low 32 bits count, also of a negative one */
  setWord(at: number, value: number): void {
    this.words[at >>> 2] = value
  }

  /** Of 64 bits, of which 53 are used: what is above Number.MAX_SAFE_INTEGER is above it here too, but rounded. */
  number(at: number): number {
    const index = at >>> 2
    return this.words[index]! + this.words[index + 1]! * WORD
  }

  /** @param value below 2^53, also negative */
  setNumber(at: number, value: number): void {
    const index = at >>> 2
    this.words[index] = value
    this.words[index + 1] = Math.floor(value / WORD)
  }

  setWide(at: number, value: bigint): void {
    const halves = splitWords(value)
    const index = at >>> 2
    this.words[index] = halves[0]!
    this.words[index + 1] = halves[1]!
  }

  /** Seconds and nanoseconds lie apart. */
  time(seconds: number, rest: number): bigint {
    const index = seconds >>> 2
    const whole = (this.words[index + 1]! | 0) * WORD + this.words[index]!
    return nanoseconds(whole, this.words[rest >>> 2]!)
  }

  setTime(seconds: number, rest: number, ns: bigint): void {
    const whole = secondsOf(ns)
    this.setNumber(seconds, whole)
    this.words[rest >>> 2] = restOf(ns, whole)
  }

  /** Zeros, of whole words. */
  clear(from: number, to: number): void {
    this.words.fill(0, from >>> 2, to >>> 2)
  }

  /** A character for each byte. */
  text(at: number, end: number): string {
    return readLatin1(this.bytes, at, end)
  }

  /** A name that ends with a NUL, or with `end`. */
  name(at: number, end: number): string {
    const stop = this.#octets.indexOf(0, at)
    return this.text(at, stop < 0 || stop > end ? end : stop)
  }

  /** @returns where the next one goes: padded with zeros to a multiple of eight */
  setName(at: number, name: string): number {
    const end = at + ((name.length + 7) & ~7)
    if (end > at) this.words.fill(0, (end - 8) >>> 2, end >>> 2)
    writeLatin1(this.bytes, name, at)
    return end
  }
}
