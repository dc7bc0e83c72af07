// Which time a new fact of a store carries.

import { goTime } from '../image/new-config.ts'

/** Seconds since 1970 from SOURCE_DATE_EPOCH (reproducible-builds.org), where set and a whole number. */
export function sourceDateEpoch(env: NodeJS.ProcessEnv = process.env): number | undefined {
  const text = env['SOURCE_DATE_EPOCH']
  return text !== undefined && /^[0-9]{1,11}$/.test(text) ? Number(text) : undefined
}

/** RFC 3339 in UTC, as docker writes it. */
export function timestampNow(): string {
  return goTime(BigInt(Date.now()) * 1_000_000n)
}
