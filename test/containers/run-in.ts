// Programs in the root of a container and of an image, as root and in a user namespace: where they are, who they are,
// how they end, and what is left behind.

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import t from 'tap'
import {
  archiveFrom,
  changesOf,
  listMountedContainers,
  mountContainer,
  readTar,
  runIn,
  unmountContainer,
  type RunInOptions,
  type Store,
} from '../../src/index.ts'
import { containerFixture } from '../support/container.ts'
import { isRoot, unless } from '../support/host.ts'
import { file, layerTar, whiteout } from '../support/layer.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { programLayer, programLayerSkip } from '../support/program-layer.ts'

/** The kernel reads whiteouts of an ordinary user's store from 6.7 on. */
function oldKernel(): string | false {
  const [major = 0, minor = 0] = os.release().split('.').map(Number)
  return (major < 6 || (major === 6 && minor < 7)) && 'needs Linux 6.7'
}

const skip =
  programLayerSkip() ||
  (isRoot
    ? unless({ overlay: true })
    : unless({ userNamespace: true, programs: ['unshare'] }) || oldKernel())

interface Ended {
  readonly code: number
  readonly out: string
  readonly reason?: string
}

async function run(
  directory: string,
  store: Store,
  name: string,
  command: readonly [string, ...string[]],
  options: RunInOptions = {},
): Promise<Ended> {
  const log = path.join(directory, 'output')
  const fd = fs.openSync(log, 'w')
  try {
    const { code, reason } = await runIn(store, name, command, {
      stdio: ['ignore', fd, fd],
      ...options,
    })
    const out = fs.readFileSync(log, 'utf8')
    return { code, out, ...(reason === undefined ? {} : { reason }) }
  } finally {
    fs.closeSync(fd)
  }
}

const config = { Cmd: ['/bin/sh'], Env: ['PATH=/bin', 'A=b'], WorkingDir: '/place/here' }
// Where nobody else's are.
process.env['TMPDIR'] = temporaryDirectory(t)
/** Is one of the two paths on the way to the other? */
const isBeside = (a: string, b: string): boolean =>
  `${a}/`.startsWith(`${b}/`) || `${b}/`.startsWith(`${a}/`)
const leftovers = (): string[] =>
  fs.readdirSync(os.tmpdir()).filter((name) => name.startsWith('shale-root-'))

t.test('a container', { skip }, async (t) => {
  const layers = [programLayer(), layerTar(whiteout('etc/group'), file('etc/data', 'changed\n'))]
  const { directory, root, store } = await containerFixture(t, layers, config)
  const sh = (script: string, options: RunInOptions = {}): Promise<Ended> =>
    run(directory, store, 'box', ['sh', '-c', script], options)
  const mounts = (): string[] =>
    fs
      .readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .filter((line) => line.includes(root))

  t.same(await sh('cat /latest; pwd; echo $A $HOME; id -u; ls /etc/group'), {
    code: 2,
    out: "changed\n/place/here\nb /root\n0\nls: cannot access '/etc/group': No such file or directory\n",
  })
  t.same(await sh('exit 7'), { code: 7, out: '' })
  t.same(await sh('kill -9 $$'), { code: 137, out: '' })
  t.match(await run(directory, store, 'box', ['none']), {
    code: 127,
    reason: 'cannot run "none": there is no such program',
  })
  t.match(await run(directory, store, 'box', ['/etc/data']), { code: 126, reason: /EACCES/ })
  t.match(await sh('echo $A $C; pwd', { env: ['A=c', 'C=d'], workingDirectory: '/etc' }), {
    out: 'c d\n/etc\n',
  })

  // What a shell does to /dev/null must not be a file in the layer; what it makes must.
  t.same(
    await sh('echo x >/dev/null; echo made > /made; ls /proc/self/fd >/dev/null && echo proc'),
    {
      code: 0,
      out: 'proc\n',
    },
  )
  t.same(
    (await changesOf(store, 'box'))
      .filter(({ kind }) => kind === 'add')
      .map(({ path: at }) => at)
      // The test runner's loader leaves notes of each Node process where it thinks the checkout is.
      .filter((at) => !isBeside(at, process.cwd())),
    ['/made', '/place', '/place/here'],
  )
  for await (const { body } of readTar(await archiveFrom(store, 'box:/made')))
    for await (const bytes of body) t.equal(String(Buffer.from(bytes)), 'made\n')

  t.same(mounts(), [], 'nothing stays mounted')
  t.same(leftovers(), [])
})

t.test('an image: what is changed is lost', { skip }, async (t) => {
  const { directory, store } = await containerFixture(t, [programLayer()], config)
  const first = await run(directory, store, 'base:1', [
    'sh',
    '-c',
    'echo x >/made; cat /made; ls -d /dev/null',
  ])
  t.same(first, { code: 0, out: 'x\n/dev/null\n' })
  const second = await run(directory, store, 'base:1', ['ls', '/made'])
  t.not(second.code, 0)
  t.same(leftovers(), [])
})

t.test(
  'another user, by the image’s own files',
  { skip: skip || unless({ root: true }) },
  async (t) => {
    const { directory, store } = await containerFixture(t, [programLayer()], config)
    const id = (user: string): Promise<Ended> =>
      run(directory, store, 'box', ['sh', '-c', 'id -u; id -g; echo $HOME'], { user })
    t.same(await id('app'), { code: 0, out: '1000\n1001\n/home/app\n' })
    t.same(await id('1000:extra'), { code: 0, out: '1000\n1002\n/home/app\n' })
    t.same(await id('77:78'), { code: 0, out: '77\n78\n/\n' })
    await t.rejects(id('nobody-here'), /unable to find user nobody-here: no matching entries/)
  },
)

t.test(
  'a container that is mounted is entered where it is',
  { skip: skip || unless({ root: true }) },
  async (t) => {
    const { directory, store } = await containerFixture(t, [programLayer()], config)
    const target = path.join(directory, 'm')
    fs.mkdirSync(target)
    await mountContainer(store, 'box', target)
    fs.writeFileSync(path.join(target, 'there'), 'seen')
    t.same(await run(directory, store, 'box', ['cat', '/there']), { code: 0, out: 'seen' })
    t.equal(listMountedContainers(store).length, 1, 'and stays mounted')
    await unmountContainer(store, 'box')
  },
)

t.test('ended by a signal to us', { skip }, async (t) => {
  const { directory, store } = await containerFixture(t, [programLayer()], config)
  const abort = new AbortController()
  const running = run(
    directory,
    store,
    'box',
    ['sh', '-c', 'echo up; while :; do cat /proc/uptime >/dev/null; done'],
    {
      signal: abort.signal,
    },
  )
  const log = path.join(directory, 'output')
  while (!fs.existsSync(log) || fs.readFileSync(log, 'utf8') === '')
    await new Promise((resolve) => setTimeout(resolve, 20))
  abort.abort()
  t.equal((await running).code, 143)
  t.same(leftovers(), [])
  t.notMatch(String(spawnSync('ps', ['ax']).stdout ?? ''), /while :; do cat/)

  // From its first moment on: who ends it does not know whether it has come to wait for that.
  for (let i = 0; i < 10; i++) {
    const loop = ['sh', '-c', 'kill -TERM $PPID; while :; do :; done'] as const
    t.equal((await run(directory, store, 'box', loop)).code, 143)
  }
  t.notMatch(String(spawnSync('ps', ['ax']).stdout ?? ''), /while :; do :;/)
})

t.test('what cannot be run in', async (t) => {
  const { store } = await containerFixture(t, [layerTar(file('f', 'x'))])
  await t.rejects(runIn(store, 'none', ['true']), { code: 'ERR_CONTAINER_NOT_FOUND' })
  const signal = AbortSignal.abort(new Error('enough'))
  await t.rejects(runIn(store, 'box', ['true'], { signal }), /enough/)
})
