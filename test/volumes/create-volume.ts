// volume create, rm and the listing: docker's folders, modes and words, and hands off what dockerd keeps the books of.

import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { createContainer } from '../../src/containers/create-container.ts'
import { removeContainer } from '../../src/containers/remove-container.ts'
import {
  createVolume,
  filterVolumes,
  listVolumes,
  openStore,
  removeVolume,
  requireVolume,
  type Store,
} from '../../src/index.ts'
import { isAnonymousVolume } from '../../src/volumes/volume-db.ts'
import { fixtureStore } from '../support/store-fixture.ts'
import { temporaryDirectory } from '../support/temporary.ts'

async function emptyStore(t: Parameters<typeof temporaryDirectory>[0]): Promise<Store> {
  return openStore(path.join(temporaryDirectory(t), 'root'), { sync: false })
}

const modeOf = (file: string): string => (fs.statSync(file).mode & 0o7777).toString(8)

t.test('a volume lies where docker has it', async (t) => {
  const store = await emptyStore(t)
  const umask = process.umask(0o077)
  t.teardown(() => process.umask(umask))
  const volume = await createVolume(store, { name: 'data' })
  const home = path.join(store.root, 'volumes')
  t.equal(volume.mountpoint, path.join(home, 'data/_data'))
  t.same(
    [modeOf(home), modeOf(path.join(home, 'data')), modeOf(volume.mountpoint)],
    ['701', '701', '755'],
  )
  t.same(fs.readdirSync(path.join(home, 'data')), ['_data'])
  t.match(volume, { name: 'data', driver: 'local', labels: {}, options: {} })
  t.ok(Math.abs(Date.parse(volume.createdAt) - Date.now()) < 10_000)
  t.match(volume.createdAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
})

t.test('one that exists is left as it is', async (t) => {
  const store = await emptyStore(t)
  const first = await createVolume(store, { name: 'data', labels: { a: 'b' } })
  fs.writeFileSync(path.join(first.mountpoint, 'file'), 'kept')
  const second = await createVolume(store, { name: 'data', labels: { c: 'd' } })
  t.same(second, first)
  t.equal(fs.readFileSync(path.join(first.mountpoint, 'file'), 'utf8'), 'kept')
})

t.test('options as docker writes them, labels beside', async (t) => {
  const store = await emptyStore(t)
  const options = { type: 'tmpfs', device: 'tmpfs', o: 'size=1m' }
  const volume = await createVolume(store, { name: 'opt', labels: { b: '2', a: '1' }, options })
  t.equal(
    fs.readFileSync(path.join(store.root, 'volumes/opt/opts.json'), 'utf8'),
    '{"MountType":"tmpfs","MountOpts":"size=1m","MountDevice":"tmpfs","Quota":{"Size":0}}',
  )
  t.same(volume.options, options)
  t.same(volume.labels, { a: '1', b: '2' })
})

t.test('without a name', async (t) => {
  const store = await emptyStore(t)
  const one = await createVolume(store)
  const two = await createVolume(store)
  t.match(one.name, /^[0-9a-f]{64}$/)
  t.not(one.name, two.name)
  t.ok(isAnonymousVolume(requireVolume(store, one.name)))
  t.notOk(isAnonymousVolume(await createVolume(store, { name: 'named' })))
})

t.test('what docker refuses', async (t) => {
  const store = await emptyStore(t)
  for (const [spec, words] of [
    [{ name: 'x' }, 'create x: volume name is too short, names should be at least two'],
    [{ name: '../bad' }, 'includes invalid characters for a local volume name'],
    [{ name: 'a/b' }, 'includes invalid characters'],
    [{ name: '-x' }, 'includes invalid characters'],
    [{ name: 'qq', options: { foo: 'bar' } }, 'create qq: invalid option: "foo"'],
    [{ name: 'qq', options: { type: 'tmpfs' } }, 'create qq: missing required option: "device"'],
    [{ name: 'qq', options: { device: '/x', o: 'bind' } }, 'missing required option: "type"'],
    [{ name: 'qq', options: { size: '10m' } }, 'quota size requested but no quota support'],
    [{ name: 'qq', driver: 'nope' }, 'no volume driver "nope"'],
  ] as const)
    await t.rejects(createVolume(store, spec), { message: new RegExp(escaped(words)) }, words)
  t.notOk(fs.existsSync(store.root), 'and nothing was made')
})

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}

t.test('rm', async (t) => {
  const { open } = await fixtureStore(t)
  const store = await open()
  await createVolume(store, { name: 'free' })
  await createVolume(store, { name: 'used' })
  const { id } = await createContainer(store, 'app:1', { volumes: ['used:/data'] })
  await removeVolume(store, 'free')
  t.same(
    listVolumes(store).map(({ name }) => name),
    ['used'],
  )
  await t.rejects(removeVolume(store, 'free'), {
    code: 'ERR_VOLUME_NOT_FOUND',
    message: 'get free: no such volume',
  })
  await removeVolume(store, 'free', { force: true })
  for (const force of [false, true])
    await t.rejects(removeVolume(store, 'used', { force }), {
      code: 'ERR_VOLUME_IN_USE',
      message: `remove used: volume is in use - [${id}]`,
    })
})

t.test('names that leave the folder are no volumes', async (t) => {
  const store = await emptyStore(t)
  await createVolume(store, { name: 'data' })
  for (const name of ['..', '../volumes/data', '.', ''])
    await t.rejects(
      removeVolume(store, name),
      { code: 'ERR_VOLUME_NOT_FOUND' },
      JSON.stringify(name),
    )
})

t.test('where dockerd keeps the books, nothing is changed', async (t) => {
  const store = await emptyStore(t)
  await createVolume(store, { name: 'data' })
  fs.writeFileSync(path.join(store.root, 'volumes/metadata.db'), 'bolt')
  await t.rejects(createVolume(store, { name: 'more' }), { code: 'ERR_DOCKERD_VOLUMES' })
  await t.rejects(removeVolume(store, 'data'), { code: 'ERR_DOCKERD_VOLUMES' })
  t.same(
    listVolumes(store).map(({ name, labels }) => [name, labels]),
    [['data', undefined]],
  )
  t.same(
    filterVolumes(store, ['name=data']).map(({ name }) => name),
    ['data'],
  )
  t.throws(() => filterVolumes(store, ['label=x']), {
    code: 'ERR_DOCKERD_VOLUMES',
    message: /^cannot list volumes by label in .*: dockerd keeps .* in .*metadata\.db; use docker/,
  })
})

t.test(
  'what a container brings there goes with it, as folders that dockerd takes for volumes',
  async (t) => {
    const { open } = await fixtureStore(t)
    const store = await open()
    await createVolume(store, { name: 'data' })
    fs.writeFileSync(path.join(store.root, 'volumes/metadata.db'), 'bolt')
    const volumes = ['new:/new', 'data:/data', '/anonymous']
    const { id } = await createContainer(store, 'app:1', { volumes })
    const names = (): string[] => listVolumes(store).map(({ name }) => name)
    t.equal(names().length, 3)
    await removeContainer(store, id, { volumes: true })
    t.same(names(), ['data', 'new'])
    t.same(
      fs.readdirSync(path.join(store.root, 'volumes/new')),
      ['_data'],
      'nothing of shale’s own',
    )
    t.equal(fs.readFileSync(path.join(store.root, 'volumes/metadata.db'), 'utf8'), 'bolt')
  },
)

t.test('filters, as docker combines them', async (t) => {
  const { open } = await fixtureStore(t)
  const store = await open()
  await createVolume(store, { name: 'one', labels: { tier: 'db', x: '' } })
  await createVolume(store, { name: 'two', labels: { tier: 'web' } })
  await createVolume(store, { name: 'three' })
  await createContainer(store, 'app:1', { volumes: ['two:/data'] })
  const names = (...filters: string[]): string[] =>
    filterVolumes(store, filters).map(({ name }) => name)
  t.same(names(), ['one', 'three', 'two'])
  t.same(names('dangling=true'), ['one', 'three'])
  t.same(names('dangling=0'), ['two'])
  t.same(names('name=t'), ['three', 'two'])
  t.same(names('name=one', 'name=two'), ['one', 'two'])
  t.same(names('name=^t.o$', 'name=ree'), ['three', 'two'])
  t.same(names('label=tier'), ['one', 'two'])
  t.same(names('label=tier=db'), ['one'])
  t.same(names('label=tier', 'label=x'), ['one'])
  t.same(names('driver=local', 'name=th'), ['three'])
  t.same(names('driver=nfs'), [])
  for (const bad of ['bogus=1', 'dangling', 'dangling=perhaps', 'name=('])
    t.throws(() => filterVolumes(store, [bad]), { code: 'ERR_OPTION' }, bad)
})
