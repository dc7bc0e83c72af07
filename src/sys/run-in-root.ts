// Runs a program with a directory as its root file system: in a mount namespace of its own, so that whatever is mounted
// for it is seen by nobody else and ends with it; without privileges, in a user namespace too.
// Knows one program, its input and its end; which directory, and who is asked, is the caller's.
//
// A process can change its root and its namespaces only for itself, and Node cannot fork: a second Node (enter-root.ts)
// goes there and starts the program. Into a user namespace only a process of one thread may go, and Node has several:
// there util-linux's unshare goes first.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { Readable, Writable } from 'node:stream'
import type { MountSpec } from '../driver/driver.ts'
import { HostError, UnsupportedError, type ErrorCode } from '../errors.ts'
import { moduleFile } from './module-file.ts'
import { findProgram } from './run-program.ts'

/** What enter-root.ts is told, on file descriptor 3. */
export interface RootJob {
  /** An empty directory of the host, for mounts that only the program sees. */
  readonly scratch: string
  /** A directory that is mounted already; else `mount` is. */
  readonly root?: string
  /** Without `upper`: changes are kept in memory and lost. */
  readonly mount?: Extract<MountSpec, { kind: 'overlay' }>
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Made where it is missing. */
  readonly cwd: string
  readonly uid: number
  readonly gid: number
}

/** What it answers, on file descriptor 4; nothing where the program was started. */
export interface RootFailure {
  /** In which part: before the program, or starting it. */
  readonly stage: 'root' | 'start'
  readonly message: string
  /** `ENOENT`, ... */
  readonly errno?: string
}

export type RunInRoot = Omit<RootJob, 'scratch'>

export interface RunInRootOptions {
  /** Input, output and error output: file descriptors, or nothing at all. Default: this process's own. */
  readonly stdio?: readonly [number | 'ignore', number | 'ignore', number | 'ignore']
  /** Aborting ends the program with SIGTERM; its exit code then tells. */
  readonly signal?: AbortSignal
}

/** As docker run has it: 126 the program cannot be started, 127 there is none; 128 and the number of a signal. */
export interface RunInRootResult {
  readonly code: number
  /** Why the program was not started. */
  readonly reason?: string
}

/** @throws UnsupportedError ERR_HOST_UNSUPPORTED, ERR_OVERLAY_UNAVAILABLE; HostError; signal.reason */
export async function runInRoot(
  job: RunInRoot,
  options: RunInRootOptions = {},
): Promise<RunInRootResult> {
  const { signal, stdio = [0, 1, 2] } = options
  signal?.throwIfAborted()
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'shale-root-'))
  try {
    const [program, ...args] = enterCommand()
    const child = spawn(program!, args, {
      stdio: [...stdio, 'pipe', 'pipe'],
      // What would change this Node must not change that one; the program's own environment is in the job.
      env: { PATH: process.env['PATH'] ?? '' },
    })
    const stop = (): void => {
      child.kill('SIGTERM')
    }
    signal?.addEventListener('abort', stop, { once: true })
    try {
      const failure = collect(child.stdio[4] as Readable)
      const input = child.stdio[3] as Writable
      // It may be gone before it has read: then its end tells why.
      input.on('error', () => {})
      input.end(JSON.stringify({ ...job, scratch } satisfies RootJob))
      const [code, ended] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
      return resultOf(await failure, code, ended)
    } finally {
      signal?.removeEventListener('abort', stop)
    }
  } finally {
    fs.rmdirSync(scratch)
  }
}

function enterCommand(): string[] {
  const enter = [process.execPath, moduleFile('enter-root.js')]
  if (process.geteuid?.() === 0) return enter
  const unshare = findProgram('unshare')
  if (unshare !== undefined)
    return [unshare, '--user', '--map-root-user', '--mount', '--', ...enter]
  throw new UnsupportedError(
    'ERR_HOST_UNSUPPORTED',
    'cannot run a program in another root: without being root that needs a user namespace, and the program unshare of util-linux is not here',
    { details: { program: 'unshare' } },
  )
}

async function collect(stream: Readable): Promise<string> {
  let text = ''
  for await (const chunk of stream) text += String(chunk)
  return text
}

function resultOf(
  answer: string,
  code: number | null,
  ended: NodeJS.Signals | null,
): RunInRootResult {
  if (answer === '') return { code: code ?? 128 + (ended ? os.constants.signals[ended] : 0) }
  const failure = JSON.parse(answer) as RootFailure
  const { stage, message, errno } = failure
  if (stage === 'start') return { code: errno === 'ENOENT' ? 127 : 126, reason: message }
  const refused = errno === 'EPERM' || errno === 'EINVAL' || errno === 'ENODEV'
  const errorCode: ErrorCode = refused ? 'ERR_OVERLAY_UNAVAILABLE' : 'ERR_HOST'
  const details = { reason: message, errno }
  const text = `cannot enter the root file system: ${message}`
  throw refused
    ? new UnsupportedError(errorCode, text, { details })
    : new HostError(errorCode, text, { details })
}
