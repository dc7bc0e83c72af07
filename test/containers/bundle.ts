// What a bundle says and holds; that runtimes run it is test/interop/bundle.ts's.

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import {
  changesOf,
  createContainer,
  listMountedContainers,
  listMountedImages,
  removeContainer,
  removeImage,
  unmountContainer,
  unmountImage,
  writeBundle,
  type CreateOptions,
} from '../../src/index.ts'
import type { OnWarning } from '../../src/errors.ts'
import { userMappings } from '../../src/containers/bundle-mappings.ts'
import { hostFacts } from '../../src/containers/bundle-host.ts'
import { bundleSpec, type BundleFacts } from '../../src/containers/bundle-spec.ts'
import { usersMayAllowOthers } from '../../src/sys/fuse-device.ts'
import { listMounts } from '../../src/sys/mount-table.ts'
import { cleanEnvironment, MAIN, withoutLoader } from '../support/cli.ts'
import { containerFixture, ofAnotherDriver } from '../support/container.ts'
import { againAsUser, FUSE_USER_NAME, fuseSkip } from '../support/fuse-for-users.ts'
import { isRoot, unless } from '../support/host.ts'
import { apart } from '../support/mount-namespace.ts'
import { buildImage, dockerArchive25, packed } from '../support/image.ts'
import { dir, file, layerTar, symlink } from '../support/layer.ts'
import { temporaryDirectory } from '../support/temporary.ts'

interface Spec {
  readonly ociVersion: string
  readonly hostname: string
  readonly root: { readonly path: string; readonly readonly: boolean }
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
    readonly devices?: readonly { readonly path: string; readonly fileMode: number }[]
    readonly rootfsPropagation?: string
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
    { destination: '/host', source: directory, options: ['rbind', 'rslave', 'ro'] }, // the store is in it
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
  host: hostFacts({}),
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

t.test('what a container was asked to be run with holds in its bundle', async (t) => {
  const { directory, store } = await containerFixture(t, [layerTar(file('x', ''))], { Cmd: ['/x'] })
  const specFor = async (name: string, options: CreateOptions): Promise<Spec> => {
    await createContainer(store, 'base:1', { name, ...options })
    const out = path.join(directory, name)
    await writeBundle(store, name, out, { copy: true })
    return specOf(out)
  }
  const shut = await specFor('shut', {
    readOnly: true,
    capDrop: ['ALL'],
    capAdd: ['net_raw'],
    tmpfs: ['/run:exec,size=1m'],
    mounts: ['type=tmpfs,dst=/mem,tmpfs-mode=1770,tmpfs-size=4k,ro'],
    network: 'host',
  })
  t.equal(shut.root.readonly, true)
  t.same(shut.process.capabilities, {
    bounding: ['CAP_NET_RAW'],
    effective: ['CAP_NET_RAW'],
    permitted: ['CAP_NET_RAW'],
  })
  const memory = shut.mounts.filter(({ destination }) => /^\/(run|mem)$/.test(destination))
  const optionsOf = Object.fromEntries(memory.map((each) => [each.destination, each.options]))
  t.same(optionsOf, {
    '/mem': ['noexec', 'nosuid', 'nodev', 'rprivate', 'ro', 'mode=1770', 'size=4096'],
    '/run': ['exec', 'nosuid', 'nodev', 'rprivate', 'size=1m'],
  })
  t.notOk(shut.linux.namespaces.some(({ type }) => type === 'network'))
  const some = await specFor('some', { capDrop: ['chown'], capAdd: ['sys_time'] })
  const bounding = some.process.capabilities['bounding']!
  t.equal(bounding.length, 14)
  t.ok(bounding.includes('CAP_SYS_TIME') && !bounding.includes('CAP_CHOWN'))
  const most = await specFor('most', { capAdd: ['ALL'], capDrop: ['chown'] })
  t.equal(most.process.capabilities['bounding']!.length, 40)
})

t.test('bounds and privilege, where a bundle has a say in them', (t) => {
  const host = hostFacts({ Memory: 67_108_864, MemorySwap: -1, NanoCpus: 500_000_000 })
  t.same((bundleSpec({ ...FACTS, host }) as Spec).linux.resources, {
    devices: [{ allow: false, access: 'rwm' }],
    memory: { limit: 67_108_864, swap: -1 },
    cpu: { quota: 50_000, period: 100_000 },
  })
  const all = bundleSpec({ ...FACTS, host: hostFacts({ Privileged: true }) }) as Spec
  t.equal(all.process.capabilities['bounding']!.length, 41)
  t.same(all.linux.resources, { devices: [{ allow: true, access: 'rwm' }] })
  t.notOk('maskedPaths' in all.linux || 'readonlyPaths' in all.linux)
  t.notOk(all.mounts.some(({ options }) => options.includes('ro')))
  t.end()
})

t.test('devices and confinement, as far as config.json says them', async (t) => {
  const { directory, store } = await containerFixture(t, [LAYER], { Cmd: ['/bin/x'] })
  const link = path.join(directory, 'link')
  fs.symlinkSync('/dev/zero', link)
  const bundle = async (name: string, options: CreateOptions): Promise<Spec> => {
    await createContainer(store, 'base:1', { name, ...options })
    const out = path.join(directory, name)
    await writeBundle(store, name, out, { copy: true, onWarning: () => {} })
    return specOf(out)
  }
  const { process: run, linux } = await bundle('with', {
    device: ['/dev/null:/dev/nothing:r', link],
    deviceCgroupRule: ['b 7:* rm'],
    securityOpt: ['apparmor=mine', 'no-new-privileges', 'label=disable', 'seccomp=unconfined'],
    ulimit: ['nofile=5:6'],
  })
  t.match(linux.devices, [
    { path: '/dev/nothing', type: 'c', major: 1, minor: 3 },
    { path: link, type: 'c', major: 1, minor: 5 },
  ])
  t.equal(linux.devices?.[0]?.fileMode, fs.statSync('/dev/null').mode & 0o7777)
  const rules = [
    { allow: false, access: 'rwm' },
    { allow: true, type: 'c', major: 1, minor: 3, access: 'r' },
    { allow: true, type: 'c', major: 1, minor: 5, access: 'rwm' },
    { allow: true, type: 'b', major: 7, access: 'rm' },
  ]
  if (isRoot) t.same(linux.resources, { devices: rules })
  t.match(run, {
    apparmorProfile: 'mine',
    noNewPrivileges: true,
    rlimits: [{ type: 'RLIMIT_NOFILE', soft: 5, hard: 6 }],
  })
  const open = await bundle('open', {
    securityOpt: ['apparmor=unconfined', 'systempaths=unconfined'],
    device: ['/dev/net:/dev/none'].filter(() => fs.existsSync('/dev/net/tun')),
  })
  t.notOk('apparmorProfile' in open.process)
  t.notOk('maskedPaths' in open.linux || 'readonlyPaths' in open.linux)
  if (fs.existsSync('/dev/net/tun')) t.match(open.linux.devices, [{ path: '/dev/none/tun' }])

  const all = await bundle('all', { privileged: true, device: ['/dev/null:/dev/x:r'] })
  if (isRoot) t.same(all.linux.resources, { devices: [{ allow: true, access: 'rwm' }] })
  t.match(all.linux.devices, [{ path: '/dev/x' }])

  const profile = path.join(directory, 'profile')
  fs.writeFileSync(profile, '{}')
  for (const [name, options, error] of [
    [
      'none',
      { device: ['/dev/none'] },
      { code: 'ERR_FILE_NOT_FOUND', message: /device \/dev\/none of none/ },
    ],
    [
      'file',
      { device: [profile] },
      { code: 'ERR_FILE_NOT_FOUND', message: /there is no such device/ },
    ],
    [
      'seccomp',
      { securityOpt: [`seccomp=${profile}`] },
      {
        code: 'ERR_HOST_UNSUPPORTED',
        message: /^cannot make a bundle of seccomp: .*--security-opt seccomp=FILE/,
      },
    ],
    [
      'label',
      { securityOpt: ['label=disable', 'label=type:t'] },
      { code: 'ERR_HOST_UNSUPPORTED', message: /--security-opt label=type:t/ },
    ],
  ] as const) {
    await t.rejects(bundle(name, options), error, name)
    t.notOk(fs.existsSync(path.join(directory, name)), 'nothing is left of it')
  }
})

t.test('what hostconfig.json of a dockerd says, and create has no flag for', async (t) => {
  const recorded = {
    SecurityOpt: ['label=disable', 'no-new-privileges'],
    PidsLimit: 64,
    CpuQuota: 20_000,
    CpuPeriod: 50_000,
    CpuShares: 512,
    CpusetCpus: '0-1',
    CpusetMems: '0',
    Ulimits: [
      { Name: 'nofile', Hard: 2048, Soft: 1024 },
      { Name: 'memlock', Hard: -1, Soft: -1 },
    ],
    MaskedPaths: ['/proc/kcore'],
    ReadonlyPaths: [],
  }
  const { directory, store, id } = await containerFixture(t, [LAYER], { Cmd: ['/bin/x'] })
  const file = path.join(store.layout.container(id), 'hostconfig.json')
  const before = JSON.parse(fs.readFileSync(file, 'utf8')) as object
  fs.writeFileSync(file, JSON.stringify({ ...before, ...recorded }))
  const out = path.join(directory, 'b')
  const warned: string[] = []
  const onWarning: OnWarning = ({ code, message }) => warned.push(`${code} ${message}`)
  await writeBundle(store, 'box', out, { copy: true, onWarning })
  const { process: run, linux } = specOf(out)
  t.match(run, {
    noNewPrivileges: true,
    rlimits: [{ type: 'RLIMIT_NOFILE', soft: 1024, hard: 2048 }, { type: 'RLIMIT_MEMLOCK' }],
  })
  const text = fs.readFileSync(path.join(out, 'config.json'), 'utf8')
  t.match(text, '"hard": 18446744073709551615', 'to the last digit: a runtime takes no more')
  t.match(linux, { maskedPaths: ['/proc/kcore'] })
  t.notOk('readonlyPaths' in linux)
  const bounds = {
    cpu: { shares: 512, quota: 20_000, period: 50_000, cpus: '0-1', mems: '0' },
    pids: { limit: 64 },
  }
  t.same(hostFacts(recorded).resources, bounds)
  if (isRoot) t.match(linux.resources, bounds)
  else t.notOk(linux.resources)
  t.match(warned, isRoot ? [] : [/^bounds-left-out .*\(cpu, pids\)/])
  t.equal(warned.length, isRoot ? 0 : 1)
  for (const [option, forbids] of [
    ['no-new-privileges:true', true],
    ['no-new-privileges=false', false],
    ['seccomp=unconfined', false],
  ] as const)
    t.equal(hostFacts({ SecurityOpt: [option] }).noNewPrivileges, forbids, option)
})

t.test('a volume of another driver is not the local one of its name', async (t) => {
  const { directory, store } = await containerFixture(t, [LAYER], CONFIG)
  await createContainer(store, 'base:1', { name: 'with', volumes: ['vol:/data'] })
  ofAnotherDriver(store, 'with')
  const out = path.join(directory, 'b')
  await t.rejects(writeBundle(store, 'with', out, { copy: true }), {
    code: 'ERR_HOST_UNSUPPORTED',
    message:
      /^cannot put into a bundle the volume vol of with: it is of the volume driver "nfs", .*; mount it on the host/,
    details: { name: 'vol', driver: 'nfs', path: '/data' },
  })
  t.notOk(fs.existsSync(out), 'nothing is left of it')
})

t.test('no mount covers another that lies in it', async (t) => {
  const { directory, store } = await containerFixture(t, [layerTar(file('x', ''))], { Cmd: ['/x'] })
  const host = path.join(directory, 'host')
  fs.mkdirSync(host)
  await createContainer(store, 'base:1', {
    name: 'nested',
    volumes: [`${host}:/srv`, 'deep:/run/a/b', 'wide:/var/lib'],
    tmpfs: ['/srv/cache', '/run', '/both'],
    mounts: ['src=gone,dst=/both', 'type=tmpfs,dst=/var/lib/x'],
  })
  const out = path.join(directory, 'nested')
  await writeBundle(store, 'nested', out, { copy: true })
  const own = specOf(out).mounts.filter(({ destination }) =>
    /^\/(srv|run|var|both)/.test(destination),
  )
  const order = own.map(({ destination }) => destination)
  for (const [above, below] of [
    ['/srv', '/srv/cache'],
    ['/run', '/run/a/b'],
    ['/var/lib', '/var/lib/x'],
  ] as const)
    t.ok(order.indexOf(above) < order.indexOf(below), `${above} before ${below}`)
  t.match(
    own.filter(({ destination }) => destination === '/both'),
    [{ type: 'tmpfs' }],
  )
  t.equal(own.length, 7)
})

t.test('what a bind takes along and passes on is as it was asked for', async (t) => {
  const { directory, store } = await containerFixture(t, [layerTar(file('x', ''))], { Cmd: ['/x'] })
  const host = path.join(directory, 'host')
  fs.mkdirSync(host)
  const bound = async (
    name: string,
    options: CreateOptions,
  ): Promise<[object, string | undefined]> => {
    await createContainer(store, 'base:1', { name, ...options })
    const out = path.join(directory, name)
    await writeBundle(store, name, out, { copy: true })
    const { mounts, linux } = specOf(out)
    const own = mounts.filter(({ destination }) => /^\/[abv]$/.test(destination))
    const said = own.map((each) => [each.destination, each.options.join()] as const)
    return [Object.fromEntries(said), linux.rootfsPropagation]
  }
  const bind = `type=bind,src=${host}`
  t.same(await bound('plain', { mounts: [`${bind},dst=/a`], volumes: ['vol:/v:ro'] }), [
    { '/a': 'rbind,rprivate,rw', '/v': 'rbind,rprivate,ro' },
    undefined,
  ])
  const slave = {
    mounts: [`${bind},dst=/a,bind-nonrecursive,ro`],
    volumes: [`${host}:/b:rslave`],
  }
  t.same(await bound('slave', slave), [
    { '/a': 'bind,rprivate,ro', '/b': 'rbind,rslave,rw' },
    'rslave',
  ])
  const shared = {
    mounts: [`${bind},dst=/a,bind-recursive=disabled,bind-propagation=shared`],
    volumes: [`${host}:/b:slave`],
  }
  t.same(await bound('shared', shared), [
    { '/a': 'bind,shared,rw', '/b': 'rbind,slave,rw' },
    'shared',
  ])
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

for (const [view, skip] of [
  ['kernel', mountSkip],
  ['fuse', fuseSkip()],
] as const) {
  t.test(`${view}: an image under a layer of the bundle, and held by it`, { skip }, async (t) => {
    for (const layers of [[LAYER], [LAYER, layerTar(file('top', 'top'))]]) {
      const { directory, store } = await containerFixture(t, layers, { Cmd: ['/bin/x'] })
      const out = path.join(directory, 'b')
      const rootfs = path.join(out, 'rootfs')
      await writeBundle(store, 'base:1', out, { view })
      fs.writeFileSync(path.join(rootfs, 'new'), 'new')
      t.equal(fs.readFileSync(path.join(out, 'upper/new'), 'utf8'), 'new')
      t.match(await listMountedImages(store), [{ target: rootfs, names: ['base:1'], view }])
      t.same(listMountedContainers(store), [])
      await removeContainer(store, 'box')
      await t.rejects(removeImage(store, 'base:1', { force: true }), { code: 'ERR_IMAGE_IN_USE' })
      await unmountImage(store, rootfs)
      t.same(fs.readdirSync(rootfs), [])
    }
  })
}

const own = process.geteuid?.() ?? 0
const forOthers = usersMayAllowOthers()
/** The container's IDs from 1 on, where this user has been given any. */
const granted = isRoot ? undefined : userMappings()?.uids[1]

t.test(
  'who cannot mount gets a copy, and is told why',
  { skip: isRoot && 'needs an ordinary user' },
  async (t) => {
    const { directory, store } = await containerFixture(t, [LAYER], { Cmd: ['/bin/x'] })
    const out = path.join(directory, 'b')
    const made = await writeBundle(store, 'box', out)
    const isShown = fuseSkip() === false && (forOthers || granted === undefined)
    t.equal(made.rootfs, isShown ? 'mount' : 'copy')
    const why = fuseSkip() === false ? /users other than root could not look/ : /owners and devices/
    if (!isShown) t.match(made.reason, why)
    t.match(specOf(out).linux.uidMappings?.[0], { containerID: 0, hostID: own, size: 1 })
    t.ok(fs.existsSync(path.join(out, 'rootfs/bin/x')))
    if (isShown) await unmountContainer(store, 'box')
  },
)

t.test(
  'an ordinary user’s FUSE mount has the numbers that the container’s namespace maps',
  { skip: isRoot ? 'needs an ordinary user' : fuseSkip() },
  async (t) => {
    const owned = layerTar(
      file('root'),
      file('app', '', { uid: 1000, gid: 1001 }),
      file('far', '', { uid: 70_000, gid: 70_000 }),
      symlink('link', 'app'),
    )
    const { directory, store } = await containerFixture(t, [LAYER, owned], { Cmd: ['/bin/x'] })
    const shown = (id: number): number =>
      id === 0 ? own : granted && id <= granted.size ? granted.hostID + id - 1 : 65_534
    for (const name of ['box', 'base:1']) {
      const out = path.join(directory, name.replace(':', '-'))
      const warnings: string[] = []
      const onWarning: OnWarning = ({ code }) => warnings.push(code)
      await writeBundle(store, name, out, { view: 'fuse', onWarning })
      t.same(warnings, forOthers || granted === undefined ? [] : ['root-shut'])
      const at = (file: string): string => path.join(out, 'rootfs', file)
      const uids = ['root', 'app', 'far', 'link'].map((file) => fs.lstatSync(at(file)).uid)
      t.same(uids, [0, 1000, 70_000, 0].map(shown))
      fs.writeFileSync(at('made'), '')
      t.equal(fs.statSync(at('made')).uid, own)
      const mount = listMounts().find(
        ({ target }) => target === path.join(fs.realpathSync(out), 'rootfs'),
      )
      t.equal(mount?.superOptions.includes('allow_other'), forOthers)
      t.equal(mount?.superOptions.includes('default_permissions'), forOthers)
      if (name === 'box') await unmountContainer(store, at(''))
      else await unmountImage(store, at(''))
      t.same(fs.readdirSync(path.join(out, 'rootfs')), [])
    }
    const changes = await changesOf(store, 'box')
    t.same(
      changes.map(({ path }) => path),
      ['/made'],
    )
  },
)

t.test(
  'a container that starts as another user than root',
  { skip: isRoot ? 'needs an ordinary user' : fuseSkip() },
  async (t) => {
    const { directory, store } = await containerFixture(t, [LAYER], CONFIG)
    const out = path.join(directory, 'b')
    const warnings: string[] = []
    const onWarning: OnWarning = ({ code }) => warnings.push(code)
    const made = writeBundle(store, 'box', out, { view: 'fuse', onWarning })
    if (granted !== undefined && !forOthers) {
      await t.rejects(made, {
        code: 'ERR_HOST_UNSUPPORTED',
        message:
          /user 1000:1001, as whom it starts, could not look .* user_allow_other; --view merge/,
      })
      t.notOk(fs.existsSync(out))
      return
    }
    t.match(await made, { rootfs: 'mount' })
    t.same(warnings, granted === undefined ? ['user-unmapped'] : [])
    await unmountContainer(store, 'box')
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

t.test(
  'the root of a user namespace makes a bundle as a user does, with the IDs of its own',
  { skip: fuseSkip() || unless({ userNamespace: true }) },
  (t) => {
    const directory = fs.realpathSync(temporaryDirectory(t))
    const at = (name: string): string => path.join(directory, name)
    const owned = layerTar(file('root'), file('app', '', { uid: 1000, gid: 1001 }))
    const image = buildImage([owned], { config: { Cmd: ['/x'] } })
    fs.writeFileSync(at('image.tar'), packed(dockerArchive25([{ image, tags: ['own:1'] }])))
    const shale = `"$0" ${MAIN} --root ${at('store')}`
    const script = [
      'set -e',
      `${shale} load -q -i ${at('image.tar')} >&2`,
      `${shale} --json bundle own:1 ${at('b')} | grep -o '"mount"'`,
      `cd ${at('b/rootfs')}; : >made; stat -c '%n %u:%g' *; cd /`,
      `${shale} umount ${at('b/rootfs')}`,
    ].join('\n')
    const command = ['unshare', '-Urm', 'sh', '-c', script, process.execPath]
    const done = spawnSync(...withoutLoader(isRoot ? apart(command) : command), {
      encoding: 'utf8',
      env: cleanEnvironment(),
    })
    t.equal(done.stderr.replace('Loaded image: own:1\n', ''), '')
    t.equal(done.stdout, '"mount"\napp 65534:65534\nmade 0:0\nroot 0:0\n')
    const { linux } = specOf(at('b'))
    t.same(linux.uidMappings, [{ containerID: 0, hostID: 0, size: 1 }])
    t.ok(linux.namespaces.some(({ type }) => type === 'user'))
    t.end()
  },
)

const subIDs = `${FUSE_USER_NAME}:100000:65536\n`
const withIDs = { '/etc/subuid': subIDs, '/etc/subgid': subIDs }
againAsUser(import.meta.url)
againAsUser(import.meta.url, { name: 'with IDs of its own', etc: withIDs })
againAsUser(import.meta.url, {
  name: 'with IDs of its own and user_allow_other',
  etc: { ...withIDs, '/etc/fuse.conf': 'user_allow_other\n' },
})
