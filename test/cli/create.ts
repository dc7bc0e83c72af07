// What `shale create` writes down of docker's options, as inspect then shows it; wrong ones end with the documented
// code and leave the store as it was. The words of each refusal are in test/containers; a dockerd's own record beside
// shale's is test/interop/create.ts.

import fs from 'node:fs'
import path from 'node:path'
import t, { type Test } from 'tap'
import { dockerArchive25, packed, smallImage } from '../support/image.ts'
import { shaleInProcess, type InProcessOutput } from '../support/in-process.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { compareTrees, readTree } from '../support/tree.ts'

const image = smallImage({ config: { Cmd: ['/bin/true'], Env: ['A=1'] } })

type Run = (...args: string[]) => Promise<InProcessOutput>

async function storeOf(t: Test): Promise<{ dir: string; root: string; run: Run; made: Made }> {
  const dir = temporaryDirectory(t)
  const root = path.join(dir, 'root')
  const run: Run = (...args) => shaleInProcess(args, { root, env: { HERE: 'from here' } })
  await shaleInProcess(['load', '-q'], {
    root,
    stdin: packed(dockerArchive25([{ image, tags: ['app:1'] }])),
  })
  const made: Made = async (...flags) => {
    const done = await run('create', ...flags, 'app:1')
    if (done.code !== 0) throw new Error(`${flags.join(' ')}: ${done.stderr}`)
    const { stdout } = await run('inspect', done.stdout.trim())
    return (JSON.parse(stdout) as Inspected[])[0]!
  }
  return { dir, root, run, made }
}
interface Inspected {
  readonly Config: Readonly<Record<string, unknown>>
  readonly HostConfig: Readonly<Record<string, unknown>>
  readonly Mounts: readonly Readonly<Record<string, unknown>>[]
  readonly NetworkSettings: { readonly Networks: object; readonly Ports: object }
}
type Made = (...flags: string[]) => Promise<Inspected>

t.test('every flag reaches the documents', async (t) => {
  const { dir, run, made } = await storeOf(t)
  const { HostConfig: plain } = await made()
  const host = async (flags: string, fields: object): Promise<void> => {
    const { HostConfig } = await made(...flags.split(' '))
    t.same(HostConfig, { ...plain, ...fields }, flags)
  }
  await host('--rm', { AutoRemove: true })
  await host('--network none', { NetworkMode: 'none' })
  await host('--net=host', { NetworkMode: 'host' })
  await host('--init', { Init: true })
  await host('--init=false', { Init: false })
  await host('--read-only', { ReadonlyRootfs: true })
  await host('-P', { PublishAllPorts: true })
  await host('-p 8080:80', { PortBindings: { '80/tcp': [{ HostIp: '', HostPort: '8080' }] } })
  await host('--restart unless-stopped', {
    RestartPolicy: { Name: 'unless-stopped', MaximumRetryCount: 0 },
  })
  await host('--tmpfs /run:size=1m --tmpfs /tmp', { Tmpfs: { '/run': 'size=1m', '/tmp': '' } })
  await host('--mount type=tmpfs,dst=/y', { Mounts: [{ Type: 'tmpfs', Target: '/y' }] })
  await host('--add-host a:::1 --dns 9.9.9.9 --dns-search a.b --dns-option x --dns-opt y', {
    ExtraHosts: ['a:::1'],
    Dns: ['9.9.9.9'],
    DnsSearch: ['a.b'],
    DnsOptions: ['x', 'y'],
  })
  await host('--cap-add net_admin --cap-drop ALL', { CapAdd: ['CAP_NET_ADMIN'], CapDrop: ['ALL'] })
  await host('--privileged', {
    Privileged: true,
    SecurityOpt: ['label=disable'],
    MaskedPaths: null,
    ReadonlyPaths: null,
  })
  await host('-m 64m --memory-swap -1 --cpus .5', {
    Memory: 67_108_864,
    MemorySwap: -1,
    NanoCpus: 500_000_000,
  })
  await host('--pull never', {})
  await host('--pull missing', {})
  t.equal((await run('create', '--name', 'from', '-v', 'data:/data', 'app:1')).code, 0)
  const from = await made('--volumes-from', 'from:ro')
  t.same(from.HostConfig['VolumesFrom'], ['from:ro'])
  t.match(from.Mounts, [{ Name: 'data', Destination: '/data', RW: false }])
  const { Config } = await made('--stop-signal', '9', '--stop-timeout', '-1', '--expose', '53/udp')
  t.match(Config, { StopSignal: '9', StopTimeout: -1, ExposedPorts: { '53/udp': {} } })

  const [env, labels] = [path.join(dir, 'env'), path.join(dir, 'labels')]
  fs.writeFileSync(env, 'B=file\nHERE\nNOWHERE\nA=file\n')
  fs.writeFileSync(labels, 'b=file\nHERE\nc= d\n')
  const files = await made('--env-file', env, '-e', 'B=2', '--label-file', labels, '-l', 'b=flag')
  t.same(files.Config['Env'], ['B=file', 'HERE=from here', 'A=file', 'B=2'])
  t.same(files.Config['Labels'], { b: 'flag', c: ' d' })
})

t.test('a network is named, not looked for', async (t) => {
  const { run, made } = await storeOf(t)
  const networks = async (...flags: string[]): Promise<string[]> =>
    Object.keys((await made(...flags)).NetworkSettings.Networks)
  t.same(await networks(), ['bridge'])
  t.same(await networks('--network', 'bridge'), ['bridge'])
  t.same(await networks('--network', 'front-end'), ['front-end'])
  t.same(await networks('--network', 'container:web'), [])
  const addressed = await made(
    ...['--network', 'net', '--link-local-ip', '169.254.1.1', '--link-local-ip', 'fe80::1'],
    ...['--ip', '1.2.3.4', '--mac-address', '02:42:ac:11:00:0b'],
  )
  t.equal(addressed.Config['MacAddress'], '02:42:ac:11:00:0b')
  t.match(addressed.NetworkSettings.Networks, {
    net: { IPAMConfig: { IPv4Address: '1.2.3.4', LinkLocalIPs: ['169.254.1.1', 'fe80::1'] } },
  })
  const keys =
    'name=Net,link-local-ip=FE80::1,mac-address=02:42:AC:11:00:0B,link-local-ip=169.254.1.1'
  const inOne = await made('--network', keys)
  t.equal(inOne.Config['MacAddress'], '02:42:ac:11:00:0b')
  t.match(inOne.NetworkSettings.Networks, {
    net: { IPAMConfig: { LinkLocalIPs: ['fe80::1', '169.254.1.1'] } },
  })
  const { HostConfig } = await made('--network', 'container:web')
  t.equal(HostConfig['NetworkMode'], 'container:web', 'it may come to be')
  const id = (await run('create', '--name', 'web', 'app:1')).stdout.trim()
  const shared = await made('--network', 'container:web')
  t.equal(shared.HostConfig['NetworkMode'], `container:${id}`, 'it may be renamed')
})

t.test('a container that has not run publishes nothing yet', async (t) => {
  const { run, made } = await storeOf(t)
  t.same((await made('-p', '8080:80')).NetworkSettings.Ports, {})
  t.equal((await run('ps', '-a', '--format', '{{.Ports}}')).stdout.trim(), '')
})

t.test('published ports in the host’s network are said to be lost', async (t) => {
  const { run } = await storeOf(t)
  const { code, stderr } = await run('create', '--network', 'host', '-p', '80:80', 'app:1')
  t.equal(code, 0)
  t.match(stderr, 'Published ports are discarded when using host network mode')
})

t.test('what is wrong ends with the documented code, and nothing is made', async (t) => {
  const { dir, root, run } = await storeOf(t)
  const before = readTree(root, { times: false })
  fs.writeFileSync(path.join(dir, 'bad'), 'A B=1\n')
  for (const [code, ...flags] of [
    [2, '--env-file', path.join(dir, 'bad')],
    [10, '--env-file', path.join(dir, 'none')],
    [1, '--label-file', dir],
    [2, '--network', 'host', '--network', 'none'],
    [2, '--network', 'host', '--net', 'none'],
    [2, '--network', ''],
    [2, '--mount', 'type=bind,dst=/x'],
    [1, '--mount', 'dst=/x,volume-driver=nfs'],
    [1, '--mount', 'src=v1,dst=/x', '-v', 'v2:/x'],
    [2, '--tmpfs', 'x'],
    [2, '-p', 'x'],
    [2, '--expose', 'x'],
    [2, '--restart', 'sometimes'],
    [2, '--restart', 'always', '--rm'],
    [2, '--add-host', 'x'],
    [2, '--dns', 'x'],
    [2, '--dns-search', '-'],
    [2, '--cap-add', 'x'],
    [2, '--cap-drop', 'x'],
    [2, '--stop-signal', 'x'],
    [2, '--stop-timeout', '1.5'],
    [2, '-m', '1k'],
    [2, '--memory-swap', 'x'],
    [2, '--cpus', 'x'],
    [10, '--volumes-from', 'nobody'],
    [2, '--pull', 'always'],
    [2, '--pull', 'sometimes'],
  ] as const) {
    const done = await run('create', ...flags, 'app:1')
    t.equal(done.code, code, `${flags.join(' ')}: ${done.stderr}`)
    t.match(done.stderr, /^shale: \S/)
    t.equal(done.stdout, '')
    t.same(compareTrees(readTree(root, { times: false }), before), [])
  }
})
