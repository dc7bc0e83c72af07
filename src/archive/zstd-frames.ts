// Where the frames of a zstd stream begin, and what memory each asks its decoder for, without decoding any of it.
// Knows headers, RFC 8878 section 3.1.1; what is inside of the blocks is the decoder's to judge.

/** The largest window that frames may ask for: what the zstd tool and Node accept without being told otherwise. */
export const WINDOW_BYTES_MAX: number = 1 << 27

export interface ZstdFrame {
  /** How far back a block of it may reach. */
  readonly windowBytes: number
  /** What a decoder holds for that: no more than all of the frame, where its length is told. */
  readonly memoryBytes: number
}

const MAGIC = 0xfd2fb528
const SKIPPABLE = 0x184d2a50
const RLE_BLOCK = 1

/** Bytes of the header behind its descriptor byte. */
const DICTIONARY_ID_BYTES = [0, 1, 2, 4] as const

/** By the magic number of a frame or of a skippable one: at least 4 bytes. */
export function beginsAsZstd(head: Uint8Array): boolean {
  if (head.length < 4) return false
  const magic = Buffer.from(head.buffer, head.byteOffset, 4).readUInt32LE(0)
  return magic === MAGIC || isSkippable(magic)
}

const isSkippable = (magic: number): boolean => (magic & ~0xf) >>> 0 === SKIPPABLE

type Expected = 'magic' | 'skippable' | 'descriptor' | 'header' | 'block'

export class ZstdFrames {
  readonly #field: Buffer = Buffer.alloc(14)
  #filled = 0
  #wanted = 4
  /** Bytes to pass over before the next field begins. */
  #skip = 0
  #expected: Expected = 'magic'
  #descriptor = 0

  /**
   * The next bytes of the stream, in pieces of any size.
   * @returns the frames whose header ends in them
   * @throws Error in plain words, where there is no frame
   */
  push(bytes: Uint8Array): ZstdFrame[] {
    const begun: ZstdFrame[] = []
    for (let at = 0; at < bytes.length;) {
      if (this.#skip > 0) {
        const length = Math.min(this.#skip, bytes.length - at)
        this.#skip -= length
        at += length
        continue
      }
      this.#field[this.#filled++] = bytes[at++]!
      if (this.#filled < this.#wanted) continue
      this.#filled = 0
      const frame = this.#take()
      if (frame) begun.push(frame)
    }
    return begun
  }

  #expect(expected: Expected, wantedBytes: number): void {
    this.#expected = expected
    this.#wanted = wantedBytes
  }

  #take(): ZstdFrame | undefined {
    const field = this.#field
    switch (this.#expected) {
      case 'magic': {
        const magic = field.readUInt32LE(0)
        if (magic === MAGIC) this.#expect('descriptor', 1)
        else if (isSkippable(magic)) this.#expect('skippable', 4)
        else throw new Error('what follows a frame is no other')
        return undefined
      }
      case 'skippable':
        this.#skip = field.readUInt32LE(0)
        this.#expect('magic', 4)
        return undefined
      case 'descriptor': {
        this.#descriptor = field[0]!
        const length = this.#windowBytes + this.#dictionaryBytes + this.#contentSizeBytes
        this.#expect('header', length)
        return undefined
      }
      case 'header': {
        this.#expect('block', 3)
        return this.#frame()
      }
      case 'block':
        this.#block(field.readUIntLE(0, 3))
        return undefined
    }
  }

  get #isSingleSegment(): boolean {
    return (this.#descriptor & 0x20) !== 0
  }

  get #windowBytes(): number {
    return this.#isSingleSegment ? 0 : 1
  }

  get #dictionaryBytes(): number {
    return DICTIONARY_ID_BYTES[(this.#descriptor & 3) as 0 | 1 | 2 | 3]
  }

  /** A header has a window or a content's size, so it is never empty. */
  get #contentSizeBytes(): number {
    const flag = this.#descriptor >> 6
    return flag === 0 ? (this.#isSingleSegment ? 1 : 0) : 1 << flag
  }

  #frame(): ZstdFrame {
    const contentBytes = this.#contentBytes()
    if (this.#isSingleSegment) return { windowBytes: contentBytes, memoryBytes: contentBytes }
    const base = 2 ** (10 + (this.#field[0]! >> 3))
    const windowBytes = base + (base / 8) * (this.#field[0]! & 7)
    return { windowBytes, memoryBytes: Math.min(windowBytes, contentBytes) }
  }

  /** Infinity where the header does not say. */
  #contentBytes(): number {
    const at = this.#windowBytes + this.#dictionaryBytes
    switch (this.#contentSizeBytes) {
      case 0:
        return Infinity
      case 1:
        return this.#field[at]!
      case 2:
        return this.#field.readUInt16LE(at) + 256
      case 4:
        return this.#field.readUInt32LE(at)
      default:
        return Number(this.#field.readBigUInt64LE(at))
    }
  }

  #block(header: number): void {
    const isLast = (header & 1) !== 0
    const type = (header >> 1) & 3
    this.#skip = type === RLE_BLOCK ? 1 : header >> 3
    if (!isLast) return
    const hasChecksum = (this.#descriptor & 4) !== 0
    this.#skip += hasChecksum ? 4 : 0
    this.#expect('magic', 4)
  }
}
