// Tars by other programs read here, and tars from here read by them. node-tar comes with the project; GNU tar, bsdtar and
// Python's tarfile where the machine has them.

import { execFileSync, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import nodePath from 'node:path'
import * as nodeTar from 'tar'
import t from 'tap'
import { cleanPath } from '../../src/path/byte-path.ts'
import type { TarHeader } from '../../src/tar/entry.ts'
import { SparseBody } from '../../src/tar/sparse.ts'
import { encodeHeader, writeTar } from '../../src/tar/writer.ts'
import type { TarEntryInit } from '../../src/tar/writer.ts'
import { findProgram, has } from '../support/host.ts'
import { collect, parse, path } from '../support/tars.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const gnuTar = ((): string | undefined => {
  const program = findProgram('tar')
  const version = program && spawnSync(program, ['--version'], { encoding: 'utf8' }).stdout
  return version?.includes('GNU tar') ? program : undefined
})()
const noGnuTar = gnuTar === undefined ? 'no GNU tar here' : false
const noBsdtar = has('bsdtar') ? false : 'no bsdtar here'
const noPython =
  spawnSync('python3', ['-c', 'import tarfile, json']).status === 0 ? false : 'no python3 here'

interface Fact {
  type: string
  mode: number
  sizeBytes: number
  mtime: number
  link: string
  body: string
}

const MTIME = 1_600_000_000
const LONG = 'a-directory-of-a-rather-long-name/'.repeat(6)

/** A tree with what every format can say; more where `rich`. Returns its facts by path. */
function makeTree(dir: string, rich: boolean): Map<string, Fact> {
  const add = (name: string | Buffer, body: Buffer, mode = 0o644): void => {
    const file = Buffer.concat([Buffer.from(`${dir}/`), Buffer.from(name as string)])
    fs.mkdirSync(nodePath.dirname(file.toString('latin1')), { recursive: true })
    fs.writeFileSync(file, body)
    fs.chmodSync(file, mode)
  }
  add('empty', Buffer.alloc(0))
  add('one', Buffer.from('x'), 0o4755)
  add('block', Buffer.alloc(512, 'b'))
  add('sub/large', Buffer.alloc(300_000, 'large '))
  add(`${'p'.repeat(60)}/${'n'.repeat(99)}`, Buffer.from('prefix'))
  fs.symlinkSync('../one', `${dir}/sub/symlink`)
  fs.linkSync(`${dir}/one`, `${dir}/sub/hardlink`)
  if (rich) {
    add(`${LONG}${'n'.repeat(150)}`, Buffer.from('long'))
    add('sub/n\u00e4me', Buffer.from('utf-8'))
    fs.symlinkSync('t'.repeat(200), `${dir}/long-link`)
  }
  const facts = new Map<string, Fact>()
  const names = fs.readdirSync(dir, { recursive: true, encoding: 'utf8' }).sort().reverse()
  for (const name of names) {
    const file = `${dir}/${name}`
    fs.lutimesSync(file, MTIME, MTIME)
    const stat = fs.lstatSync(file)
    const type = stat.isDirectory() ? 'directory' : stat.isSymbolicLink() ? 'symlink' : 'file'
    facts.set(Buffer.from(name).toString('latin1'), {
      type,
      mode: stat.mode & 0o7777,
      sizeBytes: type === 'file' ? stat.size : 0,
      mtime: MTIME,
      link: type === 'symlink' ? fs.readlinkSync(file) : '',
      body: type === 'file' ? fs.readFileSync(file, 'latin1') : '',
    })
  }
  return facts
}

/** What a tar says, hardlinks followed, so that it can be held against a directory. */
function factsOf(tar: Uint8Array): Map<string, Fact> {
  const { headers, bodies, bytes } = parse(tar, { sizes: [65_536] })
  t.ok(bytes.equals(tar))
  const facts = new Map<string, Fact>()
  const clean = (name: string): string => cleanPath(path(name)).path
  headers.forEach((header, i) => {
    const body = bodies[i]!.toString('latin1')
    const target = header.type === 'hardlink' ? facts.get(clean(header.linkPath)) : undefined
    facts.set(clean(header.path), {
      type: target?.type ?? header.type,
      mode: header.mode,
      sizeBytes: target?.sizeBytes ?? header.sizeBytes,
      mtime: Number(header.mtimeNs / 1_000_000_000n),
      link: header.type === 'symlink' ? header.linkPath : '',
      body: target?.body ?? body,
    })
  })
  facts.delete('')
  return facts
}

const sorted = (facts: Map<string, Fact>): unknown =>
  [...facts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, fact]) => ({ name, ...fact, body: fact.body.length }))

function sameTree(
  t: Pick<typeof import('tap').default, 'strictSame' | 'ok'>,
  tar: Uint8Array,
  expected: Map<string, Fact>,
  what: string,
): void {
  const seen = factsOf(tar)
  t.strictSame(sorted(seen), sorted(expected), what)
  for (const [name, { body }] of expected) t.ok(seen.get(name)?.body === body, `${what}: ${name}`)
}

const run = (program: string, args: string[], cwd?: string): Buffer =>
  execFileSync(program, args, { maxBuffer: 1 << 26, ...(cwd === undefined ? {} : { cwd }) })

t.test('GNU tar, every format', { skip: noGnuTar }, async (t) => {
  const dir = temporaryDirectory(t)
  for (const [format, rich] of [
    ['v7', false],
    ['ustar', false],
    ['oldgnu', true],
    ['gnu', true],
    ['pax', true],
  ] as const) {
    const tree = nodePath.join(dir, format)
    fs.mkdirSync(tree)
    const facts = makeTree(tree, rich)
    // v7 has 100 bytes for a name and no prefix.
    if (format === 'v7') {
      fs.rmSync(nodePath.join(tree, 'p'.repeat(60)), { recursive: true })
      for (const name of facts.keys()) if (name.startsWith('pp')) facts.delete(name)
      fs.lutimesSync(tree, MTIME, MTIME)
    }
    sameTree(t, run(gnuTar!, [`--format=${format}`, '-cf', '-', '.'], tree), facts, format)
  }
})

t.test('GNU tar: names of any bytes, nanoseconds, sparse files', { skip: noGnuTar }, async (t) => {
  const dir = temporaryDirectory(t)
  const name = Buffer.from('caf\xe9 \xff', 'latin1')
  fs.writeFileSync(Buffer.concat([Buffer.from(`${dir}/`), name]), 'x')
  const { mtimeNs } = fs.lstatSync(Buffer.concat([Buffer.from(`${dir}/`), name]), { bigint: true })
  const pax = parse(run(gnuTar!, ['--format=pax', '-cf', '-', '.'], dir)).headers
  const file = pax.find((header) => header.type === 'file')!
  t.equal(file.path, './caf\xe9 \xff')
  t.equal(file.mtimeNs, mtimeNs)

  const sparse = temporaryDirectory(t)
  const fd = fs.openSync(nodePath.join(sparse, 'holes'), 'w')
  const content = Buffer.alloc(3_000_001)
  for (let at = 0; at < 2_900_000; at += 290_000) {
    content.fill(`at ${at} `, at, at + 5000)
    fs.writeSync(fd, content, at, 5000, at)
  }
  fs.ftruncateSync(fd, content.length)
  fs.closeSync(fd)
  for (const options of [
    ['--format=gnu'],
    ...['0.0', '0.1', '1.0'].map((v) => ['--format=pax', `--sparse-version=${v}`]),
  ]) {
    const { headers, bodies } = parse(
      run(gnuTar!, ['--sparse', ...options, '-cf', '-', 'holes'], sparse),
    )
    t.equal(headers[0]!.path, 'holes')
    t.ok(expand(headers[0]!, bodies[0]!).equals(content), options.join(' '))
  }
})

function expand(header: TarHeader, payload: Buffer): Buffer {
  // A file system without holes makes a plain member.
  if (header.sparse === undefined) return payload
  const body = new SparseBody(header)
  const file = Buffer.alloc(body.realSizeBytes)
  body.push(payload, (offset, piece) => file.set(piece, offset))
  body.end()
  return file
}

t.test('GNU tar: xattrs with binary values', { skip: noGnuTar || noPython }, async (t) => {
  const dir = temporaryDirectory(t)
  fs.writeFileSync(`${dir}/f`, 'x')
  const set = 'import os, sys; os.setxattr(sys.argv[1], "user.shale", b"a\\0=\\n\\xff")'
  if (spawnSync('python3', ['-c', set, `${dir}/f`]).status !== 0) {
    t.comment('no user xattrs on the temporary file system')
    return
  }
  const { headers } = parse(run(gnuTar!, ['--xattrs', '--format=pax', '-cf', '-', 'f'], dir))
  const value = headers[0]!.xattrs.get('user.shale')
  t.strictSame(value && Buffer.from(value).toString('latin1'), 'a\0=\n\xff')
})

t.test('bsdtar, every format', { skip: noBsdtar }, async (t) => {
  const dir = temporaryDirectory(t)
  for (const [format, rich] of [
    ['ustar', false],
    ['gnutar', true],
    ['pax', true],
  ] as const) {
    const tree = nodePath.join(dir, format)
    fs.mkdirSync(tree)
    const facts = makeTree(tree, rich)
    sameTree(t, run('bsdtar', ['--format', format, '-cf', '-', '.'], tree), facts, format)
  }
})

t.test('Python tarfile, every format', { skip: noPython }, async (t) => {
  const dir = temporaryDirectory(t)
  const script = `
import sys, tarfile
with tarfile.open(sys.argv[3], 'w', format=getattr(tarfile, sys.argv[1] + '_FORMAT'), encoding='utf-8') as tar:
    tar.add(sys.argv[2], '.')`
  for (const [format, rich] of [
    ['USTAR', false],
    ['GNU', true],
    ['PAX', true],
  ] as const) {
    const tree = nodePath.join(dir, format)
    fs.mkdirSync(tree)
    const facts = makeTree(tree, rich)
    run('python3', ['-c', script, format, tree, `${tree}.tar`])
    sameTree(t, fs.readFileSync(`${tree}.tar`), facts, format)
  }
})

t.test('node-tar writes, we read', async (t) => {
  const dir = temporaryDirectory(t)
  const facts = makeTree(dir, true)
  const stream = nodeTar.create({ cwd: dir, portable: false }, ['.'])
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) chunks.push(chunk)
  const seen = factsOf(Buffer.concat(chunks))
  t.strictSame([...seen.keys()].sort(), [...facts.keys()].sort())
  for (const [name, { type, sizeBytes, body, link }] of facts) {
    t.match(seen.get(name), { type, sizeBytes, link }, name)
    t.ok(seen.get(name)!.body === body, name)
  }
})

/** Members that every reader must take. */
const SAMPLE: readonly TarEntryInit[] = [
  { path: path('dir/'), type: 'directory', mtimeNs: 1_600_000_000_000_000_000n },
  {
    path: path('dir/file'),
    body: Buffer.from('body'),
    mode: 0o755,
    mtimeNs: 1_600_000_000_500_000_000n,
  },
  { path: path('dir/block'), body: Buffer.alloc(512, 'b') },
  { path: path('dir/empty'), body: new Uint8Array(0) },
  { path: path(`dir/${'n'.repeat(240)}`), body: Buffer.from('long name') },
  { path: path(`dir/${'d'.repeat(90)}/${'n'.repeat(90)}`), body: Buffer.from('prefix') },
  { path: path('dir/n\xc3\xa4me'), body: Buffer.from('utf-8') },
  { path: path('dir/symlink'), type: 'symlink', linkPath: path('../t'.repeat(50)) },
  {
    path: path('dir/hardlink'),
    type: 'hardlink',
    linkPath: path('dir/file'),
    mode: 0o755,
    mtimeNs: 1_600_000_000_500_000_000n,
  },
  {
    path: path('dir/owned'),
    body: Buffer.from('o'),
    uid: 3_000_000,
    gid: 4_000_000_000,
    uname: path('alice'),
  },
  // Whole seconds: libarchive reads -1.5 as -0.5.
  { path: path('dir/fifo'), type: 'fifo', mtimeNs: -2_000_000_000n },
  {
    path: path('dir/xattr'),
    body: Buffer.from('x'),
    xattrs: new Map([['user.shale', Buffer.from('a\0\xff', 'latin1')]]),
  },
]
const utf8 = (name: string): string => Buffer.from(name, 'latin1').toString('utf8')

t.test('we write, node-tar reads', async (t) => {
  const tar = await collect(writeTar(SAMPLE))
  const seen: {
    path: string
    type: string
    size: number
    link: string
    mtimeMs: number
    body: Buffer
  }[] = []
  const parser = new nodeTar.Parser({
    strict: true,
    onReadEntry(entry) {
      const body: Buffer[] = []
      entry.on('data', (piece: Buffer) => body.push(Buffer.from(piece)))
      entry.on('end', () => {
        seen.push({
          path: entry.path,
          type: entry.type,
          size: entry.size,
          link: entry.linkpath ?? '',
          mtimeMs: entry.mtime?.getTime() ?? 0,
          body: Buffer.concat(body),
        })
      })
    },
  })
  await new Promise<void>((resolve, reject) => {
    parser.on('end', resolve)
    parser.on('error', reject)
    parser.end(tar)
  })
  const types = {
    file: 'File',
    directory: 'Directory',
    symlink: 'SymbolicLink',
    hardlink: 'Link',
    fifo: 'FIFO',
  }
  t.strictSame(
    seen,
    SAMPLE.map((entry) => ({
      path: utf8(entry.path),
      type: types[(entry.type ?? 'file') as keyof typeof types],
      size: (entry.body as Uint8Array | undefined)?.length ?? 0,
      link: entry.linkPath ?? '',
      mtimeMs: Number((entry.mtimeNs ?? 0n) / 1_000_000n),
      body: Buffer.from((entry.body as Uint8Array | undefined) ?? []),
    })),
  )
})

t.test('we write, Python reads', { skip: noPython }, async (t) => {
  const dir = temporaryDirectory(t)
  fs.writeFileSync(`${dir}/t.tar`, await collect(writeTar(SAMPLE)))
  const script = `
import sys, json, tarfile
out = []
for m in tarfile.open(sys.argv[1], encoding='utf-8', errors='surrogateescape'):
    out.append([m.name, m.uid, m.gid, m.uname, m.size, m.mode, m.linkname, m.mtime, m.isdir(), m.isfifo()])
print(json.dumps(out))`
  const seen = JSON.parse(run('python3', ['-c', script, `${dir}/t.tar`]).toString()) as unknown[]
  t.strictSame(
    seen,
    SAMPLE.map((entry) => [
      utf8(entry.path).replace(/\/$/, ''),
      entry.uid ?? 0,
      entry.gid ?? 0,
      entry.uname ?? '',
      (entry.body as Uint8Array | undefined)?.length ?? 0,
      entry.mode ?? (entry.type === 'directory' ? 0o755 : 0o644),
      entry.linkPath ?? '',
      Number(entry.mtimeNs ?? 0n) / 1e9,
      entry.type === 'directory',
      entry.type === 'fifo',
    ]),
  )
})

t.test('we write, GNU tar and bsdtar extract', async (t) => {
  const tar = await collect(
    writeTar(SAMPLE.map((entry) => ({ ...entry, uid: 0, gid: 0, uname: path('') }))),
  )
  for (const [program, missing] of [
    [gnuTar ?? 'tar', noGnuTar],
    ['bsdtar', noBsdtar],
  ] as const) {
    await t.test(program, { skip: missing }, async (t) => {
      const dir = temporaryDirectory(t)
      const result = spawnSync(program, ['--no-same-owner', '-xpf', '-'], { cwd: dir, input: tar })
      t.equal(result.status, 0, result.stderr.toString())
      for (const entry of SAMPLE) {
        const file = Buffer.from(`${Buffer.from(dir).toString('latin1')}/${entry.path}`, 'latin1')
        const stat = fs.lstatSync(file, { bigint: true })
        if (entry.body) t.ok(fs.readFileSync(file).equals(entry.body as Uint8Array), entry.path)
        if (entry.type === 'symlink') t.equal(fs.readlinkSync(file), entry.linkPath)
        if (entry.type === 'hardlink') t.equal(stat.nlink, 2n)
        t.equal(stat.isFIFO(), entry.type === 'fifo')
        if (entry.type !== 'directory') t.equal(stat.mtimeNs, entry.mtimeNs ?? 0n, entry.path)
        if (entry.mode) t.equal(Number(stat.mode) & 0o777, entry.mode)
      }
    })
  }
})

t.test('a file of 9 GiB, by its header', { skip: noGnuTar }, async (t) => {
  const header = encodeHeader({ path: path('huge'), sizeBytes: 9 * 2 ** 30 })
  const listed = spawnSync(gnuTar!, ['-tvf', '-'], { input: header, encoding: 'utf8' })
  t.match(listed.stdout, / 9663676416 .* huge/)
})
