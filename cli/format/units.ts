// Sizes and ages as docker prints them: go-units' HumanSizeWithPrecision and HumanDuration.
// Knows numbers; what time it is now, it is told.

import { significantDigits } from './decimal.ts'
import { localTimeAt } from './local-zone.ts'

const SIZE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB', 'ZB', 'YB']

/**
 * Decimal units, so many significant digits, no trailing zeros: `0B`, `123kB`, `1.09GB`.
 * @param precision 3 for images and history, 4 elsewhere in docker
 */
export function humanSize(bytes: number, precision = 3): string {
  let size = bytes
  let unit = 0
  while (size >= 1000 && unit < SIZE_UNITS.length - 1) {
    size /= 1000
    unit++
  }
  return significant(size, precision) + SIZE_UNITS[unit]!
}

/** C's %.3g. Rounding up to 1000 gives the exponent form, `1e+03MB`, in docker too. */
function significant(value: number, digits: number): string {
  const rounded = significantDigits(value, digits)
  const mantissa = rounded.digits.slice(0, digits)
  const point = rounded.exponent + 1
  if (point > digits) {
    const fraction = mantissa.slice(1).replace(/0+$/, '')
    const power = String(rounded.exponent).padStart(2, '0')
    return `${mantissa[0]!}${fraction === '' ? '' : `.${fraction}`}e+${power}`
  }
  const fraction = mantissa.slice(point).replace(/0+$/, '')
  return mantissa.slice(0, point) + (fraction === '' ? '' : `.${fraction}`)
}

const MINUTE = 60
const HOUR = 60 * MINUTE
/** Go's Duration ends at 2^63 nanoseconds: docker shows Go's zero time as 292 years ago. */
const SECONDS_MAX = 2 ** 63 / 1e9

/** `2 weeks`, `About a minute`, `Less than a second`; negative ages are less than a second. */
export function humanDuration(givenSeconds: number): string {
  const seconds = Math.min(givenSeconds, SECONDS_MAX)
  const whole = Math.trunc(seconds)
  if (whole < 1) return 'Less than a second'
  if (whole === 1) return '1 second'
  if (whole < MINUTE) return `${whole} seconds`
  const minutes = Math.trunc(seconds / MINUTE)
  if (minutes === 1) return 'About a minute'
  if (minutes < 60) return `${minutes} minutes`
  const hours = Math.trunc(seconds / HOUR + 0.5)
  if (hours === 1) return 'About an hour'
  if (hours < 48) return `${hours} hours`
  if (hours < 24 * 7 * 2) return `${Math.trunc(hours / 24)} days`
  if (hours < 24 * 30 * 2) return `${Math.trunc(hours / 24 / 7)} weeks`
  if (hours < 24 * 365 * 2) return `${Math.trunc(hours / 24 / 30)} months`
  return `${Math.trunc(Math.trunc(seconds / HOUR) / 24 / 365)} years`
}

/** The CREATED column: `3 days ago`. Times are seconds since 1970. */
export function createdSince(createdSeconds: number, nowSeconds: number): string {
  return `${humanDuration(nowSeconds - createdSeconds)} ago`
}

/** Before this, `docker history` shows no age: images with times stripped say 1970 or year 1. */
const HISTORY_EPOCH = Date.UTC(2000, 0, 1) / 1000

export function historyCreatedSince(createdSeconds: number, nowSeconds: number): string {
  return createdSeconds <= HISTORY_EPOCH ? '' : createdSince(createdSeconds, nowSeconds)
}

/** Local time as Go's time.Time prints it, in `docker images --format '{{.CreatedAt}}'`: `2024-01-02 03:04:05 +0000 UTC`. */
export function goLocalTime(seconds: number): string {
  const { date, time, sign, hours, minutes, name } = localParts(seconds)
  // A zone without a name is its offset.
  const zone = name === '' ? `${sign}${hours}${minutes === '00' ? '' : minutes}` : name
  return `${date} ${time} ${sign}${hours}${minutes} ${zone}`
}

/** Local time in RFC 3339, as `docker history --human=false` shows it: `2024-01-02T03:04:05Z`. */
export function rfc3339Local(seconds: number): string {
  const { date, time, sign, hours, minutes } = localParts(seconds)
  const zone = hours === '00' && minutes === '00' ? 'Z' : `${sign}${hours}:${minutes}`
  return `${date}T${time}${zone}`
}

function localParts(seconds: number): {
  date: string
  time: string
  sign: string
  hours: string
  minutes: string
  name: string
} {
  const { offsetSeconds, name } = localTimeAt(seconds)
  const [date, time] = new Date((seconds + offsetSeconds) * 1000)
    .toISOString()
    .slice(0, 19)
    .split('T')
  const two = (value: number): string => String(Math.trunc(value)).padStart(2, '0')
  const offset = Math.trunc(offsetSeconds / 60)
  return {
    date: date!,
    time: time!,
    sign: offset < 0 ? '-' : '+',
    hours: two(Math.abs(offset) / 60),
    minutes: two(Math.abs(offset) % 60),
    name,
  }
}
