import fc from 'fast-check'
import t from 'tap'
import { Crc64 } from '../../src/tar-split/crc64.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** The definition, bit by bit: slow and hard to get wrong. */
function byDefinition(bytes: Uint8Array): string {
  let state = 0xffffffffffffffffn
  for (const byte of bytes) {
    state ^= BigInt(byte)
    for (let bit = 0; bit < 8; bit++) {
      state = (state & 1n) === 1n ? (state >> 1n) ^ 0xd800000000000000n : state >> 1n
    }
  }
  return (state ^ 0xffffffffffffffffn).toString(16).padStart(16, '0')
}

function crc(bytes: Uint8Array): string {
  const crc = new Crc64()
  crc.update(bytes)
  return hex(crc.digest())
}

t.test('check value of CRC-64/GO-ISO', async (t) => {
  t.equal(crc(Buffer.from('123456789')), 'b90956c775a41001')
  t.equal(crc(Buffer.alloc(0)), '0000000000000000')
})

t.test('bytes of any length at any alignment', async (t) => {
  const bytes = fc.uint8Array({ maxLength: 300, size: 'max' })
  fc.assert(
    fc.property(bytes, fc.nat(9), (bytes, skip) => {
      const shifted = new Uint8Array(new ArrayBuffer(bytes.length + 16), skip, bytes.length)
      shifted.set(bytes)
      t.equal(crc(shifted), byDefinition(bytes))
    }),
    { numRuns: 300 },
  )
})

t.test('in pieces, with digests on the way, and again after a reset', async (t) => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 100, size: 'max' }), { maxLength: 6 })
  const crc64 = new Crc64()
  fc.assert(
    fc.property(pieces, (pieces) => {
      crc64.reset()
      let sofar = Buffer.alloc(0)
      for (const piece of pieces) {
        sofar = Buffer.concat([sofar, piece])
        crc64.update(piece)
        t.equal(hex(crc64.digest()), byDefinition(sofar))
      }
    }),
    { numRuns: 100 },
  )
})

t.test('each state bit spills to where the polynomial says', async (t) => {
  for (let bit = 0; bit < 64 * 8; bit++) {
    const bytes = new Uint8Array(64)
    bytes[bit >> 3] = 1 << (bit & 7)
    t.equal(crc(bytes), byDefinition(bytes))
  }
})
