// The process behind one FUSE mount: mounts, starts the thread that serves, tells whoever started it, and goes on
// until the mount is taken away or a signal asks for it. Never resolves a path under its own mount: it would wait for
// itself.

import fs from 'node:fs'
import { packError, type PackedError } from '../../errors.ts'
import { close } from '../../sys/file-calls.ts'
import { mountFuse, readFarAhead, unmountFuse, watchMount } from '../../sys/fuse-device.ts'
import type { ServerGreeting } from '../../sys/start-server.ts'
import { startThread } from '../../sys/start-thread.ts'
import type { FuseConfig, FuseWorkerData } from './config.ts'

/** How long a mount that somebody is in may go on after it was asked to end. */
const LINGER_MS = 3_000

/**
 * Layers that the mount is going to cover (it is made over one of them, or above), by descriptors that are open before:
 * whoever opened them by name afterwards would wait for this server.
 */
function uncovered(config: FuseConfig): FuseConfig {
  const { target, lowers, upper } = config
  const placeOf = (directory: string): string => {
    if (!`${directory}/`.startsWith(`${target}/`)) return directory
    const fd = fs.openSync(directory, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY)
    // With a last part that is no link, as who follows none wants it.
    return `/proc/self/fd/${fd}/.`
  }
  return {
    ...config,
    lowers: lowers.map(placeOf),
    ...(upper === undefined
      ? {}
      : { upper: { directory: placeOf(upper.directory), work: placeOf(upper.work) } }),
  }
}

function greet(greeting: ServerGreeting): void {
  process.send?.(greeting, () => {
    if (process.connected) process.disconnect()
  })
}

async function serveConfig(given: FuseConfig): Promise<void> {
  const config = uncovered(given)
  const { target, upper, asRoot } = config
  const device = mountFuse({ ...config, readOnly: upper === undefined })
  const watcher = watchMount(target, asRoot)
  const data: FuseWorkerData = { config, device }
  const worker = startThread(new URL('./fuse-worker.js', import.meta.url), {
    workerData: data,
    // A walk leaves many small things that stay: in a small nursery they would be copied again and again.
    resourceLimits: { maxYoungGenerationSizeMb: 64 },
  })
  const gone = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
  const stop = (): void => {
    unmountFuse(target, { lazy: true })
    watcher?.release()
    // The thread cannot be interrupted while it waits for the last ones to leave; what they wrote is in the upper layer.
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), LINGER_MS).unref()
  }
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, stop)
  const fail = (error: PackedError): void => {
    greet({ failed: error })
    stop()
    process.exitCode = 1
  }
  worker.on('message', (message: ServerGreeting) => {
    if ('failed' in message) return fail(message.failed)
    if (asRoot) readFarAhead(target)
    greet(message)
  })
  worker.on('error', (error) => fail(packError(error)))
  await gone
  watcher?.release()
  close(device)
}

process.once('message', (config) => {
  serveConfig(config as FuseConfig).then(
    () => process.exit(),
    (error: unknown) => {
      greet({ failed: packError(error) })
      process.exitCode = 1
    },
  )
})
