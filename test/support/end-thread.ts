// The next thread that this process starts ends before it has done anything, as one that is ended from outside.

import type { Worker } from 'node:worker_threads'

export function endNextThread(): Promise<Worker> {
  return new Promise((resolve) => {
    process.once('worker', (worker) => {
      void worker.terminate()
      resolve(worker)
    })
  })
}
