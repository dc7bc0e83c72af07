import fc from 'fast-check'
import t from 'tap'
import { IntegrityError } from '../../src/errors.ts'
import { SplitEncoder } from '../../src/tar-split/codec.ts'
import { decodeSplit, decodeSplitSync, SplitDecoder } from '../../src/tar-split/decoder.ts'
import type { SplitRecord } from '../../src/tar-split/record.ts'
import { chunkSizes, chunksOf, path } from '../support/tars.ts'

const CHECKSUM = 'AAAAAAAAAAE='

function decode(text: string, sizes: readonly number[] = []): SplitRecord[] {
  return [...decodeSplitSync(chunksOf(Buffer.from(text), sizes))]
}

t.test('other spellings of the same records', async (t) => {
  const expected = [
    { kind: 'segment', bytes: Buffer.from('head') },
    { kind: 'file', name: 'a/b', sizeBytes: 5, checksum: Buffer.from(CHECKSUM, 'base64') },
    { kind: 'file', name: 'd', sizeBytes: 0 },
  ]
  for (const text of [
    `{"type":2,"payload":"aGVhZA==","position":0}\n{"type":1,"name":"a/b","size":5,"payload":"${CHECKSUM}","position":1}\n{"type":1,"name":"d","payload":null,"position":2}`,
    `{"type":2,"payload":"aGVhZA==","position":0}{"type":1,"name":"a/b","size":5,"payload":"${CHECKSUM}","position":1}{"type":1,"name":"d","payload":null,"position":2}`,
    `\n { "position" : 7,\n"payload": "aGVhZA==", "type": 2 }\r\n\t{"name":"a\\u002fb","type":1,"payload":"${CHECKSUM}","size":5}{"type":1,"name":"\\u0064","extra":{"deep":["}"]}}  \n`,
    `{"type":2,"payload":"aGVhZA==","position":"x"}{"type":1,"name_raw":"YS9i","name":"wrong","size":5,"payload":"${CHECKSUM}"}{"type":1,"name":"d","size":0,"payload":""}`,
    `{"type":2,"payload":"\\u0061GVhZA==","position":0}{"type":1,"name":"a\\/b","size":5,"payload":"${CHECKSUM}","position":1}{"type":1,"name":"d","payload":null,"position":2,"more":"{\\"}"}`,
  ]) {
    t.strictSame(decode(text), expected)
    for (const size of [1, 7]) t.strictSame(decode(text, [size]), expected)
  }
  t.strictSame(decode(''), [])
  t.strictSame(decode(' \n '), [])
})

t.test('names: escapes, UTF-8 bytes, raw bytes', async (t) => {
  for (const [json, name] of [
    ['"name":"\\u003c\\u2028\\""', '<\xe2\x80\xa8"'],
    ['"name":"é"', '\xc3\xa9'],
    ['"name":"\\u00e9"', '\xc3\xa9'],
    ['"name":"a}b{c"', 'a}b{c'],
    ['"name_raw":"/w=="', '\xff'],
    ['"name":"kept","name_raw":""', 'kept'],
  ] as const) {
    t.strictSame(decode(`{"type":1,${json},"payload":null,"position":0}\n`), [
      { kind: 'file', name, sizeBytes: 0 },
    ])
  }
})

t.test('damage', async (t) => {
  const good = `{"type":2,"payload":"aGVhZA==","position":0}\n`
  for (const [text, reason] of [
    ['{"type":2,"payload":"aGVh*A==","position":0}', /base64/],
    ['{"type":2,"payload":"aGVhZA=","position":0}', /base64/],
    ['{"type":2,"payload":"aGVhZA==","position":0', /middle of a record/],
    ['{"type":2,"payload":"aGVh', /middle of a record/],
    ['{"type":3,"payload":"","position":0}', /type is 3/],
    ['{"payload":""}', /type is undefined/],
    ['{"type":1,"name":"f","size":5,"payload":null}', /no checksum/],
    ['{"type":1,"name":"f","size":5,"payload":"AAAA"}', /3 bytes/],
    ['{"type":1,"name":"f","size":-5,"payload":null}', /size is -5/],
    ['{"type":1,"name":"f","size":1.5,"payload":null}', /size is 1.5/],
    ['{"type":1,"name":7,"payload":null}', /name/],
    ['{"type":2,"payload":7}', /payload/],
    ['{"type":2 "payload":""}', /no JSON/],
    ['[1]', /does not start with/],
    ['garbage', /does not start with/],
  ] as const) {
    const expected = { code: 'ERR_SPLIT_CORRUPT', message: reason, details: { record: 1 } }
    t.throws(() => decode(good + text), expected, text)
    t.throws(() => decode(good + text, [1]), expected, text)
  }
})

t.test('however it is cut, the records are the same', async (t) => {
  const records = fc.array(
    fc.oneof(
      fc.uint8Array({ maxLength: 100 }).map((bytes): SplitRecord => ({ kind: 'segment', bytes })),
      fc
        .string({ unit: 'binary-ascii' })
        .map((name): SplitRecord => ({ kind: 'file', name: path(name), sizeBytes: 0 })),
    ),
    { maxLength: 8 },
  )
  await fc.assert(
    fc.asyncProperty(records, chunkSizes, async (records, sizes) => {
      const encoder = new SplitEncoder()
      for (const record of records) encoder.record(record)
      const json = Buffer.from(encoder.take())
      const whole = [...decodeSplitSync([json])]
      t.strictSame([...decodeSplitSync(chunksOf(json, sizes))], whole)
      const slowly: SplitRecord[] = []
      for await (const record of decodeSplit(chunksOf(json, sizes))) slowly.push(record)
      t.strictSame(slowly, whole)
      t.equal(whole.length, records.length)
    }),
    { numRuns: 100 },
  )
})

t.test('flipped bytes give an error of ours or other records, never anything else', async (t) => {
  const encoder = new SplitEncoder()
  encoder.segment(Buffer.alloc(60, 'seg'))
  encoder.file({ kind: 'file', name: path('a<b'), sizeBytes: 3, checksum: new Uint8Array(8) })
  const json = Buffer.from(encoder.take())
  fc.assert(
    fc.property(fc.nat(json.length - 1), fc.nat(255), (at, value) => {
      const damaged = Buffer.from(json)
      damaged[at] = value
      try {
        t.ok([...decodeSplitSync([damaged])].length <= 2)
      } catch (error) {
        t.ok(error instanceof IntegrityError, String(error))
      }
    }),
    { numRuns: 400 },
  )
})

t.test('a record without an end is not collected for ever', async (t) => {
  const decoder = new SplitDecoder(() => t.fail('no record is whole'))
  const chunk = Buffer.alloc(8 << 20, 'A')
  decoder.write(Buffer.from('{"type":2,"payload":"'))
  t.throws(
    () => {
      for (let i = 0; i < 9; i++) decoder.write(chunk)
    },
    { code: 'ERR_JSON_MAX' },
  )
})
