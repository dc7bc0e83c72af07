import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { joinPath, pathBytes, pathFromText, type BytePath } from '../../src/path/byte-path.ts'
import { must } from '../../src/sys/errno.ts'
import { AT_FDCWD, mknodAt } from '../../src/sys/file-calls.ts'
import { setXattr } from '../../src/sys/xattr.ts'
import type { LayerNode } from '../../src/union/layer-view.ts'
import { DirectoryLayer } from '../../src/view/directory-layer.ts'
import { formsHere, latin1, markOpaque, writeLayer } from '../support/layer-directory.ts'
import { directory, file, memoryLayer, symlink, whiteout } from '../support/memory-layer.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const S_IFCHR = 0o020000
const p = pathFromText
const forms = formsHere()
const noXattrs = forms.includes('user') ? false : 'no user xattrs in the temporary directory'
const notRoot = forms.includes('trusted') ? false : 'device whiteouts need root'

const kinds = (layer: DirectoryLayer, at = ''): Record<string, string> =>
  Object.fromEntries(layer.list(p(at)).map(({ name, kind }) => [name, kind]))
const nodeOf = (layer: DirectoryLayer, at: BytePath): LayerNode => {
  const node = layer.lookup(at)
  if (node === undefined || node === 'whiteout') throw new Error(`${at} is ${node}`)
  return node
}

const content = memoryLayer(
  file('etc/passwd', 'root'),
  file('etc/empty'),
  symlink('etc/link', '/etc/passwd'),
  whiteout('etc/gone'),
  whiteout('top-gone'),
  directory('shut', true),
  file('shut/new'),
)

for (const form of ['trusted', 'user', 'none'] as const) {
  const skip = form === 'trusted' ? notRoot : form === 'user' ? noXattrs : false
  t.test(`a layer in the form ${form}`, { skip }, async (t) => {
    const place = temporaryDirectory(t)
    writeLayer(place, content, form)
    using layer = new DirectoryLayer(place, { form })
    t.same(kinds(layer), { etc: 'directory', shut: 'directory', 'top-gone': 'whiteout' })
    t.same(kinds(layer, 'etc'), { passwd: 'leaf', empty: 'leaf', link: 'leaf', gone: 'whiteout' })
    t.same(kinds(layer, 'shut'), { new: 'leaf' })
    t.equal(layer.lookup(p('etc/gone')), 'whiteout')
    t.equal(layer.lookup(p('top-gone')), 'whiteout')
    t.equal(layer.lookup(p('etc/none')), undefined)
    t.equal(layer.opaque(p('shut')), true)
    t.equal(layer.opaque(p('etc')), false)
    t.match(nodeOf(layer, p('etc/passwd')), { type: 'file', sizeBytes: 4, linkTarget: '' })
    t.match(nodeOf(layer, p('etc/empty')), { type: 'file', sizeBytes: 0 })
    t.match(nodeOf(layer, p('etc/link')), {
      type: 'symlink',
      linkTarget: '/etc/passwd',
      sizeBytes: 11,
    })
    t.equal(nodeOf(layer, p('')).type, 'directory')
    if (form !== 'none') t.same([...layer.xattrs(p('shut')).keys()], [], 'our own marks stay ours')
  })
}

t.test('marks of the other namespace are believed too', { skip: notRoot }, async (t) => {
  const place = temporaryDirectory(t)
  writeLayer(place, content, 'user')
  using layer = new DirectoryLayer(place, { form: 'trusted' })
  t.equal(layer.opaque(p('shut')), true)
  t.equal(layer.lookup(p('etc/gone')), 'whiteout')
  t.equal(kinds(layer, 'etc')['gone'], 'whiteout')
})

t.test(
  'an xattr whiteout counts only where its directory says so',
  { skip: noXattrs },
  async (t) => {
    const place = temporaryDirectory(t)
    fs.writeFileSync(path.join(place, 'a'), '')
    fs.writeFileSync(path.join(place, 'b'), 'not empty')
    for (const name of ['a', 'b']) {
      setXattr(latin1(path.join(place, name)), 'user.overlay.whiteout', Buffer.from('y'))
    }
    const before = new DirectoryLayer(place, { form: 'user' })
    t.same(kinds(before), { a: 'leaf', b: 'leaf' })
    before.close()
    setXattr(latin1(place), 'user.overlay.opaque', Buffer.from('x'))
    using layer = new DirectoryLayer(place, { form: 'user' })
    t.same(kinds(layer), { a: 'whiteout', b: 'leaf' })
    t.equal(layer.opaque(p('')), false, 'x is not y')
  },
)

t.test('never through a symlink, in no form and at no depth', async (t) => {
  const outside = temporaryDirectory(t)
  fs.writeFileSync(path.join(outside, 'secret'), 's')
  const place = temporaryDirectory(t)
  fs.mkdirSync(path.join(place, 'd'))
  fs.symlinkSync(outside, path.join(place, 'out'))
  fs.symlinkSync(outside, path.join(place, 'd/out'))
  fs.symlinkSync(path.join(outside, 'secret'), path.join(place, 'leak'))
  using layer = new DirectoryLayer(place, { form: 'none' })
  for (const at of ['out/secret', 'd/out/secret', 'd/../out/secret', '../x'].map(p)) {
    t.equal(layer.lookup(at), undefined, at)
    t.ok(layer.openFile(at) < 0, at)
  }
  t.same(layer.list(p('out')), [])
  t.same(layer.list(p('d/out')), [])
  t.equal(layer.opaque(p('out')), false)
  t.ok(layer.openFile(p('leak')) < 0)
})

t.test('names are bytes', async (t) => {
  const place = temporaryDirectory(t)
  const name = '\xff\xfe b\n' as BytePath
  const dir = Buffer.concat([Buffer.from(`${place}/`), pathBytes(name)])
  fs.mkdirSync(dir)
  fs.writeFileSync(Buffer.concat([dir, Buffer.from('/'), pathBytes('\x80' as BytePath)]), 'abc')
  using layer = new DirectoryLayer(place, { form: 'none' })
  t.same(layer.list(p('')), [{ name, kind: 'directory' }])
  t.equal(nodeOf(layer, joinPath(name, '\x80' as BytePath)).sizeBytes, 3)
})

t.test('names of one file share a key, times keep their nanoseconds', async (t) => {
  const place = temporaryDirectory(t)
  fs.writeFileSync(path.join(place, 'a'), '')
  fs.linkSync(path.join(place, 'a'), path.join(place, 'b'))
  fs.writeFileSync(path.join(place, 'c'), '')
  using layer = new DirectoryLayer(place, { form: 'none' })
  const [a, b, c] = ['a', 'b', 'c'].map((name) => nodeOf(layer, p(name)))
  t.ok(a!.hardlinkKey)
  t.equal(a!.hardlinkKey, b!.hardlinkKey)
  t.equal(c!.hardlinkKey, undefined)
  const { mtimeNs } = fs.statSync(path.join(place, 'c'), { bigint: true })
  t.equal(c!.mtimeNs, mtimeNs)
})

t.test('owners that the disk could not take', { skip: noXattrs }, async (t) => {
  const place = temporaryDirectory(t)
  const override = (name: string, value: string): void => {
    setXattr(latin1(path.join(place, name)), 'user.containers.override_stat', Buffer.from(value))
  }
  for (const name of ['file', 'null', 'pipe', 'plain', 'forged-by-content']) {
    fs.writeFileSync(path.join(place, name), '')
  }
  fs.mkdirSync(path.join(place, 'dir'))
  fs.mkdirSync(path.join(place, 'odd'))
  fs.symlinkSync('x', path.join(place, 'link'))
  override('file', '33:34:04755:file')
  override('null', '0:0:0666:char-1-3')
  override('pipe', '1:2:0600:pipe')
  override('dir', '5:6:01777:dir')
  override('odd', '5:6:01777:char-1-3')
  using layer = new DirectoryLayer(place, {
    form: 'user',
    headers: (at) => (at === 'link' ? { mode: 0o644, uid: 7, gid: 8 } : undefined),
  })
  const seen = (name: string): unknown => {
    const { type, uid, gid, mode } = nodeOf(layer, p(name))
    return [type, uid, gid, mode.toString(8)]
  }
  t.same(seen('file'), ['file', 33, 34, '4755'])
  t.same(seen('pipe'), ['fifo', 1, 2, '600'])
  t.same(seen('dir'), ['directory', 5, 6, '1777'])
  t.same(seen('link'), ['symlink', 7, 8, '777'], 'as every link has it, whatever the tar says')
  t.match(nodeOf(layer, p('null')), { type: 'char', devMajor: 1, devMinor: 3, sizeBytes: 0 })
  t.match(nodeOf(layer, p('plain')), { type: 'file', uid: 0, gid: 0 }, 'never whoever loaded it')
  t.match(nodeOf(layer, p('odd')), { type: 'directory', uid: 0 }, 'a directory is no device')
  t.same([...layer.xattrs(p('file')).keys()], [])
})

t.test('xattrs of the image come as bytes', { skip: noXattrs }, async (t) => {
  const place = temporaryDirectory(t)
  fs.writeFileSync(path.join(place, 'f'), '')
  const value = Buffer.from([0, 255, 10, 0])
  setXattr(latin1(path.join(place, 'f')), 'user.k', value)
  using layer = new DirectoryLayer(place, {
    form: 'user',
    headers: () => ({ mode: 0, uid: 0, gid: 0, xattrs: new Map([['security.capability', value]]) }),
  })
  const got = [...layer.xattrs(p('f'))].map(([key, bytes]) => [
    key,
    Buffer.from(bytes).toString('hex'),
  ])
  t.same(got, [
    ['security.capability', '00ff0a00'],
    ['user.k', '00ff0a00'],
  ])
  t.same([...layer.xattrs(p('absent/f')).keys()], ['security.capability'])
})

t.test('the form none: markers and leftovers are names to no one', async (t) => {
  const place = temporaryDirectory(t)
  for (const name of ['.wh.both', 'both', '.wh..wh.aufs', '.wh.', '.wh.only']) {
    fs.writeFileSync(path.join(place, name), '')
  }
  fs.mkdirSync(path.join(place, 'd'))
  markOpaque(path.join(place, 'd'), 'none')
  using layer = new DirectoryLayer(place, { form: 'none' })
  t.same(kinds(layer), { both: 'leaf', d: 'directory', only: 'whiteout' })
  t.equal(nodeOf(layer, p('both')).type, 'file')
  t.equal(layer.lookup(p('.wh.both')), undefined)
  t.equal(layer.opaque(p('d')), true)
  t.same(layer.list(p('d')), [])
})

t.test('removals by name, beside the marks of another form', { skip: notRoot }, async (t) => {
  const place = temporaryDirectory(t)
  for (const name of ['.wh.both', 'both', '.wh.only']) fs.writeFileSync(path.join(place, name), '')
  must(mknodAt(AT_FDCWD, latin1(path.join(place, 'device')), S_IFCHR), 'mknod', place)
  for (const form of ['none', 'trusted'] as const) {
    fs.mkdirSync(path.join(place, form))
    markOpaque(path.join(place, form), form)
  }
  using layer = new DirectoryLayer(place, { whiteoutNames: true })
  t.same(kinds(layer), {
    both: 'leaf',
    device: 'whiteout',
    none: 'directory',
    only: 'whiteout',
    trusted: 'directory',
  })
  for (const name of ['device', 'only']) t.equal(layer.lookup(p(name)), 'whiteout')
  t.equal(nodeOf(layer, p('both')).type, 'file')
  t.equal(layer.lookup(p('.wh.only')), undefined)
  t.same(
    ['none', 'trusted'].map((name) => layer.opaque(p(name))),
    [true, true],
  )
  using plain = new DirectoryLayer(place)
  t.equal(nodeOf(plain, p('.wh.only')).type, 'file', 'only where it is asked for')
  t.equal(plain.opaque(p('none')), false)
})

t.test('a directory that is not there is an error with its name', async (t) => {
  const place = path.join(temporaryDirectory(t), 'missing')
  t.throws(() => new DirectoryLayer(place), { code: 'ERR_HOST', message: place })
})
