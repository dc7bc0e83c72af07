import fc from 'fast-check'
import t from 'tap'
import {
  checksumMatches,
  cString,
  encodeBlock,
  headerFormat,
  headerName,
  isZeroBlock,
  numeric,
  octalMax,
  paddingBytes,
} from '../../src/tar/header.ts'
import { block, GNU_MAGIC } from '../support/tars.ts'

const field = (text: string): number => numeric(Buffer.from(text, 'latin1'), 0, text.length)

t.test('octal fields as writers fill them', async (t) => {
  for (const [text, value] of [
    ['0000644\0', 0o644],
    ['000644 \0', 0o644],
    ['   644 \0', 0o644],
    ['0000644 ', 0o644],
    ['00000644', 0o644],
    ['644\0\0\0\0\0', 0o644],
    ['\x00\x00\x00\x00644\0', 0o644],
    ['644\0junk', 0o644],
    ['\0\0\0\0\0\0\0\0', 0],
    ['        ', 0],
    ['77777777777\0', 8 ** 11 - 1],
    ['777777777777', 8 ** 12 - 1],
  ] as const) {
    t.equal(field(text), value, JSON.stringify(text))
  }
})

t.test('fields that are no number', async (t) => {
  for (const text of [
    '0000648\0',
    '-000644\0',
    '64 4\0\0\0\0',
    '64\x014\0\0\0\0',
    'garbage\0',
    '644 x\0\0\0',
  ]) {
    t.ok(Number.isNaN(field(text)), JSON.stringify(text))
  }
})

t.test('base-256 fields', async (t) => {
  const of = (width: number, value: bigint): number => {
    const bytes = Buffer.alloc(width)
    let rest = BigInt.asUintN(width * 8, value)
    for (let i = width - 1; i >= 0; i--, rest >>= 8n) bytes[i] = Number(rest & 255n)
    bytes[0]! |= 0x80
    return numeric(bytes, 0, width)
  }
  fc.assert(
    fc.property(fc.maxSafeInteger(), (value) => {
      t.equal(of(12, BigInt(value)), value)
    }),
    { numRuns: 200 },
  )
  t.equal(of(8, 8n ** 7n), 8 ** 7)
  t.equal(of(8, -1n), -1)
  t.ok(Number.isNaN(of(12, 2n ** 60n)), 'beyond 2^53')
})

t.test('checksums: unsigned, signed, wrong; aligned or not', async (t) => {
  const plain = block({ name: 'a\xff\xfe' })
  const words = (bytes: Buffer): Uint32Array => new Uint32Array(new Uint8Array(bytes).buffer)
  const signed =
    8 * 32 + plain.reduce((sum, byte, i) => sum + (i >= 148 && i < 156 ? 0 : (byte << 24) >> 24), 0)
  const sun = block({ name: 'a\xff\xfe', checksum: `${signed.toString(8).padStart(6, '0')}\0 ` })
  const wrong = Buffer.from(plain)
  wrong[300] = 1
  const full = block({ patch: { 345: Buffer.alloc(167, 255), 0: Buffer.alloc(100, 255) } })
  for (const [bytes, expected] of [
    [plain, true],
    [sun, true],
    [wrong, false],
    [full, true],
    [block({ checksum: 'nonsense' }), false],
  ] as const) {
    t.equal(checksumMatches(bytes, 0), expected)
    t.equal(checksumMatches(bytes, 0, words(bytes), 0), expected)
  }
})

t.test('formats and names', async (t) => {
  const nameOf = (header: Buffer): string => headerName(header, 0, headerFormat(header, 0))
  t.equal(headerFormat(block(), 0), 'ustar')
  t.equal(headerFormat(block({ magic: GNU_MAGIC }), 0), 'gnu')
  t.equal(headerFormat(block({ magic: '\0\0\0\0\0\0\0\0' }), 0), 'v7')
  t.equal(headerFormat(block({ patch: { 508: 'tar\0' } }), 0), 'star')
  t.equal(nameOf(block({ name: 'b', prefix: 'a' })), 'a/b')
  t.equal(
    nameOf(block({ name: 'b', prefix: 'a', magic: '\0\0\0\0\0\0\0\0' })),
    'b',
    'v7 has no prefix',
  )
  t.equal(
    nameOf(block({ name: 'b', prefix: '00000000017\0', magic: GNU_MAGIC })),
    'b',
    'a GNU time',
  )
  t.equal(
    nameOf(block({ name: 'b', prefix: 'dir', magic: GNU_MAGIC })),
    'dir/b',
    'a GNU header by old Go',
  )
  t.equal(
    nameOf(block({ name: 'b', prefix: 'p'.repeat(155), patch: { 508: 'tar\0' } })),
    `${'p'.repeat(131)}/b`,
  )
  t.equal(nameOf(block({ name: 'n'.repeat(100) })), 'n'.repeat(100), 'a full field has no NUL')
})

t.test('what encodeBlock writes reads back', async (t) => {
  const name100 = fc.string({
    unit: fc.constantFrom('a', 'b', '\xff'),
    minLength: 1,
    maxLength: 100,
  })
  fc.assert(
    fc.property(
      name100,
      fc.nat(octalMax(8)),
      fc.nat({ max: Number.MAX_SAFE_INTEGER }),
      (name, small, size) => {
        const sizeBytes = size % (octalMax(12) + 1)
        const bytes = Buffer.alloc(600, 0xaa)
        encodeBlock(
          {
            name,
            mode: small,
            uid: small,
            gid: small,
            sizeBytes,
            mtime: sizeBytes,
            typeflag: 0x30,
            linkName: name,
            uname: name.slice(0, 32),
          },
          bytes,
          40,
        )
        t.ok(checksumMatches(bytes, 40))
        t.equal(cString(bytes, 40, 100), name)
        t.equal(cString(bytes, 40 + 157, 100), name)
        t.equal(cString(bytes, 40 + 265, 32), name.slice(0, 32))
        t.equal(numeric(bytes, 40 + 108, 8), small)
        t.equal(numeric(bytes, 40 + 124, 12), sizeBytes)
        t.equal(bytes[39], 0xaa)
        t.equal(bytes[552], 0xaa)
      },
    ),
    { numRuns: 100 },
  )
})

t.test('padding and zero blocks', async (t) => {
  t.strictSame([0, 1, 511, 512, 513].map(paddingBytes), [0, 511, 1, 0, 511])
  const zeros = Buffer.alloc(513)
  zeros[512] = 1
  t.ok(isZeroBlock(zeros, 0))
  t.notOk(isZeroBlock(zeros, 1))
})
