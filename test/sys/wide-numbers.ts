// Halves of 64-bit numbers, beside the arithmetic of bigints that they stand for.

import fc from 'fast-check'
import t from 'tap'
import {
  joinWords,
  nanoseconds,
  restOf,
  secondsOf,
  splitWords,
  wideSecondsOf,
} from '../../src/sys/wide-numbers.ts'

const BILLION = 1_000_000_000n
/** The first takes 64 bits, about the years 1678 to 2262; the second all that a number holds. */
const seconds = fc.oneof(
  fc.integer({ min: -9_223_372_036, max: 9_223_372_035 }),
  fc.integer({ min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER }),
  fc.integer({ min: 9_223_372_034, max: 9_223_372_038 }),
  fc.integer({ min: -9_223_372_038, max: -9_223_372_034 }),
  fc.constantFrom(-1, 0, 1, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), 2 ** 32, -(2 ** 32)),
)
const rest = fc.oneof(
  fc.integer({ min: 0, max: 999_999_999 }),
  fc.constantFrom(0, 1, 999_999_998, 999_999_999),
)

t.test('times there and back', async (t) => {
  fc.assert(
    fc.property(seconds, rest, (whole, part) => {
      const ns = BigInt(whole) * BILLION + BigInt(part)
      return (
        nanoseconds(whole, part) === ns &&
        secondsOf(ns) === whole &&
        wideSecondsOf(ns) === BigInt(whole) &&
        restOf(ns, whole) === part
      )
    }),
    { numRuns: 20_000 },
  )
  t.equal(nanoseconds(-1, 999_999_999), -1n)
  t.equal(secondsOf(-1n), -1)
  const last = 2 ** 53 - 1
  t.equal(nanoseconds(2 ** 63, 7), nanoseconds(last, 7), 'later than a number tells')
  t.equal(nanoseconds(-(2 ** 63), 7), nanoseconds(-last, 7))
})

t.test('two halves of one number', async (t) => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (value) => {
      const [low, high] = splitWords(value) as Uint32Array
      return BigInt(low!) + (BigInt(high!) << 32n) === value && joinWords(low!, high!) === value
    }),
  )
  t.equal(joinWords(0xffff_ffff, 0xffff_ffff), 2n ** 64n - 1n)
})
