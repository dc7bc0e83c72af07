// A worker thread that measures, rebuilds and writes layers' tars, one job at a time. See reassembly-pool.ts.

import { parentPort } from 'node:worker_threads'
import { packError } from '../errors.ts'
import { layerTar, writeLayerTar } from './reassemble.ts'
import {
  CHUNKS_AHEAD,
  type FromReassembler,
  type GivenJob,
  type ToReassembler,
} from './reassembly-pool.ts'
import { splitTotals } from './split-totals.ts'

const PROGRESS_MS = 100

/** Chunks that the owner has not asked beyond yet. */
let ahead = 0
let wake: (() => void) | undefined

parentPort!.on('message', (message: ToReassembler) => {
  if (message.kind === 'taken') {
    ahead--
    wake?.()
  } else {
    void run(message)
  }
})

function say(message: FromReassembler, transfer: ArrayBuffer[] = []): void {
  parentPort!.postMessage(message, transfer)
}

async function run(job: GivenJob): Promise<void> {
  try {
    if (job.kind === 'measure') {
      say({ kind: 'measured', totals: await splitTotals(job.splitPath, stoppable(job)) })
    } else if (job.kind === 'write') {
      await write(job)
      say({ kind: 'end' })
    } else {
      await rebuild(job)
      say({ kind: 'end' })
    }
  } catch (error) {
    say({ kind: 'failed', error: packError(error) })
  }
}

/** Called for each chunk: throws when the owner wants no more. */
function stoppable({ stop }: GivenJob): () => void {
  return () => {
    if (Atomics.load(stop, 0) === 1) throw new Error('stopped')
  }
}

async function rebuild(job: Extract<GivenJob, { kind: 'rebuild' }>): Promise<void> {
  const check = stoppable(job)
  ahead = 0
  for await (const chunk of layerTar(job.source)) {
    ahead++
    say({ kind: 'chunk', chunk }, [chunk.buffer as ArrayBuffer])
    check()
    while (ahead >= CHUNKS_AHEAD) await new Promise<void>((resolve) => (wake = resolve))
  }
}

async function write(job: Extract<GivenJob, { kind: 'write' }>): Promise<void> {
  const { source, target, running, cores } = job
  const count = new Int32Array(running)
  const check = stoppable(job)
  let told = Date.now()
  await writeLayerTar(source, target, {
    // Where every core has a layer of its own, another thread would only cost.
    hashElsewhere: () => Atomics.load(count, 0) < cores,
    onProgress: (doneBytes) => {
      check()
      const now = Date.now()
      if (now - told < PROGRESS_MS) return
      told = now
      say({ kind: 'progress', doneBytes })
    },
  })
}
