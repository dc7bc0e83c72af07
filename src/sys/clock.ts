// The system's time, in nanoseconds as file systems keep it; to the microsecond, which is what Node has of it.

export function systemNow(): bigint {
  return BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e3)) * 1000n
}
