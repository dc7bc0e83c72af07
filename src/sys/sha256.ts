// SHA-256, by OpenSSL's own functions where the process has them, so that a chunk can be hashed on another thread while
// this one unpacks it; else by node:crypto, which is the same code on this thread.

import { type Hash, createHash } from 'node:crypto'
import { type NativeCall, nativeCalls } from './native.ts'

const DIGEST_BYTES = 32

interface DigestCalls {
  readonly EVP_MD_CTX_new: NativeCall
  readonly EVP_MD_CTX_free: NativeCall
  readonly EVP_sha256: NativeCall
  readonly EVP_DigestInit_ex: NativeCall
  readonly EVP_DigestUpdate: NativeCall
  readonly EVP_DigestFinal_ex: NativeCall
}

let bound: DigestCalls | undefined | null = null

function digestCalls(): DigestCalls | undefined {
  if (bound === null) {
    bound = nativeCalls({
      // Addresses as numbers: koffi hands over a bigint where it does not fit.
      EVP_MD_CTX_new: ['uintptr_t', []],
      EVP_MD_CTX_free: ['void', ['uintptr_t']],
      EVP_sha256: ['uintptr_t', []],
      EVP_DigestInit_ex: ['int', ['uintptr_t', 'uintptr_t', 'void *']],
      EVP_DigestUpdate: ['int', ['uintptr_t', 'void *', 'size_t']],
      EVP_DigestFinal_ex: ['int', ['uintptr_t', 'void *', 'void *']],
    })
  }
  return bound
}

export class Sha256 {
  readonly #calls: DigestCalls | undefined = digestCalls()
  readonly #hash: Hash | undefined
  #context: number = 0
  #running: Promise<unknown> | undefined

  constructor() {
    const calls = this.#calls
    if (calls === undefined) {
      this.#hash = createHash('sha256')
      return
    }
    this.#context = calls.EVP_MD_CTX_new()
    check(calls.EVP_DigestInit_ex(this.#context, calls.EVP_sha256(), null))
  }

  /**
   * @param elsewhere on another thread, where that can be
   * @returns a promise if it is done there: wait for it before the bytes change and before the next call
   */
  update(bytes: Uint8Array, elsewhere: boolean): Promise<void> | undefined {
    const calls = this.#calls
    if (calls === undefined) {
      this.#hash!.update(bytes)
      return undefined
    }
    if (!elsewhere) {
      check(calls.EVP_DigestUpdate(this.#context, bytes, bytes.length))
      return undefined
    }
    const running = calls.EVP_DigestUpdate.elsewhere(this.#context, bytes, bytes.length).then(
      (answer) => {
        this.#running = undefined
        check(answer)
      },
    )
    this.#running = running
    return running
  }

  /** In hex. Nothing but `close` may follow. */
  digest(): string {
    if (this.#calls === undefined) return this.#hash!.digest('hex')
    const out = Buffer.alloc(DIGEST_BYTES)
    check(this.#calls.EVP_DigestFinal_ex(this.#context, out, null))
    return out.toString('hex')
  }

  /** Gives OpenSSL's memory back, once nothing runs any more. Idempotent. */
  async close(): Promise<void> {
    await this.#running?.catch(() => {})
    if (this.#context !== 0) this.#calls?.EVP_MD_CTX_free(this.#context)
    this.#context = 0
  }
}

function check(answer: number): void {
  if (answer !== 1) throw new Error(`OpenSSL could not hash: it answers ${answer}`)
}
