// Threads of this library. What they run is not known here.

import { Worker, type WorkerOptions } from 'node:worker_threads'
import { HostError } from '../errors.ts'

/**
 * A thread without the flags that the program was started with: a loader for TypeScript, or one that watches, is for the
 * program's own code, and would be loaded anew in each thread, which takes longer than most of what threads do here.
 * Whoever waits for its messages listens to its `error` and `exit` too: a thread may end without having said anything.
 * @param module a file of this library
 */
export function startThread(module: URL | string, options: WorkerOptions = {}): Worker {
  return new Worker(module, { ...options, execArgv: [] })
}

/**
 * One of several that take what comes. It is in `all` while it runs, and whoever has nothing for it puts it into `idle`;
 * its end takes it out of both, since it would never answer.
 */
export function startPoolThread(module: URL, all: Set<Worker>, idle: Worker[]): Worker {
  const worker = startThread(module)
  all.add(worker)
  worker.once('exit', () => {
    all.delete(worker)
    const place = idle.indexOf(worker)
    if (place >= 0) idle.splice(place, 1)
  })
  return worker
}

/**
 * The one thing that a thread is started for: its first message.
 * @param action what could not be done, as `hostError` has it: `mount /a/b`
 * @throws HostError where it ends without one; whatever it throws
 */
export function askThread<Answer>(
  action: string,
  module: URL | string,
  options: WorkerOptions = {},
): Promise<Answer> {
  const worker = startThread(module, options)
  return new Promise((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
    // After all that it has said: Node empties its port first.
    worker.once('exit', (code) => reject(threadEnded(action, code)))
  })
}

/** Of a thread that was ended from outside, or by a library in it: what it lacked is not known, so the remedy is to repeat. */
export function threadEnded(action: string, code: number): HostError {
  return new HostError(
    'ERR_HOST',
    `cannot ${action}: the thread for it ended without an answer (exit code ${code}); try again, and report it if it happens twice`,
    { details: { exitCode: code } },
  )
}
