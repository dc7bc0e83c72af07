// A container in both drivers and in whatever form this user gets, through the library: what each step leaves on the
// disk, and that any step which is cut short leaves the old store or the new one.

import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import {
  changesBetween,
  changesOf,
  commitContainer,
  containerOf,
  createContainer,
  exportTree,
  listContainers,
  loadArchive,
  openStore,
  pruneContainers,
  removeContainer,
  removeImage,
  renameContainer,
  type CreateOptions,
  type DriverName,
  type Store,
} from '../../src/index.ts'
import { makeWhiteout } from '../../src/archive/whiteout-form.ts'
import type { BytePath } from '../../src/path/byte-path.ts'
import { fromBytes } from '../support/container.ts'
import { buildImage, dockerArchive25, packed } from '../support/image.ts'
import { dir, file, layerTar } from '../support/layer.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const image = buildImage(
  [layerTar(dir('etc'), file('etc/one', '1'), file('etc/two', '2')), layerTar(file('top', 't'))],
  { config: { Cmd: ['/bin/true'] } },
)
const bare = buildImage([], { config: { Cmd: ['/bin/true'] }, history: [] })

async function storeWith(root: string, driver: DriverName): Promise<Store> {
  const store = await openStore(root, { driver, sync: false })
  const images = [{ image, tags: ['app:1'] }]
  await loadArchive(store, fromBytes(packed(dockerArchive25(images))))
  return store
}

/** As a mount would leave it: one file new, one changed, one removed. */
function change(store: Store, name: string): void {
  const directory = store.driver.layerDirectory(containerOf(store, name).layer!.mountID)
  const etc = path.join(directory, 'etc')
  fs.mkdirSync(etc, { recursive: true })
  fs.writeFileSync(path.join(etc, 'new'), 'new')
  fs.writeFileSync(path.join(etc, 'one'), 'changed')
  if (store.driver.name === 'vfs') fs.rmSync(path.join(etc, 'two'))
  else makeWhiteout(etc, 'two' as BytePath, store.form)
}

const CHANGED = ['modify /etc', 'add /etc/new', 'modify /etc/one', 'delete /etc/two']

/** Every writable layer has its container and its directories, and there is no other. */
function leftOver(store: Store): string[] {
  const { layout, driver } = store
  const listed = (place: string): string[] => (fs.existsSync(place) ? fs.readdirSync(place) : [])
  const wrong: string[] = []
  const known = new Set<string>(store.layers.list().map(({ cacheID }) => cacheID))
  const containers = listed(layout.containers)
  const mounts = listed(layout.layerMounts)
  for (const id of new Set([...containers, ...mounts])) {
    if (!containers.includes(id) || !mounts.includes(id)) wrong.push(`half a container: ${id}`)
    const layer = store.mountDB.get(id)
    for (const cacheID of [layer?.mountID, layer?.initID]) {
      if (cacheID === undefined || !fs.existsSync(driver.layerDirectory(cacheID)))
        wrong.push(`no directory for ${id}`)
      else known.add(cacheID)
    }
  }
  for (const name of listed(driver.home))
    if (name !== 'l' && !known.has(name)) wrong.push(`nobody's directory: ${name}`)
  if (driver.name === 'overlay2' && listed(path.join(driver.home, 'l')).length !== known.size)
    wrong.push('links and directories differ in number')
  for (const name of listed(layout.layerTemp)) wrong.push(`left in tmp: ${name}`)
  return wrong
}

for (const driver of ['overlay2', 'vfs'] as const) {
  t.test(`a life in ${driver}`, async (t) => {
    const store = await storeWith(path.join(temporaryDirectory(t), 'root'), driver)
    const { id } = await createContainer(store, 'app:1', { name: 'web', workingDirectory: '/etc' })
    t.same(leftOver(store), [])
    t.same(await changesOf(store, 'web'), [], 'nothing is changed: init files do not count')
    change(store, 'web')
    const lines = async (): Promise<string[]> =>
      (await changesOf(store, 'web')).map(({ kind, path }) => `${kind} ${path}`)
    t.same(await lines(), CHANGED)

    const [listed] = await listContainers(store, { all: true, size: true })
    t.match(listed, { id, name: 'web', image: 'app:1', status: 'created', writableBytes: 10 })
    const committed = await commitContainer(store, 'web', { reference: 'app:2' })
    t.same(
      (await changesBetween(store, { before: 'app:1', after: 'app:2' })).map(
        ({ kind, path }) => `${kind} ${path}`,
      ),
      CHANGED,
      'the commit is what was changed',
    )
    t.equal(store.image('app:2').parent, image.imageID)
    t.equal(store.image('app:2').layers.at(-1)!.diffID, committed.diffID)

    const pieces: Uint8Array[] = []
    for await (const piece of exportTree(store, 'web')) pieces.push(piece)
    t.ok(Buffer.concat(pieces).includes('changed'))

    await renameContainer(store, id.slice(0, 8), 'other')
    t.equal(containerOf(store, 'other').id, id)
    t.throws(() => containerOf(store, 'web'), { code: 'ERR_CONTAINER_NOT_FOUND' })

    // The image goes first: its layers stay as long as the container stands on them, and go with it.
    await removeImage(store, 'app:2')
    await removeImage(store, 'app:1', { force: true })
    t.equal(store.layers.list().length, 2)
    await t.rejects(commitContainer(store, 'other'), { code: 'ERR_IMAGE_NOT_FOUND' })
    await removeContainer(store, 'other')
    t.same(store.layers.list(), [])
    t.same(leftOver(store), [])
  })
}

t.test('a name that nobody gave is none in a network, until rename gives one', async (t) => {
  const store = await storeWith(path.join(temporaryDirectory(t), 'root'), 'overlay2')
  const { id, name } = await createContainer(store, 'app:1')
  const settings = (): unknown => containerOf(store, id).document['NetworkSettings']
  t.match(settings(), { IsAnonymousEndpoint: true, Networks: { bridge: {} } })
  await renameContainer(store, name, 'given')
  t.match(settings(), { IsAnonymousEndpoint: false, Networks: { bridge: {} } })
})

t.test('nothing changed: an image without a new layer', async (t) => {
  const store = await storeWith(path.join(temporaryDirectory(t), 'root'), 'overlay2')
  await createContainer(store, 'app:1', { name: 'web' })
  const { diffID, imageID } = await commitContainer(store, 'web', { message: 'same' })
  t.equal(diffID, undefined)
  const { config } = store.imageOf(imageID)
  t.same(config.rootfs.diffIDs, image.diffIDs)
  t.match(config.history.at(-1), { comment: 'same', createdBy: '/bin/true', emptyLayer: true })
})

t.test('a container of an image without layers', async (t) => {
  const root = path.join(temporaryDirectory(t), 'root')
  const store = await storeWith(root, 'overlay2')
  const at = path.join(root, 'image/overlay2/imagedb/content/sha256', bare.imageID.slice(7))
  fs.writeFileSync(at, bare.configBytes)
  await createContainer(store, bare.imageID, { name: 'void' })
  fs.writeFileSync(
    path.join(store.driver.layerDirectory(containerOf(store, 'void').layer!.mountID), 'first'),
    '',
  )
  t.same(
    (await changesOf(store, 'void')).map(({ path }) => path),
    ['/first'],
  )
  const { imageID, diffID } = await commitContainer(store, 'void')
  t.same(store.imageOf(imageID).config.rootfs.diffIDs, [diffID])
  await removeContainer(store, 'void')
  t.same(leftOver(store), [])
})

t.test('what cannot be made is refused and leaves nothing', async (t) => {
  const store = await storeWith(path.join(temporaryDirectory(t), 'root'), 'overlay2')
  await createContainer(store, 'app:1', { name: 'taken' })
  const refused: readonly (readonly [CreateOptions, RegExp])[] = [
    [{ name: 'taken' }, /^Conflict\. The container name "\/taken" is already in use/],
    [{ name: '!' }, /^Invalid container name/],
    [{ entrypoint: [''] }, /^No command specified$/],
    [{ workingDirectory: '/top' }, /^Cannot mkdir: \/top is not a directory$/],
    [{ volumes: ['v1:/etc/one'] }, /cannot mount volume over existing file/],
    [{ volumes: ['v1:/x', 'v2:/x'] }, /^Duplicate mount point: \/x$/],
  ]
  for (const [options, message] of refused) {
    await t.rejects(createContainer(store, 'app:1', options), { message })
    t.same(leftOver(store), [])
  }
  t.notOk(fs.existsSync(store.layout.volumes), 'no volume either')
  await t.rejects(createContainer(store, 'none:1'), { code: 'ERR_IMAGE_NOT_FOUND' })
})

t.test('a running container is left alone, a pruned one is gone', async (t) => {
  const store = await storeWith(path.join(temporaryDirectory(t), 'root'), 'overlay2')
  const { id } = await createContainer(store, 'app:1', { name: 'runs' })
  const config = path.join(store.layout.container(id), 'config.v2.json')
  const text = fs.readFileSync(config, 'utf8')
  fs.writeFileSync(config, text.replace('"Running":false', '"Running":true'))
  await createContainer(store, 'app:1', { name: 'idle', labels: { keep: 'yes' } })
  await t.rejects(removeContainer(store, 'runs'), {
    code: 'ERR_CONTAINER_IN_USE',
    message: `You cannot remove a running container ${id}. Stop the container before attempting removal or force remove`,
  })
  t.equal((await pruneContainers(store, { labelsNot: ['keep'] })).ids.length, 0)
  const dry = await pruneContainers(store, { dryRun: true })
  t.same((await listContainers(store, { all: true })).length, 2)
  t.same(await pruneContainers(store), dry)
  t.same(
    (await listContainers(store)).map(({ name }) => name),
    ['runs'],
  )
  await removeContainer(store, 'runs', { force: true })
  t.same(leftOver(store), [])
})

t.test('rm -v takes the volumes that nobody named, and no others', async (t) => {
  const store = await storeWith(path.join(temporaryDirectory(t), 'root'), 'overlay2')
  const volumes = ['/own', 'named:/named']
  await createContainer(store, 'app:1', { name: 'web', volumes })
  t.equal(fs.readdirSync(store.layout.volumes).length, 2)
  await removeContainer(store, 'web', { volumes: true })
  t.same(fs.readdirSync(store.layout.volumes), ['named'])
})

/** A disk that gives up at one rename: every decision and every step of carrying one out is a rename. */
async function failingAt(rename: number, action: () => Promise<unknown>): Promise<boolean> {
  const real = fs.renameSync
  let count = 0
  fs.renameSync = (from, to): void => {
    if (++count === rename) throw Object.assign(new Error('cut short'), { code: 'EIO' })
    real(from, to)
  }
  try {
    await action()
    return false
  } catch (error) {
    if ((error as Error).message.includes('cut short')) return true
    throw error
  } finally {
    fs.renameSync = real
  }
}

const CUT: Readonly<Record<string, (store: Store) => Promise<unknown>>> = {
  create: (store) => createContainer(store, 'app:1', { name: 'new', volumes: ['/v'] }),
  commit: (store) => commitContainer(store, 'old', { reference: 'app:2' }),
  rename: (store) => renameContainer(store, 'old', 'renamed'),
  rm: (store) => removeContainer(store, 'old', { volumes: true }),
}

for (const [verb, action] of Object.entries(CUT)) {
  t.test(`${verb}, cut short at any rename, is done or undone by the next writer`, async (t) => {
    const directory = temporaryDirectory(t)
    let cuts = 0
    for (let at = 1; ; at++) {
      const root = path.join(directory, String(at))
      const store = await storeWith(root, 'overlay2')
      await createContainer(store, 'app:1', { name: 'old', volumes: ['/v'] })
      change(store, 'old')
      const wasCut = await failingAt(at, () => action(store))
      const next = await openStore(root, { driver: 'overlay2', sync: false })
      await next.write(async () => undefined)
      t.same(leftOver(next), [], `cut ${at}`)
      for (const container of next.containerDB.list())
        t.same((await changesOf(next, container.id)).length > 0, container.name !== 'new')
      if (
        next
          .references()
          .list()
          .some(({ name }) => name === 'app:2')
      )
        t.equal(next.image('app:2').layers.length, 3, 'a committed image has its layer')
      fs.rmSync(root, { recursive: true })
      if (!wasCut) break
      cuts++
    }
    t.ok(cuts >= 2, `${cuts} places to cut`)
  })
}
