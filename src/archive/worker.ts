// A worker thread of the layer pool: one job at a time, answers as plain data. See pool.ts for the messages.

import { parentPort } from 'node:worker_threads'
import { packError } from '../errors.ts'
import { applyLayerJob } from './pipeline.ts'
import type { FromWorker, ToWorker } from './pool.ts'

const PROGRESS_MS = 100

let abort: AbortController | undefined

function say(message: FromWorker): void {
  parentPort!.postMessage(message)
}

parentPort!.on('message', (message: ToWorker) => {
  if (message.kind === 'abort') abort?.abort()
  else void run(message)
})

async function run({ job }: Extract<ToWorker, { kind: 'job' }>): Promise<void> {
  abort = new AbortController()
  let told = Date.now()
  try {
    const result = await applyLayerJob(job, {
      signal: abort.signal,
      onProgress: (bytesDone) => {
        const now = Date.now()
        if (now - told < PROGRESS_MS) return
        told = now
        say({ kind: 'progress', bytesDone })
      },
    })
    say({ kind: 'done', result })
  } catch (error) {
    say({ kind: 'failed', error: packError(error) })
  } finally {
    abort = undefined
  }
}
