// Preloaded into a process of shale, and into its threads: every system call that may change a file is a numbered point.
// At the one that the environment names the process is killed, or the call fails; all of them are listed where asked.
//
//   SHALE_TEST_COUNTER   a file: its length is the number of points so far, of all threads
//   SHALE_TEST_POINT     the number to act at
//   SHALE_TEST_DEED      kill, or the name of an errno
//   SHALE_TEST_CALLS     a file to list the calls in

import fs from 'node:fs'
import os from 'node:os'
import { changesFile, opensForWriting } from '../changing-calls.ts'
import { refuseCalls } from '../refused-calls.ts'

const { SHALE_TEST_COUNTER, SHALE_TEST_POINT, SHALE_TEST_DEED, SHALE_TEST_CALLS } = process.env
const real = { ...fs }
const errno = os.constants.errno as Readonly<Record<string, number>>

function appended(file: string): number {
  return real.openSync(file, 'a')
}

const counter = SHALE_TEST_COUNTER === undefined ? -1 : appended(SHALE_TEST_COUNTER)
const calls = SHALE_TEST_CALLS === undefined ? -1 : appended(SHALE_TEST_CALLS)
const target = Number(SHALE_TEST_POINT ?? NaN)

/** True where this call is the one that fails. */
function reach(name: string, args: readonly unknown[]): boolean {
  if (counter < 0) return false
  real.writeSync(counter, '.')
  if (calls >= 0) {
    const shown = args.map((arg) => (typeof arg === 'string' || typeof arg === 'number' ? arg : 0))
    real.writeSync(calls, `${JSON.stringify([name, ...shown])}\n`)
  }
  if (real.fstatSync(counter).size !== target) return false
  if (SHALE_TEST_DEED === 'kill') process.kill(process.pid, 'SIGKILL')
  return SHALE_TEST_DEED !== 'kill'
}

const CHANGING = [
  'appendFileSync',
  'chmodSync',
  'chownSync',
  'copyFileSync',
  'fchmodSync',
  'fdatasyncSync',
  'fsyncSync',
  'ftruncateSync',
  'linkSync',
  'lutimesSync',
  'mkdirSync',
  'mkdtempSync',
  'renameSync',
  'rmSync',
  'rmdirSync',
  'symlinkSync',
  'unlinkSync',
  'utimesSync',
  'writeFileSync',
  'writeSync',
] as const

type AnyCall = (...args: unknown[]) => unknown
const methods = fs as unknown as Record<string, AnyCall>

for (const name of [...CHANGING, 'openSync'] as const) {
  const original = methods[name]!
  methods[name] = (...args) => {
    if ((name !== 'openSync' || opensForWriting(args[1])) && reach(name, args)) {
      const code = SHALE_TEST_DEED!
      const error = new Error(`${code}: injected, ${name} '${String(args[0])}'`)
      throw Object.assign(error, { code, errno: -errno[code]!, syscall: name, path: args[0] })
    }
    return original(...args)
  }
}

refuseCalls((name, args) =>
  changesFile(name, args) && reach(name, args) ? errno[SHALE_TEST_DEED!]! : 0,
)
