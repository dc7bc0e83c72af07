// The first use of a volume: what the image has there, with modes, links and times, once.

import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { createVolume, loadArchive, openStore, type Store } from '../../src/index.ts'
import { openImageStack } from '../../src/inspect/image-stack.ts'
import { populateVolume } from '../../src/volumes/populate-volume.ts'
import { isRoot } from '../support/host.ts'
import { buildImage, dockerArchive25, packed } from '../support/image.ts'
import { dir, file, layerTar, link, symlink, whiteout } from '../support/layer.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const image = buildImage([
  layerTar(
    dir('var'),
    dir('var/data', { mode: 0o750, uid: 33, gid: 44 }),
    file('var/data/a', 'one', { mode: 0o640, uid: 33 }),
    link('var/data/b', 'var/data/a', { mode: 0o640, uid: 33 }),
    dir('var/data/sub', { mode: 0o700 }),
    file('var/data/sub/deep', 'deep'),
    file('var/data/gone', 'g'),
    symlink('var/data/link', '../elsewhere'),
    file('var/file', 'f'),
    symlink('short', '/var/data'),
  ),
  layerTar(
    dir('var'),
    dir('var/data', { mode: 0o750, uid: 33, gid: 44 }),
    whiteout('var/data/gone'),
  ),
])

async function makeStore(t: Parameters<typeof temporaryDirectory>[0]): Promise<Store> {
  const work = temporaryDirectory(t)
  const archive = path.join(work, 'image.tar')
  fs.writeFileSync(archive, packed(dockerArchive25([{ image, tags: ['app:1'] }])))
  const store = await openStore(path.join(work, 'root'), { sync: false })
  await loadArchive(store, archive)
  return store
}

async function populate(store: Store, volume: string, place: string): Promise<boolean> {
  using stack = await openImageStack(store, store.image('app:1'))
  return await store.write(async (transaction) =>
    populateVolume(store, transaction, { volume, stack, path: place }),
  )
}

for (const place of ['/var/data', '/short', '/var/../var/data/'])
  t.test(`from ${place}`, async (t) => {
    const store = await makeStore(t)
    const { mountpoint } = await createVolume(store, { name: 'data' })
    t.equal(await populate(store, 'data', place), true)
    t.same(fs.readdirSync(mountpoint).sort(), ['a', 'b', 'link', 'sub'])
    t.equal(fs.readFileSync(path.join(mountpoint, 'sub/deep'), 'utf8'), 'deep')
    t.equal(fs.readlinkSync(path.join(mountpoint, 'link')), '../elsewhere')
    const [a, b] = ['a', 'b'].map((name) => fs.statSync(path.join(mountpoint, name)))
    t.equal(a!.ino, b!.ino, 'one file under two names')
    t.equal(a!.mtimeMs, Date.parse('2026-01-02T03:04:05Z'))
    const own = fs.statSync(mountpoint)
    if (isRoot) t.same([own.mode & 0o7777, own.uid, own.gid, a!.uid], [0o750, 33, 44, 33])
    else t.equal(own.mode & 0o700, 0o700)
    t.same(
      fs.readdirSync(path.join(store.root, 'image/overlay2/layerdb/tmp')),
      [],
      'nothing is left',
    )
  })

t.test('a volume that holds anything is left alone', async (t) => {
  const store = await makeStore(t)
  const { mountpoint } = await createVolume(store, { name: 'data' })
  fs.writeFileSync(path.join(mountpoint, 'mine'), '')
  t.equal(await populate(store, 'data', '/var/data'), false)
  t.same(fs.readdirSync(mountpoint), ['mine'])
})

t.test('where the image has no directory, it stays empty', async (t) => {
  const store = await makeStore(t)
  const { mountpoint } = await createVolume(store, { name: 'data' })
  for (const place of ['/none', '/var/file', '/var/data/link'])
    t.equal(await populate(store, 'data', place), false, place)
  t.same(fs.readdirSync(mountpoint), [])
})

t.test('the whole root', async (t) => {
  const store = await makeStore(t)
  const { mountpoint } = await createVolume(store, { name: 'data' })
  t.equal(await populate(store, 'data', '/'), true)
  t.same(fs.readdirSync(mountpoint).sort(), ['short', 'var'])
})
