// Tokens to nodes, by the grammar of Go's text/template/parse and with its complaints.
// Knows which function names exist, because Go refuses an unknown one already here; calls none of them.

import { quote, unquote } from './go-quote.ts'
import { lex, tokenText } from './lexer.ts'
import type { Token, TokenType } from './lexer.ts'
import { nodeText } from './nodes.ts'
import type {
  BranchNode,
  CommandNode,
  ListNode,
  Node,
  Operand,
  PipeNode,
  TemplateNode,
  VariableNode,
} from './nodes.ts'
import { parseNumber } from './number-literal.ts'
import { TemplateFailure } from './template-error.ts'

/** Parentheses and blocks inside one another: far more than anyone writes, far less than a stack holds. */
const NESTING_MAX = 200

const OPERANDS: ReadonlySet<TokenType> = new Set<TokenType>([
  'bool',
  'charConstant',
  'complex',
  'dot',
  'field',
  'identifier',
  'number',
  'nil',
  'rawString',
  'string',
  'variable',
  'leftParen',
])

interface End {
  readonly kind: 'end' | 'else'
}

/** All templates of a text by name; '' is the text itself. */
export function parse(text: string, functions: ReadonlySet<string>): ReadonlyMap<string, ListNode> {
  return new Parser(text, functions).run()
}

class Parser {
  readonly tokens: readonly Token[]
  readonly functions: ReadonlySet<string>
  readonly templates = new Map<string, ListNode>()
  /** The next token's index. */
  at = 0
  /** Of the token that was read last from the text, for complaints: looking ahead moves it, going back does not. */
  line = 1
  furthest = -1
  /** Line on which the current action began; 0 outside. */
  actionLine = 0
  ranges = 0
  nesting = 0
  variables: string[] = ['$']

  constructor(text: string, functions: ReadonlySet<string>) {
    this.tokens = lex(text)
    this.functions = functions
  }

  run(): ReadonlyMap<string, ListNode> {
    const root: ListNode = { kind: 'list', nodes: [] }
    while (this.peek().type !== 'eof') {
      if (this.peek().type === 'leftDelim') {
        const mark = this.at
        this.next()
        if (this.nextNonSpace().type === 'define') {
          this.define()
          continue
        }
        this.at = mark
      }
      const node = this.textOrAction()
      if (isEnd(node)) this.fail(`unexpected {{${node.kind}}}`)
      root.nodes.push(node)
    }
    this.add('', root)
    return this.templates
  }

  fail(reason: string): never {
    throw new TemplateFailure(`template: :${this.line}: ${reason}`)
  }

  unexpected(token: Token, context: string): never {
    if (token.type !== 'error') this.fail(`unexpected ${tokenText(token)} in ${context}`)
    let extra = ''
    if (this.actionLine !== 0 && this.actionLine !== token.line) {
      extra = ` in action started at :${this.actionLine}`
      if (token.text.endsWith(' action')) extra = extra.slice(' in action'.length)
    }
    this.fail(token.text + extra)
  }

  token(index: number): Token {
    // After an error or the end there is nothing; Go reads an empty error there.
    const token = this.tokens[index] ?? { type: 'error', at: 0, text: '', line: 0 }
    if (index > this.furthest) {
      this.furthest = index
      this.line = token.line
    }
    return token
  }

  next(): Token {
    return this.token(this.at++)
  }

  peek(): Token {
    return this.token(this.at)
  }

  nextNonSpace(): Token {
    let token = this.next()
    while (token.type === 'space') token = this.next()
    return token
  }

  peekNonSpace(): Token {
    const token = this.nextNonSpace()
    this.at--
    return token
  }

  expect(types: readonly TokenType[], context: string): Token {
    const token = this.nextNonSpace()
    if (!types.includes(token.type)) this.unexpected(token, context)
    return token
  }

  /** A definition replaces an empty one and is left alone by an empty one; two real ones are a mistake. */
  add(name: string, list: ListNode): void {
    const present = this.templates.get(name)
    if (present === undefined || isEmpty(present)) this.templates.set(name, list)
    else if (!isEmpty(list)) this.fail(`template: multiple definition of template ${quote(name)}`)
  }

  define(): void {
    const name = this.literal(this.expect(['string', 'rawString'], 'define clause'))
    this.expect(['rightDelim'], 'define clause')
    this.add(name, this.body('define clause'))
  }

  /** The content of define or block: no variable of the outside is known in it. */
  body(context: string): ListNode {
    const outer = this.variables
    const ranges = this.ranges
    this.variables = ['$']
    this.ranges = 0
    const { list, end } = this.list()
    if (end.kind !== 'end') this.fail(`unexpected {{${end.kind}}} in ${context}`)
    this.variables = outer
    this.ranges = ranges
    return list
  }

  list(): { list: ListNode; end: End } {
    if (++this.nesting > NESTING_MAX) this.fail(`nested more than ${NESTING_MAX} deep`)
    const list: ListNode = { kind: 'list', nodes: [] }
    while (this.peekNonSpace().type !== 'eof') {
      const node = this.textOrAction()
      if (isEnd(node)) {
        this.nesting--
        return { list, end: node }
      }
      list.nodes.push(node)
    }
    this.fail('unexpected EOF')
  }

  textOrAction(): Node | End {
    const token = this.nextNonSpace()
    if (token.type === 'text') return { kind: 'text', at: token.at, text: token.text }
    if (token.type !== 'leftDelim') this.unexpected(token, 'input')
    this.actionLine = token.line
    const node = this.action()
    this.actionLine = 0
    return node
  }

  action(): Node | End {
    const token = this.nextNonSpace()
    switch (token.type) {
      case 'block':
        return this.block()
      case 'break':
      case 'continue': {
        const context = `{{${token.type}}}`
        const next = this.nextNonSpace()
        if (next.type !== 'rightDelim') this.unexpected(next, context)
        if (this.ranges === 0) this.fail(`${context} outside {{range}}`)
        return { kind: token.type, at: token.at }
      }
      case 'else': {
        // `{{else if}}` and `{{else with}}`: the word stays for the branch to see.
        const next = this.peekNonSpace().type
        if (next !== 'if' && next !== 'with') this.expect(['rightDelim'], 'else')
        return { kind: 'else' }
      }
      case 'end':
        this.expect(['rightDelim'], 'end')
        return { kind: 'end' }
      case 'if':
      case 'range':
      case 'with':
        return this.branch(token.type)
      case 'template':
        return this.call()
      default: {
        this.at--
        const { at } = this.peek()
        return { kind: 'action', at, pipe: this.pipeline('command', 'rightDelim') }
      }
    }
  }

  branch(kind: 'if' | 'range' | 'with'): BranchNode {
    const mark = this.variables.length
    const pipe = this.pipeline(kind, 'rightDelim')
    if (kind === 'range') this.ranges++
    const { list, end } = this.list()
    if (kind === 'range') this.ranges--
    let elseList: ListNode | undefined
    if (end.kind === 'else') elseList = this.otherwise(kind)
    this.variables.length = mark
    return { kind, at: pipe.at, pipe, list, ...(elseList === undefined ? {} : { elseList }) }
  }

  /** `{{else if}}` is `{{else}}{{if}}` whose end ends both. */
  otherwise(kind: 'if' | 'range' | 'with'): ListNode {
    if (kind !== 'range' && this.peek().type === kind) {
      this.next()
      return { kind: 'list', nodes: [this.nested(() => this.branch(kind))] }
    }
    const { list, end } = this.list()
    if (end.kind !== 'end') this.fail(`expected end; found {{${end.kind}}}`)
    return list
  }

  nested<Result>(read: () => Result): Result {
    if (++this.nesting > NESTING_MAX) this.fail(`nested more than ${NESTING_MAX} deep`)
    const result = read()
    this.nesting--
    return result
  }

  block(): TemplateNode {
    const context = 'block clause'
    const token = this.nextNonSpace()
    const name = this.templateName(token, context)
    const pipe = this.pipeline(context, 'rightDelim')
    this.add(name, this.body(context))
    return { kind: 'template', at: token.at, name, pipe }
  }

  call(): TemplateNode {
    const context = 'template clause'
    const token = this.nextNonSpace()
    const name = this.templateName(token, context)
    if (this.nextNonSpace().type === 'rightDelim') return { kind: 'template', at: token.at, name }
    this.at--
    return { kind: 'template', at: token.at, name, pipe: this.pipeline(context, 'rightDelim') }
  }

  templateName(token: Token, context: string): string {
    if (token.type !== 'string' && token.type !== 'rawString') this.unexpected(token, context)
    return this.literal(token)
  }

  literal(token: Token): string {
    const text = unquote(token.text)
    if (text === undefined) this.fail('invalid syntax')
    return text
  }

  pipeline(context: string, end: TokenType): PipeNode {
    const pipe: PipeNode = {
      kind: 'pipe',
      at: this.peekNonSpace().at,
      assigns: false,
      declared: [],
      commands: [],
    }
    while (this.declaration(pipe, context));
    for (;;) {
      const token = this.nextNonSpace()
      if (token.type === end) break
      if (!OPERANDS.has(token.type)) this.unexpected(token, context)
      this.at--
      pipe.commands.push(this.command())
    }
    if (pipe.commands.length === 0) this.fail(`missing value for ${context}`)
    pipe.commands.slice(1).forEach((command, index) => {
      // What a literal or dot is piped into could not take it.
      if (['bool', 'dot', 'nil', 'number', 'string'].includes(command.args[0]!.kind)) {
        this.fail(`non executable command in pipeline stage ${index + 2}`)
      }
    })
    return pipe
  }

  /** Reads one `$x :=`, `$x =` or, in a range, the `$i,` before `$x :=`; true when another may follow. */
  declaration(pipe: PipeNode, context: string): boolean {
    const variable = this.peekNonSpace()
    if (variable.type !== 'variable') return false
    const mark = this.at
    this.next()
    const next = this.peekNonSpace()
    if (next.type !== 'assign' && next.type !== 'declare' && next.text !== ',') {
      this.at = mark
      return false
    }
    this.nextNonSpace()
    pipe.declared.push({ kind: 'variable', at: variable.at, names: [variable.text] })
    this.variables.push(variable.text)
    if (next.text !== ',') {
      pipe.assigns = next.type === 'assign'
      return false
    }
    if (context !== 'range' || pipe.declared.length >= 2) {
      this.fail(`too many declarations in ${context}`)
    }
    if (!['variable', 'rightDelim', 'rightParen'].includes(this.peekNonSpace().type)) {
      this.fail('range can only initialize variables')
    }
    return true
  }

  command(): CommandNode {
    const command: CommandNode = { kind: 'command', at: this.peekNonSpace().at, args: [] }
    for (;;) {
      this.peekNonSpace()
      const operand = this.operand()
      if (operand !== undefined) command.args.push(operand)
      const token = this.next()
      if (token.type === 'space') continue
      if (token.type === 'rightDelim' || token.type === 'rightParen') this.at--
      else if (token.type !== 'pipe') this.unexpected(token, 'operand')
      break
    }
    if (command.args.length === 0) this.fail('empty command')
    return command
  }

  operand(): Operand | undefined {
    const node = this.term()
    if (node === undefined || this.peek().type !== 'field') return node
    const { at } = this.peek()
    const names: string[] = []
    while (this.peek().type === 'field') names.push(this.next().text.slice(1))
    if (node.kind === 'field' || node.kind === 'variable') {
      return { kind: node.kind, at, names: [...node.names, ...names] }
    }
    if (node.kind === 'chain' || node.kind === 'pipe' || node.kind === 'identifier') {
      return { kind: 'chain', at, node, names }
    }
    this.fail(`unexpected . after term ${quote(nodeText(node))}`)
  }

  term(): Operand | undefined {
    const token = this.nextNonSpace()
    const { at, text } = token
    switch (token.type) {
      case 'identifier':
        if (!this.functions.has(text)) this.fail(`function ${quote(text)} not defined`)
        return { kind: 'identifier', at, name: text }
      case 'dot':
      case 'nil':
        return { kind: token.type, at }
      case 'variable':
        return this.variable(token)
      case 'field':
        return { kind: 'field', at, names: [text.slice(1)] }
      case 'bool':
        return { kind: 'bool', at, text, value: text === 'true' }
      case 'charConstant':
      case 'complex':
      case 'number': {
        const number = parseNumber(text, token.type)
        if ('complaint' in number) this.fail(number.complaint)
        return { kind: 'number', at, text, ...number }
      }
      case 'leftParen':
        return this.nested(() => this.pipeline('parenthesized pipeline', 'rightParen'))
      case 'rawString':
      case 'string':
        return { kind: 'string', at, text, value: this.literal(token) }
      default:
        this.at--
        return undefined
    }
  }

  variable(token: Token): VariableNode {
    if (!this.variables.includes(token.text)) this.fail(`undefined variable ${quote(token.text)}`)
    return { kind: 'variable', at: token.at, names: [token.text] }
  }
}

function isEnd(node: Node | End): node is End {
  return node.kind === 'end' || node.kind === 'else'
}

function isEmpty(list: ListNode): boolean {
  return list.nodes.every((node) => node.kind === 'text' && node.text.trim() === '')
}
