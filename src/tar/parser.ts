// The tar parser: a synchronous state machine that is pushed chunks and tells a TarHandler what it sees.
// Bodies are passed on as views of the chunk; an ordinary member costs its strings and two views, nothing else.
// Knows which member an extension header belongs to; applies nothing, cleans no path, judges no link target.
//
// Where tars are ambiguous it reads them as Go's archive/tar does, since dockerd's disk and tar-split come from that:
// the last PAX header before a member wins whole, a GNU long name wins over a PAX path, a global header ends pending
// extensions and has no effect on later members, links and directories have no payload whatever their size says.

import { ArchiveError, LayerStoreError, LimitError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import type { BytePath } from '../path/byte-path.ts'
import { pathText } from '../path/byte-path.ts'
import { DEFAULT_TAR_LIMITS } from './entry.ts'
import type { SparseMap, TarHandler, TarHeader, TarLimits } from './entry.ts'
import { BLOCK_BYTES, FIELD, cString, checksumMatches, headerFormat } from './header.ts'
import { headerName, isZeroBlock, numeric, paddingBytes } from './header.ts'
import { describeBytes, MemberReader } from './member.ts'
import type { Extensions } from './member.ts'
import { decodeGlobalPax, decodePax } from './pax.ts'
import { checkSparseMap, readGnuPieces } from './sparse.ts'

const HEADER = 0
const EXTENSION = 1
const BODY = 2
const PADDING = 3
const SPARSE_BLOCK = 4
const TRAILER = 5
const FAILED = 6

const TYPE_PAX = 0x78 // x
const TYPE_GLOBAL_PAX = 0x67 // g
const TYPE_LONG_NAME = 0x4c // L
const TYPE_LONG_LINK = 0x4b // K
const TYPE_GNU_SPARSE = 0x53 // S

/** Extension headers before one member. Three are of use (x, L, K); without a bound a tar of them would fill memory. */
const EXTENSIONS_MAX = 16

const NO_BYTES = Buffer.alloc(0)

export class TarParser {
  readonly #handler: TarHandler
  readonly #limits: TarLimits
  readonly #members: MemberReader

  #state = HEADER
  /** Bytes left of the extension, body or padding that the state is in. */
  #left = 0
  /** Archive offset of the current chunk's first byte. */
  #base = 0
  /** Where in the current chunk the bytes start that the handler has not had. */
  #rawAt = 0
  #chunk: Buffer = NO_BYTES
  #words: Uint32Array | undefined
  #wordsOf: ArrayBufferLike | undefined

  /** A block or extension payload that no chunk holds whole. */
  readonly #block: Buffer = Buffer.allocUnsafe(BLOCK_BYTES)
  #held = 0
  #payload: Buffer = NO_BYTES

  #zeroBlocks = 0
  #entries = 0
  #memberAt = -1
  #extensions: Extensions = { pax: undefined, longName: '', longLink: '' }
  #extensionCount = 0
  #extensionType = 0
  #globalName = '' as BytePath
  #padding = 0
  #name = '' as BytePath
  #sparseHeader: (TarHeader & { sparse: SparseMap }) | undefined
  #pieces: { offset: number; length: number }[] = []

  constructor(handler: TarHandler, limits: Partial<TarLimits> = {}) {
    this.#handler = handler
    this.#limits = { ...DEFAULT_TAR_LIMITS, ...limits }
    this.#members = new MemberReader(this.#limits)
  }

  /**
   * Takes the next bytes of the archive; every event that they complete is delivered before it returns. What the handler
   * throws comes out here. After an error the parser takes nothing more.
   * @throws ArchiveError ERR_TAR_HEADER, ERR_TAR_CHECKSUM, ERR_TAR_TYPE, ERR_PAX_RECORD, ERR_SPARSE_MAP
   * @throws LimitError ERR_ENTRIES_MAX, ERR_ENTRY_SIZE_MAX, ERR_PATH_MAX
   */
  write(chunk: Uint8Array): void {
    if (this.#state === FAILED) throw new Error('write() on a tar parser that has failed')
    const buffer = Buffer.isBuffer(chunk)
      ? chunk
      : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    this.#chunk = buffer
    this.#rawAt = 0
    if (this.#wordsOf !== buffer.buffer) {
      this.#wordsOf = buffer.buffer
      this.#words = new Uint32Array(buffer.buffer, 0, buffer.buffer.byteLength >>> 2)
    }
    const state = this.#state
    // An exception leaves FAILED behind without the cost of a catch on the way.
    this.#state = FAILED
    this.#run(buffer, state)
    if (this.#rawAt < buffer.length) this.#handler.raw(this.#rawTo(buffer.length))
    this.#base += buffer.length
    this.#chunk = NO_BYTES
  }

  /**
   * The archive is complete. End blocks may be missing, and the padding of the last body: GNU tar, bsdtar and Go read
   * such archives too.
   * @throws ArchiveError ERR_TAR_TRUNCATED
   */
  end(): { sizeBytes: number; entries: number } {
    const state = this.#state
    if (state === FAILED) throw new Error('end() on a tar parser that has failed')
    const inside = state === EXTENSION || state === BODY || state === SPARSE_BLOCK || this.#held > 0
    if (inside || (this.#extensionCount > 0 && this.#zeroBlocks === 0)) {
      this.#state = FAILED
      const missing = state === EXTENSION || state === BODY ? this.#left : BLOCK_BYTES - this.#held
      const where =
        state === BODY || state === SPARSE_BLOCK
          ? `in ${JSON.stringify(pathText(this.#name))}`
          : 'in the middle of a header'
      throw this.#error(
        'ERR_TAR_TRUNCATED',
        `it ends ${where}, at least ${missing} bytes are missing`,
        this.#base,
      )
    }
    return { sizeBytes: this.#base, entries: this.#entries }
  }

  #run(buffer: Buffer, initial: number): void {
    const end = buffer.length
    let at = 0
    let state = initial
    while (at < end) {
      switch (state) {
        case BODY: {
          const next = Math.min(end, at + this.#left)
          this.#left -= next - at
          this.#handler.body(at === 0 && next === end ? buffer : buffer.subarray(at, next))
          at = this.#rawAt = next
          if (this.#left === 0) state = this.#endBody()
          break
        }
        case PADDING: {
          const next = Math.min(end, at + this.#left)
          this.#left -= next - at
          at = next
          if (this.#left === 0) state = HEADER
          break
        }
        case HEADER:
        case SPARSE_BLOCK:
          if (this.#held === 0 && end - at >= BLOCK_BYTES) {
            at += BLOCK_BYTES
            state = this.#takeBlock(state, buffer, at - BLOCK_BYTES, at)
          } else {
            const copied = buffer.copy(this.#block, this.#held, at, at + BLOCK_BYTES - this.#held)
            at += copied
            this.#held += copied
            if (this.#held < BLOCK_BYTES) break
            this.#held = 0
            state = this.#takeBlock(state, this.#block, 0, at)
          }
          break
        case EXTENSION: {
          const next = Math.min(end, at + this.#left)
          if (this.#payload.length === 0 && next - at === this.#left) {
            this.#left = 0
            state = this.#takeExtension(buffer.subarray(at, next), next)
          } else {
            if (this.#payload.length === 0) this.#payload = Buffer.allocUnsafe(this.#left)
            buffer.copy(this.#payload, this.#payload.length - this.#left, at, next)
            this.#left -= next - at
            if (this.#left === 0) {
              const payload = this.#payload
              this.#payload = NO_BYTES
              state = this.#takeExtension(payload, next)
            }
          }
          at = next
          break
        }
        default:
          at = end
      }
    }
    this.#state = state
  }

  #rawTo(to: number): Uint8Array {
    const from = this.#rawAt
    this.#rawAt = to
    return from === 0 && to === this.#chunk.length ? this.#chunk : this.#chunk.subarray(from, to)
  }

  #takeBlock(state: number, block: Buffer, at: number, after: number): number {
    if (state === SPARSE_BLOCK) return this.#takeSparseBlock(block, at, after)
    const offset = this.#base + after - BLOCK_BYTES
    if (block[at] === 0 && isZeroBlock(block, at)) return this.#takeZeroBlock(after)
    if (this.#zeroBlocks > 0) {
      throw this.#error('ERR_TAR_HEADER', 'a header follows a zero block', offset)
    }
    const wordAt = block.byteOffset + at
    const aligned = block === this.#chunk && (wordAt & 3) === 0
    if (!checksumMatches(block, at, aligned ? this.#words : undefined, wordAt >>> 2)) {
      throw this.#checksumError(block, at, offset)
    }
    if (this.#memberAt < 0) this.#memberAt = offset
    const typeflag = block[at + FIELD.typeflag]!
    const size = numeric(block, at + FIELD.size, 12)
    if (!Number.isSafeInteger(size)) {
      throw this.#error('ERR_TAR_HEADER', `${nameOf(block, at)} has no readable size`, offset)
    }
    switch (typeflag) {
      case TYPE_PAX:
      case TYPE_GLOBAL_PAX:
      case TYPE_LONG_NAME:
      case TYPE_LONG_LINK:
        return this.#startExtension(block, at, after, typeflag, size)
    }
    return this.#startMember(block, at, after, typeflag, size)
  }

  #takeZeroBlock(after: number): number {
    if (++this.#zeroBlocks < 2) return HEADER
    this.#handler.raw(this.#rawTo(after))
    this.#handler.archiveEnd?.()
    return TRAILER
  }

  #startExtension(
    block: Buffer,
    at: number,
    after: number,
    typeflag: number,
    size: number,
  ): number {
    const offset = this.#base + after - BLOCK_BYTES
    const { extensionBytesMax } = this.#limits
    if (size < 0)
      throw this.#error('ERR_TAR_HEADER', 'an extension header has a negative size', offset)
    if (size > extensionBytesMax) {
      throw this.#limit(
        'ERR_ENTRY_SIZE_MAX',
        'pax-bytes',
        'the bytes of an extension header',
        size,
        extensionBytesMax,
        offset,
      )
    }
    if (++this.#extensionCount > EXTENSIONS_MAX) {
      // No writer needs more, so there is nothing to raise.
      throw this.#error(
        'ERR_TAR_HEADER',
        `one entry has more than ${EXTENSIONS_MAX} extension headers`,
        offset,
      )
    }
    this.#extensionType = typeflag
    if (typeflag === TYPE_GLOBAL_PAX) {
      this.#globalName = headerName(block, at, headerFormat(block, at))
    }
    this.#padding = paddingBytes(size)
    this.#left = size
    return size > 0 ? EXTENSION : this.#takeExtension(NO_BYTES, after)
  }

  #takeExtension(payload: Buffer, after: number): number {
    const offset = this.#base + after - payload.length
    const extensions = this.#extensions
    switch (this.#extensionType) {
      case TYPE_PAX:
        extensions.pax = this.#located(offset, () => decodePax(payload))
        break
      case TYPE_LONG_NAME:
        extensions.longName = cString(payload, 0, payload.length)
        break
      case TYPE_LONG_LINK:
        extensions.longLink = cString(payload, 0, payload.length)
        break
      default: {
        const { path } = this.#located(offset, () => decodeGlobalPax(payload))
        this.#countEntry(offset)
        this.#endMemberHeader()
        this.#handler.raw(this.#rawTo(after))
        this.#handler.globalHeader(path === '' ? this.#globalName : path)
      }
    }
    this.#left = this.#padding
    return this.#left > 0 ? PADDING : HEADER
  }

  #startMember(block: Buffer, at: number, after: number, typeflag: number, size: number): number {
    const offset = this.#memberAt
    this.#countEntry(offset)
    const header = this.#located(offset, () =>
      this.#members.read(block, at, typeflag, size, this.#extensions, offset),
    )
    this.#name = header.path
    this.#endMemberHeader()
    if (typeflag !== TYPE_GNU_SPARSE) {
      if (header.sparse !== undefined && !header.sparse.mapInBody) {
        this.#located(offset, () => checkSparseMap(header.sparse!, header.sizeBytes))
      }
      return this.#startBody(header, after)
    }
    this.#pieces = []
    readGnuPieces(block, at + FIELD.gnuSparse, 4, this.#pieces)
    const realSizeBytes = numeric(block, at + FIELD.gnuRealSize, 12)
    this.#sparseHeader = { ...header, sparse: { realSizeBytes, pieces: this.#pieces } }
    if (block[at + FIELD.gnuSparseExtended] !== 0) return SPARSE_BLOCK
    return this.#endSparse(after)
  }

  #takeSparseBlock(block: Buffer, at: number, after: number): number {
    readGnuPieces(block, at, 21, this.#pieces)
    const { extensionBytesMax } = this.#limits
    if (this.#pieces.length * 24 > extensionBytesMax) {
      const bytes = this.#pieces.length * 24
      throw this.#limit(
        'ERR_ENTRY_SIZE_MAX',
        'pax-bytes',
        'the bytes of a sparse map',
        bytes,
        extensionBytesMax,
        this.#base + after,
      )
    }
    return block[at + 21 * 24] !== 0 ? SPARSE_BLOCK : this.#endSparse(after)
  }

  #endSparse(after: number): number {
    const header = this.#sparseHeader!
    this.#sparseHeader = undefined
    this.#located(header.offset, () => checkSparseMap(header.sparse, header.sizeBytes))
    return this.#startBody(header, after)
  }

  #startBody(header: TarHeader, after: number): number {
    this.#handler.raw(this.#rawTo(after))
    this.#handler.entry(header)
    this.#left = header.sizeBytes
    this.#padding = paddingBytes(header.sizeBytes)
    return this.#left > 0 ? BODY : this.#endBody()
  }

  #endBody(): number {
    this.#handler.bodyEnd()
    this.#left = this.#padding
    return this.#left > 0 ? PADDING : HEADER
  }

  #endMemberHeader(): void {
    this.#memberAt = -1
    if (this.#extensionCount === 0) return
    this.#extensionCount = 0
    this.#extensions = { pax: undefined, longName: '', longLink: '' }
  }

  #countEntry(offset: number): void {
    const { entriesMax } = this.#limits
    if (++this.#entries > entriesMax) {
      throw this.#limit(
        'ERR_ENTRIES_MAX',
        'entries',
        'the entries',
        this.#entries,
        entriesMax,
        offset,
      )
    }
  }

  /** Adds to an error from the codecs, which know only bytes, where in the archive it is. */
  #located<T>(offset: number, read: () => T): T {
    try {
      return read()
    } catch (error) {
      if (!(error instanceof LayerStoreError)) throw error
      const Class = error.constructor as typeof LayerStoreError
      throw new Class(error.code, `${error.message} (header at offset ${offset})`, {
        cause: error,
        details: { ...error.details, offset },
      })
    }
  }

  #error(code: ErrorCode, reason: string, offset: number): ArchiveError {
    const entry = this.#name === '' ? {} : { entry: pathText(this.#name) }
    const details = { offset, ...entry }
    return new ArchiveError(code, `cannot read tar: ${reason} (offset ${offset})`, { details })
  }

  #limit(
    code: ErrorCode,
    name: string,
    what: string,
    actual: number,
    limit: number,
    offset: number,
  ): LimitError {
    const after = this.#name === '' ? '' : ` after ${JSON.stringify(pathText(this.#name))}`
    return new LimitError(
      code,
      `cannot read tar: ${what}${after}: ${actual} is over the limit of ${limit} (offset ${offset})`,
      { details: { name, actual, limit, offset } },
    )
  }

  #checksumError(block: Buffer, at: number, offset: number): ArchiveError {
    if (offset > 0) {
      const after = this.#name === '' ? '' : ` after ${JSON.stringify(pathText(this.#name))}`
      return this.#error(
        'ERR_TAR_CHECKSUM',
        `the header${after} does not match its checksum`,
        offset,
      )
    }
    const seen = describeBytes(block.subarray(at, at + BLOCK_BYTES))
    const hint = seen === undefined ? '' : `, it looks like ${seen}`
    // The right magic in front of a wrong sum is a damaged tar, not some other kind of file.
    const code = headerFormat(block, at) === 'v7' ? 'ERR_TAR_HEADER' : 'ERR_TAR_CHECKSUM'
    const reason =
      code === 'ERR_TAR_HEADER'
        ? `the first block is no tar header${hint}`
        : 'the first header does not match its checksum'
    return this.#error(code, reason, offset)
  }
}

function nameOf(block: Buffer, at: number): string {
  return JSON.stringify(pathText(cString(block, at + FIELD.name, 100)))
}
