// Go's string literals, both ways: strconv.Quote as %q prints it, strconv.Unquote as templates write it.

const SHORT: Readonly<Record<string, string>> = {
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
}

/** Letters, marks, numbers, punctuation, symbols and the ASCII space: what unicode.IsPrint lets through. */
const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u

export function isPrint(char: string): boolean {
  // ASCII first: building Unicode's sets is dear.
  return char <= '\x7e' ? char >= ' ' : PRINTABLE.test(char)
}

export function quote(text: string, mark: '"' | "'" = '"', asciiOnly = false): string {
  let out = ''
  for (const char of text) out += quoteChar(char, mark, asciiOnly)
  return mark + out + mark
}

function quoteChar(char: string, mark: string, asciiOnly: boolean): string {
  if (char === mark) return `\\${char}`
  const short = SHORT[char]
  if (short !== undefined) return short
  let code = char.codePointAt(0)!
  if (code < 0x80 ? code >= 0x20 && code < 0x7f : !asciiOnly && isPrint(char)) return char
  // A lone surrogate is no UTF-8; Go would have U+FFFD in its place.
  if (code >= 0xd800 && code <= 0xdfff) code = 0xfffd
  if (code === 0xfffd && !asciiOnly) return '\ufffd'
  if (code < 0x80) return `\\x${code.toString(16).padStart(2, '0')}`
  if (code < 0x10000) return `\\u${code.toString(16).padStart(4, '0')}`
  return `\\U${code.toString(16).padStart(8, '0')}`
}

const ESCAPES: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
}

const HEX_DIGITS: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 }

/** The text of a literal in double, single or back quotes; undefined where it is none. */
export function unquote(literal: string): string | undefined {
  const mark = literal[0]
  if (literal.length < 2 || mark !== literal.at(-1)) return undefined
  const body = literal.slice(1, -1)
  if (mark === '`') return body.includes('`') ? undefined : body.replaceAll('\r', '')
  if (mark !== '"' && mark !== "'") return undefined
  const bytes: Uint8Array[] = []
  let at = 0
  while (at < body.length) {
    const unit = unquoteUnit(body, at, mark)
    if (unit === undefined) return undefined
    bytes.push(unit.bytes)
    at = unit.next
  }
  const text = Buffer.concat(bytes).toString('utf8')
  return mark === "'" && Array.from(text).length !== 1 ? undefined : text
}

/** \xNN and \NNN are bytes and may together make one UTF-8 character; everything else is a character. */
function unquoteUnit(
  body: string,
  at: number,
  mark: string,
): { bytes: Uint8Array; next: number } | undefined {
  const char = String.fromCodePoint(body.codePointAt(at)!)
  if (char === mark || char === '\n') return undefined
  if (char !== '\\') return { bytes: Buffer.from(char), next: at + char.length }
  const kind = body[at + 1] ?? ''
  if (kind === mark) return { bytes: Buffer.from(mark), next: at + 2 }
  const simple = Object.hasOwn(ESCAPES, kind) ? ESCAPES[kind] : undefined
  if (simple !== undefined) return { bytes: Buffer.from(simple), next: at + 2 }
  if (/[0-7]/.test(kind)) {
    const octal = /^[0-7]{3}/.exec(body.slice(at + 1))?.[0]
    const byte = octal === undefined ? NaN : parseInt(octal, 8)
    return byte <= 255 ? { bytes: Uint8Array.of(byte), next: at + 4 } : undefined
  }
  const count = Object.hasOwn(HEX_DIGITS, kind) ? HEX_DIGITS[kind]! : 0
  const digits = body.slice(at + 2, at + 2 + count)
  if (count === 0 || digits.length < count || !/^[0-9a-fA-F]+$/.test(digits)) return undefined
  const code = parseInt(digits, 16)
  const next = at + 2 + count
  if (kind === 'x') return { bytes: Uint8Array.of(code), next }
  if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return undefined
  return { bytes: Buffer.from(String.fromCodePoint(code)), next }
}
