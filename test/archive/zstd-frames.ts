import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { type ZstdFrame, ZstdFrames, beginsAsZstd } from '../../src/archive/zstd-frames.ts'
import { has } from '../support/host.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const SKIPPABLE = Buffer.from([0x5e, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3])
const MAGIC = Buffer.from([0x28, 0xb5, 0x2f, 0xfd])
/** One last raw block of no bytes. */
const NO_BLOCK = Buffer.from([1, 0, 0])

function framesOf(bytes: Buffer, cut: (left: number) => number = (left) => left): ZstdFrame[] {
  const frames = new ZstdFrames()
  const found: ZstdFrame[] = []
  for (let at = 0; at < bytes.length;) {
    const length = cut(bytes.length - at)
    found.push(...frames.push(bytes.subarray(at, at + length)))
    at += length
  }
  return found
}

t.test(
  'as the zstd program lists them',
  { skip: has('zstd') ? false : 'needs zstd' },
  async (t) => {
    const file = path.join(temporaryDirectory(t), 'one.zst')
    const plain = [
      Buffer.alloc(0),
      Buffer.from('small'),
      randomBytes(70_000),
      Buffer.alloc(3 << 20),
    ]
    for (const input of plain) {
      for (const flags of [
        ['-1'],
        ['-19', '--check'],
        ['--ultra', '-22', '--no-check'],
        ['-3', '--long=24'],
      ]) {
        for (const isTold of [true, false]) {
          // Through a pipe zstd does not know the length, unless it is told.
          const size = isTold && input.length > 0 ? [`--stream-size=${input.length}`] : []
          const packed = spawnSync('zstd', ['-c', ...flags, ...size], {
            input,
            maxBuffer: 1 << 28,
          }).stdout
          fs.writeFileSync(file, packed)
          const listed = spawnSync('zstd', ['-lv', file], { encoding: 'utf8' }).stdout
          const windowBytes = Number(/Window Size:.*\((\d+) B\)/.exec(listed)?.[1])
          const doubled = Buffer.concat([packed, SKIPPABLE, packed])
          const frames = framesOf(doubled, (left) => Math.min(left, 1 + (left % 5000)))
          const what = `${input.length} bytes, ${flags.join(' ')}, ${size.join('')}`
          t.equal(frames.length, 2, what)
          t.same(frames[0], frames[1], what)
          // Of a single segment zstd lists the length, rounded up to 1 KiB.
          t.ok(Math.abs(frames[0]!.windowBytes - windowBytes) <= 1024, `${what}: ${windowBytes}`)
          t.ok(frames[0]!.memoryBytes >= Math.min(input.length, frames[0]!.windowBytes), what)
        }
      }
    }
  },
)

t.test('headers of every shape, however they are cut', async () => {
  const header = fc.record({
    isSingleSegment: fc.boolean(),
    hasChecksum: fc.boolean(),
    dictionaryBytes: fc.constantFrom(0, 1, 2, 4),
    window: fc.nat(255),
    size: fc.option(fc.bigInt({ min: 0n, max: 2n ** 60n }), { nil: undefined }),
    blocks: fc.array(fc.record({ type: fc.constantFrom(0, 1, 2), bytes: fc.nat(300) }), {
      maxLength: 4,
    }),
  })
  fc.assert(
    fc.property(
      fc.array(header, { minLength: 1, maxLength: 4 }),
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 20 }),
      (headers, cuts) => {
        const wanted: ZstdFrame[] = []
        const bytes = Buffer.concat(
          headers.flatMap(({ isSingleSegment, hasChecksum, dictionaryBytes, window, ...rest }) => {
            const size = isSingleSegment ? (rest.size ?? 7n) : rest.size
            const flag =
              size === undefined ? 0 : isSingleSegment && size < 256n ? 0 : size < 2n ** 32n ? 2 : 3
            const field = Buffer.alloc(size === undefined ? 0 : flag === 0 ? 1 : 1 << flag)
            if (field.length === 1) field[0] = Number(size)
            else if (field.length === 4) field.writeUInt32LE(Number(size))
            else if (field.length === 8) field.writeBigUInt64LE(size!)
            const descriptor =
              (flag << 6) |
              (isSingleSegment ? 0x20 : 0) |
              (hasChecksum ? 4 : 0) |
              [0, 1, 2, 2, 3][dictionaryBytes]!
            const base = 2 ** (10 + (window >> 3))
            const windowBytes = isSingleSegment ? Number(size) : base + (base / 8) * (window & 7)
            const contentBytes = size === undefined ? Infinity : Number(size)
            wanted.push({ windowBytes, memoryBytes: Math.min(windowBytes, contentBytes) })
            return [
              MAGIC,
              Buffer.from([descriptor]),
              Buffer.from(isSingleSegment ? [] : [window]),
              Buffer.alloc(dictionaryBytes, 9),
              field,
              ...rest.blocks.flatMap(({ type, bytes }) => {
                const block = Buffer.alloc(3)
                block.writeUIntLE((bytes << 3) | (type << 1), 0, 3)
                // What looks like a frame inside of a block is none.
                return [block, Buffer.alloc(type === 1 ? 1 : bytes, MAGIC)]
              }),
              NO_BLOCK,
              Buffer.alloc(hasChecksum ? 4 : 0),
              SKIPPABLE,
            ]
          }),
        )
        let turn = 0
        const found = framesOf(bytes, (left) => Math.min(left, cuts[turn++ % cuts.length]!))
        return JSON.stringify(found) === JSON.stringify(wanted)
      },
    ),
    { numRuns: 300 },
  )
})

t.test('what is no frame', async (t) => {
  for (const wrong of [
    Buffer.from('garbage'),
    Buffer.alloc(4),
    Buffer.from([0x28, 0xb5, 0x2f, 0xfe]),
  ])
    t.throws(() => framesOf(Buffer.concat([SKIPPABLE, wrong])), { message: /no other/ })
  t.same(framesOf(MAGIC.subarray(0, 3)), [], 'too short to say')
  t.notOk(beginsAsZstd(MAGIC.subarray(0, 3)))
  t.ok(beginsAsZstd(MAGIC))
  t.ok(beginsAsZstd(SKIPPABLE))
})
