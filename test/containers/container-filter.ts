// `ps -f`: which containers a filter lets through. Against docker itself in test/interop/beside-docker.ts; here what
// a stopped root cannot show there: health, ports, tasks.

import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import {
  createContainer,
  listContainers,
  loadArchive,
  openStore,
  parseContainerFilters,
} from '../../src/index.ts'
import { dockerArchive25, packed, smallImage } from '../support/image.ts'
import { fixtureStore } from '../support/store-fixture.ts'
import { temporaryDirectory } from '../support/temporary.ts'

t.test('what an engine left in a container’s document', async (t) => {
  const directory = temporaryDirectory(t)
  const store = await openStore(path.join(directory, 'root'), { sync: false })
  const archive = path.join(directory, 'app.tar')
  const image = smallImage({ config: { Cmd: ['/bin/true'] } })
  fs.writeFileSync(archive, packed(dockerArchive25([{ image, tags: ['app:1'] }])))
  await loadArchive(store, archive)
  for (const name of ['idle', 'serves', 'swarm']) await createContainer(store, 'app:1', { name })
  const edit = (name: string, change: (document: Record<string, unknown>) => void): void => {
    const file = path.join(
      store.layout.container(store.containerDB.resolve(name).id),
      'config.v2.json',
    )
    const document = JSON.parse(fs.readFileSync(file, 'utf8')) as Record<string, unknown>
    change(document)
    fs.writeFileSync(file, JSON.stringify(document))
  }
  edit('serves', (document) => {
    const state = document['State'] as Record<string, unknown>
    state['Health'] = { Status: 'unhealthy' }
    state['StartedAt'] = '2026-01-01T00:00:00Z'
    document['NetworkSettings'] = {
      Ports: { '80/tcp': [{ HostIp: '0.0.0.0', HostPort: '8080' }], '53/udp': null },
    }
  })
  edit('swarm', (document) => (document['Managed'] = true))
  const cases: readonly (readonly [string[], string[]])[] = [
    [['health=unhealthy'], ['serves']],
    [['health=none'], ['idle', 'swarm']],
    [
      ['health=none', 'health=unhealthy'],
      ['idle', 'serves', 'swarm'],
    ],
    [['publish=8080'], ['serves']],
    [['publish=8000-9000/tcp'], ['serves']],
    [['publish=8080/udp'], []],
    [['publish=80'], []],
    [['expose=80'], ['serves']],
    [['expose=53/udp'], ['serves']],
    [['expose=53'], []],
    [['publish=1', 'expose=80'], ['serves']],
    [['is-task=true'], ['swarm']],
    [['is-task=0'], ['idle', 'serves']],
    [['exited=0'], ['serves']],
    [['exited=1'], []],
  ]
  for (const [filters, expected] of cases) {
    const found = await listContainers(store, { all: true, filter: parseContainerFilters(filters) })
    t.same(found.map(({ name }) => name).sort(), expected, filters.join(' '))
  }
})

t.test('an ID by its start, where that is one container’s alone', async (t) => {
  const { open } = await fixtureStore(t)
  const store = await open()
  const ids: string[] = []
  // 17 IDs: two of them begin alike. The name is one that could be the start of an ID.
  for (let i = 0; i < 17; i++)
    ids.push((await createContainer(store, 'app:1', i === 0 ? { name: 'abcdef' } : {})).id)
  const found = async (...starts: string[]): Promise<string[]> => {
    const filter = parseContainerFilters(starts.map((start) => `id=${start}`))
    return (await listContainers(store, { all: true, filter })).map(({ id }) => id).sort()
  }
  const [first, second] = ids as [string, string]
  t.same(await found(first), [first])
  t.same(await found(first.slice(0, 20)), [first])
  t.same(await found(second.slice(0, 20), 'nope', first), [first, second].sort())
  const shared = ids.map((id) => id[0]!).find((digit, at, all) => all.indexOf(digit) !== at)!
  for (const start of [first.slice(1, 20), `${first}0`, '', '(', '.*', shared, 'abcdef'])
    t.same(await found(start), [], start)
})

t.test('what is no filter', async (t) => {
  const wrong = ['health=well', 'publish=x', 'publish=9-8', 'expose=70000', 'expose=1/icmp']
  for (const text of [
    ...wrong,
    'is-task=maybe',
    'bad=1',
    'exited=-1',
    'name',
    'status=gone',
    'name=(',
  ])
    t.throws(() => parseContainerFilters([text]), { code: 'ERR_OPTION' }, text)
})
