// Runs a target on one input after the other, in a thread of its own: guided by coverage, or over a given list. What it
// is about to run stands in shared memory, so that whoever watches knows the input also when this thread never answers.

import { parentPort, workerData } from 'node:worker_threads'
import { Coverage } from './coverage.ts'
import { mutate } from './mutate.ts'
import { Random } from './random.ts'
import type { FuzzTarget } from './target.ts'
import { targetNamed } from './targets.ts'

export const INPUT_BYTES_MAX: number = 1 << 18
/** What one input may take of memory, as long as it runs. */
export const MEMORY_BYTES_MAX: number = 250 * 2 ** 20
/** Of the shared memory, before the input: how many inputs were begun (0 in the low bit: none is running), its length. */
export const BOARD_BYTES = 8

export interface RunOrder {
  readonly target: string
  readonly seed: number
  /** Of guided running. 0: `inputs`, and `changed` inputs made of them, which are the same ones every time. */
  readonly seconds: number
  readonly changed?: number
  /** To begin with, or to run. */
  readonly inputs: readonly Uint8Array[]
  readonly board: SharedArrayBuffer
}

export type RunReport =
  | { readonly kind: 'finding'; readonly input: Uint8Array; readonly why: string }
  | {
      readonly kind: 'done'
      readonly runs: number
      readonly blocks: number
      /** Inputs that reached what none before them did, beside those given. */
      readonly found: readonly Uint8Array[]
    }

/** A corpus that grew beyond this gains nothing from more. */
const CORPUS_MAX = 2000
const FINDINGS_MAX = 20
const BATCH_MS = 20

class Runner {
  readonly #target: FuzzTarget
  readonly #board: Int32Array
  readonly #bytes: Uint8Array
  readonly #told = new Set<string>()
  runs = 0

  constructor(order: RunOrder, target: FuzzTarget) {
    this.#target = target
    this.#board = new Int32Array(order.board, 0, 2)
    this.#bytes = new Uint8Array(order.board, BOARD_BYTES)
  }

  get hasEnough(): boolean {
    return this.#told.size >= FINDINGS_MAX
  }

  async run(input: Buffer): Promise<void> {
    const kept = input.subarray(0, INPUT_BYTES_MAX)
    this.#bytes.set(kept)
    Atomics.store(this.#board, 1, kept.length)
    Atomics.store(this.#board, 0, this.runs * 2 + 1)
    const before = process.memoryUsage.rss()
    try {
      // A copy: nothing may be kept of an input, or written into it.
      await this.#target.run(Buffer.from(kept))
      const taken = process.memoryUsage.rss() - before
      if (taken > MEMORY_BYTES_MAX) this.#tell(kept, new Error(`it took ${taken} bytes of memory`))
    } catch (error) {
      this.#tell(kept, error)
    } finally {
      this.runs++
      Atomics.store(this.#board, 0, this.runs * 2)
    }
  }

  /** One report for what comes from one place. */
  #tell(input: Uint8Array, error: unknown): void {
    const why = error instanceof Error ? (error.stack ?? error.message) : String(error)
    const place = why.split('\n').find((line) => line.includes('/dist/')) ?? ''
    const kind = `${error instanceof Error ? error.name : ''} ${place} ${why.slice(0, 40)}`
    if (this.#told.has(kind)) return
    this.#told.add(kind)
    report({ kind: 'finding', input: new Uint8Array(input), why })
  }
}

function report(message: RunReport): void {
  parentPort?.postMessage(message)
}

async function runOrder(order: RunOrder): Promise<void> {
  const target = targetNamed(order.target)
  const runner = new Runner(order, target)
  const given = order.inputs.map((input) => Buffer.from(input))
  // Told last: who hears it ends this thread.
  let done: RunReport | undefined
  try {
    if (order.seconds > 0) {
      done = await guided(order, target, runner, given)
      return
    }
    for (const input of given) await runner.run(input)
    const random = new Random(order.seed)
    for (let left = order.changed ?? 0; left > 0; left--) {
      await runner.run(nextInput(target, given, random))
    }
    done = { kind: 'done', runs: runner.runs, blocks: 0, found: [] }
  } finally {
    await target.close?.()
    if (done !== undefined) report(done)
  }
}

async function guided(
  order: RunOrder,
  target: FuzzTarget,
  runner: Runner,
  given: readonly Buffer[],
): Promise<RunReport> {
  using coverage = new Coverage()
  const random = new Random(order.seed)
  const corpus: Buffer[] = [...given]
  const found: Buffer[] = []
  for (const input of given) await runner.run(input)
  coverage.fresh(true)
  const deadline = performance.now() + order.seconds * 1000
  while (performance.now() < deadline && !runner.hasEnough) {
    const batch: Buffer[] = []
    const end = performance.now() + BATCH_MS
    do {
      const input = nextInput(target, corpus, random)
      batch.push(input)
      await runner.run(input)
    } while (performance.now() < end)
    if (coverage.fresh(false) === 0) continue
    // Something in the batch was new; once more, one by one, to know which.
    for (const input of batch) {
      await runner.run(input)
      if (coverage.fresh(true) === 0) continue
      found.push(input)
      if (corpus.length < CORPUS_MAX) corpus.push(input)
      else corpus[random.below(corpus.length)] = input
    }
  }
  return { kind: 'done', runs: runner.runs, blocks: coverage.blocks, found }
}

function nextInput(target: FuzzTarget, corpus: readonly Buffer[], random: Random): Buffer {
  const { words, bytesMax } = target
  // Late finds are the interesting ones: half of the time one of the last fifty.
  const from = random.once(2) ? corpus : corpus.slice(-50)
  let input = random.pick(from)
  if (target.edit !== undefined && !random.once(4)) {
    for (let left = 1 + random.below(3); left > 0; left--) input = target.edit(input, random)
  }
  if (target.edit === undefined || random.once(2)) {
    input = mutate(input, random, { words, others: corpus, bytesMax })
  }
  input = input.subarray(0, bytesMax)
  return target.mend?.(input, random) ?? input
}

if (parentPort !== null) await runOrder(workerData as RunOrder)
