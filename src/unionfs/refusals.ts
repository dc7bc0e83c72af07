// What a caller is told who handed over something wrong, in the words of Node 20's own errors (lib/internal/errors.js),
// which tell what was expected and show what came instead. Knows no call.

import { inspect } from 'node:util'

const SHOWN_TEXT_MAX = 28
const SHOWN_VALUE_MAX = 128
/** From there on Node puts a line between each three digits. */
const LONG_NUMBER = 2 ** 32

/** A mistake of the caller, with Node's own code for it. */
export function argumentError(
  code: string,
  message: string,
  Class: ErrorConstructor = TypeError,
): Error {
  const error = new Class(message)
  Object.assign(error, { code })
  return error
}

/** @param expected `of type number`, `an instance of Object` */
export function wrongType(name: string, expected: string, value: unknown): Error {
  const message = `The "${name}" ${kindOf(name)} must be ${expected}. Received ${specificType(value)}`
  return argumentError('ERR_INVALID_ARG_TYPE', message)
}

/** @param reason `is invalid encoding` */
export function wrongValue(name: string, value: unknown, reason = 'is invalid'): Error {
  const shown = inspect(value)
  const cut = shown.length > SHOWN_VALUE_MAX ? `${shown.slice(0, SHOWN_VALUE_MAX)}...` : shown
  const message = `The ${kindOf(name)} '${name}' ${reason}. Received ${cut}`
  return argumentError('ERR_INVALID_ARG_VALUE', message)
}

/** @param expected `an integer`, `>= 0 && <= 7` */
export function outOfRange(name: string, expected: string, value: unknown): Error {
  const message = `The value of "${name}" is out of range. It must be ${expected}. Received ${shownNumber(value)}`
  return argumentError('ERR_OUT_OF_RANGE', message, RangeError)
}

function kindOf(name: string): string {
  return name.includes('.') ? 'property' : 'argument'
}

function specificType(value: unknown): string {
  switch (typeof value) {
    case 'function':
      return `function ${value.name}`
    case 'object':
      return value === null ? 'null' : instance(value)
    case 'string':
      return `type string (${quoted(value)})`
    case 'undefined':
      return 'undefined'
    case 'symbol':
      // With its words as they are, where inspect would quote some.
      return `type symbol (${String(value)})`
    default:
      return `type ${typeof value} (${inspect(value)})`
  }
}

function instance(value: object): string {
  const { constructor: made } = value as { constructor?: unknown }
  // A generator is an instance of something without a name.
  const hasName = made && (typeof made === 'object' || typeof made === 'function') && 'name' in made
  return hasName ? `an instance of ${String(made.name)}` : inspect(value, { depth: -1 })
}

function quoted(text: string): string {
  const cut = text.length > SHOWN_TEXT_MAX ? `${text.slice(0, SHOWN_TEXT_MAX - 3)}...` : text
  return cut.includes("'") ? JSON.stringify(cut) : `'${cut}'`
}

function shownNumber(value: unknown): string {
  const isLong = Number.isInteger(value) && Math.abs(value as number) > LONG_NUMBER
  if (isLong) return withLines(String(value))
  if (typeof value !== 'bigint') return inspect(value)
  const isLongBig = value > LONG_NUMBER || value < -LONG_NUMBER
  return `${isLongBig ? withLines(String(value)) : String(value)}n`
}

/** Between what stands there, three by three from the end, digits or not: Node does so to `1e+21` too. */
function withLines(text: string): string {
  const start = text.startsWith('-') ? 1 : 0
  let rest = text
  let out = ''
  for (; rest.length >= start + 4; rest = rest.slice(0, -3)) out = `_${rest.slice(-3)}${out}`
  return rest + out
}
