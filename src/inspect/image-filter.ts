// Which images a listing shows, by docker's filters: dangling, reference, label, before, since.
// Knows docker's words and their meaning; the images are handed in by image-list.ts.

import { InvalidArgumentError } from '../errors.ts'

export interface ImageFilter {
  /** true: only images without a tag and without children; false: only images with a name. */
  readonly dangling?: boolean
  /** Glob patterns on `repo`, `repo:tag` or `repo@digest`; one must match. */
  readonly references?: readonly string[]
  /** `key` or `key=value`; all must match. */
  readonly labels?: readonly string[]
  /** A name or ID: only images created before it. */
  readonly before?: string
  /** A name or ID: only images created after it. */
  readonly since?: string
}

const KEYS = ['dangling', 'reference', 'label', 'before', 'since'] as const

/**
 * Reads `-f key=value` texts as docker does; repeated `reference` widens, repeated `label` narrows.
 * @throws InvalidArgumentError ERR_OPTION
 */
export function parseImageFilters(texts: readonly string[]): ImageFilter {
  const references: string[] = []
  const labels: string[] = []
  let dangling: boolean | undefined
  let before: string | undefined
  let since: string | undefined
  for (const text of texts) {
    const equals = text.indexOf('=')
    if (equals < 0) throw refuse(text, 'expected key=value')
    const key = text.slice(0, equals).trim().toLowerCase()
    const value = text.slice(equals + 1).trim()
    if (key === 'dangling') dangling = boolean(text, value, dangling)
    else if (key === 'reference') references.push(checkPattern(value))
    else if (key === 'label') labels.push(value)
    else if (key === 'before') before = value
    else if (key === 'since') since = value
    else
      throw refuse(
        text,
        `there is no filter ${JSON.stringify(key)}; choose one of ${KEYS.join(', ')}`,
      )
  }
  return {
    ...(dangling === undefined ? {} : { dangling }),
    ...(references.length === 0 ? {} : { references }),
    ...(labels.length === 0 ? {} : { labels }),
    ...(before === undefined ? {} : { before }),
    ...(since === undefined ? {} : { since }),
  }
}

function boolean(text: string, value: string, earlier: boolean | undefined): boolean {
  const answer = value === 'true' || value === '1'
  if (!answer && value !== 'false' && value !== '0') throw refuse(text, 'expected true or false')
  if (earlier !== undefined && earlier !== answer)
    throw refuse(text, 'it contradicts an earlier one')
  return answer
}

function refuse(text: string, reason: string): InvalidArgumentError {
  return new InvalidArgumentError(
    'ERR_OPTION',
    `cannot filter by ${JSON.stringify(text)}: ${reason}`,
    {
      details: { filter: text },
    },
  )
}

/** distribution/reference.FamiliarMatch: the pattern is held against the name with and without tag or digest. */
export function matchesReference(
  pattern: string,
  name: { readonly repository: string; readonly name: string },
): boolean {
  return matchGlob(pattern, name.name) || matchGlob(pattern, name.repository)
}

function checkPattern(pattern: string): string {
  matchGlob(pattern, '')
  return pattern
}

export function matchesLabels(
  wanted: readonly string[],
  labels: Readonly<Record<string, string>>,
): boolean {
  return wanted.every((text) => {
    const equals = text.indexOf('=')
    const key = equals < 0 ? text : text.slice(0, equals)
    if (!Object.hasOwn(labels, key)) return false
    return equals < 0 || labels[key] === text.slice(equals + 1)
  })
}

type GlobPart =
  | { readonly kind: 'char'; readonly char: string }
  | { readonly kind: 'any' }
  | { readonly kind: 'many' }
  | {
      readonly kind: 'set'
      readonly negated: boolean
      readonly ranges: readonly (readonly [string, string])[]
    }

/**
 * Go's path.Match: `*` and `?` stop at slashes, `[a-z]` and `[^a]` are sets (which may hold a slash), `\` quotes.
 * @throws InvalidArgumentError ERR_OPTION for a pattern that Go calls malformed
 */
export function matchGlob(pattern: string, name: string): boolean {
  const parts = parseGlob(pattern)
  const chars = Array.from(name)
  // One set of reachable positions per part: linear in pattern times name, whatever the stars.
  let reached = new Set([0])
  for (const part of parts) {
    const next = new Set<number>()
    for (const at of reached) {
      if (part.kind === 'many') {
        next.add(at)
        for (let i = at; i < chars.length && chars[i] !== '/'; i++) next.add(i + 1)
      } else if (at < chars.length && matchesOne(part, chars[at]!)) next.add(at + 1)
    }
    reached = next
  }
  return reached.has(chars.length)
}

function matchesOne(part: Exclude<GlobPart, { kind: 'many' }>, char: string): boolean {
  if (part.kind === 'char') return part.char === char
  if (part.kind === 'any') return char !== '/'
  const code = char.codePointAt(0)!
  const inside = part.ranges.some(
    ([low, high]) => low.codePointAt(0)! <= code && code <= high.codePointAt(0)!,
  )
  return inside !== part.negated
}

function parseGlob(pattern: string): GlobPart[] {
  const chars = Array.from(pattern)
  const malformed = (): InvalidArgumentError =>
    refuse(`reference=${pattern}`, 'syntax error in pattern')
  let i = 0
  const literal = (): string => {
    if (chars[i] === '\\') i++
    const char = chars[i++]
    if (char === undefined) throw malformed()
    return char
  }
  const setMember = (): string => {
    if (chars[i] === '-' || chars[i] === ']') throw malformed()
    return literal()
  }
  const parts: GlobPart[] = []
  while (i < chars.length) {
    const char = chars[i]!
    if (char === '*') {
      parts.push({ kind: 'many' })
      i++
    } else if (char === '?') {
      parts.push({ kind: 'any' })
      i++
    } else if (char === '[') {
      i++
      const negated = chars[i] === '^'
      if (negated) i++
      const ranges: (readonly [string, string])[] = []
      while (chars[i] !== ']' || ranges.length === 0) {
        const low = setMember()
        if (chars[i] !== '-') ranges.push([low, low])
        else {
          i++
          ranges.push([low, setMember()])
        }
      }
      i++
      parts.push({ kind: 'set', negated, ranges })
    } else parts.push({ kind: 'char', char: literal() })
  }
  return parts
}
