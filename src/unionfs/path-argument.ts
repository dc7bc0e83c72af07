// What callers of node:fs hand over (paths as text, bytes or file URLs, flags as words or numbers) as the union has it.
// There is no working directory in a union: a relative path starts at its root.

import fs from 'node:fs'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import { pathFromBytes, pathFromText, pathText, type BytePath } from '../path/byte-path.ts'
import { checkEncoding, received } from './argument-checks.ts'
import { argumentError } from './node-error.ts'

export type PathArgument = string | Uint8Array | URL

/** Not clean yet, and perhaps with symlinks. @throws TypeError ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE */
export function pathArgument(value: PathArgument, name = 'path'): BytePath {
  let path: BytePath
  if (typeof value === 'string') path = pathFromText(value)
  else if (value instanceof Uint8Array) path = pathFromBytes(value)
  else if (value instanceof URL) path = pathFromText(fileURLToPath(value))
  else throw notAPath(value, name)
  if (path.includes('\0')) {
    throw argumentError(
      'ERR_INVALID_ARG_VALUE',
      `The argument '${name}' must be a string, Uint8Array, or URL without null bytes. Received ${inspect(pathText(path))}`,
    )
  }
  return path
}

function notAPath(value: unknown, name: string): Error {
  return argumentError(
    'ERR_INVALID_ARG_TYPE',
    `The "${name}" argument must be of type string or an instance of Buffer or URL. ${received(value)}`,
  )
}

/** For messages: as the caller wrote it. @throws TypeError ERR_INVALID_ARG_TYPE */
export function shownPath(value: PathArgument): string {
  const isPath = typeof value === 'string' || value instanceof Uint8Array || value instanceof URL
  if (!isPath) throw notAPath(value, 'path')
  return value instanceof URL
    ? fileURLToPath(value)
    : typeof value === 'string'
      ? value
      : Buffer.from(value).toString()
}

export type Encoding = BufferEncoding | 'buffer' | null | undefined

/** A name or a link's target in the encoding that was asked for; default utf8. */
export function encodeName(name: BytePath, encoding: Encoding): string | Buffer {
  if (encoding === 'buffer') return Buffer.from(name, 'latin1')
  if (encoding === undefined || encoding === null || encoding === 'utf8' || encoding === 'utf-8') {
    return pathText(name)
  }
  checkEncoding(encoding)
  return Buffer.from(name, 'latin1').toString(encoding)
}

const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_APPEND, O_EXCL, O_SYNC } = fs.constants

const WORDS: Readonly<Record<string, number>> = {
  r: O_RDONLY,
  rs: O_RDONLY | O_SYNC,
  sr: O_RDONLY | O_SYNC,
  'r+': O_RDWR,
  'rs+': O_RDWR | O_SYNC,
  'sr+': O_RDWR | O_SYNC,
  w: O_TRUNC | O_CREAT | O_WRONLY,
  wx: O_TRUNC | O_CREAT | O_WRONLY | O_EXCL,
  xw: O_TRUNC | O_CREAT | O_WRONLY | O_EXCL,
  'w+': O_TRUNC | O_CREAT | O_RDWR,
  'wx+': O_TRUNC | O_CREAT | O_RDWR | O_EXCL,
  'xw+': O_TRUNC | O_CREAT | O_RDWR | O_EXCL,
  a: O_APPEND | O_CREAT | O_WRONLY,
  ax: O_APPEND | O_CREAT | O_WRONLY | O_EXCL,
  xa: O_APPEND | O_CREAT | O_WRONLY | O_EXCL,
  as: O_APPEND | O_CREAT | O_WRONLY | O_SYNC,
  sa: O_APPEND | O_CREAT | O_WRONLY | O_SYNC,
  'a+': O_APPEND | O_CREAT | O_RDWR,
  'ax+': O_APPEND | O_CREAT | O_RDWR | O_EXCL,
  'xa+': O_APPEND | O_CREAT | O_RDWR | O_EXCL,
  'as+': O_APPEND | O_CREAT | O_RDWR | O_SYNC,
  'sa+': O_APPEND | O_CREAT | O_RDWR | O_SYNC,
}

/** @throws TypeError ERR_INVALID_ARG_VALUE */
export function openFlags(flags: string | number | null | undefined): number {
  if (flags === undefined || flags === null) return O_RDONLY
  if (typeof flags === 'number') return flags
  const known = WORDS[flags]
  if (known !== undefined) return known
  throw argumentError(
    'ERR_INVALID_ARG_VALUE',
    `The argument 'flags' is invalid. Received '${flags}'`,
  )
}

/** `0o644`, `'644'`. */
export function modeArgument(mode: number | string | null | undefined, fallback: number): number {
  if (mode === undefined || mode === null) return fallback
  const value = typeof mode === 'string' ? parseInt(mode, 8) : mode
  if (Number.isInteger(value) && value >= 0) return value & 0o7777
  if (typeof mode === 'number' && Number.isInteger(mode)) {
    const message = `The value of "mode" is out of range. It must be >= 0 && <= 4294967295. Received ${mode}`
    throw argumentError('ERR_OUT_OF_RANGE', message, RangeError)
  }
  throw argumentError(
    'ERR_INVALID_ARG_VALUE',
    `The argument 'mode' must be a 32-bit unsigned integer or an octal string. Received '${mode}'`,
  )
}

const NS_PER_MS = 1_000_000n

/** Seconds, as utimes takes them; a Date; text of a number. */
export function timeArgument(time: number | string | bigint | Date): bigint {
  if (time instanceof Date) return BigInt(time.getTime()) * NS_PER_MS
  if (typeof time === 'bigint') return time * 1_000_000_000n
  const seconds = Number(time)
  if (!Number.isFinite(seconds)) {
    throw argumentError(
      'ERR_INVALID_ARG_TYPE',
      `The "time" argument must be an instance of Date or one of type Time in seconds. Received ${String(time)}`,
    )
  }
  // As node:fs has it: a time before 1970 is taken as a Date only, a negative number means now.
  if (typeof time === 'number' && seconds < 0) return BigInt(Date.now()) * NS_PER_MS
  // To the microsecond: what a double holds of a time of today.
  return BigInt(Math.round(seconds * 1e6)) * 1000n
}
