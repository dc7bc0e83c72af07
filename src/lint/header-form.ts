// How a tar says what it says: header fields that no ordinary writer leaves, and that GNU tar, libarchive, Python and Go
// read each in its own way, so that one archive is several. shale reads as Go does, like docker; here it is told.
// Knows the bytes of headers, which the parser accepted; what they say of a file is layer-reader.ts's.

import { paddingBytes } from '../tar/header.ts'
import type { TarHeader } from '../tar/entry.ts'

const BLOCK = 512
const TYPE_GLOBAL = 0x67
const TYPE_SPARSE = 0x53
const NUMBERS: readonly (readonly [name: string, at: number, width: number])[] = [
  ['mode', 100, 8],
  ['uid', 108, 8],
  ['gid', 116, 8],
  ['size', 124, 12],
  ['mtime', 136, 12],
  ['checksum', 148, 8],
  ['device major', 329, 8],
  ['device minor', 337, 8],
]

/** Digits after spaces and before spaces or NULs; NULs alone. What stands after those, readers differ in. */
const OCTAL = /^(?: *[0-7]+[ \0]*|\0+)$/
/** Of the records before a member: what changes what is listed. */
const LISTED = new Set(['path', 'linkpath', 'size'])
/** What some readers act on, and Go does not. */
const ELSEWHERE = /^(?:hdrcharset|SCHILY\.(?:realsize|filetype)|SUN\.holesdata|GNU\.volume\..*)$/

/** Gathers the bytes of headers, to be taken when the parser tells of the member. */
export class RawHeaders {
  #pieces: Uint8Array[] = []
  /** Of the member before, which comes with the next header. */
  #padding = 0
  #ended = false

  add(bytes: Uint8Array): void {
    // What lies behind the archive's end can be long, and is no header.
    if (!this.#ended) this.#pieces.push(Uint8Array.prototype.slice.call(bytes))
  }

  end(): void {
    this.#ended = true
    this.#pieces = []
  }

  /** @param bodyBytes of the payload that follows; its padding is left out of what is taken next */
  take(bodyBytes: number): Buffer {
    const bytes = Buffer.concat(this.#pieces).subarray(this.#padding)
    this.#pieces = []
    this.skipPaddingOf(bodyBytes)
    return bytes
  }

  skipPaddingOf(sizeBytes: number): void {
    this.#padding = paddingBytes(sizeBytes)
  }
}

/**
 * @param raw one member's headers, extension headers before it included
 * @returns in a few words, or undefined for a header that all read alike
 */
export function headerAmbiguity(raw: Buffer, header: TarHeader): string | undefined {
  const extensions = { names: 0, links: 0, x: 0, L: 0, K: 0 }
  let at = 0
  for (; at + BLOCK <= raw.length;) {
    const type = String.fromCharCode(raw[at + 156]!)
    const odd = blockOddity(raw.subarray(at, at + BLOCK))
    if (odd !== undefined) return odd
    if (type !== 'x' && type !== 'L' && type !== 'K') break
    const sizeBytes = sizeOf(raw, at)
    const payload = raw.subarray(at + BLOCK, at + BLOCK + sizeBytes)
    if (++extensions[type] > 1) return 'it has several extension headers of one kind'
    const found = type === 'x' ? recordsOddity(payload, header) : longNameOddity(payload)
    if (typeof found === 'string') return found
    if (type === 'L' || found?.has('path')) extensions.names++
    if (type === 'K' || found?.has('linkpath')) extensions.links++
    at += BLOCK + sizeBytes + paddingBytes(sizeBytes)
  }
  if (extensions.names > 1) return 'its name stands in a PAX record and in a header of GNU tar'
  if (extensions.links > 1) return 'its target stands in a PAX record and in a header of GNU tar'
  return memberOddity(raw.subarray(at, at + BLOCK), header)
}

/** Of a header for all members after it, which Go passes over. @param raw its block and payload */
export function globalAmbiguity(raw: Buffer): string | undefined {
  if (raw[156] !== TYPE_GLOBAL) {
    return 'an extension header stands before a global one, where Go and docker pass over it'
  }
  const odd = blockOddity(raw.subarray(0, BLOCK))
  if (odd !== undefined) return odd
  for (const { key } of records(raw.subarray(BLOCK))) {
    if (LISTED.has(key) || ELSEWHERE.test(key) || key.startsWith('GNU.sparse.')) {
      return `a global header says ${key} for all members after it, which Go and docker pass over`
    }
  }
  return undefined
}

function blockOddity(block: Buffer): string | undefined {
  const magic = block.toString('latin1', 257, 265)
  const isGnu = magic === 'ustar  \0'
  const isV7 = magic === '\0\0\0\0\0\0\0\0'
  if (!isGnu && !isV7 && magic !== 'ustar\u000000') {
    return 'its magic is neither that of ustar nor that of GNU tar'
  }
  // The device numbers also where there is no magic: some readers want them all the same.
  for (const [name, from, width] of NUMBERS) {
    if (!isNumber(block, from, width)) return `its ${name} is not written as a number of a tar`
  }
  // GNU tar leaves device numbers in such headers; what counts is where others look for more of the name.
  if (isV7 && !isZero(block, 345, BLOCK)) return 'it has no magic, and fields of ustar nevertheless'
  const type = block[156]
  // Old GNU sparse files keep their map there.
  if (isGnu && type !== TYPE_SPARSE && !isZero(block, 345, BLOCK)) {
    return 'it has times of GNU tar where others look for the first part of the name'
  }
  if (!isGnu && !isZero(block, 500, BLOCK)) return 'something stands behind its last field'
  return undefined
}

function isNumber(block: Buffer, at: number, width: number): boolean {
  // Base-256: all agree on 0x80 and, for negative numbers, on 0xff.
  if (block[at]! >= 0x80) return block[at] === 0x80 || block[at] === 0xff
  return OCTAL.test(block.toString('latin1', at, at + width))
}

function isZero(block: Buffer, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (block[i] !== 0) return false
  return true
}

/** The parser read it already. */
function sizeOf(raw: Buffer, at: number): number {
  if (raw[at + 124]! >= 0x80) return raw.readUIntBE(at + 130, 6)
  return Number.parseInt(raw.toString('latin1', at + 124, at + 136), 8) || 0
}

function longNameOddity(payload: Buffer): string | undefined {
  const end = payload.indexOf(0)
  if (end > 0 && isZero(payload, end, payload.length)) return undefined
  return 'a long name of GNU tar is empty, or does not end in a NUL'
}

/** @returns what is odd, or which keys there are */
function recordsOddity(payload: Buffer, header: TarHeader): string | ReadonlySet<string> {
  const keys = new Set<string>()
  for (const { key, value, length } of records(payload)) {
    if (length.startsWith('0')) return 'a PAX record has a length with a zero in front'
    if (ELSEWHERE.test(key)) return `it has the PAX record ${key}, which some readers act on`
    if (key.startsWith('GNU.sparse.') && header.sparse === undefined) {
      return 'it has some of the PAX records of a sparse file, and not all'
    }
    if (!LISTED.has(key)) continue
    if (value === '') return `its PAX record ${key} is empty`
    if (keys.has(key)) return `it has the PAX record ${key} twice`
    if (key === 'size' && !/^(?:0|[1-9][0-9]*)$/.test(value)) {
      return 'the PAX record of its size is not a plain decimal number'
    }
    if (key === 'size' && header.type !== 'file' && value !== '0') return bodyOf(header)
    keys.add(key)
  }
  return keys
}

function* records(
  payload: Buffer,
): Generator<{ readonly key: string; readonly value: string; readonly length: string }> {
  for (let at = 0; at < payload.length;) {
    const space = payload.indexOf(0x20, at)
    const length = payload.toString('latin1', at, space)
    const end = at + Number(length)
    const equals = payload.indexOf(0x3d, space)
    if (space < 0 || equals < 0 || !(end > equals)) return
    yield {
      key: payload.toString('latin1', space + 1, equals),
      value: payload.toString('latin1', equals + 1, end - 1),
      length,
    }
    at = end
  }
}

function memberOddity(block: Buffer, header: TarHeader): string | undefined {
  const { path, type, typeflag } = header
  if (path === '') return 'it has no name'
  if (type !== 'file' && sizeOf(block, 0) !== 0) return bodyOf(header)
  const field = block.toString('latin1', 0, 100).replace(/\0.*$/s, '')
  // Without a type, the slash makes the directory; whose slash, if the name comes from an extension?
  if (typeflag === 0 && field.endsWith('/') !== path.endsWith('/')) {
    return 'it has no type, and one of its two names ends in a slash'
  }
  if (header.linkPath !== '' && block[157] === 0) {
    return 'its target stands in an extension header alone'
  }
  const isUstar = block[262] === 0 && block[257] !== 0
  const prefix = isUstar ? block.toString('latin1', 345, 500).replace(/\0.*$/s, '') : ''
  if (prefix.endsWith('/')) return 'the first part of its name ends in a slash'
  return undefined
}

function bodyOf({ type }: TarHeader): string {
  return `it is a ${type} and says that a body follows`
}
