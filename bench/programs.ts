// Programs of this machine: where they are, what they call themselves, and running one outside of any measurement.

import { spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { throwIfInterrupted, whileRunning } from './cleanup.ts'

/** The folder with package.json: this file is dist/bench/programs.js of it. */
export const PROJECT: string = path.resolve(fileURLToPath(new URL('../..', import.meta.url)))
export const SHALE_MAIN: string = path.join(PROJECT, 'dist/bin/main.js')

/** Debian keeps daemons in sbin directories, which an ordinary user's PATH lacks. */
const SEARCH = [
  ...(process.env['PATH'] ?? '').split(path.delimiter),
  '/usr/local/sbin',
  '/usr/sbin',
  '/sbin',
]

/** Absolute path of a program, or undefined. */
export function findProgram(name: string): string | undefined {
  for (const dir of SEARCH) {
    if (dir === '') continue
    const file = path.join(dir, name)
    try {
      fs.accessSync(file, fs.constants.X_OK)
      if (fs.statSync(file).isFile()) return file
    } catch {
      continue
    }
  }
  return undefined
}

/** First line of what a program says about its version; undefined where it is absent or does not start. */
export function versionOf(name: string, args: readonly string[]): string | undefined {
  const file = findProgram(name)
  if (file === undefined) return undefined
  const done = spawnSync(file, args, { encoding: 'utf8' })
  const line = `${done.stdout ?? ''}${done.stderr ?? ''}`.trim().split('\n')[0]
  return done.status === 0 && line ? line : undefined
}

export const isRoot: boolean = process.getuid?.() === 0

/** What could change a program's work from one machine to the next is taken out. */
export function plainEnvironment(extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...process.env, LC_ALL: 'C.UTF-8' }
  for (const name of Object.keys(env)) {
    if (/^(SHALE_|npm_|DOCKER_|CONTAINER|NODE_OPTIONS$|TAR_OPTIONS$)/.test(name)) delete env[name]
  }
  return { ...env, ...extra }
}

/** Runs a program to its end, unmeasured. @throws Error with what it said when it fails */
export async function runProgram(
  file: string,
  args: readonly string[],
  options: {
    readonly env?: Readonly<Record<string, string>>
    /** It takes something down: runs also after a signal, and to its end. */
    readonly undoes?: true
  } = {},
): Promise<string> {
  if (options.undoes !== true) throwIfInterrupted()
  const child = spawn(file, args, {
    env: plainEnvironment(options.env),
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const done = options.undoes === true ? () => {} : whileRunning(child)
  const out: Buffer[] = []
  const said: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk))
  const code = await new Promise<number | string>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (status, signal) => resolve(status ?? signal ?? 'nothing'))
  }).finally(done)
  if (code !== 0) throw new Error(failure(file, args, code, Buffer.concat([...out, ...said])))
  return Buffer.concat(out).toString('utf8')
}

/** `shale ARGS` of this build, unmeasured. */
export function runShale(args: readonly string[]): Promise<string> {
  return runProgram(process.execPath, [SHALE_MAIN, ...args])
}

/** The end of what a failed program said: that is where the reason stands. */
export function failure(
  file: string,
  args: readonly string[],
  code: number | string,
  said: Uint8Array,
): string {
  const shown = [path.basename(file), ...args].join(' ')
  const text = Buffer.from(said).toString('utf8').trim().split('\n').slice(-5).join('\n')
  return `${shown.length > 300 ? `${shown.slice(0, 300)}...` : shown} ended with ${code}${text === '' ? '' : `: ${text}`}`
}
