// A program of its own, started by run-in-root.ts: goes into a root file system and runs one program there. Told what to
// do on file descriptor 3; says on 4 what kept it from starting the program. Ends with the program's exit code.
// Everything that it needs is loaded before the root changes: afterwards its own files are out of reach.

import { spawn } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { errnoName } from './errno.ts'
import { cText, checked, libc } from './libc.ts'
import { mountWritable } from './mount.ts'
import type { RootFailure, RootJob } from './run-in-root.ts'

const CLONE_FS = 0x200
const CLONE_NEWNS = 0x20000
const MS_NOSUID = 2
const MS_BIND = 4096
const MS_REC = 16384
const MS_PRIVATE = 1 << 18

/** What a shell cannot do without: `>/dev/null` would else make a file of that name in the layer. */
const DEVICES: readonly string[] = ['null', 'zero', 'full', 'random', 'urandom', 'tty']
const DEVICE_LINKS: readonly (readonly [string, string])[] = [
  ['fd', '/proc/self/fd'],
  ['stdin', '/proc/self/fd/0'],
  ['stdout', '/proc/self/fd/1'],
  ['stderr', '/proc/self/fd/2'],
]

class CallFailed extends Error {
  readonly errno: string

  constructor(what: string, result: number) {
    super(`${what}: ${errnoName(-result)}`)
    this.errno = errnoName(-result)
  }
}

function must(result: number, what: string): void {
  if (result < 0) throw new CallFailed(what, result)
}

function mount(source: string | null, target: string, type: string | null, flags: number): number {
  const text = (value: string | null): Buffer | null => (value === null ? null : cText(value))
  return checked(libc().mount(text(source), cText(target), text(type), flags, null))
}

async function enter(job: RootJob): Promise<void> {
  const c = libc()
  must(checked(c.unshare(CLONE_NEWNS | CLONE_FS)), 'unshare')
  must(mount(null, '/', null, MS_REC | MS_PRIVATE), 'make the mounts private')
  const root = job.root ?? (await mountRoot(job))
  furnish(root)
  must(checked(c.chdir(cText(root))), `chdir ${root}`)
  must(checked(c.chroot(cText('.'))), `chroot ${root}`)
  must(checked(c.chdir(cText('/'))), 'chdir /')
  fs.mkdirSync(job.cwd, { recursive: true })
}

async function mountRoot({ mount: spec, scratch }: RootJob): Promise<string> {
  if (spec === undefined) throw new Error('neither a root nor layers to mount')
  must(mount('shale', scratch, 'tmpfs', MS_NOSUID), `mount a tmpfs on ${scratch}`)
  const [root, upper, work] = ['root', 'upper', 'work'].map((name) => {
    const directory = path.join(scratch, name)
    fs.mkdirSync(directory)
    fs.chmodSync(directory, 0o755)
    return directory
  }) as [string, string, string]
  if (spec.upper === undefined) {
    await mountWritable({ ...spec, upper, work }, root)
    for (const name of ['dev', 'proc']) makeMissing(path.join(root, name))
  } else await mountWritable(spec, root)
  return root
}

function makeMissing(directory: string): void {
  if (!fs.lstatSync(directory, { throwIfNoEntry: false })) fs.mkdirSync(directory)
}

/** Best effort, and only on directories: a shell without them is a shell still. */
function furnish(root: string): void {
  const isDirectory = (name: string): boolean =>
    fs.lstatSync(path.join(root, name), { throwIfNoEntry: false })?.isDirectory() ?? false
  if (isDirectory('proc')) mount('/proc', path.join(root, 'proc'), null, MS_BIND | MS_REC)
  if (!isDirectory('dev')) return
  const dev = path.join(root, 'dev')
  if (mount('shale', dev, 'tmpfs', MS_NOSUID) < 0) return
  // In a directory with the sticky bit the kernel lets nobody open another's device with O_CREAT, as shells do.
  fs.chmodSync(dev, 0o755)
  for (const name of DEVICES) {
    const target = path.join(dev, name)
    fs.writeFileSync(target, '')
    if (mount(`/dev/${name}`, target, null, MS_BIND) < 0) fs.rmSync(target)
  }
  for (const [name, target] of DEVICE_LINKS) fs.symlinkSync(target, path.join(dev, name))
}

function report(failure: RootFailure): void {
  fs.writeSync(4, JSON.stringify(failure))
}

function failureOf(stage: RootFailure['stage'], error: unknown): RootFailure {
  const { message, code, details } = error as NodeJS.ErrnoException & {
    details?: { errno?: string }
  }
  const errno = error instanceof CallFailed ? error.errno : (details?.errno ?? code)
  return { stage, message, ...(errno === undefined ? {} : { errno }) }
}

function run({ command, env, cwd, uid, gid }: RootJob): void {
  const [program, ...args] = command
  // Asked for before the program is there: a signal that came in between would end this process and leave the program
  // running, with nobody to wait for it. A terminal sends the first two to both; the program decides what they mean.
  // Others are sent to us alone.
  for (const name of ['SIGINT', 'SIGQUIT'] as const) process.on(name, () => {})
  for (const name of ['SIGTERM', 'SIGHUP'] as const) process.on(name, () => child.kill(name))
  const child = spawn(program!, args, {
    env: { ...env },
    cwd,
    stdio: 'inherit',
    ...owner(uid, gid),
  })
  child.once('error', (error: NodeJS.ErrnoException) => {
    const reason =
      error.code === 'ENOENT'
        ? 'there is no such program'
        : `it cannot be run (${error.code ?? error.message})`
    report({
      ...failureOf('start', error),
      message: `cannot run ${JSON.stringify(program)}: ${reason}`,
    })
    process.exit(126)
  })
  child.once('exit', (code, signal) => {
    process.exit(code ?? 128 + (signal ? os.constants.signals[signal] : 0))
  })
}

/** Whoever is root already stays it: where no other account is mapped, a change of account is refused. */
function owner(uid: number, gid: number): { uid?: number; gid?: number } {
  return uid === 0 && gid === 0 ? {} : { uid, gid }
}

const job = JSON.parse(fs.readFileSync(3, 'utf8')) as RootJob
fs.closeSync(3)
try {
  await enter(job)
  run(job)
} catch (error) {
  report(failureOf('root', error))
  process.exitCode = 125
}
