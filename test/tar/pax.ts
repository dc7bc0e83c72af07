import fc from 'fast-check'
import t from 'tap'
import { ArchiveError } from '../../src/errors.ts'
import { decodeGlobalPax, decodePax, encodePax, paxTime } from '../../src/tar/pax.ts'
import { paxRecords } from '../support/tars.ts'

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')
const decode = (records: Record<string, string>): ReturnType<typeof decodePax> =>
  decodePax(bytes(paxRecords(records)))

t.test('each key has its place', async (t) => {
  const seen = decode({
    path: 'a/\xc3\xa9',
    linkpath: 'l',
    uname: 'u',
    gname: 'g',
    uid: '4000000000',
    gid: '7',
    size: '8589934592',
    mtime: '1.5',
    atime: '-2.25',
    ctime: '3',
    comment: 'not for us',
    'SCHILY.xattr.user.x': 'a\0=\n\xff',
    'SCHILY.xattr.user.empty': '',
    'LIBARCHIVE.xattr.user.x': 'bm8=',
    'GNU.sparse.major': '1',
  })
  t.equal(seen.path, 'a/\xc3\xa9')
  t.equal(seen.linkPath, 'l')
  t.equal(seen.uname, 'u')
  t.equal(seen.gname, 'g')
  t.equal(seen.uid, 4_000_000_000)
  t.equal(seen.gid, 7)
  t.equal(seen.sizeBytes, 8_589_934_592)
  t.equal(seen.mtimeNs, 1_500_000_000n)
  t.equal(seen.atimeNs, -2_250_000_000n)
  t.equal(seen.ctimeNs, 3_000_000_000n)
  t.strictSame([...seen.xattrs!.keys()], ['user.x', 'user.empty'])
  t.equal(Buffer.from(seen.xattrs!.get('user.x')!).toString('latin1'), 'a\0=\n\xff')
  t.equal(seen.sparse!.get('major'), '1')
})

t.test('an empty value leaves the header its own', async (t) => {
  const seen = decode({ path: '', uid: '', mtime: '', size: '' })
  t.equal(seen.path, '')
  t.equal(seen.uid, undefined)
  t.equal(seen.mtimeNs, undefined)
  t.equal(seen.sizeBytes, undefined)
})

t.test('the later of two records wins', async (t) => {
  t.equal(decodePax(bytes('9 path=a\n9 path=b\n')).path, 'b')
})

t.test('records that no reader should take', async (t) => {
  for (const text of [
    'x',
    'path=a\n',
    '9path=a\n',
    ' 9 path=a\n',
    '99 path=a\n',
    '8 path=a\n',
    '9 path=ab',
    '3 \n',
    '5 a\n\n',
    '5 =a\n',
    '9 pa\0h=a\n',
    '99999999999 path=a\n',
    '0 path=a\n',
    '-9 path=a\n',
    '9 path=a\n1',
  ]) {
    t.throws(() => decodePax(bytes(text)), { code: 'ERR_PAX_RECORD' }, JSON.stringify(text))
  }
})

t.test('values that no reader should take', async (t) => {
  for (const [key, value] of [
    ['path', 'a\0b'],
    ['linkpath', '\0'],
    ['uname', 'r\0'],
    ['uid', '-x'],
    ['uid', '0x1'],
    ['gid', '1.5'],
    ['size', '1 '],
    ['size', '99999999999999999'],
    ['mtime', '.'],
    ['mtime', '.5'],
    ['mtime', '1a'],
    ['mtime', '1.x'],
    ['mtime', '-'],
    ['mtime', '99999999999999999999'],
    ['GNU.sparse.numbytes', '1'],
    ['GNU.sparse.offset', '1,2'],
  ] as const) {
    const message = new RegExp(key.replaceAll('.', '\\.'))
    t.throws(() => decode({ [key]: value }), { code: 'ERR_PAX_RECORD', message }, `${key}=${value}`)
  }
})

t.test('only the syntax of a global header and its path count', async (t) => {
  const global = (records: Record<string, string>): string =>
    decodeGlobalPax(bytes(paxRecords(records))).path
  t.equal(global({ uid: 'nonsense', comment: 'x' }), '')
  t.equal(global({ path: 'renamed' }), 'renamed')
  t.throws(() => decodeGlobalPax(bytes('7 x\n')), { code: 'ERR_PAX_RECORD' })
})

t.test('what encodePax writes, decodePax and the counting by hand agree on', async (t) => {
  const key = fc.stringMatching(/^user\.[a-z.]{1,120}$/)
  fc.assert(
    fc.property(
      fc.array(fc.tuple(key, fc.uint8Array({ maxLength: 1100 })), { maxLength: 5 }),
      (pairs) => {
        const xattrs = new Map(pairs)
        const encoded = encodePax([...xattrs].map(([key, value]) => [`SCHILY.xattr.${key}`, value]))
        const byHand: Record<string, string> = {}
        for (const [key, value] of xattrs)
          byHand[`SCHILY.xattr.${key}`] = Buffer.from(value).toString('latin1')
        t.equal(encoded.toString('latin1'), paxRecords(byHand))
        const back = decodePax(encoded).xattrs ?? new Map<string, Uint8Array>()
        t.strictSame(
          [...back],
          [...xattrs].map(([key, value]) => [key, new Uint8Array(value)]),
        )
      },
    ),
    { numRuns: 200 },
  )
})

t.test('times go out and come back to the nanosecond', async (t) => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 80n), max: 2n ** 80n }), (time) => {
      const clipped = time % (9_007_199_254_740_991n * 1_000_000_000n)
      t.equal(decode({ mtime: paxTime(clipped) }).mtimeNs, clipped)
    }),
    { numRuns: 200 },
  )
  t.equal(paxTime(-500_000_000n), '-0.5')
  t.equal(paxTime(1_000_000_001n), '1.000000001')
  t.equal(decode({ mtime: '1.0000000019' }).mtimeNs, 1_000_000_001n, 'finer digits are cut off')
})

t.test('garbage gives an error of ours or nothing', async (t) => {
  const piece = fc.oneof(
    fc.constantFrom(
      '9 path=a\n',
      '11 mtime=1\n',
      ' ',
      '=',
      '\n',
      '12',
      '30 SCHILY.xattr.user.x=',
      '\0',
    ),
    fc.string({ unit: 'binary-ascii', maxLength: 4 }),
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 6 }), (pieces) => {
      try {
        decodePax(bytes(pieces.join('')))
      } catch (error) {
        t.ok(error instanceof ArchiveError, String(error))
      }
    }),
  )
})
