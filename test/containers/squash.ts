// A squashed image shows what the image showed, over generated stacks and from every layer on; its layer holds no mark
// that removes nothing; its config is docker's.

import fs from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import {
  loadArchive,
  openStore,
  removeImage,
  squashImage,
  type Image,
  type Store,
} from '../../src/index.ts'
import { openImageStack } from '../../src/inspect/image-stack.ts'
import { pathFromText } from '../../src/path/byte-path.ts'
import { dockerArchive25, packed, buildImage } from '../support/image.ts'
import { fromBytes } from '../support/container.ts'
import {
  device,
  dir,
  file,
  layerTar,
  link,
  MTIME_NS,
  opaque,
  symlink,
  whiteout,
  type LayerEntryInit,
} from '../support/layer.ts'
import { layerStacks } from '../support/merge-model.ts'
import type { MemoryLayer } from '../support/memory-layer.ts'
import { temporaryDirectory } from '../support/temporary.ts'

/** Every path with all that is known of it; names of one file are told by the first of them. */
async function facts(store: Store, image: Image): Promise<Record<string, object>> {
  using stack = await openImageStack(store, image)
  const out: Record<string, object> = {}
  const first = new Map<string, string>()
  for (const entry of stack.view.walk()) {
    const node = stack.view.node(entry)!
    const layer = stack.layers[node.layer]!
    const { path: at, hardlinkKey, type, mode, uid, gid, mtimeNs, linkTarget, devMajor } = node
    const { devMinor, sizeBytes } = node
    const rest = { type, mode, uid, gid, mtimeNs, linkTarget, devMajor, devMinor, sizeBytes }
    const key = hardlinkKey === undefined ? at : `${node.layer}:${hardlinkKey}`
    if (!first.has(key)) first.set(key, at)
    let content = ''
    if (node.type === 'file') {
      const fd = layer.openFile(at)
      content = fs.readFileSync(fd, 'latin1')
      fs.closeSync(fd)
    }
    const xattrs = [...layer.xattrs(at)].map(([name, value]) => [
      name,
      Buffer.from(value).toString('latin1'),
    ])
    out[at] = {
      ...rest,
      content,
      xattrs: Object.fromEntries(xattrs) as object,
      same: first.get(key),
    }
  }
  return out
}

/** @param links every other file becomes a link to the one before it, where the layer has one */
function tarOf(layer: MemoryLayer, links: boolean, age: number): Buffer {
  const out: LayerEntryInit[] = []
  let count = 0
  let linkable: string | undefined
  const sorted = [...layer.entries].sort(([a], [b]) => a.split('/').length - b.split('/').length)
  for (const [at, entry] of sorted) {
    if (at === '') continue
    const mtimeNs = MTIME_NS + BigInt(age * 1000 + count++)
    const metadata = { mtimeNs, mode: 0o600 + age, uid: age, gid: count }
    if (entry.type === 'whiteout') out.push(whiteout(at))
    else if (entry.type === 'directory') {
      out.push(dir(at, { ...metadata, mode: 0o700 + age }))
      if (entry.opaque) out.push(opaque(at))
    } else if (entry.type === 'symlink') out.push(symlink(at, entry.linkTarget!, { mtimeNs }))
    else if (links && linkable !== undefined && count % 2 === 0) {
      const named = out.find(({ path: name }) => name === linkable)!
      const { mode = 0, uid = 0, gid = 0 } = named
      out.push(link(at, linkable, { mode, uid, gid, mtimeNs: named.mtimeNs! }))
    } else {
      out.push(file(at, `${age} ${entry.content}`, metadata))
      linkable = at
    }
  }
  return layerTar(...out)
}

t.test('the merge stays, whatever is squashed', async (t) => {
  const root = path.join(temporaryDirectory(t), 'root')
  const store = await openStore(root, { sync: false })
  let squashes = 0
  await fc.assert(
    fc.asyncProperty(layerStacks, fc.boolean(), fc.nat(), async (layers, links, seed) => {
      const tars = [...layers].reverse().map((layer, age) => tarOf(layer, links, age))
      const archive = packed(dockerArchive25([{ image: buildImage(tars), tags: ['all:1'] }]))
      await loadArchive(store, fromBytes(archive))
      const image = store.image('all:1')
      const wanted = await facts(store, image)
      const from = 1 + (seed % tars.length)
      const made = await squashImage(store, 'all:1', { from: String(from), reference: 'flat:1' })
      squashes++
      const flat = store.image('flat:1')
      t.equal(flat.id, made.imageID)
      t.equal(flat.layers.length, from)
      t.same(
        flat.config.rootfs.diffIDs.slice(0, from - 1),
        image.config.rootfs.diffIDs.slice(0, from - 1),
      )
      t.same(await facts(store, flat), wanted, `from ${from} of ${tars.length}`)
      // Nothing is removed that is not there.
      using stack = await openImageStack(store, flat)
      const top = stack.layers[0]!
      const below = (at: string): boolean =>
        stack.layers.slice(1).length > 0 && lowerHas(stack.layers.slice(1), at)
      const visit = (at: string): void => {
        for (const { name, kind } of top.list(pathFromText(at))) {
          const child = at === '' ? name : `${at}/${name}`
          if (kind === 'whiteout') t.ok(below(child), `${child} is removed and was there`)
          if (kind === 'directory') visit(child)
        }
      }
      visit('')
      await removeImage(store, 'flat:1')
      await removeImage(store, 'all:1', { force: true })
    }),
    { numRuns: 25 },
  )
  t.equal(squashes, 25)
})

function lowerHas(
  layers: readonly { list(at: ReturnType<typeof pathFromText>): readonly { name: string }[] }[],
  at: string,
): boolean {
  const slash = at.lastIndexOf('/')
  const parent = pathFromText(slash < 0 ? '' : at.slice(0, slash))
  return layers.some((layer) => layer.list(parent).some(({ name }) => name === at.slice(slash + 1)))
}

const NS = { mtimeNs: MTIME_NS + 123_456_789n }
const BASE = layerTar(
  dir('d'),
  file('d/old', 'old'),
  file('a', 'a', NS),
  link('b', 'a', NS),
  dir('e'),
)
const MIDDLE = layerTar(
  dir('d'),
  file('d/new', 'new', { xattrs: new Map([['user.note', Buffer.from('kept')]]) }),
  whiteout('e'),
)
const TOP = layerTar(whiteout('d'), dir('d'), file('d/last', 'last'), device('null', 'char', 1, 3))
const HISTORY = [
  { created: '2024-01-01T00:00:00Z', created_by: 'base' },
  { created: '2024-01-02T00:00:00Z', created_by: 'ENV', empty_layer: true },
  { created: '2024-01-03T00:00:00Z', created_by: 'middle' },
  { created: '2024-01-04T00:00:00Z', created_by: 'top', author: 'me', comment: 'buildkit' },
  { created: '2024-01-05T00:00:00Z', created_by: 'CMD', empty_layer: true },
]

async function threeLayers(
  t: { teardown(callback: () => void): unknown },
  driver: 'overlay2' | 'vfs' = 'overlay2',
): Promise<Store> {
  const root = path.join(temporaryDirectory(t), 'root')
  const store = await openStore(root, { sync: false, driver })
  const config = { Cmd: ['/bin/x'], Env: ['A=b'], Labels: { l: 'v' } }
  const image = buildImage([BASE, MIDDLE, TOP], { history: HISTORY, config, author: 'who' })
  await loadArchive(store, fromBytes(packed(dockerArchive25([{ image, tags: ['all:1'] }]))))
  return store
}

t.test('history and config are what docker build --squash writes', async (t) => {
  const store = await threeLayers(t)
  const image = store.image('all:1')
  for (const from of [
    undefined,
    '2',
    image.layers[1]!.diffID,
    image.layers[1]!.chainID.slice(7, 20),
  ]) {
    await squashImage(store, 'all:1', { reference: 'flat:1', ...(from ? { from } : {}) })
    const { config } = store.image('flat:1')
    const comment = from
      ? `merge ${image.id} to ${image.layers[0]!.chainID}`
      : `create new from ${image.id}`
    t.match(config.history, [
      { createdBy: 'base', emptyLayer: from === undefined },
      { createdBy: 'ENV', emptyLayer: true },
      { createdBy: 'middle', emptyLayer: true },
      { createdBy: 'top', author: 'me', comment: 'buildkit', emptyLayer: true },
      { createdBy: 'CMD', emptyLayer: true },
      { createdBy: '', comment, emptyLayer: false, created: config.created },
    ])
    t.equal(config.history.length, 6)
    t.match(config.config, { Cmd: ['/bin/x'], Env: ['A=b'], Labels: { l: 'v' } })
    t.equal(config.author, 'who')
    t.equal(config.architecture, 'amd64')
  }
  t.equal(store.image('all:1').id, image.id, 'the image itself stays')
})

t.test('nothing is lost: nanoseconds, attributes, hardlinks', async (t) => {
  const store = await threeLayers(t)
  await squashImage(store, 'all:1', { reference: 'flat:1' })
  const found = await facts(store, store.image('flat:1'))
  t.match(found, {
    a: { mtimeNs: NS.mtimeNs, same: 'a' },
    b: { mtimeNs: NS.mtimeNs, same: 'a' },
    null: { type: 'char', devMajor: 1, devMinor: 3 },
  })
  t.same(Object.keys(found).sort(), ['a', 'b', 'd', 'd/last', 'null'])
})

t.test('the same layers give the same layer, and SOURCE_DATE_EPOCH the same image', async (t) => {
  const before = process.env['SOURCE_DATE_EPOCH']
  t.teardown(() => {
    if (before === undefined) delete process.env['SOURCE_DATE_EPOCH']
    else process.env['SOURCE_DATE_EPOCH'] = before
  })
  const made: Awaited<ReturnType<typeof squashImage>>[] = []
  for (const epoch of [undefined, undefined, '1700000000', '1700000000']) {
    if (epoch === undefined) delete process.env['SOURCE_DATE_EPOCH']
    else process.env['SOURCE_DATE_EPOCH'] = epoch
    made.push(await squashImage(await threeLayers(t), 'all:1', { reference: 'flat:1' }))
  }
  t.equal(made[0]!.diffID, made[1]!.diffID)
  t.not(made[0]!.diffID, made[2]!.diffID, 'no time is after the epoch')
  t.same(made[2], made[3])
})

t.test('whole trees (vfs) squash to the same', async (t) => {
  const store = await threeLayers(t, 'vfs')
  const plain = (name: string): Promise<Record<string, object>> => facts(store, store.image(name))
  const wanted = await plain('all:1')
  for (const from of ['1', '2', '3']) {
    await squashImage(store, 'all:1', { from, reference: 'flat:1' })
    t.equal(store.image('flat:1').layers.length, Number(from))
    t.same(await plain('flat:1'), wanted, `from ${from}`)
  }
})

t.test('what cannot be squashed is named', async (t) => {
  const store = await threeLayers(t)
  await t.rejects(squashImage(store, 'none:1'), { code: 'ERR_IMAGE_NOT_FOUND' })
  await t.rejects(squashImage(store, 'all:1', { from: '4' }), { code: 'ERR_LAYER_NOT_FOUND' })
  await t.rejects(squashImage(store, 'all:1', { from: 'sha256:' }), { code: /ERR_/ })
  await t.rejects(squashImage(store, 'all:1', { from: 'zz' }), { code: 'ERR_LAYER_NOT_FOUND' })
  await t.rejects(squashImage(store, 'all:1', { reference: 'A:B' }), {
    code: 'ERR_REFERENCE_SYNTAX',
  })
  t.equal(store.images().length, 1)
})
