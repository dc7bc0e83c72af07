// `shale system df` as its user sees it: docker's columns, the lines below the table, JSON and templates.

import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { createContainer } from '../../src/containers/create-container.ts'
import { createVolume, type StoreUsage } from '../../src/index.ts'
import { shaleInProcess } from '../support/in-process.ts'
import { fixtureStore } from '../support/store-fixture.ts'
import { blocksBelow, plantLeaks } from '../support/used-store.ts'

t.test('the table', async (t) => {
  const { root, open } = await fixtureStore(t)
  const store = await open()
  await createVolume(store, { name: 'data' })
  await createContainer(store, 'app:1', { name: 'c1' })
  const done = await shaleInProcess(['system', 'df'], { root })
  t.equal(done.code, 0, done.stderr)
  const rows = done.stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.split(/ {2,}/))
  t.same(rows[0], ['TYPE', 'TOTAL', 'ACTIVE', 'SIZE', 'RECLAIMABLE'])
  t.same(
    rows.slice(1).map((row) => row.slice(0, 3)),
    [
      ['Images', '4', '1'],
      ['Containers', '1', '0'],
      ['Local Volumes', '1', '0'],
      ['Build Cache', '0', '0'],
    ],
  )
  t.match(rows[1]![4], /^[\d.]+kB \(\d+%\)$/)
  t.match(rows[2]![4], /\(100%\)$/)
  t.equal(rows[4]![4], '0B')
  t.equal(rows.length, 5, 'nothing is leaked')
})

t.test('what is leaked stands below', async (t) => {
  const { root, open } = await fixtureStore(t)
  const planted = plantLeaks(root, await open())
  const done = await shaleInProcess(['system', 'df'], { root })
  t.match(
    done.stdout,
    /\nLeaked: [\d.]+kB in \d+ things that nothing refers to \(shale system prune/,
  )
  for (const { path: at } of planted) t.ok(done.stdout.includes(at), at)
  const row = done.stdout.split('\n').find((line) => line.includes('overlay2/ffff'))
  t.match(row, /^[\d.]+kB +overlay2\/f{64} +a directory that no layer and no container owns$/)
  const only = await shaleInProcess(['system', 'df', '--format', 'table'], { root })
  t.notMatch(only.stdout, 'Leaked', 'a format is docker’s alone')
})

t.test('--json has all of it, in bytes', async (t) => {
  const { root, open } = await fixtureStore(t)
  plantLeaks(root, await open())
  const done = await shaleInProcess(['system', 'df', '--json'], { root })
  const found = JSON.parse(done.stdout) as StoreUsage
  t.equal(found.totalBytes, blocksBelow(root))
  t.equal(found.images.items.length, 4)
})

t.test('-v', async (t) => {
  const { root, open } = await fixtureStore(t)
  const store = await open()
  await createVolume(store, { name: 'data' })
  await createContainer(store, 'app:1', { name: 'c1', volumes: ['data:/v'] })
  const done = await shaleInProcess(['system', 'df', '-v'], { root })
  const lines = done.stdout.split('\n')
  t.same(
    lines
      .filter((line) => /^[A-Z ]+$/.test(line) && line !== '')
      .map((line) => line.split(/ {2,}/)),
    [
      [
        'REPOSITORY',
        'TAG',
        'IMAGE ID',
        'CREATED',
        'SIZE',
        'SHARED SIZE',
        'UNIQUE SIZE',
        'CONTAINERS',
        'FREES',
      ],
      ['CONTAINER ID', 'IMAGE', 'COMMAND', 'LOCAL VOLUMES', 'SIZE', 'CREATED', 'STATUS', 'NAMES'],
      ['VOLUME NAME', 'LINKS', 'SIZE'],
      ['CACHE ID', 'SIZE'],
    ],
  )
  const row = (start: string): string[] =>
    (lines.find((line) => line.startsWith(start)) ?? '').split(/ {2,}/)
  t.equal(row('app ')[7], '1')
  t.equal(row('app ')[8], '0B', 'a container uses it')
  t.same(row('data').slice(0, 2), ['data', '1'])
  const container = lines.find((line) => line.endsWith('c1'))!.split(/ {2,}/)
  t.same(
    [container[1], container[2], container[3], container[6]],
    ['app:1', '"/bin/tool"', '1', 'Created'],
  )
})

t.test('templates', async (t) => {
  const { root } = await fixtureStore(t)
  const run = async (...args: string[]): Promise<string> =>
    (await shaleInProcess(['system', 'df', ...args], { root })).stdout
  t.equal(
    await run('--format', '{{.Type}}:{{.TotalCount}}'),
    'Images:4\nContainers:0\nLocal Volumes:0\nBuild Cache:0\n',
  )
  const [first] = (await run('--format', 'json')).split('\n')
  t.same(Object.keys(JSON.parse(first!) as object), [
    'Active',
    'Reclaimable',
    'Size',
    'TotalCount',
    'Type',
  ])
  const verbose = JSON.parse(await run('-v', '--format', 'json')) as Record<string, unknown[]>
  t.same(Object.keys(verbose).sort(), ['BuildCache', 'Containers', 'Images', 'Volumes'])
  t.match(
    await run('-v', '--format', '{{range .Images}}{{.Repository}} {{end}}'),
    /^<none> app base /,
    'by its first name alone each, as docker',
  )
})

t.test(
  'what cannot be read is told',
  { skip: process.getuid?.() === 0 && 'needs an ordinary user' },
  async (t) => {
    const { root } = await fixtureStore(t)
    const closed = path.join(root, 'overlay2')
    fs.chmodSync(closed, 0)
    t.teardown(() => fs.chmodSync(closed, 0o700))
    const done = await shaleInProcess(['system', 'df'], { root })
    t.equal(done.code, 0, done.stderr)
    t.match(done.stderr, /cannot read .*overlay2 \(EACCES\)/)
  },
)
