import fs from 'node:fs'
import zlib from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import { NameSet } from '../../src/path/name-set.ts'
import { cleanPath } from '../../src/path/byte-path.ts'
import { assemble, assembleSync } from '../../src/tar-split/assemble.ts'
import type { FileSource } from '../../src/tar-split/assemble.ts'
import { decodeSplit, decodeSplitSync } from '../../src/tar-split/decoder.ts'
import { Disassembler } from '../../src/tar-split/disassemble.ts'
import type { SplitRecord } from '../../src/tar-split/record.ts'
import { TarParser } from '../../src/tar/parser.ts'
import { writeTar } from '../../src/tar/writer.ts'
import { collect, member, parse, path } from '../support/tars.ts'

const FIXTURES = new URL('../../../fixtures/tar/', import.meta.url)
const fixture = (name: string): Buffer =>
  zlib.gunzipSync(fs.readFileSync(new URL(`${name}.gz`, FIXTURES)))

/** The files of a tar as a directory would have them: one of a name, the last. */
class Files implements FileSource {
  readonly bodies: Map<string, Buffer> = new Map()
  open_ = 0
  /** Bytes that one read gives at most. */
  readBytesMax = Infinity

  constructor(tar: Uint8Array) {
    const seen = parse(tar)
    seen.headers.forEach((header, i) =>
      this.bodies.set(cleanPath(header.path).path, seen.bodies[i]!),
    )
  }

  open(name: string): ReturnType<FileSource['open']> {
    const body = this.bodies.get(cleanPath(path(name)).path)
    if (body === undefined) throw new Error(`no file ${name}`)
    this.open_++
    let at = 0
    return {
      sizeBytes: body.length,
      read: (into) => {
        const part = body.subarray(at, at + Math.min(into.length, this.readBytesMax))
        into.set(part)
        at += part.length
        return part.length
      },
      close: () => void this.open_--,
    }
  }
}

function split(tar: Uint8Array): SplitRecord[] {
  const pass = (replaced: NameSet): { records: SplitRecord[]; replaced: NameSet } => {
    const records: SplitRecord[] = []
    const disassembler = new Disassembler(
      {
        segment: (bytes) => records.push({ kind: 'segment', bytes: new Uint8Array(bytes) }),
        file: (record) => records.push(record),
      },
      { embed: (header) => replaced.has(cleanPath(header.recordName).path) },
    )
    const parser = new TarParser(disassembler)
    parser.write(tar)
    parser.end()
    disassembler.end()
    return { records, replaced: disassembler.replaced }
  }
  const first = pass(new NameSet())
  return first.replaced.size === 0 ? first.records : pass(first.replaced).records
}

const joined = (chunks: Iterable<Uint8Array>): Buffer => {
  const copies: Buffer[] = []
  for (const chunk of chunks) copies.push(Buffer.from(chunk))
  return Buffer.concat(copies)
}

t.test('assemble undoes disassemble, for any tar, names that repeat included', async (t) => {
  const anyMembers = fc.array(member, { maxLength: 8 }).chain((entries) =>
    fc.constantFrom(
      entries,
      entries.map((entry, i) => ({ ...entry, path: path(i % 2 ? 'same' : `./same${i}`) })),
    ),
  )
  const options = fc.record({
    chunkBytes: fc.integer({ min: 1, max: 3000 }),
    reuseChunk: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(
      anyMembers,
      options,
      fc.integer({ min: 1, max: 700 }),
      async (entries, options, readBytesMax) => {
        const tar = await collect(writeTar(entries))
        const files = new Files(tar)
        files.readBytesMax = readBytesMax
        const records = split(tar)
        const chunks: number[] = []
        const rebuilt: Buffer[] = []
        for (const chunk of assembleSync(records, files, options)) {
          chunks.push(chunk.length)
          rebuilt.push(Buffer.from(chunk))
        }
        t.ok(Buffer.concat(rebuilt).equals(tar))
        t.ok(
          chunks.slice(0, -1).every((length) => length === options.chunkBytes),
          'chunks are full',
        )
        t.equal(files.open_, 0)
        t.ok((await collect(assemble(records, files))).equals(tar))
      },
    ),
    { numRuns: 60 },
  )
})

t.test('chunks stay as they were given out, unless their memory may be used again', async (t) => {
  const tar = fixture('shapes.tar')
  const kept = [...assembleSync(split(tar), new Files(tar), { chunkBytes: 1000 })]
  t.ok(Buffer.concat(kept).equals(tar))
  const reused = [...assembleSync(split(tar), new Files(tar), { chunkBytes: 1000, chunks: 1 })]
  t.equal(new Set(reused.map((chunk) => chunk.buffer)).size, 1)
})

t.test("from dockerd's records", async (t) => {
  for (const name of ['shapes', 'sized-hardlink']) {
    const tar = fixture(`${name}.tar`)
    const json = fixture(`docker-20.10-${name}.tar-split.json`)
    t.ok((await collect(assemble(decodeSplit([json]), new Files(tar)))).equals(tar), name)
    t.ok(joined(assembleSync(decodeSplitSync([json]), new Files(tar))).equals(tar), name)
  }
})

t.test('a file that changed is named', async (t) => {
  const body = Buffer.alloc(2000, 'body')
  const tar = await collect(writeTar([{ path: path('etc/f'), body }]))
  const records = split(tar)
  const changes: [string, (files: Files) => void, RegExp][] = [
    [
      'one byte',
      (files) => files.bodies.set('etc/f', Buffer.from(body).fill(0, 9, 10)),
      /checksum is [0-9a-f]{16}, .* [0-9a-f]{16}$/,
    ],
    ['shorter', (files) => files.bodies.set('etc/f', body.subarray(1)), /1999 bytes, .* 2000/],
    ['longer', (files) => files.bodies.set('etc/f', Buffer.alloc(2001)), /2001 bytes/],
    ['cut while it is read', (files) => (files.readBytesMax = 0), /ends 2000 bytes early/],
  ]
  for (const [what, change, message] of changes) {
    const files = new Files(tar)
    change(files)
    const expected = {
      name: 'IntegrityError',
      code: 'ERR_FILE_CHECKSUM',
      message,
      details: { entry: 'etc/f' },
    }
    t.throws(() => joined(assembleSync(records, files)), expected, what)
    await t.rejects(collect(assemble(records, files)), expected, what)
    t.equal(files.open_, 0, 'and closed')
  }
  const files = new Files(tar)
  files.bodies.clear()
  t.throws(() => joined(assembleSync(records, files)), /no file etc\/f/)
})

t.test('a record with a size but no checksum is not taken on trust', async (t) => {
  const tar = await collect(writeTar([{ path: path('f'), body: Buffer.from('abc') }]))
  const records: SplitRecord[] = [{ kind: 'file', name: path('f'), sizeBytes: 3 }]
  t.throws(() => joined(assembleSync(records, new Files(tar))), {
    code: 'ERR_FILE_CHECKSUM',
    message: /missing/,
  })
})

t.test('stopping early closes the file', async (t) => {
  const tar = await collect(writeTar([{ path: path('f'), body: Buffer.alloc(5000) }]))
  const files = new Files(tar)
  for (const chunk of assembleSync(split(tar), files, { chunkBytes: 700 })) {
    t.equal(chunk.length, 700)
    if (files.open_ > 0) break
  }
  t.equal(files.open_, 0)
})
