// How a failed system call becomes an error of ours. Calls in this folder answer with a negative errno instead of
// throwing, because many failures (ENOENT, EEXIST, ENODATA) are ordinary answers; who cannot go on calls `must`.

import os from 'node:os'
import { getSystemErrorMap } from 'node:util'
import { type ErrorCode, HostError } from '../errors.ts'

/** errno numbers of Linux as the C library of this host has them. */
export const ERRNO: Readonly<Record<keyof typeof os.constants.errno, number>> = os.constants.errno

const NAMES = new Map<number, string>(
  Object.entries(os.constants.errno).map(([name, number]) => [number, name]),
)
// Two names for one number: Linux man pages say EAGAIN and EOPNOTSUPP.
NAMES.set(os.constants.errno.EAGAIN, 'EAGAIN')
NAMES.set(os.constants.errno.EOPNOTSUPP, 'EOPNOTSUPP')

export function errnoName(errno: number): string {
  return NAMES.get(errno) ?? `errno ${errno}`
}

/** What an errno means in plain English, with the remedy where there is one. */
function reasonOf(errno: number): string {
  const name = errnoName(errno)
  if (name === 'ENOSPC') return 'the disk is full (ENOSPC); free some space and try again'
  if (name === 'EDQUOT') return 'the disk quota is used up (EDQUOT); free some space and try again'
  if (name === 'EBUSY')
    return 'it is in use (EBUSY): a program has a file of it open or stands in it, or something is mounted there'
  return `${getSystemErrorMap().get(-errno)?.[1] ?? 'the system call failed'} (${name})`
}

function codeOf(errno: number): ErrorCode {
  if (errno === ERRNO.ENOSPC || errno === ERRNO.EDQUOT) return 'ERR_DISK_FULL'
  if (errno === ERRNO.EACCES || errno === ERRNO.EPERM) return 'ERR_PERMISSION'
  return 'ERR_HOST'
}

/**
 * @param action what could not be done, as the message begins: `create /a/b`
 * @param errno positive
 */
export function hostError(action: string, errno: number, syscall: string, path: string): HostError {
  return new HostError(codeOf(errno), `cannot ${action}: ${reasonOf(errno)}`, {
    details: { errno: errnoName(errno), syscall, path },
  })
}

/** Of what `hostError` made; undefined of any other. Positive. */
export function errnoOf(error: unknown): number | undefined {
  const name = error instanceof HostError ? error.details['errno'] : undefined
  if (typeof name !== 'string') return undefined
  return (ERRNO as Readonly<Record<string, number>>)[name] ?? ERRNO.EIO
}

/** The result of a call that must not fail. */
export function must(result: number, syscall: string, path: string): number {
  if (result < 0) throw hostError(`${syscall} ${path}`, -result, syscall, path)
  return result
}

/** A node:fs error (or anything else) as a HostError; errors of ours pass through. */
export function fromNodeError(action: string, error: unknown): unknown {
  const { errno, syscall, path, code } = error as NodeJS.ErrnoException
  if (typeof errno !== 'number' || code === undefined) return error
  const mapped = hostError(action, Math.abs(errno), syscall ?? '', path ?? '')
  return new HostError(mapped.code, mapped.message, { cause: error, details: mapped.details })
}
