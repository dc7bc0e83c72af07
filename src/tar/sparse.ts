// Sparse files in tars: three ways to say where the data lies (GNU old headers, PAX 0.0/0.1 records, PAX 1.0 text at
// the start of the body), one map out of it, and the way from payload bytes to file offsets.
// Pure: whoever applies the file does the writing; holes are never materialised here.

import { ArchiveError, LimitError } from '../errors.ts'
import type { SparseMap, TarHeader } from './entry.ts'
import { numeric } from './header.ts'
import type { PaxRecords } from './pax.ts'

type Piece = SparseMap['pieces'][number]

const ENTRY_BYTES = 24

/** Reads up to `count` pieces of an old GNU map; a first byte of NUL ends it, as in GNU tar and bsdtar. */
export function readGnuPieces(block: Uint8Array, at: number, count: number, into: Piece[]): void {
  for (let i = 0; i < count; i++) {
    const from = at + i * ENTRY_BYTES
    if (block[from] === 0) return
    into.push({ offset: numeric(block, from, 12), length: numeric(block, from + 12, 12) })
  }
}

/** The sparse format that PAX records announce; undefined for an ordinary file and for formats nobody knows. */
export function paxSparseMap(pax: PaxRecords, headerSizeBytes: number): SparseMap | undefined {
  const records = pax.sparse
  const pairs = pax.sparsePairs
  if (records === undefined && pairs === undefined) return undefined
  const major = records?.get('major') ?? ''
  const minor = records?.get('minor') ?? ''
  const inBody = major === '1' && minor === '0'
  const inRecords = major === '0' && (minor === '0' || minor === '1')
  const map = pairs?.join(',') ?? records?.get('map') ?? ''
  if (!inBody && !inRecords && (major !== '' || minor !== '' || map === '')) return undefined

  const size = records?.get('size') || records?.get('realsize') || ''
  const realSizeBytes = size === '' ? headerSizeBytes : decimal(size)
  if (inBody) return { realSizeBytes, pieces: [], mapInBody: true }
  const numbers = map === '' ? [] : map.split(',')
  if (decimal(records?.get('numblocks') ?? '') * 2 !== numbers.length) {
    throw badMap(`GNU.sparse.numblocks does not count its ${numbers.length / 2} pieces`)
  }
  return { realSizeBytes, pieces: piecesOf(numbers) }
}

function piecesOf(numbers: readonly string[]): Piece[] {
  const pieces: Piece[] = []
  for (let i = 0; i + 1 < numbers.length; i += 2) {
    pieces.push({ offset: decimal(numbers[i]!), length: decimal(numbers[i + 1]!) })
  }
  return pieces
}

function decimal(text: string): number {
  return /^[0-9]+$/.test(text) ? Number(text) : NaN
}

/**
 * Pieces must be ordered, apart, inside of the file, and together as long as the payload: else bytes of the archive
 * would have no place, or a place no bytes.
 * @throws ArchiveError ERR_SPARSE_MAP
 */
export function checkSparseMap(map: SparseMap, payloadBytes: number): void {
  if (!Number.isSafeInteger(map.realSizeBytes) || map.realSizeBytes < 0) {
    throw badMap('the real size is no number')
  }
  let end = 0
  let total = 0
  for (const { offset, length } of map.pieces) {
    if (
      !Number.isSafeInteger(offset) ||
      !Number.isSafeInteger(length) ||
      offset < 0 ||
      length < 0
    ) {
      throw badMap('an offset or length is no number')
    }
    if (offset < end) throw badMap(`the piece at ${offset} overlaps the one before it`)
    end = offset + length
    if (end > map.realSizeBytes) {
      throw badMap(`the piece at ${offset} ends after the file's ${map.realSizeBytes} bytes`)
    }
    total += length
  }
  if (total !== payloadBytes) {
    throw badMap(`its pieces have ${total} bytes, the archive has ${payloadBytes}`)
  }
}

export function badMap(reason: string): ArchiveError {
  return new ArchiveError('ERR_SPARSE_MAP', `cannot read sparse map: ${reason}`)
}

/** A map at the start of a body longer than this is no map but an attack: 40,000 pieces fit. */
const MAP_BYTES_MAX = 1 << 20

/** Turns the payload of a sparse member, in whatever chunks it comes, into writes at file offsets. */
export class SparseBody {
  readonly realSizeBytes: number
  #map: SparseMap
  #payloadLeft: number
  #text: number[] | undefined
  #lines = 0
  #linesMax = 1
  #mapBytes = 0
  #piece = 0
  #pieceDone = 0

  /** @param header one that has `sparse` */
  constructor(header: Pick<TarHeader, 'sparse' | 'sizeBytes'>) {
    if (header.sparse === undefined) throw badMap('the entry is not sparse')
    this.#map = header.sparse
    this.realSizeBytes = header.sparse.realSizeBytes
    this.#payloadLeft = header.sizeBytes
    if (header.sparse.mapInBody) this.#text = []
  }

  /** @throws ArchiveError ERR_SPARSE_MAP, LimitError ERR_ENTRY_SIZE_MAX */
  push(bytes: Uint8Array, emit: (offset: number, piece: Uint8Array) => void): void {
    let at = 0
    this.#payloadLeft -= bytes.length
    if (this.#text !== undefined || this.#mapBytes % 512 !== 0) at = this.#readMap(bytes)
    while (at < bytes.length) {
      const piece = this.#map.pieces[this.#piece]
      if (piece === undefined) throw badMap('the archive has more bytes than its pieces')
      const length = Math.min(piece.length - this.#pieceDone, bytes.length - at)
      if (length > 0) emit(piece.offset + this.#pieceDone, bytes.subarray(at, at + length))
      at += length
      this.#pieceDone += length
      if (this.#pieceDone === piece.length) {
        this.#piece++
        this.#pieceDone = 0
      }
    }
  }

  /** @throws ArchiveError ERR_SPARSE_MAP if pieces are left without bytes */
  end(): void {
    if (this.#text !== undefined) throw badMap('the body ends inside of it')
    const left = this.#map.pieces.slice(this.#piece).reduce((sum, piece) => sum + piece.length, 0)
    if (left > this.#pieceDone)
      throw badMap(`${left - this.#pieceDone} bytes of its pieces are missing`)
  }

  /** PAX 1.0: the count, then offsets and lengths, a decimal a line, filled up to a block. Returns where data starts. */
  #readMap(bytes: Uint8Array): number {
    let at = 0
    while (at < bytes.length && (this.#text !== undefined || this.#mapBytes % 512 !== 0)) {
      const byte = bytes[at++]!
      this.#mapBytes++
      if (this.#text === undefined) continue
      if (this.#mapBytes > MAP_BYTES_MAX) {
        throw new LimitError(
          'ERR_ENTRY_SIZE_MAX',
          `cannot read sparse map: it is longer than ${MAP_BYTES_MAX} bytes`,
          { details: { limit: MAP_BYTES_MAX } },
        )
      }
      this.#text.push(byte)
      if (byte !== 0x0a) continue
      if (++this.#lines === 1) this.#linesMax = 1 + 2 * this.#count()
      if (this.#lines === this.#linesMax) this.#settle(bytes.length - at)
    }
    return at
  }

  #count(): number {
    const count = decimal(Buffer.from(this.#text!).toString('latin1').trimEnd())
    if (Number.isNaN(count)) throw badMap('it does not start with the number of its pieces')
    return count
  }

  #settle(unreadBytes: number): void {
    const numbers = Buffer.from(this.#text!).toString('latin1').split('\n')
    const fill = (512 - (this.#mapBytes % 512)) % 512
    this.#text = undefined
    this.#map = { realSizeBytes: this.realSizeBytes, pieces: piecesOf(numbers.slice(1, -1)) }
    checkSparseMap(this.#map, this.#payloadLeft + unreadBytes - fill)
  }
}
