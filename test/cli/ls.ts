import t from 'tap'
import { shaleInProcess, type InProcessOutput } from '../support/in-process.ts'
import { IMAGES, fixtureStore } from '../support/store-fixture.ts'

t.test('names, long rows, layers', async (t) => {
  const { root } = await fixtureStore(t)
  const run = (...args: string[]): Promise<InProcessOutput> =>
    shaleInProcess(['ls', ...args], { root })
  t.equal((await run('app')).stdout, 'bin\ndev\netc\nlatest\n')
  t.equal((await run('app:1:/etc')).stdout, 'evil\\x1b[31m\nmotd\nmotd.link\n')
  t.equal((await run('app:/latest/motd')).stdout, 'motd\n')
  const long = (await run('-l', 'app:/bin')).stdout
  t.equal(
    long,
    'lrwxrwxrwx 0/0         9 2026-01-02 03:04 alias -> /etc/motd\n' +
      '-rwsr-xr-x 0/0        10 2026-01-02 03:04 tool\n',
  )
  t.match((await run('-l', 'app:/dev')).stdout, /^crw-rw-rw- 0\/0 +1,3 .* null\nprw/)
  t.match((await run('-l', 'base:1:/etc/old')).stdout, /^-rw------- 1000\/100 +4 .* old\n$/)
  const [first, second] = IMAGES.app.diffIDs.map((id) => id.slice(7, 19))
  t.equal(
    (await run('--layers', 'app')).stdout,
    `  1 ${first}  bin\n  2 ${second}  dev\n  2 ${second}  etc\n  2 ${second}  latest\n`,
  )
  t.match((await run('-R', 'app')).stdout, /^\/bin\n\/bin\/alias\n\/bin\/tool\n\/dev\n/)
})

t.test('--json: one array, streamed', async (t) => {
  const { root } = await fixtureStore(t)
  const json = async (...args: string[]): Promise<Record<string, unknown>[]> =>
    JSON.parse((await shaleInProcess(['ls', '--json', ...args], { root })).stdout)
  const files = await json('-R', 'app')
  t.equal(files.length, 11)
  t.match(
    files.find((file) => file['path'] === '/bin/tool'),
    {
      type: 'file',
      mode: '4755',
      mtime: '2026-01-02T03:04:05.000000000Z',
      mtimeNs: '1767323045000000000',
      layer: { number: 1 },
    },
  )
  t.equal((await json('app:/etc/motd')).length, 1)
  t.same(await json('void'), [])
})

t.test('what is not there', async (t) => {
  const { root } = await fixtureStore(t)
  for (const place of ['nope', 'app:/nope', 'app:/etc/old', 'app:/bin/tool/x']) {
    const { code, stdout } = await shaleInProcess(['ls', place], { root })
    t.equal(code, 10, place)
    t.equal(stdout, '')
  }
})
