// The 512-byte header block, field by field, both ways: v7, ustar, GNU and star flavours.
// Works on bytes in place (`block`, `at`) so that reading a header allocates nothing but the strings it is asked for.
// Knows nothing of streams, of extension headers, or of what a type means.
//
// Reading accepts what Go's archive/tar accepts, because dockerd reads layers with it: a tar that shale and docker take
// for different trees would be a hole, not a feature.

import type { BytePath } from '../path/byte-path.ts'

export const BLOCK_BYTES = 512

/** Where the fields stand in the block. */
export const FIELD = {
  name: 0,
  mode: 100,
  uid: 108,
  gid: 116,
  size: 124,
  mtime: 136,
  checksum: 148,
  typeflag: 156,
  linkName: 157,
  magic: 257,
  uname: 265,
  gname: 297,
  devMajor: 329,
  devMinor: 337,
  prefix: 345,
  gnuAtime: 345,
  gnuCtime: 357,
  gnuSparse: 386,
  gnuSparseExtended: 482,
  gnuRealSize: 483,
  starAtime: 476,
  starCtime: 488,
  starTrailer: 508,
} as const

export type HeaderFormat = 'v7' | 'ustar' | 'gnu' | 'star'

/** Bytes that fill `sizeBytes` up to a whole block. */
export function paddingBytes(sizeBytes: number): number {
  return (BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES
}

export function isZeroBlock(block: Uint8Array, at: number): boolean {
  for (let i = at; i < at + BLOCK_BYTES; i++) if (block[i] !== 0) return false
  return true
}

/**
 * A number field: octal digits between spaces and NULs, or base-256 (first bit set, two's complement, big-endian).
 * @returns NaN if it is neither, or beyond 2^53. An empty field is 0.
 */
export function numeric(block: Uint8Array, at: number, width: number): number {
  const end = at + width
  let i = at
  let byte = block[i]!
  if (byte >= 0x80) return base256(block, at, width)
  while (byte === 0x20 || byte === 0) {
    if (++i === end) return 0
    byte = block[i]!
  }
  let value = 0
  const first = i
  for (; i < end; i++) {
    const digit = block[i]! - 48
    if (digit < 0 || digit > 7) break
    value = value * 8 + digit
  }
  if (i === end) return value
  if (i === first) return NaN
  // A NUL ends the field whatever follows; after a space only more filling may come. Go reads it so.
  if (block[i] === 0) return value
  for (; i < end; i++) if (block[i] !== 0x20 && block[i] !== 0) return NaN
  return value
}

function base256(block: Uint8Array, at: number, width: number): number {
  const negative = (block[at]! & 0x40) !== 0
  const invert = negative ? 0xff : 0
  let value = (block[at]! ^ invert) & 0x7f
  for (let i = at + 1; i < at + width; i++) {
    value = value * 256 + (block[i]! ^ invert)
    if (value > Number.MAX_SAFE_INTEGER) return NaN
  }
  return negative ? -value - 1 : value
}

/** Bytes up to the first NUL, or the whole field. */
export function cString(block: Buffer, at: number, width: number): BytePath {
  const end = at + width
  let i = at
  while (i < end && block[i] !== 0) i++
  return (i === at ? '' : block.toString('latin1', at, i)) as BytePath
}

/**
 * The checksum counts its own field as spaces. Both the standard's sum of unsigned bytes and the sum of signed bytes
 * that old Sun tars wrote are right.
 * @param words the bytes around `block` as 32-bit words, if it stands on a word boundary: four times as fast.
 */
export function checksumMatches(
  block: Uint8Array,
  at: number,
  words?: Uint32Array,
  wordAt = 0,
): boolean {
  const stored = numeric(block, at + FIELD.checksum, 8)
  let sum = 0
  if (words === undefined) {
    for (let i = at; i < at + BLOCK_BYTES; i++) sum += block[i]!
  } else {
    // Two 16-bit lanes of byte sums: 256 bytes of 255 each stay below 65536.
    let lanes = 0
    for (let i = wordAt; i < wordAt + BLOCK_BYTES / 4; i += 4) {
      const a = words[i]!
      const b = words[i + 1]!
      const c = words[i + 2]!
      const d = words[i + 3]!
      const even = ((a & LANES) + (b & LANES) + (c & LANES) + (d & LANES)) | 0
      const odd =
        (((a >>> 8) & LANES) + ((b >>> 8) & LANES) + ((c >>> 8) & LANES) + ((d >>> 8) & LANES)) | 0
      lanes = (lanes + even + odd) | 0
    }
    sum = (lanes & 0xffff) + (lanes >>> 16)
  }
  for (let i = at + FIELD.checksum; i < at + FIELD.typeflag; i++) sum += 0x20 - block[i]!
  return sum === stored || signedSum(block, at) === stored
}

/** Every other byte of a word. */
const LANES = 0xff00ff

function signedSum(block: Uint8Array, at: number): number {
  let sum = 8 * 0x20
  for (let i = at; i < at + BLOCK_BYTES; i++) {
    if (i < at + FIELD.checksum || i >= at + FIELD.typeflag) sum += (block[i]! << 24) >> 24
  }
  return sum
}

export function headerFormat(block: Buffer, at: number): HeaderFormat {
  const magic = at + FIELD.magic
  // "ustar"
  if (
    block[magic] !== 0x75 ||
    block[magic + 1] !== 0x73 ||
    block[magic + 2] !== 0x74 ||
    block[magic + 3] !== 0x61 ||
    block[magic + 4] !== 0x72
  ) {
    return 'v7'
  }
  if (block[magic + 5] === 0) return isStar(block, at) ? 'star' : 'ustar'
  const gnu = block[magic + 5] === 0x20 && block[magic + 6] === 0x20 && block[magic + 7] === 0
  return gnu ? 'gnu' : 'v7'
}

function isStar(block: Buffer, at: number): boolean {
  const trailer = at + FIELD.starTrailer
  return block[trailer] === 0x74 && block.toString('latin1', trailer, trailer + 4) === 'tar\0'
}

/** The name of the block alone, prefix included where the format has one. */
export function headerName(block: Buffer, at: number, format: HeaderFormat): BytePath {
  const name = cString(block, at + FIELD.name, 100)
  if (block[at + FIELD.prefix] === 0 || format === 'v7') return name
  let prefix = ''
  if (format === 'ustar') prefix = cString(block, at + FIELD.prefix, 155)
  else if (format === 'star') prefix = cString(block, at + FIELD.prefix, 131)
  else prefix = misplacedPrefix(block, at)
  return (prefix === '' ? name : `${prefix}/${name}`) as BytePath
}

/**
 * GNU headers have times where ustar has the prefix. Go before 1.8 wrote a prefix into GNU headers nevertheless; Go
 * reads those back by taking the field for a prefix when it does not parse as times, and so must we: the layers exist.
 */
function misplacedPrefix(block: Buffer, at: number): string {
  if (gnuTimes(block, at) !== undefined) return ''
  const prefix = cString(block, at + FIELD.prefix, 155)
  // eslint-disable-next-line no-control-regex
  return /^[\x01-\x7f]*$/.test(prefix) ? prefix : ''
}

/** Access and change time of a GNU header in seconds, each absent where its field is; undefined if they do not parse. */
export function gnuTimes(
  block: Buffer,
  at: number,
): { atime: number | undefined; ctime: number | undefined } | undefined {
  const atime =
    block[at + FIELD.gnuAtime] === 0 ? undefined : numeric(block, at + FIELD.gnuAtime, 12)
  const ctime =
    block[at + FIELD.gnuCtime] === 0 ? undefined : numeric(block, at + FIELD.gnuCtime, 12)
  if (Number.isNaN(atime) || Number.isNaN(ctime)) return undefined
  return { atime, ctime }
}

/** The largest number that an octal field of `width` bytes holds, its closing NUL counted. */
export function octalMax(width: number): number {
  return 8 ** (width - 1) - 1
}

/** What one ustar block says. Everything must fit: names to their fields, numbers to octal (see octalMax). */
export interface HeaderBlock {
  readonly name: string
  readonly prefix?: string
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly sizeBytes: number
  /** Whole seconds. */
  readonly mtime: number
  readonly typeflag: number
  readonly linkName?: string
  readonly uname?: string
  readonly gname?: string
  readonly devMajor?: number
  readonly devMinor?: number
}

/** Writes a ustar header over the 512 bytes at `at`. Strings are byte strings. */
export function encodeBlock(header: HeaderBlock, into: Buffer, at = 0): void {
  into.fill(0, at, at + BLOCK_BYTES)
  into.write(header.name, at + FIELD.name, 100, 'latin1')
  writeOctal(into, at + FIELD.mode, 8, header.mode)
  writeOctal(into, at + FIELD.uid, 8, header.uid)
  writeOctal(into, at + FIELD.gid, 8, header.gid)
  writeOctal(into, at + FIELD.size, 12, header.sizeBytes)
  writeOctal(into, at + FIELD.mtime, 12, header.mtime)
  into[at + FIELD.typeflag] = header.typeflag
  if (header.linkName) into.write(header.linkName, at + FIELD.linkName, 100, 'latin1')
  into.write('ustar\x0000', at + FIELD.magic, 8, 'latin1')
  if (header.uname) into.write(header.uname, at + FIELD.uname, 32, 'latin1')
  if (header.gname) into.write(header.gname, at + FIELD.gname, 32, 'latin1')
  writeOctal(into, at + FIELD.devMajor, 8, header.devMajor ?? 0)
  writeOctal(into, at + FIELD.devMinor, 8, header.devMinor ?? 0)
  if (header.prefix) into.write(header.prefix, at + FIELD.prefix, 155, 'latin1')

  let sum = 8 * 0x20
  for (let i = at; i < at + BLOCK_BYTES; i++) sum += into[i]!
  // Six digits, NUL, space: the one field with its own ending.
  writeOctal(into, at + FIELD.checksum, 7, sum)
  into[at + FIELD.checksum + 7] = 0x20
}

function writeOctal(into: Buffer, at: number, width: number, value: number): void {
  let rest = value
  for (let i = at + width - 2; i >= at; i--) {
    into[i] = 48 + (rest % 8)
    rest = Math.floor(rest / 8)
  }
}
