// Which bytes a read or a write of node:fs means: a buffer whole or in part, named options or one argument after the
// other, at a place or where the last one ended. Refuses what Node refuses, in its words.

import { inspect } from 'node:util'
import { checkInteger } from './argument-checks.ts'
import { argumentError } from './node-error.ts'

const READ_BYTES = 16 << 10
const INT32_MAX = 2 ** 31 - 1

export interface BytePlace {
  readonly offset?: number | null
  readonly length?: number | null
  readonly position?: number | bigint | null
}

export interface ReadOptions<T extends NodeJS.ArrayBufferView> extends BytePlace {
  readonly buffer?: T
}

export interface ByteRange {
  readonly bytes: Uint8Array
  /** undefined: where the last read or write ended. */
  readonly position: number | undefined
}

type Offset = number | BytePlace | null | undefined

/** The whole of a view, as bytes. */
export function bytesOf(view: NodeJS.ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
}

/** read(buffer, offset, length, position), read(buffer, options), read(options) and read(). */
export function readArguments<T extends NodeJS.ArrayBufferView>(
  first?: T | ReadOptions<T> | null,
  second?: Offset,
  length?: number | null,
  position?: number | bigint | null,
): ByteRange & { readonly buffer: T } {
  if (ArrayBuffer.isView(first)) {
    return { ...readRange(first, placeOf(second, length, position)), buffer: first }
  }
  if (first !== undefined && first !== null && typeof first !== 'object') {
    // As validateObject has it.
    throw argumentError(
      'ERR_INVALID_ARG_TYPE',
      `The "options" argument must be of type object. Received type ${typeof first} (${inspect(first)})`,
    )
  }
  const { buffer = Buffer.alloc(READ_BYTES) as unknown as T, ...place } = first ?? {}
  if (!ArrayBuffer.isView(buffer)) {
    throw argumentError(
      'ERR_INVALID_ARG_TYPE',
      'The "buffer" argument must be an instance of Buffer, TypedArray, or DataView.',
    )
  }
  return { ...readRange(buffer, place), buffer }
}

/** write(buffer, offset, length, position) and write(buffer, options). */
export function writeArguments(
  view: NodeJS.ArrayBufferView,
  second?: Offset,
  length?: number | null,
  position?: number | bigint | null,
): ByteRange {
  return writeRange(view, placeOf(second, length, position))
}

/** A negative place is none. */
export function positionOf(position: unknown): number | undefined {
  if (typeof position !== 'number' && typeof position !== 'bigint') return undefined
  const at = Number(position)
  return at < 0 || !Number.isSafeInteger(at) ? undefined : at
}

function placeOf(
  second: Offset,
  length: number | null | undefined,
  position: number | bigint | null | undefined,
): BytePlace {
  if (typeof second === 'object' && second !== null) return second
  return { offset: second ?? null, length: length ?? null, position: position ?? null }
}

function readRange(
  view: NodeJS.ArrayBufferView,
  { offset, length, position }: BytePlace,
): ByteRange {
  const bytes = bytesOf(view)
  const from = offset ?? 0
  checkInteger('offset', from, 0)
  const count = length ?? bytes.length - from
  if (count !== 0) {
    if (bytes.length === 0) {
      const message = `The argument 'buffer' is empty and cannot be written. Received ${inspect(view)}`
      throw argumentError('ERR_INVALID_ARG_VALUE', message)
    }
    if (count < 0) throw rangeError('length', '>= 0', count)
    if (from + count > bytes.length) throw rangeError('length', `<= ${bytes.length - from}`, count)
  }
  return { bytes: bytes.subarray(from, from + count), position: positionOf(position) }
}

function writeRange(
  view: NodeJS.ArrayBufferView,
  { offset, length, position }: BytePlace,
): ByteRange {
  const bytes = bytesOf(view)
  if (bytes.length === 0) return { bytes, position: positionOf(position) }
  const from = offset ?? 0
  checkInteger('offset', from, 0)
  const count = typeof length === 'number' ? length : bytes.length - from
  if (from > bytes.length) throw rangeError('offset', `<= ${bytes.length}`, from)
  if (count > bytes.length - from) throw rangeError('length', `<= ${bytes.length - from}`, count)
  if (count < 0) throw rangeError('length', '>= 0', count)
  checkInteger('length', count, 0, INT32_MAX)
  return { bytes: bytes.subarray(from, from + count), position: positionOf(position) }
}

function rangeError(name: string, expected: string, value: number): Error {
  const message = `The value of "${name}" is out of range. It must be ${expected}. Received ${value}`
  return argumentError('ERR_OUT_OF_RANGE', message, RangeError)
}
