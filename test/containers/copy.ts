// Copies into a writable layer are what they would be in a plain tree and through the kernel's mount; hostile trees and
// tars stay inside, both ways. The rules of names are in copy-rules.ts.

import fs from 'node:fs'
import path from 'node:path'
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import {
  archiveFrom,
  changesOf,
  commitContainer,
  copyFrom,
  copyInto,
  createContainer,
  mountContainer,
  readTar,
  removeContainer,
  unmountContainer,
  type Store,
  type Warning,
} from '../../src/index.ts'
import { containerOf, layerOf, openContainerStack } from '../../src/containers/container-stack.ts'
import { extractCopy } from '../../src/containers/copy-extract.ts'
import { DirectoryPlace } from '../../src/containers/copy-place.ts'
import { pathFromText, pathText, type BytePath } from '../../src/path/byte-path.ts'
import { WritableTree } from '../../src/view/writable-tree.ts'
import { containerFixture, fromBytes, ofAnotherDriver } from '../support/container.ts'
import { isRoot, unless } from '../support/host.ts'
import {
  device,
  dir,
  fifo,
  file,
  layerTar,
  link,
  MTIME_NS,
  opaque,
  symlink,
  whiteout,
  type LayerEntryInit,
} from '../support/layer.ts'
import { block, extension, paxRecords, sparseMember, ZERO_BLOCKS } from '../support/tars.ts'
import { memoryDirectory, temporaryDirectory } from '../support/temporary.ts'

interface Fact {
  readonly type: string
  readonly mode: string
  readonly owner?: string
  readonly content: string
  readonly same: string
  readonly mtimeNs?: bigint
}

type Facts = Record<string, Fact>

interface Refusal extends Error {
  readonly code?: string
}

/** What a container has of its own; no more, since a test's temporary directory may lie in /dev. */
const INIT_LAYER =
  /^(\.dockerenv|dev(\/(console|pts|shm))?|etc(\/(hostname|hosts|resolv\.conf|mtab))?|proc|sys)$/

/** Of a container, read from its layers. */
async function containerFacts(store: Store, name: string): Promise<Facts> {
  using stack = await openContainerStack(store, containerOf(store, name))
  const out: Facts = {}
  const first = new Map<string, string>()
  for (const entry of stack.view.walk()) {
    const node = stack.view.node(entry)!
    const at = pathText(node.path)
    if (INIT_LAYER.test(at)) continue
    const key = node.hardlinkKey === undefined ? at : `${node.layer}:${node.hardlinkKey}`
    if (!first.has(key)) first.set(key, at)
    let content = pathText(node.linkTarget)
    if (node.type === 'file') {
      const fd = stack.layers[node.layer]!.openFile(node.path)
      content = fs.readFileSync(fd, 'utf8')
      fs.closeSync(fd)
    }
    out[at] = {
      type: node.type,
      mode: node.type === 'symlink' ? '' : node.mode.toString(8),
      owner: `${node.uid}:${node.gid}`,
      content,
      same: first.get(key)!,
      mtimeNs: node.mtimeNs,
    }
  }
  return out
}

/** Of a directory of the host. */
function directoryFacts(directory: string): Facts {
  const out: Facts = {}
  const first = new Map<bigint, string>()
  const visit = (at: string): void => {
    for (const name of fs.readdirSync(path.join(directory, at))) {
      const child = path.join(at, name)
      if (/^(\.dockerenv|dev|etc|proc|sys)(\/|$)/.test(child)) continue
      const host = path.join(directory, child)
      const status = fs.lstatSync(host, { bigint: true })
      const type = status.isDirectory() ? 'directory' : status.isSymbolicLink() ? 'symlink' : 'file'
      if (type !== 'directory' && !first.has(status.ino)) first.set(status.ino, child)
      out[child] = {
        type,
        mode: type === 'symlink' ? '' : (status.mode & 0o7777n).toString(8),
        owner: `${status.uid}:${status.gid}`,
        content:
          type === 'file'
            ? fs.readFileSync(host, 'utf8')
            : type === 'symlink'
              ? fs.readlinkSync(host)
              : '',
        same: type === 'directory' ? child : first.get(status.ino)!,
        mtimeNs: status.mtimeNs,
      }
      if (type === 'directory') visit(child)
    }
  }
  visit('')
  return out
}

/** A plain tree keeps neither the owners of others nor times of directories that something was put into. */
function loose(facts: Facts): Record<string, object> {
  return Object.fromEntries(
    Object.entries(facts).map(([name, { owner: _o, mtimeNs: _m, same: _s, ...rest }]) => [
      name,
      rest,
    ]),
  )
}

const nameOf = fc.constantFrom('a', 'b', 'c')
const pathOf = fc.array(nameOf, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'))
const MODES = [0o644, 0o600, 0o755]
const memberOf: fc.Arbitrary<LayerEntryInit> = fc
  .tuple(pathOf, fc.nat({ max: 5 }), fc.constantFrom(...MODES), fc.nat({ max: 9 }))
  .map(([at, kind, mode, age]) => {
    const metadata = {
      mode,
      uid: age,
      gid: age + 1,
      mtimeNs: MTIME_NS - BigInt(age) * 1_000_000_000n,
    }
    if (kind < 2) return dir(at, { ...metadata, mode: 0o755 })
    return kind < 5 ? file(at, `${at} ${age}`, metadata) : symlink(at, 'a/b', metadata)
  })

/** Parents that are files would only be refused. */
function sensible(members: readonly LayerEntryInit[]): LayerEntryInit[] {
  const leaves = new Set<string>()
  const taken = new Map<string, boolean>()
  const out: LayerEntryInit[] = []
  for (const member of members) {
    const at = member.path.replace(/\/$/, '')
    const parts = at.split('/')
    const isDirectory = member.type === 'directory'
    if (parts.some((_, i) => leaves.has(parts.slice(0, i).join('/')))) continue
    if (taken.has(at)) continue
    for (let i = 1; i < parts.length; i++) taken.set(parts.slice(0, i).join('/'), true)
    taken.set(at, isDirectory)
    if (!isDirectory) leaves.add(at)
    out.push(member)
  }
  return out
}
const treeOf = fc.array(memberOf, { maxLength: 8 }).map(sensible)

t.test('a copy without a mount is a copy into the tree that a mount would show', async (t) => {
  const base = layerTar(
    dir('a', { mode: 0o711, uid: 3, gid: 4 }),
    dir('a/b'),
    file('a/b/c', 'below', { mode: 0o4711 }),
    file('a/c', 'below'),
    symlink('b', 'a/b'),
    dir('c'),
    file('c/a', 'below'),
  )
  const upper = layerTar(whiteout('a/c'), dir('c'), opaque('c'), file('c/b', 'upper'))
  const { directory, store } = await containerFixture(t, [base, upper])
  await removeContainer(store, 'box')
  let copied = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(pathOf, { maxLength: 3 }),
      fc.array(treeOf, { minLength: 1, maxLength: 2 }),
      async (removals, trees) => {
        await createContainer(store, 'base:1', { name: 'box' })
        await change(store, (tree) => {
          for (const at of removals) tree.unlink(pathFromText(at))
        })
        const plain = fs.mkdtempSync(path.join(directory, 'plain-'))
        await copyFrom(store, 'box:/.', plain)
        for (const tree of trees) {
          const tar = layerTar(...tree)
          let refused: unknown
          await copyInto(store, fromBytes(tar), 'box:/').catch((error: unknown) => {
            refused = error
          })
          using place = new DirectoryPlace(plain, { at: '' as BytePath })
          const self = { uid: process.geteuid!(), gid: process.getegid!() }
          const oracle = await extractCopy(fromBytes(tar), place, {
            form: 'trusted',
            owners: false,
            self,
          }).then(
            () => undefined,
            (error: unknown) => error as Refusal,
          )
          t.equal(
            (refused as Refusal | undefined)?.code,
            oracle?.code,
            oracle?.message ?? 'no refusal',
          )
          if (!oracle) copied++
        }
        t.same(
          loose(withoutSetuid(await containerFacts(store, 'box'))),
          loose(withoutSetuid(directoryFacts(plain))),
        )
        fs.rmSync(plain, { recursive: true })
        await removeContainer(store, 'box')
      },
    ),
    { numRuns: 25 },
  )
  t.ok(copied > 5, `${copied} copies were no refusals`)
})

function withoutSetuid(facts: Facts): Facts {
  return Object.fromEntries(
    Object.entries(facts).map(([name, fact]) => [
      name,
      { ...fact, mode: fact.mode === '' ? '' : (parseInt(fact.mode, 8) & 0o1777).toString(8) },
    ]),
  )
}

async function change(store: Store, action: (tree: WritableTree) => void): Promise<void> {
  const container = containerOf(store, 'box')
  using stack = await openContainerStack(store, container)
  const directory = store.driver.layerDirectory(layerOf(container).mountID)
  using tree = new WritableTree(directory, { form: store.form, lower: stack.layers.slice(1) })
  action(tree)
}

t.test(
  'what was copied without a mount, the kernel shows; what is copied through one, we see',
  { skip: unless({ root: true, overlay: true }) },
  async (t) => {
    const base = layerTar(
      dir('a', { mode: 0o711, uid: 3, gid: 4 }),
      file('a/old', 'old'),
      dir('a/deep'),
      file('a/deep/f', 'f'),
      dir('gone'),
      file('gone/x', 'x'),
      symlink('l', 'a'),
      file('replaced', 'old', { mode: 0o600 }),
    )
    const tree = layerTar(
      dir('a', { mode: 0o750, uid: 5, gid: 6 }),
      file('a/new', 'new', { uid: 7, mode: 0o4755 }),
      link('a/same', 'a/new', { uid: 7, mode: 0o4755 }),
      dir('gone'),
      file('gone/y', 'y'),
      file('replaced', 'new', { mode: 0o640 }),
      link('hard', 'a/old'),
      symlink('s', '/nowhere'),
      device('null', 'char', 1, 3),
      fifo('q'),
    )
    const { directory, store } = await containerFixture(t, [base])
    await createContainer(store, 'base:1', { name: 'mounted' })
    const target = path.join(directory, 'm')
    fs.mkdirSync(target)

    await mountContainer(store, 'mounted', target)
    fs.rmSync(path.join(target, 'gone'), { recursive: true })
    await copyInto(store, fromBytes(tree), 'mounted:/')
    t.equal(fs.readFileSync(path.join(target, 'a/new'), 'utf8'), 'new', 'seen at once')
    const wanted = await containerFacts(store, 'mounted')
    await unmountContainer(store, 'mounted')
    t.equal(wanted['a']!.mode, '750')
    t.equal(wanted['a/same']!.same, 'a/new')
    t.notOk(wanted['gone/x'], 'what was removed stays removed')
    t.notOk(wanted['null'] === undefined, 'devices too')

    await mountContainer(store, 'box', target)
    fs.rmSync(path.join(target, 'gone'), { recursive: true })
    await unmountContainer(store, 'box')
    await copyInto(store, fromBytes(tree), 'box:/')
    const timeless = (facts: Facts): object =>
      Object.fromEntries(
        Object.entries(facts).map(([name, { mtimeNs: _m, ...rest }]) => [name, rest]),
      )
    t.same(timeless(await containerFacts(store, 'box')), timeless(wanted))
    t.same(await changesOf(store, 'box'), await changesOf(store, 'mounted'))

    await mountContainer(store, 'box', target)
    t.same(fs.readdirSync(path.join(target, 'gone')), ['y'])
    t.equal(fs.readFileSync(path.join(target, 'a/deep/f'), 'utf8'), 'f')
    fs.writeFileSync(path.join(target, 'a/new'), 'changed')
    t.equal(fs.readFileSync(path.join(target, 'a/same'), 'utf8'), 'changed', 'still one file')
    await unmountContainer(store, 'box')
  },
)

t.test('a directory that is only passed through keeps its metadata', async (t) => {
  const times = { mtimeNs: MTIME_NS - 5_000_000_000n }
  const { directory, store } = await containerFixture(t, [
    layerTar(dir('d', { mode: 0o1750, uid: 11, gid: 12, ...times }), dir('d/e', times)),
  ])
  fs.writeFileSync(path.join(directory, 'f'), 'f')
  await copyInto(store, path.join(directory, 'f'), 'box:/d/e/f')
  const { d, 'd/e/f': f } = await containerFacts(store, 'box')
  t.match(d, { mode: isRoot ? '1750' : /^1?750$/, owner: '11:12', mtimeNs: times.mtimeNs })
  t.equal(f!.owner, `${process.geteuid!()}:${process.getegid!()}`, 'as it is on the host')
  t.same(
    (await changesOf(store, 'box')).map(({ kind, path: at }) => `${kind} ${at}`),
    ['modify /d', 'modify /d/e', 'add /d/e/f'],
  )
})

t.test('a copied file is committed', async (t) => {
  const { directory, store } = await containerFixture(t, [layerTar(dir('d'), file('d/x', 'x'))])
  fs.writeFileSync(path.join(directory, 'x'), 'changed')
  await copyInto(store, path.join(directory, 'x'), 'box:/d')
  await commitContainer(store, 'box', { reference: 'new:1' })
  const out = path.join(directory, 'out')
  await copyFrom(store, 'new:1:/d/x', out)
  t.equal(fs.readFileSync(out, 'utf8'), 'changed')
})

t.test('a tar may be compressed', async (t) => {
  const { store } = await containerFixture(t, [layerTar(dir('d'))])
  await copyInto(store, fromBytes(gzipSync(layerTar(file('x', 'x'), file('y', 'y')))), 'box:/d')
  t.match(await containerFacts(store, 'box'), { 'd/x': { content: 'x' }, 'd/y': { content: 'y' } })
  await t.rejects(copyInto(store, fromBytes(Buffer.from('no tar at all')), 'box:/d'), {
    name: 'ArchiveError',
  })
})

t.test('images are sources, and nothing else', async (t) => {
  const { directory, store } = await containerFixture(t, [layerTar(file('f', 'image'))])
  const out = path.join(directory, 'out')
  const result = await copyFrom(store, 'base:1:/f', out)
  t.equal(fs.readFileSync(out, 'utf8'), 'image')
  t.ok(result.sizeBytes >= 1024)
  await t.rejects(copyInto(store, out, 'base:1:/f'), /is an image, and images do not change/)
  await t.rejects(copyFrom(store, 'base:1:/none', out), {
    code: 'ERR_PATH_NOT_FOUND',
    message: 'No such image:path: base:1:/none',
  })
})

t.test('no path of an image leads to the host', async (t) => {
  const outside = temporaryDirectory(t)
  fs.writeFileSync(path.join(outside, 'secret'), 'of the host')
  const deep = outside.slice(1)
  const { directory, store } = await containerFixture(t, [
    layerTar(
      symlink('abs', outside),
      symlink('up', `../../../..${outside}`),
      symlink('chain', 'abs'),
      symlink('passwd', '/proc/self/root/etc/passwd'),
      symlink('loop', 'loop'),
    ),
  ])
  const out = path.join(directory, 'out')
  for (const name of ['abs', 'up', 'chain']) {
    await t.rejects(copyFrom(store, `box:/${name}/secret`, out), { code: 'ERR_PATH_NOT_FOUND' })
    await t.rejects(copyFrom(store, `box:/${name}`, out, { followLink: true }), {
      code: 'ERR_PATH_NOT_FOUND',
    })
  }
  await t.rejects(copyFrom(store, 'box:/passwd', out, { followLink: true }), {
    code: 'ERR_PATH_NOT_FOUND',
  })
  await t.rejects(copyFrom(store, 'box:/loop/x', out), { code: 'ERR_PATH_MAX' })
  await t.rejects(copyFrom(store, `box:/../../..${outside}/secret`, out), {
    code: 'ERR_PATH_NOT_FOUND',
  })
  t.notOk(fs.existsSync(out))

  // The same links as destinations: what they lead to is made inside, or is not there.
  fs.writeFileSync(path.join(directory, 'f'), 'mine')
  const source = path.join(directory, 'f')
  await t.rejects(copyInto(store, source, 'box:/abs/secret'), { code: 'ERR_PATH_NOT_FOUND' })
  await copyInto(store, fromBytes(layerTar(dir(deep), file(`${deep}/secret`, 'inside'))), 'box:/')
  await copyInto(store, source, 'box:/abs/secret')
  await copyInto(store, source, 'box:/up/second')
  const facts = await containerFacts(store, 'box')
  t.equal(facts[`${deep}/secret`]?.content, 'mine')
  t.equal(facts[`${deep}/second`]?.content, 'mine')
  t.same(fs.readdirSync(outside), ['secret'])
  t.equal(fs.readFileSync(path.join(outside, 'secret'), 'utf8'), 'of the host')
})

t.test('no tar leads out of the container', async (t) => {
  const outside = temporaryDirectory(t)
  fs.writeFileSync(path.join(outside, 'secret'), 'of the host')
  const { store } = await containerFixture(t, [layerTar(dir('d'), file('d/f', 'f'))])
  const into = (...entries: LayerEntryInit[]): Promise<unknown> =>
    copyInto(store, fromBytes(layerTar(...entries)), 'box:/d')
  for (const name of ['../x', '../../x', 'a/../../x', `../../../../..${outside}/x`])
    await t.rejects(into(file(name, 'x')), { code: 'ERR_PATH_ESCAPE' }, name)
  await into(symlink('out', outside))
  await t.rejects(into(file('out/secret', 'planted')), { name: /Error/ })
  await t.rejects(into(link('hard', '../../../etc/passwd')), { code: 'ERR_LINK_ESCAPE' })
  await t.rejects(into(link('hard', `out/secret`)), { code: 'ERR_LINK_TARGET' })
  await into(file(`/abs`, 'inside'))
  const warnings: Warning[] = []
  const forged = layerTar(
    device('f', 'char', 0, 0),
    file('marked', '', { xattrs: new Map([['trusted.overlay.opaque', Buffer.from('y')]]) }),
  )
  await copyInto(store, fromBytes(forged), 'box:/d', { onWarning: (each) => warnings.push(each) })
  t.same([...new Set(warnings.map(({ code }) => code))], ['forged-overlay-metadata'])
  const facts = await containerFacts(store, 'box')
  t.equal(facts['d/f']?.content, 'f', 'no tar removes what an image has')
  t.equal(facts['d/abs']?.content, 'inside')
  t.same(fs.readdirSync(outside), ['secret'])
  t.equal(fs.readFileSync(path.join(outside, 'secret'), 'utf8'), 'of the host')
})

t.test('no tar takes more than a load of it might', async (t) => {
  const { store } = await containerFixture(t, [layerTar(dir('d'))])
  const into = (tar: Uint8Array): Promise<unknown> => copyInto(store, fromBytes(tar), 'box:/d')
  const sparse = Buffer.concat([sparseMember(2 ** 40), ZERO_BLOCKS])
  await t.rejects(into(sparse), {
    code: 'ERR_EXPANSION_MAX',
    details: { name: 'layer-bytes', actual: 2 ** 40 },
  })
  const far = Array.from({ length: 150 }, () => 'a').join('/')
  const throughLinks = layerTar(file(`${far}/f`), symlink('s', far), file(`s/${far}/f`))
  await t.rejects(into(throughLinks), { code: 'ERR_PATH_MAX', details: { name: 'path-depth' } })
  const bomb = gzipSync(layerTar(file('zeros', Buffer.alloc(260 << 20))))
  await t.rejects(into(bomb), { code: 'ERR_EXPANSION_MAX', details: { name: 'expansion' } })
  // Held to the end, for their times.
  const folders = function* (): Generator<Uint8Array> {
    const long = `${'n'.repeat(250)}/`.repeat(15)
    for (let i = 0; i < 5000; i++) {
      yield Buffer.concat([
        extension('x', paxRecords({ path: `${long}${i}/` })),
        block({ name: 'd/', type: '5' }),
      ])
    }
    yield ZERO_BLOCKS
  }
  using place = new DirectoryPlace(memoryDirectory(t))
  const many = extractCopy(Readable.from(folders()), place, { form: 'none' })
  await t.rejects(many, { code: 'ERR_ENTRIES_MAX', details: { name: 'name-bytes' } })
})

t.test('numbers that no file can have are not cut until they fit', async (t) => {
  const { store } = await containerFixture(t, [layerTar(dir('d'), file('d/f', 'below'))])
  const before = await containerFacts(store, 'box')
  const into = (...entries: LayerEntryInit[]): Promise<unknown> =>
    copyInto(store, fromBytes(layerTar(...entries)), 'box:/d')
  const isRefused = { code: 'ERR_TAR_HEADER' }
  const minor = Buffer.from([0x80, 0, 0, 1, 0, 0, 0, 0])
  const removal = [block({ name: 'f', type: '3', patch: { 337: minor } }), ZERO_BLOCKS]
  const removed = copyInto(store, fromBytes(Buffer.concat(removal)), 'box:/d')
  await t.rejects(removed, isRefused, 'a whiteout')
  await t.rejects(into(file('f', 'x', { uid: 2 ** 32, mode: 0o4755 })), isRefused, 'root')
  await t.rejects(into(file('f', 'x', { gid: 2 ** 32 - 1 })), isRefused, 'whoever copies')
  t.same(await containerFacts(store, 'box'), before)
})

t.test('no image writes outside of the destination', async (t) => {
  const { directory, store } = await containerFixture(t, [
    layerTar(
      dir('d'),
      dir('d/e'),
      file('d/e/f', 'planted'),
      symlink('d/s', '/etc'),
      file('f', 'f'),
    ),
  ])
  const outside = path.join(directory, 'outside')
  const dst = path.join(directory, 'dst')
  fs.mkdirSync(outside)
  fs.mkdirSync(path.join(dst, 'd'), { recursive: true })
  fs.symlinkSync(outside, path.join(dst, 'd/e'))
  await t.rejects(copyFrom(store, 'box:/d', dst), {
    code: 'ERR_DESTINATION_EXISTS',
    message: /^cannot overwrite non-directory/,
  })
  t.same(fs.readdirSync(outside), [])
  fs.rmSync(path.join(dst, 'd/e'))
  fs.writeFileSync(path.join(outside, 'kept'), 'kept')
  fs.symlinkSync(path.join(outside, 'kept'), path.join(dst, 'd/s'))
  await copyFrom(store, 'box:/d', dst)
  t.equal(fs.readlinkSync(path.join(dst, 'd/s')), '/etc', 'a link is replaced, not written through')
  t.equal(fs.readFileSync(path.join(outside, 'kept'), 'utf8'), 'kept')
  t.equal(fs.readFileSync(path.join(dst, 'd/e/f'), 'utf8'), 'planted')
})

t.test('owners: the caller’s on the host, unless they are asked for', async (t) => {
  const { directory, store } = await containerFixture(t, [
    layerTar(file('su', 'x', { mode: 0o4755, uid: 1234, gid: 99 })),
  ])
  const stat = (name: string): object => {
    const { uid, gid, mode } = fs.statSync(path.join(directory, name))
    return { uid, gid, mode: (mode & 0o7777).toString(8) }
  }
  const self = { uid: process.geteuid!(), gid: process.getegid!() }
  await copyFrom(store, 'box:/su', path.join(directory, 'plain'))
  t.same(stat('plain'), { ...self, mode: '755' }, 'nobody becomes somebody by a copy')
  await copyFrom(store, 'box:/su', path.join(directory, 'kept'), { archive: true })
  t.same(stat('kept'), isRoot ? { uid: 1234, gid: 99, mode: '4755' } : { ...self, mode: '755' })
})

t.test('a path in a volume means the volume', async (t) => {
  const { directory, store } = await containerFixture(t, [
    layerTar(dir('data'), file('data/image', 'from the image'), symlink('link', '/data')),
  ])
  const bound = path.join(directory, 'bound')
  fs.mkdirSync(bound)
  fs.writeFileSync(path.join(bound, 'there'), 'of the host')
  const volumes = ['vol:/data', `${bound}:/data/deep/bound:ro`]
  await createContainer(store, 'base:1', { name: 'with', volumes })
  const data = path.join(store.root, 'volumes/vol/_data')
  t.same(fs.readdirSync(data), ['image'], 'the first use fills it')
  fs.writeFileSync(path.join(data, 'later'), 'later')
  fs.symlinkSync('/etc', path.join(data, 'out'))

  const out = path.join(directory, 'out')
  const warnings: Warning[] = []
  const onWarning = (warning: Warning): number => warnings.push(warning)
  for (const source of ['with:/data', 'with:/data/.', 'with:/link/', 'with:data/']) {
    await copyFrom(store, source, out)
    t.same(fs.readdirSync(out).sort(), ['image', 'later', 'out'], source)
    fs.rmSync(out, { recursive: true })
  }
  for (const [source, content] of [
    ['with:/data/later', 'later'],
    ['with:/link/later', 'later'],
    ['with:/data/deep/bound/there', 'of the host'],
  ] as const) {
    await copyFrom(store, source, out)
    t.equal(fs.readFileSync(out, 'utf8'), content)
    fs.rmSync(out)
  }
  for (const source of ['with:/data/none', 'with:/data/out/passwd'])
    await t.rejects(copyFrom(store, source, out), { code: 'ERR_PATH_NOT_FOUND' }, source)
  await copyFrom(store, 'with:/', out, { onWarning })
  t.match(warnings, [{ code: 'volume-left-out', count: 2 }])

  const source = path.join(directory, 'f')
  fs.writeFileSync(source, 'mine')
  await copyInto(store, source, 'with:/data')
  await copyInto(store, source, 'with:/link/second')
  await copyInto(store, source, 'with:/data/later')
  t.equal(fs.readFileSync(path.join(data, 'f'), 'utf8'), 'mine')
  t.equal(fs.readFileSync(path.join(data, 'second'), 'utf8'), 'mine')
  t.equal(fs.readFileSync(path.join(data, 'later'), 'utf8'), 'mine')
  await t.rejects(copyInto(store, source, 'with:/data/deep/bound/x'), /marked read-only/)
  await t.rejects(copyInto(store, source, 'with:/data/none/x'), { code: 'ERR_PATH_NOT_FOUND' })
  t.same(fs.readdirSync(bound), ['there'])
  t.notOk((await containerFacts(store, 'with'))['data/f'], 'the layers beneath stay as they were')
})

t.test('a volume of another driver is not the local one of its name', async (t) => {
  const { directory, store } = await containerFixture(t, [
    layerTar(dir('data'), file('data/image', 'from the image'), file('other', 'beside')),
  ])
  await createContainer(store, 'base:1', { name: 'with', volumes: ['vol:/data'] })
  ofAnotherDriver(store, 'with')
  const refused = {
    code: 'ERR_HOST_UNSUPPORTED',
    message:
      /^cannot copy from or into the volume vol of with: it is of the volume driver "nfs", .*; use docker cp/,
  }
  const data = path.join(store.root, 'volumes/vol/_data')
  const out = path.join(directory, 'out')
  const refuse = async (): Promise<void> => {
    for (const source of ['with:/data', 'with:/data/image'])
      await t.rejects(copyFrom(store, source, out), refused, source)
    const source = path.join(directory, 'f')
    fs.writeFileSync(source, 'mine')
    for (const destination of ['with:/data', 'with:/data/f', 'with:/data/image'])
      await t.rejects(copyInto(store, source, destination), refused, destination)
  }
  await refuse()
  t.same(fs.readdirSync(data), ['image'], 'what is not its own stays as it was')
  fs.rmSync(path.dirname(data), { recursive: true })
  await refuse()
  t.notOk((await containerFacts(store, 'with'))['data/f'], 'nor does it go beneath the volume')

  const warnings: Warning[] = []
  await copyFrom(store, 'with:/other', out)
  t.equal(fs.readFileSync(out, 'utf8'), 'beside')
  fs.rmSync(out)
  await copyFrom(store, 'with:/', out, { onWarning: (warning) => warnings.push(warning) })
  t.match(warnings, [{ code: 'volume-left-out', entry: '/data', count: 1 }])
})

t.test('a signal ends a copy', async (t) => {
  const { directory, store } = await containerFixture(t, [layerTar(file('f', 'x'))])
  const signal = AbortSignal.abort(new Error('enough'))
  const out = path.join(directory, 'out')
  await t.rejects(copyFrom(store, 'box:/f', out, { signal }), /enough/)
  await t.rejects(copyInto(store, directory, 'box:/x', { signal }), /enough/)
  t.notOk(fs.existsSync(out))
  t.notOk((await containerFacts(store, 'box'))['x'])
})

t.test('an archive can be read in part', async (t) => {
  const { store } = await containerFixture(t, [layerTar(file('f', 'x'.repeat(1 << 20)))])
  for await (const { header } of readTar(await archiveFrom(store, 'box:/f'))) {
    t.equal(header.path, 'f')
    break
  }
  await t.rejects(archiveFrom(store, 'box:/none'), { code: 'ERR_PATH_NOT_FOUND' })
})
