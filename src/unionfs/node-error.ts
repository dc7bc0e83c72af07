// Failures in the words of node:fs: `ENOENT: no such file or directory, open '/x'`, with errno, code, syscall, path and
// dest, so that what is written for node:fs tells them apart here as there.

import { getSystemErrorMap } from 'node:util'

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

/** A mistake of the caller, with Node's own code for it. */
export function argumentError(
  code: string,
  message: string,
  Class: ErrorConstructor = TypeError,
): Error {
  const error = new Class(message)
  Object.assign(error, { code })
  return error
}

/** A result of the union's rules, or the error that it stands for. */
export function must<T>(result: T | number, place: NodeErrorPlace): T {
  if (typeof result === 'number' && result < 0) throw nodeError(result, place)
  return result as T
}
