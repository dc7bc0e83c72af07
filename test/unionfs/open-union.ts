import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { openUnion } from '../../src/unionfs/open-union.ts'
import { unless } from '../support/host.ts'
import { temporaryDirectory } from '../support/temporary.ts'

function layers(home: string): string[] {
  const at = (name: string, content: string): void => {
    fs.mkdirSync(path.dirname(path.join(home, name)), { recursive: true })
    fs.writeFileSync(path.join(home, name), content)
  }
  at('new/etc/a', 'new')
  at('old/etc/a', 'old')
  at('old/etc/b', 'b')
  for (const name of ['upper', 'work']) fs.mkdirSync(path.join(home, name))
  return ['new', 'old'].map((name) => path.join(home, name))
}

t.test('read-only', async (t) => {
  const lowers = layers(temporaryDirectory(t))
  await using union = openUnion({ lowers })
  t.notOk(union.writable)
  t.equal(await union.readFile('/etc/a', 'utf8'), 'new')
  t.same(await union.readdir('/etc'), ['a', 'b'])
  await t.rejects(union.unlink('/etc/a'), { code: 'EROFS' })
  await t.rejects(union.writeFile('/etc/c', ''), { code: 'EROFS' })
})

t.test('changes in memory leave no trace', async (t) => {
  const lowers = layers(temporaryDirectory(t))
  await using union = openUnion({ lowers, upper: 'memory', creator: { uid: 7, gid: 8 } })
  await union.rm('/etc/b')
  await union.writeFile('/etc/c', 'c')
  t.same(await union.readdir('/etc'), ['a', 'c'])
  t.equal((await union.stat('/etc/c')).uid, 7)
  await union.close()
  await using again = openUnion({ lowers })
  t.same(await again.readdir('/etc'), ['a', 'b'])
})

t.test('changes in a directory are there the next time, and for one at a time', async (t) => {
  const home = temporaryDirectory(t)
  const options = {
    lowers: layers(home),
    upper: { directory: path.join(home, 'upper'), work: path.join(home, 'work') },
  }
  const first = openUnion(options)
  t.throws(() => openUnion(options), { code: 'ERR_MOUNT_EXISTS' })
  await first.rm('/etc/b')
  await first.writeFile('/etc/a', 'changed')
  await first.close()
  await using again = openUnion(options)
  t.same(await again.readdir('/etc'), ['a'])
  t.equal(await again.readFile('/etc/a', 'utf8'), 'changed')
  t.equal(fs.readFileSync(path.join(home, 'new/etc/a'), 'utf8'), 'new', 'the layer is as it was')
})

t.test('how much room there is, where changes go', async (t) => {
  const home = temporaryDirectory(t)
  const lowers = layers(home)
  const upper = { directory: path.join(home, 'upper'), work: path.join(home, 'work') }
  const disk = fs.statfsSync(home)
  for (const options of [{ lowers }, { lowers, upper }]) {
    await using union = openUnion(options)
    const { type, bsize, blocks, files } = await union.statfs('/etc')
    t.same(
      { type, bsize, blocks, files },
      { type: 0x794c7630, bsize: disk.bsize, blocks: disk.blocks, files: disk.files },
    )
    await t.rejects(union.statfs('/none'), { code: 'ENOENT', syscall: 'statfs', path: '/none' })
  }
  await using union = openUnion({ lowers, upper: 'memory' })
  const { type, blocks, bavail } = await union.statfs('/', { bigint: true })
  t.ok(type === 0x794c7630n && blocks >= bavail && bavail > 0n)
})

t.test('blocks, and sizes of directories, are the disk’s, where it has them', async (t) => {
  const home = temporaryDirectory(t)
  const lowers = layers(home)
  const file = path.join(home, 'new/etc/holes')
  fs.writeFileSync(file, 'x')
  fs.truncateSync(file, 8 << 20)
  await using union = openUnion({ lowers, upper: 'memory' })
  const { blocks } = fs.statSync(file)
  t.equal((await union.stat('/etc/holes')).blocks, blocks)
  t.equal((await union.stat('/etc/holes', { bigint: true })).blocks, BigInt(blocks))
  const shown = await union.stat('/etc')
  const etc = fs.statSync(path.join(home, 'new/etc'))
  t.same([shown.size, shown.blocks], [etc.size, etc.blocks])
  t.ok(etc.size > 0)
  fs.symlinkSync('holes', path.join(home, 'new/etc/link'))
  const link = fs.lstatSync(path.join(home, 'new/etc/link'))
  t.equal((await union.lstat('/etc/link')).blocks, link.blocks)
  await union.writeFile('/made', 'x'.repeat(1000))
  t.equal((await union.stat('/made')).blocks, 2)
})

t.test('a directory that is not there', async (t) => {
  const home = temporaryDirectory(t)
  t.throws(() => openUnion({ lowers: [path.join(home, 'no')] }), { code: /^ERR_/ })
})

t.test('what a disk refuses', { skip: unless({ ordinaryUser: true }) }, async (t) => {
  const home = temporaryDirectory(t)
  const lowers = layers(home)
  const closed = path.join(home, 'old/etc')
  fs.rmSync(path.join(home, 'new/etc'), { recursive: true })
  fs.chmodSync(closed, 0)
  t.teardown(() => fs.chmodSync(closed, 0o700))
  await using union = openUnion({ lowers })
  const refused = { code: 'EACCES', errno: -13, message: /^EACCES: .*old\/etc/ }
  await t.rejects(union.readdir('/etc'), refused)
  await t.rejects(union.stat('/etc/b'), refused)
  await t.rejects(union.readFile('/etc/b'), refused)
})

t.test('options that say nothing', async (t) => {
  const open = openUnion as (options?: unknown) => unknown
  for (const options of [
    undefined,
    {},
    { lowers: [] },
    { lowers: '/a' },
    { lowers: ['/'], upper: '/u', work: '/w' },
    { lowers: ['/'], upper: { directory: '/u' } },
    { lowers: ['/'], upper: null },
  ])
    t.throws(() => open(options), { code: 'ERR_OPTION' }, JSON.stringify(options))
})
