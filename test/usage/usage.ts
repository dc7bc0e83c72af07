// What `usage` says held against the disk: the sum against a walk of our own, what an image frees against what is free
// after it was removed, leaks against those that were planted.

import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { createContainer } from '../../src/containers/create-container.ts'
import { removeImage, usage, createVolume, type Store } from '../../src/index.ts'
import { copyTree } from '../support/dockerd.ts'
import { fixtureStore, IMAGES } from '../support/store-fixture.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { blocksBelow, forgetImage, plantLeaks, reopen } from '../support/used-store.ts'

function copyOf(t: Parameters<typeof temporaryDirectory>[0], root: string): string {
  const copy = path.join(temporaryDirectory(t), 'root')
  copyTree(root, copy)
  return copy
}

t.test('the parts add up to the whole', async (t) => {
  const { root, open } = await fixtureStore(t)
  const store = await open()
  await createVolume(store, { name: 'data' })
  await createContainer(store, 'app:1', { name: 'c1', volumes: ['data:/etc'] })
  plantLeaks(root, store)
  const found = await usage(store)
  t.equal(found.totalBytes, blocksBelow(root))
  const parts = [found.images, found.containers, found.volumes, found.buildCache]
  const sum = parts.reduce((bytes, part) => bytes + part.bytes, 0)
  t.equal(sum + found.leakedBytes + found.otherBytes, found.totalBytes)
  t.same(found.unreadable, [])
  t.same([found.images.total, found.images.active], [4, 1])
  t.same([found.containers.total, found.containers.active], [1, 0])
  t.same([found.volumes.total, found.volumes.active], [1, 1])
  t.match(found.volumes.items, [{ name: 'data', links: 1 }])
})

t.test('shared and unique', async (t) => {
  const { open } = await fixtureStore(t)
  const store = await open()
  const { items } = (await usage(store)).images
  const of = (id: string): (typeof items)[number] => items.find((item) => item.id === id)!
  const layer = (index: number, id: string): number => {
    const { path: facts, cacheID } = store.imageOf(id as never).layers[index]!
    return blocksBelow(facts) + blocksBelow(path.join(store.driver.home, cacheID))
  }
  const app = of(IMAGES.app.imageID)
  // A link in l/ takes no block where the file system keeps it in the inode.
  const links = fs.readdirSync(path.join(store.driver.home, 'l'))
  const link = fs.lstatSync(path.join(store.driver.home, 'l', links[0]!)).blocks * 512
  t.equal(
    app.sharedBytes,
    layer(0, app.id) + link,
    'the base; its own build step is no other image',
  )
  t.equal(app.uniqueBytes, app.bytes - app.sharedBytes)
  const base = of(IMAGES.base.imageID)
  t.ok(base.uniqueBytes < 20_000, 'the base image has nothing but its config to itself')
  t.ok(app.uniqueBytes > layer(1, app.id))
})

t.test('what an image frees is what is free when it is gone', async (t) => {
  const { root, open } = await fixtureStore(t)
  await createContainer(await open(), IMAGES.dangling.imageID, { name: 'holder', command: ['x'] })
  const { items } = (await usage(await open())).images
  t.equal(items.length, 4)
  for (const { id, freedBytes, containers } of items) {
    const copy = copyOf(t, root)
    const store = await reopen(copy)
    const expected = (await usage(store)).images.items.find((item) => item.id === id)!.freedBytes
    t.equal(expected, freedBytes, 'the same in a copy')
    const before = blocksBelow(copy)
    if (containers > 0) {
      t.equal(freedBytes, 0, 'a container uses it')
      await t.rejects(removeImage(store, id), { code: 'ERR_IMAGE_IN_USE' })
    } else if (id === IMAGES.base.imageID) {
      t.equal(freedBytes, 0, 'others were built on it')
      await t.rejects(removeImage(store, id, { force: true }), { code: 'ERR_IMAGE_IN_USE' })
    } else {
      await removeImage(store, id, { force: true })
      t.equal(before - blocksBelow(copy), freedBytes, id)
    }
  }
})

t.test('every leak is found, and nothing else is one', async (t) => {
  const { root, open } = await fixtureStore(t)
  const store = await open()
  await createContainer(store, 'app:1', { name: 'c1' })
  t.same((await usage(store)).leaks, [], 'none to begin with')
  const planted = plantLeaks(root, store)
  await forgetImage(root, IMAGES.dangling.imageID)
  const { leaks, leakedBytes } = await usage(await open())
  const lost = leaks.filter((leak) => leak.kind === 'unreferenced-layer')
  t.equal(lost.length, 1, 'its own layer; the base has other users')
  t.same(
    leaks
      .filter((leak) => leak.kind !== 'unreferenced-layer')
      .map(({ kind, path: at }) => ({ kind, path: at })),
    leaks
      .filter((leak) => leak.kind !== 'unreferenced-layer')
      .map(({ kind, path: at }) => planted.find((one) => one.path === at && one.kind === kind)),
  )
  t.equal(leaks.length, planted.length + 1)
  t.equal(
    leakedBytes,
    leaks.reduce((sum, leak) => sum + leak.bytes, 0),
  )
  const orphan = leaks.find((leak) => leak.kind === 'driver-directory')!
  t.ok(orphan.bytes >= 40_000 && orphan.bytes < 80_000, 'two names of one file count once')
})

t.test('what a build cache may know is not leaked', async (t) => {
  const { root, open } = await fixtureStore(t)
  const store = await open()
  const id = 'k9p1m2n3b4v5c6x7z8l9k0j1h'
  fs.mkdirSync(path.join(root, 'overlay2', id, 'diff'), { recursive: true })
  t.same(
    (await usage(store)).leaks.map((leak) => leak.path),
    [`overlay2/${id}`],
  )
  fs.mkdirSync(path.join(root, 'buildkit'))
  fs.writeFileSync(path.join(root, 'buildkit/snapshots.db'), Buffer.from(`\0\x01xx${id}yy\0`))
  await forgetImage(root, IMAGES.dangling.imageID)
  const held = store.layers.list().find(({ diffID }) => diffID === IMAGES.dangling.diffIDs[1])!
  fs.writeFileSync(path.join(root, 'buildkit/metadata_v2.db'), `..${held.chainID}..`)
  const found = await usage(await open())
  t.same(found.leaks, [])
  t.match(found.buildCache, { total: 1, items: [{ directory: id }] })
})

t.test('a transaction that is running is no leak', async (t) => {
  const { open } = await fixtureStore(t)
  const store: Store = await open()
  await store.write(async (transaction) => {
    await transaction.newLayer(undefined)
    t.same((await usage(await open())).leaks, [])
  })
})

t.test('a root that is not there is an empty store', async (t) => {
  const store = await reopen(path.join(temporaryDirectory(t), 'none'))
  const found = await usage(store)
  t.same([found.totalBytes, found.images.total, found.leaks], [0, 0, []])
})
