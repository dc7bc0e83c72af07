// Every rule fires on an image that has it and on nothing else; an archive and the same image in a store say the same;
// the bytes called wasted are those that one layer would not have.

import fs from 'node:fs'
import path from 'node:path'
import t, { type Test } from 'tap'
import {
  lintArchive,
  lintImage,
  loadArchive,
  openStore,
  type LintedImage,
} from '../../src/index.ts'
import { LINT_RULES, type LintRuleID } from '../../src/lint/rules.ts'
import { pathFromBytes } from '../../src/path/byte-path.ts'
import { PROJECT } from '../support/cli.ts'
import { buildImage, dockerArchive25, ociLayout, packed, unpackedTo } from '../support/image.ts'
import {
  device,
  dir,
  file,
  gzip,
  layerTar,
  link,
  opaque,
  symlink,
  whiteout,
} from '../support/layer.ts'
import type { LayerEntryInit } from '../support/layer.ts'
import { temporaryDirectory } from '../support/temporary.ts'

type Layers = readonly (readonly LayerEntryInit[])[]

const CREATED = '2026-01-02T03:04:05.678901234Z'
/** A day and more before the image, so that no trait of the build's day is found. */
const OLD = { mtimeNs: 1_700_000_000_000_000_000n }
const raw = (entry: LayerEntryInit, bytes: Buffer): LayerEntryInit => ({
  ...entry,
  path: pathFromBytes(bytes),
})
const f = (name: string, content = ''): LayerEntryInit => file(name, content, OLD)
const d = (name: string): LayerEntryInit => dir(name, OLD)

function write(t: Test, layers: Layers, created: string = CREATED): string {
  const file = path.join(temporaryDirectory(t), 'app.tar')
  const image = buildImage(
    layers.map((entries) => layerTar(...entries)),
    { created },
  )
  fs.writeFileSync(file, packed(dockerArchive25([{ image, tags: ['app:1'] }])))
  return file
}

async function linted(t: Test, layers: Layers, created?: string): Promise<LintedImage> {
  const [image] = await lintArchive(write(t, layers, created))
  return image!
}

/** The rules found, each with where. */
function found(image: LintedImage): string[] {
  return image.findings.map(({ rule, layer, path = '' }) => `${rule} ${layer} ${path}`.trimEnd())
}

const attribute = (name: string): ReadonlyMap<string, Uint8Array> =>
  new Map([[name, Buffer.from('y')]])
const lower = [d('d'), f('d/old'), f('f'), symlink('lib', 'usr/lib', OLD)]

const CASES: Readonly<Record<LintRuleID, { layers: Layers; found: readonly string[] }>> = {
  'whiteout-and-recreate': {
    layers: [lower, [whiteout('d', OLD), d('d'), f('f'), whiteout('f', OLD)]],
    found: ['2 /d', '2 /f'],
  },
  'duplicate-entry': { layers: [[f('a'), f('./a'), d('e'), d('e')]], found: ['1 /a', '1 /e'] },
  'hardlink-to-lower': { layers: [lower, [link('g', 'f', OLD)]], found: ['2 /g'] },
  'hardlink-to-nothing': {
    layers: [[link('g', 'f', OLD), f('h'), link('i', 'h', OLD)]],
    found: ['1 /g'],
  },
  'escaping-name': {
    layers: [[f('a/../../x'), link('g', '../x', OLD)]],
    found: ['1 /a/../../x', '1 /g'],
  },
  'bad-whiteout': {
    layers: [
      [f('.wh.'), f('.wh..'), f('.wh.a/b')],
      [symlink('s', 'd/.wh.x', OLD), f('s/y'), whiteout('s/z', OLD)],
      [symlink('s', '.wh.x', OLD), opaque('s', OLD)],
    ],
    found: ['1 /.wh.', '1 /.wh..', '1 /.wh.a/b', '2 /s/y', '2 /s/z', '3 /s'],
  },
  'below-a-file': { layers: [[f('a'), f('a/b')]], found: ['1 /a/b'] },
  'empty-link': {
    layers: [[{ ...symlink('s', 'x', OLD), linkPath: pathFromBytes(Buffer.alloc(0)) }]],
    found: ['1 /s'],
  },
  'name-too-long': { layers: [[f(`a/${'x'.repeat(256)}`)]], found: [`1 /a/${'x'.repeat(256)}`] },
  'impossible-number': {
    layers: [
      [
        { ...f('a'), uid: 2 ** 32 },
        { ...f('b'), gid: 2 ** 32 - 1 },
        { ...f('c'), uid: 2 ** 32 - 2, gid: 0 },
        device('d', 'block', 4096, 0, OLD),
        device('e', 'char', 4095, 2 ** 20 - 1, OLD),
      ],
    ],
    found: ['1 /a', '1 /b', '1 /d'],
  },
  'forged-overlay': {
    layers: [
      [
        device('a', 'char', 0, 0, OLD),
        device('b', 'char', 1, 3, OLD),
        dir('c', { ...OLD, xattrs: attribute('trusted.overlay.opaque') }),
        dir('d', { ...OLD, xattrs: attribute('user.overlay.redirect') }),
        dir('e', { ...OLD, xattrs: attribute('user.mine') }),
      ],
    ],
    found: ['1 /a', '1 /c/', '1 /d/'],
  },
  'root-opaque': { layers: [lower, [opaque('', OLD), f('n')]], found: ['2 /'] },
  'whiteout-in-opaque': {
    layers: [lower, [d('d'), opaque('d', OLD), whiteout('d/old', OLD)]],
    found: ['2 /d/old'],
  },
  'odd-whiteout': {
    layers: [lower, [dir('.wh.f', OLD), { ...whiteout('d/old', OLD), body: Buffer.from('x') }]],
    found: ['2 /.wh.f', '2 /d/.wh.old'],
  },
  'through-lower-symlink': { layers: [lower, [f('lib/x')], [f('lib/y')]], found: ['2 /lib/x'] },
  'aufs-leftover': {
    layers: [[dir('.wh..wh.plnk', OLD), f('.wh..wh.plnk/1')]],
    found: ['1 /.wh..wh.plnk', '1 /.wh..wh.plnk/1'],
  },
  'unclean-name': {
    layers: [
      [f('/abs'), f('b//c'), f('d/./e'), f('g/../h'), f('bad\u001b[31m'), f('ok'), f('./fine')],
    ],
    found: ['1 /abs', '1 /b//c', '1 /d/./e', '1 /g/../h', '1 /bad\u001b[31m'],
  },
  'future-time': {
    layers: [[file('late', '', { mtimeNs: 4_000_000_000_000_000_000n }), f('now')]],
    found: ['1 /late'],
  },
  'absurd-size': {
    layers: [
      [file('x', '', { ...OLD, xattrs: new Map([['user.big', Buffer.alloc(5000)]]) }), f('y')],
    ],
    found: ['1 /x'],
  },
  'non-utf8-name': {
    layers: [[raw(f(''), Buffer.from([0x61, 0xff])), f('\u00e9')]],
    found: ['1 /a\ufffd'],
  },
  'case-collision': { layers: [[f('Readme')], [f('README'), f('other')]], found: ['1 /Readme'] },
  // Bytes that no writer of ours leaves: below.
  'ambiguous-header': { layers: [], found: [] },
  'sparse-file': { layers: [], found: [] },
  'setuid-file': {
    layers: [
      [
        file('s', '', { ...OLD, mode: 0o4755 }),
        file('g', '', { ...OLD, mode: 0o2755 }),
        dir('sticky', { ...OLD, mode: 0o3777 }),
      ],
    ],
    found: ['1 /s', '1 /g'],
  },
  'capability-file': {
    layers: [[file('ping', '', { ...OLD, xattrs: attribute('security.capability') })]],
    found: ['1 /ping'],
  },
  'non-reproducible': {
    layers: [[file('a', '', { ...OLD, uname: pathFromBytes(Buffer.from('joe')) })]],
    found: ['1'],
  },
  'wasted-bytes': {
    layers: [
      [f('a', 'aaaa'), f('b', 'bb'), f('keep', 'k')],
      [f('a', 'A'), whiteout('b', OLD)],
    ],
    found: ['1 /a', '1 /b'],
  },
}

for (const [rule, each] of Object.entries(CASES)) {
  if (each.layers.length === 0) continue
  t.test(rule, async (t) => {
    const image = await linted(t, each.layers)
    const own = found(image).filter((line) => line.startsWith(`${rule} `) || line === rule)
    t.same(
      own.map((line) => line.slice(rule.length + 1)),
      each.found,
    )
    for (const finding of image.findings.filter((one) => one.rule === rule)) {
      t.ok(finding.message.length > 0 && finding.differs.length > 0)
    }
  })
}

t.test('sparse-file, of GNU tar’s own', async (t) => {
  const { gunzipSync } = await import('node:zlib')
  const tar = gunzipSync(
    fs.readFileSync(path.join(PROJECT, 'fixtures/tar/gnu-tar-sparse-1.0.tar.gz')),
  )
  const target = path.join(temporaryDirectory(t), 'sparse.tar')
  fs.writeFileSync(target, packed(dockerArchive25([{ image: buildImage([tar]), tags: ['s:1'] }])))
  const [image] = await lintArchive(target, { rules: ['sparse-file'] })
  t.ok(image!.findings.length > 0)
})

t.test('an ordinary image has nothing', async (t) => {
  const image = await linted(t, [
    [
      d('./'),
      d('./bin'),
      f('./bin/sh'),
      symlink('./lib64', '/usr/lib64', OLD),
      link('./bin/b', './bin/sh', OLD),
    ],
    [d('etc'), f('etc/x'), d('bin'), whiteout('bin/b', OLD)],
  ])
  t.same(
    found(image).filter((line) => !line.startsWith('non-reproducible')),
    [],
  )
})

t.test('every rule has a case, and a place in the docs', async (t) => {
  t.same(Object.keys(CASES).sort(), LINT_RULES.map(({ id }) => id).sort())
  const docs = fs.readFileSync(path.join(PROJECT, 'docs/lint-rules.md'), 'utf8')
  for (const { id, level, title } of LINT_RULES) {
    const row = docs.split('\n').find((line) => line.startsWith(`| \`${id}\` `))
    t.ok(row, id)
    t.match(row, level)
    t.ok(row?.includes(title), `${id}: ${title}`)
  }
  const rows = docs.split('\n').filter((line) => /^\| `[a-z0-9-]+` /.test(line))
  t.equal(rows.length, LINT_RULES.length)
})

t.test('a store and an archive say the same', async (t) => {
  const layers: Layers = [
    lower,
    [f('lib/x'), d('d'), opaque('d', OLD), whiteout('d/old', OLD), f('big', 'x'.repeat(3000))],
    [f('big', 'y'), file('s', '', { ...OLD, mode: 0o4755 })],
  ]
  const archive = write(t, layers)
  const store = await openStore(path.join(temporaryDirectory(t), 'root'), { sync: false })
  await loadArchive(store, archive)
  const [fromArchive] = await lintArchive(archive)
  t.same(await lintImage(store, 'app:1'), fromArchive)
  t.ok(fromArchive!.findings.length > 3)
  t.match(fromArchive!.wasted, { wastedBytes: 3000, wastedFiles: 1, contentBytes: 3001 })
  t.match(fromArchive!.wasted.top, [{ path: '/big', layer: 2, goneIn: 3, how: 'replaced' }])
})

t.test('a signal is heard while an image of a store is read', async (t) => {
  const archive = write(t, [[f('a')], [f('b')]])
  const store = await openStore(path.join(temporaryDirectory(t), 'root'), { sync: false })
  await loadArchive(store, archive)
  const abort = new AbortController()
  const reason = new Error('enough')
  // As a signal comes: between two turns of the event loop.
  setImmediate(() => abort.abort(reason))
  await t.rejects(lintImage(store, 'app:1', { signal: abort.signal }), reason)
})

t.test('archives of every kind, compressed or not, one finding for each image', async (t) => {
  const dirs = temporaryDirectory(t)
  const image = buildImage([layerTar(f('a'), f('a'))])
  const layout = ociLayout([{ image, compression: 'gzip' }])
  const plain = path.join(dirs, 'layout.tar')
  fs.writeFileSync(plain, packed(layout))
  fs.writeFileSync(`${plain}.gz`, gzip(packed(layout)))
  for (const input of [plain, `${plain}.gz`, unpackedTo(path.join(dirs, 'layout'), layout)]) {
    const [only] = await lintArchive(input, { rules: ['duplicate-entry'] })
    t.same(found(only!), ['duplicate-entry 1 /a'], input)
  }
})

t.test('only these rules, and not those', async (t) => {
  const archive = write(t, CASES['setuid-file'].layers)
  const rules = async (options: object): Promise<Set<string>> =>
    new Set((await lintArchive(archive, options))[0]!.findings.map(({ rule }) => rule))
  t.same(await rules({ rules: ['setuid-file'] }), new Set(['setuid-file']))
  t.notOk((await rules({ ignore: ['setuid-file'] })).has('setuid-file'))
  await t.rejects(lintArchive(archive, { ignore: ['no-such'] }), { code: 'ERR_OPTION' })
})

t.test('a layer with other bytes than its diffID is refused', async (t) => {
  const dirs = temporaryDirectory(t)
  const image = buildImage([layerTar(f('a', 'one'))])
  const other = buildImage([layerTar(f('a', 'two'))])
  const files = dockerArchive25([{ image, tags: ['app:1'] }])
  const name = `blobs/sha256/${image.diffIDs[0]!.slice(7)}`
  files.set(name, other.layers[0]!)
  const archive = path.join(dirs, 'changed.tar')
  fs.writeFileSync(archive, packed(files))
  await t.rejects(lintArchive(archive), { code: 'ERR_DIGEST_MISMATCH' })
})

t.test('more findings than anybody reads are counted', async (t) => {
  const image = await linted(t, [
    Array.from({ length: 1500 }, (_, i) => file(`f${i}`, '', { ...OLD, mode: 0o4755 })),
  ])
  t.equal(image.findings.filter(({ rule }) => rule === 'setuid-file').length, 1000)
  t.same(image.omitted, { 'setuid-file': 500 })
})

t.test('newer than the image itself: a note for the layer', async (t) => {
  const image = await linted(t, [[file('a', '', OLD)]], '2020-01-01T00:00:00Z')
  t.match(
    image.findings.filter(({ rule }) => rule === 'future-time'),
    [{ level: 'note', layer: 1, message: /newer than the image itself: 1 entry/ }],
  )
  const epoch = await linted(t, [[file('a', '', OLD)]], '1970-01-01T00:00:00Z')
  t.same(
    epoch.findings.filter(({ rule }) => rule === 'future-time'),
    [],
    'who writes 1970 says nothing about time',
  )
})
