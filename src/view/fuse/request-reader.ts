// Requests as they come from the device. Whoever asks one thing after the other (a random reader, a walk by names) waits
// each time until this thread has been woken, and on a virtual machine that takes longer than the answer: so while one
// thread's requests follow each other closely, the next one is looked for a little while before this one goes to sleep.
// Where several ask, the processors have better things to do.
// Knows the device, the pace and who asks; what is asked is not known here.

import { performance } from 'node:perf_hooks'
import { ERRNO } from '../../sys/errno.ts'
import { O } from '../../sys/file-calls.ts'
import { checked, libc, type Libc } from '../../sys/libc.ts'
import type { Message } from './message.ts'

/** From one request to the next, at most and on average, in milliseconds. */
const CLOSE_MS = 0.25
/**
 * So many of one thread in a row, closely, make it worth looking; the first of them may be anything. After looks in vain,
 * some 30 µs, it takes as many again: a thirtieth of the time at most.
 */
const ROW = 16
const ROW_FROM = 4
/** Looks, of half a microsecond each: less than going to sleep and being woken takes, so that at most twice that is lost. */
const LOOKS_MAX = 64
const F_SETFL = 4

/** Of fuse_in_header, by words: the thread that asks; 0 where the kernel itself does. */
const ASKER = 8

export class RequestReader {
  readonly #device: number
  readonly #into: Buffer
  readonly #words: Uint32Array
  readonly #sizeBytes: number
  readonly #read: Libc['read'] = libc().read
  #isLooking = false
  #row = 0
  #fromMs = 0
  #asker = 0
  /** Whoever asked last is who asked before. */
  #isAlone = false

  /**
   * @param device whose flags are this reader's to set
   * @param into where each request comes to
   */
  constructor(device: number, into: Message) {
    this.#device = device
    this.#into = into.bytes
    this.#words = into.words
    this.#sizeBytes = into.bytes.length
  }

  /** Waits for the next one. @returns its length, or a negative errno */
  read(): number {
    if (this.#isLooking) {
      const found = this.#look()
      if (found !== undefined && this.#isSameAsker()) return found
      this.#become(false)
      if (found !== undefined) return found
    }
    const result = this.#read(this.#device, this.#into, this.#sizeBytes)
    if (result < 0) return checked(result)
    if (!this.#isSameAsker()) {
      this.#row = 0
      return result
    }
    const row = ++this.#row
    // The clock is looked at twice in a row, and never where several ask.
    if (row === ROW_FROM) this.#fromMs = performance.now()
    if (row === ROW_FROM + ROW) {
      this.#row = 0
      if (performance.now() - this.#fromMs <= ROW * CLOSE_MS) this.#become(true)
    }
    return result
  }

  /** As `read`, and until there is one a little work after the other. @param step returns whether more is left */
  readBeside(step: () => boolean): number {
    // Else a read would wait; and where several ask it is to.
    if (!this.#isLooking && this.#isAlone) this.#become(true)
    while (this.#isLooking) {
      const length = this.#read(this.#device, this.#into, this.#sizeBytes)
      const failed = length < 0 ? checked(length) : 0
      if (failed === -ERRNO.EAGAIN) {
        if (step()) continue
        break
      }
      if (failed === 0 && !this.#isSameAsker()) this.#become(false)
      return failed === 0 ? length : failed
    }
    return this.read()
  }

  #look(): number | undefined {
    for (let left = LOOKS_MAX; left > 0; left--) {
      const length = this.#read(this.#device, this.#into, this.#sizeBytes)
      if (length >= 0) return length
      const failed = checked(length)
      if (failed !== -ERRNO.EAGAIN) return failed
    }
    return undefined
  }

  #isSameAsker(): boolean {
    const asker = this.#words[ASKER]!
    this.#isAlone = asker === this.#asker || asker === 0
    if (!this.#isAlone) this.#asker = asker
    return this.#isAlone
  }

  #become(looking: boolean): void {
    this.#row = 0
    // Where it cannot be said, a read waits as before.
    const set = libc().fcntl(this.#device, F_SETFL, O.RDWR | (looking ? O.NONBLOCK : 0))
    this.#isLooking = looking && set === 0
  }
}
