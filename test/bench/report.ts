// Tables, charts and targets out of made-up results.

import t from 'tap'
import { barChart } from '../../bench/report/chart.ts'
import { contestText, ratioTo, resultText, secondsText } from '../../bench/report/table.ts'
import { SCHEMA, type BenchResult, type ContestResult } from '../../bench/result.ts'
import { targetsOf } from '../../bench/targets.ts'

const load: ContestResult = {
  suite: 'load',
  title: 'load',
  fileSystem: 'tmpfs',
  cache: 'warm',
  input: { name: 'a <b> & "c"', layers: 2, entries: 1234, tarBytes: 5e6, gzipBytes: 2e6 },
  rows: [
    {
      name: 'shale load, OCI layout',
      group: 'OCI image, gzip layers',
      subject: true,
      samples: [
        { seconds: 1, peakRssBytes: 100e6, cpuSeconds: 1.5 },
        { seconds: 2, peakRssBytes: 120e6, cpuSeconds: 1.5 },
        { seconds: 1, peakRssBytes: 110e6, cpuSeconds: 1.5 },
      ],
      verdict: 'same',
    },
    {
      name: 'GNU tar -xzf',
      group: 'OCI image, gzip layers',
      subject: false,
      against: 'shale load, OCI layout',
      samples: [{ seconds: 4 }, { seconds: 8 }, { seconds: 5 }],
      verdict: 'reference (9 paths)',
    },
    {
      name: 'ctr images import',
      group: 'OCI image, gzip layers',
      subject: false,
      against: 'shale load, OCI layout',
      samples: [{ seconds: 10 }, { seconds: 20 }, { seconds: 8 }],
    },
    {
      name: 'podman load, OCI tar',
      group: 'OCI image, gzip layers',
      subject: false,
      against: 'shale load, OCI layout',
      samples: [],
      failed: 'no <room>\nmore',
    },
  ],
}

const result: BenchResult = {
  schema: SCHEMA,
  startedAt: '2024-01-02T03:04:05Z',
  arguments: ['load'],
  machine: {
    cpu: 'Chip & Co',
    cores: 2,
    memoryBytes: 8e9,
    kernel: 'Linux 6',
    system: 'Debian',
    node: 'v20',
    zlib: '1',
    shale: '0.1.0',
    loadAverage: 0.5,
    root: false,
  },
  peers: [
    { id: 'tar', version: 'tar 1', does: 'unpacks' },
    { id: 'docker', absent: 'not installed', does: 'all of it' },
  ],
  contests: [load],
  targets: targetsOf([load]),
}

t.test('a ratio is shale over the other, round by round', async (t) => {
  t.same(ratioTo(load, load.rows[1]!), { median: 0.25, min: 0.2, max: 0.25 })
  t.equal(ratioTo(load, load.rows[0]!), undefined)
  const own: ContestResult = {
    ...load,
    rows: [
      { name: 'node -e 0', subject: false, samples: [{ seconds: 1 }] },
      { name: 'shale images', subject: true, against: 'node -e 0', samples: [{ seconds: 3 }] },
    ],
  }
  t.equal(ratioTo(own, own.rows[1]!)!.median, 3)
  const work: ContestResult = {
    ...load,
    rows: [
      { name: 'shale', subject: true, work: 8, samples: [{ seconds: 1 }] },
      { name: 'slow', subject: false, against: 'shale', work: 2, samples: [{ seconds: 1 }] },
    ],
  }
  t.equal(ratioTo(work, work.rows[1]!)!.median, 0.25, 'for the same work')
})

t.test('the table has every row, also those that failed, and the absent peers', async (t) => {
  const text = resultText(result)
  for (const { name } of load.rows) t.ok(text.includes(name), name)
  t.match(text, /docker +absent: not installed/)
  t.match(text, /0\.25 \(0\.20-0\.25\)/)
  t.match(text, /failed: no <room>\n/)
  t.match(text, /engines that need root take no part/)
  const line = contestText(load)
    .split('\n')
    .find((one) => one.startsWith('shale load'))!
  t.match(line, /1\.00s +1\.00s +100% +1\.50s +120MB +same/)
})

t.test('times are short and keep their three digits', async (t) => {
  t.same([12.345, 1.2345, 0.12345, 0.00012345].map(secondsText), [
    '12.3s',
    '1.23s',
    '123ms',
    '123us',
  ])
})

t.test('targets that were measured are told, the others are listed', async (t) => {
  const { targets } = result
  const named = (start: string): (typeof targets)[number] =>
    targets.find(({ measure }) => measure.startsWith(start))!
  t.match(named('load, gzip / GNU tar'), { atMost: 0.33, reached: 0.25, of: 'tmpfs' })
  t.match(named('load, gzip / the fastest engine on'), { reached: 0.1 })
  t.match(named('peak RSS of a load'), { reached: 120, unit: 'MB' })
  t.equal(named('save / cp').reached, undefined)
  t.match(resultText(result), /save \/ cp of the finished archive +<= 3.00 +- +not measured/)
})

t.test('the chart is an SVG with a bar for each row that ran, and escaped text', async (t) => {
  const svg = barChart(result)
  t.match(svg, /^<svg [^>]*viewBox="0 0 \d+ \d+"/)
  t.equal(svg.match(/<rect /g)!.length, 3)
  t.equal(svg.match(/class="bar shale"/g)!.length, 1)
  t.notMatch(svg, /<b>|& |"c"/)
  t.match(svg, /a &#60;b&#62; &#38; &#34;c&#34;/)
  t.match(svg, /prefers-color-scheme: dark/)
  const open = svg.match(/<(svg|text|rect|line|title|style)\b/g)!.length
  const closed = svg.match(/<\/(svg|text|title|style)>|\/>/g)!.length
  t.equal(open, closed, 'every element is closed')
  t.ok(svg.indexOf('GNU tar') < svg.indexOf('ctr images'), 'the nearest stands nearest')
})
