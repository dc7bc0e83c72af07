// One member's header: the main block together with the extension headers before it, as a TarHeader.
// Knows which source wins for each field; knows nothing of chunks or of the members around it.

import { ArchiveError, LimitError } from '../errors.ts'
import type { BytePath } from '../path/byte-path.ts'
import { pathText } from '../path/byte-path.ts'
import type { EntryType, SparseMap, TarHeader, TarLimits } from './entry.ts'
import { FIELD, cString, gnuTimes, headerFormat, headerName, numeric } from './header.ts'
import type { HeaderFormat } from './header.ts'
import type { PaxRecords } from './pax.ts'
import { badMap, paxSparseMap } from './sparse.ts'

export interface Extensions {
  pax: PaxRecords | undefined
  /** From GNU `L` and `K` members; '' when there was none. */
  longName: string
  longLink: string
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

const TYPES: readonly (EntryType | undefined)[] = typeTable()

function typeTable(): (EntryType | undefined)[] {
  const table = Array.from<EntryType | undefined>({ length: 256 })
  // NUL is v7's regular file, 7 a contiguous one, S a sparse one.
  for (const flag of ['\0', '0', '7', 'S']) table[flag.charCodeAt(0)] = 'file'
  const rest: EntryType[] = ['hardlink', 'symlink', 'char', 'block', 'directory', 'fifo']
  rest.forEach((type, i) => (table[0x31 + i] = type))
  return table
}

/** These have no payload whatever their size field says: some old writers put a hardlink's target size there. */
function hasNoPayload(type: EntryType): boolean {
  return type !== 'file'
}

/** Of an attribute beside its name and value, or a megabyte of empty ones would be sixty thousand calls. */
const XATTR_OVERHEAD_BYTES = 16
const NO_XATTRS: ReadonlyMap<string, Uint8Array> = new Map()
const NS_PER_S = 1_000_000_000n

/** Reads headers of one archive; remembers the last owner names and time, which are mostly the same again. */
export class MemberReader {
  readonly #limits: TarLimits
  #uname = '' as BytePath
  #gname = '' as BytePath
  #seconds = 0
  #secondsNs = 0n

  constructor(limits: TarLimits) {
    this.#limits = limits
  }

  /**
   * @param size of the block's size field
   * @param offset of the member's first byte, extension headers included
   */
  read(
    block: Buffer,
    at: number,
    typeflag: number,
    size: number,
    extensions: Extensions,
    offset: number,
  ): TarHeader {
    const { pax, longName, longLink } = extensions
    const format = headerFormat(block, at)
    let path = (longName || pax?.path) as BytePath
    if (!path) path = headerName(block, at, format)
    let type = TYPES[typeflag]
    if (type === undefined) throw unknownType(typeflag, path)
    // In v7 there is no other way to write a directory.
    if (typeflag === 0 && path.endsWith('/')) type = 'directory'
    let linkPath = '' as BytePath
    if (type === 'hardlink' || type === 'symlink') {
      linkPath = (longLink || pax?.linkPath) as BytePath
      if (!linkPath) linkPath = cString(block, at + FIELD.linkName, 100)
      this.#checkLength(linkPath, 'link target')
    }
    this.#checkLength(path, 'name')
    const hasOwners = format !== 'v7'
    const declaredBytes = pax?.sizeBytes ?? size
    const sizeBytes = type === 'file' ? declaredBytes : 0
    if (sizeBytes < 0) throw badField('size', path)

    const header: Mutable<TarHeader> = {
      path,
      recordName: path,
      type,
      typeflag,
      linkPath,
      mode: numberAt(block, at + FIELD.mode, 'mode', path) & 0o7777,
      uid: pax?.uid ?? numberAt(block, at + FIELD.uid, 'uid', path),
      gid: pax?.gid ?? numberAt(block, at + FIELD.gid, 'gid', path),
      uname: pax?.uname || (hasOwners ? this.#readUname(block, at) : ('' as BytePath)),
      gname: pax?.gname || (hasOwners ? this.#readGname(block, at) : ('' as BytePath)),
      sizeBytes,
      mtimeNs: pax?.mtimeNs ?? this.#time(numberAt(block, at + FIELD.mtime, 'mtime', path)),
      devMajor: hasOwners ? numberAt(block, at + FIELD.devMajor, 'devmajor', path) : 0,
      devMinor: hasOwners ? numberAt(block, at + FIELD.devMinor, 'devminor', path) : 0,
      xattrs: pax?.xattrs ?? NO_XATTRS,
      offset,
    }
    if (pax !== undefined) {
      if (pax.atimeNs !== undefined) header.atimeNs = pax.atimeNs
      if (pax.ctimeNs !== undefined) header.ctimeNs = pax.ctimeNs
      if (pax.xattrs !== undefined) this.#checkXattrs(pax.xattrs, path)
      const sparse = paxSparseMap(pax, declaredBytes)
      if (sparse !== undefined) this.#setSparse(header, sparse, pax)
    }
    if (format === 'gnu' || format === 'star') this.#addTimes(header, block, at, format)
    if (typeflag === 0x53 && format !== 'gnu') {
      // Star has a sparse type of the same letter with another layout, which Go refuses too.
      throw badMap(`${JSON.stringify(pathText(path))} is sparse but its header is not GNU's`)
    }
    return header
  }

  #setSparse(header: Mutable<TarHeader>, sparse: SparseMap, pax: PaxRecords): void {
    if (hasNoPayload(header.type)) {
      throw badMap(`${JSON.stringify(pathText(header.path))} is sparse but a ${header.type}`)
    }
    header.sparse = sparse
    const name = pax.sparse?.get('name')
    if (name) {
      this.#checkLength(name, 'name')
      header.path = name as BytePath
    }
  }

  #addTimes(header: Mutable<TarHeader>, block: Buffer, at: number, format: HeaderFormat): void {
    const star = format === 'star'
    const times = star
      ? {
          atime: numberAt(block, at + FIELD.starAtime, 'atime', header.path),
          ctime: numberAt(block, at + FIELD.starCtime, 'ctime', header.path),
        }
      : gnuTimes(block, at)
    if (times?.atime !== undefined) header.atimeNs ??= this.#time(times.atime)
    if (times?.ctime !== undefined) header.ctimeNs ??= this.#time(times.ctime)
  }

  #readUname(block: Buffer, at: number): BytePath {
    if (!holds(block, at + FIELD.uname, this.#uname))
      this.#uname = cString(block, at + FIELD.uname, 32)
    return this.#uname
  }

  #readGname(block: Buffer, at: number): BytePath {
    if (!holds(block, at + FIELD.gname, this.#gname))
      this.#gname = cString(block, at + FIELD.gname, 32)
    return this.#gname
  }

  #time(seconds: number): bigint {
    if (seconds !== this.#seconds) {
      this.#seconds = seconds
      this.#secondsNs = BigInt(seconds) * NS_PER_S
    }
    return this.#secondsNs
  }

  #checkLength(path: string, what: string): void {
    const { pathBytesMax, pathDepthMax } = this.#limits
    if (path.length > pathBytesMax) {
      throw pathLimit('path-bytes', path, `the ${what}`, `${path.length} bytes`, pathBytesMax)
    }
    // A component and its slash are two bytes at least, so that an ordinary name is not counted.
    if (what !== 'name' || path.length <= 2 * pathDepthMax) return
    const depth = path.split('/').length - 1
    if (depth > pathDepthMax) {
      throw pathLimit('path-depth', path, `the ${what}`, `${depth} directories`, pathDepthMax)
    }
  }

  #checkXattrs(xattrs: ReadonlyMap<string, Uint8Array>, path: BytePath): void {
    const { xattrBytesMax } = this.#limits
    let bytes = 0
    for (const [name, value] of xattrs) {
      bytes += XATTR_OVERHEAD_BYTES + name.length + value.length
    }
    if (bytes <= xattrBytesMax) return
    const entry = pathText(path)
    throw new LimitError(
      'ERR_ENTRY_SIZE_MAX',
      `cannot read tar: the extended attributes of ${JSON.stringify(entry)} have ${bytes} bytes, over the limit of ${xattrBytesMax}`,
      { details: { name: 'xattr-bytes', entry, actual: bytes, limit: xattrBytesMax } },
    )
  }
}

function pathLimit(
  name: string,
  path: string,
  what: string,
  actual: string,
  limit: number,
): LimitError {
  const entry = pathText(path.slice(0, 80) as BytePath)
  return new LimitError(
    'ERR_PATH_MAX',
    `cannot read tar: ${what} ${JSON.stringify(entry)}... has ${actual}, over the limit of ${limit}`,
    { details: { name, entry, actual: Number.parseInt(actual, 10), limit } },
  )
}

/** Whether the 32-byte field at `at` says `text`: compared in place, so that the usual `root` makes no new string. */
function holds(block: Buffer, at: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (block[at + i] !== text.charCodeAt(i)) return false
  return text.length === 32 || block[at + text.length] === 0
}

function numberAt(block: Buffer, at: number, field: string, path: BytePath): number {
  const value = numeric(
    block,
    at,
    field === 'mtime' || field === 'atime' || field === 'ctime' ? 12 : 8,
  )
  if (Number.isNaN(value)) throw badField(field, path)
  return value
}

function badField(field: string, path: BytePath): ArchiveError {
  const entry = pathText(path)
  return new ArchiveError(
    'ERR_TAR_HEADER',
    `cannot read tar: the ${field} of ${JSON.stringify(entry)} is not a number that it can be`,
    { details: { entry, field } },
  )
}

function unknownType(typeflag: number, path: BytePath): ArchiveError {
  const entry = pathText(path)
  const flag = JSON.stringify(String.fromCharCode(typeflag))
  return new ArchiveError(
    'ERR_TAR_TYPE',
    `cannot read tar: ${JSON.stringify(entry)} has the unknown type ${flag} (byte ${typeflag})`,
    { details: { entry, typeflag } },
  )
}

const MAGICS: readonly (readonly [magic: string, what: string])[] = [
  ['\x1f\x8b', 'gzip data'],
  ['\x28\xb5\x2f\xfd', 'zstd data'],
  ['BZh', 'bzip2 data'],
  ['\xfd7zXZ\0', 'xz data'],
  ['PK\x03\x04', 'a zip archive'],
  ['\x7fELF', 'a program'],
  ['hsqs', 'a squashfs image'],
  ['070701', 'a cpio archive'],
  ['!<arch>', 'an ar archive'],
  ['<', 'HTML or XML'],
  ['{', 'JSON'],
  ['[', 'JSON'],
]

/** What else the first bytes of something may be, for people who passed the wrong file. */
export function describeBytes(bytes: Uint8Array): string | undefined {
  const start = Buffer.from(bytes.subarray(0, 8)).toString('latin1')
  return MAGICS.find(([magic]) => start.startsWith(magic))?.[1]
}
