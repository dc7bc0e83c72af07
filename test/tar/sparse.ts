import fs from 'node:fs'
import zlib from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import type { SparseMap, TarHeader } from '../../src/tar/entry.ts'
import { SparseBody } from '../../src/tar/sparse.ts'
import {
  block,
  chunkSizes,
  chunksOf,
  extension,
  GNU_MAGIC,
  padded,
  parse,
  paxRecords,
} from '../support/tars.ts'

const FIXTURES = new URL('../../../fixtures/tar/', import.meta.url)

/** The file that make-tar-fixtures.ts had GNU tar pack. */
const PIECE = 262_144
const expected = Buffer.alloc(9 * PIECE + 1)
for (let i = 1; i <= 8; i++) expected.fill(`piece ${i} `, i * PIECE, i * PIECE + 4096)

function expand(header: TarHeader, payload: Uint8Array, sizes: readonly number[] = []): Buffer {
  const sparse = new SparseBody(header)
  const file = Buffer.alloc(sparse.realSizeBytes)
  for (const chunk of chunksOf(payload, sizes)) {
    sparse.push(chunk, (offset, piece) => file.set(piece, offset))
  }
  sparse.end()
  return file
}

for (const version of ['gnu', '0.0', '0.1', '1.0']) {
  t.test(`a sparse file by GNU tar, format ${version}`, async (t) => {
    const tar = zlib.gunzipSync(
      fs.readFileSync(new URL(`gnu-tar-sparse-${version}.tar.gz`, FIXTURES)),
    )
    for (const sizes of [[], [700], [1, 511, 13]]) {
      const { headers, bodies, bytes } = parse(tar, { sizes })
      t.equal(headers.length, 1)
      const header = headers[0]!
      t.equal(header.path, 'sparse-file')
      t.equal(header.sparse!.realSizeBytes, expected.length)
      t.equal(header.sparse!.mapInBody, version === '1.0' ? true : undefined)
      t.equal(header.sizeBytes, bodies[0]!.length)
      t.ok(bytes.equals(tar))
      for (const bodySizes of [[], [1], [600, 3]]) {
        t.ok(expand(header, bodies[0]!, bodySizes).equals(expected))
      }
    }
    if (version !== 'gnu' && version !== '0.0') {
      t.match(parse(tar).headers[0]!.recordName, /GNUSparseFile/)
    }
  })
}

const headerWith = (sparse: SparseMap, sizeBytes: number): TarHeader => ({
  ...parse(block()).headers[0]!,
  sparse,
  sizeBytes,
})

t.test('any map, in the header or in the body, however the payload is cut', async (t) => {
  const pieces = fc
    .array(fc.tuple(fc.nat(50), fc.uint8Array({ maxLength: 40 })), { maxLength: 6 })
    .map((gaps) => {
      let end = 0
      return gaps.map(([gap, data]) => {
        const offset = end + gap
        end = offset + data.length
        return { offset, data: Buffer.from(data) }
      })
    })
  fc.assert(
    fc.property(pieces, fc.nat(100), chunkSizes, (pieces, tail, sizes) => {
      const last = pieces.at(-1)
      const file = Buffer.alloc((last ? last.offset + last.data.length : 0) + tail)
      for (const { offset, data } of pieces) file.set(data, offset)
      const data = Buffer.concat(pieces.map(({ data }) => data))
      const map = pieces.map(({ offset, data }) => ({ offset, length: data.length }))
      t.ok(
        expand(
          headerWith({ realSizeBytes: file.length, pieces: map }, data.length),
          data,
          sizes,
        ).equals(file),
      )

      const text =
        [pieces.length, ...map.flatMap(({ offset, length }) => [offset, length])].join('\n') + '\n'
      const payload = Buffer.concat([padded(text), data])
      const inBody = headerWith(
        { realSizeBytes: file.length, pieces: [], mapInBody: true },
        payload.length,
      )
      t.ok(expand(inBody, payload, sizes).equals(file))
    }),
    { numRuns: 150 },
  )
})

t.test('maps in headers that cannot be', async (t) => {
  const pax = (records: Record<string, string>, sizeBytes = 4): void => {
    parse(
      Buffer.concat([
        extension(
          'x',
          paxRecords({ 'GNU.sparse.major': '0', 'GNU.sparse.minor': '1', ...records }),
        ),
        block({ size: sizeBytes }),
        padded('data'.slice(0, sizeBytes)),
      ]),
    )
  }
  const map = (map: string, more: object = {}): Record<string, string> => ({
    'GNU.sparse.numblocks': String(map.split(',').length / 2),
    'GNU.sparse.map': map,
    'GNU.sparse.size': '100',
    ...more,
  })
  t.doesNotThrow(() => pax(map('0,2,50,2')))
  t.doesNotThrow(() => pax(map('0,2,50,2,100,0')))
  for (const [what, records] of Object.entries({
    overlap: map('0,2,1,2'),
    'out of order': map('50,2,0,2'),
    'beyond the end': map('0,2,99,2'),
    'too little data': map('0,2,50,1'),
    'too much data': map('0,2,50,3'),
    'no number': map('0,2,x,2'),
    negative: map('0,2,-5,2'),
    'count too high': map('0,2,50,2', { 'GNU.sparse.numblocks': '3' }),
    'no count': map('0,2,50,2', { 'GNU.sparse.numblocks': '' }),
    'no size': map('0,2,50,2', { 'GNU.sparse.size': '1e3' }),
    overflow: map(`0,2,${2 ** 53},2`),
  })) {
    t.throws(() => pax(records), { code: 'ERR_SPARSE_MAP', details: { offset: 0 } }, what)
  }
  const directory = [
    extension('x', paxRecords(map('0,0', { 'GNU.sparse.major': '0', 'GNU.sparse.minor': '1' }))),
    block({ type: '5' }),
  ]
  t.throws(() => parse(Buffer.concat(directory)), { code: 'ERR_SPARSE_MAP', message: /directory/ })
  t.throws(() => parse(block({ type: 'S' })), { code: 'ERR_SPARSE_MAP', message: /not GNU/ })
  const gnu = block({
    type: 'S',
    magic: GNU_MAGIC,
    size: 4,
    patch: { 386: 'garbage', 483: '00000000144\0' },
  })
  t.throws(() => parse(Buffer.concat([gnu, padded('data')])), { code: 'ERR_SPARSE_MAP' })
})

t.test('formats that nobody knows are plain files', async (t) => {
  const { headers } = parse(
    Buffer.concat([
      extension(
        'x',
        paxRecords({ 'GNU.sparse.major': '2', 'GNU.sparse.minor': '0', 'GNU.sparse.name': 'n' }),
      ),
      block(),
    ]),
  )
  t.equal(headers[0]!.sparse, undefined)
  t.equal(headers[0]!.path, 'file')
})

t.test('maps in bodies that cannot be', async (t) => {
  const expandText = (text: string | Buffer, realSizeBytes = 100): void => {
    const payload = padded(text)
    expand(
      headerWith({ realSizeBytes, pieces: [], mapInBody: true }, payload.length),
      payload,
      [100],
    )
  }
  t.doesNotThrow(() => expandText('0\n'))
  for (const text of [
    '',
    '\n',
    'x\n',
    '1\n0\n',
    '1\n0\n5\n',
    '1\nx\n0\n',
    '2\n5\n0\n4\n0\n',
    '1\n101\n0\n',
    '1.5\n',
  ]) {
    t.throws(() => expandText(text), { code: 'ERR_SPARSE_MAP' }, JSON.stringify(text))
  }
  t.throws(() => expandText(Buffer.alloc((1 << 20) + 1, '9')), { code: 'ERR_ENTRY_SIZE_MAX' })
})

t.test('payloads that do not fit their map', async (t) => {
  const header = headerWith(
    {
      realSizeBytes: 9,
      pieces: [
        { offset: 1, length: 3 },
        { offset: 6, length: 2 },
      ],
    },
    5,
  )
  t.throws(() => expand(header, Buffer.alloc(4)), {
    code: 'ERR_SPARSE_MAP',
    message: /1 bytes .* missing/,
  })
  t.throws(() => expand(header, Buffer.alloc(6)), { code: 'ERR_SPARSE_MAP', message: /more bytes/ })
  t.throws(() => new SparseBody({ sizeBytes: 0 }), { code: 'ERR_SPARSE_MAP' })
})
