// zlib's inflate on buffers of the caller's: nothing is allocated for a chunk, and each step runs here or on another
// thread. Knows one compressed member; what comes behind its end is the caller's to judge.

import { type NativeCall, addressOf, nativeCalls } from './native.ts'

/** struct z_stream of zlib.h, in 32-bit words: next_in, avail_in, total_in, next_out, avail_out, ... */
const STREAM_WORDS = 28
const NEXT_IN = 0
const AVAIL_IN = 2
const NEXT_OUT = 6
const AVAIL_OUT = 8

const Z_OK = 0
const Z_STREAM_END = 1
const Z_BUF_ERROR = -5
const NO_FLUSH = 0
/** A window of 32 KiB, and the 16 that asks for gzip's header and trailer. */
const GZIP_WINDOW = 15 + 16

const REASONS: Readonly<Record<number, string>> = {
  2: 'it needs a dictionary',
  [-3]: 'not as deflate has it, or its checksum is wrong',
  [-4]: 'out of memory',
}

type ZlibCalls = Readonly<
  Record<
    'inflateInit2_' | 'inflate' | 'inflateReset' | 'inflateValidate' | 'inflateEnd',
    NativeCall
  >
>

let bound: ZlibCalls | undefined | null = null

function zlibCalls(): ZlibCalls | undefined {
  if (bound === null) {
    bound = nativeCalls({
      inflateInit2_: ['int', ['void *', 'int', 'void *', 'int']],
      inflate: ['int', ['void *', 'int']],
      inflateReset: ['int', ['void *']],
      inflateValidate: ['int', ['void *', 'int']],
      inflateEnd: ['int', ['void *']],
    })
  }
  return bound
}

export class Inflater {
  readonly #calls: ZlibCalls
  readonly #words = new Uint32Array(STREAM_WORDS)
  readonly #longs = new BigUint64Array(this.#words.buffer)
  /** The stream points at it: it must not be collected. */
  #input: Uint8Array = new Uint8Array(0)
  #atEnd = false

  private constructor(calls: ZlibCalls, checks: boolean) {
    this.#calls = calls
    const version = Buffer.from(`${process.versions.zlib}\0`)
    const answer = calls.inflateInit2_(this.#words, GZIP_WINDOW, version, STREAM_WORDS * 4)
    if (answer !== Z_OK) throw new Error(`inflateInit2 of zlib answers ${answer}`)
    if (!checks) calls.inflateValidate(this.#words, 0)
  }

  /**
   * @param checks whether the member's CRC-32 and length must be right: a twelfth of the time, for nothing where the
   * caller has a digest of what comes out
   * @returns undefined where this Node does not export its zlib
   */
  static open(checks: boolean): Inflater | undefined {
    const calls = zlibCalls()
    return calls && new Inflater(calls, checks)
  }

  /** The member is at its end; bytes may be left of the input. */
  get isAtEnd(): boolean {
    return this.#atEnd
  }

  /** Of the input, what has not been used; the next of them is for `reset` to start with. */
  get left(): Uint8Array {
    return this.#input.subarray(this.#input.length - this.#words[AVAIL_IN]!)
  }

  /** Its bytes must stand until they are used. */
  give(input: Uint8Array): void {
    this.#input = input
    this.#longs[NEXT_IN / 2] = addressOf(input)
    this.#words[AVAIL_IN] = input.length
  }

  /** Another member begins. */
  reset(): void {
    this.#calls.inflateReset(this.#words)
    this.#atEnd = false
  }

  /**
   * As far as input and room go.
   * @param elsewhere on another thread; until it is done nothing else may be asked of this object
   * @returns bytes written
   * @throws Error in plain words, about the data
   */
  inflate(into: Uint8Array, elsewhere: boolean): number | Promise<number> {
    const room = into.length
    this.#longs[NEXT_OUT / 2] = addressOf(into)
    this.#words[AVAIL_OUT] = room
    if (!elsewhere) return this.#settle(this.#calls.inflate(this.#words, NO_FLUSH), room)
    return this.#calls.inflate
      .elsewhere(this.#words, NO_FLUSH)
      .then((answer) => this.#settle(answer, room, into))
  }

  /** @param _held by the closure above for as long as zlib writes into it */
  #settle(answer: number, room: number, _held?: Uint8Array): number {
    if (answer === Z_STREAM_END) this.#atEnd = true
    else if (answer !== Z_OK && answer !== Z_BUF_ERROR)
      throw new Error(REASONS[answer] ?? `zlib answers ${answer}`)
    return room - this.#words[AVAIL_OUT]!
  }

  /** Gives zlib's memory back. Nothing may be running, and nothing follows. */
  close(): void {
    this.#calls.inflateEnd(this.#words)
  }
}
