import fc from 'fast-check'
import t from 'tap'
import { readTar } from '../../src/tar/reader.ts'
import { writeTar } from '../../src/tar/writer.ts'
import {
  block,
  chunkSizes,
  chunksOf,
  collect,
  members,
  padded,
  parse,
  path,
} from '../support/tars.ts'

t.test('entries and bodies are those of the parser, however the source is cut', async (t) => {
  await fc.assert(
    fc.asyncProperty(members, chunkSizes, async (entries, sizes) => {
      const tar = await collect(writeTar(entries))
      const expected = parse(tar)
      let i = 0
      for await (const { header, body } of readTar(chunksOf(tar, sizes))) {
        t.strictSame(header, expected.headers[i])
        t.ok((await collect(body)).equals(expected.bodies[i]!))
        i++
      }
      t.equal(i, entries.length)
    }),
    { numRuns: 60 },
  )
})

const three = ['a', 'b', 'c'].map((name) => ({ path: path(name), body: Buffer.alloc(1500, name) }))

t.test('a body that nobody reads, or reads half, is skipped', async (t) => {
  const tar = await collect(writeTar(three))
  const seen: string[] = []
  for await (const { header, body } of readTar(chunksOf(tar, [700]))) {
    if (header.path === 'b') {
      for await (const piece of body) {
        seen.push(`part ${Buffer.from(piece).toString('latin1', 0, 1)}`)
        break
      }
    }
    seen.push(header.path)
  }
  t.strictSame(seen, ['a', 'part b', 'b', 'c'])
})

t.test('a body is over once the next entry was asked for', async (t) => {
  const tar = await collect(writeTar(three))
  const bodies: AsyncIterable<Uint8Array>[] = []
  for await (const { body } of readTar([tar])) bodies.push(body)
  for (const body of bodies) t.equal((await collect(body)).length, 0)
})

t.test('entries before a fault are given out first', async (t) => {
  const tar = Buffer.concat([
    block({ name: 'good', size: 2 }),
    padded('ok'),
    block({ checksum: '0' }),
  ])
  const names: string[] = []
  await t.rejects(
    async () => {
      for await (const { header, body } of readTar([tar])) {
        names.push(header.path, (await collect(body)).toString())
      }
    },
    { code: 'ERR_TAR_CHECKSUM' },
  )
  t.strictSame(names, ['good', 'ok'])
})

t.test('a truncated body rejects where it is read', async (t) => {
  const tar = Buffer.concat([block({ name: 'cut', size: 1000 }), Buffer.alloc(10)])
  for await (const { body } of readTar([tar])) {
    await t.rejects(collect(body), { code: 'ERR_TAR_TRUNCATED', details: { entry: 'cut' } })
    break
  }
})

t.test('stopping early closes the source; limits are passed on', async (t) => {
  const tar = await collect(writeTar(three))
  let closed = false
  async function* source(): AsyncGenerator<Uint8Array> {
    try {
      yield* chunksOf(tar, [512])
    } finally {
      closed = true
    }
  }
  for await (const { header } of readTar(source())) {
    t.equal(header.path, 'a')
    break
  }
  t.ok(closed)
  const all = readTar([tar], { limits: { entriesMax: 2 } })
  await t.rejects(
    async () => {
      for await (const entry of all) t.ok(entry)
    },
    { code: 'ERR_ENTRIES_MAX' },
  )
})
