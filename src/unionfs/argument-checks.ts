// What node:fs refuses of its arguments before it asks the system, with Node's own codes and words: a value that got
// further would be kept as it is, or be a mistake of ours. Paths, flags and modes are path-argument.ts's.

import { inspect } from 'node:util'
import { argumentError } from './node-error.ts'

const ID_MAX = 2 ** 32 - 1
const COPY_MODE_MAX = 7
const INT32_MAX = 2 ** 31 - 1

/** How Node tells what it was given instead. */
export function received(value: unknown): string {
  if (value === undefined || value === null) return `Received ${value}`
  if (typeof value === 'function') return `Received function ${value.name}`
  if (typeof value === 'object') {
    const name = (value as { constructor?: { name?: string } }).constructor?.name
    return `Received ${name ? `an instance of ${name}` : inspect(value, { depth: -1 })}`
  }
  const shown = inspect(value)
  return `Received type ${typeof value} (${shown.length > 28 ? `${shown.slice(0, 25)}...` : shown})`
}

/** @param expected `of type number`, `an instance of Object` */
export function wrongType(name: string, expected: string, value: unknown): Error {
  const kind = name.includes('.') ? 'property' : 'argument'
  const message = `The "${name}" ${kind} must be ${expected}. ${received(value)}`
  return argumentError('ERR_INVALID_ARG_TYPE', message)
}

function outOfRange(name: string, expected: string, value: unknown): Error {
  const isLong = Number.isInteger(value) && Math.abs(value as number) > 2 ** 32
  const shown = isLong ? String(value).replace(/\B(?=(?:\d{3})+$)/g, '_') : inspect(value)
  const message = `The value of "${name}" is out of range. It must be ${expected}. Received ${shown}`
  return argumentError('ERR_OUT_OF_RANGE', message, RangeError)
}

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

/** `buffer` is not one of bytes. @throws TypeError ERR_INVALID_ARG_VALUE */
export function checkEncoding(encoding: string | null | undefined): void {
  if (!encoding || encoding === 'buffer' || Buffer.isEncoding(encoding)) return
  const message = `The argument 'encoding' is invalid encoding. Received ${inspect(encoding)}`
  throw argumentError('ERR_INVALID_ARG_VALUE', message)
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

/** What can be written: text, bytes, or an iteration of them. @throws TypeError ERR_INVALID_ARG_TYPE */
export function checkData(data: unknown): void {
  if (typeof data === 'object' && data !== null) {
    if (Symbol.iterator in data || Symbol.asyncIterator in data) return
  }
  checkBytesOrText('data', data)
}

/** @throws TypeError ERR_INVALID_ARG_TYPE */
export function checkBytesOrText(name: string, data: unknown): void {
  if (typeof data === 'string' || ArrayBuffer.isView(data)) return
  throw wrongType(name, 'of type string or an instance of Buffer, TypedArray, or DataView', data)
}

/** @throws TypeError ERR_INVALID_ARG_TYPE */
export function checkBuffers(buffers: unknown): void {
  if (Array.isArray(buffers) && buffers.every((each) => ArrayBuffer.isView(each))) return
  throw wrongType('buffers', 'an ArrayBufferView[]', buffers)
}

/** -1 leaves an owner as it is. @throws TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE */
export function ownerArgument(uid: number, gid: number): { uid?: number; gid?: number } {
  checkInteger('uid', uid, -1, ID_MAX)
  checkInteger('gid', gid, -1, ID_MAX)
  return { ...(uid === -1 ? {} : { uid }), ...(gid === -1 ? {} : { gid }) }
}

/** Of access and copyFile. @throws RangeError ERR_OUT_OF_RANGE */
export function checkSmallMode(mode: number): void {
  if (Number.isInteger(mode) && mode >= 0 && mode <= COPY_MODE_MAX) return
  const message = 'mode is out of range: >= 0 && <= 7'
  throw argumentError('ERR_OUT_OF_RANGE', message, RangeError)
}

export interface RetryOptions {
  readonly recursive?: boolean
  /** Of no use here: nothing is ever busy for a while. */
  readonly maxRetries?: number
  readonly retryDelay?: number
}

/** Of rm and rmdir. @throws TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE */
export function checkRetryOptions(options: RetryOptions): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw wrongType('options', 'of type object', options)
  }
  const { recursive = false, maxRetries = 0, retryDelay = 100 } = options
  checkBoolean('options.recursive', recursive)
  checkInteger('options.retryDelay', retryDelay, 0, INT32_MAX)
  checkInteger('options.maxRetries', maxRetries, 0, ID_MAX)
}

/** As node:fs tells it, whatever the signal's reason is: that is the cause. */
export function checkSignal(signal: AbortSignal | undefined): void {
  if (!signal?.aborted) return
  const error = new Error('The operation was aborted', { cause: signal.reason as unknown })
  error.name = 'AbortError'
  throw Object.assign(error, { code: 'ABORT_ERR' })
}
