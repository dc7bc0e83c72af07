import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import zlib from 'node:zlib'
import t from 'tap'
import {
  type Compression,
  compressionOf,
  decompressed,
  sniffCompression,
  takesMuchMemory,
} from '../../src/archive/decompress.ts'
import { unzstd } from '../../src/archive/unzstd.ts'
import { has } from '../support/host.ts'
import { collect } from '../support/tars.ts'
import { temporaryDirectory } from '../support/temporary.ts'

/** Some that compresses and some that does not: random, zeros, text. */
const PLAIN = Buffer.concat([
  randomBytes(700_000),
  Buffer.alloc(300_000),
  Buffer.from('layer '.repeat(50_000)),
])

function through(program: string, input: Buffer): Buffer {
  const done = spawnSync(program, ['-c'], { input, maxBuffer: 1 << 28 })
  if (done.status !== 0) throw new Error(`${program} failed: ${done.stderr.toString()}`)
  return done.stdout
}

const KINDS: readonly {
  kind: Compression
  program: string
  pack: (input: Buffer) => Buffer
  skip: string | false
}[] = [
  { kind: 'none', program: 'none', pack: (input) => input, skip: false },
  { kind: 'gzip', program: 'zlib', pack: (input) => zlib.gzipSync(input), skip: false },
  ...(['zstd', 'bzip2', 'xz'] as const).map((program) => ({
    kind: program,
    program,
    pack: (input: Buffer) => through(program, input),
    skip: has(program) ? (false as const) : `needs ${program}`,
  })),
]

async function unpack(
  t: { teardown(callback: () => void): unknown },
  bytes: Buffer,
): Promise<{ kind: Compression; out: Buffer; seen: Buffer }> {
  const file = path.join(temporaryDirectory(t), 'blob')
  fs.writeFileSync(file, Buffer.concat([Buffer.from('before'), bytes, Buffer.from('behind')]))
  const range = { file, offset: 6, sizeBytes: bytes.length }
  const seen: Buffer[] = []
  const kind = await compressionOf(range)
  const out = await collect(
    decompressed(range, kind, (chunk) => void seen.push(Buffer.from(chunk)), 'the test blob'),
  )
  return { kind, out, seen: Buffer.concat(seen) }
}

for (const { kind, program, pack, skip } of KINDS) {
  t.test(`${kind}: there and back`, { skip }, async (t) => {
    const packed = pack(PLAIN)
    const result = await unpack(t, packed)
    t.equal(result.kind, kind)
    t.ok(result.out.equals(PLAIN), `what ${program} packed`)
    t.ok(result.seen.equals(packed), 'every compressed byte was shown')
    const empty = await unpack(t, pack(Buffer.alloc(0)))
    t.equal(empty.out.length, 0)
  })

  if (kind === 'none') continue
  t.test(`${kind}: several streams one after the other`, { skip }, async (t) => {
    const parts = [PLAIN.subarray(0, 900_000), Buffer.from('x'), PLAIN.subarray(900_000)]
    const packed = Buffer.concat(parts.map(pack))
    const { out, seen } = await unpack(t, packed)
    t.ok(out.equals(Buffer.concat(parts)))
    t.equal(seen.length, packed.length)
  })

  t.test(`${kind}: cut short`, { skip }, async (t) => {
    const packed = pack(PLAIN)
    for (const length of [packed.length - 1, packed.length - 9, packed.length >> 1, 20]) {
      await t.rejects(
        unpack(t, packed.subarray(0, length)),
        {
          name: 'ArchiveError',
          code: 'ERR_COMPRESSION',
          message: /the test blob.*damaged or incomplete/,
        },
        `${length}`,
      )
    }
  })

  t.test(`${kind}: a wrong byte`, { skip }, async (t) => {
    const packed = pack(Buffer.from('text that compresses '.repeat(5000)))
    const wrong = Buffer.from(packed)
    // fzstd has no checksums: what it makes of this is caught by the diffID.
    if (kind === 'zstd') wrong[5] = 0xff
    else wrong[packed.length >> 1]! ^= 0xff
    try {
      const { out } = await unpack(t, wrong)
      t.notOk(out.equals(Buffer.from('text that compresses '.repeat(5000))))
    } catch (error) {
      t.match(error, { code: /ERR_COMPRESSION|ERR_EXPANSION_MAX/ })
    }
  })
}

t.test('gzip: members that end where a chunk of input ends', async (t) => {
  const first = zlib.gzipSync(randomBytes(1 << 20), { level: 0 })
  const fill = zlib.gzipSync(Buffer.alloc(0))
  // Stored blocks: the size is known, and a name in the header makes it a MiB to the byte.
  const size = 2 << 20
  const body = randomBytes(size - first.length - 400)
  let second = zlib.gzipSync(body, { level: 0 })
  const extra = size - first.length - second.length
  t.ok(extra > 1)
  const flags = Buffer.from(second.subarray(0, 10))
  flags[3] = 8
  second = Buffer.concat([
    flags,
    Buffer.alloc(extra - 1, 0x6e),
    Buffer.alloc(1),
    second.subarray(10),
  ])
  const packed = Buffer.concat([first, second, fill, zlib.gzipSync('tail')])
  t.equal(first.length + second.length, size)
  const { out } = await unpack(t, packed)
  t.ok(out.equals(Buffer.concat([zlib.gunzipSync(first), body, Buffer.from('tail')])))
})

t.test('gzip: zero padding is read over, other bytes behind are not', async (t) => {
  const packed = zlib.gzipSync(PLAIN)
  for (const zeros of [1, 511, 3 << 20]) {
    const { out, seen } = await unpack(t, Buffer.concat([packed, Buffer.alloc(zeros)]))
    t.ok(out.equals(PLAIN))
    t.equal(seen.length, packed.length + zeros)
  }
  await t.rejects(unpack(t, Buffer.concat([packed, Buffer.from('garbage behind')])), {
    code: 'ERR_COMPRESSION',
  })
})

t.test('gzip: a reader that goes away leaves nothing open', async (t) => {
  const file = path.join(temporaryDirectory(t), 'blob')
  fs.writeFileSync(file, zlib.gzipSync(Buffer.alloc(64 << 20)))
  const range = { file, offset: 0, sizeBytes: fs.statSync(file).size }
  for await (const chunk of decompressed(range, 'gzip')) {
    t.ok(chunk.length > 0)
    break
  }
  const open = fs.readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return fs.readlinkSync(`/proc/self/fd/${fd}`) === file
    } catch {
      return false
    }
  })
  t.same(open, [])
})

t.test(
  'zstd where neither Node nor the system has it',
  { skip: has('zstd') ? false : 'needs zstd' },
  async (t) => {
    const packed = through('zstd', PLAIN)
    async function* pieces(): AsyncGenerator<Uint8Array> {
      // One buffer again and again, as the range reader has it.
      const buffer = Buffer.alloc(100_000)
      for (let at = 0; at < packed.length; at += buffer.length) {
        yield buffer.subarray(0, packed.copy(buffer, 0, at, at + buffer.length))
      }
    }
    t.ok((await collect(unzstd(pieces(), { openZstd: () => undefined }))).equals(PLAIN))
  },
)

t.test('a zstd frame that wants too much memory', async (t) => {
  const file = path.join(temporaryDirectory(t), 'blob')
  const frame = (window: number): Buffer =>
    Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, window << 3, 1, 0, 0])
  const unpacked = (bytes: Buffer, options: { windowBytesMax?: number } = {}): Promise<Buffer> => {
    fs.writeFileSync(file, bytes)
    const range = { file, offset: 0, sizeBytes: bytes.length }
    return collect(decompressed(range, 'zstd', undefined, 'the blob', options))
  }
  const tooMuch = { code: 'ERR_EXPANSION_MAX', message: /needs \d+ bytes of memory.*level 19/ }
  await t.rejects(unpacked(frame(18)), { ...tooMuch, details: { limit: 1 << 27 } })
  t.equal((await unpacked(frame(17))).length, 0)
  await t.rejects(unpacked(Buffer.concat([frame(17), frame(18)])), tooMuch, 'in any frame')
  const small = { windowBytesMax: 8 << 20 }
  await t.rejects(unpacked(frame(14), small), {
    ...tooMuch,
    details: { actual: 16 << 20, limit: 8 << 20 },
  })
  t.equal((await unpacked(frame(13), small)).length, 0)
})

t.test('which blobs take much memory', async (t) => {
  const file = path.join(temporaryDirectory(t), 'blob')
  const wants = (bytes: Buffer): boolean => {
    fs.writeFileSync(file, Buffer.concat([Buffer.from('before'), bytes]))
    return takesMuchMemory({ file, offset: 6, sizeBytes: bytes.length })
  }
  const frame = (window: number): Buffer =>
    Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, window << 3, 1, 0, 0])
  const skippable = (length: number): Buffer => {
    const head = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0])
    head.writeUInt32LE(length, 4)
    return Buffer.concat([head, Buffer.alloc(length)])
  }
  t.ok(wants(frame(14)))
  t.notOk(wants(frame(13)))
  t.ok(wants(Buffer.concat([skippable(1000), frame(14)])))
  t.notOk(wants(Buffer.concat([skippable(1000), frame(13)])))
  t.ok(
    wants(Buffer.concat([skippable(70_000), frame(13)])),
    'nobody knows: it stands too far behind',
  )
  t.notOk(wants(skippable(100)))
  t.notOk(wants(zlib.gzipSync(PLAIN)))
  t.ok(wants(Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 0, 0])), 'xz')
  t.notOk(wants(Buffer.alloc(0)))
  t.notOk(wants(Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0])))
  t.notOk(takesMuchMemory({ file: `${file}-missing`, offset: 0, sizeBytes: 100 }))
})

t.test('magic numbers', async (t) => {
  t.equal(sniffCompression(Buffer.from([0x1f, 0x8b, 8])), 'gzip')
  t.equal(sniffCompression(Buffer.from([0x1f, 0x8b])), 'none')
  t.equal(sniffCompression(Buffer.from([0x28, 0xb5, 0x2f, 0xfd])), 'zstd')
  t.equal(sniffCompression(Buffer.from([0x5e, 0x2a, 0x4d, 0x18])), 'zstd')
  t.equal(sniffCompression(Buffer.from('BZh9')), 'bzip2')
  t.equal(sniffCompression(Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0])), 'xz')
  t.equal(sniffCompression(Buffer.from('etc/')), 'none')
  t.equal(sniffCompression(Buffer.alloc(0)), 'none')
})

t.test('a file that is shorter than the range', async (t) => {
  const file = path.join(temporaryDirectory(t), 'blob')
  fs.writeFileSync(file, 'short')
  await t.rejects(collect(decompressed({ file, offset: 0, sizeBytes: 10 }, 'none')), {
    code: 'ERR_TAR_TRUNCATED',
    details: { missing: 5 },
  })
  await t.rejects(
    collect(decompressed({ file: `${file}-missing`, offset: 0, sizeBytes: 10 }, 'none')),
    { name: 'HostError' },
  )
})

const noZstd = has('zstd') ? false : 'needs zstd'
t.test('zstd: frames of every size, skippable ones between', { skip: noZstd }, async (t) => {
  const skippable = Buffer.from([0x5e, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3])
  const parts = [1, 0, 5000, 1 << 20, 70_000].map((length) => randomBytes(length))
  const frames = parts.flatMap((part) => [through('zstd', part), skippable])
  const small = through('zstd', Buffer.from('small '))
  const many = Array.from({ length: 500 }, () => small)
  const wanted = Buffer.concat([...parts, Buffer.from('small '.repeat(500))])
  const packed = Buffer.concat([skippable, ...frames, ...many])
  const { out, seen } = await unpack(t, packed)
  t.ok(out.equals(wanted))
  t.equal(seen.length, packed.length)
  for (const behind of [Buffer.alloc(1024), small.subarray(0, -1), skippable.subarray(0, 9)]) {
    await t.rejects(
      unpack(t, Buffer.concat([packed, behind])),
      { code: 'ERR_COMPRESSION' },
      `${behind.length} bytes of no whole frame behind`,
    )
  }
  await t.rejects(unpack(t, Buffer.concat([...frames, Buffer.from('garbage')])), {
    code: 'ERR_COMPRESSION',
  })
})
