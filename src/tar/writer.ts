// Writes tars: ustar where everything fits, with a PAX header before the members where it does not.
// No GNU extensions: every reader since 2001 knows PAX, and only PAX holds nanoseconds and xattrs.
// Knows how a member is said; which members a layer has, and in what order, is decided elsewhere.

import { IntegrityError, InvalidArgumentError } from '../errors.ts'
import type { BytePath } from '../path/byte-path.ts'
import { basename, dirname, pathText } from '../path/byte-path.ts'
import type { EntryType } from './entry.ts'
import { BLOCK_BYTES, encodeBlock, octalMax, paddingBytes } from './header.ts'
import { encodePax, paxTime } from './pax.ts'

/** A member to be written. What is left out is 0, empty, or the mode 0755 of directories and 0644 of the rest. */
export interface TarEntryInit {
  /** As it is to stand in the archive; directories by custom with a trailing slash. */
  readonly path: BytePath
  readonly type?: EntryType
  readonly linkPath?: BytePath
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
  readonly uname?: BytePath
  readonly gname?: BytePath
  /** Payload bytes: needed for a body that is a stream. Only files have a payload. */
  readonly sizeBytes?: number
  readonly mtimeNs?: bigint
  readonly atimeNs?: bigint
  readonly ctimeNs?: bigint
  readonly devMajor?: number
  readonly devMinor?: number
  readonly xattrs?: ReadonlyMap<string, Uint8Array>
  readonly body?: Uint8Array | AsyncIterable<Uint8Array> | Iterable<Uint8Array>
}

const TYPEFLAGS: Readonly<Record<EntryType, number>> = {
  file: 0x30,
  hardlink: 0x31,
  symlink: 0x32,
  char: 0x33,
  block: 0x34,
  directory: 0x35,
  fifo: 0x36,
}
const TYPE_PAX = 0x78

const NS_PER_S = 1_000_000_000n
const MAX_8 = octalMax(8)
const MAX_12 = octalMax(12)

/** The two zero blocks that end an archive. */
export const END_BLOCKS: Uint8Array = new Uint8Array(2 * BLOCK_BYTES)

const ZEROS = new Uint8Array(BLOCK_BYTES)

/** The zeros that follow a body of `sizeBytes`, up to the next block. */
export function bodyPadding(sizeBytes: number): Uint8Array {
  return ZEROS.subarray(0, paddingBytes(sizeBytes))
}

/**
 * The header of one member, PAX header included: 512 bytes, or more where ustar cannot say it.
 * @throws InvalidArgumentError ERR_OPTION for what no tar can say (a NUL in a name, a negative size, a fraction)
 */
export function encodeHeader(init: TarEntryInit): Buffer {
  const type = init.type ?? 'file'
  const records: [string, string | Uint8Array][] = []
  const path = checkText(init, init.path, 'path')
  const linkPath: string = checkText(init, init.linkPath ?? '', 'link target')
  const uname: string = checkText(init, init.uname ?? '', 'uname')
  const gname: string = checkText(init, init.gname ?? '', 'gname')
  const sizeBytes = checkNumber(init, sizeOf(init, type), 'size')
  const uid = checkNumber(init, init.uid ?? 0, 'uid')
  const gid = checkNumber(init, init.gid ?? 0, 'gid')
  const mtimeNs = init.mtimeNs ?? 0n

  // Sorted by key, as Go writes them, so that equal members give equal bytes.
  if (init.atimeNs !== undefined) records.push(['atime', paxTime(init.atimeNs)])
  if (init.ctimeNs !== undefined) records.push(['ctime', paxTime(init.ctimeNs)])
  if (gid > MAX_8) records.push(['gid', String(gid)])
  if (!fitsField(gname, 32)) records.push(['gname', gname])
  if (!fitsField(linkPath, 100)) records.push(['linkpath', linkPath])
  const mtime = wholeSeconds(mtimeNs)
  if (BigInt(mtime) * NS_PER_S !== mtimeNs) records.push(['mtime', paxTime(mtimeNs)])
  const split = splitPath(path)
  if (split === undefined) records.push(['path', path])
  if (sizeBytes > MAX_12) records.push(['size', String(sizeBytes)])
  if (uid > MAX_8) records.push(['uid', String(uid)])
  if (!fitsField(uname, 32)) records.push(['uname', uname])
  for (const [key, value] of init.xattrs ?? []) {
    records.push([`SCHILY.xattr.${checkKey(init, key)}`, value])
  }
  records.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))

  const pax = records.length === 0 ? undefined : encodePax(records)
  const paxBytes = pax === undefined ? 0 : BLOCK_BYTES + pax.length + paddingBytes(pax.length)
  const header = Buffer.alloc(paxBytes + BLOCK_BYTES)
  if (pax !== undefined) {
    const name = fieldText(
      `${dirname(path) || '.'}/PaxHeaders.0/${basename(trimSlashes(path))}`,
      100,
    )
    const sizeBytes = pax.length
    encodeBlock(
      { name, mode: 0o644, uid: 0, gid: 0, sizeBytes, mtime: 0, typeflag: TYPE_PAX },
      header,
    )
    header.set(pax, BLOCK_BYTES)
  }
  encodeBlock(
    {
      name: split?.name ?? fieldText(path, 100),
      prefix: split?.prefix ?? '',
      mode: checkField(init, init.mode ?? (type === 'directory' ? 0o755 : 0o644), 'mode'),
      uid: uid > MAX_8 ? 0 : uid,
      gid: gid > MAX_8 ? 0 : gid,
      sizeBytes: sizeBytes > MAX_12 ? 0 : sizeBytes,
      mtime,
      typeflag: TYPEFLAGS[type],
      linkName: fieldText(linkPath, 100),
      uname: fieldText(uname, 32),
      gname: fieldText(gname, 32),
      devMajor: checkField(init, init.devMajor ?? 0, 'device major'),
      devMinor: checkField(init, init.devMinor ?? 0, 'device minor'),
    },
    header,
    paxBytes,
  )
  return header
}

/**
 * A whole archive, end blocks included. Bodies stream through; nothing but headers is held.
 * @throws IntegrityError ERR_SIZE_MISMATCH if a body is not as long as its sizeBytes
 */
export async function* writeTar(
  entries: AsyncIterable<TarEntryInit> | Iterable<TarEntryInit>,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const entry of entries) {
    yield encodeHeader(entry)
    const sizeBytes = sizeOf(entry, entry.type ?? 'file')
    if (entry.body instanceof Uint8Array) {
      if (entry.body.length !== sizeBytes) throw wrongSize(entry, entry.body.length, sizeBytes)
      if (sizeBytes > 0) yield entry.body
    } else {
      let written = 0
      for await (const piece of entry.body ?? []) {
        written += piece.length
        // Checked before it is passed on: an archive with a body too long is garbage from there.
        if (written > sizeBytes) throw wrongSize(entry, written, sizeBytes)
        yield piece
      }
      if (written < sizeBytes) throw wrongSize(entry, written, sizeBytes)
    }
    const padding = bodyPadding(sizeBytes)
    if (padding.length > 0) yield padding
  }
  yield END_BLOCKS
}

function sizeOf(init: TarEntryInit, type: EntryType): number {
  if (type !== 'file') return 0
  return init.sizeBytes ?? (init.body instanceof Uint8Array ? init.body.length : 0)
}

/** What the field of whole seconds holds; the PAX record says the rest where there is one. */
function wholeSeconds(timeNs: bigint): number {
  const seconds = Number(timeNs / NS_PER_S)
  return seconds < 0 || seconds > MAX_12 ? 0 : seconds
}

function isAscii(text: string): boolean {
  // eslint-disable-next-line no-control-regex
  return !/[\x80-\xff]/.test(text)
}

/** POSIX leaves bytes over 127 in ustar fields undefined, so a name with some also goes into a record. */
function fitsField(text: string, width: number): boolean {
  return text.length <= width && isAscii(text)
}

/**
 * What a field shows to readers without PAX. A cut must not end in a slash: some readers would take the file for a
 * directory by it.
 */
function fieldText(text: string, width: number): string {
  if (text.length <= width) return text
  return text.slice(0, width).replace(/\/+$/, '')
}

function trimSlashes(path: BytePath): BytePath {
  return path.replace(/\/+$/, '') as BytePath
}

/** ustar's name of 100 bytes and prefix of 155, joined by a slash that is in neither. */
function splitPath(path: string): { name: string; prefix: string } | undefined {
  if (!isAscii(path)) return undefined
  if (path.length <= 100) return { name: path, prefix: '' }
  // The last slash that leaves a prefix that fits; a trailing slash would leave an empty name.
  const slash = path.lastIndexOf('/', Math.min(155, path.length - 2))
  if (slash <= 0 || path.length - slash - 1 > 100) return undefined
  return { name: path.slice(slash + 1), prefix: path.slice(0, slash) }
}

function checkText<T extends string>(init: TarEntryInit, text: T, what: string): T {
  if (text.includes('\0')) throw cannotSay(init, `its ${what} holds a NUL`)
  return text
}

function checkKey(init: TarEntryInit, key: string): string {
  if (key === '' || /[=\0]/.test(key)) {
    throw cannotSay(init, `an xattr cannot be named ${JSON.stringify(key)} in a tar`)
  }
  return key
}

function checkNumber(init: TarEntryInit, value: number, what: string): number {
  if (!Number.isSafeInteger(value) || value < 0) throw cannotSay(init, `its ${what} is ${value}`)
  return value
}

function checkField(init: TarEntryInit, value: number, what: string): number {
  if (checkNumber(init, value, what) > MAX_8) {
    throw cannotSay(init, `its ${what} is ${value}, over the ${MAX_8} that a tar holds`)
  }
  return value
}

function cannotSay(init: TarEntryInit, reason: string): InvalidArgumentError {
  const entry = pathText(init.path)
  return new InvalidArgumentError(
    'ERR_OPTION',
    `cannot write ${JSON.stringify(entry)} to a tar: ${reason}`,
    { details: { entry } },
  )
}

function wrongSize(init: TarEntryInit, actual: number, expected: number): IntegrityError {
  const entry = pathText(init.path)
  return new IntegrityError(
    'ERR_SIZE_MISMATCH',
    `cannot write ${JSON.stringify(entry)} to a tar: it has ${actual > expected ? 'more than ' : 'only '}${
      actual > expected ? expected : actual
    } bytes, not the ${expected} of its header`,
    { details: { entry, actual, expected } },
  )
}
