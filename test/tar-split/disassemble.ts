import fs from 'node:fs'
import zlib from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import { cleanPath, type BytePath } from '../../src/path/byte-path.ts'
import { SplitEncoder } from '../../src/tar-split/codec.ts'
import { Crc64 } from '../../src/tar-split/crc64.ts'
import { disassemble, Disassembler } from '../../src/tar-split/disassemble.ts'
import type { DisassembleOptions } from '../../src/tar-split/disassemble.ts'
import type { SplitRecord } from '../../src/tar-split/record.ts'
import { TarParser } from '../../src/tar/parser.ts'
import { writeTar } from '../../src/tar/writer.ts'
import {
  block,
  chunkSizes,
  chunksOf,
  collect,
  extension,
  members,
  parse,
  padded,
  paxRecords,
  ZERO_BLOCKS,
} from '../support/tars.ts'

const FIXTURES = new URL('../../../fixtures/tar/', import.meta.url)
const fixture = (name: string): Buffer =>
  zlib.gunzipSync(fs.readFileSync(new URL(`${name}.gz`, FIXTURES)))

/** Each cleaned name once, in order. */
function namesOf(tar: Uint8Array): BytePath[] {
  return [...new Set(parse(tar).headers.map((header) => cleanPath(header.recordName).path))]
}

interface Split {
  records: SplitRecord[]
  json: string
  replaced: string[]
}

function split(
  tar: Uint8Array,
  sizes: readonly number[] = [],
  options?: DisassembleOptions,
): Split {
  const records: SplitRecord[] = []
  const encoder = new SplitEncoder()
  const disassembler = new Disassembler(
    {
      segment(bytes) {
        encoder.segment(bytes)
        records.push({ kind: 'segment', bytes: new Uint8Array(bytes) })
      },
      file(record) {
        encoder.file(record)
        records.push(record)
      },
    },
    options,
  )
  const parser = new TarParser(disassembler)
  for (const chunk of chunksOf(tar, sizes)) parser.write(chunk)
  parser.end()
  disassembler.end()
  const json = Buffer.from(encoder.take()).toString()
  return { records, json, replaced: namesOf(tar).filter((name) => disassembler.replaced.has(name)) }
}

/** `seg 512`, `file a 3`: the shape of a split. */
function shape(records: readonly SplitRecord[]): string[] {
  return records.map((record) =>
    record.kind === 'segment'
      ? `seg ${record.bytes.length}`
      : `file ${record.name} ${record.sizeBytes}`,
  )
}

const file = (name: string, body: string): Buffer =>
  Buffer.concat([block({ name, size: body.length }), padded(body)])

t.test("a tar of many shapes: the same records as dockerd's, to the byte", async (t) => {
  const tar = fixture('shapes.tar')
  const json = fixture('docker-20.10-shapes.tar-split.json').toString()
  t.equal(split(tar).json, json)
  t.equal(split(tar, [700]).json, json)
})

t.test(
  'a hardlink with a size: docker writes what it cannot read back, we write no size',
  async (t) => {
    const docker = fixture('docker-20.10-sized-hardlink.tar-split.json').toString()
    t.match(docker, '"name":"link","size":6,"payload":"AAAAAAAAAAA="')
    t.equal(
      split(fixture('sized-hardlink.tar')).json,
      docker.replace('"size":6,"payload":"AAAAAAAAAAA="', '"payload":null'),
    )
  },
)

t.test('segments reach from body to body', async (t) => {
  const tar = Buffer.concat([
    extension('x', paxRecords({ uid: '1' })),
    file('a', 'abc'),
    file('empty', ''),
    file('b', 'x'.repeat(512)),
    ZERO_BLOCKS,
  ])
  const { records } = split(tar)
  t.strictSame(shape(records), [
    'seg 1536',
    'file a 3',
    'seg 1021',
    'file empty 0',
    'seg 512',
    'file b 512',
    'seg 1024',
    'seg 0',
  ])
  const crc = new Crc64()
  crc.update(Buffer.from('abc'))
  t.strictSame(records[1], { kind: 'file', name: 'a', sizeBytes: 3, checksum: crc.digest() })
  t.strictSame(records[3], { kind: 'file', name: 'empty', sizeBytes: 0 })
})

t.test('a global header has a record, and its padding is the next segment', async (t) => {
  const tar = Buffer.concat([
    extension('g', paxRecords({ comment: 'c' }), 'pax_global_header'),
    file('a', ''),
  ])
  t.strictSame(shape(split(tar).records), [
    'seg 525',
    'file pax_global_header 0',
    'seg 1011',
    'file a 0',
    'seg 0',
  ])
})

t.test('ends', async (t) => {
  const a = file('a', 'abc')
  const big = Buffer.alloc((1 << 20) + 10, 'tail')
  for (const [what, tar, expected] of [
    ['nothing', Buffer.alloc(0), ['seg 0']],
    ['no end blocks', a, ['seg 512', 'file a 3', 'seg 509', 'seg 0']],
    ['no padding', a.subarray(0, 515), ['seg 512', 'file a 3', 'seg 0']],
    [
      'one zero block',
      Buffer.concat([a, Buffer.alloc(512)]),
      ['seg 512', 'file a 3', 'seg 1021', 'seg 0'],
    ],
    [
      'bytes behind the end',
      Buffer.concat([a, ZERO_BLOCKS, big]),
      ['seg 512', 'file a 3', 'seg 1533', 'seg 1048576', 'seg 10', 'seg 0'],
    ],
  ] as const) {
    t.strictSame(shape(split(tar).records), expected, what)
    t.strictSame(shape(split(tar, [100_003]).records), expected, what)
  }
})

t.test('bodies in segments: asked for, or because no directory gives them back', async (t) => {
  const tar = Buffer.concat([file('a', 'abc'), file('b', 'defg'), file('c', 'hi'), ZERO_BLOCKS])
  const asked = split(tar, [], { embed: (header) => header.path === 'b' })
  t.strictSame(shape(asked.records), [
    'seg 512',
    'file a 3',
    'seg 2045',
    'file c 2',
    'seg 1534',
    'seg 0',
  ])
  const big = file('big', 'x'.repeat(3 << 20))
  t.strictSame(
    shape(split(big, [], { embed: () => true }).records),
    ['seg 1048576', 'seg 1048576', 'seg 1048576', 'seg 512', 'seg 0'],
    'in pieces that fit into memory',
  )
  for (const lost of [file('../x', 'abc'), file('d/../../x', 'abc'), file('d/.wh.x', 'abc')]) {
    t.strictSame(shape(split(lost).records), ['seg 1024', 'seg 0'])
  }
  for (const kept of [file('d/../x', 'abc'), file('/x', 'abc'), file('d.wh.x', 'abc')]) {
    t.equal(split(kept).records.length, 4)
  }
  t.equal(split(file('d/.wh.x', '')).records.length, 3, 'an ordinary whiteout has its record')
  for (const version of ['gnu', '0.0', '0.1', '1.0']) {
    const sparse = fixture(`gnu-tar-sparse-${version}.tar`)
    t.notOk(
      split(sparse).records.some((record) => record.kind === 'file'),
      `sparse ${version}`,
    )
  }
})

t.test('docker refuses two records of a name, so there is one', async (t) => {
  const d = block({ name: 'd/', type: '5' })
  for (const [what, parts, expected, replaced] of [
    [
      'a directory twice',
      [d, block({ name: './d', type: '5' })],
      ['seg 512', 'file d/ 0', 'seg 512', 'seg 0'],
      [],
    ],
    [
      'a file after an empty one',
      [file('x', ''), file('./x', 'abc')],
      ['seg 512', 'file x 0', 'seg 1024', 'seg 0'],
      [],
    ],
    [
      'a file replaced',
      [file('x', 'abc'), file('x', 'defg')],
      ['seg 512', 'file x 3', 'seg 1533', 'seg 0'],
      ['x'],
    ],
    [
      'a file removed',
      [file('x', 'abc'), block({ name: 'x/', type: '5' })],
      ['seg 512', 'file x 3', 'seg 1021', 'seg 0'],
      ['x'],
    ],
    [
      'global headers',
      [extension('g', '', 'pax'), extension('g', '', 'pax')],
      ['seg 512', 'file pax 0', 'seg 512', 'seg 0'],
      [],
    ],
  ] as const) {
    const seen = split(Buffer.concat(parts))
    t.strictSame(shape(seen.records), expected, what)
    t.strictSame(seen.replaced, replaced, what)
  }
  const twice = Buffer.concat([file('x', 'abc'), file('./x', 'defg'), file('y', 'z')])
  const { replaced } = split(twice)
  const again = split(twice, [], {
    embed: (header) => replaced.includes(cleanPath(header.recordName).path),
  })
  t.strictSame(again.replaced, [])
  t.strictSame(shape(again.records), ['seg 2560', 'file y 1', 'seg 511', 'seg 0'])
})

t.test('however the tar is cut, the JSON is the same', async (t) => {
  await fc.assert(
    fc.asyncProperty(members, chunkSizes, async (entries, sizes) => {
      const tar = await collect(writeTar(entries))
      t.equal(split(tar, sizes).json, split(tar).json)
    }),
    { numRuns: 60 },
  )
})

t.test(
  'as a stream: the same bytes out, the same records, before the bytes that follow',
  async (t) => {
    const tar = fixture('shapes.tar')
    const records: SplitRecord[] = []
    let passed = 0
    const out = disassemble(chunksOf(tar, [1000]), async (record) => {
      await Promise.resolve()
      records.push(record)
      t.ok(passed <= tar.length)
    })
    const chunks: Uint8Array[] = []
    for await (const chunk of out) {
      chunks.push(chunk)
      passed += chunk.length
    }
    t.ok(Buffer.concat(chunks).equals(tar))
    t.strictSame(records, split(tar).records)

    const embedded: SplitRecord[] = []
    const options = { embed: () => true, limits: { entriesMax: 100 } }
    await collect(disassemble([tar], (record) => void embedded.push(record), options))
    const files = embedded.filter((record) => record.kind === 'file')
    t.ok(files.length > 10)
    t.ok(files.every((record) => record.sizeBytes === 0))
    await t.rejects(collect(disassemble([tar], () => {}, { limits: { entriesMax: 1 } })), {
      code: 'ERR_ENTRIES_MAX',
    })
  },
)
