// PAX extended header records: `LENGTH KEY=VALUE\n`, where LENGTH counts all of it, itself included.
// Knows the keys that a layer can hold and their value grammar; rejects what Go's archive/tar rejects.
// Knows nothing of blocks: bytes in, values out.

import { ArchiveError } from '../errors.ts'
import type { BytePath } from '../path/byte-path.ts'

/** What one extended header says; '' and undefined where it is silent. An empty value is silence too (as in Go). */
export class PaxRecords {
  path: BytePath = '' as BytePath
  linkPath: BytePath = '' as BytePath
  uname: BytePath = '' as BytePath
  gname: BytePath = '' as BytePath
  uid: number | undefined = undefined
  gid: number | undefined = undefined
  sizeBytes: number | undefined = undefined
  mtimeNs: bigint | undefined = undefined
  atimeNs: bigint | undefined = undefined
  ctimeNs: bigint | undefined = undefined
  xattrs: Map<string, Uint8Array> | undefined = undefined
  /** GNU.sparse.* by the rest of the key. */
  sparse: Map<string, string> | undefined = undefined
  /** offset, numbytes, offset, numbytes ...: the repeated keys of sparse format 0.0, in order. */
  sparsePairs: string[] | undefined = undefined
}

const XATTR = 'SCHILY.xattr.'
const SPARSE = 'GNU.sparse.'
const NS_PER_S = 1_000_000_000n

/** @throws ArchiveError ERR_PAX_RECORD */
export function decodePax(bytes: Buffer): PaxRecords {
  const records = new PaxRecords()
  forEachRecord(bytes, (keyAt, keyEnd, valueEnd) => {
    takeRecord(records, bytes, keyAt, keyEnd, valueEnd)
  })
  return records
}

/**
 * Of a global header only the syntax counts and a `path`, which renames the header itself. Its records do not reach the
 * members after it: dockerd drops them, so a layer that relied on them would look different there.
 */
export function decodeGlobalPax(bytes: Buffer): { path: BytePath } {
  let path = '' as BytePath
  forEachRecord(bytes, (keyAt, keyEnd, valueEnd) => {
    if (isKey(bytes, keyAt, keyEnd, 'path')) path = textOf(bytes, keyAt, keyEnd, valueEnd) || path
  })
  return { path }
}

function forEachRecord(
  bytes: Buffer,
  visit: (keyAt: number, keyEnd: number, valueEnd: number) => void,
): void {
  let at = 0
  while (at < bytes.length) {
    let i = at
    let length = 0
    for (; i < bytes.length && i - at < 10; i++) {
      const digit = bytes[i]! - 48
      if (digit < 0 || digit > 9) break
      length = length * 10 + digit
    }
    if (i === at || bytes[i] !== 0x20)
      throw bad(bytes, at, 'it does not start with a length and a space')
    const end = at + length
    if (end > bytes.length)
      throw bad(bytes, at, `its length ${length} runs past the end of the header`)
    if (end <= i + 1 || bytes[end - 1] !== 0x0a)
      throw bad(bytes, at, `no newline at its length ${length}`)
    const keyAt = i + 1
    let keyEnd = keyAt
    while (keyEnd < end && bytes[keyEnd] !== 0x3d) {
      if (bytes[keyEnd] === 0) throw bad(bytes, at, 'its key holds a NUL')
      keyEnd++
    }
    if (keyEnd === end) throw bad(bytes, at, 'it has no "="')
    if (keyEnd === keyAt) throw bad(bytes, at, 'its key is empty')
    visit(keyAt, keyEnd, end - 1)
    at = end
  }
}

function takeRecord(
  records: PaxRecords,
  bytes: Buffer,
  keyAt: number,
  keyEnd: number,
  valueEnd: number,
): void {
  // Told apart by length and bytes: a string for each key would cost more than the rest of the record.
  switch (keyEnd - keyAt) {
    case 3:
      if (isKey(bytes, keyAt, keyEnd, 'uid')) records.uid = intOf(bytes, keyAt, keyEnd, valueEnd)
      else if (isKey(bytes, keyAt, keyEnd, 'gid'))
        records.gid = intOf(bytes, keyAt, keyEnd, valueEnd)
      return
    case 4:
      if (isKey(bytes, keyAt, keyEnd, 'path')) records.path = textOf(bytes, keyAt, keyEnd, valueEnd)
      else if (isKey(bytes, keyAt, keyEnd, 'size'))
        records.sizeBytes = intOf(bytes, keyAt, keyEnd, valueEnd)
      return
    case 5:
      if (isKey(bytes, keyAt, keyEnd, 'mtime'))
        records.mtimeNs = timeOf(bytes, keyAt, keyEnd, valueEnd)
      else if (isKey(bytes, keyAt, keyEnd, 'atime'))
        records.atimeNs = timeOf(bytes, keyAt, keyEnd, valueEnd)
      else if (isKey(bytes, keyAt, keyEnd, 'ctime'))
        records.ctimeNs = timeOf(bytes, keyAt, keyEnd, valueEnd)
      else if (isKey(bytes, keyAt, keyEnd, 'uname'))
        records.uname = textOf(bytes, keyAt, keyEnd, valueEnd)
      else if (isKey(bytes, keyAt, keyEnd, 'gname'))
        records.gname = textOf(bytes, keyAt, keyEnd, valueEnd)
      return
    case 8:
      if (isKey(bytes, keyAt, keyEnd, 'linkpath'))
        records.linkPath = textOf(bytes, keyAt, keyEnd, valueEnd)
      return
    default:
      takeLongKey(records, bytes, keyAt, keyEnd, valueEnd)
  }
}

function takeLongKey(
  records: PaxRecords,
  bytes: Buffer,
  keyAt: number,
  keyEnd: number,
  valueEnd: number,
): void {
  const key = bytes.toString('latin1', keyAt, keyEnd)
  if (key.startsWith(XATTR)) {
    // An empty value is kept here, unlike elsewhere: an xattr may well be empty.
    records.xattrs ??= new Map()
    records.xattrs.set(
      key.slice(XATTR.length),
      new Uint8Array(bytes.subarray(keyEnd + 1, valueEnd)),
    )
  } else if (key.startsWith(SPARSE)) {
    takeSparse(
      records,
      bytes,
      keyAt,
      key.slice(SPARSE.length),
      bytes.toString('latin1', keyEnd + 1, valueEnd),
    )
  }
}

function takeSparse(
  records: PaxRecords,
  bytes: Buffer,
  at: number,
  key: string,
  value: string,
): void {
  if (key !== 'offset' && key !== 'numbytes') {
    if (key === 'name' && value.includes('\0')) throw bad(bytes, at, 'its value holds a NUL')
    records.sparse ??= new Map()
    records.sparse.set(key, value)
    return
  }
  const pairs = (records.sparsePairs ??= [])
  const expected = pairs.length % 2 === 0 ? 'offset' : 'numbytes'
  if (key !== expected || value.includes(',')) {
    throw bad(bytes, at, `GNU.sparse.${expected} should stand here`)
  }
  pairs.push(value)
}

function isKey(bytes: Buffer, keyAt: number, keyEnd: number, key: string): boolean {
  if (keyEnd - keyAt !== key.length) return false
  for (let i = 0; i < key.length; i++) if (bytes[keyAt + i] !== key.charCodeAt(i)) return false
  return true
}

function textOf(bytes: Buffer, keyAt: number, keyEnd: number, valueEnd: number): BytePath {
  const text = bytes.toString('latin1', keyEnd + 1, valueEnd)
  // A kernel path ends at a NUL: such a record names one file to us and another to the disk.
  if (text.includes('\0')) throw bad(bytes, keyAt, 'its value holds a NUL')
  return text as BytePath
}

function intOf(bytes: Buffer, keyAt: number, keyEnd: number, valueEnd: number): number | undefined {
  if (keyEnd + 1 === valueEnd) return undefined
  const text = bytes.toString('latin1', keyEnd + 1, valueEnd)
  const value = /^[+-]?[0-9]+$/.test(text) ? Number(text) : NaN
  if (!Number.isSafeInteger(value))
    throw bad(bytes, keyAt, 'its value is no decimal number below 2^53')
  return value
}

/** `SECONDS[.FRACTION]` with any number of digits; what is finer than a nanosecond is cut off, towards zero. */
function timeOf(
  bytes: Buffer,
  keyAt: number,
  keyEnd: number,
  valueEnd: number,
): bigint | undefined {
  let i = keyEnd + 1
  if (i === valueEnd) return undefined
  const sign = bytes[i]
  if (sign === 0x2d || sign === 0x2b) i++
  let seconds = 0
  const first = i
  for (; i < valueEnd && bytes[i] !== 0x2e; i++) {
    const digit = bytes[i]! - 48
    if (digit < 0 || digit > 9) throw bad(bytes, keyAt, 'its value is no time in seconds')
    seconds = seconds * 10 + digit
  }
  if (i === first || seconds > Number.MAX_SAFE_INTEGER) {
    throw bad(bytes, keyAt, 'its value is no time in seconds')
  }
  let nanoseconds = 0
  let unit = 100_000_000
  for (i++; i < valueEnd; i++) {
    const digit = bytes[i]! - 48
    if (digit < 0 || digit > 9) throw bad(bytes, keyAt, 'its value is no time in seconds')
    nanoseconds += digit * unit
    unit = unit < 10 ? 0 : unit / 10
  }
  const time = BigInt(seconds) * NS_PER_S + BigInt(nanoseconds)
  return sign === 0x2d ? -time : time
}

function bad(bytes: Buffer, at: number, reason: string): ArchiveError {
  const line = bytes.subarray(at, Math.min(bytes.length, at + 60)).toString('latin1')
  return new ArchiveError(
    'ERR_PAX_RECORD',
    `cannot read PAX record ${JSON.stringify(line)}: ${reason}`,
    { details: { record: line } },
  )
}

/** Records in the order given; keys and text values are byte strings. */
export function encodePax(
  records: Iterable<readonly [key: string, value: string | Uint8Array]>,
): Buffer {
  const parts: Buffer[] = []
  for (const [key, value] of records) {
    const bytes = typeof value === 'string' ? Buffer.from(value, 'latin1') : value
    // ' ', '=' and '\n', then as many digits as it takes to count themselves.
    const rest = key.length + bytes.length + 3
    let length = rest + String(rest).length
    length = rest + String(length).length
    parts.push(Buffer.from(`${length} ${key}=`, 'latin1'), Buffer.from(bytes), NEWLINE)
  }
  return Buffer.concat(parts)
}
const NEWLINE = Buffer.from('\n')

/** Nanoseconds as PAX writes them: seconds, and a fraction without closing zeros where there is one. */
export function paxTime(timeNs: bigint): string {
  const sign = timeNs < 0n ? '-' : ''
  const size = timeNs < 0n ? -timeNs : timeNs
  const nanoseconds = size % NS_PER_S
  const seconds = `${sign}${size / NS_PER_S}`
  if (nanoseconds === 0n) return seconds
  return `${seconds}.${String(nanoseconds).padStart(9, '0').replace(/0+$/, '')}`
}
