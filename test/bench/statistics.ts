// What the benchmark says of a handful of numbers.

import fc from 'fast-check'
import t from 'tap'
import { pairedRatios, rankTest, spread, summary } from '../../bench/statistics.ts'

const times = fc.array(fc.double({ min: 0.001, max: 100, noNaN: true }), {
  minLength: 1,
  maxLength: 9,
})

t.test('the median lies in the middle, whatever the order', async (t) => {
  t.same(summary([3, 1, 2]), { median: 2, min: 1, max: 3 })
  t.same(summary([4, 1, 3, 2]), { median: 2.5, min: 1, max: 4 })
  t.throws(() => summary([]), RangeError)
  t.equal(spread(summary([8, 10, 12])), 0.4)
  fc.assert(
    fc.property(times, (values) => {
      const { median, min, max } = summary(values)
      const below = values.filter((value) => value <= median).length
      const above = values.filter((value) => value >= median).length
      t.ok(2 * below >= values.length && 2 * above >= values.length)
      t.ok(min <= median && median <= max)
    }),
    { numRuns: 100 },
  )
})

t.test('ratios are taken round by round', async (t) => {
  // A round in which the whole machine was slow changes no ratio.
  t.same(pairedRatios([1, 10, 1], [2, 20, 2]), { median: 0.5, min: 0.5, max: 0.5 })
  t.same(pairedRatios([1, 2, 3], [1]), { median: 1, min: 1, max: 1 })
  t.equal(pairedRatios([], [1]), undefined)
})

/** All ways to deal the ranks 0..n+m-1 to two samples: the definition of the exact test. */
function* deals(n: number, m: number): Generator<[number[], number[]]> {
  const ranks = Array.from({ length: n + m }, (_, i) => i)
  for (let mask = 0; mask < 1 << (n + m); mask++) {
    const a = ranks.filter((i) => mask & (1 << i))
    if (a.length === n) yield [a, ranks.filter((i) => !(mask & (1 << i)))]
  }
}

function wins(a: readonly number[], b: readonly number[]): number {
  return a.reduce((all, x) => all + b.filter((y) => x > y).length, 0)
}

t.test('the rank test is the share of deals that are at least as far apart', async (t) => {
  for (const [n, m] of [
    [1, 1],
    [2, 3],
    [3, 3],
    [4, 5],
    [5, 5],
  ] as const) {
    const all = [...deals(n, m)].map(([a, b]) => Math.min(wins(a, b), wins(b, a)))
    for (const [a, b] of deals(n, m)) {
      const extreme = Math.min(wins(a, b), wins(b, a))
      const share = all.filter((other) => other <= extreme).length / all.length
      t.ok(Math.abs(rankTest(a, b) - share) < 1e-9, `${a.join()} | ${b.join()}`)
    }
  }
})

t.test('the rank test of many values comes near the counted one', async (t) => {
  const a = Array.from({ length: 21 }, (_, i) => i)
  t.ok(rankTest(a, a) > 0.99)
  const apart = rankTest(
    a,
    a.map((x) => x + 100),
  )
  t.ok(apart < 1e-6, String(apart))
  // 21 x 21 is over the border of counting, 20 x 20 on it.
  const shifted = (n: number): number =>
    rankTest(
      Array.from({ length: n }, (_, i) => i),
      Array.from({ length: n }, (_, i) => i + 5.5),
    )
  t.ok(Math.abs(shifted(21) - shifted(20)) < 0.02, `${shifted(20)} and ${shifted(21)}`)
})
