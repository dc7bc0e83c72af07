// What a bundle says and holds; that runtimes run it is test/interop/bundle.ts's.

import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import {
  createContainer,
  listMountedContainers,
  listMountedImages,
  removeContainer,
  removeImage,
  unmountContainer,
  unmountImage,
  writeBundle,
} from '../../src/index.ts'
import { bundleSpec, type BundleFacts } from '../../src/containers/bundle-spec.ts'
import { containerFixture } from '../support/container.ts'
import { isRoot, unless } from '../support/host.ts'
import { dir, file, layerTar, symlink } from '../support/layer.ts'

interface Spec {
  readonly ociVersion: string
  readonly hostname: string
  readonly root: object
  readonly process: {
    readonly terminal: boolean
    readonly args: readonly string[]
    readonly env: readonly string[]
    readonly cwd: string
    readonly user: {
      readonly uid: number
      readonly gid: number
      readonly additionalGids?: number[]
    }
    readonly capabilities: Readonly<Record<string, readonly string[]>>
  }
  readonly mounts: readonly { readonly destination: string; readonly options: readonly string[] }[]
  readonly linux: {
    readonly namespaces: readonly { readonly type: string }[]
    readonly uidMappings?: readonly object[]
    readonly resources?: object
  }
}

const LAYER = layerTar(
  dir('etc'),
  file('etc/passwd', 'root:x:0:0::/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n'),
  file('etc/group', 'root:x:0:\napp:x:1001:\nextra:x:1002:app,other\n'),
  file('bin/x', '#!', { mode: 0o755 }),
)
const CONFIG = {
  Entrypoint: ['/bin/x'],
  Cmd: ['one', 'two'],
  Env: ['PATH=/bin', 'A=b=c'],
  User: 'app',
  WorkingDir: '/srv',
}

function specOf(directory: string): Spec {
  return JSON.parse(fs.readFileSync(path.join(directory, 'config.json'), 'utf8')) as Spec
}

const mountSkip = unless({ root: true, overlay: true })

t.test('config.json says what the image and the create flags say', async (t) => {
  const { directory, store } = await containerFixture(t, [LAYER], CONFIG)
  const { id } = await createContainer(store, 'base:1', {
    name: 'made',
    command: ['three'],
    env: ['B=d', 'PATH=/other'],
    user: '7:extra',
    workingDirectory: '/tmp/x',
    volumes: ['data:/data', `${directory}:/host:ro`],
  })
  const out = path.join(directory, 'b')
  t.match(await writeBundle(store, 'made', out, { copy: true }), { directory: out, rootfs: 'copy' })
  const spec = specOf(out)
  t.equal(spec.ociVersion, '1.0.2')
  t.equal(spec.hostname, id.slice(0, 12))
  t.same(spec.root, { path: 'rootfs', readonly: false })
  t.same(spec.process.args, ['/bin/x', 'three'])
  t.same([...spec.process.env].sort(), [
    'A=b=c',
    'B=d',
    'HOME=/',
    `HOSTNAME=${id.slice(0, 12)}`,
    'PATH=/other',
  ])
  t.equal(spec.process.cwd, '/tmp/x')
  t.same(spec.process.user, { uid: 7, gid: 1002 })
  t.notOk(spec.process.capabilities['effective'], 'none for a user')
  const volumes = spec.mounts.filter(({ destination }) => /^\/(data|host)$/.test(destination))
  t.match(volumes, [
    { destination: '/data', source: path.join(store.root, 'volumes/data/_data') },
    { destination: '/host', source: directory, options: ['rbind', 'rprivate', 'ro'] },
  ])
  t.ok(fs.statSync(path.join(out, 'rootfs/tmp/x')).isDirectory(), 'the container’s own root')

  const image = path.join(directory, 'i')
  await writeBundle(store, 'base:1', image, { copy: true })
  const plain = specOf(image)
  t.same(plain.process.args, ['/bin/x', 'one', 'two'])
  t.match(plain.process.user, { uid: 1000, gid: 1001 })
  t.ok(plain.process.env.includes('HOME=/home/app'))
  t.same(fs.readdirSync(path.join(image, 'rootfs')).sort(), ['bin', 'etc'])
})

const FACTS: BundleFacts = {
  config: {},
  args: ['sh'],
  env: {},
  hostname: 'h',
  user: { uid: 0, gid: 0, additionalGids: [4], home: '/' },
  volumes: [],
}

t.test('root’s bundle has docker’s defaults, another’s what is left of them', (t) => {
  const full = bundleSpec(FACTS) as Spec
  t.same(full.linux.namespaces.map(({ type }) => type).sort(), [
    'ipc',
    'mount',
    'network',
    'pid',
    'uts',
  ])
  t.equal(full.process.capabilities['effective']?.length, 14)
  t.same(full.process.user.additionalGids, [4])
  t.ok(full.linux.resources)
  t.notOk(full.linux.uidMappings)
  t.ok(full.mounts.some(({ options }) => options.includes('gid=5')))

  const one = [{ containerID: 0, hostID: 1000, size: 1 }]
  const rootless = bundleSpec({ ...FACTS, mappings: { uids: one, gids: one } }) as Spec
  t.same(rootless.linux.namespaces.map(({ type }) => type).sort(), [
    'ipc',
    'mount',
    'pid',
    'user',
    'uts',
  ])
  t.same(rootless.linux.uidMappings, one)
  t.notOk(rootless.linux.resources, 'no cgroup of its own')
  t.notOk(rootless.process.user.additionalGids)
  t.notOk(rootless.mounts.some(({ options }) => options.some((option) => /^[ug]id=/.test(option))))
  t.notOk(rootless.mounts.some(({ destination }) => destination === '/sys/fs/cgroup'))
  t.end()
})

t.test('users that the image does not know, or keeps elsewhere', async (t) => {
  const { directory, store } = await containerFixture(
    t,
    [layerTar(dir('etc'), symlink('etc/passwd', '../../../../../../etc/passwd'))],
    { Cmd: ['x'] },
  )
  const out = path.join(directory, 'b')
  for (const [user, message] of [
    ['root', /unable to find user root: no matching entries in passwd file/],
    ['1:daemon', /unable to find group daemon: no matching entries in group file/],
    ['99999999999', /must be in range 0-2147483647/],
  ] as const) {
    await createContainer(store, 'base:1', { name: 'user', user })
    await t.rejects(writeBundle(store, 'user', out, { copy: true }), { message })
    t.notOk(fs.existsSync(out), 'nothing is left')
    await removeContainer(store, 'user')
  }
})

t.test('a mounted root is the container’s own', { skip: mountSkip }, async (t) => {
  const { directory, store } = await containerFixture(t, [LAYER], { Cmd: ['/bin/x'] })
  const out = path.join(directory, 'b')
  const rootfs = path.join(out, 'rootfs')
  t.same(await writeBundle(store, 'box', out), { directory: out, rootfs: 'mount' })
  fs.writeFileSync(path.join(rootfs, 'new'), 'kept')
  t.match(listMountedContainers(store), [{ name: 'box', target: rootfs }])
  const second = path.join(directory, 'second')
  await t.rejects(writeBundle(store, 'box', second), { code: 'ERR_MOUNT_EXISTS' })
  t.notOk(fs.existsSync(second))
  await unmountContainer(store, rootfs)
  t.same(fs.readdirSync(rootfs), [])
  fs.rmSync(out, { recursive: true })
  await writeBundle(store, 'box', out)
  t.equal(fs.readFileSync(path.join(rootfs, 'new'), 'utf8'), 'kept')
  await unmountContainer(store, 'box')
})

t.test(
  'an image is mounted under a layer of the bundle, and held by it',
  { skip: mountSkip },
  async (t) => {
    for (const layers of [[LAYER], [LAYER, layerTar(file('top', 'top'))]]) {
      const { directory, store } = await containerFixture(t, layers, { Cmd: ['/bin/x'] })
      const out = path.join(directory, 'b')
      const rootfs = path.join(out, 'rootfs')
      await writeBundle(store, 'base:1', out)
      fs.writeFileSync(path.join(rootfs, 'new'), 'new')
      t.equal(fs.readFileSync(path.join(out, 'upper/new'), 'utf8'), 'new')
      t.match(await listMountedImages(store), [{ target: rootfs, names: ['base:1'] }])
      await removeContainer(store, 'box')
      await t.rejects(removeImage(store, 'base:1', { force: true }), { code: 'ERR_IMAGE_IN_USE' })
      await unmountImage(store, rootfs)
      t.same(fs.readdirSync(rootfs), [])
    }
  },
)

t.test(
  'who cannot mount gets a copy, and is told why',
  { skip: isRoot && 'needs an ordinary user' },
  async (t) => {
    const { directory, store } = await containerFixture(t, [LAYER], { Cmd: ['/bin/x'] })
    const out = path.join(directory, 'b')
    t.match(await writeBundle(store, 'box', out), { rootfs: 'copy', reason: /owners and devices/ })
    t.match(specOf(out).linux.uidMappings, [
      { containerID: 0, hostID: process.geteuid!(), size: 1 },
    ])
    t.ok(fs.existsSync(path.join(out, 'rootfs/bin/x')))
  },
)

t.test('a folder that is there must be empty', async (t) => {
  const { directory, store } = await containerFixture(t, [LAYER], { Cmd: ['/bin/x'] })
  const full = path.join(directory, 'full')
  fs.mkdirSync(full)
  fs.writeFileSync(path.join(full, 'mine'), 'mine')
  await t.rejects(writeBundle(store, 'box', full), { code: 'ERR_DESTINATION_EXISTS' })
  t.same(fs.readdirSync(full), ['mine'])
  const empty = path.join(directory, 'empty')
  fs.mkdirSync(empty)
  await writeBundle(store, 'box', empty, { copy: true })
  t.same(fs.readdirSync(empty).sort(), ['config.json', 'rootfs'])
  await t.rejects(writeBundle(store, 'none', empty), { code: 'ERR_CONTAINER_NOT_FOUND' })
  const signal = AbortSignal.abort(new Error('enough'))
  await t.rejects(writeBundle(store, 'box', path.join(directory, 'x'), { signal }), /enough/)
  t.notOk(fs.existsSync(path.join(directory, 'x')))
})
