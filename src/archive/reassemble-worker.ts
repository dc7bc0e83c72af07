// A worker thread that rebuilds one layer's tar at a time and hands the chunks over. See reassembly-pool.ts.

import { parentPort } from 'node:worker_threads'
import { packError } from '../errors.ts'
import { layerTar } from './reassemble.ts'
import { CHUNKS_AHEAD, type FromReassembler, type ToReassembler } from './reassembly-pool.ts'

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

async function run({ source }: Extract<ToReassembler, { kind: 'rebuild' }>): Promise<void> {
  ahead = 0
  try {
    for await (const chunk of layerTar(source)) {
      ahead++
      say({ kind: 'chunk', chunk }, [chunk.buffer as ArrayBuffer])
      while (ahead >= CHUNKS_AHEAD) await new Promise<void>((resolve) => (wake = resolve))
    }
    say({ kind: 'end' })
  } catch (error) {
    say({ kind: 'failed', error: packError(error) })
  }
}
