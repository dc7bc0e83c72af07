// Runs the built command line as a person would: a process of its own, its output and its exit code.
// Refuses to know what commands there are; the cli tests say that.

import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { isInterop } from './host.ts'

/** The modules as compiled, dist/cli/main.js; beside other programs the bundle that ships, dist/bin/main.js. */
export const MAIN: string = fileURLToPath(
  new URL(isInterop ? '../../bin/main.js' : '../../cli/main.js', import.meta.url),
)

export interface RunOptions {
  readonly cwd?: string
  /** Added to a clean environment; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly stdin?: string | Uint8Array
  /** Standard input is this file, as after `<` in a shell. */
  readonly stdinFile?: string
  /** Standard output goes to this file, as after `>`. */
  readonly stdoutFile?: string
  /** Run as this user (root only). */
  readonly uid?: number
  readonly gid?: number
  readonly timeoutMs?: number
}

export interface Output {
  /** null when a signal ended it. */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
  readonly stdoutBytes: Buffer
}

/** What could change the output of a command is taken out: a developer's SHALE_ROOT, colours. */
export function cleanEnvironment(
  extra: Readonly<Record<string, string | undefined>> = {},
): NodeJS.ProcessEnv {
  // Nor does one write into a developer's home what is kept for the next run.
  const env: NodeJS.ProcessEnv = { ...process.env, NODE_DISABLE_COMPILE_CACHE: '1', ...extra }
  for (const name of Object.keys(env)) {
    if (name in extra) continue
    const own = /^(SHALE_|TAP|npm_)/.test(name)
    if (own || ['NODE_OPTIONS', 'NO_COLOR', 'FORCE_COLOR', 'XDG_DATA_HOME'].includes(name))
      delete env[name]
  }
  for (const [name, value] of Object.entries(extra)) if (value === undefined) delete env[name]
  return env
}

/**
 * By way of env(1), which replaces itself by Node: tap puts its own loader into NODE_OPTIONS of every child, and that one
 * writes its notes at exit, which a child of another user may not.
 */
export function withoutLoader(
  program: readonly string[],
  env: Readonly<Record<string, string | undefined>> = {},
): [string, string[]] {
  const wanted = env['NODE_OPTIONS']
  const own = wanted === undefined ? [] : [`NODE_OPTIONS=${wanted}`]
  return ['env', ['-u', 'NODE_OPTIONS', ...own, ...program]]
}

/** Runs `shale ARGS` to its end. Never throws for an exit code. */
export function shale(args: readonly string[], options: RunOptions = {}): Output {
  const stdin = options.stdinFile === undefined ? 'pipe' : fs.openSync(options.stdinFile, 'r')
  const stdout = options.stdoutFile === undefined ? 'pipe' : fs.openSync(options.stdoutFile, 'w')
  const done = spawnSync(...withoutLoader([process.execPath, MAIN, ...args], options.env), {
    cwd: options.cwd,
    env: cleanEnvironment(options.env),
    input: options.stdin ?? '',
    stdio: [stdin, stdout, 'pipe'],
    maxBuffer: 1 << 30,
    timeout: options.timeoutMs ?? 300_000,
    ...(options.uid === undefined ? {} : { uid: options.uid }),
    ...(options.gid === undefined ? {} : { gid: options.gid }),
  })
  for (const fd of [stdin, stdout]) if (typeof fd === 'number') fs.closeSync(fd)
  if (done.error) throw done.error
  const stdoutBytes = (done.stdout as Buffer | null) ?? Buffer.alloc(0)
  return {
    code: done.status,
    signal: done.signal,
    stdout: stdoutBytes.toString('utf8'),
    stderr: done.stderr.toString('utf8'),
    stdoutBytes,
  }
}

/** Output of a command that must succeed, without its last newline. */
export function shaleOk(args: readonly string[], options: RunOptions = {}): string {
  const done = shale(args, options)
  if (done.code !== 0)
    throw new Error(
      `shale ${args.join(' ')} ended with ${done.code ?? done.signal}\n${done.stderr}${done.stdout}`,
    )
  return done.stdout.replace(/\n$/, '')
}

/** With --json: an array, an object, or one JSON text a line (then an array of them). */
export function shaleJson<T>(args: readonly string[], options: RunOptions = {}): T {
  const text = shaleOk(['--json', ...args], options)
  try {
    return JSON.parse(text) as T
  } catch {
    return text.split('\n').map((line) => JSON.parse(line) as unknown) as T
  }
}

export interface Running {
  readonly child: ChildProcess
  /** Resolves when the process and its pipes are closed. */
  readonly done: Promise<Output>
}

/** Starts `shale ARGS` and lets the test meddle: signals, closed pipes, a second process. */
export function startShale(args: readonly string[], options: RunOptions = {}): Running {
  const child = spawn(...withoutLoader([process.execPath, MAIN, ...args], options.env), {
    cwd: options.cwd,
    env: cleanEnvironment(options.env),
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(options.uid === undefined ? {} : { uid: options.uid }),
    ...(options.gid === undefined ? {} : { gid: options.gid }),
  })
  const stdout: Buffer[] = []
  const stderr: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
  const done = new Promise<Output>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      const bytes = Buffer.concat(stdout)
      resolve({
        code,
        signal,
        stdout: bytes.toString('utf8'),
        stderr: Buffer.concat(stderr).toString('utf8'),
        stdoutBytes: bytes,
      })
    })
  })
  return { child, done }
}

/** True once `npm run build` has made the command line. */
export function isBuilt(): boolean {
  return fs.existsSync(MAIN)
}

export const PROJECT: string = path.resolve(path.dirname(MAIN), '..', '..')
