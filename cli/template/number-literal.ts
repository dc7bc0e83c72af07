// Number and character constants of a template, by Go's rules for untyped constants.
// Complex numbers, which no image has, are refused in plain words.

import { quote, unquote } from './go-quote.ts'

export type NumberLiteral =
  { readonly value: bigint | number; readonly int?: bigint } | { readonly complaint: string }

const INT64_MAX = 2n ** 63n - 1n
const UINT64_MAX = 2n ** 64n - 1n

export function parseNumber(
  text: string,
  type: 'charConstant' | 'complex' | 'number',
): NumberLiteral {
  if (type === 'charConstant') {
    const char = unquote(text)
    if (char === undefined) return { complaint: `malformed character constant: ${text}` }
    const int = BigInt(char.codePointAt(0)!)
    return { value: int, int }
  }
  if (type === 'complex' || text.endsWith('i')) {
    return { complaint: `complex numbers are not supported: ${quote(text)}` }
  }
  const int = parseInteger(text)
  if (int !== undefined && int >= -INT64_MAX - 1n && int <= UINT64_MAX) {
    // Beyond an int it is still a number, and an error only where it is used.
    return int > INT64_MAX ? { value: int } : { value: int, int }
  }
  const value = parseFloat64(text)
  if (value === undefined) return { complaint: `illegal number syntax: ${quote(text)}` }
  if (!/[.eEpP]/.test(text)) return { complaint: `integer overflow: ${quote(text)}` }
  const whole = Number.isInteger(value) && Math.abs(value) < 2 ** 63
  // 1e3 is a float, and still can be passed where an int is wanted.
  return whole ? { value, int: BigInt(value) } : { value }
}

/** strconv.ParseInt with base 0: prefixes, and underscores only between digits. */
function parseInteger(text: string): bigint | undefined {
  const negative = text.startsWith('-')
  const body = text.replace(/^[+-]/, '')
  const match = /^(0[xX]|0[oO]|0[bB]|0(?=[0-9_]))?(_?[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*)$/.exec(body)
  if (match === null) return undefined
  const [, prefix, raw] = match as unknown as [string, string | undefined, string]
  if (prefix === undefined && raw.startsWith('_')) return undefined
  const digits = raw.replaceAll('_', '')
  const kind = (prefix ?? '').toLowerCase()
  const radix = kind === '0x' ? '0x' : kind === '0b' ? '0b' : kind === '' ? '' : '0o'
  const allowed = { '0x': /^[0-9a-fA-F]+$/, '0b': /^[01]+$/, '0o': /^[0-7]+$/, '': /^[0-9]+$/ }[
    radix
  ]
  if (!allowed.test(digits)) return undefined
  const value = BigInt(radix + digits)
  return negative ? -value : value
}

function parseFloat64(text: string): number | undefined {
  if (/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text)) {
    const value = Number(text)
    return Number.isFinite(value) ? value : undefined
  }
  const hex = /^([+-]?)0[xX]([0-9a-fA-F]*)\.?([0-9a-fA-F]*)[pP]([+-]?\d+)$/.exec(text)
  if (hex === null) return undefined
  const [, sign, whole, fraction, power] = hex as unknown as [
    string,
    string,
    string,
    string,
    string,
  ]
  if (whole + fraction === '') return undefined
  const value = parseInt(whole + fraction, 16) * 2 ** (Number(power) - 4 * fraction.length)
  return sign === '-' ? -value : value
}
