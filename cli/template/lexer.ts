// Cuts a template into tokens as Go's text/template/parse does, with the same complaints.
// Knows delimiters, trim markers and words; not what order they may come in.

import { isPrint, quote } from './go-quote.ts'

export type TokenType =
  | 'error'
  | 'eof'
  | 'text'
  | 'leftDelim'
  | 'rightDelim'
  | 'space'
  | 'identifier'
  | 'field'
  | 'variable'
  | 'dot'
  | 'nil'
  | 'bool'
  | 'number'
  | 'complex'
  | 'charConstant'
  | 'string'
  | 'rawString'
  | 'leftParen'
  | 'rightParen'
  | 'pipe'
  | 'assign'
  | 'declare'
  | 'char'
  | Keyword

const KEYWORDS = [
  'block',
  'break',
  'continue',
  'define',
  'else',
  'end',
  'if',
  'range',
  'template',
  'with',
] as const
type Keyword = (typeof KEYWORDS)[number]

export interface Token {
  readonly type: TokenType
  /** Index into the text, in UTF-16 units. */
  readonly at: number
  readonly text: string
  readonly line: number
}

/** How Go names a token in a complaint. */
export function tokenText(token: Token): string {
  if (token.type === 'eof') return 'EOF'
  if (token.type === 'error') return token.text
  const isWord = token.type === 'dot' || token.type === 'nil' || isKeyword(token.type)
  if (isWord) return `<${token.text}>`
  const bytes = Buffer.byteLength(token.text)
  return bytes > 10
    ? `${quote(Array.from(token.text).slice(0, 10).join(''))}...`
    : quote(token.text)
}

function isKeyword(word: string): word is Keyword {
  return (KEYWORDS as readonly string[]).includes(word)
}

const LEFT = '{{'
const RIGHT = '}}'
const SPACES = ' \t\r\n'
const WORD_CHAR = /^[\p{L}\p{Nd}_]$/u
const ASCII_WORD_CHAR = /^\w$/

/** Of `''`, the end, false. ASCII is asked for first: building Unicode's sets takes as long as listing a store. */
function isWordChar(char: string): boolean {
  return ASCII_WORD_CHAR.test(char) || (char > '\x7f' && WORD_CHAR.test(char))
}

export function lex(text: string): readonly Token[] {
  return new Lexer(text).run()
}

class Lexer {
  readonly text: string
  readonly tokens: Token[] = []
  at = 0
  start = 0
  line = 1
  parens = 0
  failed = false

  constructor(text: string) {
    this.text = text
  }

  run(): readonly Token[] {
    while (!this.failed && this.at < this.text.length) {
      if (this.literal()) this.action()
    }
    if (!this.failed) this.emit('eof')
    return this.tokens
  }

  emit(type: TokenType): void {
    const text = this.text.slice(this.start, this.at)
    this.tokens.push({ type, at: this.start, text, line: this.line })
    this.skip()
  }

  /** Passes over what was read, counting its lines. */
  skip(): void {
    this.line += this.text.slice(this.start, this.at).split('\n').length - 1
    this.start = this.at
  }

  fail(reason: string): void {
    this.tokens.push({ type: 'error', at: this.start, text: reason, line: this.line })
    this.failed = true
  }

  rest(from = this.at): string {
    return this.text.slice(from, from + 4)
  }

  /** Text up to the next action; false at the end of all. */
  literal(): boolean {
    const delim = this.text.indexOf(LEFT, this.at)
    const end = delim < 0 ? this.text.length : delim
    const trims = delim >= 0 && /^-[ \t\r\n]/.test(this.rest(delim + 2))
    const kept = trims
      ? this.text.slice(this.start, end).replace(/[ \t\r\n]+$/, '').length
      : end - this.start
    this.at = this.start + kept
    if (kept > 0) this.emit('text')
    this.at = end
    this.skip()
    return delim >= 0
  }

  action(): void {
    this.at += LEFT.length
    const marker = /^-[ \t\r\n]/.test(this.rest()) ? 2 : 0
    if (this.text.startsWith('/*', this.at + marker)) {
      this.at += marker
      this.skip()
      this.comment()
      return
    }
    this.emit('leftDelim')
    this.at += marker
    this.skip()
    this.parens = 0
    while (!this.failed && this.insideAction());
  }

  /** Whether a right delimiter starts here, and whether it trims what follows. */
  atRight(at = this.at): { delim: boolean; trims: boolean } {
    const rest = this.rest(at)
    const trims = SPACES.includes(rest[0] ?? 'x') && rest.slice(1) === `-${RIGHT}`
    return { delim: trims || rest.startsWith(RIGHT), trims }
  }

  comment(): void {
    const end = this.text.indexOf('*/', this.at + 2)
    if (end < 0) {
      this.fail('unclosed comment')
      return
    }
    this.at = end + 2
    const { delim, trims } = this.atRight()
    if (!delim) {
      this.fail('comment ends before closing delimiter')
      return
    }
    this.at += trims ? 4 : 2
    if (trims) this.trimLeft()
    this.skip()
  }

  trimLeft(): void {
    while (this.at < this.text.length && SPACES.includes(this.text[this.at]!)) this.at++
  }

  right(trims: boolean): void {
    if (trims) {
      this.at += 2
      this.skip()
    }
    this.at += RIGHT.length
    this.emit('rightDelim')
    if (trims) {
      this.trimLeft()
      this.skip()
    }
  }

  next(): string {
    const code = this.text.codePointAt(this.at)
    if (code === undefined) return ''
    const char = String.fromCodePoint(code)
    this.at += char.length
    return char
  }

  peek(): string {
    const code = this.text.codePointAt(this.at)
    return code === undefined ? '' : String.fromCodePoint(code)
  }

  /** One token inside an action; false when the action is closed. */
  insideAction(): boolean {
    const { delim, trims } = this.atRight()
    if (delim) {
      if (this.parens > 0) this.fail('unclosed left paren')
      else this.right(trims)
      return false
    }
    const char = this.next()
    if (char === '') this.fail('unclosed action')
    else if (SPACES.includes(char)) this.space()
    else if (char === '=') this.emit('assign')
    else if (char === ':') {
      if (this.next() === '=') this.emit('declare')
      else this.fail('expected :=')
    } else if (char === '|') this.emit('pipe')
    else if (char === '"') this.quoted('"', 'string', 'unterminated quoted string')
    else if (char === "'") this.quoted("'", 'charConstant', 'unterminated character constant')
    else if (char === '`') this.rawQuoted()
    else if (char === '$') this.word('variable', 'variable')
    else if (char === '.' && !/^[0-9]?$/.test(this.peek())) this.word('field', 'dot')
    else if (/^[.+\-0-9]$/.test(char)) {
      this.at--
      this.number()
    } else if (isWordChar(char)) this.identifier()
    else if (char === '(') {
      this.emit('leftParen')
      this.parens++
    } else if (char === ')') {
      this.emit('rightParen')
      if (--this.parens < 0) this.fail('unexpected right paren')
    } else if (/^[ -~]$/.test(char)) this.emit('char')
    else this.fail(`unrecognized character in action: ${unicode(char)}`)
    return true
  }

  space(): void {
    while (this.at < this.text.length && SPACES.includes(this.text[this.at]!)) this.at++
    // The last space may belong to a trimming delimiter.
    if (this.atRight(this.at - 1).trims) {
      this.at--
      if (this.at === this.start) return
    }
    this.emit('space')
  }

  word(type: TokenType, bare: TokenType): void {
    if (this.atTerminator()) {
      this.emit(bare)
      return
    }
    while (isWordChar(this.peek())) this.next()
    if (this.atTerminator()) this.emit(type)
    else this.fail(`bad character ${unicode(this.peek())}`)
  }

  identifier(): void {
    while (isWordChar(this.peek())) this.next()
    if (!this.atTerminator()) {
      this.fail(`bad character ${unicode(this.peek())}`)
      return
    }
    const word = this.text.slice(this.start, this.at)
    if (isKeyword(word)) this.emit(word)
    else if (word === 'nil') this.emit('nil')
    else this.emit(word === 'true' || word === 'false' ? 'bool' : 'identifier')
  }

  /** After a word only these may stand: `$x+2` is no arithmetic. */
  atTerminator(): boolean {
    const char = this.peek()
    return char === '' || ` \t\r\n.,|:()`.includes(char) || this.text.startsWith(RIGHT, this.at)
  }

  quoted(mark: string, type: TokenType, complaint: string): void {
    for (;;) {
      let char = this.next()
      if (char === mark) break
      if (char === '\\') {
        char = this.next()
        if (char !== '' && char !== '\n') continue
      }
      if (char === '' || char === '\n') {
        this.fail(complaint)
        return
      }
    }
    this.emit(type)
  }

  rawQuoted(): void {
    const end = this.text.indexOf('`', this.at)
    if (end < 0) {
      this.fail('unterminated raw quoted string')
      return
    }
    this.at = end + 1
    this.emit('rawString')
  }

  number(): void {
    let good = this.scanNumber()
    const complex = good && /^[+-]$/.test(this.peek())
    if (complex) good = this.scanNumber() && this.text[this.at - 1] === 'i'
    if (good) this.emit(complex ? 'complex' : 'number')
    else this.fail(`bad number syntax: ${quote(this.text.slice(this.start, this.at))}`)
  }

  /** Loose on purpose: what is wrong with `08` or `1e` the parser finds out. */
  scanNumber(): boolean {
    const syntax =
      /[+-]?(?:0[xX][0-9a-fA-F_]*(?:\.[0-9a-fA-F_]*)?(?:[pP][+-]?[0-9_]*)?|0[oO][0-7_]*(?:\.[0-7_]*)?|0[bB][01_]*(?:\.[01_]*)?|[0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9_]*)?)i?/y
    syntax.lastIndex = this.at
    this.at += syntax.exec(this.text)![0].length
    if (!isWordChar(this.peek())) return true
    this.next()
    return false
  }
}

/** Go's %#U: `U+0021 '!'`. */
function unicode(char: string): string {
  if (char === '') return 'U+FFFFFFFFFFFFFFFF'
  const code = char.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')
  return isPrint(char) ? `U+${code} '${char}'` : `U+${code}`
}
