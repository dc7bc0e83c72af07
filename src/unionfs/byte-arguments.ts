// Which bytes a read or a write of node:fs means: a buffer whole or in part, named options or one argument after the
// other, at a place or where the last one ended. Refuses what Node refuses, in its words.

import { checkBytesOrText, checkInteger, checkObject } from './argument-checks.ts'
import { outOfRange, wrongType, wrongValue } from './refusals.ts'

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
  if (first !== undefined && first !== null) checkObject('options', first)
  const options: ReadOptions<T> = first ?? {}
  const { buffer = Buffer.alloc(READ_BYTES) as unknown as T } = options
  if (!ArrayBuffer.isView(buffer)) {
    throw wrongType('buffer', 'an instance of Buffer, TypedArray, or DataView', buffer)
  }
  return { ...readRange(buffer, options), buffer }
}

/** write(buffer, offset, length, position) and write(buffer, options). */
export function writeArguments(
  view: NodeJS.ArrayBufferView,
  second?: Offset,
  length?: number | null,
  position?: number | bigint | null,
): ByteRange {
  // null is options too, none of which say anything: the rest is passed over.
  return writeRange(view, second === null ? {} : placeOf(second, length, position))
}

/** A negative place is none. */
export function positionOf(position: unknown): number | undefined {
  if (typeof position !== 'number' && typeof position !== 'bigint') return undefined
  const at = Number(position)
  return at < 0 || !Number.isSafeInteger(at) ? undefined : at
}

/** Of a write, and of many reads at once: a bigint is none either. */
export function numberPosition(position: unknown): number | undefined {
  return typeof position === 'number' ? positionOf(position) : undefined
}

/** Of write(text): an encoding that nobody knows is utf8. @throws TypeError ERR_INVALID_ARG_VALUE for half a byte in hex */
export function textBytes(text: string, encoding: unknown): Buffer {
  const known = typeof encoding === 'string' && Buffer.isEncoding(encoding) ? encoding : 'utf8'
  if (known.toLowerCase() === 'hex' && text.length % 2 !== 0) {
    throw wrongValue('encoding', encoding, `is invalid for data of length ${text.length}`)
  }
  return Buffer.from(text, known)
}

export type WriteData =
  | string
  | NodeJS.ArrayBufferView
  | Iterable<string | Uint8Array>
  | AsyncIterable<string | Uint8Array>

type Parts = Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>

/** Of writeFile: bytes, or what they come from one by one. @throws TypeError ERR_INVALID_ARG_TYPE, ERR_UNKNOWN_ENCODING */
export function dataArgument(data: WriteData, encoding?: string | null): Uint8Array | Parts {
  if (typeof data === 'object' && !ArrayBuffer.isView(data) && isIterable(data)) return data
  checkBytesOrText('data', data)
  return partBytes(data, encoding)
}

function isIterable(data: unknown): data is Parts {
  const { [Symbol.iterator]: once, [Symbol.asyncIterator]: later } = (data ?? {}) as Record<
    symbol,
    unknown
  >
  return typeof once === 'function' || typeof later === 'function'
}

/** Whatever Buffer.from takes. @throws TypeError ERR_INVALID_ARG_TYPE, ERR_UNKNOWN_ENCODING */
export function partBytes(
  part: string | NodeJS.ArrayBufferView,
  encoding?: string | null,
): Uint8Array {
  if (ArrayBuffer.isView(part)) return bytesOf(part)
  return Buffer.from(part, (encoding || 'utf8') as BufferEncoding)
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
      throw wrongValue('buffer', view, 'is empty and cannot be written')
    }
    if (count < 0) throw outOfRange('length', '>= 0', count)
    if (from + count > bytes.length) throw outOfRange('length', `<= ${bytes.length - from}`, count)
    // An assertion that fails, in Node.
    checkInteger('length', count)
  }
  return { bytes: bytes.subarray(from, from + count), position: positionOf(position) }
}

function writeRange(
  view: NodeJS.ArrayBufferView,
  { offset, length, position }: BytePlace,
): ByteRange {
  const bytes = bytesOf(view)
  if (bytes.length === 0) return { bytes, position: numberPosition(position) }
  const from = offset ?? 0
  checkInteger('offset', from, 0)
  const count = typeof length === 'number' ? length : bytes.length - from
  if (from > bytes.length) throw outOfRange('offset', `<= ${bytes.length}`, from)
  if (count > bytes.length - from) throw outOfRange('length', `<= ${bytes.length - from}`, count)
  if (count < 0) throw outOfRange('length', '>= 0', count)
  checkInteger('length', count, 0, INT32_MAX)
  return { bytes: bytes.subarray(from, from + count), position: numberPosition(position) }
}
