// Failures in the words of node:fs: `ENOENT: no such file or directory, open '/x'`, with errno, code, syscall, path and
// dest, so that what is written for node:fs tells them apart here as there.

import { constants } from 'node:os'
import { getSystemErrorMap } from 'node:util'
import type { HostError } from '../errors.ts'
import { errnoName, errnoOf } from '../sys/errno.ts'

export interface NodeErrorPlace {
  readonly syscall: string
  readonly path?: string | undefined
  readonly dest?: string | undefined
}

/** @param errno positive or negative */
export function nodeError(
  errno: number,
  { syscall, path, dest }: NodeErrorPlace,
): NodeJS.ErrnoException {
  const number = -Math.abs(errno)
  const [code, reason] = getSystemErrorMap().get(number) ?? [`UNKNOWN`, 'unknown error']
  const at = path === undefined ? '' : ` '${path}'`
  const to = dest === undefined ? '' : ` -> '${dest}'`
  const error: NodeJS.ErrnoException = new Error(`${code}: ${reason}, ${syscall}${at}${to}`)
  error.errno = number
  error.code = code
  error.syscall = syscall
  if (path !== undefined) error.path = path
  if (dest !== undefined) (error as { dest?: string }).dest = dest
  return error
}

/** Node's own names for what it finds itself, each with its errno and the words before the reason. */
const SYSTEM_ERRORS = {
  ERR_FS_CP_DIR_TO_NON_DIR: ['EISDIR', 'Cannot overwrite non-directory with directory'],
  ERR_FS_CP_EEXIST: ['EEXIST', 'Target already exists'],
  ERR_FS_CP_EINVAL: ['EINVAL', 'Invalid src or dest'],
  ERR_FS_CP_FIFO_PIPE: ['EINVAL', 'Cannot copy a FIFO pipe'],
  ERR_FS_CP_NON_DIR_TO_DIR: ['ENOTDIR', 'Cannot overwrite directory with non-directory'],
  ERR_FS_CP_SOCKET: ['EINVAL', 'Cannot copy a socket file'],
  ERR_FS_CP_SYMLINK_TO_SUBDIRECTORY: ['EINVAL', 'Cannot overwrite symlink in subdirectory of self'],
  ERR_FS_EISDIR: ['EISDIR', 'Path is a directory'],
} as const

/** `Invalid src or dest: cp returned EINVAL (src and dest cannot be the same) /x`; its errno is positive. */
export function systemError(
  code: keyof typeof SYSTEM_ERRORS,
  reason: string,
  { syscall, path }: { readonly syscall: string; readonly path: string },
): Error {
  const [name, words] = SYSTEM_ERRORS[code]
  const errno = constants.errno[name]
  const error = new SystemError(`${words}: ${syscall} returned ${name} (${reason}) ${path}`)
  const info = { message: reason, path, syscall, errno, code: name }
  return Object.assign(error, { code, info, errno, syscall, path })
}

class SystemError extends Error {}
// No property of each error.
Object.defineProperty(SystemError.prototype, 'name', { value: 'SystemError', writable: true })

/** As Node has it, but for the words: they name the place of the host, and what to do about it. */
function asNodeError(error: unknown): unknown {
  const errno = errnoOf(error)
  if (errno === undefined) return error
  const { message, details } = error as HostError
  const code = errnoName(errno)
  const { syscall, path } = details
  const cause = { cause: error }
  return Object.assign(new Error(`${code}: ${message}`, cause), {
    errno: -errno,
    code,
    syscall,
    path,
  })
}

type Method = (this: unknown, ...args: unknown[]) => unknown

/**
 * Whoever writes for node:fs tells errors apart by their codes, and a layer whose disk fails has this library's: from now
 * on all methods of that class throw Node's instead.
 */
export function throwNodeErrors(Class: { readonly prototype: object }): void {
  const { prototype } = Class
  for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
    if (name === 'constructor' || typeof value !== 'function') continue
    const method = value as Method
    const translated: Method = function (...args) {
      try {
        return method.apply(this, args)
      } catch (error) {
        throw asNodeError(error)
      }
    }
    Object.defineProperty(prototype, name, { value: translated })
  }
}

/** A result of the union's rules, or the error that it stands for. */
export function must<T>(result: T | number, place: NodeErrorPlace): T {
  if (typeof result === 'number' && result < 0) throw nodeError(result, place)
  return result as T
}
