// A load that has nothing to do does nothing: it waits for nobody, and no file of the store is touched.

import t from 'tap'
import fs from 'node:fs'
import path from 'node:path'
import { openStore, type Store } from '../../src/store/store.ts'
import { acquireLock } from '../../src/sys/lock.ts'
import { loadArchive, type LoadedImage } from '../../src/transfer/load.ts'
import { buildImage, dockerArchive25, packed, type BuiltImage } from '../support/image.ts'
import { file, layerTar } from '../support/layer.ts'

interface Ground {
  readonly store: Store
  readonly image: BuiltImage
  readonly archive: string
  readonly load: (archive?: string) => Promise<readonly LoadedImage[]>
  readonly write: (...images: { image: BuiltImage; tags?: string[] }[]) => string
}

async function ground(t: { testdir(): string }): Promise<Ground> {
  const dirname = t.testdir()
  const image = buildImage([layerTar(file('a', 'a')), layerTar(file('b', 'b'))])
  const store = await openStore(path.join(dirname, 'root'), { sync: false, lockTimeoutMs: 1 })
  let count = 0
  const write: Ground['write'] = (...images) => {
    const name = path.join(dirname, `${count++}.tar`)
    fs.writeFileSync(name, packed(dockerArchive25(images)))
    return name
  }
  const archive = write({ image, tags: ['x:1', 'y:1'] })
  const load: Ground['load'] = (from = archive) => loadArchive(store, from)
  await load()
  return { store, image, archive, load, write }
}

/** Every path with what a write would change of it. */
function statuses(root: string): string[] {
  const names = fs.readdirSync(root, { recursive: true, encoding: 'latin1' })
  return names.sort().map((name) => {
    const { ino, ctimeNs, mtimeNs } = fs.lstatSync(path.join(root, name), { bigint: true })
    return `${name} ${ino} ${ctimeNs} ${mtimeNs}`
  })
}

t.test('nothing is written, and no other writer is waited for', async (t) => {
  const { store, image, load } = await ground(t)
  // Its holder writes who it is.
  using lock = acquireLock(store.layout.lock)
  const before = statuses(store.root)
  t.ok(lock)
  const expected = { imageID: image.imageID, names: ['x:1', 'y:1'], replaced: [] }
  t.same(await load(), [{ ...expected, newLayers: 0, reusedLayers: 2 }])
  t.same(statuses(store.root), before)
})

t.test('the layers are told as there', async (t) => {
  const { store, archive } = await ground(t)
  const states: string[] = []
  const onProgress = (event: { kind: string; state?: string }): void =>
    void states.push(`${event.kind} ${event.state}`)
  await loadArchive(store, archive, { onProgress })
  t.same(states, ['layer exists', 'layer exists'])
  const stopped = AbortSignal.abort(new Error('stopped'))
  await t.rejects(loadArchive(store, archive, { signal: stopped }), { message: 'stopped' })
})

t.test('whatever lacks is loaded', async (t) => {
  const { store, image, archive, load, write } = await ground(t)
  const other = buildImage([layerTar(file('c', 'c'))])

  t.same((await load(write({ image, tags: ['z:1'] })))[0]!.names, ['z:1'], 'a name')
  t.equal(store.image('z:1').id, image.imageID)

  const moved = await load(write({ image: other, tags: ['x:1'] }))
  t.same(moved[0]!.replaced, [{ name: 'x:1', previous: image.imageID }], 'a name that moved')
  t.same((await load())[0]!.replaced, [{ name: 'x:1', previous: other.imageID }], 'and back')

  const [, top] = store.imageOf(image.imageID).layers
  fs.rmSync(store.layout.layer(top!.chainID), { recursive: true })
  const again = await load()
  t.match(again[0], { newLayers: 1, reusedLayers: 1 }, 'a layer, though the store was open before')

  fs.rmSync(store.layout.imageContent(image.imageID))
  await load()
  t.ok(store.imageDB.has(image.imageID), 'the config')

  fs.writeFileSync(store.layout.imageContent(image.imageID), 'damaged')
  await load()
  t.ok(store.imageDB.get(image.imageID), 'the config as it should be')

  const two = write({ image, tags: ['x:1'] }, { image: other, tags: ['x:1'] })
  t.equal((await load(two)).length, 2)
  t.equal(store.image('x:1').id, other.imageID, 'of one name for two, the last counts')
  t.match((await load(archive))[0]!.replaced, [{ name: 'x:1' }])
})

t.test('leftovers of a killed writer are swept all the same', async (t) => {
  const { store, load } = await ground(t)
  const left = path.join(store.layout.layerTemp, 'shale-0123456789abcdef')
  fs.mkdirSync(left)
  await load()
  t.notOk(fs.existsSync(left))
})

t.test('bounds hold for what is there too', async (t) => {
  const { store, archive } = await ground(t)
  await t.rejects(loadArchive(store, archive, { limits: { layersMax: 1 } }), {
    code: 'ERR_DEPTH_MAX',
  })
  await t.rejects(loadArchive(store, archive, { limits: { namesMax: 1 } }), {
    code: 'ERR_ENTRIES_MAX',
  })
  await t.rejects(loadArchive(store, archive, { limits: { membersMax: 1 } }), {
    code: 'ERR_ENTRIES_MAX',
  })
})
