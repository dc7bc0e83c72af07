// 64-bit numbers out of the two halves that C structures have them in, and times in nanoseconds out of seconds, without
// arithmetic on bigints: each step of that allocates, and a walk does it five times for each file.

const wide = new BigInt64Array(1)
const unsigned = new BigUint64Array(wide.buffer)
/** Low half first, as all machines that this runs on have it. */
const words = new Uint32Array(wide.buffer)
const WORD = 2 ** 32
const BILLION = 1_000_000_000
const WIDE_BILLION = 1_000_000_000n
/** Nanoseconds of later ones (the year 2262), and of those before its negative (1677), take more than 64 bits. */
const SHORT_SECONDS_MAX = 9_223_372_035

/** Unsigned. */
export function joinWords(low: number, high: number): bigint {
  words[0] = low
  words[1] = high
  return unsigned[0]!
}

/** The halves of any number of 64 bits, in a place that the next call uses again. */
export function splitWords(value: bigint): Readonly<Uint32Array> {
  wide[0] = value
  return words
}

/** @param seconds whole, also negative; @param rest 0 to 999,999,999 */
export function nanoseconds(seconds: number, rest: number): bigint {
  if (seconds > SHORT_SECONDS_MAX || seconds < -SHORT_SECONDS_MAX) return longTime(seconds, rest)
  // A double is exact to some 256 of the 2^32 that one is in the high half: rounding finds it, the low half is modular.
  const low = (Math.imul(seconds, BILLION) + rest) >>> 0
  words[0] = low
  words[1] = Math.round((seconds * BILLION + rest - low) / WORD)
  return wide[0]!
}

/** Seconds that no number holds, millions of years from now, become the last that one does. */
function longTime(seconds: number, rest: number): bigint {
  const { MAX_SAFE_INTEGER: max } = Number
  return BigInt(Math.min(Math.max(seconds, -max), max)) * WIDE_BILLION + BigInt(rest)
}

/** Of nanoseconds, rounded down: timespec has no negative nanoseconds. */
export function wideSecondsOf(ns: bigint): bigint {
  const seconds = ns / WIDE_BILLION
  return ns < 0n && seconds * WIDE_BILLION !== ns ? seconds - 1n : seconds
}

/** Of nanoseconds, rounded down; `rest` is then what `restOf` says. */
export function secondsOf(ns: bigint): number {
  wide[0] = ns
  if (wide[0] !== ns) return Number(wideSecondsOf(ns))
  const low = words[0]!
  const seconds = Math.floor(((words[1]! | 0) * WORD + low) / BILLION)
  // One too many or too few where the double was rounded over a whole second.
  const rest = (low - Math.imul(seconds, BILLION)) | 0
  return rest < 0 ? seconds - 1 : rest >= BILLION ? seconds + 1 : seconds
}

/** @param seconds as `secondsOf` says */
export function restOf(ns: bigint, seconds: number): number {
  // Less than 2^32: the low halves tell, also where there are more than 64 bits.
  wide[0] = ns
  return (words[0]! - Math.imul(seconds, BILLION)) >>> 0
}
