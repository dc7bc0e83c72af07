// bzip2 back to plain bytes, with memory that does not depend on the input: 900,000 bytes of a block unpack to 46 million
// where they are runs, and are handed on piece by piece. The packages that do this hold all of a block's output as a list
// of numbers, which is half a gigabyte for a file of a hundred bytes.
//
// Source of the format: bzip2-1.0.8's decompress.c and huffman.c; there is no other specification.

/** One block's compressed bytes at most: 18,002 groups of 50 symbols of 20 bits, with the tables. */
const BLOCK_BYTES_MAX = 5 << 19
const PIECE_BYTES = 256 << 10
const CODE_BITS_MAX = 20
const GROUP_SYMBOLS = 50
const SELECTORS_MAX = 18_002
/** bzip2's own bound on the weight of a run's digit: no block is as long as that. */
const RUN_WEIGHT_MAX = 2 << 20

const RUN_A = 0
const RUN_B = 1

const STREAM_MAGIC = 0x42_5a_68
const BLOCK_MAGIC = [0x314159, 0x265359] as const
const END_MAGIC = [0x177245, 0x385090] as const

/** CRC-32 with the polynomial's highest bit first. */
const CRC_TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24
  for (let bit = 0; bit < 8; bit++) crc = crc < 0 ? (crc << 1) ^ 0x04c11db7 : crc << 1
  return crc
})

/**
 * Streams one behind the other are one, as for bzip2. Each piece is valid until the next is asked for.
 * @throws Error that says what is wrong with the data
 */
export async function* bunzip2(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const chunks = input[Symbol.asyncIterator]()
  const bits = new BitReader()
  const block = new Block()
  let isOver = false
  /** Enough for whatever comes next, as far as there is any. */
  const fill = async (): Promise<void> => {
    while (!isOver && bits.bytesLeft < BLOCK_BYTES_MAX) {
      const next = await chunks.next()
      if (next.done === true) isOver = true
      else bits.push(next.value)
    }
  }
  try {
    await fill()
    while (bits.bytesLeft > 0) {
      const blockBytesMax = streamHeader(bits)
      let streamCRC = 0
      for (;;) {
        await fill()
        const magic = [bits.take(24), bits.take(24)] as const
        if (isMagic(magic, END_MAGIC)) break
        if (!isMagic(magic, BLOCK_MAGIC)) throw new Error('a block does not begin as one')
        const blockCRC = bits.take32()
        block.read(bits, blockBytesMax)
        yield* block.pieces()
        if (block.crc !== blockCRC) throw new Error('the checksum of a block is another')
        streamCRC = blockCRC ^ ((streamCRC << 1) | (streamCRC >>> 31))
      }
      if (bits.take32() !== streamCRC) throw new Error('the checksum of the whole is another')
      bits.toByte()
      await fill()
    }
  } finally {
    await chunks.return?.()
  }
}

function isMagic([a, b]: readonly [number, number], magic: readonly [number, number]): boolean {
  return a === magic[0] && b === magic[1]
}

/** @returns bytes of a block before its runs are unpacked */
function streamHeader(bits: BitReader): number {
  if (bits.take(24) !== STREAM_MAGIC) throw new Error('what follows is no bzip2 stream')
  const level = bits.take(8) - 0x30
  if (level < 1 || level > 9) throw new Error('it has no block size')
  return level * 100_000
}

class BitReader {
  #bytes: Uint8Array = new Uint8Array(0)
  #at = 0
  #window = 0
  #held = 0

  /** Not counting bits of a byte that was begun. */
  get bytesLeft(): number {
    return this.#bytes.length - this.#at
  }

  push(chunk: Uint8Array): void {
    this.#bytes = Buffer.concat([this.#bytes.subarray(this.#at), chunk])
    this.#at = 0
  }

  /** @param count 1 to 24 */
  take(count: number): number {
    while (this.#held < count) {
      if (this.#at >= this.#bytes.length) throw new Error('it ends too early')
      this.#window = (this.#window << 8) | this.#bytes[this.#at++]!
      this.#held += 8
    }
    this.#held -= count
    return (this.#window >>> this.#held) & ((1 << count) - 1)
  }

  /** As a signed number, like all checksums here. */
  take32(): number {
    return (this.take(16) << 16) | this.take(16)
  }

  toByte(): void {
    this.#held = 0
  }
}

/** Canonical Huffman codes by length: those of a length are consecutive numbers. */
interface Codes {
  readonly lengthMin: number
  readonly lengthMax: number
  /** Of a length, the highest code; and what to take from a code for its place in `symbols`. */
  readonly limit: Int32Array
  readonly base: Int32Array
  readonly symbols: Uint16Array
}

class Block {
  crc = 0
  /** Low byte: the sorted text; above: where the text goes on. */
  readonly #links: Uint32Array = new Uint32Array(900_000)
  readonly #piece: Buffer = Buffer.allocUnsafe(PIECE_BYTES)
  #count = 0
  #origin = 0

  read(bits: BitReader, bytesMax: number): void {
    if (bits.take(1) !== 0) throw new Error('it is of a version before 0.9.5')
    this.#origin = bits.take(24)
    const alphabet = alphabetOf(bits)
    const groups = bits.take(3)
    if (groups < 2 || groups > 6) throw new Error('it has a wrong number of code tables')
    const selectors = selectorsOf(bits, groups)
    const codes = Array.from({ length: groups }, () => codesOf(bits, alphabet.length + 2))
    this.#count = this.#text(bits, { alphabet, selectors, codes, bytesMax })
    if (this.#origin >= this.#count) throw new Error('a block begins behind its end')
    this.#link()
  }

  /** Huffman codes to the sorted text: runs, and places in a list whose used entry moves to the front. */
  #text(
    bits: BitReader,
    block: {
      readonly alphabet: Uint8Array
      readonly selectors: Uint8Array
      readonly codes: readonly Codes[]
      readonly bytesMax: number
    },
  ): number {
    const { alphabet, selectors, codes, bytesMax } = block
    const links = this.#links
    const recent = Uint8Array.from(alphabet)
    const end = alphabet.length + 1
    let count = 0
    let run = 0
    let weight = 1
    for (const selector of selectors) {
      const table = codes[selector]!
      for (let i = 0; i < GROUP_SYMBOLS; i++) {
        const symbol = symbolOf(bits, table)
        if (symbol === RUN_A || symbol === RUN_B) {
          if (weight > RUN_WEIGHT_MAX) throw new Error('a run is longer than any block')
          run += symbol === RUN_A ? weight : 2 * weight
          weight *= 2
          continue
        }
        if (run > 0) {
          if (count + run > bytesMax) throw new Error('a block is longer than it may be')
          links.fill(recent[0]!, count, count + run)
          count += run
          run = 0
          weight = 1
        }
        if (symbol === end) return count
        if (count >= bytesMax) throw new Error('a block is longer than it may be')
        const place = symbol - 1
        const byte = recent[place]!
        recent.copyWithin(1, 0, place)
        recent[0] = byte
        links[count++] = byte
      }
    }
    throw new Error('a block has no end')
  }

  /** The inverse of the sorting: each byte gets the place of the one that follows it. */
  #link(): void {
    const links = this.#links
    const places = new Uint32Array(256)
    for (let i = 0; i < this.#count; i++) places[links[i]!]!++
    let sum = 0
    for (let byte = 0; byte < 256; byte++) {
      const many = places[byte]!
      places[byte] = sum
      sum += many
    }
    // A byte is written over above its lowest eight bits only, and those are read before anything is.
    for (let i = 0; i < this.#count; i++) {
      const at = places[links[i]! & 0xff]!++
      links[at] = links[at]! | (i << 8)
    }
  }

  /** Four equal bytes are followed by how many more of them there are. */
  *pieces(): Generator<Uint8Array> {
    const links = this.#links
    const piece = this.#piece
    let filled = 0
    let crc = -1
    let link = links[this.#origin]!
    let equal = 0
    let previous = -1
    for (let left = this.#count; left > 0; left--) {
      link = links[link >>> 8]!
      const byte = link & 0xff
      const isCount = equal === 4
      const copies = isCount ? byte : 1
      const written = isCount ? previous : byte
      if (filled + copies > PIECE_BYTES) {
        yield piece.subarray(0, filled)
        filled = 0
      }
      for (let i = 0; i < copies; i++) {
        piece[filled++] = written
        crc = (crc << 8) ^ CRC_TABLE[(crc >>> 24) ^ written]!
      }
      equal = isCount ? 0 : byte === previous ? equal + 1 : 1
      previous = isCount ? -1 : byte
    }
    this.crc = ~crc
    if (filled > 0) yield piece.subarray(0, filled)
  }
}

/** Which bytes there are: sixteen times sixteen, and those sixteenths left out that have none. */
function alphabetOf(bits: BitReader): Uint8Array {
  const parts = bits.take(16)
  const alphabet: number[] = []
  for (let part = 0; part < 16; part++) {
    if ((parts & (0x8000 >> part)) === 0) continue
    const used = bits.take(16)
    for (let i = 0; i < 16; i++) if ((used & (0x8000 >> i)) !== 0) alphabet.push(part * 16 + i)
  }
  if (alphabet.length === 0) throw new Error('a block has no bytes')
  return Uint8Array.from(alphabet)
}

/** Which table each group of symbols is coded by. Those above the number that any block needs are passed over. */
function selectorsOf(bits: BitReader, groups: number): Uint8Array {
  const count = bits.take(15)
  if (count === 0) throw new Error('a block says no code table')
  const recent = Array.from({ length: groups }, (_, i) => i)
  const selectors = new Uint8Array(Math.min(count, SELECTORS_MAX))
  for (let i = 0; i < count; i++) {
    let place = 0
    while (bits.take(1) === 1) if (++place >= groups) throw new Error('there is no such code table')
    const [selector] = recent.splice(place, 1)
    recent.unshift(selector!)
    if (i < SELECTORS_MAX) selectors[i] = selector!
  }
  return selectors
}

function codesOf(bits: BitReader, symbolCount: number): Codes {
  const lengths = new Uint8Array(symbolCount)
  let length = bits.take(5)
  for (let symbol = 0; symbol < symbolCount; symbol++) {
    for (;;) {
      if (length < 1 || length > CODE_BITS_MAX) throw new Error('a code has a wrong length')
      if (bits.take(1) === 0) break
      length += bits.take(1) === 0 ? 1 : -1
    }
    lengths[symbol] = length
  }
  const symbols = new Uint16Array(symbolCount)
  const limit = new Int32Array(CODE_BITS_MAX + 1)
  const base = new Int32Array(CODE_BITS_MAX + 1)
  let placed = 0
  let code = 0
  for (let bitCount = 1; bitCount <= CODE_BITS_MAX; bitCount++) {
    const before = placed
    for (let symbol = 0; symbol < symbolCount; symbol++) {
      if (lengths[symbol] === bitCount) symbols[placed++] = symbol
    }
    base[bitCount] = code - before
    code += placed - before
    limit[bitCount] = code - 1
    code *= 2
  }
  const [lengthMin, lengthMax] = [Math.min(...lengths), Math.max(...lengths)]
  return { lengthMin, lengthMax, limit, base, symbols }
}

function symbolOf(bits: BitReader, { lengthMin, lengthMax, limit, base, symbols }: Codes): number {
  let length = lengthMin
  let code = bits.take(length)
  while (code > limit[length]!) {
    if (++length > lengthMax) throw new Error('there is no such code')
    code = (code << 1) | bits.take(1)
  }
  const symbol = symbols[code - base[length]!]
  if (symbol === undefined) throw new Error('there is no such code')
  return symbol
}
