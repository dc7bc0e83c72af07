// Go's number formatting: %d %b %o %O %x %X %c %q %U of an int, %e %f %g of a float64, and their %v.
// A verb that does not fit gives undefined; the caller has Go's complaint for it.

import { fixedDigits, significantDigits } from '../format/decimal.ts'
import type { Decimal } from '../format/decimal.ts'
import { isPrint, quote } from './go-quote.ts'
import { pad } from './verb-flags.ts'
import type { Flags } from './verb-flags.ts'

const RADIX: Readonly<Record<string, number>> = { v: 10, d: 10, b: 2, o: 8, O: 8, x: 16, X: 16 }
const PREFIX: Readonly<Record<string, string>> = { b: '0b', o: '0', O: '0o', x: '0x', X: '0X' }

export function formatInteger(value: bigint, verb: string, flags: Flags): string | undefined {
  if (verb === 'c' || verb === 'q' || verb === 'U') return formatRune(value, verb, flags)
  const radix = RADIX[verb]
  if (radix === undefined) return undefined
  const negative = value < 0n
  let digits = (negative ? -value : value).toString(radix)
  if (verb === 'X') digits = digits.toUpperCase()
  const sign = negative ? '-' : flags.plus ? '+' : flags.space ? ' ' : ''
  const prefix = verb === 'O' || flags.sharp ? (PREFIX[verb] ?? '') : ''
  if (flags.precision !== undefined) {
    if (flags.precision === 0 && value === 0n) return ' '.repeat(flags.width ?? 0)
    digits = digits.padStart(flags.precision, '0')
  } else if (flags.zero && !flags.minus && flags.width !== undefined) {
    // Zeros go between sign and digits, and a prefix comes on top of the width.
    digits = digits.padStart(flags.width - sign.length, '0')
  }
  const octal = prefix === '0' && digits.startsWith('0') ? '' : prefix
  return pad(sign + octal + digits, { ...flags, zero: false })
}

function formatRune(value: bigint, verb: string, flags: Flags): string {
  const valid = value >= 0n && value <= 0x10ffffn && !(value >= 0xd800n && value <= 0xdfffn)
  const char = valid ? String.fromCodePoint(Number(value)) : '\ufffd'
  if (verb === 'c') return pad(char, flags)
  if (verb === 'q') return pad(quote(char, "'", flags.plus), flags)
  const code = BigInt.asUintN(64, value).toString(16).toUpperCase().padStart(4, '0')
  const shown = flags.sharp && valid && isPrint(char) ? ` '${char}'` : ''
  return pad(`U+${code}${shown}`, { ...flags, zero: false })
}

export function formatFloat(value: number, verb: string, flags: Flags): string | undefined {
  if (!'veEfFgG'.includes(verb)) return undefined
  const lower = verb === 'v' ? 'g' : verb.toLowerCase()
  let text: string
  if (!Number.isFinite(value)) text = Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'
  else if (lower === 'e') text = scientific(significantDigits(value, (flags.precision ?? 6) + 1))
  else if (lower === 'f') text = fixedDigits(value, flags.precision ?? 6)
  else text = general(value, flags.precision)
  if (verb === 'E' || verb === 'G') text = text.toUpperCase()
  if (text.startsWith('+') && !flags.plus) text = text.slice(1) === 'Inf' ? '+Inf' : text.slice(1)
  else if (/^[0-9]/.test(text)) text = (flags.plus ? '+' : flags.space ? ' ' : '') + text
  if (flags.zero && !flags.minus && flags.width !== undefined && Number.isFinite(value)) {
    const sign = /^[+ -]/.exec(text)?.[0] ?? ''
    return sign + text.slice(sign.length).padStart(flags.width - sign.length, '0')
  }
  return pad(text, { ...flags, zero: false })
}

/** `1.50e+03`: at least two digits in the exponent. */
function scientific({ negative, digits, exponent }: Decimal): string {
  const fraction = digits.length > 1 ? `.${digits.slice(1)}` : ''
  const power = String(Math.abs(exponent)).padStart(2, '0')
  return `${negative ? '-' : ''}${digits[0]!}${fraction}e${exponent < 0 ? '-' : '+'}${power}`
}

/** %g: the shortest digits that read back, or so many; with an exponent when that is under -4 or not under the digits. */
function general(value: number, precision?: number): string {
  const {
    negative,
    digits: all,
    exponent,
  } = precision === undefined ? shortest(value) : significantDigits(value, Math.max(precision, 1))
  const digits = all.replace(/(?!^)0+$/, '')
  // What is asked for counts only as far as the number has digits; for the shortest form Go takes 6.
  let limit = precision === undefined ? 21 : Math.max(precision, 1)
  if (limit > digits.length && digits.length >= exponent + 1) limit = digits.length
  if (precision === undefined) limit = 6
  const small = { negative, digits, exponent }
  if (exponent < -4 || exponent >= limit) return scientific(small)
  const sign = negative ? '-' : ''
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0')
  const fraction = digits.slice(exponent + 1)
  return sign + whole + (fraction === '' ? '' : `.${fraction}`)
}

function shortest(value: number): Decimal {
  const [mantissa, power] = Math.abs(value).toExponential().split('e') as [string, string]
  const negative = value < 0 || Object.is(value, -0)
  return { negative, digits: mantissa.replace('.', ''), exponent: Number(power) }
}
