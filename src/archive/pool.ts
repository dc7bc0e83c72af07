// Layers side by side: each large one in a worker thread, since unpacking is synchronous work; small ones here, where
// they are done before a thread would have started. Jobs start in the order they are given; the longest first is the
// caller's business. A layer whose decoder takes as much memory as all else together has the threads to itself.

import os from 'node:os'
import type { Worker } from 'node:worker_threads'
import { type PackedError, unpackError } from '../errors.ts'
import { startPoolThread, threadEnded } from '../sys/start-thread.ts'
import { takesMuchMemory } from './decompress.ts'
import type { LayerJob, LayerResult } from './layer-job.ts'
import { applyLayerJob } from './pipeline.ts'
import { SMALL_WINDOW_BYTES } from './unzstd.ts'

export type ToWorker = { readonly kind: 'job'; readonly job: LayerJob } | { readonly kind: 'abort' }
export type FromWorker =
  | { readonly kind: 'progress'; readonly bytesDone: number }
  | { readonly kind: 'done'; readonly result: LayerResult }
  | { readonly kind: 'failed'; readonly error: PackedError }

export interface RunOptions {
  readonly signal?: AbortSignal
  /** Bytes of the blob read so far; at most ten times a second. */
  readonly onProgress?: (bytesDone: number) => void
}

/** Starting a thread and loading the native module in it takes as long as this much of a layer. */
const INLINE_BYTES_MAX = 4 << 20

interface Task {
  readonly job: LayerJob
  /** It runs when no other does. */
  readonly isAlone: boolean
  readonly options: RunOptions
  readonly resolve: (result: LayerResult) => void
  readonly reject: (reason: unknown) => void
}

export class LayerPool implements AsyncDisposable {
  readonly #size: number
  readonly #idle: Worker[] = []
  readonly #all = new Set<Worker>()
  readonly #queue: Task[] = []
  readonly #running = new Int32Array(new SharedArrayBuffer(4))
  #inline: Promise<unknown> = Promise.resolve()
  #runsAlone = false
  #closed = false

  /** @param options.workers threads at most; default as many as there are cores */
  constructor(options: { workers?: number } = {}) {
    this.#size = Math.max(1, options.workers ?? os.availableParallelism())
  }

  /** @throws what applyLayerJob throws; the signal's reason, once the layer's directory is not touched any more */
  run(layer: LayerJob, options: RunOptions = {}): Promise<LayerResult> {
    if (this.#closed) return Promise.reject(new Error('run() on a closed LayerPool'))
    if (options.signal?.aborted) return Promise.reject(options.signal.reason as Error)
    const isAlone = takesMuchMemory(layer.blob)
    const job: LayerJob = {
      ...layer,
      running: this.#running.buffer,
      ...(!isAlone && { windowBytesMax: SMALL_WINDOW_BYTES }),
    }
    if (!isAlone && job.blob.sizeBytes < INLINE_BYTES_MAX) {
      // One after the other: together they would only take turns, each with its buffers.
      const result = this.#inline.then(() => applyLayerJob(job, options))
      this.#inline = result.catch(() => {})
      return result
    }
    return new Promise((resolve, reject) => {
      this.#queue.push({ job, isAlone, options, resolve, reject })
      this.#next()
    })
  }

  /** Ends the threads; jobs that still run fail. */
  async close(): Promise<void> {
    this.#closed = true
    for (const task of this.#queue.splice(0)) task.reject(new Error('the LayerPool was closed'))
    await Promise.all([...this.#all].map((worker) => worker.terminate()))
    await this.#inline
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #next(): void {
    while (this.#queue.length > 0 && !this.#closed) {
      const { isAlone } = this.#queue[0]!
      const running = this.#all.size - this.#idle.length
      if (running > 0 && (isAlone || this.#runsAlone)) return
      const worker = this.#idle.pop() ?? (this.#all.size < this.#size ? this.#start() : undefined)
      if (!worker) return
      const task = this.#queue.shift()!
      if (task.options.signal?.aborted) {
        this.#idle.push(worker)
        task.reject(task.options.signal.reason)
        continue
      }
      this.#runsAlone = isAlone
      if (isAlone) this.#endIdle()
      this.#give(worker, task)
    }
  }

  /** Each thread has some 15 MB of its own. */
  #endIdle(): void {
    for (const worker of this.#idle.splice(0)) {
      this.#all.delete(worker)
      void worker.terminate()
    }
  }

  #start(): Worker {
    const script = new URL('./worker.js', import.meta.url)
    const worker = startPoolThread(script, this.#all, this.#idle)
    // An idle pool must not keep the process alive.
    worker.unref()
    return worker
  }

  #give(worker: Worker, { job, options, resolve, reject }: Task): void {
    const { signal, onProgress } = options
    const post = (message: ToWorker): void => worker.postMessage(message)
    const abort = (): void => post({ kind: 'abort' })
    Atomics.add(this.#running, 0, 1)
    const settle = (usable: boolean, report: () => void): void => {
      Atomics.sub(this.#running, 0, 1)
      signal?.removeEventListener('abort', abort)
      worker.removeListener('message', onMessage)
      worker.removeListener('error', onError)
      worker.removeListener('exit', onExit)
      worker.unref()
      if (usable) this.#idle.push(worker)
      else this.#all.delete(worker)
      report()
      this.#next()
    }
    const onMessage = (message: FromWorker): void => {
      if (message.kind === 'progress') onProgress?.(message.bytesDone)
      else if (message.kind === 'done') settle(true, () => resolve(message.result))
      else settle(true, () => reject(signal?.aborted ? signal.reason : unpackError(message.error)))
    }
    // A bug, or memory ran out: the thread is gone.
    const onError = (error: unknown): void => settle(false, () => reject(error))
    const onExit = (code: number): void => {
      const closed = this.#closed && new Error('the LayerPool was closed')
      settle(false, () =>
        reject(closed || threadEnded(`${job.action ?? 'load'} ${job.label}`, code)),
      )
    }
    worker.on('message', onMessage)
    worker.once('error', onError)
    worker.once('exit', onExit)
    worker.ref()
    signal?.addEventListener('abort', abort)
    post({ kind: 'job', job })
    if (signal?.aborted) abort()
  }
}
