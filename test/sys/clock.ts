import t from 'tap'
import { followingClock, systemNow } from '../../src/sys/clock.ts'

const START = 1_700_000_000_000
const MS = 1_000_000n

t.test('microseconds, and each step of the system’s clock', async (t) => {
  let passed = 0
  let stepped = 0
  const ticks = { timeOrigin: START + 0.25, now: () => passed }
  const now = followingClock(ticks, () => Math.floor(START + 0.25 + passed + stepped))
  const told = (): bigint => now() - BigInt(START) * MS
  t.equal(told(), 250_000n)
  passed = 10.5
  t.equal(told(), 10_750_000n)
  // Set forward, set back, and asleep for a day.
  for (const step of [3_600_000, -7_200_000, 86_400_000]) {
    stepped += step
    const expected = BigInt(Math.round((passed + stepped + 0.25) * 1e6))
    const first = told()
    t.ok(first <= expected && first > expected - MS, `${step} ms: the same millisecond`)
    passed += 0.125
    t.equal(told() - first, 125_000n, 'and counted on from there')
  }
})

t.test('this system’s', async (t) => {
  const before = BigInt(Date.now()) * MS
  const now = systemNow()
  const after = BigInt(Date.now()) * MS
  t.ok(now >= before - 2n * MS && now <= after + 3n * MS)
})
