import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import zlib from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import type { LayerJob } from '../../src/archive/layer-job.ts'
import { applyLayerJob } from '../../src/archive/pipeline.ts'
import { LayerPool } from '../../src/archive/pool.ts'
import { layerTar } from '../../src/archive/reassemble.ts'
import { readSplit } from '../../src/archive/split-file.ts'
import { cleanPath } from '../../src/path/byte-path.ts'
import type { FileRecord } from '../../src/tar-split/record.ts'
import type { TarEntryInit } from '../../src/tar/writer.ts'
import { isRoot } from '../support/host.ts'
import { LIMITS, digestOf, jobFor, tarOf } from '../support/layer-jobs.ts'
import {
  block,
  collect,
  extension,
  members,
  padded,
  path as bytePath,
  paxRecords,
  ZERO_BLOCKS,
} from '../support/tars.ts'
import { endNextThread } from '../support/end-thread.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const file = (name: string, body: string | Buffer): TarEntryInit => ({
  path: bytePath(name),
  body: Buffer.from(body),
})

/** The tar out of the directory and its tar-split. */
async function rebuilt(job: LayerJob & { splitPath: string }, tar: Uint8Array): Promise<Buffer> {
  return collect(
    layerTar({
      splitPath: job.splitPath,
      directory: job.directory,
      diffID: digestOf(tar) as never,
    }),
  )
}

async function fileRecords(splitPath: string): Promise<FileRecord[]> {
  const records: FileRecord[] = []
  for await (const record of readSplit(splitPath)) if (record.kind === 'file') records.push(record)
  return records
}

t.test('a layer in, its facts, its directory, and its bytes out', async (t) => {
  const dir = temporaryDirectory(t)
  const body = randomBytes(3_000_000)
  const tar = await tarOf([
    { path: bytePath('d/'), type: 'directory' },
    file('d/big', body),
    file('d/small', 'small'),
    { path: bytePath('s'), type: 'symlink', linkPath: bytePath('d/small') },
    { path: bytePath('h'), type: 'hardlink', linkPath: bytePath('d/small') },
    { path: bytePath('d/.wh.gone') },
  ])
  for (const [compression, blob] of [
    ['none', tar],
    ['gzip', zlib.gzipSync(tar)],
  ] as const) {
    const job = jobFor(dir, blob, { tar, blobDigest: digestOf(blob), padding: 700 })
    t.match(await applyLayerJob(job), {
      diffID: digestOf(tar),
      blobDigest: digestOf(blob),
      compression,
      tarBytes: tar.length,
      entries: 6,
      treeBytes: body.length + 5 + 7,
      headerBytes: body.length + 5,
      rootOpaque: false,
      warnings: [],
    })
    t.ok(fs.readFileSync(path.join(job.directory, 'd/big')).equals(body))
    t.equal(fs.statSync(job.splitPath).mode & 0o7777, 0o644)
    t.ok((await rebuilt(job, tar)).equals(tar))
  }
})

t.test('bytes behind the end of the tar belong to it', async (t) => {
  const dir = temporaryDirectory(t)
  const plain = await tarOf([file('f', 'f')])
  for (const tail of [Buffer.alloc(8192), Buffer.from('garbage'), randomBytes(2_500_000)]) {
    const tar = Buffer.concat([plain, tail])
    const job = jobFor(dir, zlib.gzipSync(tar, { level: 1 }), { tar })
    t.equal((await applyLayerJob(job)).tarBytes, tar.length)
    t.ok((await rebuilt(job, tar)).equals(tar))
  }
  const empty = Buffer.alloc(0)
  const job = jobFor(dir, empty, { tar: empty })
  t.match(await applyLayerJob(job), { entries: 0, tarBytes: 0 })
  t.ok((await rebuilt(job, empty)).equals(empty))
})

t.test('digests are checked before it answers', async (t) => {
  const dir = temporaryDirectory(t)
  const tar = await tarOf([file('f', 'f')])
  const wrong = digestOf(Buffer.from('something else'))
  const blob = zlib.gzipSync(tar)
  const mismatch = { name: 'IntegrityError', code: 'ERR_DIGEST_MISMATCH' }
  await t.rejects(applyLayerJob(jobFor(dir, blob, { diffID: wrong as never })), {
    ...mismatch,
    details: { expected: wrong, actual: digestOf(tar) },
    message: /a test layer.*uncompressed tar/,
  })
  await t.rejects(applyLayerJob(jobFor(dir, blob, { tar, blobDigest: wrong })), {
    ...mismatch,
    details: { expected: wrong, actual: digestOf(blob) },
  })
  await t.rejects(applyLayerJob(jobFor(dir, tar, { tar, blobDigest: wrong })), mismatch)
})

t.test('of a damaged blob with a digest, the digest is what is said', async (t) => {
  const dir = temporaryDirectory(t)
  const tar = await tarOf([file('f', Buffer.alloc(100_000, 'text'))])
  const damaged = zlib.gzipSync(tar)
  const blobDigest = digestOf(damaged)
  damaged[damaged.length >> 1]! ^= 1
  await t.rejects(applyLayerJob(jobFor(dir, damaged, { blobDigest })), {
    code: 'ERR_DIGEST_MISMATCH',
  })
  await t.rejects(applyLayerJob(jobFor(dir, damaged)), { code: /ERR_COMPRESSION|ERR_TAR/ })
  const header = Buffer.from(tar)
  header[3]! ^= 1
  await t.rejects(applyLayerJob(jobFor(dir, header, { tar })), { name: 'ArchiveError' })
  await t.rejects(applyLayerJob(jobFor(dir, tar.subarray(0, 50_000))), {
    code: 'ERR_TAR_TRUNCATED',
  })
})

t.test('bounds', async (t) => {
  const dir = temporaryDirectory(t)
  const tar = await tarOf([file('f', Buffer.alloc(70 << 20))])
  const blob = zlib.gzipSync(tar, { level: 1 })
  const limits = { ...LIMITS, layerBytesMax: 1 << 20 }
  await t.rejects(applyLayerJob(jobFor(dir, blob, { limits })), {
    name: 'LimitError',
    code: 'ERR_EXPANSION_MAX',
    details: { limit: 1 << 20 },
  })
  await t.rejects(applyLayerJob(jobFor(dir, blob, { limits: { ...LIMITS, expansionMax: 100 } })), {
    code: 'ERR_EXPANSION_MAX',
    details: { limit: 100 },
  })
  await t.rejects(applyLayerJob(jobFor(dir, tar, { limits: { ...LIMITS, entriesMax: 0 } })), {
    code: 'ERR_ENTRIES_MAX',
  })
  await t.rejects(applyLayerJob(jobFor(dir, tar, { splitPath: path.join(dir, 'nowhere/x') })), {
    name: 'HostError',
  })
  const sparse = extension(
    'x',
    paxRecords({
      'GNU.sparse.major': '0',
      'GNU.sparse.minor': '1',
      'GNU.sparse.numblocks': '1',
      'GNU.sparse.map': '0,1',
      'GNU.sparse.size': '99999999999',
    }),
  )
  const bomb = Buffer.concat([sparse, block({ name: 's', size: 1 }), padded('x'), ZERO_BLOCKS])
  await t.rejects(applyLayerJob(jobFor(dir, bomb)), { code: 'ERR_EXPANSION_MAX' })
})

t.test('what a directory cannot give back stands in the tar-split', async (t) => {
  const symlink = (name: string, target: string): Buffer => block({ name, type: '2', link: target })
  const plain = (name: string, body: string): Buffer =>
    Buffer.concat([block({ name, size: body.length }), padded(body)])
  const cases: Record<string, Buffer[]> = {
    'one name twice': [plain('f', 'first'), plain('f', 'last')],
    'one name twice, same bytes': [plain('f', 'same'), plain('f', 'same')],
    'one name in two spellings': [plain('f', 'first'), plain('./f', 'second'), plain('g', 'g')],
    'a file that a directory replaces': [
      plain('d', 'file'),
      block({ name: 'd/', type: '5' }),
      plain('d/f', 'in it'),
    ],
    'a directory that a file replaces': [
      plain('d/f', 'in it'),
      plain('d/g', 'too'),
      plain('d', 'file'),
    ],
    'a file that a symlink replaces': [plain('a', 'kept'), plain('f', 'gone'), symlink('f', 'a')],
    'a directory that a symlink replaces': [
      plain('d/f', 'gone'),
      plain('e/f', 'else'),
      symlink('d', 'e'),
    ],
    'a name through a symlink': [
      block({ name: 'usr/lib/', type: '5' }),
      symlink('lib', '/usr/lib'),
      plain('lib/f', 'f'),
    ],
    'two names for one place': [
      plain('usr/lib/f', 'first'),
      symlink('lib', 'usr/lib'),
      plain('lib/f', 'last'),
    ],
    'a whiteout with a body': [plain('.wh.f', 'body'), plain('.wh..wh..opq', 'body')],
    'AUFS leftovers': [plain('.wh..wh.plnk/1.2', 'body')],
    'the top as a file': [plain('./', 'body')],
    'a sparse file': [
      extension(
        'x',
        paxRecords({
          'GNU.sparse.major': '0',
          'GNU.sparse.minor': '1',
          'GNU.sparse.name': 's',
          'GNU.sparse.numblocks': '1',
          'GNU.sparse.map': '4096,3',
          'GNU.sparse.size': '8192',
        }),
      ),
      plain('GNUSparseFile.1/s', 'abc'),
    ],
    'two global headers': [
      extension('g', paxRecords({ comment: 'a' }), 'pax_global_header'),
      plain('f', 'f'),
      extension('g', paxRecords({ comment: 'b' }), 'pax_global_header'),
    ],
  }
  for (const [name, parts] of Object.entries(cases)) {
    const dir = temporaryDirectory(t)
    const tar = Buffer.concat([...parts, ZERO_BLOCKS])
    const job = jobFor(dir, tar, { tar })
    await applyLayerJob(job)
    t.ok((await rebuilt(job, tar)).equals(tar), name)
    const names = (await fileRecords(job.splitPath)).map((record) => cleanPath(record.name).path)
    t.same(names, [...new Set(names)], `${name}: docker can read it too`)
  }
})

t.test('changes to the directory are noticed', async (t) => {
  const dir = temporaryDirectory(t)
  const tar = await tarOf([file('f', 'content'), file('g', 'other')])
  for (const [change, code] of [
    [(layer: string) => fs.writeFileSync(path.join(layer, 'f'), 'CONTENT'), 'ERR_FILE_CHECKSUM'],
    [
      (layer: string) => fs.writeFileSync(path.join(layer, 'f'), 'longer than before'),
      'ERR_FILE_CHECKSUM',
    ],
    [(layer: string) => fs.rmSync(path.join(layer, 'g')), 'ERR_STORE_CORRUPT'],
    [
      (layer: string) => (fs.rmSync(path.join(layer, 'g')), fs.mkdirSync(path.join(layer, 'g'))),
      'ERR_STORE_CORRUPT',
    ],
    [
      (layer: string) => (
        fs.rmSync(path.join(layer, 'g')),
        fs.symlinkSync('/etc/hostname', path.join(layer, 'g'))
      ),
      'ERR_STORE_CORRUPT',
    ],
  ] as const) {
    const job = jobFor(dir, tar, { tar })
    await applyLayerJob(job)
    change(job.directory)
    await t.rejects(rebuilt(job, tar), { code })
  }
  const job = jobFor(dir, tar, { tar })
  await applyLayerJob(job)
  await t.rejects(rebuilt(job, Buffer.from('another tar')), { code: 'ERR_DIGEST_MISMATCH' })
  fs.writeFileSync(job.splitPath, zlib.gzipSync('{"type":3}\n'))
  await t.rejects(rebuilt(job, tar), { code: 'ERR_SPLIT_CORRUPT' })
  fs.writeFileSync(job.splitPath, 'no gzip at all')
  await t.rejects(rebuilt(job, tar), { code: 'ERR_SPLIT_CORRUPT' })
})

t.test('any tar of any members comes out as it went in', async (t) => {
  const dir = temporaryDirectory(t)
  // What is refused is refused for a reason of its own test; devices as an ordinary user's form has them.
  const usable = members.map((entries) =>
    entries.filter(({ type, path: name, linkPath }) => {
      if (type === 'hardlink' || (type === 'symlink' && linkPath === '')) return false
      if (type === 'char' && isRoot) return false
      return !name.split('/').some((part) => part.startsWith('.wh.') || part.length > 200)
    }),
  )
  await fc.assert(
    fc.asyncProperty(usable, async (entries) => {
      const tar = await tarOf(entries)
      const job = jobFor(dir, tar, { tar, form: isRoot ? 'trusted' : jobForm(dir) })
      try {
        await applyLayerJob(job)
      } catch (error) {
        // A file with entries below it: no order of them is a tree.
        if ((error as { code?: string }).code === 'ERR_TAR_HEADER') return
        throw error
      }
      if (!(await rebuilt(job, tar)).equals(tar)) throw new Error('other bytes')
      fs.rmSync(job.directory, { recursive: true })
    }),
    { numRuns: 60 },
  )
  t.pass()
})

function jobForm(dir: string): LayerJob['form'] {
  return jobFor(dir, Buffer.alloc(0)).form
}

t.test('the pool: side by side, in threads and without', async (t) => {
  const dir = temporaryDirectory(t)
  await using pool = new LayerPool({ workers: 2 })
  const tars = await Promise.all(
    [10, 5_000_000, 6_000_000, 20, 7_000_000].map((size, i) =>
      tarOf([file(`f${i}`, randomBytes(size))]),
    ),
  )
  const jobs = tars.map((tar) => jobFor(dir, tar, { tar }))
  const seen: number[] = []
  const results = await Promise.all(
    jobs.map((job) => pool.run(job, { onProgress: (bytes) => seen.push(bytes) })),
  )
  t.same(
    results.map((result) => result.diffID),
    tars.map(digestOf),
  )
  t.ok(seen.length > 0)
  for (const [i, job] of jobs.entries()) t.ok((await rebuilt(job, tars[i]!)).equals(tars[i]!))
})

t.test('the pool: errors keep their class, and the thread goes on', async (t) => {
  const dir = temporaryDirectory(t)
  await using pool = new LayerPool({ workers: 1 })
  const tar = await tarOf([file('f', randomBytes(5_000_000))])
  const wrong = digestOf(Buffer.from('x'))
  await t.rejects(pool.run(jobFor(dir, tar, { diffID: wrong as never })), {
    name: 'IntegrityError',
    code: 'ERR_DIGEST_MISMATCH',
    details: { expected: wrong },
  })
  const escape = Buffer.concat([block({ name: '../x' }), tar])
  await t.rejects(pool.run(jobFor(dir, escape)), {
    name: 'UnsafePathError',
    code: 'ERR_PATH_ESCAPE',
  })
  t.match(await pool.run(jobFor(dir, tar, { tar })), { diffID: digestOf(tar) })
})

t.test('the pool: a thread that ends without a word fails its job and no other', async (t) => {
  const dir = temporaryDirectory(t)
  await using pool = new LayerPool({ workers: 1 })
  const tar = await tarOf([file('f', randomBytes(5_000_000))])
  let thread = endNextThread()
  await t.rejects(pool.run(jobFor(dir, tar)), {
    name: 'HostError',
    message: /^cannot load .*: the thread for it ended without an answer/,
  })
  thread = new Promise((resolve) => process.once('worker', resolve))
  t.match(await pool.run(jobFor(dir, tar, { tar })), { diffID: digestOf(tar) })
  // Between two jobs: it must not be given the next.
  await (await thread).terminate()
  t.match(await pool.run(jobFor(dir, tar, { tar })), { diffID: digestOf(tar) })
})

t.test(
  'the pool: an abort ends a job soon, with its reason, and nothing writes any more',
  async (t) => {
    const dir = temporaryDirectory(t)
    await using pool = new LayerPool({ workers: 1 })
    const tar = await tarOf(
      Array.from({ length: 60 }, (_, i) => file(`f${i}`, Buffer.alloc(1 << 20, i))),
    )
    const controller = new AbortController()
    const reason = new Error('enough')
    const job = jobFor(dir, tar, { tar })
    const run = pool.run(job, {
      signal: controller.signal,
      onProgress: () => controller.abort(reason),
    })
    const queued = pool.run(jobFor(dir, tar, { tar }), { signal: controller.signal })
    setTimeout(() => controller.abort(reason), 50)
    const ended = await run.then(
      () => 'done',
      (error: unknown) => error,
    )
    if (ended !== 'done') {
      t.equal(ended, reason)
      t.ok(fs.readdirSync(job.directory).length < 60)
    }
    await t.rejects(queued, reason)
    await t.rejects(pool.run(job, { signal: controller.signal }), reason)
    const again = jobFor(dir, tar, { tar })
    t.match(await pool.run(again), { diffID: digestOf(tar) })
    await pool.close()
    await t.rejects(pool.run(again), /closed/)
  },
)
