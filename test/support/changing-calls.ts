// Which system calls may change a file, for those who stand between shale and the kernel.

import fs from 'node:fs'
import type { Libc } from '../../src/sys/libc.ts'

const CHANGING_CALLS: ReadonlySet<keyof Libc> = new Set([
  'mkdirat',
  'mknodat',
  'symlinkat',
  'linkat',
  'unlinkat',
  'renameat2',
  'fchownat',
  'fchown',
  'chmod',
  'fchmod',
  'utimensat',
  'futimens',
  'write',
  'pwrite',
  'ftruncate',
  'copyFileRange',
  'syncfs',
  'lsetxattr',
  'fsetxattr',
  'lremovexattr',
] as const)

/** @param flags of open(2), or as node:fs takes them */
export function opensForWriting(flags: unknown): boolean {
  if (typeof flags === 'number')
    return (flags & (fs.constants.O_CREAT | fs.constants.O_TRUNC)) !== 0
  return typeof flags === 'string' && !flags.startsWith('r')
}

export function changesFile(name: keyof Libc, args: readonly unknown[]): boolean {
  return name === 'openat' ? opensForWriting(args[2]) : CHANGING_CALLS.has(name)
}
