import t from 'tap'
import { chainIDs } from '../../src/digest/chain-id.ts'
import { humanSize } from '../../cli/format/units.ts'
import { shaleInProcess } from '../support/in-process.ts'
import { BASE_TAR, IMAGES, TOP_TAR, fixtureStore } from '../support/store-fixture.ts'

t.test('one row a layer, base first', async (t) => {
  const { root } = await fixtureStore(t)
  const out = async (...args: string[]): Promise<string[][]> =>
    (await shaleInProcess(['layers', ...args], { root })).stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.split(/ {2,}/))
  const rows = await out('app')
  const { diffIDs } = IMAGES.app
  const chain = chainIDs(diffIDs)
  t.same(rows[0], [
    'LAYER',
    'DIFF ID',
    'CHAIN ID',
    'CACHE ID',
    'SIZE',
    'ENTRIES',
    'TAR SIZE',
    'CREATED BY',
  ])
  const tars = [BASE_TAR, TOP_TAR]
  for (const [i, row] of rows.slice(1).entries()) {
    t.same(row.slice(0, 3), [String(i + 1), diffIDs[i]!.slice(7, 19), chain[i]!.slice(7, 19)])
    t.match(row[3], /^[0-9a-f]{12}$/)
    t.equal(row[6], humanSize(tars[i]!.length))
  }
  t.equal(rows[2]![7], 'RUN change & <things>')
  t.same(
    (await out('-r', 'app')).map((row) => row[0]),
    ['LAYER', '2', '1'],
  )
  const paths = await out('--paths', 'app')
  t.equal(paths[0]![7], 'DIRECTORY')
  t.ok(paths[1]![7]!.startsWith(`${root}/overlay2/${paths[1]![3]}`))
  t.equal((await out('--no-trunc', 'app'))[1]![1], diffIDs[0])
  t.same(await out('--format', '{{.Number}} {{.Entries}}', 'app'), [['1 6'], ['2 9']])
})

t.test('the arithmetic, through a pipe', async (t) => {
  const { root } = await fixtureStore(t)
  const list = ['layers', '--no-trunc', '--format', '{{.DiffID}}', 'app']
  const { stdout } = await shaleInProcess(list, { root })
  const chained = await shaleInProcess(['chainid'], { root, stdin: stdout })
  t.equal(chained.stdout, `${chainIDs(IMAGES.app.diffIDs).at(-1)}\n`)
})

t.test('--json: an array of all that is known', async (t) => {
  const { root } = await fixtureStore(t)
  const rows = JSON.parse((await shaleInProcess(['layers', '--json', 'app'], { root })).stdout)
  t.same(
    rows.map((row: { diffID: string }) => row.diffID),
    IMAGES.app.diffIDs,
  )
  t.match(rows[1], { number: 2, tarBytes: TOP_TAR.length, directory: /diff$/, layerdb: /sha256/ })
})
