// zstd's decoder on buffers of the caller's, frame after frame. Knows no limits but the library's own on its window.

import { type NativeCall, addressOf, nativeCalls } from './native.ts'

/** ZSTD_inBuffer and ZSTD_outBuffer of zstd.h, in 64-bit words: address, size, position. */
const BUFFER_WORDS = 3
const ADDRESS = 0
const SIZE = 1
const POSITION = 2

/** ZSTD_ErrorCode, stable since 1.3.1, as the negative that functions answer. */
const REASONS: Readonly<Record<number, string>> = {
  [-10]: 'not what zstd data begins with',
  [-16]: 'it needs more than 128 MiB of memory',
  [-20]: 'not as zstd has it',
  [-22]: 'its checksum is wrong',
  [-32]: 'it needs a dictionary',
  [-64]: 'out of memory',
}

type ZstdCalls = Readonly<
  Record<'ZSTD_createDStream' | 'ZSTD_decompressStream' | 'ZSTD_freeDStream', NativeCall>
>

let bound: ZstdCalls | undefined | null = null

function zstdCalls(): ZstdCalls | undefined {
  if (bound === null) {
    bound = nativeCalls(
      {
        ZSTD_createDStream: ['int64_t', []],
        ZSTD_decompressStream: ['int64_t', ['int64_t', 'void *', 'void *']],
        ZSTD_freeDStream: ['int64_t', ['int64_t']],
      },
      // dpkg, rpm and systemd need it: few systems are without.
      'libzstd.so.1',
    )
  }
  return bound
}

export class ZstdDecoder {
  readonly #calls: ZstdCalls
  readonly #state: number
  readonly #in = new BigUint64Array(BUFFER_WORDS)
  readonly #out = new BigUint64Array(BUFFER_WORDS)
  /** The library is pointed at it: it must not be collected. */
  #input: Uint8Array = new Uint8Array(0)
  #isAtEnd = true

  private constructor(calls: ZstdCalls) {
    this.#calls = calls
    this.#state = calls.ZSTD_createDStream()
    if (this.#state === 0) throw new Error('zstd is out of memory')
  }

  /** @returns undefined where neither this Node (from 22.15 on) nor the system has a zstd that can be called */
  static open(): ZstdDecoder | undefined {
    const calls = zstdCalls()
    return calls && new ZstdDecoder(calls)
  }

  /** No frame has begun that has not ended, as far as the input goes. */
  get isAtEnd(): boolean {
    return this.#isAtEnd
  }

  get hasInput(): boolean {
    return this.#in[POSITION]! < this.#in[SIZE]!
  }

  /** Its bytes must stand until `hasInput` says that they are used. */
  give(input: Uint8Array): void {
    this.#input = input
    this.#in[ADDRESS] = addressOf(this.#input)
    this.#in[SIZE] = BigInt(input.length)
    this.#in[POSITION] = 0n
  }

  get #progress(): bigint {
    return this.#in[POSITION]! + this.#out[POSITION]!
  }

  /**
   * As far as input and room go; where it filled all the room there may be more.
   * @returns bytes written
   * @throws Error in plain words, about the data
   */
  decode(into: Uint8Array): number {
    this.#out[ADDRESS] = addressOf(into)
    this.#out[SIZE] = BigInt(into.length)
    this.#out[POSITION] = 0n
    while (this.hasInput || !this.#isAtEnd) {
      const before = this.#progress
      // 0 is the end of a frame, and the next call begins another; else a hint of how much is missing.
      const answer = this.#calls.ZSTD_decompressStream(this.#state, this.#out, this.#in)
      if (answer < 0) throw new Error(REASONS[answer] ?? `zstd answers ${answer}`)
      this.#isAtEnd = answer === 0
      if (this.#out[POSITION] === this.#out[SIZE]) break
      if (before === this.#progress) break
    }
    return Number(this.#out[POSITION])
  }

  /** Gives its memory back. Nothing follows. */
  close(): void {
    this.#calls.ZSTD_freeDStream(this.#state)
  }
}
