import fs from 'node:fs'
import path from 'node:path'
import t, { type Test } from 'tap'
import { changesTar, layerTar, mergedTar } from '../../src/archive/diff.ts'
import { makeWhiteout } from '../../src/archive/whiteout-form.ts'
import type { LayerForm } from '../../src/driver/driver.ts'
import type { Warning } from '../../src/errors.ts'
import { pathText, type BytePath } from '../../src/path/byte-path.ts'
import { readTar } from '../../src/tar/reader.ts'
import { compareViews } from '../../src/union/changes.ts'
import { DirectoryLayer } from '../../src/view/directory-layer.ts'
import { LayerStack } from '../../src/view/stack.ts'
import { canMakeDevices, unless } from '../support/host.ts'
import { temporaryDirectory } from '../support/temporary.ts'

async function collected(tar: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of tar) pieces.push(piece)
  return Buffer.concat(pieces)
}

async function membersOf(bytes: Uint8Array): Promise<string[]> {
  const out: string[] = []
  const source = (async function* () {
    yield bytes
  })()
  for await (const { header } of readTar(source)) {
    const target = header.linkPath === '' ? '' : ` -> ${pathText(header.linkPath)}`
    out.push(`${header.type} ${pathText(header.path)}${target}`)
  }
  return out
}

const forms: readonly LayerForm[] = canMakeDevices()
  ? ['trusted', 'user', 'none']
  : ['user', 'none']

for (const form of forms) {
  t.test(`a layer’s tar in the form ${form}: order, hardlinks, whiteouts`, async (t) => {
    const dir = temporaryDirectory(t)
    fs.mkdirSync(path.join(dir, 'b/inner'), { recursive: true })
    for (const name of ['b/inner/x', 'a', 'c-file', 'zz'])
      fs.writeFileSync(path.join(dir, name), name)
    fs.linkSync(path.join(dir, 'a'), path.join(dir, 'b/same'))
    fs.symlinkSync('../a', path.join(dir, 'b/link'))
    for (const name of ['gone', 'b']) {
      const at = name === 'b' ? path.join(dir, 'b') : dir
      makeWhiteout(at, 'gone' as BytePath, form)
    }
    using layer = new DirectoryLayer(dir, { form })
    const bytes = await collected(layerTar(layer))
    t.same(await membersOf(bytes), [
      ...['file .wh.gone', 'file a', 'directory b/', 'file b/.wh.gone', 'directory b/inner/'],
      ...['file b/inner/x', 'symlink b/link -> ../a', 'hardlink b/same -> a', 'file c-file'],
      'file zz',
    ])
    t.equal(bytes.length % 512, 0)
    t.ok(
      bytes.subarray(-1024).every((byte) => byte === 0),
      'two zero blocks',
    )
    t.notOk(
      bytes.subarray(-1536, -1024).every((byte) => byte === 0),
      'and no more',
    )
  })
}

t.test('times: whole seconds, and none after SOURCE_DATE_EPOCH', async (t) => {
  const make = (mtime: number): DirectoryLayer => {
    const dir = temporaryDirectory(t)
    fs.writeFileSync(path.join(dir, 'file'), 'same')
    fs.writeFileSync(path.join(dir, 'older'), 'same')
    fs.utimesSync(path.join(dir, 'file'), 1, mtime)
    fs.utimesSync(path.join(dir, 'older'), 1, 1000.75)
    return new DirectoryLayer(dir, { form: 'user' })
  }
  using first = make(2_000_000_000.5)
  using second = make(2_100_000_000)
  const options = { sourceDateEpoch: 1_700_000_000 }
  const a = await collected(layerTar(first, options))
  t.ok(a.equals(await collected(layerTar(second, options))), 'equal trees, equal bytes')
  t.notOk(a.equals(await collected(layerTar(first))))
  const times: bigint[] = []
  const source = (async function* () {
    yield a
  })()
  for await (const { header } of readTar(source)) times.push(header.mtimeNs)
  t.same(times, [1_700_000_000n * 1_000_000_000n, 1000n * 1_000_000_000n])
})

t.test('what a layer cannot hold is left out, and said', async (t) => {
  const dir = temporaryDirectory(t)
  fs.writeFileSync(path.join(dir, '.wh.plain'), 'a file like any other, to the kernel')
  fs.writeFileSync(path.join(dir, 'kept'), '')
  using layer = new DirectoryLayer(dir, { form: 'trusted' })
  const warnings: Warning[] = []
  const bytes = await collected(layerTar(layer, { onWarning: (it) => warnings.push(it) }))
  t.same(await membersOf(bytes), ['file kept'])
  t.match(warnings, [{ code: 'whiteout-name', entry: '.wh.plain', count: 1 }])
})

/** The change from one tree to another, as a layer that keeps whiteouts and as a comparison of two trees. */
async function bothWays(
  t: Test,
  make: (lower: string, upper: string) => void,
): Promise<{ byLayer: string[]; byChanges: string[] }> {
  const [upper, lower] = [temporaryDirectory(t), temporaryDirectory(t)]
  make(lower, upper)
  using before = new LayerStack([lower], { form: 'none' })
  using after = new LayerStack([upper, lower], { form: 'none' })
  const below = before.view
  const comparison = compareViews(below, after.view)
  let step = comparison.next()
  while (!step.done) step = comparison.next()
  const changes = step.value
  return {
    byLayer: await membersOf(await collected(layerTar(after.layers[0]!, { below }))),
    byChanges: await membersOf(await collected(changesTar(changes, after, { below }))),
  }
}

t.test('one mark for removals that leave nothing, and none within another', async (t) => {
  const write = (root: string, ...names: string[]): void => {
    for (const name of names) {
      fs.mkdirSync(path.join(root, path.dirname(name)), { recursive: true })
      fs.writeFileSync(path.join(root, name), `${name} of ${root}`)
    }
  }
  const inside = await bothWays(t, (lower, upper) => {
    write(lower, 'd/a', 'd/b', 'd/e/x', 'd/e/y', 'k/a', 'k/b', 'k/e/x', 'k/e/y', 'k/e/z')
    write(upper, 'd/.wh.a', 'd/.wh.b', 'd/e/.wh.x', 'd/e/.wh.y', 'd/e/new')
    write(upper, 'k/.wh.a', 'k/.wh.b', 'k/e/.wh.x', 'k/e/.wh.y')
  })
  const expected = [
    ...['directory d/', 'file d/.wh..wh..opq', 'directory d/e/', 'file d/e/new'],
    ...['directory k/', 'file k/.wh.a', 'file k/.wh.b'],
    ...['directory k/e/', 'file k/e/.wh.x', 'file k/e/.wh.y'],
  ]
  t.same(inside, { byLayer: expected, byChanges: expected })

  const DEPTH = 250
  const deep = await bothWays(t, (lower, upper) => {
    for (const [root, names] of [
      [lower, ['a', 'b']],
      [upper, ['.wh.a', '.wh.b']],
    ] as const) {
      const start = process.cwd()
      try {
        process.chdir(root)
        for (let depth = 0; depth < DEPTH; depth++) {
          fs.mkdirSync('d')
          process.chdir('d')
          for (const name of names) fs.writeFileSync(name, '')
        }
      } finally {
        process.chdir(start)
      }
    }
  })
  for (const members of Object.values(deep)) {
    t.equal(members.length, DEPTH + 1)
    t.same(
      members.filter((member) => member.includes('.wh.')),
      ['file d/.wh..wh..opq'],
    )
  }
})

t.test('the merge as one tar: no marker, hardlinks within a layer alone', async (t) => {
  const [upper, lower] = [temporaryDirectory(t), temporaryDirectory(t)]
  fs.writeFileSync(path.join(lower, 'low'), 'low')
  fs.linkSync(path.join(lower, 'low'), path.join(lower, 'low-too'))
  fs.writeFileSync(path.join(lower, 'gone'), '')
  fs.writeFileSync(path.join(upper, 'up'), 'up')
  makeWhiteout(upper, 'gone' as BytePath, 'user')
  using stack = new LayerStack([upper, lower], { form: 'user' })
  t.same(await membersOf(await collected(mergedTar(stack))), [
    ...['file low', 'hardlink low-too -> low', 'file up'],
  ])
})

t.test('an abort ends it', async (t) => {
  const dir = temporaryDirectory(t)
  for (let i = 0; i < 50; i++) fs.writeFileSync(path.join(dir, String(i)), Buffer.alloc(100_000))
  using layer = new DirectoryLayer(dir, { form: 'user' })
  const controller = new AbortController()
  const tar = layerTar(layer, { signal: controller.signal })
  await tar.next()
  controller.abort()
  await t.rejects(tar.next(), { name: 'AbortError' })
})

t.test(
  'a file capability goes as revision 2, other attributes are said to be lost',
  { skip: unless({ root: true, programs: ['setfattr'] }) },
  async (t) => {
    const { spawnSync } = await import('node:child_process')
    const dir = temporaryDirectory(t)
    fs.writeFileSync(path.join(dir, 'tool'), '')
    const third = `0x0100000300200000${'00'.repeat(12)}e8030000`
    const set = (name: string, value: string): number | null =>
      spawnSync('setfattr', ['-n', name, '-v', value, path.join(dir, 'tool')]).status
    if (set('security.capability', third) !== 0 || set('user.note', 'x') !== 0) return
    using layer = new DirectoryLayer(dir, { form: 'trusted' })
    const warnings: Warning[] = []
    const bytes = await collected(layerTar(layer, { onWarning: (it) => warnings.push(it) }))
    const source = (async function* () {
      yield bytes
    })()
    for await (const { header } of readTar(source)) {
      t.same([...header.xattrs.keys()], ['security.capability'])
      const value = Buffer.from(header.xattrs.get('security.capability')!)
      t.equal(value.toString('hex'), `0100000200200000${'00'.repeat(12)}`)
    }
    t.match(warnings, [{ code: 'xattr-dropped', entry: 'tool' }])
  },
)
