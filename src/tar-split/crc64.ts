// CRC-64/GO-ISO, the checksum of file bodies in tar-split: reflected polynomial 0xD800000000000000, all ones in and out.
// Go's hash/crc64 calls it ISO; it is not the ECMA one of xz. Written big-endian.
//
// The polynomial is x^64 + x^4 + x^3 + x + 1, so x^64 = (x + 1)(x^3 + 1) modulo it: a 64-bit word folds into the state
// by two shift-and-XOR steps, on two 32-bit halves, without the table of the textbooks and without BigInt. In the
// reflected order a product shifts right, and the four bits that can fall off come back at the top by SPILL.

/** What x^64 times the four lowest state bits adds to the state's upper half. */
const SPILL: Int32Array = spillTable()
/** The same for the whole state byte by byte, for heads and tails that are no word. */
const BYTE_HI = new Int32Array(256)
const BYTE_LO = new Int32Array(256)

for (let i = 0; i < 256; i++) {
  let hi = 0
  let lo = i
  for (let bit = 0; bit < 8; bit++) {
    const carry = lo & 1
    lo = (lo >>> 1) | (hi << 31)
    hi = (hi >>> 1) ^ (carry ? 0xd8000000 : 0)
  }
  BYTE_HI[i] = hi
  BYTE_LO[i] = lo
}

function spillTable(): Int32Array {
  const table = new Int32Array(16)
  for (let low = 0; low < 16; low++) {
    // Bits shifted out below bit 0 by the factors' terms x, x^3 and x^4; bit 31 here is x^64.
    const out = (low << 31) ^ (low << 29) ^ (low << 28)
    table[low] = out ^ (out >>> 1) ^ (out >>> 3) ^ (out >>> 4)
  }
  return table
}

const LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1

/** Shorter than this, a view of words costs more than it saves. */
const WORDS_MIN_BYTES = 32

export class Crc64 {
  #hi = -1
  #lo = -1
  #words: Uint32Array = new Uint32Array(0)

  reset(): void {
    this.#hi = -1
    this.#lo = -1
  }

  update(bytes: Uint8Array): void {
    const end = bytes.length
    if (end < WORDS_MIN_BYTES || !LITTLE_ENDIAN) {
      this.#updateBytes(bytes, 0, end)
      return
    }
    // Bodies come as views of few large buffers: one view of words serves all of them.
    if (this.#words.buffer !== bytes.buffer) {
      this.#words = new Uint32Array(bytes.buffer, 0, bytes.buffer.byteLength >>> 2)
    }
    const head = -bytes.byteOffset & 3
    if (head > 0) this.#updateBytes(bytes, 0, head)
    const pairs = (end - head) >>> 3
    this.#updateWords(this.#words, (bytes.byteOffset + head) >>> 2, pairs)
    this.#updateBytes(bytes, head + pairs * 8, end)
  }

  /** 8 bytes, big-endian. The state goes on: more updates may follow. */
  digest(): Uint8Array {
    const hi = ~this.#hi
    const lo = ~this.#lo
    return Uint8Array.of(hi >>> 24, hi >>> 16, hi >>> 8, hi, lo >>> 24, lo >>> 16, lo >>> 8, lo)
  }

  #updateBytes(bytes: Uint8Array, from: number, to: number): void {
    let hi = this.#hi
    let lo = this.#lo
    for (let i = from; i < to; i++) {
      const index = (lo ^ bytes[i]!) & 0xff
      lo = ((lo >>> 8) | (hi << 24)) ^ BYTE_LO[index]!
      hi = (hi >>> 8) ^ BYTE_HI[index]!
    }
    this.#hi = hi
    this.#lo = lo
  }

  #updateWords(words: Uint32Array, from: number, pairs: number): void {
    let hi = this.#hi
    let lo = this.#lo
    const spill = SPILL
    for (let i = from, end = from + pairs * 2; i < end; i += 2) {
      lo ^= words[i]!
      hi ^= words[i + 1]!
      const out = spill[lo & 15]!
      // times (x + 1)
      lo ^= (lo >>> 1) | (hi << 31)
      hi ^= hi >>> 1
      // times (x^3 + 1)
      lo ^= (lo >>> 3) | (hi << 29)
      hi ^= (hi >>> 3) ^ out
    }
    this.#hi = hi
    this.#lo = lo
  }
}
