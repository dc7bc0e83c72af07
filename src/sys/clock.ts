// The system's time, in nanoseconds as file systems keep it; to the microsecond, which is what Node has of it.
// Date.now() follows the system's clock, by whole milliseconds. performance.now() has the digits behind, but counts from
// where the process began: it takes part in no step of the clock, and stands still while the machine sleeps
// (CLOCK_MONOTONIC, clock_gettime(2)), so what a server of weeks would tell by it alone is wrong by all of that.

/** Further apart the clock has stepped: Date.now() is behind by up to one, and so is what it was last set by. */
const APART_MS = 2

/** @param ticks counts milliseconds with their fractions @param wall whole ones since 1970, which may step */
export function followingClock(
  ticks: Pick<typeof performance, 'now' | 'timeOrigin'>,
  wall: () => number,
): () => bigint {
  let origin = ticks.timeOrigin
  return () => {
    const passed = ticks.now()
    const told = wall()
    if (Math.abs(origin + passed - told) > APART_MS) origin = told - passed
    return BigInt(Math.round((origin + passed) * 1e3)) * 1000n
  }
}

export const systemNow: () => bigint = followingClock(performance, Date.now)
