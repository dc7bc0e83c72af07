// Which of the unused things a prune takes, in docker's words: `until=24h`, `until=2026-01-02`, `label=key=value`,
// `label!=key`. Knows times and labels; what they are asked of is the plan's.

import { InvalidArgumentError } from '../errors.ts'
import { createdSeconds } from '../image/config.ts'
import { matchesLabels } from '../inspect/image-filter.ts'

export interface PruneFilter {
  /** Only what was created by then, nanoseconds since 1970. */
  readonly untilNs?: bigint
  /** `key` or `key=value`; all must match. */
  readonly labels: readonly string[]
  /** What has all of these stays. */
  readonly withoutLabels: readonly string[]
  /** `image prune` alone has it: `false` is as good as --all. */
  readonly dangling?: boolean
}

export type PruneFilterKey = 'until' | 'label' | 'label!' | 'dangling'

/**
 * @param nowNs what durations count back from
 * @throws InvalidArgumentError ERR_OPTION
 */
export function parsePruneFilters(
  texts: readonly string[],
  keys: readonly PruneFilterKey[],
  nowNs: bigint,
): PruneFilter {
  const labels: string[] = []
  const withoutLabels: string[] = []
  let until: string | undefined
  let dangling: boolean | undefined
  for (const text of texts) {
    const equals = text.indexOf('=')
    if (equals < 0) throw refuse(text, 'expected key=value')
    const key = text.slice(0, equals).trim().toLowerCase() as PruneFilterKey
    const value = text.slice(equals + 1).trim()
    if (!keys.includes(key))
      throw refuse(
        text,
        `there is no filter ${JSON.stringify(key)} here; choose one of ${keys.join(', ')}`,
      )
    if (key === 'label') labels.push(value)
    else if (key === 'label!') withoutLabels.push(value)
    else if (key === 'dangling') {
      if (!['true', '1', 'false', '0'].includes(value)) throw refuse(text, 'expected true or false')
      dangling = value === 'true' || value === '1'
    } else {
      if (until !== undefined && until !== value)
        throw refuse(text, 'more than one until filter specified')
      until = value
    }
  }
  return {
    labels,
    withoutLabels,
    ...(until === undefined ? {} : { untilNs: parseUntil(until, nowNs) }),
    ...(dangling === undefined ? {} : { dangling }),
  }
}

function refuse(text: string, reason: string): InvalidArgumentError {
  return new InvalidArgumentError(
    'ERR_OPTION',
    `cannot filter by ${JSON.stringify(text)}: ${reason}`,
    { details: { filter: text } },
  )
}

/** @param created RFC 3339; what says no time is as old as can be, as Go's zero time is */
export function isWanted(
  filter: PruneFilter,
  created: string | undefined,
  labels: Readonly<Record<string, string>>,
): boolean {
  if (filter.untilNs !== undefined && momentNs(created) > filter.untilNs) return false
  return hasWantedLabels(filter, labels)
}

export function hasWantedLabels(
  filter: PruneFilter,
  labels: Readonly<Record<string, string>>,
): boolean {
  if (filter.withoutLabels.length > 0 && matchesLabels(filter.withoutLabels, labels)) return false
  return matchesLabels(filter.labels, labels)
}

/** To the nanosecond: images of one build are often less than a second apart. */
export function momentNs(created: string | undefined): bigint {
  const fraction = created === undefined ? '' : (/[.,](\d+)/.exec(created)?.[1] ?? '')
  return (
    BigInt(createdSeconds(created)) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0').slice(0, 9))
  )
}

const UNIT_NS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 6e10,
  h: 3.6e12,
}

/** moby's GetTimestamp: a Go duration before now, seconds since 1970, or a time whose missing parts are zero and local. */
export function parseUntil(text: string, nowNs: bigint): bigint {
  const duration = goDurationNs(text)
  if (duration !== undefined) return nowNs - duration
  const [, seconds, fraction = ''] = /^(\d+)(?:\.(\d{1,9}))?$/.exec(text) ?? []
  if (seconds !== undefined)
    return BigInt(seconds) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0'))
  const [, date, clock, sub = '', zone] =
    /^(\d{4}-\d\d-\d\d)(?:T(\d\d(?::\d\d(?::\d\d)?)?)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:\d\d)?$/.exec(
      text,
    ) ?? []
  if (date !== undefined) {
    const time = `${clock ?? '00'}${':00:00'.slice((clock ?? '00').length - 2)}`
    // Without a zone, and with a time beside the date, JavaScript reads local time as Go does.
    const ms = Date.parse(`${date}T${time}${zone ?? ''}`)
    if (!Number.isNaN(ms)) return BigInt(ms) * 1_000_000n + BigInt(sub.padEnd(9, '0'))
  }
  throw refuse(
    `until=${text}`,
    `failed to parse value as time or duration: ${JSON.stringify(text)}`,
  )
}

/** time.ParseDuration: `1h30m`, `1.5h`, `-10s`, `0`. */
function goDurationNs(text: string): bigint | undefined {
  const [, sign, rest] = /^([+-]?)(.*)$/s.exec(text)!
  if (rest === '0') return 0n
  if (!/^(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/.test(rest!)) return undefined
  let sum = 0
  for (const [, number, unit] of rest!.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g))
    sum += Number(number) * UNIT_NS[unit!]!
  return BigInt(Math.round(sign === '-' ? -sum : sum))
}
