import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { LayerApplier } from '../../src/archive/apply.ts'
import { packDirectory } from '../../src/archive/pack.ts'
import { pathFromText, pathText } from '../../src/path/byte-path.ts'
import { probeForm } from '../../src/sys/probe.ts'
import { setXattr } from '../../src/sys/xattr.ts'
import { TarParser } from '../../src/tar/parser.ts'
import { has, isRoot } from '../support/host.ts'
import { collect, parse } from '../support/tars.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { compareTrees, readTree } from '../support/tree.ts'

const form = probeForm('/var/tmp')
const xattrs = form === 'none' ? 'needs user.* attributes' : false

/** A tree of everything that this user can make, with odd names, modes and times. */
function makeTree(root: string): void {
  fs.mkdirSync(path.join(root, 'dir/sub'), { recursive: true })
  fs.mkdirSync(path.join(root, 'empty'))
  fs.writeFileSync(path.join(root, 'dir/file'), 'content')
  fs.writeFileSync(path.join(root, 'dir-sibling'), '')
  fs.writeFileSync(path.join(root, 'dir/sub/big'), Buffer.alloc(3_000_000, 'big'))
  fs.writeFileSync(path.join(root, `dir/${'long'.repeat(60)}`), 'long')
  fs.writeFileSync(Buffer.from(path.join(root, 'dir/caf\xe9'), 'latin1'), 'latin1')
  fs.linkSync(path.join(root, 'dir/file'), path.join(root, 'hardlink'))
  fs.symlinkSync('../dir/file', path.join(root, 'dir/symlink'))
  fs.linkSync(path.join(root, 'dir/symlink'), path.join(root, 'linked-symlink'))
  execFileSync('mkfifo', [path.join(root, 'fifo')])
  fs.chmodSync(path.join(root, 'dir/file'), 0o4751)
  fs.chmodSync(path.join(root, 'empty'), 0o1777)
  let seconds = 1_000_000_000
  const visit = (place: string): void => {
    for (const entry of fs.readdirSync(place, { withFileTypes: true, encoding: 'buffer' })) {
      const each = Buffer.concat([Buffer.from(`${place}/`, 'latin1'), entry.name]).toString(
        'latin1',
      )
      if (entry.isDirectory()) visit(each)
      fs.lutimesSync(Buffer.from(each, 'latin1'), seconds, seconds)
      seconds += 1000
    }
  }
  visit(root)
}

async function apply(tar: AsyncIterable<Uint8Array>, directory: string): Promise<void> {
  fs.mkdirSync(directory)
  const applier = new LayerApplier(directory, form === 'trusted' ? 'trusted' : 'none')
  const handler = {
    raw: () => {},
    entry: applier.entry.bind(applier),
    body: applier.body.bind(applier),
    bodyEnd: applier.bodyEnd.bind(applier),
    globalHeader: () => {},
  }
  const parser = new TarParser(handler)
  for await (const chunk of tar) parser.write(chunk)
  parser.end()
  applier.finish()
}

/** The root's own entry is nobody's: a layer does not carry it. Owners and special bits are root's to set. */
function read(root: string): Map<string, object> {
  const tree = new Map<string, object>(readTree(root))
  tree.delete('')
  return tree
}

t.test('packed and unpacked, a tree is what it was', async (t) => {
  const dir = temporaryDirectory(t)
  const source = path.join(dir, 'source')
  fs.mkdirSync(source)
  makeTree(source)
  if (!isRoot) {
    // Special bits are kept by root's form alone, and a file of one's own must stay readable.
    fs.chmodSync(path.join(source, 'dir/file'), 0o751)
    fs.chmodSync(path.join(source, 'empty'), 0o777)
  }
  if (!xattrs)
    setXattr(
      path.join(source, 'dir/file'),
      'user.bytes',
      Uint8Array.from({ length: 256 }, (_, i) => i),
    )
  if (form === 'trusted') {
    fs.lchownSync(path.join(source, 'dir/symlink'), 5, 6)
    fs.chownSync(path.join(source, 'dir/sub'), 1000, 1000)
    execFileSync('mknod', [path.join(source, 'null'), 'c', '1', '3'])
    fs.utimesSync(path.join(source, 'null'), 5, 5)
  }
  await apply(packDirectory(source), path.join(dir, 'target'))
  t.same(compareTrees(read(path.join(dir, 'target')), read(source)), [])
})

t.test('equal trees give equal bytes, in byte order of names', async (t) => {
  const dir = temporaryDirectory(t)
  const source = path.join(dir, 'source')
  fs.mkdirSync(source)
  makeTree(source)
  const tar = await collect(packDirectory(source))
  t.ok(tar.equals(await collect(packDirectory(source))))
  const names = parse(tar).headers.map((header) => header.path.replace(/\/$/, ''))
  for (const parent of new Set(names.map((name) => path.dirname(name)))) {
    const siblings = names.filter((name) => path.dirname(name) === parent)
    t.same(siblings, [...siblings].sort())
  }
})

t.test('prefix, owner, filter, times', async (t) => {
  const dir = temporaryDirectory(t)
  fs.mkdirSync(path.join(dir, 'a/b'), { recursive: true })
  fs.writeFileSync(path.join(dir, 'a/b/f'), 'f')
  fs.writeFileSync(path.join(dir, 'skipped'), '')
  fs.utimesSync(path.join(dir, 'a/b/f'), 3000, 2000.25)
  const tar = await collect(
    packDirectory(dir, {
      prefix: '/opt/app/',
      owner: { uid: 0, gid: 5 },
      sourceDateEpoch: 2500,
      filter: (each) => pathText(each) !== 'skipped',
    }),
  )
  const { headers } = parse(tar)
  t.same(
    headers.map((header) => header.path),
    ['opt/', 'opt/app/', 'opt/app/a/', 'opt/app/a/b/', 'opt/app/a/b/f'],
  )
  t.ok(headers.every((header) => header.uid === 0 && header.mtimeNs <= 2_500_000_000_000n))
  t.match(headers.at(-1), { gid: 5, mtimeNs: 2_000_000_000_000n, sizeBytes: 1 })
  const exact = parse(await collect(packDirectory(dir, { nanoseconds: true }))).headers
  t.equal(
    exact.find((header) => header.path === pathFromText('a/b/f'))?.mtimeNs,
    2_000_250_000_000n,
  )
})

t.test('sockets are left out, with a warning', async (t) => {
  const dir = temporaryDirectory(t)
  const { createServer } = await import('node:net')
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(path.join(dir, 's'), resolve))
  const warnings: unknown[] = []
  const tar = await collect(packDirectory(dir, { onWarning: (warning) => warnings.push(warning) }))
  server.close()
  t.same(parse(tar).headers, [])
  t.match(warnings, [{ code: 'socket-skipped', entry: 's', count: 1 }])
})

t.test('a directory that is not there', async (t) => {
  await t.rejects(collect(packDirectory('/nowhere/at/all')), {
    name: 'HostError',
    details: { errno: 'ENOENT' },
  })
})

const gnuTar =
  has('tar') && /GNU tar/.test(execFileSync('tar', ['--version'], { encoding: 'utf8' }))
    ? false
    : 'needs GNU tar'

t.test('unpacks what GNU tar packs as GNU tar unpacks it', { skip: gnuTar }, async (t) => {
  const dir = temporaryDirectory(t)
  const source = path.join(dir, 'source')
  fs.mkdirSync(source)
  makeTree(source)
  const sparse = fs.openSync(path.join(source, 'sparse'), 'w')
  fs.writeSync(sparse, 'data', 1_000_000)
  fs.ftruncateSync(sparse, 5_000_000)
  fs.closeSync(sparse)
  if (!xattrs) setXattr(path.join(source, 'dir/file'), 'user.a', Buffer.from('A'))
  if (form === 'trusted') fs.chownSync(path.join(source, 'dir/sub'), 1000, 1000)
  const attributes = xattrs || form !== 'trusted' ? [] : ['--xattrs', '--xattrs-include=*']
  for (const format of ['gnu', 'pax', 'ustar', 'oldgnu', 'sparse'] as const) {
    const tar = path.join(dir, `${format}.tar`)
    const flags = format === 'sparse' ? ['--format=pax', '--sparse'] : [`--format=${format}`]
    const pack = format === 'pax' || format === 'sparse' ? attributes : []
    // ustar has no place for the name of 240 bytes.
    const excluded = format === 'ustar' ? ['--exclude=*longlonglong*'] : []
    execFileSync('tar', [
      ...excluded,
      ...flags,
      ...pack,
      '--numeric-owner',
      '-cf',
      tar,
      '-C',
      source,
      '.',
    ])
    fs.mkdirSync(path.join(dir, `${format}-expected`))
    const owner = isRoot ? ['--numeric-owner', '--same-owner'] : ['--no-same-owner']
    execFileSync('tar', [
      ...pack,
      ...owner,
      '-p',
      '-xf',
      tar,
      '-C',
      path.join(dir, `${format}-expected`),
    ])
    await apply(fs.createReadStream(tar), path.join(dir, format))
    const found = read(path.join(dir, format))
    const expected = read(path.join(dir, `${format}-expected`))
    if (!isRoot) {
      for (const tree of [found, expected]) {
        for (const [name, entry] of tree) {
          const { mode } = entry as { mode: string }
          tree.set(name, { ...entry, mode: (parseInt(mode, 8) & 0o777).toString(8) })
        }
      }
    }
    t.same(compareTrees(found, expected), [], format)
  }
})
