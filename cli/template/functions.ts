// The functions of a template: Go's own and those that docker adds (json, join, split, title, lower, upper, pad,
// truncate). Each says what types it takes; the evaluator checks that and words the refusals.
// Knows values; nothing of nodes or positions.

import { compareValues, equalValues } from './compare.ts'
import { encodeJSON } from './encode-json.ts'
import { escapeHTML, escapeJS, escapeQuery } from './escape.ts'
import { sprint, sprintf, sprintln } from './go-format.ts'
import {
  concrete,
  GoMap,
  GoNil,
  GoSlice,
  GoStruct,
  isTrue,
  stringSlice,
  typeName,
  zeroOf,
} from './go-value.ts'
import type { GoValue } from './go-value.ts'
import { FunctionFailure } from './template-error.ts'

/** `value` takes anything, also no value at all; `any` turns that into nil. */
export type ParameterType = 'value' | 'any' | 'string' | 'int' | '[]string'

export interface TemplateFunction {
  readonly parameters: readonly ParameterType[]
  /** Of all further arguments. */
  readonly variadic?: ParameterType
  readonly run: (args: readonly GoValue[]) => GoValue
}

export type Functions = ReadonlyMap<string, TemplateFunction>

/** and, or: the evaluator does them itself, because they leave alone what they need not look at. */
export const SHORT_CIRCUIT: ReadonlySet<string> = new Set(['and', 'or'])

const never = (): never => {
  throw new Error('and, or are done by the evaluator')
}

function texts(args: readonly GoValue[]): readonly string[] {
  return args as readonly string[]
}

export const FUNCTIONS: Functions = new Map<string, TemplateFunction>([
  ['and', { parameters: ['value'], variadic: 'value', run: never }],
  ['or', { parameters: ['value'], variadic: 'value', run: never }],
  ['not', { parameters: ['value'], run: ([value]) => !isTrue(value) }],
  ['eq', { parameters: ['value'], variadic: 'value', run: equalsAny }],
  ['ne', { parameters: ['value', 'value'], run: (args) => !equalsAny(args) }],
  ['lt', { parameters: ['value', 'value'], run: ([a, b]) => compareValues(a, b) < 0 }],
  ['le', { parameters: ['value', 'value'], run: ([a, b]) => compareValues(a, b) <= 0 }],
  ['gt', { parameters: ['value', 'value'], run: ([a, b]) => compareValues(a, b) > 0 }],
  ['ge', { parameters: ['value', 'value'], run: ([a, b]) => compareValues(a, b) >= 0 }],
  ['index', { parameters: ['value'], variadic: 'value', run: index }],
  ['slice', { parameters: ['value'], variadic: 'value', run: slice }],
  ['len', { parameters: ['value'], run: ([value]) => length(value) }],
  ['call', { parameters: ['value'], variadic: 'value', run: ([value]) => call(value) }],
  ['print', { parameters: [], variadic: 'any', run: sprint }],
  ['println', { parameters: [], variadic: 'any', run: sprintln }],
  [
    'printf',
    {
      parameters: ['string'],
      variadic: 'any',
      run: ([format, ...args]) => sprintf(format as string, args),
    },
  ],
  ['html', { parameters: [], variadic: 'any', run: (args) => escapeHTML(joined(args)) }],
  ['js', { parameters: [], variadic: 'any', run: (args) => escapeJS(joined(args)) }],
  ['urlquery', { parameters: [], variadic: 'any', run: (args) => escapeQuery(joined(args)) }],
  ['json', { parameters: ['any'], run: ([value]) => encodeJSON(value) }],
  ['split', { parameters: ['string', 'string'], run: (args) => split(texts(args)) }],
  ['join', { parameters: ['[]string', 'string'], run: join }],
  ['title', { parameters: ['string'], run: (args) => title(texts(args)[0]!) }],
  ['lower', { parameters: ['string'], run: (args) => texts(args)[0]!.toLowerCase() }],
  ['upper', { parameters: ['string'], run: (args) => upper(texts(args)[0]!) }],
  ['pad', { parameters: ['string', 'int', 'int'], run: padBoth }],
  ['truncate', { parameters: ['string', 'int'], run: truncate }],
])

const first = ([value]: readonly GoValue[]): GoValue => value

/** For the header row of a table: what would change a value leaves the column's name as it is. */
export const HEADER_FUNCTIONS: Functions = new Map<string, TemplateFunction>([
  ...FUNCTIONS,
  ['json', { parameters: ['string'], run: first }],
  ['split', { parameters: ['string', 'string'], run: first }],
  ['join', { parameters: ['string', 'string'], run: first }],
  ['title', { parameters: ['string'], run: first }],
  ['lower', { parameters: ['string'], run: first }],
  ['upper', { parameters: ['string'], run: first }],
  ['truncate', { parameters: ['string', 'int'], run: first }],
])

function equalsAny([value, ...others]: readonly GoValue[]): boolean {
  if (others.length === 0) throw new FunctionFailure('missing argument for comparison')
  return others.some((other) => equalValues(value, other))
}

function index([given, ...keys]: readonly GoValue[]): GoValue {
  if (concrete(given) === undefined) throw new FunctionFailure('index of untyped nil')
  let item: GoValue = given
  for (const key of keys) item = indexOne(concrete(item), concrete(key))
  return item
}

function indexOne(item: GoValue, key: GoValue): GoValue {
  if (item === undefined || item instanceof GoNil) throw new FunctionFailure('index of nil pointer')
  if (item instanceof GoSlice) return item.items[position(key, item.items.length)]
  if (typeof item === 'string') {
    const bytes = Buffer.from(item, 'utf8')
    return BigInt(bytes[position(key, bytes.length, 'string')]!)
  }
  if (item instanceof GoMap) {
    if (key === undefined) throw new FunctionFailure('value is nil; should be of type string')
    if (typeof key !== 'string') {
      throw new FunctionFailure(`value has type ${typeName(key)}; should be string`)
    }
    return item.entries.has(key) ? item.entries.get(key) : zeroOf(item.elem)
  }
  throw new FunctionFailure(`can't index item of type ${plainType(item)}`)
}

/** The type behind a pointer, which is what Go names here. */
function plainType(value: GoValue): string {
  return value instanceof GoStruct ? value.type : typeName(value)
}

function number(given: GoValue, max: number): number {
  if (given === undefined) throw new FunctionFailure('cannot index slice/array with nil')
  const key = concrete(given)
  if (typeof key !== 'bigint') {
    throw new FunctionFailure(`cannot index slice/array with type ${typeName(given)}`)
  }
  if (key < 0n || key > BigInt(max)) throw new FunctionFailure(`index out of range: ${key}`)
  return Number(key)
}

/** One past the end passes Go's own check, and then its reflect package complains. */
function position(key: GoValue, length: number, what = 'slice'): number {
  const at = number(key, length)
  if (at === length) throw new FunctionFailure(`reflect: ${what} index out of range`)
  return at
}

function slice([given, ...bounds]: readonly GoValue[]): GoValue {
  const item = concrete(given)
  if (item === undefined) throw new FunctionFailure('slice of untyped nil')
  if (bounds.length > 3) throw new FunctionFailure(`too many slice indexes: ${bounds.length}`)
  if (typeof item !== 'string' && !(item instanceof GoSlice)) {
    throw new FunctionFailure(`can't slice item of type ${typeName(item)}`)
  }
  if (typeof item === 'string' && bounds.length === 3) {
    throw new FunctionFailure('cannot 3-index slice a string')
  }
  const bytes = typeof item === 'string' ? Buffer.from(item, 'utf8') : undefined
  const size = item instanceof GoSlice ? item.items.length : bytes!.length
  const [from = 0, to = size, cap = size] = bounds.map((bound) => number(bound, size))
  if (from > to) throw new FunctionFailure(`invalid slice index: ${from} > ${to}`)
  if (to > cap) throw new FunctionFailure(`invalid slice index: ${to} > ${cap}`)
  if (item instanceof GoSlice) return new GoSlice(item.elem, item.items.slice(from, to))
  return bytes!.subarray(from, to).toString('utf8')
}

function length(given: GoValue): bigint {
  const value = concrete(given)
  // Go's reflect panics on no value at all, and that is what docker's users read.
  if (given === undefined) {
    throw new FunctionFailure('reflect: call of reflect.Value.Type on zero Value')
  }
  if (value === undefined || value instanceof GoNil) throw new FunctionFailure('len of nil pointer')
  if (typeof value === 'string') return BigInt(Buffer.byteLength(value))
  if (value instanceof GoSlice) return BigInt(value.items.length)
  if (value instanceof GoMap) return BigInt(value.entries.size)
  throw new FunctionFailure(`len of type ${plainType(value)}`)
}

/** There are no functions in data, so this can only refuse. */
function call(given: GoValue): never {
  const value = concrete(given)
  if (value === undefined) throw new FunctionFailure('call of nil')
  throw new FunctionFailure(`non-function of type ${typeName(value)}`)
}

/** One string as it is, anything else as print would have it; for the escaping functions. */
function joined(args: readonly GoValue[]): string {
  const only = args.length === 1 ? concrete(args[0]) : undefined
  if (typeof only === 'string') return only
  return sprint(args.map((arg) => (concrete(arg) === undefined ? '<no value>' : arg)))
}

function split([text, separator]: readonly string[]): GoSlice {
  return stringSlice(separator === '' ? Array.from(text!) : text!.split(separator!))
}

function join([list, separator]: readonly GoValue[]): string {
  return (list as GoSlice).items.map((item) => concrete(item) as string).join(separator as string)
}

/** strings.Title: the first letter of each word, where ASCII punctuation and any space end a word. */
function title(text: string): string {
  let out = ''
  let inWord = false
  for (const char of text) {
    out += inWord ? char : upper(char)
    inWord = /^[A-Za-z0-9_]$/.test(char) || (char > '\u007f' && !/^\s$/u.test(char))
  }
  return out
}

/** Letter by letter, as Go does: ß has no single upper-case letter and stays. */
function upper(text: string): string {
  let out = ''
  for (const char of text) {
    const raised = char.toUpperCase()
    out += Array.from(raised).length === 1 ? raised : char
  }
  return out
}

/** Go's Repeat would take any count; nobody's terminal has so many columns. */
const SPACES_MAX = 1_000_000n

function padBoth([text, before, after]: readonly GoValue[]): string {
  if (text === '') return ''
  return spaces(before as bigint) + (text as string) + spaces(after as bigint)
}

function spaces(count: bigint): string {
  if (count < 0n) throw new FunctionFailure('strings: negative Repeat count')
  if (count > SPACES_MAX) throw new FunctionFailure('strings: Repeat output length overflow')
  return ' '.repeat(Number(count))
}

/** By bytes, as docker does; a character cut in two becomes U+FFFD. */
function truncate([text, size]: readonly GoValue[]): string {
  const bytes = Buffer.from(text as string, 'utf8')
  if (BigInt(bytes.length) < (size as bigint)) return text as string
  if ((size as bigint) < 0n) {
    throw new FunctionFailure(`runtime error: slice bounds out of range [:${size as bigint}]`)
  }
  return bytes.subarray(0, Number(size)).toString('utf8')
}
