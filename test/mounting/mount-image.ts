import fs from 'node:fs'
import path from 'node:path'
import t, { type Test } from 'tap'
import { listMountedImages, mountImage, unmountImage } from '../../src/mounting/mount-image.ts'
import { removeImage } from '../../src/store/remove-image.ts'
import { openStore, type Store } from '../../src/store/store.ts'
import { unmountFuse } from '../../src/sys/fuse-device.ts'
import { loadArchive } from '../../src/transfer/load.ts'
import { fuseSkip } from '../support/fuse-for-users.ts'
import {
  buildImage,
  dockerArchive25,
  packed,
  smallImage,
  type NamedImage,
} from '../support/image.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const image = smallImage()
/** The same layers under another config. */
const twin = buildImage(image.layers, { author: 'somebody else' })

interface Place {
  readonly store: Store
  readonly target: string
}

async function placeOf(t: Test, images: readonly NamedImage[]): Promise<Place> {
  const dir = fs.realpathSync(temporaryDirectory(t))
  const store = await openStore(path.join(dir, 'root'), { sync: false })
  const archive = path.join(dir, 'archive.tar')
  fs.writeFileSync(archive, packed(dockerArchive25(images)))
  await loadArchive(store, archive)
  const target = path.join(dir, 'target')
  fs.mkdirSync(target)
  return { store, target }
}

t.test('of two images with the same layers, the one that was named is listed', async (t) => {
  const images = [
    { image, tags: ['one:1'] },
    { image: twin, tags: ['two:1', 'two:latest'] },
  ]
  for (const [name, imageID, names] of [
    ['one:1', image.imageID, ['one:1']],
    ['two', twin.imageID, ['two:1', 'two:latest']],
    [twin.imageID.slice(7, 19), twin.imageID, ['two:1', 'two:latest']],
  ] as const) {
    const { store, target } = await placeOf(t, images)
    t.same(await listMountedImages(store), [])
    t.same(await mountImage(store, name, target, { view: 'merge' }), { view: 'merge', target })
    t.match(await listMountedImages(store), [{ target, view: 'merge', imageID, names }])
    await unmountImage(store, target)
    t.same(await listMountedImages(store), [])
  }
})

t.test(
  'of two images with the same layers, a mount lists both',
  { skip: fuseSkip() },
  async (t) => {
    const { store, target } = await placeOf(t, [
      { image, tags: ['one:1'] },
      { image: twin, tags: ['two:1', 'two:latest'] },
    ])
    await mountImage(store, 'two:1', target, { view: 'fuse' })
    t.teardown(() => unmountFuse(target, { lazy: true }))
    const [shown] = await listMountedImages(store)
    t.same([...shown!.names].sort(), ['one:1', 'two:1', 'two:latest'])
    t.notOk('imageID' in shown!)
    await removeImage(store, 'one:1')
    t.match(await listMountedImages(store), [{ imageID: twin.imageID }])
  },
)

t.test('a merge outlives its image, and can still be taken away', async (t) => {
  const { store, target } = await placeOf(t, [{ image, tags: ['app:1'] }])
  await mountImage(store, 'app:1', target, { view: 'merge' })
  await removeImage(store, 'app:1')
  const [left] = await listMountedImages(store)
  t.match(left, { target, view: 'merge', names: [] })
  t.notOk(left && 'imageID' in left)
  t.equal(fs.readFileSync(path.join(target, 'etc/motd'), 'utf8'), 'good bye\n')
  await unmountImage(store, target)
  t.same(fs.readdirSync(target), [])
})

t.test('an image without layers cannot be shown', async (t) => {
  const { store, target } = await placeOf(t, [{ image: buildImage([]), tags: ['empty:1'] }])
  await t.rejects(mountImage(store, 'empty:1', target), { code: 'ERR_LAYER_NOT_FOUND' })
})

t.test('a merge that is called off leaves nothing', async (t) => {
  const { store, target } = await placeOf(t, [{ image, tags: ['app:1'] }])
  const reason = new Error('enough')
  const signal = AbortSignal.abort(reason)
  await t.rejects(mountImage(store, 'app:1', target, { view: 'merge', signal }), reason)
  t.same(fs.readdirSync(target), [])
  t.same(await listMountedImages(store), [])
})
