// What callers of node:fs hand over (paths as text, bytes or file URLs, modes as text or numbers) as the union has it.
// There is no working directory in a union: a relative path starts at its root.

import { fileURLToPath } from 'node:url'
import { pathFromBytes, pathFromText, pathText, type BytePath } from '../path/byte-path.ts'
import { checkEncoding, checkInteger } from './argument-checks.ts'
import { wrongType, wrongValue } from './refusals.ts'

export type PathArgument = string | Uint8Array | URL

/** Not clean yet, and perhaps with symlinks. @throws TypeError ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_INVALID_URL_SCHEME, ... */
export function pathArgument(value: PathArgument, name = 'path'): BytePath {
  const path = withoutURL(value, name)
  return typeof path === 'string' ? pathFromText(path) : pathFromBytes(path)
}

/** For messages: as the caller wrote it. @throws as pathArgument */
export function shownPath(value: PathArgument, name = 'path'): string {
  const path = withoutURL(value, name)
  return typeof path === 'string' ? path : Buffer.from(path).toString()
}

/** Of what is listed there: bytes where the caller gave bytes, though Node's types say text. */
export function parentOf(path: PathArgument): string {
  return path instanceof Uint8Array ? (path as unknown as string) : shownPath(path)
}

function withoutURL(value: PathArgument, name: string): string | Uint8Array {
  const path = isURL(value) ? fileURLToPath(value) : value
  if (typeof path !== 'string' && !(path instanceof Uint8Array)) {
    throw wrongType(name, 'of type string or an instance of Buffer or URL', path)
  }
  const hasNul = typeof path === 'string' ? path.includes('\0') : path.includes(0)
  if (!hasNul) return path
  throw wrongValue(name, path, 'must be a string, Uint8Array, or URL without null bytes')
}

/** By its parts, as Node tells one: it may be of another realm, or of a library. */
function isURL(value: unknown): value is URL {
  if (typeof value !== 'object' || value === null) return false
  const { href, protocol, auth, path } = value as Readonly<Record<string, unknown>>
  return Boolean(href && protocol && auth === undefined && path === undefined)
}

export type Encoding = BufferEncoding | 'buffer' | null | undefined

/** A name or a link's target in the encoding that was asked for; default utf8. */
export function encodeName(name: BytePath, encoding: Encoding): string | Buffer {
  if (encoding === 'buffer') return Buffer.from(name, 'latin1')
  if (!encoding || encoding === 'utf8' || encoding === 'utf-8') return pathText(name)
  checkEncoding(encoding)
  return Buffer.from(name, 'latin1').toString(encoding)
}

/** `0o644`, `'644'`. @throws TypeError ERR_INVALID_ARG_VALUE, ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE */
export function modeArgument(mode: number | string | null | undefined, fallback?: number): number {
  const given = mode ?? fallback
  if (typeof given === 'string' && !/^[0-7]+$/.test(given)) {
    throw wrongValue('mode', given, 'must be a 32-bit unsigned integer or an octal string')
  }
  const value = typeof given === 'string' ? parseInt(given, 8) : given
  checkInteger('mode', value, 0, 2 ** 32 - 1)
  return value! & 0o7777
}
