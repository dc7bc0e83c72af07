// Node's zlib is the other party: what it packed comes out whole, however it is cut into chunks and whoever inflates.

import { randomBytes } from 'node:crypto'
import zlib from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import { gunzip } from '../../src/archive/gunzip.ts'
import { Inflater } from '../../src/sys/inflate.ts'
import { collect } from '../support/tars.ts'

/** The same buffer again and again, as a range reader has it. */
async function* pieces(bytes: Buffer, sizeBytes: number): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.alloc(sizeBytes)
  for (let at = 0; at < bytes.length; at += sizeBytes) {
    yield buffer.subarray(0, bytes.copy(buffer, 0, at, at + sizeBytes))
  }
}

const probe = Inflater.open(true)
const isCallable = probe !== undefined
probe?.close()

const never = (): boolean => false
const always = (): boolean => true
let turn = 0
const WAYS: readonly [string, () => boolean, (() => undefined)?][] = [
  ['on this thread', never],
  ['on another', always],
  ['now here, now there', () => turn++ % 3 === 0],
  ['by a stream, where zlib is not to be had', always, () => undefined],
]

for (const [way, overlap, open] of WAYS) {
  const skip = open === undefined && !isCallable ? 'this Node keeps its zlib to itself' : false
  t.test(way, { skip }, async (t) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            text: fc.uint8Array({ maxLength: 2000 }),
            times: fc.constantFrom(0, 1, 50, 2000),
            level: fc.integer({ min: 0, max: 9 }),
          }),
          { minLength: 1, maxLength: 4 },
        ),
        fc.constantFrom(1 << 20, 65_536, 4099, 57),
        fc.constantFrom(0, 1, 1000),
        async (members, chunkBytes, zeros) => {
          const plain = members.map(({ text, times }) =>
            Buffer.concat(Array.from({ length: times }, () => text)),
          )
          const packed = plain.map((bytes, i) => zlib.gzipSync(bytes, { level: members[i]!.level }))
          const input = Buffer.concat([...packed, Buffer.alloc(zeros)])
          const size = input.length > 200_000 ? Math.max(chunkBytes, 4099) : chunkBytes
          const out = await collect(gunzip(pieces(input, size), { overlap, ...(open && { open }) }))
          return out.equals(Buffer.concat(plain))
        },
      ),
      { numRuns: 60 },
    )
    const packed = zlib.gzipSync(randomBytes(3_000_000))
    for (const [what, bad] of [
      ['cut', packed.subarray(0, -1)],
      ['cut in its header', packed.subarray(0, 5)],
      ['followed by what is no member', Buffer.concat([packed, Buffer.from('x')])],
      ['of another kind', zlib.deflateSync('text')],
    ] as const) {
      await t.rejects(
        collect(gunzip(pieces(bad, 65_536), { overlap, ...(open && { open }) })),
        what,
      )
    }
    const wrong = Buffer.from(packed)
    wrong[wrong.length - 6]! ^= 1
    await t.rejects(
      collect(gunzip(pieces(wrong, 65_536), { overlap, ...(open && { open }) })),
      'its checksum is wrong',
    )
  })
}

t.test('of what has a digest, the checksum is not asked for', { skip: !isCallable }, async (t) => {
  const packed = zlib.gzipSync('text')
  packed[packed.length - 6]! ^= 1
  await t.rejects(collect(gunzip(pieces(packed, 99))))
  t.equal(String(await collect(gunzip(pieces(packed, 99), { isDigested: true }))), 'text')
})

t.test('a consumer that goes away lets the input go', async (t) => {
  let isClosed = false
  async function* input(): AsyncGenerator<Uint8Array> {
    try {
      yield* pieces(zlib.gzipSync(Buffer.alloc(30 << 20)), 512)
    } finally {
      isClosed = true
    }
  }
  for await (const chunk of gunzip(input())) {
    t.ok(chunk.length > 0)
    break
  }
  t.ok(isClosed)
})
