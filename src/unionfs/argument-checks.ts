// What node:fs refuses of its arguments before it asks the system, with Node's own codes and words: a value that got
// further would be kept as it is, or be a mistake of ours. Paths and modes are path-argument.ts's.

import { argumentError, outOfRange, wrongType, wrongValue } from './refusals.ts'

const ID_MAX = 2 ** 32 - 1
const SMALL_MODE_MAX = 7
const INT32_MAX = 2 ** 31 - 1

/** @throws TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE */
export function checkInteger(
  name: string,
  value: unknown,
  min: number = Number.MIN_SAFE_INTEGER,
  max: number = Number.MAX_SAFE_INTEGER,
): void {
  if (typeof value !== 'number') throw wrongType(name, 'of type number', value)
  if (!Number.isInteger(value)) throw outOfRange(name, 'an integer', value)
  if (value < min || value > max) throw outOfRange(name, `>= ${min} && <= ${max}`, value)
}

/** @throws TypeError ERR_INVALID_ARG_TYPE */
export function checkBoolean(name: string, value: unknown): void {
  if (typeof value !== 'boolean') throw wrongType(name, 'of type boolean', value)
}

/** @throws TypeError ERR_INVALID_ARG_TYPE */
export function checkObject(name: string, value: unknown): asserts value is object {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return
  throw wrongType(name, 'of type object', value)
}

/** `buffer` is not one of bytes. @throws TypeError ERR_INVALID_ARG_VALUE */
export function checkEncoding(encoding: string | null | undefined): void {
  if (!encoding || encoding === 'buffer' || Buffer.isEncoding(encoding)) return
  throw wrongValue('encoding', encoding, 'is invalid encoding')
}

/** An encoding alone, or named options with one among them. @throws TypeError ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE */
export function readOptions<T extends { readonly encoding?: string | null | undefined }>(
  value: T | string | null | undefined,
): Partial<T> {
  if (value === undefined || value === null || typeof value === 'function') return {}
  if (typeof value !== 'string' && typeof value !== 'object') {
    throw wrongType('options', 'one of type string or object', value)
  }
  const options = (typeof value === 'string' ? { encoding: value } : value) as Partial<T>
  checkEncoding(options.encoding)
  const { signal } = options as { signal?: unknown }
  if (signal === undefined) return options
  if (typeof signal !== 'object' || signal === null || !('aborted' in signal)) {
    throw wrongType('options.signal', 'an instance of AbortSignal', signal)
  }
  return options
}

/** @throws TypeError ERR_INVALID_ARG_TYPE */
export function checkBytesOrText(name: string, data: unknown): void {
  if (typeof data === 'string' || ArrayBuffer.isView(data)) return
  throw wrongType(name, 'of type string or an instance of Buffer, TypedArray, or DataView', data)
}

/** @throws TypeError ERR_INVALID_ARG_TYPE */
export function checkBuffers(buffers: unknown): void {
  // Holes count, which `every` would leave out.
  const all: unknown[] = Array.isArray(buffers) ? Array.from<unknown>(buffers) : [undefined]
  if (all.every((each) => ArrayBuffer.isView(each))) return
  throw wrongType('buffers', 'an ArrayBufferView[]', buffers)
}

/** -1 leaves an owner as it is, and so does what it is in 32 bits. @throws TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE */
export function ownerArgument(uid: number, gid: number): { uid?: number; gid?: number } {
  checkInteger('uid', uid, -1, ID_MAX)
  checkInteger('gid', gid, -1, ID_MAX)
  const isKept = (id: number): boolean => id === -1 || id === ID_MAX
  return { ...(isKept(uid) ? {} : { uid }), ...(isKept(gid) ? {} : { gid }) }
}

/** Of access and copyFile: what is behind the point goes. @throws TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE */
export function smallMode(mode: unknown): number {
  if (mode === undefined || mode === null) return 0
  if (typeof mode !== 'number') {
    throw argumentError('ERR_INVALID_ARG_TYPE', 'mode must be int32 or null/undefined')
  }
  if (mode >= 0 && mode <= SMALL_MODE_MAX) return Math.trunc(mode)
  const bounds = Number.isFinite(mode) ? `: >= 0 && <= ${SMALL_MODE_MAX}` : ''
  throw argumentError('ERR_OUT_OF_RANGE', `mode is out of range${bounds}`, RangeError)
}

const LINK_TYPES: readonly unknown[] = ['dir', 'file', 'junction']

/** What it says is of use on Windows only. @throws Error ERR_FS_INVALID_SYMLINK_TYPE */
export function checkLinkType(type: unknown): void {
  if (typeof type !== 'string' || LINK_TYPES.includes(type)) return
  const message = `Symlink type must be one of "dir", "file", or "junction". Received "${type}"`
  throw argumentError('ERR_FS_INVALID_SYMLINK_TYPE', message, Error)
}

export interface RetryOptions {
  readonly recursive?: boolean
  /** Of no use here: nothing is ever busy for a while. */
  readonly maxRetries?: number
  readonly retryDelay?: number
}

const RETRY_DEFAULTS = { recursive: false, maxRetries: 0, retryDelay: 100 }

/** Of rm and rmdir. An option that is there as undefined is refused, as by Node. @throws TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE */
export function retryOptions<T extends RetryOptions>(options: T): T & typeof RETRY_DEFAULTS {
  checkObject('options', options)
  const all = { ...RETRY_DEFAULTS, ...options }
  const { recursive, maxRetries, retryDelay } = all
  checkBoolean('options.recursive', recursive)
  checkInteger('options.retryDelay', retryDelay, 0, INT32_MAX)
  checkInteger('options.maxRetries', maxRetries, 0, ID_MAX)
  return all
}

class AbortError extends Error {
  readonly code = 'ABORT_ERR'
  override readonly name = 'AbortError'
}

/** As node:fs tells it, whatever the signal's reason is: that is the cause. */
export function checkSignal(signal: AbortSignal | undefined): void {
  if (!signal?.aborted) return
  throw new AbortError('The operation was aborted', { cause: signal.reason as unknown })
}
