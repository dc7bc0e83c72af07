import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import { alignTabs, table } from '../../../cli/format/table.ts'
import {
  createdSince,
  goLocalTime,
  historyCreatedSince,
  humanDuration,
  humanSize,
  rfc3339Local,
} from '../../../cli/format/units.ts'
import { displayWidth, ellipsis } from '../../../cli/format/width.ts'

interface Row {
  bytes: number
  size3?: string
  size4?: string
  seconds: number
  duration?: string
  text?: string
  table?: string
}

const fixture = new URL('../../../../fixtures/format/units.jsonl', import.meta.url)
const rows = readFileSync(fixture, 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Row)

t.test('sizes as go-units prints them', async (t) => {
  for (const { bytes, size3, size4 } of rows) {
    if (size3 === undefined) continue
    t.equal(humanSize(bytes), size3, `${bytes} to 3 digits`)
    t.equal(humanSize(bytes, 4), size4, `${bytes} to 4 digits`)
  }
})

t.test('ages as go-units prints them', async (t) => {
  for (const { seconds, duration } of rows) {
    if (duration !== undefined) t.equal(humanDuration(seconds), duration, `${seconds} s`)
  }
  t.equal(createdSince(0, 86_400 * 3), '3 days ago')
  t.equal(createdSince(-62_135_596_800, 1_700_000_000), '292 years ago', "Go's zero time")
  t.equal(historyCreatedSince(946_684_800, 1_700_000_000), '')
  t.equal(historyCreatedSince(1_699_999_998, 1_700_000_000), '2 seconds ago')
})

t.test('tables as text/tabwriter lines them up', async (t) => {
  for (const { text, table } of rows) {
    if (text !== undefined) t.equal(alignTabs(text), table, JSON.stringify(text))
  }
  t.equal(
    table(
      ['A', 'LAST'],
      [
        ['x', ''],
        ['0123456789', 'y'],
      ],
    ),
    'A            LAST\nx            \n0123456789   y\n',
  )
})

t.test('wide characters take two columns', async (t) => {
  t.equal(displayWidth('aé…'), 3)
  t.equal(displayWidth('日本語'), 6)
  t.equal(displayWidth('😀'), 2)
  t.equal(displayWidth(''), 0)
  t.equal(alignTabs('日本語日本\tx\na\ty'), '日本語日本   x\na            y')
})

t.test('cuts as docker cuts', async (t) => {
  t.equal(
    ellipsis('/bin/sh -c #(nop) COPY dir:396d0e352f47ac0ac1234', 45),
    '/bin/sh -c #(nop) COPY dir:396d0e352f47ac0ac…',
  )
  t.equal(ellipsis('x'.repeat(45), 45), 'x'.repeat(45))
  t.equal(ellipsis('日本語', 4), '日…')
  t.equal(ellipsis('日本語', 5), '日本…')
  t.equal(ellipsis('abc', 1), 'a')
  t.equal(ellipsis('abc', 0), '')
  t.equal(ellipsis('', 1), '')
})

t.test('a cut text is never wider than asked for', async () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 2, max: 20 }), (text, width) => {
      const cut = ellipsis(text, width)
      return displayWidth(cut) <= width && (cut === text || cut.endsWith('…'))
    }),
  )
})

t.test('local times', async (t) => {
  const when = Date.UTC(2024, 0, 2, 3, 4, 5) / 1000
  t.match(goLocalTime(when), /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4} \S+$/)
  t.match(rfc3339Local(when), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)$/)
  t.equal(Date.parse(rfc3339Local(when)) / 1000, when, 'whatever the zone, it is that moment')
  t.equal(
    Date.parse(
      goLocalTime(when)
        .replace(/ ([+-]\d{4}) .*/, '$1')
        .replace(' ', 'T'),
    ) / 1000,
    when,
  )
})
