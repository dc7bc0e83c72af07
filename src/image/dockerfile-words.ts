// How a Dockerfile splits a line into words and puts variables in: the two passes that `--change` needs.
// Splitting keeps quotes and backslashes; the expansion takes them away. Source: buildkit dockerfile parser and shell.
// Knows text and an environment; no instruction.

/** Thrown as plain text for the caller to put its instruction in front of. */
export class DockerfileSyntaxError extends Error {}

const SPACE = /\s/u

/** Words of a line; quotes and escapes stay in them, so that `a="b c"` is one word. */
export function splitWords(text: string): string[] {
  const words: string[] = []
  let word = ''
  let started = false
  let quote = ''
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!
    if (quote === '' && SPACE.test(char)) {
      if (started) words.push(word)
      word = ''
      started = false
      continue
    }
    if (char === '\\' && quote !== "'") {
      // At the end of the line an escape has nothing to escape and goes away.
      if (i + 1 === text.length) break
      word += char + text[++i]!
      started = true
      continue
    }
    if (quote !== '') {
      if (char === quote) quote = ''
    } else if (char === '"' || char === "'") quote = char
    word += char
    started = true
  }
  if (started) words.push(word)
  return words
}

type Env = ReadonlyMap<string, string>

/** `NAME=value` strings as a lookup; the last of equal names wins. */
export function environment(env: readonly string[]): Env {
  return new Map(
    env.map((entry) => {
      const at = entry.indexOf('=')
      return at < 0 ? [entry, ''] : [entry.slice(0, at), entry.slice(at + 1)]
    }),
  )
}

/** Puts variables in and takes quotes and escapes away; the result is one text whatever spaces it has. */
export function expandWord(word: string, env: Env): string {
  return new Expansion(word, env).run().text
}

/** The same, and then split at spaces that were not quoted: `EXPOSE $PORTS` may become several ports. */
export function expandWords(word: string, env: Env): readonly string[] {
  return new Expansion(word, env).run().words
}

interface Expanded {
  readonly text: string
  readonly words: readonly string[]
}

class Expansion {
  readonly source: string
  readonly chars: readonly string[]
  readonly env: Env
  at = 0

  constructor(source: string, env: Env) {
    this.source = source
    this.chars = Array.from(source)
    this.env = env
  }

  run(): Expanded {
    try {
      return this.until('')
    } catch (cause) {
      if (!(cause instanceof DockerfileSyntaxError)) throw cause
      throw new DockerfileSyntaxError(
        `failed to process ${JSON.stringify(this.source)}: ${cause.message}`,
      )
    }
  }

  peek(): string {
    return this.chars[this.at] ?? ''
  }

  next(): string {
    return this.chars[this.at++] ?? ''
  }

  until(stop: string): Expanded {
    let text = ''
    const words: string[] = []
    let word = ''
    const breakable = (part: string): void => {
      for (const char of part) {
        if (!SPACE.test(char)) word += char
        else if (word !== '') {
          words.push(word)
          word = ''
        }
      }
    }
    while (this.at < this.chars.length) {
      const char = this.peek()
      if (stop !== '' && char === stop) {
        this.at++
        return { text, words: word === '' ? words : [...words, word] }
      }
      let part: string
      if (char === "'" || char === '"') {
        part = char === "'" ? this.singleQuoted() : this.doubleQuoted()
        word += part
      } else if (char === '$') {
        part = this.dollar()
        breakable(part)
      } else {
        this.at++
        const escaped = char === '\\'
        part = escaped ? this.next() : char
        if (escaped) word += part
        else breakable(part)
      }
      text += part
    }
    if (stop !== '') {
      throw new DockerfileSyntaxError(
        `unexpected end of statement while looking for matching ${stop}`,
      )
    }
    return { text, words: word === '' ? words : [...words, word] }
  }

  singleQuoted(): string {
    this.at++
    let text = ''
    while (this.at < this.chars.length) {
      const char = this.next()
      if (char === "'") return text
      text += char
    }
    throw new DockerfileSyntaxError(
      'unexpected end of statement while looking for matching single-quote',
    )
  }

  doubleQuoted(): string {
    this.at++
    let text = ''
    while (this.at < this.chars.length) {
      const char = this.peek()
      if (char === '$') {
        text += this.dollar()
        continue
      }
      this.at++
      if (char === '"') return text
      // Only these can be escaped in here; before anything else the backslash stays.
      if (char === '\\' && ['"', '$', '\\'].includes(this.peek())) text += this.next()
      else if (char !== '\\' || this.at < this.chars.length) text += char
    }
    throw new DockerfileSyntaxError(
      'unexpected end of statement while looking for matching double-quote',
    )
  }

  dollar(): string {
    this.at++
    if (this.peek() !== '{') {
      const name = this.name()
      return name === '' ? '$' : (this.env.get(name) ?? '')
    }
    this.at++
    if (this.peek() === '') throw new DockerfileSyntaxError("syntax error: missing '}'")
    if (['{', '}', ':'].includes(this.peek())) {
      throw new DockerfileSyntaxError('syntax error: bad substitution')
    }
    const name = this.name()
    let modifier = this.next()
    if (modifier === '}') return this.env.get(name) ?? ''
    const colon = modifier === ':'
    if (colon) modifier = this.next()
    const shown = (colon ? ':' : '') + modifier
    if (!['-', '+', '?'].includes(modifier)) {
      throw new DockerfileSyntaxError(`unsupported modifier (${shown}) in substitution`)
    }
    return this.substitute(name, modifier, colon)
  }

  /** `${NAME:-word}` and its kind; with the colon an empty value counts as unset. */
  substitute(name: string, modifier: string, colon: boolean): string {
    let word: string
    try {
      word = this.until('}').text
    } catch (cause) {
      if (this.at < this.chars.length) throw cause
      throw new DockerfileSyntaxError("syntax error: missing '}'")
    }
    const value = this.env.get(name)
    const unset = value === undefined || (colon && value === '')
    if (modifier === '+') return unset ? '' : word
    if (!unset) return value
    if (modifier === '-') return word
    const reason = word || `is not allowed to be ${value === undefined ? 'unset' : 'empty'}`
    throw new DockerfileSyntaxError(`${name}: ${reason}`)
  }

  /** A run of digits, one special parameter, or letters, digits and underscores. */
  name(): string {
    const first = this.peek()
    if (/^\p{Nd}$/u.test(first)) return this.take(/^\p{Nd}$/u)
    if (first !== '' && '@*#?-$!'.includes(first)) return this.next()
    return this.take(/^[\p{L}\p{Nd}_]$/u)
  }

  take(syntax: RegExp): string {
    let text = ''
    while (syntax.test(this.peek())) text += this.next()
    return text
  }
}
