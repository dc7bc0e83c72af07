// Runs inputs in a thread and watches it: an input that takes too long, or ends the thread, is a finding like any other.

import { Worker } from 'node:worker_threads'
import {
  BOARD_BYTES,
  INPUT_BYTES_MAX,
  MEMORY_BYTES_MAX,
  type RunOrder,
  type RunReport,
} from './run-inputs.ts'

/** What one input may take, and a little for a machine that is busy. */
const HANG_MS = 5000
const LOOK_MS = 250

export interface Finding {
  readonly input: Buffer
  readonly why: string
}

export interface Watched {
  readonly runs: number
  readonly blocks: number
  readonly found: readonly Buffer[]
  readonly findings: readonly Finding[]
}

/** To its end, or to the first input that does not end. */
export async function watchRun(
  order: Omit<RunOrder, 'board'>,
  hangMs: number = HANG_MS,
): Promise<Watched> {
  const board = new SharedArrayBuffer(BOARD_BYTES + INPUT_BYTES_MAX)
  const counts = new Int32Array(board, 0, 2)
  const worker = new Worker(new URL('./run-inputs.js', import.meta.url), {
    workerData: { ...order, board } satisfies RunOrder,
    // tap's loader has no part in this, and takes longer to load than a target.
    execArgv: [],
    env: { ...process.env, NODE_OPTIONS: '' },
    resourceLimits: { maxOldGenerationSizeMb: (2 * MEMORY_BYTES_MAX) / 2 ** 20 },
  })
  const findings: Finding[] = []
  const current = (): Buffer =>
    Buffer.from(new Uint8Array(board, BOARD_BYTES, Atomics.load(counts, 1)))
  let last = -1
  let since = performance.now()
  return new Promise((resolve) => {
    let result: Watched = { runs: 0, blocks: 0, found: [], findings }
    const end = (why?: string): void => {
      clearInterval(timer)
      if (why !== undefined) findings.push({ input: current(), why })
      const runs = result.runs || Atomics.load(counts, 0) >> 1
      void worker.terminate().then(() => resolve({ ...result, runs }))
    }
    const timer = setInterval(() => {
      const now = Atomics.load(counts, 0)
      const isRunning = (now & 1) === 1
      if (now !== last || !isRunning) {
        last = now
        since = performance.now()
      } else if (performance.now() - since > hangMs) {
        end(`it does not end within ${hangMs / 1000} s`)
      }
    }, LOOK_MS)
    worker.on('message', (message: RunReport) => {
      if (message.kind === 'finding') {
        findings.push({ input: Buffer.from(message.input), why: message.why })
        return
      }
      const { runs, blocks, found } = message
      result = { runs, blocks, found: found.map((each) => Buffer.from(each)), findings }
      end()
    })
    worker.once('error', (error) => end(`it ended the thread: ${error.stack ?? error.message}`))
    worker.once('exit', (code) => {
      if (code !== 0 && result.runs === 0) end(`it ended the thread with ${code}`)
    })
  })
}
