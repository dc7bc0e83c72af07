import t from 'tap'
import fc from 'fast-check'
import fs from 'node:fs'
import path from 'node:path'
import { createHash } from 'node:crypto'
import type { DriverName } from '../../src/driver/driver.ts'
import { openStore, type Store } from '../../src/store/store.ts'
import { removeImage } from '../../src/store/remove-image.ts'
import { layerTar as layerTarOf } from '../../src/archive/reassemble.ts'
import { loadArchive } from '../../src/transfer/load.ts'
import { saveArchive } from '../../src/transfer/save.ts'
import {
  device,
  dir,
  fifo,
  file,
  layerTar,
  link,
  opaque,
  symlink,
  whiteout,
  type LayerEntryInit,
} from '../support/layer.ts'
import {
  buildImage,
  dockerArchive20,
  dockerArchive25,
  packed,
  type BuiltImage,
} from '../support/image.ts'
import { pathFromBytes } from '../../src/path/byte-path.ts'

const DRIVERS: readonly DriverName[] = ['overlay2', 'vfs']

function archiveOf(directory: string, ...images: { image: BuiltImage; tags?: string[] }[]): string {
  const name = path.join(
    directory,
    `${createHash('sha256')
      .update(JSON.stringify(images.map((i) => i.image.imageID)))
      .digest('hex')}.tar`,
  )
  fs.writeFileSync(name, packed(dockerArchive25(images)))
  return name
}

/** Each layer's tar as the store gives it back. */
async function layersOf(store: Store, image: BuiltImage): Promise<Buffer[]> {
  const tars: Buffer[] = []
  for (const layer of store.imageOf(image.imageID).layers) {
    const chunks: Uint8Array[] = []
    const directory = store.driver.layerDirectory(layer.cacheID)
    for await (const chunk of layerTarOf({
      splitPath: layer.splitPath!,
      directory,
      diffID: layer.diffID,
    }))
      chunks.push(Buffer.from(chunk))
    tars.push(Buffer.concat(chunks))
  }
  return tars
}

/** Every path below a root, with what is there; but for the lock and the recorded form, which any write may leave. */
function snapshot(root: string): Record<string, string> {
  const out: Record<string, string> = {}
  for (const name of fs.readdirSync(root, { recursive: true, encoding: 'latin1' })) {
    // A base that once had a child keeps its mark, here as with docker.
    if (name.startsWith('shale/') || name.endsWith('/committed')) continue
    const place = Buffer.from(path.join(root, name), 'latin1')
    const stat = fs.lstatSync(place)
    out[name] =
      `${stat.mode.toString(8)} ${stat.isFile() ? createHash('sha256').update(fs.readFileSync(place)).digest('hex') : ''}`
  }
  return out
}

const shapes: LayerEntryInit[] = [
  dir('d'),
  dir('d/e', { mode: 0o1777 }),
  file('d/e/small', 'x'),
  file('d/exact', 'y'.repeat(512)),
  file('empty', ''),
  file('setuid', 'z', { mode: 0o4755, uid: 1000, gid: 1000 }),
  file('nanoseconds', 'n', { mtimeNs: 1_700_000_000_123_456_789n }),
  file('before-1970', 'n', { mtimeNs: -5_000_000_000n }),
  file('a'.repeat(101), 'long'),
  file(`${'b'.repeat(120)}/${'c'.repeat(140)}`, 'longer'),
  file('ünïcode', 'u'),
  { ...file('x', 'bytes'), path: pathFromBytes(Buffer.from([0x78, 0xff, 0xfe])) },
  file('capability', 'c', {
    xattrs: new Map([
      ['security.capability', Buffer.from('0100000202000000000000000000000000000000', 'hex')],
    ]),
  }),
  file('attributes', 'a', {
    xattrs: new Map([
      ['user.zero', Buffer.from([0, 1, 0, 255])],
      ['user.empty', Buffer.alloc(0)],
    ]),
  }),
  symlink('link', 'd/e/small'),
  symlink('absolute', '/etc/passwd'),
  symlink('dangling', '../../../../nowhere'),
  file('d/first', 'shared'),
  link('d/second', 'd/first'),
  link('third', 'd/first'),
  device('null', 'char', 1, 3),
  device('loop', 'block', 7, 0),
  fifo('pipe'),
  file('unreadable', 'secret', { mode: 0o000 }),
  dir('closed', { mode: 0o000 }),
  file('closed/inside', 'i'),
  whiteout('gone'),
  whiteout('d/e/gone'),
  dir('opaque'),
  opaque('opaque'),
]

for (const driver of DRIVERS) {
  t.test(
    `${driver}: every shape of entry comes back byte for byte, and nothing is left once it is removed`,
    async (t) => {
      const dirname = t.testdir()
      const image = buildImage([
        layerTar(dir('opaque'), file('opaque/below', 'b'), file('gone', 'g')),
        layerTar(...shapes),
      ])
      const root = path.join(dirname, 'root')
      const store = await openStore(root, { driver, sync: false })
      const loaded = await loadArchive(store, archiveOf(dirname, { image, tags: ['shapes:1'] }))
      t.match(loaded, [
        { imageID: image.imageID, names: ['shapes:1'], newLayers: 2, reusedLayers: 0 },
      ])
      t.same(await layersOf(store, image), image.layers)

      const again = await loadArchive(store, archiveOf(dirname, { image, tags: ['shapes:1'] }))
      t.match(again, [{ newLayers: 0, reusedLayers: 2 }], 'known layers are not read again')

      await removeImage(store, 'shapes:1')
      t.same(store.images(), [])
      t.same(store.layers.list(), [])
      t.same(await store.driver.list(), [])
      t.equal(fs.readFileSync(store.layout.repositories, 'utf8'), '{"Repositories":{}}')
    },
  )

  t.test(`${driver}: odd tars load, and come back as they were`, async (t) => {
    const dirname = t.testdir()
    const body = layerTar(file('a', 'one'), file('b', 'two'))
    const tars: Record<string, Buffer> = {
      'no end blocks': body.subarray(0, -1024),
      'trailing bytes': Buffer.concat([body, Buffer.from('after the end')]),
      'much padding': Buffer.concat([body, Buffer.alloc(3 << 20)]),
      'one name twice': layerTar(file('a', 'one'), file('a', 'another'), file('./a', 'third')),
      'a file that becomes a directory': layerTar(file('a', 'one'), dir('a'), file('a/b', 'two')),
      'a directory that becomes a file': layerTar(dir('a'), file('a/b', 'one'), file('a', 'two')),
      'through a symlink': layerTar(
        dir('usr'),
        dir('usr/lib'),
        symlink('lib', 'usr/lib'),
        file('lib/x', 'one'),
        file('usr/lib/y', 'two'),
      ),
      'through an absolute symlink': layerTar(
        dir('usr'),
        dir('usr/lib'),
        symlink('lib', '/usr/lib'),
        file('lib/x', 'one'),
      ),
      'one file by two ways': layerTar(
        dir('usr'),
        symlink('lib', 'usr'),
        file('usr/x', 'one'),
        file('lib/x', 'two'),
      ),
      'dots and slashes': layerTar(
        dir('./'),
        dir('./etc'),
        file('./etc//x', 'one'),
        file('/absolute', 'two'),
      ),
      'a whiteout beside its file': layerTar(file('f', 'one'), whiteout('f')),
      empty: Buffer.alloc(1024),
      'no bytes at all': Buffer.alloc(0),
    }
    for (const [name, tar] of Object.entries(tars)) {
      const store = await openStore(path.join(dirname, name.replaceAll(' ', '-')), {
        driver,
        sync: false,
      })
      const image = buildImage([tar])
      await loadArchive(store, archiveOf(dirname, { image }))
      t.same(await layersOf(store, image), [tar], name)
    }
  })
}

t.test('any stack of layers survives load, save and load', async (t) => {
  const dirname = t.testdir()
  // A file `d` with `d/a` behind it is refused, by docker too; so leaves and directories have names of their own.
  const leaf = fc.constantFrom('a', 'b', 'c', 'd/a', 'd/b', 'd/e/a')
  const name = fc.oneof(leaf, fc.constantFrom('d', 'd/e'))
  const entry = fc.oneof(
    fc.tuple(leaf, fc.string({ maxLength: 700 })).map(([n, content]) => file(n, content)),
    fc.constantFrom('d', 'd/e').map((n) => dir(n)),
    leaf.map((n) => symlink(n, 'somewhere')),
    name.map((n) => whiteout(n)),
    fc.constantFrom('', 'd', 'd/e').map((n) => opaque(n)),
  )
  const layer = fc.array(entry, { maxLength: 8 })
  let count = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(layer, { minLength: 1, maxLength: 4 }),
      fc.constantFrom(...DRIVERS),
      async (stack, driver) => {
        const layers = stack.map((entries) => layerTar(...entries))
        const here = path.join(dirname, String(count++))
        fs.mkdirSync(here)
        const image = buildImage(layers)
        const first = await openStore(path.join(here, 'first'), { driver, sync: false })
        await loadArchive(first, archiveOf(here, { image, tags: ['x:1'] }))
        const saved = path.join(here, 'saved.tar')
        const out = fs.createWriteStream(saved)
        for await (const chunk of await saveArchive(first, ['x:1'])) out.write(Buffer.from(chunk))
        await new Promise<void>((resolve) => out.end(resolve))
        const second = await openStore(path.join(here, 'second'), {
          driver: 'overlay2',
          sync: false,
        })
        t.match(await loadArchive(second, saved), [{ imageID: image.imageID, names: ['x:1'] }])
        t.same(await layersOf(second, image), layers)
        fs.rmSync(here, { recursive: true, force: true })
      },
    ),
    { numRuns: 40 },
  )
})

t.test('several images share layers and names move, as docker tells it', async (t) => {
  const dirname = t.testdir()
  const base = layerTar(file('base', 'b'))
  const one = buildImage([base, layerTar(file('one', '1'))])
  const two = buildImage([base, layerTar(file('two', '2'))])
  const store = await openStore(path.join(dirname, 'root'), { sync: false })
  const loaded = await loadArchive(
    store,
    archiveOf(dirname, { image: one, tags: ['x:1', 'x:latest'] }, { image: two, tags: ['y:1'] }),
  )
  t.same(
    loaded.map(({ names, newLayers, reusedLayers }) => ({ names, newLayers, reusedLayers })),
    [
      { names: ['x:1', 'x:latest'], newLayers: 2, reusedLayers: 0 },
      { names: ['y:1'], newLayers: 1, reusedLayers: 1 },
    ],
  )
  t.equal(store.layers.list().length, 3)
  const moved = await loadArchive(store, archiveOf(dirname, { image: two, tags: ['x:1'] }))
  t.same(moved[0]?.replaced, [{ name: 'x:1', previous: one.imageID }])

  const lines = (await removeImage(store, 'y:1')).map((removal) => removal.kind)
  t.same(lines, ['untagged'], 'x:1 still names it')
  t.same(
    (await removeImage(store, 'x:1')).map((removal) => removal.kind),
    ['untagged', 'deleted', 'deleted'],
    'the shared base stays',
  )
  t.equal(store.layers.list().length, 2)
  await removeImage(store, 'x')
  t.equal(store.layers.list().length, 0)
})

t.test("rmi refuses with docker's reasons", async (t) => {
  const dirname = t.testdir()
  const image = buildImage([layerTar(file('a', 'a'))])
  const store = await openStore(path.join(dirname, 'root'), { sync: false })
  await loadArchive(store, archiveOf(dirname, { image, tags: ['x:1', 'y:1'] }))
  await t.rejects(removeImage(store, image.imageID), {
    code: 'ERR_IMAGE_IN_USE',
    message: /must be forced.*image is referenced in multiple repositories/,
  })
  const container = 'c'.repeat(64)
  fs.mkdirSync(path.join(store.layout.containers, container), { recursive: true })
  fs.writeFileSync(
    path.join(store.layout.containers, container, 'config.v2.json'),
    JSON.stringify({
      ID: container,
      Name: '/busy',
      Image: image.imageID,
      State: { Running: false },
    }),
  )
  fs.mkdirSync(path.join(store.layout.layerMounts, container), { recursive: true })
  fs.writeFileSync(
    path.join(store.layout.layerMounts, container, 'parent'),
    store.imageOf(image.imageID).layers[0]!.chainID,
  )
  t.same(
    (await removeImage(store, 'y:1')).map((removal) => removal.kind),
    ['untagged'],
  )
  await t.rejects(removeImage(store, 'x:1'), {
    code: 'ERR_IMAGE_IN_USE',
    message: /must force.*container cccccccccccc is using/,
  })
  await t.rejects(removeImage(store, image.imageID), {
    code: 'ERR_IMAGE_IN_USE',
    message: /used by stopped container cccccccccccc/,
  })
  t.same(
    (await removeImage(store, image.imageID, { force: true })).map((removal) => removal.kind),
    ['untagged', 'deleted'],
  )
  t.equal(store.layers.list().length, 1, 'the container still stands on the layer')
})

t.test('rmi tells first what cannot be forced', async (t) => {
  const dirname = t.testdir()
  const image = buildImage([layerTar(file('a', 'a'))])
  const child = buildImage([layerTar(file('a', 'a')), layerTar(file('b', 'b'))])
  const store = await openStore(path.join(dirname, 'root'), { sync: false })
  await loadArchive(
    store,
    archiveOf(dirname, { image, tags: ['x:1', 'y:1'] }, { image: child, tags: ['child:1'] }),
  )
  const metadata = store.layout.imageMetadata(child.imageID)
  fs.mkdirSync(metadata, { recursive: true })
  fs.writeFileSync(path.join(metadata, 'parent'), image.imageID)
  for (const force of [false, true])
    await t.rejects(removeImage(store, image.imageID, { force }), {
      message: /cannot be forced.*image has dependent child images/,
    })
})

t.test('what is damaged is refused and leaves the store as it was', async (t) => {
  const dirname = t.testdir()
  const good = buildImage([layerTar(file('a', 'a'.repeat(5000))), layerTar(file('b', 'b'))])
  const store = await openStore(path.join(dirname, 'root'), { sync: false })
  await loadArchive(
    store,
    archiveOf(dirname, { image: buildImage([good.layers[0]!]), tags: ['kept:1'] }),
  )
  const before = snapshot(store.root)
  const bytes = packed(dockerArchive20([{ image: good, tags: ['bad:1'] }]))
  let refused = 0
  const broken = path.join(dirname, 'broken.tar')
  const attempt = async (content: Uint8Array, what: string): Promise<void> => {
    fs.writeFileSync(broken, content)
    try {
      await loadArchive(store, broken)
      await removeImage(store, 'bad:1').catch(() => removeImage(store, good.imageID))
    } catch (error) {
      refused++
      t.match(error, { code: /^ERR_/ }, `${what}: ${(error as Error).message}`)
    }
    t.same(snapshot(store.root), before, what)
  }
  for (const cut of [0, 1, 512, 600, 1024, 5000, bytes.length >> 1])
    await attempt(bytes.subarray(0, cut), `cut to ${cut}`)
  t.equal(refused, 7)
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: bytes.length - 1 }), fc.nat({ max: 7 }), async (at, bit) => {
      const flipped = Buffer.from(bytes)
      flipped[at]! ^= 1 << bit
      await attempt(flipped, `bit ${bit} of byte ${at}`)
    }),
    { numRuns: 60 },
  )
})
