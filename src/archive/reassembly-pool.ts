// Worker threads that measure layers' tars, rebuild them for a reader, or write them side by side into one file.
// Small layers are done here, since they are done before a thread would have started.

import fs from 'node:fs'
import { availableParallelism } from 'node:os'
import type { Worker } from 'node:worker_threads'
import { type PackedError, unpackError } from '../errors.ts'
import { startPoolThread, threadEnded } from '../sys/start-thread.ts'
import { layerTar, writeLayerTar, type LayerTarSource, type TarTarget } from './reassemble.ts'
import { splitTotals, type SplitTotals } from './split-totals.ts'

/** How far the thread may be ahead of its owner, in chunks of a MiB: enough to even out both, and a bound on memory. */
export const CHUNKS_AHEAD = 16

const INLINE_TAR_BYTES_MAX = 4 << 20
/** Compressed; as JSON some twenty times as much. */
const INLINE_SPLIT_BYTES_MAX = 64 << 10
/** Each thread takes some 40 MB. */
const THREADS_MAX = 4

export type Job =
  | { readonly kind: 'measure'; readonly splitPath: string }
  | { readonly kind: 'rebuild'; readonly source: LayerTarSource }
  | {
      readonly kind: 'write'
      readonly source: LayerTarSource
      readonly target: TarTarget
      /** An Int32: how many layers are being written. */
      readonly running: SharedArrayBuffer
      readonly cores: number
    }
/** `stop` becomes 1 when nobody wants the result any more: to be looked at for each chunk. */
export type GivenJob = Job & { readonly stop: Int32Array }
export type ToReassembler = GivenJob | { readonly kind: 'taken' }
export type FromReassembler =
  | { readonly kind: 'measured'; readonly totals: SplitTotals }
  | { readonly kind: 'progress'; readonly doneBytes: number }
  | { readonly kind: 'chunk'; readonly chunk: Uint8Array }
  | { readonly kind: 'end' }
  | { readonly kind: 'failed'; readonly error: PackedError }

const ENDS: ReadonlySet<FromReassembler['kind']> = new Set<FromReassembler['kind']>([
  'measured',
  'end',
  'failed',
])

export interface WriteOptions {
  readonly signal?: AbortSignal
  readonly onProgress?: (doneBytes: number) => void
}

export class ReassemblyPool implements AsyncDisposable {
  readonly #cores: number = availableParallelism()
  readonly #all = new Set<Worker>()
  readonly #idle: Worker[] = []
  readonly #jobs = new Set<{ stop(): void; over: Promise<void> }>()
  readonly #waiting: { resolve(worker: Worker): void; reject(reason: Error): void }[] = []
  #isClosed = false
  readonly #running = new SharedArrayBuffer(4)
  #isStreaming = false

  /** How long a layer's tar is. @throws IntegrityError ERR_SPLIT_CORRUPT */
  async measure(splitPath: string): Promise<SplitTotals> {
    const { size } = fs.statSync(splitPath, { throwIfNoEntry: false }) ?? { size: 0 }
    if (size <= INLINE_SPLIT_BYTES_MAX) return splitTotals(splitPath)
    const worker = await this.#take()
    for await (const message of this.#messages(worker, { kind: 'measure', splitPath })) {
      if (message.kind === 'measured') return message.totals
    }
    throw new Error('a thread ended without an answer')
  }

  /**
   * As writeLayerTar, beside others: as many as there are cores, in the order of the calls.
   * @throws the signal's reason as well; then, as after any failure, the file may have been written to
   */
  async write(
    source: LayerTarSource,
    target: TarTarget,
    { signal, onProgress }: WriteOptions = {},
  ): Promise<void> {
    const running = new Int32Array(this.#running)
    if (target.tarBytes < INLINE_TAR_BYTES_MAX) return writeLayerTar(source, target)
    const worker = await this.#take()
    if (signal?.aborted) {
      // Others wait for it, and whoever wants to end waits for them.
      this.#free(worker)
      throw signal.reason
    }
    const job: Job = {
      kind: 'write',
      source,
      target,
      running: this.#running,
      cores: this.#cores,
    }
    Atomics.add(running, 0, 1)
    try {
      for await (const message of this.#messages(worker, job, signal)) {
        if (message.kind === 'progress') onProgress?.(message.doneBytes)
      }
    } finally {
      Atomics.sub(running, 0, 1)
    }
  }

  /**
   * As layerTar. One large layer at a time has a thread; a second that is opened meanwhile is rebuilt by its caller.
   * @param tarBytes how long the tar will be
   */
  open(source: LayerTarSource, tarBytes: number): AsyncIterable<Uint8Array> {
    return tarBytes < INLINE_TAR_BYTES_MAX || this.#isStreaming
      ? layerTar(source)
      : this.#rebuild(source)
  }

  async *#rebuild(source: LayerTarSource): AsyncGenerator<Uint8Array> {
    this.#isStreaming = true
    try {
      const worker = await this.#take()
      for await (const message of this.#messages(worker, { kind: 'rebuild', source })) {
        if (message.kind !== 'chunk') continue
        yield message.chunk
        worker.postMessage({ kind: 'taken' } satisfies ToReassembler)
      }
    } finally {
      this.#isStreaming = false
    }
  }

  /** A worker of one's own, until #messages has ended. */
  #take(): Promise<Worker> {
    if (this.#isClosed) return Promise.reject(new Error('the ReassemblyPool was closed'))
    const idle = this.#idle.pop()
    if (idle) return Promise.resolve(idle)
    if (this.#all.size >= Math.min(this.#cores, THREADS_MAX)) {
      return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
    }
    return Promise.resolve(this.#start())
  }

  #start(): Worker {
    const script = new URL('./reassemble-worker.js', import.meta.url)
    return startPoolThread(script, this.#all, this.#idle)
  }

  /** All that a worker says of one job, up to its end. Left before that, the job is stopped and its end awaited. */
  async *#messages(
    worker: Worker,
    job: Job,
    signal?: AbortSignal,
  ): AsyncGenerator<FromReassembler> {
    const arrived: FromReassembler[] = []
    let failure: { readonly reason: unknown } | undefined
    let wake = (): void => {}
    let isOver = false
    let isDead = false
    let end = (): void => {}
    const over = new Promise<void>((resolve) => {
      end = (): void => {
        isOver = true
        resolve()
        wake()
      }
    })
    const onMessage = (message: FromReassembler): void => {
      arrived.push(message)
      if (ENDS.has(message.kind)) end()
      else wake()
    }
    const onDeath = (reason: unknown): void => {
      isDead = true
      failure ??= { reason }
      end()
    }
    const onExit = (code: number): void => onDeath(threadEnded('give a layer back as a tar', code))
    worker.on('message', onMessage).once('error', onDeath).once('exit', onExit)
    const stop = (): void => {
      failure ??= { reason: signal?.reason ?? new Error('the ReassemblyPool was closed') }
      Atomics.store(flag, 0, 1)
      // It may be waiting for its reader.
      worker.postMessage({ kind: 'taken' } satisfies ToReassembler)
      wake()
    }
    const flag = new Int32Array(new SharedArrayBuffer(4))
    const running = { stop, over }
    this.#jobs.add(running)
    signal?.addEventListener('abort', stop)
    worker.ref()
    try {
      worker.postMessage({ ...job, stop: flag } satisfies ToReassembler)
      for (;;) {
        while (arrived.length === 0 && failure === undefined) {
          await new Promise<void>((resolve) => (wake = resolve))
        }
        if (failure !== undefined) throw failure.reason
        const message = arrived.shift()!
        if (message.kind === 'failed') throw unpackError(message.error)
        if (message.kind === 'end') return
        yield message
        if (isOver && arrived.length === 0) return
      }
    } finally {
      signal?.removeEventListener('abort', stop)
      if (!isOver) stop()
      await over
      this.#jobs.delete(running)
      worker.off('message', onMessage).off('error', onDeath).off('exit', onExit)
      worker.unref()
      if (isDead) this.#replace(worker)
      else this.#free(worker)
    }
  }

  #free(worker: Worker): void {
    const next = this.#waiting.shift()
    if (next) next.resolve(worker)
    else this.#idle.push(worker)
  }

  #replace(worker: Worker): void {
    this.#all.delete(worker)
    if (!this.#isClosed) this.#waiting.shift()?.resolve(this.#start())
  }

  /** Ends the threads; when it resolves, none of them writes any more. What is under way fails. */
  async close(): Promise<void> {
    this.#isClosed = true
    const closed = new Error('the ReassemblyPool was closed')
    for (const waiting of this.#waiting.splice(0)) waiting.reject(closed)
    // A thread that is ended while it loads or calls native code takes the process with it: none is, in a job.
    for (const job of this.#jobs) job.stop()
    await Promise.all([...this.#jobs].map(({ over }) => over))
    await Promise.all([...this.#all].map((worker) => worker.terminate()))
    this.#all.clear()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
