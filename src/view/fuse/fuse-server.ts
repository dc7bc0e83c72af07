// The process behind one FUSE mount: mounts, starts the thread that serves, tells whoever started it, and goes on
// until the mount is taken away or a signal asks for it. Never resolves a path under its own mount: it would wait for
// itself.

import fs from 'node:fs'
import path from 'node:path'
import { InvalidArgumentError, packError, type PackedError } from '../../errors.ts'
import { isWithin } from '../../path/within.ts'
import { close } from '../../sys/file-calls.ts'
import { mountFuse, readFarAhead, unmountFuse, watchMount } from '../../sys/fuse-device.ts'
import type { ServerGreeting } from '../../sys/start-server.ts'
import { openPrivately } from '../../sys/private-directory.ts'
import { startThread, threadEnded } from '../../sys/start-thread.ts'
import type { FuseConfig, FuseWorkerData } from './config.ts'
import { inlineLess } from './inline-less.ts'

/** How long a mount that somebody is in may go on after it was asked to end. */
const LINGER_MS = 3_000

/** Layers by descriptors that are open before the mount is made: it may be made over one of them, above or in one. */
function heldLayers(config: FuseConfig): FuseConfig {
  const { lowers, upper } = config
  const held = upper && holdUpper(config, upper)
  return {
    ...config,
    lowers: lowers.map((directory) => holdPrivately(directory) ?? holdOpen(config, directory)),
    ...(held && upper ? { upper: { ...held, called: upper } } : {}),
  }
}

/** With a last part that is no link, as who follows none wants it. */
function placeOf(fd: number, inside = ''): string {
  return path.join(`/proc/self/fd/${fd}`, inside) + '/.'
}

function holdPrivately(directory: string): string | undefined {
  const fd = openPrivately(directory)
  return fd < 0 ? undefined : placeOf(fd)
}

/** For whoever may not mount privately. Whoever looked into the place of the mount itself would wait for this server. */
function holdOpen({ target }: FuseConfig, directory: string): string {
  if (target !== directory && isWithin(target, directory)) {
    throw new InvalidArgumentError(
      'ERR_OPTION',
      `cannot take ${target} for the mount point: it lies in ${directory}, and a FUSE server without the right to mount cannot look around its own mount`,
      { details: { path: target } },
    )
  }
  if (!isWithin(directory, target)) return directory
  return placeOf(fs.openSync(directory, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY))
}

/** Both in one: from one mount to another nothing can be renamed (EXDEV). */
function holdUpper(config: FuseConfig, upper: NonNullable<FuseConfig['upper']>): typeof upper {
  const { directory, work } = upper
  let common = directory
  while (!isWithin(work, common)) common = path.dirname(common)
  const fd = openPrivately(common)
  if (fd >= 0) {
    const inside = (place: string): string => placeOf(fd, path.relative(common, place))
    const isSame = (place: string): boolean => {
      const status = fs.statSync(place)
      const held = fs.statSync(inside(place), { throwIfNoEntry: false })
      return held?.dev === status.dev && held.ino === status.ino
    }
    // They may lie on a file system that is mounted further down.
    if (isSame(directory) && isSame(work))
      return { directory: inside(directory), work: inside(work) }
    close(fd)
  }
  return { directory: holdOpen(config, directory), work: holdOpen(config, work) }
}

/** Resolves when it is said: a process that ends sooner may take its last words with it. */
function greet(greeting: ServerGreeting): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined) return resolve()
    process.send(greeting, () => {
      if (process.connected) process.disconnect()
      resolve()
    })
  })
}

async function serveConfig(given: FuseConfig): Promise<void> {
  // Whoever makes something has taken off what his own umask says, and what is made has the rest by the call that makes it.
  process.umask(0)
  const config = heldLayers(given)
  const { target, upper, asRoot } = config
  // Asked for before there is a mount: a signal that came in between would end this process and leave a mount that nobody
  // serves. It is heard once this waits: by then there is what it stops, or the mount was refused and we end anyway.
  let stop = (): void => {}
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => stop())
  const device = mountFuse({ ...config, readOnly: upper === undefined })
  const watcher = watchMount(target, asRoot)
  const data: FuseWorkerData = { config, device }
  const worker = startThread(new URL('./fuse-worker.js', import.meta.url), {
    workerData: data,
    // A walk leaves many small things that stay: in a small nursery they would be copied again and again.
    resourceLimits: { maxYoungGenerationSizeMb: 64 },
  })
  const gone = new Promise<number>((resolve) => worker.once('exit', resolve))
  let isAsked = false
  let told: Promise<void> | undefined
  stop = (): void => {
    isAsked = true
    unmountFuse(target, { lazy: true })
    watcher?.release()
    // The thread cannot be interrupted while it waits for the last ones to leave; what they wrote is in the upper layer.
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), LINGER_MS).unref()
  }
  const fail = (error: PackedError): void => {
    // First: whoever hears of it looks at the directory next.
    stop()
    told = greet({ failed: error })
    process.exitCode = 1
  }
  worker.on('message', (message: ServerGreeting) => {
    if ('failed' in message) return fail(message.failed)
    if (asRoot) readFarAhead(target)
    told = greet(message)
  })
  worker.on('error', (error) => fail(packError(error)))
  const code = await gone
  // A mount that nobody serves answers ENOTCONN for ever. One that ends as it should has code 0 and greeted before.
  if (!isAsked && (code !== 0 || told === undefined)) {
    fail(packError(threadEnded(`serve ${target}`, code)))
  }
  await told
  watcher?.release()
  close(device)
}

// Before there is a thread: what it compiles goes by what the process was told.
inlineLess()
process.once('message', (config) => {
  serveConfig(config as FuseConfig).then(
    () => process.exit(),
    (error: unknown) => {
      process.exitCode = 1
      return greet({ failed: packError(error) })
    },
  )
})
