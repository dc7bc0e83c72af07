// Times as docker writes them into a store: RFC 3339, nanoseconds, trailing zeros dropped, UTC.

/** Seconds since 1970 from SOURCE_DATE_EPOCH (reproducible-builds.org), where set and a whole number. */
export function sourceDateEpoch(env: NodeJS.ProcessEnv = process.env): number | undefined {
  const text = env['SOURCE_DATE_EPOCH']
  return text !== undefined && /^[0-9]{1,11}$/.test(text) ? Number(text) : undefined
}

export function timestampNow(): string {
  return timestamp(BigInt(Date.now()) * 1_000_000n)
}

/** @param timeNs nanoseconds since 1970 */
export function timestamp(timeNs: bigint): string {
  const second = timeNs / 1_000_000_000n
  const fraction = String(timeNs % 1_000_000_000n)
    .padStart(9, '0')
    .replace(/0+$/, '')
  const date = new Date(Number(second) * 1000).toISOString().slice(0, 19)
  return `${date}${fraction === '' ? '' : `.${fraction}`}Z`
}
