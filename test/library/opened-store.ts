// The store as one object: that its handles do what the functions do, tell what they did, take away what they mounted,
// and end when they are told to.

import fs from 'node:fs'
import path from 'node:path'
import t, { type Test } from 'tap'
import { openStore, type OpenedStore, type StoreEventMap } from '../../src/index.ts'
import { unless } from '../support/host.ts'
import { dockerArchive25, packed, smallImage } from '../support/image.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const image = smallImage({ config: { Cmd: ['/bin/true'] } })

type Told = { [Name in keyof StoreEventMap]: [Name, ...StoreEventMap[Name]] }[keyof StoreEventMap]

async function openedStore(
  t: Test,
): Promise<{ store: OpenedStore; told: Told[]; directory: string }> {
  const directory = temporaryDirectory(t)
  const store = await openStore(path.join(directory, 'root'), { sync: false })
  const told: Told[] = []
  store.events.on('container', (event) => told.push(['container', event]))
  store.events.on('image', (event) => told.push(['image', event]))
  store.events.on('progress', (event) => told.push(['progress', event]))
  fs.writeFileSync(
    path.join(directory, 'app.tar'),
    packed(dockerArchive25([{ image, tags: ['app:1'] }])),
  )
  return { store, told, directory }
}

t.test('a life by handles, and what listeners hear of it', async (t) => {
  const { store, told, directory } = await openedStore(t)
  const steps: unknown[] = []
  const [loaded] = await store.load(path.join(directory, 'app.tar'), {
    onProgress: (step) => steps.push(step),
  })
  t.ok(steps.length > 0, 'the caller’s own listener is still called')
  t.same(
    told.splice(0).filter(([name]) => name === 'progress'),
    steps.map((step) => ['progress', step]),
  )

  const rw = await store.mounts.create('app:1', { name: 'web', labels: { keep: 'no' } })
  t.match(rw.container, { id: rw.id, name: 'web', imageID: loaded!.imageID })
  t.equal(store.mounts.get(rw.id.slice(0, 12)).id, rw.id)
  t.same(
    store.mounts.list().map(({ name }) => name),
    ['web'],
  )
  t.same(await rw.changes(), [])
  fs.writeFileSync(
    path.join(store.driver.layerDirectory(rw.container.layer!.mountID), 'new'),
    'new\n',
  )
  t.match(await rw.changes(), [{ kind: 'add', path: '/new' }])
  await rw.rename('front')
  t.equal(rw.name, 'front', 'a handle holds no state')
  const made = await rw.commit({ reference: 'app:2' })
  t.equal(store.image('app:2').id, made.imageID)
  const { chainID } = store.image('app:2').layers.at(-1)!
  const tar: Uint8Array[] = []
  for await (const chunk of rw.export()) tar.push(chunk)
  t.ok(Buffer.concat(tar).includes('new\n'))

  const found = await store.usage()
  t.same([found.images.total, found.containers.total], [2, 1])
  const dry = await store.prune({ dryRun: true })
  t.same(dry.containers, [rw.id])
  t.equal(store.mounts.list().length, 1)
  t.same((await rw.remove({ dryRun: true })).id, rw.id)
  await rw.remove()
  t.throws(() => rw.name, { code: 'ERR_CONTAINER_NOT_FOUND' })
  t.throws(() => store.mounts.get('front'), { code: 'ERR_CONTAINER_NOT_FOUND' })

  const idle = await store.mounts.create('app:1', { name: 'idle' })
  await store.remove('app:2')
  await store.prune()
  const { imageID } = made
  t.same(
    told.filter(([name]) => name !== 'progress'),
    [
      ['container', { action: 'create', id: rw.id, name: 'web' }],
      ['container', { action: 'rename', id: rw.id, name: 'front' }],
      ['container', { action: 'commit', id: rw.id, name: 'front', imageID }],
      ['image', { action: 'commit', imageID, names: ['app:2'] }],
      ['container', { action: 'destroy', id: rw.id, name: 'front' }],
      ['container', { action: 'create', id: idle.id, name: 'idle' }],
      ['image', { action: 'remove', removal: { kind: 'untagged', name: 'app:2' } }],
      ['image', { action: 'remove', removal: { kind: 'deleted', id: imageID } }],
      ['image', { action: 'remove', removal: { kind: 'deleted', id: chainID } }],
      ['container', { action: 'destroy', id: idle.id, name: 'idle' }],
    ],
  )
})

t.test('an image squashed, under another name', async (t) => {
  const { store, told, directory } = await openedStore(t)
  const [loaded] = await store.load(path.join(directory, 'app.tar'))
  told.splice(0)
  const steps: unknown[] = []
  const made = await store.squash('app:1', { onProgress: (step) => steps.push(step) })
  t.equal(made.squashedLayers, image.layers.length)
  t.equal(store.image(made.imageID).layers.length, 1)
  t.match(await store.tag(made.imageID, 'app:1'), {
    name: 'app:1',
    imageID: made.imageID,
    previous: loaded!.imageID,
  })
  t.equal(store.image('app:1').id, made.imageID)
  t.same(
    told.filter(([name]) => name === 'progress'),
    steps.map((step) => ['progress', step]),
  )
  t.same(
    told.filter(([name]) => name !== 'progress'),
    [
      ['image', { action: 'squash', imageID: made.imageID, names: [] }],
      ['image', { action: 'tag', imageID: made.imageID, names: ['app:1'] }],
    ],
  )
})

t.test('an image imported and saved', async (t) => {
  const { store, told, directory } = await openedStore(t)
  fs.mkdirSync(path.join(directory, 'tree'))
  const made = await store.import(
    { directory: path.join(directory, 'tree') },
    { reference: 'in:1' },
  )
  t.same(told.at(-1), ['image', { action: 'import', imageID: made.imageID, names: ['in:1'] }])
  let sizeBytes = 0
  for await (const chunk of await store.save(['in:1'])) sizeBytes += chunk.length
  t.ok(sizeBytes > 1024)
})

t.test('what the host refuses is told by the same classes as all else', async (t) => {
  const { store, directory } = await openedStore(t)
  const missing = path.join(directory, 'missing')
  const actions: readonly (() => Promise<unknown>)[] = [
    () => store.load(missing),
    () => store.load(path.join(directory, 'app.tar', 'below')),
    () => store.import({ file: missing }),
    () => store.import({ directory: missing }),
  ]
  for (const action of actions)
    await t.rejects(action(), { name: 'NotFoundError', code: 'ERR_FILE_NOT_FOUND' })
  t.notOk(fs.existsSync(store.root), 'and no root is made for it')

  const file = path.join(directory, 'app.tar')
  await t.rejects(openStore(file), {
    name: 'InvalidArgumentError',
    code: 'ERR_OPTION',
    message: /app\.tar: it is not a directory; name the directory of a store/,
  })
  await t.rejects(openStore(path.join(file, 'root')), {
    name: 'HostError',
    code: 'ERR_HOST',
    details: { errno: 'ENOTDIR' },
  })

  await store.load(file)
  const { repositories, content } = store.layout
  fs.rmSync(repositories)
  fs.symlinkSync(repositories, repositories)
  t.throws(() => store.image('app:1'), { name: 'HostError', details: { errno: 'ELOOP' } })
  fs.rmSync(repositories)
  fs.mkdirSync(repositories)
  t.throws(() => store.image('app:1'), { name: 'HostError', details: { errno: 'EISDIR' } })
  fs.rmdirSync(repositories)
  fs.rmSync(content, { recursive: true })
  fs.symlinkSync(content, content)
  t.throws(() => store.images(), { name: 'HostError', details: { errno: 'ELOOP' } })
})

t.test('warnings reach the listener and the callback', async (t) => {
  const directory = temporaryDirectory(t)
  const called: string[] = []
  const heard: string[] = []
  const store = await openStore(path.join(directory, 'root'), {
    onWarning: ({ code }) => called.push(code),
  })
  store.events.on('warning', ({ code }) => heard.push(code))
  store.onWarning({ code: 'WARN_ONE', message: 'one', count: 1 })
  t.same([called, heard], [['WARN_ONE'], ['WARN_ONE']])
})

t.test('a signal ends what runs, and the store is as it was', async (t) => {
  const { store, told, directory } = await openedStore(t)
  await store.load(path.join(directory, 'app.tar'))
  const rw = await store.mounts.create('app:1', { name: 'web' })
  told.splice(0)
  const reason = new Error('enough')
  const signal = AbortSignal.abort(reason)
  const actions: Record<string, () => Promise<unknown>> = {
    load: () => store.load(path.join(directory, 'app.tar'), { signal }),
    create: () => store.mounts.create('app:1', { signal }),
    mount: () => rw.mount(undefined, { signal }),
    changes: () => rw.changes({ signal }),
    commit: () => rw.commit({ signal }),
    bundle: () => rw.bundle(path.join(directory, 'bundle'), { signal }),
    export: async () => {
      for await (const _ of rw.export({ signal }));
    },
    rename: () => rw.rename('other', { signal }),
    remove: () => rw.remove({ signal }),
    prune: () => store.prune({ signal }),
    usage: () => store.usage({ signal }),
    import: () => store.import({ directory }, { signal }),
    tag: () => store.tag('app:1', 'app:2', { signal }),
    squash: () => store.squash('app:1', { signal }),
    'remove an image': () => store.remove('app:1', { force: true, signal }),
  }
  for (const [name, action] of Object.entries(actions))
    t.equal(await action().catch((error: unknown) => error), reason, name)
  t.same(
    told.filter(([name]) => name !== 'progress'),
    [],
    'nothing is told of what was not done',
  )
  t.equal(rw.name, 'web')
  t.equal(store.images().length, 1)
})

t.test(
  'a mount ends with its scope, or before',
  { skip: unless({ root: true, overlay: true }) },
  async (t) => {
    const { store, told, directory } = await openedStore(t)
    await store.load(path.join(directory, 'app.tar'))
    told.splice(0)
    const target = path.join(directory, 'target')
    fs.mkdirSync(target)
    const isMounted = (): boolean =>
      fs.readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${target} `)
    const { id } = await store.mounts.create('app:1', { name: 'web' })
    {
      await using rw = store.mounts.get(id)
      await using mount = await rw.mount(target)
      t.same([mount.target, mount.view, mount.server], [target, 'kernel', undefined])
      t.ok(isMounted())
      fs.writeFileSync(path.join(target, 'through'), 'the kernel')
      await t.rejects(rw.mount(), { code: 'ERR_MOUNT_EXISTS' })
      await t.rejects(rw.remove(), { code: 'ERR_CONTAINER_IN_USE' })
    }
    t.notOk(isMounted())
    {
      await using rw = store.mounts.get(id)
      const mount = await rw.mount(target)
      await mount.unmount()
      t.notOk(isMounted())
      await mount.unmount()
      await rw.mount(target)
      t.ok(isMounted())
    }
    t.notOk(isMounted(), 'the layer’s handle takes its mounts along')
    const bundled = path.join(directory, 'bundle')
    {
      await using bundle = await store.mounts.get(id).bundle(bundled)
      t.equal(bundle.rootfs, 'mount')
      t.equal(fs.readFileSync(path.join(bundled, 'rootfs/through'), 'utf8'), 'the kernel')
    }
    t.same(fs.readdirSync(path.join(bundled, 'rootfs')), [])
    t.same(
      told.map(([, event]) => (event as { action: string }).action),
      ['create', ...Array<string[]>(4).fill(['mount', 'unmount']).flat()],
    )
  },
)
