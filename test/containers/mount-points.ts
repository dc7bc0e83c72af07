// What a new container sees besides its layers, through the library: whose mount wins a place, which volumes are made,
// and that a refusal makes none. Beside a real dockerd: test/interop/create.ts.

import fs from 'node:fs'
import path from 'node:path'
import t, { type Test } from 'tap'
import {
  createContainer,
  inspectContainer,
  loadArchive,
  openStore,
  type CreateOptions,
  type Store,
} from '../../src/index.ts'
import { fromBytes, ofAnotherDriver } from '../support/container.ts'
import { buildImage, dockerArchive25, packed } from '../support/image.ts'
import { dir, file, layerTar } from '../support/layer.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { compareTrees, readTree } from '../support/tree.ts'

const image = buildImage(
  [
    layerTar(
      dir('data'),
      file('data/one', '1'),
      dir('more'),
      file('more/two', '2'),
      file('top', 't'),
    ),
  ],
  {
    config: { Cmd: ['/bin/true'], Volumes: { '/data': {} } },
  },
)

interface Seen {
  readonly Type: string
  readonly Name?: string
  readonly Source: string
  readonly Mode: string
  readonly RW: boolean
  readonly Propagation: string
}

async function storeOf(t: Test): Promise<{ store: Store; dir: string; sees: Sees }> {
  const dir = temporaryDirectory(t)
  const store = await openStore(path.join(dir, 'root'), { driver: 'overlay2', sync: false })
  await loadArchive(store, fromBytes(packed(dockerArchive25([{ image, tags: ['app:1'] }]))))
  const sees: Sees = async (options) => {
    const { id } = await createContainer(store, 'app:1', options)
    const { Mounts } = await inspectContainer(store, id)
    return Object.fromEntries(
      Mounts.map((mount) => [mount['Destination'] as string, mount as unknown as Seen]),
    )
  }
  return { store, dir, sees }
}
type Sees = (options: CreateOptions) => Promise<Record<string, Seen>>

const volumeFiles = (store: Store, name: string): string[] =>
  fs.readdirSync(path.join(store.layout.volumes, name, '_data'))

t.test('each kind of mount, and what it leaves of the image’s own volume', async (t) => {
  const { store, dir, sees } = await storeOf(t)
  const host = path.join(dir, 'host')
  fs.mkdirSync(host)
  const named = await sees({ mounts: ['src=vol,dst=/data,ro'] })
  t.match(named, { '/data': { Type: 'volume', Name: 'vol', Mode: 'z', RW: false } })
  t.same(volumeFiles(store, 'vol'), ['one'], 'it takes what the image has there')
  const bare = await sees({ mounts: ['src=bare,dst=/data,volume-nocopy'] })
  t.match(bare, { '/data': { Name: 'bare', RW: true } })
  t.same(volumeFiles(store, 'bare'), [])
  const unnamed = await sees({ mounts: ['dst=/else'] })
  t.match(unnamed['/else']!.Name, /^[0-9a-f]{64}$/)
  t.match(unnamed['/else']!.Source, unnamed['/else']!.Name)
  t.ok(unnamed['/data'], 'the image’s place is kept beside it')
  const bound = await sees({ mounts: [`type=bind,src=${host}/,dst=/data,bind-propagation=slave`] })
  t.match(bound, { '/data': { Type: 'bind', Source: host, Mode: '', Propagation: 'slave' } })
  const memory = await sees({ mounts: ['type=tmpfs,dst=/data'] })
  t.match(memory, { '/data': { Type: 'tmpfs', Source: '', RW: true } })
  t.same(await sees({ tmpfs: ['/data'] }), {}, 'a --tmpfs is no mount point')
})

t.test('a volume is made once, as its first mention says', async (t) => {
  const { store, sees } = await storeOf(t)
  const options = 'volume-opt=type=tmpfs,volume-opt=device=tmpfs'
  const twice = await sees({
    volumes: ['vol:/data', 'vol:/more'],
    mounts: [`src=made,dst=/a,volume-label=k=v,${options}`, 'src=made,dst=/b,volume-label=k=w'],
  })
  t.same(Object.keys(twice).sort(), ['/a', '/b', '/data', '/more'])
  t.same(volumeFiles(store, 'vol'), ['one'])
  const made = path.join(store.layout.volumes, 'made')
  t.match(fs.readFileSync(path.join(made, 'opts.json'), 'utf8'), '"MountDevice":"tmpfs"')
  t.equal(fs.readFileSync(path.join(made, 'labels.json'), 'utf8'), '{"k":"v"}')
  fs.writeFileSync(path.join(store.layout.volumes, 'metadata.db'), '')
  await t.rejects(sees({ mounts: ['src=lost,dst=/a,volume-label=k=v'] }), {
    code: 'ERR_DOCKERD_VOLUMES',
  })
  await sees({ mounts: ['src=made,dst=/a,volume-label=k=v'] })
})

t.test('another container’s volumes give way to the container’s own', async (t) => {
  const { dir, sees } = await storeOf(t)
  const from = await sees({
    name: 'from',
    volumes: ['one:/one:ro', 'two:/two', `${dir}/host:/host:z`, '/own'],
  })
  const taken = await sees({ volumesFrom: ['from'] })
  const plain = (seen: Record<string, Seen>): object =>
    Object.fromEntries(Object.entries(seen).map(([place, each]) => [place, { ...each, Mode: '' }]))
  t.same(plain(taken), plain(from), 'volumes without a name too; the labels are its own affair')
  t.ok(Object.values(taken).every(({ Mode }) => Mode === ''))
  const readOnly = await sees({ volumesFrom: ['from:ro'] })
  t.ok(Object.values(readOnly).every(({ RW }) => !RW))
  const own = await sees({ volumesFrom: ['from'], volumes: ['mine:/one'], mounts: ['dst=/two'] })
  t.match(own['/one'], { Name: 'mine', RW: true })
  t.not(own['/two']!.Name, 'two')
  t.equal(own['/own']!.Name, from['/own']!.Name)
})

t.test('a volume of another driver is taken over by nobody', async (t) => {
  const { store, sees } = await storeOf(t)
  await sees({ name: 'from', volumes: ['vol:/data'] })
  ofAnotherDriver(store, 'from')
  await t.rejects(sees({ volumesFrom: ['from'] }), {
    code: 'ERR_HOST_UNSUPPORTED',
    message: /^cannot take over the volume vol of from: it is of the volume driver "nfs"/,
  })
})

t.test('nothing is warned of where there is no such image', async (t) => {
  const root = path.join(temporaryDirectory(t), 'root')
  const codes: string[] = []
  const store = await openStore(root, { sync: false, onWarning: ({ code }) => codes.push(code) })
  await t.rejects(createContainer(store, 'none', { autoRemove: true }), {
    code: 'ERR_IMAGE_NOT_FOUND',
  })
  t.same(codes, [])
})

t.test('a place on the host that holds the store is not kept private', async (t) => {
  const { dir, store, sees } = await storeOf(t)
  for (const source of [dir, store.root, path.join(store.root, 'volumes')])
    t.match((await sees({ volumes: [`${source}:/x`] }))['/x'], { Propagation: 'rslave' }, source)
  t.match((await sees({ volumes: ['/usr:/x'] }))['/x'], { Propagation: 'rprivate' })
  t.match((await sees({ volumes: [`${dir}:/x:rshared`] }))['/x'], { Propagation: 'rshared' })
  const message = /^invalid mount config: must use either propagation mode "rslave" or "rshared"/
  await t.rejects(sees({ volumes: [`${dir}:/x:private`] }), {
    message,
    details: { option: 'volume', propagation: 'private' },
  })
  await t.rejects(sees({ mounts: [`type=bind,src=${dir},dst=/x,bind-propagation=private`] }), {
    message,
    details: { option: 'mount' },
  })
})

t.test('what cannot be mounted is refused, and the store is as it was', async (t) => {
  const { store, dir, sees } = await storeOf(t)
  await sees({ name: 'memory', mounts: ['type=tmpfs,dst=/run'] })
  const gone = (await sees({ name: 'gone', volumes: ['/own'] }))['/own']!.Name!
  fs.rmSync(path.join(store.layout.volumes, gone), { recursive: true })
  const before = readTree(store.root, { times: false })
  const twice = { code: 'ERR_DESTINATION_EXISTS', message: 'Duplicate mount point: /a' }
  const refused: readonly (readonly [CreateOptions, object])[] = [
    [{ mounts: ['src=v1,dst=/a', 'src=v2,dst=/a/'] }, twice],
    [{ volumes: ['v1:/a'], mounts: ['src=v2,dst=/a'] }, twice],
    [{ volumes: ['v1:/a'], tmpfs: ['/a'] }, twice],
    [
      { mounts: [`type=bind,src=${dir}/none,dst=/a`] },
      {
        message: `invalid mount config for type "bind": bind source path does not exist: ${dir}/none`,
      },
    ],
    [{ mounts: ['src=x,dst=/a'] }, { message: /^create x: volume name is too short/ }],
    [{ mounts: ['src=/x,dst=/a'] }, { message: /includes invalid characters for a local volume/ }],
    [{ mounts: ['src=v1,dst=/top'] }, { message: /cannot mount volume over existing file/ }],
    [
      { mounts: ['src=v1,dst=/a,volume-driver=nfs'] },
      { code: 'ERR_HOST_UNSUPPORTED', message: /there is no volume driver "nfs"/ },
    ],
    [
      { mounts: ['src=v1,dst=/a,volume-opt=type=nfs'] },
      { message: 'create v1: missing required option: "device"' },
    ],
    [{ volumesFrom: ['nobody'] }, { code: 'ERR_CONTAINER_NOT_FOUND' }],
    [
      { volumesFrom: ['memory'] },
      {
        code: 'ERR_OPTION',
        message: 'cannot take over what memory sees at /run: a tmpfs is its own, and no volume',
      },
    ],
    [{ volumesFrom: ['gone'] }, { code: 'ERR_VOLUME_NOT_FOUND' }],
    [{ stopSignal: 'SIGNONE' }, { message: 'Invalid signal: SIGNONE' }],
    [
      { volumes: ['v1:/a:rslave'] },
      { message: /"volume": field BindOptions must not be specified$/ },
    ],
    [
      { volumes: ['/h:/a:nocopy'] },
      { message: /"bind": field VolumeOptions must not be specified$/ },
    ],
    [{ volumes: ['v1:/a:ro,rw'] }, { message: 'invalid mode: ro,rw' }],
  ]
  for (const [options, reason] of refused) {
    const thrown = await sees(options).catch((error: unknown) => error)
    t.match(thrown, reason, JSON.stringify(options))
    t.same(compareTrees(readTree(store.root, { times: false }), before), [])
  }
  t.ok(await sees({ mounts: ['type=tmpfs,dst=/a'], tmpfs: ['/a'] }), 'docker lets these be')
})
