// Rounding a number to decimal digits as C and Go do it: exactly, and half to even. JavaScript's own toFixed and
// toPrecision round an exact half up, so that 1125 bytes would be 1.13kB where docker says 1.12kB.

export interface Decimal {
  readonly negative: boolean
  /** Significant digits, at least one, the first not 0 unless the number is. */
  readonly digits: string
  /** Of the first digit: 0 for units, -1 for tenths. */
  readonly exponent: number
}

/** @param count significant digits wanted, 1 or more */
export function significantDigits(value: number, count: number): Decimal {
  const long = longForm(value)
  return round(long, count)
}

/** @returns plain digits with so many after the point */
export function fixedDigits(value: number, fraction: number): string {
  const long = longForm(value)
  const { negative, digits, exponent } = round(long, long.exponent + 1 + fraction)
  const sign = negative ? '-' : ''
  const padded = exponent < 0 ? '0'.repeat(-exponent) + digits : digits
  const point = Math.max(exponent, 0) + 1
  const whole = padded.slice(0, point).padEnd(point, '0')
  if (fraction === 0) return sign + whole
  return `${sign}${whole}.${padded.slice(point).padEnd(fraction, '0').slice(0, fraction)}`
}

/** 101 digits: enough to tell a half from what is only near it. */
function longForm(value: number): Decimal {
  // ECMAScript allows 0 to 100.
  // oxlint-disable-next-line oxc/number-arg-out-of-range
  const [mantissa, power] = Math.abs(value).toExponential(100).split('e') as [string, string]
  return {
    negative: value < 0 || Object.is(value, -0),
    digits: mantissa.replace('.', ''),
    exponent: Number(power),
  }
}

function round({ negative, digits, exponent }: Decimal, count: number): Decimal {
  if (count < 0) return { negative, digits: '0', exponent: exponent - count }
  if (count >= digits.length) return { negative, digits: digits.padEnd(count, '0'), exponent }
  const kept = digits.slice(0, count)
  const rest = digits.slice(count)
  const isHalf = /^50*$/.test(rest)
  const isOdd = /[13579]$/.test(kept)
  const up = isHalf ? isOdd : rest[0]! >= '5'
  const result = up ? String(BigInt(kept || '0') + 1n).padStart(count, '0') : kept
  if (result.length > count) return { negative, digits: result, exponent: exponent + 1 }
  return { negative, digits: result === '' ? '0' : result, exponent }
}
