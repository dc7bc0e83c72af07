// Counts the calls that look at something below a root, by Node or by FFI, in this process; those of worker threads are
// not seen. To be imported before anything that makes a call by FFI.

import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import type { Libc } from '../../src/sys/libc.ts'

type AnyCall = (...args: unknown[]) => unknown

let root: string | undefined
let count = 0

/** How often `work` looks at something below `directory`, which is absolute. */
export async function countCalls(directory: string, work: () => Promise<void>): Promise<number> {
  root = directory
  count = 0
  try {
    await work()
    return count
  } finally {
    root = undefined
  }
}

function isBelow(place: unknown): boolean {
  return root !== undefined && (place === root || String(place).startsWith(`${root}/`))
}

function wrap(
  object: object,
  names: readonly string[],
  isCounted: (place: unknown) => boolean,
): void {
  const methods = object as Record<string, AnyCall>
  for (const name of names) {
    const original = methods[name]!
    methods[name] = function (this: unknown, ...args) {
      if (isCounted(args[0])) count++
      return original.apply(this, args)
    }
  }
}

const CALLS = ['access', 'lstat', 'open', 'opendir', 'readFile', 'readdir', 'readlink', 'stat']
wrap(fs, [...CALLS, 'createReadStream', 'openAsBlob', 'existsSync'], isBelow)
wrap(
  fs,
  CALLS.map((name) => `${name}Sync`),
  isBelow,
)
wrap(fs.promises, CALLS, isBelow)
syncBuiltinESMExports()

/** By FFI names are mostly relative to an open directory, so all are counted. */
function counted(libc: Libc): Libc {
  const changed = { ...libc }
  const names: (keyof Libc)[] = ['getdents64', 'openat', 'openat2', 'readlinkat', 'statx']
  wrap(changed, names, () => root !== undefined)
  return changed
}

Object.assign(globalThis, { [Symbol.for('shale.test.libc')]: counted })
