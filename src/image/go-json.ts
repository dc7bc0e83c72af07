// JSON as Go's encoding/json writes it: the form in which docker stores what it makes itself, so that the same facts
// give the same bytes and thereby the same image ID.
// Knows escaping, key order and spacing; not what is encoded.

/**
 * A value to encode. A Map is a Go struct: its keys stand in the order of insertion. A plain object is a Go map: its
 * keys are sorted by their bytes.
 */
export type GoJson =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly GoJson[]
  | ReadonlyMap<string, GoJson>
  | { readonly [key: string]: GoJson }

export interface GoJsonOptions {
  /** json.Marshal's default; `docker inspect` and the template function `json` turn it off. */
  readonly escapeHTML?: boolean
}

/** One line without spaces, as json.Marshal. */
export function encodeGoJSON(value: GoJson, options: GoJsonOptions = {}): string {
  const escapeHTML = options.escapeHTML ?? true
  return encode(value, escapeHTML)
}

function encode(value: GoJson, escapeHTML: boolean): string {
  if (value === null) return 'null'
  if (typeof value === 'string') return quoteGoJSON(value, escapeHTML)
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value)
  if (typeof value !== 'object') return String(value)
  if (Array.isArray(value)) {
    return `[${value.map((item: GoJson) => encode(item, escapeHTML)).join(',')}]`
  }
  const entries =
    value instanceof Map
      ? [...(value as ReadonlyMap<string, GoJson>)]
      : Object.entries(value as { readonly [key: string]: GoJson }).sort(([a], [b]) =>
          compareUTF8(a, b),
        )
  const members = entries.map(
    ([key, item]) => `${quoteGoJSON(key, escapeHTML)}:${encode(item, escapeHTML)}`,
  )
  return `{${members.join(',')}}`
}

/** The same with newlines and indents, as json.MarshalIndent: empty objects and arrays stay on their line. */
export function indentGoJSON(value: GoJson, indent: string, options: GoJsonOptions = {}): string {
  return indentJSON(encodeGoJSON(value, options), indent)
}

/** Spreads compact JSON over lines without touching any token, as json.Indent. */
export function indentJSON(compact: string, indent: string): string {
  let out = ''
  let depth = 0
  for (let i = 0; i < compact.length; i++) {
    const char = compact[i]!
    if (char === '"') {
      const start = i
      for (i++; compact[i] !== '"'; i++) if (compact[i] === '\\') i++
      out += compact.slice(start, i + 1)
    } else if (char === '{' || char === '[') {
      const closed = compact[i + 1] === '}' || compact[i + 1] === ']'
      if (closed) out += char + compact[++i]!
      else out += `${char}\n${indent.repeat(++depth)}`
    } else if (char === '}' || char === ']') out += `\n${indent.repeat(--depth)}${char}`
    else if (char === ',') out += `,\n${indent.repeat(depth)}`
    else if (char === ':') out += ': '
    else out += char
  }
  return out
}

/** Go sorts strings by their UTF-8 bytes, JavaScript by UTF-16 units: they differ above the surrogates. */
export function compareUTF8(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a, 'utf8'), Buffer.from(b, 'utf8'))
}

// oxlint-disable-next-line no-control-regex
const ESCAPED = /["\\\u0000-\u001f<>&\u2028\u2029\ud800-\udfff]/gu
const SHORT: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
}

/**
 * A string literal. `<`, `>`, `&`, U+2028 and U+2029 are escaped so that the text can stand in HTML and JavaScript;
 * \b and \f get no short form (Go did so until 1.21; later ones read both). A lone surrogate is no UTF-8: U+FFFD.
 */
export function quoteGoJSON(text: string, escapeHTML = true): string {
  const escaped = text.replace(ESCAPED, (char) => {
    if (!escapeHTML && (char === '<' || char === '>' || char === '&')) return char
    const short = SHORT[char]
    if (short !== undefined) return short
    const unit = char.charCodeAt(0)
    return unit >= 0xd800 && unit <= 0xdfff ? '\\ufffd' : `\\u${unit.toString(16).padStart(4, '0')}`
  })
  return `"${escaped}"`
}
