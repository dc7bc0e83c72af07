// Threads of this library. What they run is not known here.

import { Worker, type WorkerOptions } from 'node:worker_threads'

/**
 * A thread without the flags that the program was started with: a loader for TypeScript, or one that watches, is for the
 * program's own code, and would be loaded anew in each thread, which takes longer than most of what threads do here.
 * @param module a file of this library
 */
export function startThread(module: URL | string, options: WorkerOptions = {}): Worker {
  return new Worker(module, { ...options, execArgv: [] })
}
