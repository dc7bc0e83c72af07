// What has to be undone however a run ends: daemons stopped, mounts taken away, directories removed. The last thing
// made goes first. Knows the order and the signals; not what the things are.
//
// A signal ends the program that is being measured and makes the next step throw; the run then comes down the way it
// does after any failure, so that nothing is started while other things are being undone.

import type { ChildProcess } from 'node:child_process'

type Undo = () => Promise<void> | void

const pending: { readonly what: string; readonly undo: Undo }[] = []
/** Process groups of this benchmark's own, by their leaders: nobody else's are ever ended. */
const running = new Set<number>()
let interrupted: Interrupted | undefined

export class Interrupted extends Error {
  readonly exitCode: number

  constructor(signal: 'SIGINT' | 'SIGTERM') {
    super(`interrupted by ${signal}`)
    this.name = 'Interrupted'
    this.exitCode = signal === 'SIGINT' ? 130 : 143
  }
}

/** @returns undoes it now, once; also when it fails it is not tried again */
export function onEnd(what: string, undo: Undo): () => Promise<void> {
  const entry = { what, undo }
  pending.push(entry)
  return async () => {
    const at = pending.indexOf(entry)
    if (at < 0) return
    pending.splice(at, 1)
    await undo()
  }
}

/**
 * To be called with each child that a signal shall end: one that was spawned `detached`, so that it leads a group of its
 * own and what it started (GNU time starts the program that it measures) ends with it.
 * @returns to be called when it has ended
 */
export function whileRunning({ pid }: ChildProcess): () => void {
  if (pid === undefined) return () => {}
  running.add(pid)
  return () => running.delete(pid)
}

/** Why the run comes down, whatever it then fails with. */
export function interruption(): Interrupted | undefined {
  return interrupted
}

/** @throws Interrupted once a signal came: called before anything that takes long */
export function throwIfInterrupted(): void {
  if (interrupted !== undefined) throw interrupted
}

/** Undoes everything that is left. One failure does not keep the others from being undone. */
export async function undoAll(): Promise<void> {
  for (let entry = pending.pop(); entry; entry = pending.pop()) {
    try {
      await entry.undo()
    } catch (error) {
      process.stderr.write(`bench: could not undo ${entry.what}: ${(error as Error).message}\n`)
    }
  }
}

/** From here on SIGINT and SIGTERM end the run, and its traces with it. */
export function interruptOnSignals(): void {
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      // Whoever asks twice gets no less tidy an end: daemons would stay behind.
      if (interrupted !== undefined) return
      interrupted = new Interrupted(name)
      process.stderr.write(`\nbench: ${name}, taking down what was started\n`)
      for (const leader of running) {
        try {
          process.kill(-leader, 'SIGTERM')
        } catch {
          // It has ended by itself.
        }
      }
    })
  }
}
