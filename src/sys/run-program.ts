// Starts other programs: to their end with a time limit, or as a daemon that is stopped later. The only door to
// child_process; no shell stands between unless the caller starts one by name.
// Knows processes; knows nothing of what they are asked.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { HostError, NotFoundError } from '../errors.ts'

export interface RunProgramOptions {
  /** Default 60,000; then it and all that it started are killed. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
  /** In place of this process's environment. */
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
}

export interface ProgramResult {
  /** -1 when a signal ended it. */
  readonly code: number
  readonly stdout: Buffer
  readonly stderr: string
}

const TIMEOUT_MS = 60_000
/** A program that says more than this is killed: nobody asked for it. */
const OUTPUT_BYTES_MAX = 64 << 20
/** How long a daemon may take to put its house in order. */
const STOP_TIMEOUT_MS = 20_000

/** Where the C library looks without a PATH, as mount(8) starts its helpers. */
const BIN = '/usr/local/bin:/usr/bin:/bin'
/** Debian keeps daemons in sbin directories, which an ordinary user's PATH lacks. */
const SBIN: readonly string[] = ['/usr/local/sbin', '/usr/sbin', '/sbin']

/** Absolute path of an executable on PATH or in an sbin directory; undefined where there is none. */
export function findProgram(
  name: string,
  env: NodeJS.ProcessEnv = process.env,
): string | undefined {
  for (const directory of [...(env['PATH'] || BIN).split(path.delimiter), ...SBIN]) {
    if (!path.isAbsolute(directory)) continue
    const file = path.join(directory, name)
    try {
      fs.accessSync(file, fs.constants.X_OK)
      if (fs.statSync(file).isFile()) return file
    } catch {
      // not here
    }
  }
  return undefined
}

/**
 * Runs a program to its end, with no standard input. A failing exit code is an answer, not an exception.
 * @throws NotFoundError ERR_FILE_NOT_FOUND where there is no such program; HostError for a time or output limit; signal.reason
 */
export async function runProgram(
  program: string,
  args: readonly string[],
  options: RunProgramOptions = {},
): Promise<ProgramResult> {
  const { signal, timeoutMs = TIMEOUT_MS } = options
  signal?.throwIfAborted()
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own, so that what it started can be ended with it.
    detached: true,
    ...(options.env === undefined ? {} : { env: options.env }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  })
  let failure: Error | undefined
  const stop = (reason: Error): void => {
    failure ??= reason
    killGroup(child, 'SIGKILL')
    // What it started in a session of its own lives on, and may hold these open: nobody waits for that.
    child.stdout.destroy()
    child.stderr.destroy()
  }
  let bytes = 0
  const collect = (into: Buffer[]) => (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes <= OUTPUT_BYTES_MAX) into.push(chunk)
    else stop(refused(program, `it wrote more than ${OUTPUT_BYTES_MAX} bytes`))
  }
  const stdout: Buffer[] = []
  const stderr: Buffer[] = []
  child.stdout.on('data', collect(stdout))
  child.stderr.on('data', collect(stderr))
  const abort = (): void => stop(signal!.reason as Error)
  signal?.addEventListener('abort', abort, { once: true })
  const timer = setTimeout(
    () => stop(refused(program, `it did not end within ${timeoutMs} ms`)),
    timeoutMs,
  )
  try {
    const [code] = (await once(child, 'close')) as [number | null]
    if (failure !== undefined) throw failure
    return {
      code: code ?? -1,
      stdout: Buffer.concat(stdout),
      stderr: Buffer.concat(stderr).toString('utf8'),
    }
  } catch (error) {
    throw startFailure(program, error)
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', abort)
  }
}

export interface Daemon {
  /** False once it has ended by itself. */
  readonly isRunning: boolean
  /** The end of what it wrote. */
  log(): string
  /** SIGTERM, and SIGKILL for one that does not listen; resolves when it is gone. */
  stop(): Promise<void>
}

/** @param options.logFile gets both outputs; made anew */
export function startDaemon(
  program: string,
  args: readonly string[],
  options: { readonly logFile: string; readonly env?: NodeJS.ProcessEnv },
): Daemon {
  const log = fs.openSync(options.logFile, 'w', 0o600)
  const child = spawn(program, args, {
    stdio: ['ignore', log, log],
    detached: true,
    ...(options.env === undefined ? {} : { env: options.env }),
  })
  fs.closeSync(log)
  let isRunning = true
  const ended = new Promise<void>((resolve) => {
    const end = (): void => {
      isRunning = false
      resolve()
    }
    child.once('error', end)
    child.once('exit', end)
  })
  return {
    get isRunning(): boolean {
      return isRunning
    },
    log: () => fs.readFileSync(options.logFile, 'utf8').split('\n').slice(-12).join('\n').trim(),
    async stop(): Promise<void> {
      if (!isRunning) return
      child.kill('SIGTERM')
      const timer = setTimeout(() => killGroup(child, 'SIGKILL'), STOP_TIMEOUT_MS)
      await ended
      clearTimeout(timer)
    },
  }
}

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, signal)
  } catch {
    // gone by itself
  }
}

function startFailure(program: string, error: unknown): unknown {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return error
  return new NotFoundError(
    'ERR_FILE_NOT_FOUND',
    `cannot run ${program}: there is no such program`,
    { cause: error, details: { program } },
  )
}

function refused(program: string, reason: string): HostError {
  return new HostError('ERR_HOST', `cannot run ${program} to its end: ${reason}`, {
    details: { program },
  })
}
