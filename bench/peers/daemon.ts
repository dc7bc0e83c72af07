// A daemon on a root, a state directory and a socket of its own, started before a measurement and stopped after it.
// Knows how to start one, wait for it and stop it, by its own handle; not what it serves.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { onEnd, throwIfInterrupted } from '../cleanup.ts'
import { failure, plainEnvironment } from '../programs.ts'

export interface Daemon {
  readonly pid: number
  stop(): Promise<void>
}

const READY_MS = 60_000
const STOP_MS = 30_000

/**
 * @param log a file for what it says
 * @param isReady asked until it says yes
 * @throws Error with the end of the log, when it does not come up
 */
export async function startDaemon(
  file: string,
  args: readonly string[],
  log: string,
  isReady: () => boolean,
): Promise<Daemon> {
  throwIfInterrupted()
  const fd = fs.openSync(log, 'w')
  const child = spawn(file, args, { env: plainEnvironment(), stdio: ['ignore', fd, fd] })
  fs.closeSync(fd)
  const gone = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })
  const stop = onEnd(file, async () => {
    child.kill('SIGTERM')
    const timeout = sleep(STOP_MS, 'late' as const, { ref: false })
    if ((await Promise.race([gone, timeout])) === 'late') {
      child.kill('SIGKILL')
      await gone
    }
  })
  await Promise.race([once(child, 'spawn'), gone])
  for (const deadline = Date.now() + READY_MS; !isReady();) {
    if (child.pid === undefined || child.exitCode !== null || Date.now() > deadline) {
      await stop()
      throw new Error(failure(file, [], 'no answer', fs.readFileSync(log)))
    }
    await sleep(50)
  }
  return { pid: child.pid!, stop }
}
