// What callers of node:fs hand over (paths as text, bytes or file URLs, flags as words or numbers) as the union has it.
// There is no working directory in a union: a relative path starts at its root.

import fs from 'node:fs'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import { pathFromBytes, pathFromText, pathText, type BytePath } from '../path/byte-path.ts'
import { checkEncoding, checkInteger, wrongType } from './argument-checks.ts'
import { argumentError } from './node-error.ts'

export type PathArgument = string | Uint8Array | URL

/** Not clean yet, and perhaps with symlinks. @throws TypeError ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE */
export function pathArgument(value: PathArgument, name = 'path'): BytePath {
  let path: BytePath
  if (typeof value === 'string') path = pathFromText(value)
  else if (value instanceof Uint8Array) path = pathFromBytes(value)
  else if (value instanceof URL) path = pathFromText(fileURLToPath(value))
  else throw notAPath(value, name)
  if (path.includes('\0')) throw hasNul(value, name)
  return path
}

function notAPath(value: unknown, name: string): Error {
  return wrongType(name, 'of type string or an instance of Buffer or URL', value)
}

function hasNul(value: PathArgument, name: string): Error {
  const shown = inspect(value instanceof URL ? fileURLToPath(value) : value)
  return argumentError(
    'ERR_INVALID_ARG_VALUE',
    `The argument '${name}' must be a string, Uint8Array, or URL without null bytes. Received ${shown}`,
  )
}

/** For messages: as the caller wrote it. @throws TypeError ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE */
export function shownPath(value: PathArgument, name = 'path'): string {
  let shown: string
  if (typeof value === 'string') shown = value
  else if (value instanceof Uint8Array) shown = Buffer.from(value).toString()
  else if (value instanceof URL) shown = fileURLToPath(value)
  else throw notAPath(value, name)
  if (shown.includes('\0')) throw hasNul(value, name)
  return shown
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

/** @throws TypeError ERR_INVALID_ARG_VALUE, RangeError ERR_OUT_OF_RANGE */
export function openFlags(flags: string | number | null | undefined): number {
  if (flags === undefined || flags === null) return O_RDONLY
  if (typeof flags === 'number') {
    checkInteger('flags', flags, -(2 ** 31), 2 ** 31 - 1)
    return flags
  }
  const known = Object.hasOwn(WORDS, flags) ? WORDS[flags] : undefined
  if (known !== undefined) return known
  throw argumentError(
    'ERR_INVALID_ARG_VALUE',
    `The argument 'flags' is invalid. Received ${inspect(flags)}`,
  )
}

/** `0o644`, `'644'`. @throws TypeError ERR_INVALID_ARG_VALUE, ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE */
export function modeArgument(mode: number | string | null | undefined, fallback?: number): number {
  const given = mode ?? fallback
  if (typeof given === 'string' && !/^[0-7]+$/.test(given)) {
    throw argumentError(
      'ERR_INVALID_ARG_VALUE',
      `The argument 'mode' must be a 32-bit unsigned integer or an octal string. Received '${given}'`,
    )
  }
  const value = typeof given === 'string' ? parseInt(given, 8) : given
  checkInteger('mode', value, 0, 2 ** 32 - 1)
  return value! & 0o7777
}

/** Of text in hex, which must come in pairs. @throws TypeError ERR_INVALID_ARG_VALUE */
export function checkTextEncoding(text: string, encoding: string | null | undefined): void {
  if (encoding?.toLowerCase() !== 'hex' || text.length % 2 === 0) return
  const message = `The argument 'encoding' is invalid for data of length ${text.length}. Received '${encoding}'`
  throw argumentError('ERR_INVALID_ARG_VALUE', message)
}

const NS_PER_MS = 1_000_000n

/** Seconds, as utimes takes them; a Date; text of a number. @throws TypeError ERR_INVALID_ARG_TYPE */
export function timeArgument(time: number | string | Date, name = 'time'): bigint {
  const seconds = typeof time === 'string' ? Number(time) : time
  if (typeof seconds === 'number' && Number.isFinite(seconds)) {
    // A time before 1970 is taken as a Date only: a negative number means now, as node:fs has it.
    if (typeof time === 'number' && seconds < 0) return BigInt(Date.now()) * NS_PER_MS
    // To the microsecond: what a double holds of a time of today.
    return BigInt(Math.round(seconds * 1e6)) * 1000n
  }
  if (time instanceof Date && !Number.isNaN(time.getTime())) {
    return BigInt(time.getTime()) * NS_PER_MS
  }
  throw wrongType(name, 'an instance of Date or an Time in seconds', time)
}
