// The volume verbs as their user sees them, held against docker's own output (20.10 and 28).

import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { createContainer } from '../../src/containers/create-container.ts'
import { listContainers, listVolumes, openStore, requireVolume } from '../../src/index.ts'
import { shaleInProcess } from '../support/in-process.ts'
import { fixtureStore } from '../support/store-fixture.ts'
import { temporaryDirectory } from '../support/temporary.ts'

t.test('create, ls, inspect, rm', async (t) => {
  const root = path.join(temporaryDirectory(t), 'root')
  const run = async (...args: string[]): Promise<string> => {
    const done = await shaleInProcess(['volume', ...args], { root })
    if (done.code !== 0) throw new Error(done.stderr)
    return done.stdout
  }
  t.equal(await run('create', 'v1'), 'v1\n')
  const options = ['-o', 'type=tmpfs', '-o', 'device=tmpfs', '-o', 'o=size=1m']
  t.equal(await run('create', '--label', 'a=b', '--label', 'c', ...options, 'opt'), 'opt\n')
  const anonymous = (await run('create')).trim()
  t.match(anonymous, /^[0-9a-f]{64}$/)

  t.equal(
    await run('ls', '-f', 'name=v1', '-f', 'name=opt'),
    'DRIVER    VOLUME NAME\nlocal     opt\nlocal     v1\n',
  )
  t.equal(await run('ls', '-f', 'label=a', '--format', '{{.Name}} {{.Label "a"}}'), 'opt b\n')
  t.equal(await run('ls', '-q'), [anonymous, 'opt', 'v1'].join('\n') + '\n')
  t.equal(await run('ls', '-q', '-f', '', '-f', 'name=opt'), 'opt\n')
  t.same(JSON.parse(await run('ls', '-f', 'name=opt', '--format', 'json')), {
    Availability: 'N/A',
    Driver: 'local',
    Group: 'N/A',
    Labels: 'a=b,c=',
    Links: 'N/A',
    Mountpoint: path.join(root, 'volumes/opt/_data'),
    Name: 'opt',
    Scope: 'local',
    Size: 'N/A',
    Status: 'N/A',
  })

  const [v1, opt] = JSON.parse(await run('inspect', 'v1', 'opt')) as Record<string, unknown>[]
  t.same(Object.keys(v1!), [
    'CreatedAt',
    'Driver',
    'Labels',
    'Mountpoint',
    'Name',
    'Options',
    'Scope',
  ])
  t.same([v1!['Labels'], v1!['Options']], [null, null])
  t.same(opt!['Options'], { device: 'tmpfs', o: 'size=1m', type: 'tmpfs' })
  t.equal(await run('inspect', '-f', '{{.Mountpoint}}', 'v1'), `${root}/volumes/v1/_data\n`)

  t.equal(await run('rm', 'v1', 'opt'), 'v1\nopt\n')
  t.equal(await run('rm', '-f', 'v1'), 'v1\n')
  t.equal(await run('ls', '-q'), `${anonymous}\n`)
})

t.test('labels that docker refuses are refused in its words', async (t) => {
  const { root, open } = await fixtureStore(t)
  const refusals: readonly (readonly [label: string, words: string])[] = [
    ['=x', "invalid label '=x': empty name"],
    [' =x', "invalid label ' =x': empty name"],
    ['', "invalid label '': empty name"],
    ['a b=c', "label 'a b' contains whitespaces"],
  ]
  for (const verb of [
    ['volume', 'create', '--label'],
    ['create', '-l'],
  ]) {
    for (const [label, words] of refusals) {
      const args = [...verb, label, ...(verb[0] === 'create' ? ['app:1'] : [])]
      const { code, stderr } = await shaleInProcess(args, { root })
      t.equal(code, 2, label)
      t.ok(stderr.includes(words), stderr)
    }
  }
  const store = await open()
  t.same([listVolumes(store), await listContainers(store, { all: true })], [[], []])
  const args = ['--label', ' a=b=c', '--label', 'd', '--label', 'e=1', '--label', 'e=2']
  await shaleInProcess(['volume', 'create', ...args, 'v1'], { root })
  t.same(requireVolume(store, 'v1').labels, { ' a': 'b=c', d: '', e: '2' })
})

t.test('ls: in docker’s order, which counts', async (t) => {
  const root = path.join(temporaryDirectory(t), 'root')
  for (const name of ['data10', 'data1', 'data2']) {
    await shaleInProcess(['volume', 'create', name], { root })
  }
  t.equal((await shaleInProcess(['volume', 'ls', '-q'], { root })).stdout, 'data1\ndata2\ndata10\n')
})

t.test('one that is not there, and one in use', async (t) => {
  const { root, open } = await fixtureStore(t)
  const run = (...args: string[]): ReturnType<typeof shaleInProcess> =>
    shaleInProcess(['volume', ...args], { root })
  const { id } = await createContainer(await open(), 'app:1', { volumes: ['used:/data'] })
  await run('create', 'free')
  const rm = await run('rm', 'used', 'none', 'free')
  t.equal(rm.code, 3)
  t.equal(rm.stdout, 'free\n')
  t.equal(
    rm.stderr,
    `shale: remove used: volume is in use - [${id}]\nshale: get none: no such volume\n`,
  )
  const inspect = await run('inspect', 'none')
  t.same(
    [inspect.code, inspect.stdout, inspect.stderr],
    [10, '[]\n', 'shale: get none: no such volume\n'],
  )
  t.equal((await run('create', 'x')).code, 2)
  await openStore(root)
})

t.test('labels that dockerd keeps are said to be unread, not to be none', async (t) => {
  const root = path.join(temporaryDirectory(t), 'root')
  const run = (...args: string[]): ReturnType<typeof shaleInProcess> =>
    shaleInProcess(['volume', ...args], { root })
  await run('create', 'v1')
  t.equal((await run('inspect', 'v1')).stderr, '')
  fs.writeFileSync(path.join(root, 'volumes/metadata.db'), 'bolt')
  const inspect = await run('inspect', 'v1')
  t.equal(inspect.code, 0)
  t.match(inspect.stderr, /^shale: warning: labels .* are not read; .*: v1\n$/)
  const ls = await run('ls', '-f', 'label=x')
  t.same([ls.code, ls.stdout], [1, ''])
})
