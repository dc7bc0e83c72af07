// Lets one system call of this process fail. To be imported before anything that makes a call by FFI.

import os from 'node:os'
import type { Libc } from '../../src/sys/libc.ts'
import { changesFile } from './changing-calls.ts'
import { refuseCalls } from './refused-calls.ts'

/** One that may change a file, or one that asks. */
export type CallKind = 'change' | 'question'

let left = 0
let failing: CallKind = 'change'
let errno = 0
let isOld = false
let stopsAll = false
let isStopped = false

const RENAME_WHITEOUT = 4

/** As a kernel before 5.8 for an ordinary user, who may make no whiteout that is a device. */
export function withoutDevices(refused: boolean): void {
  isOld = refused
}

function isRefused(name: keyof Libc, args: readonly unknown[]): boolean {
  if (name === 'renameat2') return args[4] === RENAME_WHITEOUT
  return name === 'mknodat' && args[3] === 0n
}

export interface Failure {
  readonly kind: CallKind
  /** From 1; 0 for none. */
  readonly nth: number
  readonly code: keyof typeof os.constants.errno
  /** No change succeeds after it: what is on the disk then is what a killed process leaves. */
  readonly isLast?: boolean
}

/** @returns what `work` does, and whether it came to the call that fails */
export function withFailing<T>(
  { kind, nth, code, isLast = false }: Failure,
  work: () => T,
): { readonly result: T; readonly failed: boolean } {
  left = nth
  failing = kind
  errno = os.constants.errno[code]
  stopsAll = isLast
  try {
    const result = work()
    return { result, failed: nth > 0 && left === 0 }
  } finally {
    left = 0
    isStopped = false
  }
}

/** undefined of one that does not fail in practice: the descriptor is closed whatever close(2) says. */
function kindOf(name: keyof Libc, args: readonly unknown[]): CallKind | undefined {
  if (name === 'close') return undefined
  return changesFile(name, args) ? 'change' : 'question'
}

refuseCalls((name, args) => {
  if (isOld && isRefused(name, args)) return os.constants.errno.EPERM
  if (isStopped) return kindOf(name, args) === 'change' ? errno : 0
  if (left === 0 || kindOf(name, args) !== failing) return 0
  if (--left > 0) return 0
  isStopped = stopsAll
  return errno
})
