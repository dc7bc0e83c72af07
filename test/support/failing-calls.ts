// Lets one system call of this process fail that would have changed something. To be imported before anything that makes
// a call by FFI.

import os from 'node:os'
import type { Libc } from '../../src/sys/libc.ts'
import { changesFile } from './changing-calls.ts'

type AnyCall = (...args: unknown[]) => unknown

let left = 0
let errno = 0
let isOld = false

const RENAME_WHITEOUT = 4

/** As a kernel before 5.8 for an ordinary user, who may make no whiteout that is a device. */
export function withoutDevices(refused: boolean): void {
  isOld = refused
}

function isRefused(name: keyof Libc, args: readonly unknown[]): boolean {
  if (name === 'renameat2') return args[4] === RENAME_WHITEOUT
  return name === 'mknodat' && args[3] === 0n
}

/** @returns what `work` does, and whether it came to its `nth` such call (from 1), which fails with `code` */
export function withFailing<T>(
  nth: number,
  code: keyof typeof os.constants.errno,
  work: () => T,
): { readonly result: T; readonly failed: boolean } {
  left = nth
  errno = os.constants.errno[code]
  try {
    const result = work()
    return { result, failed: nth > 0 && left === 0 }
  } finally {
    left = 0
  }
}

function failing(libc: Libc): Libc {
  let failed = 0
  const changed = { ...libc } as unknown as Record<string, AnyCall>
  for (const [name, original] of Object.entries(libc) as [keyof Libc, AnyCall][]) {
    changed[name] = (...args) => {
      // Also of a call that changes nothing: else its errno would be the injected one.
      failed = 0
      if (isOld && isRefused(name, args)) {
        failed = os.constants.errno.EPERM
        return -1
      }
      if (left === 0 || !changesFile(name, args) || --left > 0) return original(...args)
      failed = errno
      return -1
    }
  }
  changed['errno'] = () => failed || libc.errno()
  return changed as unknown as Libc
}

Object.assign(globalThis, { [Symbol.for('shale.test.libc')]: failing })
