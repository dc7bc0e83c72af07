// Regression or noise, told from made-up runs.

import t from 'tap'
import { compareResults, type Change } from '../../bench/comparison.ts'
import { parseResult, SCHEMA, type BenchResult, type Machine } from '../../bench/result.ts'

const machine: Machine = {
  cpu: 'cpu',
  cores: 2,
  memoryBytes: 1,
  kernel: 'Linux',
  system: 'Debian',
  node: 'v20',
  zlib: '1',
  shale: '0',
  loadAverage: 0,
  root: true,
}

function result(
  shale: readonly number[],
  tar: readonly number[] = shale.map((x) => 2 * x),
  on: Machine = machine,
): BenchResult {
  const samples = (values: readonly number[]): { seconds: number }[] =>
    values.map((seconds) => ({ seconds }))
  return {
    schema: SCHEMA,
    startedAt: '2024-01-01T00:00:00Z',
    arguments: [],
    machine: on,
    peers: [],
    targets: [],
    contests: [
      {
        suite: 'load',
        title: 'load',
        fileSystem: 'tmpfs',
        cache: 'warm',
        rows: [
          { name: 'shale', subject: true, samples: samples(shale) },
          { name: 'tar', subject: false, against: 'shale', samples: samples(tar) },
        ],
      },
    ],
  }
}

function only(before: BenchResult, after: BenchResult): Change {
  const { changes } = compareResults(before, after)
  if (changes.length !== 1) throw new Error(`expected one change, got ${changes.length}`)
  return changes[0]!
}

const steady = [1, 1.01, 1.02, 0.99, 1.0]

t.test('the same numbers are noise, and so are mixed ones', async (t) => {
  t.match(only(result(steady), result(steady)), {
    what: 'load, tmpfs, warm: shale',
    finding: 'noise',
    ratio: 1,
  })
  t.equal(only(result(steady), result([1.3, 1.0, 0.98, 1.2, 1.01])).finding, 'noise')
})

t.test('a step that no run crosses is a change, either way', async (t) => {
  const slow = steady.map((x) => x * 1.2)
  t.equal(only(result(steady), result(slow)).finding, 'slower')
  t.equal(only(result(slow), result(steady)).finding, 'faster')
})

t.test('a step too small to matter is none, however steady the runs', async (t) => {
  const tiny = steady.map((x) => x * 1.025)
  t.equal(only(result([1, 1, 1, 1, 1]), result([1.02, 1.02, 1.02, 1.02, 1.02])).finding, 'noise')
  t.equal(only(result(steady), result(tiny)).finding, 'noise')
})

t.test('of few runs more is asked, of one run nothing is told', async (t) => {
  t.equal(only(result([1, 1, 1]), result([1.05, 1.06, 1.07])).finding, 'noise')
  t.equal(only(result([1, 1, 1]), result([1.2, 1.21, 1.3])).finding, 'slower')
  t.equal(only(result([1]), result([5])).finding, 'noise')
})

t.test('on another machine ratios are compared, not seconds', async (t) => {
  const other = { ...machine, cpu: 'a slower one' }
  const slowMachine = result(
    steady.map((x) => x * 3),
    steady.map((x) => x * 6),
    other,
  )
  const same = compareResults(result(steady), slowMachine)
  t.equal(same.by, 'ratio')
  t.match(same.machines, ['cpu: cpu, then a slower one'])
  t.match(same.changes, [{ what: 'load, tmpfs, warm: tar, shale / it', finding: 'noise' }])
  const worse = result(
    steady.map((x) => x * 6),
    steady.map((x) => x * 6),
    other,
  )
  t.match(compareResults(result(steady), worse).changes, [{ finding: 'slower', ratio: 2 }])
})

t.test('rows that only one has are told, not judged', async (t) => {
  const empty = { ...result(steady), contests: [] }
  t.equal(only(empty, result(steady)).finding, 'new')
  t.equal(only(result(steady), empty).finding, 'gone')
})

t.test('a file that is no result is refused by name', async (t) => {
  t.throws(() => parseResult('{', 'x.json'), { message: /x\.json: it is no JSON/ })
  t.throws(() => parseResult('{"schema":"other/2"}', 'x.json'), { message: /found "other\/2"/ })
  t.equal(parseResult(JSON.stringify(result(steady)), 'x.json').schema, SCHEMA)
})
