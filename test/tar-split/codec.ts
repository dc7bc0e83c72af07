import fs from 'node:fs'
import zlib from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import { SplitEncoder } from '../../src/tar-split/codec.ts'
import { decodeSplitSync } from '../../src/tar-split/decoder.ts'
import type { SplitRecord } from '../../src/tar-split/record.ts'
import { path } from '../support/tars.ts'

function encode(...records: SplitRecord[]): string {
  const encoder = new SplitEncoder()
  for (const record of records) encoder.record(record)
  return Buffer.from(encoder.take()).toString('utf8')
}

const file = (name: string): SplitRecord => ({ kind: 'file', name: path(name), sizeBytes: 0 })
const bytesOf = (text: string): string => Buffer.from(text, 'utf8').toString('latin1')

t.test('lines as docker writes them', async (t) => {
  const checksum = Uint8Array.of(0xe0, 0x35, 0x5c, 0x8f, 0xb9, 0xd5, 0x34, 0x5a)
  t.equal(
    encode(
      { kind: 'segment', bytes: Buffer.from('head') },
      { kind: 'file', name: path('srv/app/package.json'), sizeBytes: 420, checksum },
      { kind: 'file', name: path('srv/'), sizeBytes: 0 },
      { kind: 'segment', bytes: new Uint8Array(0) },
    ),
    '{"type":2,"payload":"aGVhZA==","position":0}\n' +
      '{"type":1,"name":"srv/app/package.json","size":420,"payload":"4DVcj7nVNFo=","position":1}\n' +
      '{"type":1,"name":"srv/","payload":null,"position":2}\n' +
      '{"type":2,"payload":"","position":3}\n',
  )
})

t.test('names as Go escapes them', async (t) => {
  for (const [name, json] of [
    ['', ''],
    ['a b~\x7f', '"name":"a b~\x7f",'],
    ['a<b>&c', '"name":"a\\u003cb\\u003e\\u0026c",'],
    ['"\\/', '"name":"\\"\\\\/",'],
    ['\n\r\t\b\f\x01\x1f', '"name":"\\n\\r\\t\\u0008\\u000c\\u0001\\u001f",'],
    ['é\u2027\u2028\u2029\u202a😀', '"name":"é\u2027\\u2028\\u2029\u202a😀",'],
  ] as const) {
    t.equal(encode(file(bytesOf(name))), `{"type":1,${json}"payload":null,"position":0}\n`)
  }
  for (const name of ['caf\xe9', '\xc0\xaf', '\xed\xa0\x80', '\xf4\x90\x80\x80', 'a\xe2\x80']) {
    const raw = Buffer.from(name, 'latin1').toString('base64')
    t.equal(encode(file(name)), `{"type":1,"name_raw":"${raw}","payload":null,"position":0}\n`)
  }
})

const anyName = fc
  .uint8Array({ maxLength: 20 })
  .map((bytes) => Buffer.from(bytes).toString('latin1'))
const textName = fc.string({ unit: 'binary', maxLength: 20 }).map(bytesOf)
const record: fc.Arbitrary<SplitRecord> = fc.oneof(
  fc
    .uint8Array({ maxLength: 900, size: 'max' })
    .map((bytes): SplitRecord => ({ kind: 'segment', bytes })),
  fc
    .tuple(
      fc.oneof(anyName, textName),
      fc.maxSafeInteger().map(Math.abs),
      fc.uint8Array({ minLength: 8, maxLength: 8 }),
    )
    .map(([name, sizeBytes, checksum]): SplitRecord => ({
      kind: 'file',
      name: path(name),
      sizeBytes,
      ...(sizeBytes === 0 ? {} : { checksum }),
    })),
  fc.oneof(anyName, textName).map(file),
)

t.test('what is encoded decodes to the same, and is JSON that others read', async (t) => {
  fc.assert(
    fc.property(fc.array(record, { maxLength: 6 }), (records) => {
      const lines = encode(...records)
      const back = [...decodeSplitSync([Buffer.from(lines)])]
      t.strictSame(back.map(plain), records.map(plain))
      const parsed = lines
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as { position: number })
      t.strictSame(
        parsed.map(({ position }) => position),
        records.map((_, i) => i),
      )
    }),
    { numRuns: 200 },
  )
})

function plain(record: SplitRecord): unknown {
  if (record.kind === 'segment') return Buffer.from(record.bytes).toString('hex')
  const { checksum, ...rest } = record
  return { ...rest, checksum: checksum && Buffer.from(checksum).toString('hex') }
}

t.test('taking pieces gives the same bytes as taking all', async (t) => {
  fc.assert(
    fc.property(fc.array(record, { maxLength: 8 }), (records) => {
      const encoder = new SplitEncoder()
      const pieces: Buffer[] = []
      for (const each of records) {
        encoder.record(each)
        t.ok(encoder.pendingBytes > 0)
        pieces.push(Buffer.from(encoder.take()))
        t.equal(encoder.pendingBytes, 0)
      }
      t.equal(Buffer.concat(pieces).toString('utf8'), encode(...records))
    }),
    { numRuns: 50 },
  )
})

t.test("dockerd's own file, read and written again, is the same to the byte", async (t) => {
  const fixture = new URL(
    '../../../fixtures/tar/docker-20.10-app.tar-split.json.gz',
    import.meta.url,
  )
  const json = zlib.gunzipSync(fs.readFileSync(fixture))
  const records = [...decodeSplitSync([json])]
  t.ok(records.length > 10)
  t.equal(encode(...records), json.toString('utf8'))
})
