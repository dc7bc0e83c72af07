// `shale save` as its user sees it: what comes out is what went in, and a file appears whole or not at all.

import { execFileSync, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { readDockerArchive, sha256 } from '../support/archive-layers.ts'
import { MAIN, cleanEnvironment, startShale } from '../support/cli.ts'
import { unless } from '../support/host.ts'
import { buildImage, dockerArchive25, packed, smallImage } from '../support/image.ts'
import { shaleInProcess } from '../support/in-process.ts'
import { file, layerTar } from '../support/layer.ts'
import { fixtureStore, IMAGES, REGISTRY_DIGEST } from '../support/store-fixture.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const image = smallImage()
const other = buildImage([image.layers[0]!, layerTar(file('other', 'x'))])
const dir = temporaryDirectory(t)
const root = path.join(dir, 'root')

t.before(async () => {
  const stdin = packed(
    dockerArchive25([
      { image, tags: ['app:1', 'app:2'] },
      { image: other, tags: ['other:1'] },
    ]),
  )
  const done = await shaleInProcess(['load', '-q'], { root, stdin })
  if (done.code !== 0) throw new Error(done.stderr)
})

t.test('to a file', { skip: unless({ programs: ['tar'] }) }, async (t) => {
  const out = path.join(temporaryDirectory(t), 'out.tar')
  const done = await shaleInProcess(['save', '-o', out, 'app:1', 'other:1'], { root })
  t.equal(done.code, 0, done.stderr)
  t.equal(done.stdout, '')
  t.equal(fs.statSync(out).mode & 0o777, 0o600)
  t.same(fs.readdirSync(path.dirname(out)), ['out.tar'], 'nothing is left beside it')
  const saved = readDockerArchive(out)
  t.same(
    new Map(saved.map((one) => [one.tags.join(), one.layers])),
    new Map([
      ['app:1', image.diffIDs],
      ['other:1', other.diffIDs],
    ]),
  )
})

t.test('to a pipe: the same bytes, twice', async (t) => {
  const first = await shaleInProcess(['save', 'app'], { root })
  const second = await shaleInProcess(['image', 'save', 'app'], { root })
  t.equal(first.code, 0, first.stderr)
  t.ok(first.stdoutBytes.equals(second.stdoutBytes))
  const copy = path.join(temporaryDirectory(t), 'root')
  const loaded = await shaleInProcess(['load', '-q'], { root: copy, stdin: first.stdoutBytes })
  t.equal(loaded.stdout, 'Loaded image: app:1\nLoaded image: app:2\n', 'a bare name means all tags')
})

t.test(
  'by digest: without a name, as docker',
  { skip: unless({ programs: ['tar'] }) },
  async (t) => {
    const fixture = await fixtureStore(t)
    const out = path.join(temporaryDirectory(t), 'out.tar')
    for (const name of [`base@${REGISTRY_DIGEST}`, `base:1@${REGISTRY_DIGEST}`]) {
      const done = await shaleInProcess(['save', '-o', out, name], fixture)
      t.equal(done.code, 0, done.stderr)
      t.same(
        readDockerArchive(out).map(({ tags, layers }) => ({ tags, layers })),
        [{ tags: [], layers: IMAGES.base.diffIDs }],
      )
    }
  },
)

t.test('in OCI’s shapes', { skip: unless({ programs: ['tar'] }) }, async (t) => {
  const work = temporaryDirectory(t)
  const layout = path.join(work, 'layout')
  t.equal(
    (await shaleInProcess(['save', '--format', 'oci-dir', '-o', layout, 'app:1'], { root })).code,
    0,
  )
  const archive = path.join(work, 'oci.tar')
  t.equal(
    (await shaleInProcess(['save', '--format', 'oci-archive', '-o', archive, 'app:1'], { root }))
      .code,
    0,
  )
  const unpacked = path.join(work, 'unpacked')
  fs.mkdirSync(unpacked)
  execFileSync('tar', ['-xf', archive, '-C', unpacked])
  for (const where of [layout, unpacked]) {
    for (const name of ['oci-layout', 'index.json']) t.ok(fs.existsSync(path.join(where, name)))
    const blobs = fs.readdirSync(path.join(where, 'blobs/sha256'))
    for (const blob of blobs) {
      t.equal(sha256(fs.readFileSync(path.join(where, 'blobs/sha256', blob))), `sha256:${blob}`)
    }
    for (const diffID of image.diffIDs) t.ok(blobs.includes(diffID.slice(7)), diffID)
  }
  t.notOk(fs.existsSync(path.join(layout, 'manifest.json')), 'no docker manifest in a layout')
})

t.test(
  'replaces a file at the end, through a symbolic link too',
  { skip: unless({ programs: ['tar'] }) },
  async (t) => {
    const work = temporaryDirectory(t)
    const out = path.join(work, 'out.tar')
    const link = path.join(work, 'link.tar')
    fs.writeFileSync(out, 'before')
    fs.symlinkSync('out.tar', link)
    t.equal((await shaleInProcess(['save', '-o', link, 'app:1'], { root })).code, 0)
    t.ok(fs.lstatSync(link).isSymbolicLink())
    t.same(readDockerArchive(out)[0]?.layers, image.diffIDs)
  },
)

t.test('a failure half way leaves the old file and no other', async (t) => {
  const work = temporaryDirectory(t)
  const broken = path.join(work, 'root')
  const stdin = packed(dockerArchive25([{ image: other, tags: ['other:1'] }]))
  await shaleInProcess(['load', '-q'], { root: broken, stdin })
  const victim = findFile(path.join(broken, 'overlay2'), 'other')
  fs.writeFileSync(victim, 'y')
  const out = path.join(work, 'out.tar')
  fs.writeFileSync(out, 'before')
  const done = await shaleInProcess(['save', '-o', out, 'other:1'], { root: broken })
  t.equal(done.code, 12)
  t.match(done.stderr, /other/)
  t.equal(fs.readFileSync(out, 'utf8'), 'before')
  t.same(fs.readdirSync(work).sort(), ['out.tar', 'root'])
})

t.test('an abort leaves no file', async (t) => {
  const work = temporaryDirectory(t)
  const abort = new AbortController()
  const out = path.join(work, 'out.tar')
  const running = shaleInProcess(['save', '-o', out, 'app:1'], { root, signal: abort.signal })
  abort.abort(new Error('enough'))
  t.not((await running).code, 0)
  t.same(fs.readdirSync(work), [])
})

t.test(
  'to a device and to a FIFO: written to, not replaced',
  { skip: unless({ programs: ['mkfifo', 'tar'] }) },
  async (t) => {
    t.equal((await shaleInProcess(['save', '-o', '/dev/null', 'app:1'], { root })).code, 0)
    t.ok(fs.statSync('/dev/null').isCharacterDevice())
    const work = temporaryDirectory(t)
    const fifo = path.join(work, 'fifo')
    execFileSync('mkfifo', [fifo])
    const running = startShale(['--root', root, 'save', '-o', fifo, 'app:1'])
    const bytes = await fs.promises.readFile(fifo)
    t.equal((await running.done).code, 0)
    const archive = path.join(work, 'archive.tar')
    fs.writeFileSync(archive, bytes)
    t.same(readDockerArchive(archive)[0]?.layers, image.diffIDs)
    t.ok(fs.statSync(fifo).isFIFO())
  },
)

t.test(
  'a reader that closes the pipe ends it quietly',
  { skip: unless({ programs: ['bash'] }) },
  async (t) => {
    // More than a pipe holds, or the writer would be done before the reader is gone.
    const big = buildImage([layerTar(file('big', Buffer.alloc(4 << 20, 7)))])
    const stdin = packed(dockerArchive25([{ image: big, tags: ['big:1'] }]))
    const own = path.join(temporaryDirectory(t), 'root')
    await shaleInProcess(['load', '-q'], { root: own, stdin })
    const command = `'${process.execPath}' '${MAIN}' --root '${own}' save big:1 | head -c 10 >/dev/null; echo "\${PIPESTATUS[0]}"`
    const done = spawnSync('bash', ['-c', command], { env: cleanEnvironment(), encoding: 'utf8' })
    t.equal(done.stderr, '')
    t.equal(done.stdout, '141\n')
  },
)

t.test('a terminal on stderr sees the layers go by; nobody else does', async (t) => {
  const silent = await shaleInProcess(['save', 'app:1'], { root })
  t.equal(silent.stderr, '')
  const watched = await shaleInProcess(['save', 'app:1'], { root, terminal: { stderr: true } })
  for (const diffID of image.diffIDs)
    t.match(watched.stderr, `${diffID.slice(7, 19)}: Saving layer`)
  t.ok(watched.stdoutBytes.equals(silent.stdoutBytes))
  const quiet = await shaleInProcess(['--quiet', 'save', 'app:1'], {
    root,
    terminal: { stderr: true },
  })
  t.equal(quiet.stderr, '')
})

t.test('--json says what was written where', async (t) => {
  const out = path.join(temporaryDirectory(t), 'out.tar')
  const done = await shaleInProcess(['--json', 'save', '-o', out, 'app:1'], { root })
  t.same(JSON.parse(done.stdout), { output: out, format: 'docker-archive', images: ['app:1'] })
})

function findFile(from: string, name: string): string {
  const names = fs.readdirSync(from, { recursive: true, encoding: 'utf8' })
  const found = names.find((each) => path.basename(each) === name)
  if (found === undefined) throw new Error(`${name} is not below ${from}`)
  return path.join(from, found)
}
