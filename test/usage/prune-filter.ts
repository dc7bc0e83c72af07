// Filters of prune in docker's words. Times are held against JavaScript's Date, durations against their arithmetic.

import t from 'tap'
import { InvalidArgumentError } from '../../src/errors.ts'
import { isWanted, parsePruneFilters, parseUntil } from '../../src/usage/prune-filter.ts'

const NOW = 1_800_000_000n * 1_000_000_000n
const KEYS = ['until', 'label', 'label!', 'dangling'] as const

t.test('until, as moby reads it', async (t) => {
  const seconds = (count: bigint): bigint => count * 1_000_000_000n
  const ms = (text: string): bigint => BigInt(Date.parse(text)) * 1_000_000n
  for (const [text, expected] of [
    ['24h', NOW - seconds(86_400n)],
    ['1h30m', NOW - seconds(5400n)],
    ['1.5h', NOW - seconds(5400n)],
    ['10ms', NOW - 10_000_000n],
    ['0', NOW],
    ['-10s', NOW + seconds(10n)],
    ['1136073600', seconds(1_136_073_600n)],
    ['1136073600.000000001', seconds(1_136_073_600n) + 1n],
    ['2026-01-02T03:04:05Z', ms('2026-01-02T03:04:05Z')],
    ['2026-01-02T03:04:05.5Z', ms('2026-01-02T03:04:05.500Z')],
    ['2026-01-02T03:04:05+02:00', ms('2026-01-02T01:04:05Z')],
    ['2026-01-02T03:04:05', ms('2026-01-02T03:04:05')],
    ['2026-01-02T03:04', ms('2026-01-02T03:04:00')],
    ['2026-01-02T03', ms('2026-01-02T03:00:00')],
    ['2026-01-02', ms('2026-01-02T00:00:00')],
    ['2026-01-02Z', ms('2026-01-02T00:00:00Z')],
  ] as const)
    t.equal(parseUntil(text, NOW), expected, text)
  for (const text of ['24x', '', 'yesterday', '1h 30m', '2026-13-01', '.', 'h'])
    t.throws(() => parseUntil(text, NOW), InvalidArgumentError, JSON.stringify(text))
})

t.test('what is refused', async (t) => {
  for (const texts of [['until'], ['bogus=1'], ['until=1h', 'until=2h'], ['dangling=maybe']])
    t.throws(() => parsePruneFilters(texts, KEYS, NOW), { code: 'ERR_OPTION' }, texts.join(' '))
  t.throws(() => parsePruneFilters(['until=1h'], ['label', 'label!'], NOW), { code: 'ERR_OPTION' })
})

t.test('what matches', async (t) => {
  const wanted = (texts: string[], created: string, labels: Record<string, string>): boolean =>
    isWanted(parsePruneFilters(texts, KEYS, NOW), created, labels)
  const old = '2020-01-01T00:00:00Z'
  const recent = new Date(Number(NOW / 1_000_000n) - 1000).toISOString()
  t.equal(wanted(['until=1h'], old, {}), true)
  t.equal(wanted(['until=1h'], recent, {}), false)
  t.equal(wanted(['label=a'], old, { a: '1' }), true)
  t.equal(wanted(['label=a=2'], old, { a: '1' }), false)
  t.equal(wanted(['label=a', 'label=b'], old, { a: '' }), false, 'all of them')
  t.equal(wanted(['label!=a'], old, { a: '' }), false)
  t.equal(wanted(['label!=a'], old, { b: '' }), true)
  t.equal(wanted(['label!=a', 'label!=b'], old, { a: '' }), true, 'only what has all of these')
})
