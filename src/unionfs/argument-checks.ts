// What node:fs refuses of its arguments before it asks the system, with Node's own codes and words: a value that got
// further would be kept as it is, or be a mistake of ours. Paths, flags and modes are path-argument.ts's.

import { inspect } from 'node:util'
import { argumentError } from './node-error.ts'

const ID_MAX = 2 ** 32 - 1
const COPY_MODE_MAX = 7

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

/** `buffer` is not one of bytes. @throws TypeError ERR_INVALID_ARG_VALUE */
export function checkEncoding(encoding: string | null | undefined): void {
  if (!encoding || encoding === 'buffer' || Buffer.isEncoding(encoding)) return
  const message = `The argument 'encoding' is invalid encoding. Received ${inspect(encoding)}`
  throw argumentError('ERR_INVALID_ARG_VALUE', message)
}

/** What can be written: text, bytes, or an iteration of them. @throws TypeError ERR_INVALID_ARG_TYPE */
export function checkData(data: unknown): void {
  if (typeof data === 'string' || ArrayBuffer.isView(data)) return
  if (typeof data === 'object' && data !== null) {
    if (Symbol.iterator in data || Symbol.asyncIterator in data) return
  }
  throw argumentError(
    'ERR_INVALID_ARG_TYPE',
    `The "data" argument must be of type string or an instance of Buffer, TypedArray, or DataView. ${received(data)}`,
  )
}

/** -1 leaves an owner as it is. @throws TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE */
export function ownerArgument(uid: number, gid: number): { uid?: number; gid?: number } {
  checkID('uid', uid)
  checkID('gid', gid)
  return { ...(uid === -1 ? {} : { uid }), ...(gid === -1 ? {} : { gid }) }
}

function checkID(name: string, value: unknown): void {
  if (typeof value !== 'number') {
    const message = `The "${name}" argument must be of type number. ${received(value)}`
    throw argumentError('ERR_INVALID_ARG_TYPE', message)
  }
  const expected = !Number.isInteger(value)
    ? 'an integer'
    : value < -1 || value > ID_MAX
      ? `>= -1 && <= ${ID_MAX}`
      : undefined
  if (expected === undefined) return
  const message = `The value of "${name}" is out of range. It must be ${expected}. Received ${inspect(value)}`
  throw argumentError('ERR_OUT_OF_RANGE', message, RangeError)
}

/** Of access and copyFile. @throws RangeError ERR_OUT_OF_RANGE */
export function checkSmallMode(mode: number): void {
  if (Number.isInteger(mode) && mode >= 0 && mode <= COPY_MODE_MAX) return
  const message = 'mode is out of range: >= 0 && <= 7'
  throw argumentError('ERR_OUT_OF_RANGE', message, RangeError)
}

/** As node:fs tells it, whatever the signal's reason is: that is the cause. */
export function checkSignal(signal: AbortSignal | undefined): void {
  if (!signal?.aborted) return
  const error = new Error('The operation was aborted', { cause: signal.reason as unknown })
  error.name = 'AbortError'
  throw Object.assign(error, { code: 'ABORT_ERR' })
}
