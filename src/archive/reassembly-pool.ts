// Rebuilds layers' tars in a worker thread: there a layer is read and hashed while its owner writes what came before.
// Small layers are rebuilt here, since they are done before a thread would have started.

import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { type PackedError, unpackError } from '../errors.ts'
import { layerTar, type LayerTarSource } from './reassemble.ts'

/** How far the thread may be ahead of its owner, in chunks of a MiB: enough to even out both, and a bound on memory. */
export const CHUNKS_AHEAD = 16

const INLINE_BYTES_MAX = 4 << 20

export type ToReassembler =
  { readonly kind: 'rebuild'; readonly source: LayerTarSource } | { readonly kind: 'taken' }
export type FromReassembler =
  | { readonly kind: 'chunk'; readonly chunk: Uint8Array }
  | { readonly kind: 'end' }
  | { readonly kind: 'failed'; readonly error: PackedError }

export class ReassemblyPool implements AsyncDisposable {
  #worker: Worker | undefined
  #busy = false

  /**
   * As layerTar. One large layer at a time has the thread; a second that is opened meanwhile is rebuilt by its caller.
   * @param tarBytes how long the tar will be
   */
  open(source: LayerTarSource, tarBytes: number): AsyncIterable<Uint8Array> {
    return tarBytes < INLINE_BYTES_MAX || this.#busy ? layerTar(source) : this.#rebuild(source)
  }

  async *#rebuild(source: LayerTarSource): AsyncGenerator<Uint8Array> {
    this.#busy = true
    const worker = (this.#worker ??= new Worker(new URL('./reassemble-worker.js', import.meta.url)))
    worker.ref()
    const arrived: FromReassembler[] = []
    let wake: (() => void) | undefined
    let failure: unknown
    const onMessage = (message: FromReassembler): void => {
      arrived.push(message)
      wake?.()
    }
    const onError = (error: unknown): void => {
      failure = error
      wake?.()
    }
    worker.on('message', onMessage)
    worker.once('error', onError)
    let ended = false
    try {
      worker.postMessage({ kind: 'rebuild', source } satisfies ToReassembler)
      for (;;) {
        while (arrived.length === 0 && failure === undefined) {
          await new Promise<void>((resolve) => (wake = resolve))
        }
        if (failure !== undefined) throw failure as Error
        const message = arrived.shift()!
        if (message.kind === 'chunk') {
          yield message.chunk
          worker.postMessage({ kind: 'taken' } satisfies ToReassembler)
          continue
        }
        ended = true
        if (message.kind === 'failed') throw unpackError(message.error)
        return
      }
    } finally {
      worker.off('message', onMessage)
      worker.off('error', onError)
      worker.unref()
      // Left in the middle of a layer, by an error or a consumer that stopped: the thread's state is of no more use.
      if (!ended) await this.close()
      this.#busy = false
    }
  }

  async close(): Promise<void> {
    const worker = this.#worker
    this.#worker = undefined
    if (!worker) return
    const exited = once(worker, 'exit')
    void worker.terminate()
    await exited
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
