// fmt: how Go prints a value (%v and its kin), and Printf with its verbs, flags, widths and complaints.
// Knows values; nothing of templates. Differs from Go in one thing: a pointer inside a printed struct shows what it
// points at, where Go shows an address.

import { quote } from './go-quote.ts'
import { concrete, GoMap, GoNamed, GoSlice, GoStruct, sortedEntries, typeName } from './go-value.ts'
import type { GoAny, GoNil, GoValue } from './go-value.ts'
import { formatFloat, formatInteger } from './go-number.ts'
import { pad, plainFlags } from './verb-flags.ts'
import type { Flags } from './verb-flags.ts'

/** Wider than this Go calls a bad width, and so a template cannot ask for gigabytes of spaces. */
const WIDTH_MAX = 1_000_000

/** As fmt.Print shows one operand. */
export function show(value: GoValue): string {
  return formatValue(value, 'v', plainFlags(), 0)
}

/** fmt.Sprint: a space between operands where neither is a string. */
export function sprint(values: readonly GoValue[]): string {
  let out = ''
  values.forEach((value, index) => {
    const isText = typeof concrete(value) === 'string'
    const before = index > 0 ? concrete(values[index - 1]) : ''
    if (index > 0 && !isText && typeof before !== 'string') out += ' '
    out += show(value)
  })
  return out
}

export function sprintln(values: readonly GoValue[]): string {
  return `${values.map(show).join(' ')}\n`
}

export function formatValue(given: GoValue, verb: string, flags: Flags, depth: number): string {
  const value = concrete(given)
  if (value === undefined) {
    // A nil inside of something is printed without regard to verb and width.
    if (depth > 0) return flags.sharpV ? 'interface {}(nil)' : '<nil>'
    if (verb === 'v') return pad('<nil>', flags)
    return badVerb(value, verb, flags)
  }
  switch (typeof value) {
    case 'boolean':
      return verb === 'v' || verb === 't' ? pad(String(value), flags) : badVerb(value, verb, flags)
    case 'bigint':
      return formatInteger(value, verb, flags) ?? badVerb(value, verb, flags)
    case 'number':
      return formatFloat(value, verb, flags) ?? badVerb(value, verb, flags)
    case 'string':
      return formatString(value, verb, flags) ?? badVerb(value, verb, flags)
    default:
      return formatObject(value, verb, flags, depth)
  }
}

function formatObject(
  value: GoSlice | GoMap | GoStruct | GoNil | GoNamed,
  verb: string,
  flags: Flags,
  depth: number,
): string {
  if (verb === 'p') return badVerb(value, verb, flags)
  if (value instanceof GoSlice) return formatSlice(value, verb, flags, depth)
  if (value instanceof GoMap) return formatMap(value, verb, flags, depth)
  if (value instanceof GoStruct) return formatStruct(value, verb, flags, depth)
  if (value instanceof GoNamed) {
    const isText = !flags.sharpV && 'vsqxX'.includes(verb)
    return formatValue(isText ? value.text : value.value, verb, flags, depth)
  }
  if (verb !== 'v') return badVerb(value, verb, flags)
  return pad(flags.sharpV ? `(*${value.type})(nil)` : '<nil>', flags)
}

/** Go's complaint shows the value as %v would, with the flags, width and precision that stand there. */
function badVerb(value: Exclude<GoValue, GoAny>, verb: string, flags: Flags): string {
  if (value === undefined) return `%!${verb}(<nil>)`
  return `%!${verb}(${typeName(value)}=${formatValue(value, 'v', flags, 0)})`
}

function formatSlice(slice: GoSlice, verb: string, flags: Flags, depth: number): string {
  const items = slice.items.map((item) => formatValue(item, verb, flags, depth + 1))
  if (!flags.sharpV) return `[${items.join(' ')}]`
  return slice.isNil ? `${typeName(slice)}(nil)` : `${typeName(slice)}{${items.join(', ')}}`
}

function formatMap(map: GoMap, verb: string, flags: Flags, depth: number): string {
  const entries = sortedEntries(map).map(
    ([key, item]) =>
      `${formatValue(key, verb, flags, depth + 1)}:${formatValue(item, verb, flags, depth + 1)}`,
  )
  if (!flags.sharpV) return `map[${entries.join(' ')}]`
  return map.isNil ? `${typeName(map)}(nil)` : `${typeName(map)}{${entries.join(', ')}}`
}

function formatStruct(struct: GoStruct, verb: string, flags: Flags, depth: number): string {
  const named = flags.plusV || flags.sharpV
  const fields = [...struct.fields].map(([name, field]) => {
    const text = formatValue(field, verb, flags, depth + 1)
    return named ? `${name}:${text}` : text
  })
  const body = `{${fields.join(flags.sharpV ? ', ' : ' ')}}`
  const type = flags.sharpV ? struct.type : ''
  return (struct.pointer ? '&' : '') + type + body
}

function formatString(given: string, verb: string, flags: Flags): string | undefined {
  let text = given
  if (flags.precision !== undefined && (verb !== 'x' || !flags.sharp)) {
    text = Array.from(text).slice(0, flags.precision).join('')
  }
  switch (verb) {
    case 'v':
      return pad(flags.sharpV ? quote(text) : text, flags)
    case 's':
      return pad(text, flags)
    case 'q':
      // %#q prefers back quotes where the text can stand in them.
      if (flags.sharp && !text.includes('`') && !/[^\t -~\u0080-\uffff]/.test(text)) {
        return pad(`\`${text}\``, flags)
      }
      return pad(quote(text, '"', flags.plus), flags)
    case 'x':
    case 'X': {
      const hex = Buffer.from(text, 'utf8').toString('hex')
      const pairs = hex.match(/../g) ?? []
      const prefix = flags.sharp && pairs.length > 0 ? '0x' : ''
      const spread = flags.space ? pairs.join(` ${prefix}`) : hex
      return pad(verb === 'X' ? (prefix + spread).toUpperCase() : prefix + spread, flags)
    }
    default:
      return undefined
  }
}

/** fmt.Sprintf. A format that does not fit its arguments gives Go's `%!` complaints, not an error. */
export function sprintf(format: string, args: readonly GoValue[]): string {
  return new Printer(format, args).run()
}

class Printer {
  readonly chars: readonly string[]
  readonly args: readonly GoValue[]
  at = 0
  arg = 0
  reordered = false
  goodIndex = true

  constructor(format: string, args: readonly GoValue[]) {
    this.chars = Array.from(format)
    this.args = args
  }

  run(): string {
    let out = ''
    while (this.at < this.chars.length) {
      const char = this.chars[this.at++]!
      out += char === '%' ? this.directive() : char
    }
    if (!this.reordered && this.arg < this.args.length) {
      const extra = this.args.slice(this.arg).map((value) => {
        const inner = concrete(value)
        return inner === undefined ? '<nil>' : `${typeName(inner)}=${show(inner)}`
      })
      out += `%!(EXTRA ${extra.join(', ')})`
    }
    return out
  }

  directive(): string {
    const flags = this.flags()
    let complaint = ''
    this.goodIndex = true
    let afterIndex = this.index()
    if (this.chars[this.at] === '*') {
      this.at++
      const width = this.starValue()
      if (width === undefined) complaint += '%!(BADWIDTH)'
      else {
        flags.width = Math.abs(width)
        if (width < 0) {
          flags.minus = true
          flags.zero = false
        }
      }
      afterIndex = false
    } else {
      const width = this.number()
      if (width !== undefined) {
        flags.width = width
        if (afterIndex) this.goodIndex = false
      }
    }
    if (this.chars[this.at] === '.') {
      this.at++
      if (afterIndex) this.goodIndex = false
      afterIndex = this.index()
      if (this.chars[this.at] === '*') {
        this.at++
        const precision = this.starValue()
        if (precision === undefined) complaint += '%!(BADPREC)'
        else if (precision >= 0) flags.precision = precision
        afterIndex = false
      } else flags.precision = this.number() ?? 0
    }
    if (!afterIndex) this.index()
    const verb = this.chars[this.at++]
    if (verb === undefined) return `${complaint}%!(NOVERB)`
    return complaint + this.apply(verb, flags)
  }

  apply(verb: string, flags: Flags): string {
    if (verb === '%') return '%'
    if (!this.goodIndex) return `%!${verb}(BADINDEX)`
    if (this.arg >= this.args.length) return `%!${verb}(MISSING)`
    const value = this.args[this.arg++]
    if (verb === 'T') {
      const inner = concrete(value)
      return formatString(inner === undefined ? '<nil>' : typeName(inner), 's', flags)!
    }
    if (verb === 'w') return badVerb(concrete(value), verb, flags)
    if (verb !== 'v') return formatValue(value, verb, flags, 0)
    // With %v these two flags mean something of their own.
    const { plus: plusV, sharp: sharpV } = flags
    return formatValue(value, verb, { ...flags, plus: false, plusV, sharp: false, sharpV }, 0)
  }

  flags(): Flags {
    const flags = plainFlags()
    for (; ; this.at++) {
      const char = this.chars[this.at]
      if (char === '+') flags.plus = true
      else if (char === '-') {
        flags.minus = true
        flags.zero = false
      } else if (char === '#') flags.sharp = true
      else if (char === ' ') flags.space = true
      else if (char === '0') flags.zero = !flags.minus
      else return flags
    }
  }

  number(): number | undefined {
    let digits = ''
    while (/^[0-9]$/.test(this.chars[this.at] ?? '')) digits += this.chars[this.at++]!
    if (digits === '') return undefined
    const value = Number(digits)
    if (value <= WIDTH_MAX) return value
    // Go gives up on the whole rest of the format.
    this.at = this.chars.length
    return undefined
  }

  starValue(): number | undefined {
    const value = concrete(this.args[this.arg++])
    if (typeof value !== 'bigint') return undefined
    const number = Number(value)
    return Math.abs(number) > WIDTH_MAX ? undefined : number
  }

  /** `[2]` before a verb, a width or a precision: which argument is next. */
  index(): boolean {
    if (this.chars[this.at] !== '[') return false
    this.reordered = true
    const close = this.chars.indexOf(']', this.at)
    const text = close < 0 ? '' : this.chars.slice(this.at + 1, close).join('')
    this.at = close < 0 ? this.at + 1 : close + 1
    const wanted = /^[0-9]+$/.test(text) ? Number(text) - 1 : -1
    if (wanted < 0 || wanted >= this.args.length) this.goodIndex = false
    else this.arg = wanted
    return true
  }
}
