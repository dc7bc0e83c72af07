// Blocks as du(1) counts them: sparse files, hardlinks, accounts that begin inside a tree.

import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { asSwitches, BlockCount, countBlocks } from '../../src/sys/disk-blocks.ts'
import { unmountFuse } from '../../src/sys/fuse-device.ts'
import { mountByFuse } from '../../src/view/fuse/mount-fuse.ts'
import { fuseSkip } from '../support/fuse-for-users.ts'
import { unless } from '../support/host.ts'
import { temporaryDirectory } from '../support/temporary.ts'

function count(place: string): BlockCount {
  const found = new BlockCount()
  countBlocks(place, found)
  return found
}

function blocksOf(...files: string[]): number {
  return files.reduce((sum, file) => sum + fs.lstatSync(file).blocks * 512, 0)
}

/** A directory, a file of some blocks, a sparse one, two names of one file, a link to nowhere. */
function sampleTree(t: Parameters<typeof temporaryDirectory>[0]): string {
  const dir = temporaryDirectory(t)
  fs.mkdirSync(path.join(dir, 'sub/deeper'), { recursive: true })
  fs.writeFileSync(path.join(dir, 'plain'), Buffer.alloc(100_000, 1))
  fs.writeFileSync(path.join(dir, 'sub/one'), Buffer.alloc(50_000, 2))
  fs.linkSync(path.join(dir, 'sub/one'), path.join(dir, 'sub/deeper/again'))
  const sparse = fs.openSync(path.join(dir, 'sparse'), 'w')
  fs.writeSync(sparse, 'end', 10_000_000)
  fs.closeSync(sparse)
  fs.symlinkSync('/nowhere', path.join(dir, 'link'))
  fs.writeFileSync(Buffer.concat([Buffer.from(`${dir}/bytes-`), Buffer.from([0xff, 0xfe])]), 'x')
  return dir
}

t.test('each file once, whatever its length says', async (t) => {
  const dir = sampleTree(t)
  const found = count(dir)
  const names = ['', 'sub', 'sub/deeper', 'plain', 'sparse', 'sub/one', 'link']
  const odd = fs.readdirSync(dir, 'buffer').find((name) => name.includes(0xff))!
  const oddBytes = fs.lstatSync(Buffer.concat([Buffer.from(`${dir}/`), odd])).blocks * 512
  t.equal(found.bytes, blocksOf(...names.map((name) => path.join(dir, name))) + oddBytes)
  t.equal(found.entries, 9, 'both names are entries')
  t.ok(found.bytes < 10_000_000, 'a hole takes nothing')
  t.same(found.unreadable, [])
})

t.test('as du says', { skip: unless({ programs: ['du'] }) }, async (t) => {
  const dir = sampleTree(t)
  const said = execFileSync('du', ['-sx', '-B1', dir], { encoding: 'utf8' })
  t.equal(count(dir).bytes, Number(said.split('\t')[0]))
})

t.test('a file with a name elsewhere does not come back', async (t) => {
  const dir = sampleTree(t)
  const file = path.join(dir, 'sub/one')
  const sub = count(path.join(dir, 'sub'))
  t.equal(sub.freedBytes, sub.bytes, 'both of its names go')
  const one = count(file)
  t.equal(one.bytes, blocksOf(file))
  t.equal(one.freedBytes, 0)
  one.add(count(path.join(dir, 'sub/deeper/again')))
  t.equal(one.bytes, blocksOf(file), 'two accounts together count it once')
  t.equal(one.freedBytes, blocksOf(file))
})

t.test('accounts that begin inside add up to the whole', async (t) => {
  const dir = sampleTree(t)
  const [rest, sub, plain] = [new BlockCount(), new BlockCount(), new BlockCount()]
  const switches = asSwitches([
    [path.join(dir, 'sub'), sub],
    [path.join(dir, 'plain'), plain],
  ])
  countBlocks(dir, rest, switches)
  t.equal(plain.bytes, blocksOf(path.join(dir, 'plain')))
  t.equal(sub.bytes, count(path.join(dir, 'sub')).bytes)
  t.equal(rest.bytes + sub.bytes + plain.bytes, count(dir).bytes)
})

t.test('what is not there is nothing', async (t) => {
  const dir = temporaryDirectory(t)
  const found = count(path.join(dir, 'missing'))
  t.same([found.bytes, found.entries, found.unreadable], [0, 0, []])
})

t.test('what may not be read is noted', { skip: unless({ ordinaryUser: true }) }, async (t) => {
  const dir = sampleTree(t)
  const closed = path.join(dir, 'sub')
  fs.chmodSync(closed, 0)
  t.teardown(() => fs.chmodSync(closed, 0o700))
  const found = count(dir)
  t.same(found.unreadable, [{ path: closed, errno: 'EACCES' }])
  t.ok(found.bytes >= blocksOf(path.join(dir, 'plain')), 'the rest is counted')
})

t.test('another file system inside is left out', { skip: unless({ tmpfs: true }) }, async (t) => {
  const dir = sampleTree(t)
  const before = count(dir).bytes
  const inside = path.join(dir, 'sub/deeper/mounted')
  fs.mkdirSync(inside)
  const own = blocksOf(inside)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'test', inside])
  fs.writeFileSync(path.join(inside, 'file'), Buffer.alloc(500_000, 3))
  t.equal(count(dir).bytes, before, `and the directory beneath it (${own}), which nobody sees`)
})

t.test(
  'another user’s FUSE mount is somebody else’s space, though it may not be looked at',
  { skip: unless({ root: true }) || fuseSkip() },
  async (t) => {
    const dir = temporaryDirectory(t)
    const [lower, target, closed] = ['lower', 'mounted', 'closed'].map((name) => {
      const made = path.join(dir, name)
      fs.mkdirSync(made, { mode: 0o755 })
      return made
    }) as [string, string, string]
    fs.chmodSync(dir, 0o755)
    fs.writeFileSync(path.join(lower, 'f'), 'f')
    fs.chmodSync(closed, 0)
    await mountByFuse({ target, form: 'trusted', lowers: [lower], forOthers: false })
    t.teardown(() => unmountFuse(target, { lazy: true }))
    // Whoever that is may not come here from the top.
    const before = process.cwd()
    process.chdir(dir)
    process.seteuid!(65_534)
    let found: BlockCount
    try {
      t.throws(() => fs.statSync('mounted'), { code: 'EACCES' })
      found = count('.')
    } finally {
      process.seteuid!(0)
      process.chdir(before)
    }
    t.same(found.unreadable, [{ path: './closed', errno: 'EACCES' }])
    t.equal(found.entries, 4, 'the directory, two in it, and a file')
  },
)
