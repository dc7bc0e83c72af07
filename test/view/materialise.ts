import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import fc from 'fast-check'
import type { Warning } from '../../src/errors.ts'
import { pathText } from '../../src/path/byte-path.ts'
import { setXattr, getXattr } from '../../src/sys/xattr.ts'
import { materialise } from '../../src/view/materialise.ts'
import { LayerStack } from '../../src/view/stack.ts'
import { isRoot, unless } from '../support/host.ts'
import { formsHere, latin1, writeStack } from '../support/layer-directory.ts'
import { directory, file, memoryLayer } from '../support/memory-layer.ts'
import { layerStacks } from '../support/merge-model.ts'
import { temporaryDirectory } from '../support/temporary.ts'

function makeTarget(home: string): string {
  const target = path.join(home, 'target')
  fs.mkdirSync(target, { mode: 0o750 })
  return target
}

t.test('what is written is what the merge has', async (t) => {
  const home = temporaryDirectory(t)
  let run = 0
  await fc.assert(
    fc.asyncProperty(layerStacks, async (layers) => {
      const place = path.join(home, String(run++))
      const { directories } = writeStack(place, layers, 'none')
      using stack = new LayerStack(directories, { form: 'none' })
      const target = makeTarget(place)
      const { entries } = await materialise(stack, target)
      using written = new LayerStack([target], { form: 'trusted' })
      const list = (view: LayerStack['view']): string[] =>
        [...view.walk()].map((entry) => {
          const { type, linkTarget, sizeBytes } = view.node(entry)!
          return [entry.path, type, linkTarget, type === 'directory' ? 0 : sizeBytes].join(' ')
        })
      t.same(list(written.view), list(stack.view))
      t.equal(entries, [...stack.view.walk()].length)
      for (const entry of stack.view.walk()) {
        if (stack.view.node(entry)!.type !== 'file') continue
        const at = pathText(entry.path)
        const bytes = fs.readFileSync(path.join(directories[entry.layer]!, at))
        t.same(fs.readFileSync(path.join(target, at)), bytes)
      }
      return t.passing()
    }),
    { numRuns: 25, endOnFailure: true },
  )
})

t.test('hardlinks, times, modes and xattrs', async (t) => {
  const home = temporaryDirectory(t)
  const { directories } = writeStack(
    home,
    [memoryLayer(file('d/new', 'n')), memoryLayer(file('d/a', 'same'), directory('shut'))],
    'none',
  )
  const base = directories[1]!
  fs.mkdirSync(path.join(base, 'e'))
  fs.linkSync(path.join(base, 'd/a'), path.join(base, 'e/b'))
  fs.symlinkSync('a', path.join(base, 'd/l'))
  fs.linkSync(path.join(base, 'd/l'), path.join(base, 'd/m'))
  fs.chmodSync(path.join(base, 'd/a'), 0o4751)
  const tagged =
    setXattr(latin1(path.join(base, 'd/a')), 'user.tag', Buffer.from([1, 0, 255])) === 0
  execFileSync('touch', [
    '-h',
    '-d',
    '2001-02-03T04:05:06.123456789Z',
    path.join(base, 'd/a'),
    path.join(base, 'd/l'),
  ])
  execFileSync('touch', [
    '-d',
    '2002-02-03T04:05:06.5Z',
    path.join(base, 'shut'),
    path.join(directories[0]!, 'd'),
  ])
  fs.chmodSync(path.join(base, 'shut'), 0o555)
  // Writing these forms as an ordinary user; owners are another test's.
  using stack = new LayerStack(directories, { form: 'trusted' })
  const target = makeTarget(home)
  await materialise(stack, target, { owners: false })
  const status = (at: string): fs.BigIntStats =>
    fs.lstatSync(path.join(target, at), { bigint: true })
  t.equal(status('d/a').ino, status('e/b').ino)
  t.equal(status('d/l').ino, status('d/m').ino)
  t.equal(status('d/a').nlink, 2n)
  t.equal(status('d/a').mtimeNs, 981173106123456789n)
  t.equal(status('d/l').mtimeNs, 981173106123456789n)
  t.equal(status('shut').mtimeNs, 1012709106500000000n)
  t.equal(status('d').mtimeNs, 1012709106500000000n, 'a directory that got content afterwards')
  t.equal(status('d/a').mode & 0o7777n, 0o751n, 'no setuid for this account')
  t.equal(status('shut').mode & 0o7777n, 0o755n, 'removable by its owner')
  t.equal(status('.').mode & 0o7777n, 0o750n, "the target's own mode stays")
  if (tagged) {
    const value = getXattr(latin1(path.join(target, 'e/b')), 'user.tag')
    t.same(Buffer.from(value as Uint8Array), Buffer.from([1, 0, 255]))
  }
  t.ok(status('d/new').isFile())
  fs.writeFileSync(path.join(target, 'd/new'), 'changed')
  t.equal(
    fs.readFileSync(path.join(directories[0]!, 'd/new'), 'utf8'),
    'n',
    'the layer is untouched',
  )
})

t.test(
  'as root: owners, setuid and devices',
  { skip: unless({ root: true, devices: true }) },
  async (t) => {
    const home = temporaryDirectory(t)
    const layer = path.join(home, 'layer')
    fs.mkdirSync(layer)
    fs.writeFileSync(path.join(layer, 'su'), '')
    fs.chownSync(path.join(layer, 'su'), 33, 34)
    fs.chmodSync(path.join(layer, 'su'), 0o4751)
    fs.mkdirSync(path.join(layer, 'private'))
    fs.writeFileSync(path.join(layer, 'private/f'), '')
    fs.chownSync(path.join(layer, 'private'), 5, 6)
    fs.chmodSync(path.join(layer, 'private'), 0)
    execFileSync('mknod', [path.join(layer, 'null'), 'c', '1', '3'])
    execFileSync('mkfifo', [path.join(layer, 'pipe')])
    using stack = new LayerStack([layer])
    const target = makeTarget(home)
    await materialise(stack, target)
    const status = (at: string): fs.Stats => fs.lstatSync(path.join(target, at))
    t.match(status('su'), { uid: 33, gid: 34 })
    t.equal(status('su').mode & 0o7777, 0o4751)
    t.match(status('private'), { uid: 5, gid: 6 })
    t.equal(status('private').mode & 0o7777, 0)
    t.ok(status('private/f').isFile())
    t.equal(status('null').rdev, fs.lstatSync(path.join(layer, 'null')).rdev)
    t.ok(status('pipe').isFIFO())
  },
)

const cannotMakeDevices = isRoot
  ? 'root may make devices'
  : formsHere().includes('user')
    ? false
    : 'no user xattrs in the temporary directory'
t.test(
  'as an ordinary user devices are left out, and said once',
  { skip: cannotMakeDevices },
  async (t) => {
    const home = temporaryDirectory(t)
    const layer = path.join(home, 'layer')
    fs.mkdirSync(layer)
    for (const name of ['null', 'zero']) {
      fs.writeFileSync(path.join(layer, name), '')
      const value = Buffer.from('0:0:0666:char-1-3')
      setXattr(latin1(path.join(layer, name)), 'user.containers.override_stat', value)
    }
    using stack = new LayerStack([layer], { form: 'user' })
    const warnings: Warning[] = []
    const target = makeTarget(home)
    await materialise(stack, target, { onWarning: (warning) => warnings.push(warning) })
    t.same(fs.readdirSync(target), [])
    t.match(warnings, [{ code: 'device-skipped', entry: 'null', count: 2 }])
  },
)

const noXattrs = formsHere().includes('user') ? false : 'no user xattrs in the temporary directory'
t.test('written in the form user, it reads as the layer did', { skip: noXattrs }, async (t) => {
  const home = temporaryDirectory(t)
  const layer = path.join(home, 'layer')
  const records = {
    null: '0:0:0666:char-1-3',
    pipe: '1:2:0600:pipe',
    su: '33:34:04755:file',
    'd/x': '5:6:0000:file',
    d: '7:8:01700:dir',
  }
  fs.mkdirSync(path.join(layer, 'd'), { recursive: true })
  for (const [name, record] of Object.entries(records)) {
    if (name !== 'd') fs.writeFileSync(path.join(layer, name), '')
    setXattr(latin1(path.join(layer, name)), 'user.containers.override_stat', Buffer.from(record))
  }
  fs.linkSync(path.join(layer, 'null'), path.join(layer, 'same'))
  using stack = new LayerStack([layer], { form: 'user' })
  const target = makeTarget(home)
  await materialise(stack, target, { form: 'user' })
  using written = new LayerStack([target], { form: 'user' })
  const nodes = ({ view }: LayerStack): unknown[] =>
    [...view.walk()].map((entry) => {
      // What belongs to the file on disk, not to the image.
      const {
        hardlinkKey: _key,
        ino: _ino,
        nlink: _nlink,
        atimeNs: _at,
        ctimeNs: _ct,
        ...node
      } = view.node(entry)!
      return node
    })
  t.same(nodes(written), nodes(stack))
  t.match(nodes(written)[2], { type: 'char', devMajor: 1, devMinor: 3 })
})

t.test('a directory that is not empty is refused and left alone', async (t) => {
  const home = temporaryDirectory(t)
  const { directories } = writeStack(home, [memoryLayer(file('a'))], 'none')
  const target = makeTarget(home)
  fs.writeFileSync(path.join(target, 'mine'), '')
  using stack = new LayerStack(directories)
  await t.rejects(materialise(stack, target), { code: 'ERR_DESTINATION_EXISTS' })
  t.same(fs.readdirSync(target), ['mine'])
})

t.test('an abort in the middle leaves nothing', async (t) => {
  const home = temporaryDirectory(t)
  const many = Array.from({ length: 700 }, (_, i) => file(`d${i % 7}/f${i}`))
  const { directories } = writeStack(home, [memoryLayer(...many)], 'none')
  const target = makeTarget(home)
  const reason = new Error('stop')
  const controller = new AbortController()
  using stack = new LayerStack(directories)
  setImmediate(() => {
    t.not(fs.readdirSync(target).length, 0, 'it had begun')
    controller.abort(reason)
  })
  await t.rejects(materialise(stack, target, { signal: controller.signal }), reason)
  t.same(fs.readdirSync(target), [])
})

t.test('a failure in the middle leaves nothing', async (t) => {
  const home = temporaryDirectory(t)
  const { directories } = writeStack(home, [memoryLayer(file('a'), file('b'))], 'none')
  const target = makeTarget(home)
  using stack = new LayerStack(directories)
  const whole = stack.layers[0]!
  // A file that goes away between lookup and open.
  whole.openFile = (at): number =>
    at === 'b' ? -2 : Reflect.getPrototypeOf(whole)!.constructor.prototype.openFile.call(whole, at)
  await t.rejects(materialise(stack, target), { code: 'ERR_HOST', message: /target\/b: .*ENOENT/ })
  t.same(fs.readdirSync(target), [])
})
