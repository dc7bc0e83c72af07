// Carries a parsed template out over a value, by the rules of Go's text/template and with its complaints.
// Knows nodes, values and functions; where the template and the value came from is the caller's. Text in the value is
// never read as a template.

import { FUNCTIONS, SHORT_CIRCUIT } from './functions.ts'
import type { Functions, ParameterType, TemplateFunction } from './functions.ts'
import { show } from './go-format.ts'
import {
  concrete,
  GoAny,
  GoMap,
  GoNil,
  GoSlice,
  GoStruct,
  isTrue,
  sortedEntries,
  typeName,
} from './go-value.ts'
import type { GoValue } from './go-value.ts'
import { nodeText } from './nodes.ts'
import type {
  AnyNode,
  BranchNode,
  CommandNode,
  ListNode,
  LiteralNode,
  Node,
  Operand,
  PipeNode,
  TemplateNode,
} from './nodes.ts'
import { FunctionFailure, TemplateFailure } from './template-error.ts'

/** Go goes down 100000 templates deep; a JavaScript stack does not, and no listing needs to. */
const TEMPLATE_DEPTH_MAX = 500
/** A template can print without end (`range` in `range`); this is far beyond any listing. */
const OUTPUT_CHARS_MAX = 16 * 1024 * 1024
/** Actions and texts that are carried out: the bound for a template that prints nothing (`range` over a huge number). */
const STEPS_MAX = 5_000_000

export interface Program {
  readonly text: string
  readonly templates: ReadonlyMap<string, ListNode>
}

export interface ExecuteOptions {
  /** What a missing key of a map is: `<no value>`, or an error as in docker's second try at an inspect template. */
  readonly missingKey?: 'invalid' | 'error'
  readonly functions?: Functions
}

/** No argument from the pipeline: not the same as one that has no value. */
const NONE = Symbol('none')
type Final = GoValue | typeof NONE

export function execute(program: Program, data: GoValue, options: ExecuteOptions = {}): string {
  const evaluator = new Evaluator(program, options)
  evaluator.runTemplate('', data)
  return evaluator.output()
}

class Evaluator {
  readonly program: Program
  readonly missingKey: 'invalid' | 'error'
  readonly functions: Functions
  readonly parts: string[] = []
  printed = 0
  steps = 0
  depth = 0
  template = ''
  /** For complaints: the piece that is being worked on. */
  node: AnyNode | undefined
  variables: { readonly name: string; value: GoValue }[] = []

  constructor(program: Program, options: ExecuteOptions) {
    this.program = program
    this.missingKey = options.missingKey ?? 'invalid'
    this.functions = options.functions ?? FUNCTIONS
  }

  output(): string {
    return this.parts.join('')
  }

  write(text: string): void {
    this.printed += text.length
    if (this.printed > OUTPUT_CHARS_MAX) {
      this.fail(`output is longer than ${OUTPUT_CHARS_MAX} characters`)
    }
    this.parts.push(text)
  }

  step(): void {
    if (++this.steps > STEPS_MAX) this.fail(`more than ${STEPS_MAX} steps`)
  }

  fail(reason: string): never {
    const name = JSON.stringify(this.template)
    if (this.node === undefined) throw new TemplateFailure(`template: ${this.template}: ${reason}`)
    const before = 'at' in this.node ? this.program.text.slice(0, this.node.at) : ''
    const lines = before.split('\n')
    const column = Buffer.byteLength(lines.at(-1)!)
    throw new TemplateFailure(
      `template: :${lines.length}:${column}: executing ${name} at <${nodeText(this.node)}>: ${reason}`,
    )
  }

  runTemplate(name: string, dot: GoValue): void {
    // A template sees no variable of the one that calls it.
    const outer = { variables: this.variables, template: this.template }
    this.variables = [{ name: '$', value: dot }]
    this.template = name
    this.depth++
    this.walkList(dot, this.program.templates.get(name)!)
    this.depth--
    this.variables = outer.variables
    this.template = outer.template
  }

  /** @returns 'break' or 'continue' on its way to the range that it ends */
  walkList(dot: GoValue, list: ListNode): 'break' | 'continue' | undefined {
    for (const node of list.nodes) {
      const leave = this.walk(dot, node)
      if (leave !== undefined) return leave
    }
    return undefined
  }

  walk(dot: GoValue, node: Node): 'break' | 'continue' | undefined {
    this.node = node
    this.step()
    switch (node.kind) {
      case 'text':
        this.write(node.text)
        return undefined
      case 'action': {
        const value = this.evalPipeline(dot, node.pipe)
        if (node.pipe.declared.length === 0) {
          this.node = node
          this.write(printed(value))
        }
        return undefined
      }
      case 'break':
      case 'continue':
        return node.kind
      case 'template':
        this.walkTemplate(dot, node)
        return undefined
      case 'range':
        return this.scoped(() => this.walkRange(dot, node))
      default:
        return this.scoped(() => {
          const value = this.evalPipeline(dot, node.pipe)
          if (isTrue(value)) return this.walkList(node.kind === 'with' ? value : dot, node.list)
          return node.elseList === undefined ? undefined : this.walkList(dot, node.elseList)
        })
    }
  }

  /** Variables that are declared inside end with the block. */
  scoped<Result>(walk: () => Result): Result {
    const mark = this.variables.length
    const result = walk()
    this.variables.length = mark
    return result
  }

  walkTemplate(dot: GoValue, node: TemplateNode): void {
    if (!this.program.templates.has(node.name)) {
      this.fail(`template ${JSON.stringify(node.name)} not defined`)
    }
    if (this.depth >= TEMPLATE_DEPTH_MAX) {
      this.fail(`exceeded maximum template depth (${TEMPLATE_DEPTH_MAX})`)
    }
    const value = node.pipe === undefined ? undefined : this.evalPipeline(dot, node.pipe)
    this.runTemplate(node.name, value)
  }

  walkRange(dot: GoValue, node: BranchNode): 'break' | 'continue' | undefined {
    const value = this.evalPipeline(dot, node.pipe)
    const mark = this.variables.length
    const count = node.pipe.declared.length
    let entered = false
    for (const [key, item] of this.elements(value, count)) {
      entered = true
      this.step()
      if (count > 0) this.variables[mark - 1]!.value = item
      if (count > 1) this.variables[mark - 2]!.value = key
      const leave = this.walkList(item, node.list)
      this.variables.length = mark
      if (leave === 'break') break
    }
    if (entered || node.elseList === undefined) return undefined
    return this.walkList(dot, node.elseList)
  }

  *elements(value: GoValue, declared: number): Generator<readonly [GoValue, GoValue]> {
    if (value === undefined) return
    if (value instanceof GoSlice) {
      for (const [index, item] of value.items.entries()) yield [BigInt(index), item]
    } else if (value instanceof GoMap) yield* sortedEntries(value)
    else if (typeof value === 'bigint' && declared < 2) {
      // Since Go 1.22 a number is a range from 0.
      for (let n = 0n; n < value; n++) yield [n, n]
    } else if (typeof value === 'bigint')
      this.fail(`can't use ${value} to iterate over more than one variable`)
    else this.fail(`range can't iterate over ${printed(value)}`)
  }

  evalPipeline(dot: GoValue, pipe: PipeNode): Exclude<GoValue, GoAny> {
    this.node = pipe
    let value: Final = NONE
    for (const command of pipe.commands) value = concrete(this.evalCommand(dot, command, value))
    const result = value as Exclude<GoValue, GoAny>
    for (const { names } of pipe.declared) {
      const name = names[0]!
      if (!pipe.assigns) this.variables.push({ name, value: result })
      else this.variable(name).value = result
    }
    return result
  }

  evalCommand(dot: GoValue, command: CommandNode, final: Final): GoValue {
    const word = command.args[0]!
    switch (word.kind) {
      case 'field':
      case 'chain':
      case 'variable':
        return this.evalOperandChain(dot, word, command.args, final)
      case 'identifier':
        this.node = word
        return this.evalCall(dot, word.name, command, command.args, final)
      case 'pipe':
        this.noArguments(command.args, final)
        return this.evalPipeline(dot, word)
      default:
        this.node = word
        this.noArguments(command.args, final)
        if (word.kind === 'dot') return dot
        return 'value' in word ? this.literal(word) : this.fail('nil is not a command')
    }
  }

  /** The innermost of that name. The parser lets `$x = 1` pass without a declaration, as Go's does. */
  variable(name: string): { value: GoValue } {
    const found = this.variables.findLast((variable) => variable.name === name)
    return found ?? this.fail(`undefined variable: ${name}`)
  }

  noArguments(args: readonly Operand[], final: Final): void {
    if (args.length > 1 || final !== NONE) {
      this.fail(`can't give argument to non-function ${nodeText(args[0]!)}`)
    }
  }

  /** `.A.B`, `$x.A.B`, `(pipe).A.B`: the last name gets the arguments, where there can be any. */
  evalOperandChain(
    dot: GoValue,
    node: Extract<Operand, { kind: 'field' | 'chain' | 'variable' }>,
    args: readonly Operand[],
    final: Final,
  ): GoValue {
    this.node = node
    let receiver = dot
    let names = node.names
    if (node.kind === 'chain') {
      if (node.node.kind === 'nil')
        this.fail(`indirection through explicit nil in ${nodeText(node)}`)
      receiver = this.evalArgument(dot, 'value', node.node)
    } else if (node.kind === 'variable') {
      receiver = this.variable(names[0]!).value
      names = names.slice(1)
      if (names.length === 0) {
        this.noArguments(args, final)
        return receiver
      }
    }
    const last = names.length - 1
    for (const name of names.slice(0, last))
      receiver = this.evalField(dot, name, receiver, [], NONE)
    return this.evalField(dot, names[last]!, receiver, args.slice(1), final)
  }

  evalField(
    dot: GoValue,
    name: string,
    receiver: GoValue,
    given: readonly Operand[],
    final: Final,
  ): GoValue {
    const count = argumentCount(given, final)
    if (receiver === undefined) {
      if (this.missingKey === 'error') {
        this.fail(`nil data; no entry for key ${JSON.stringify(name)}`)
      }
      return undefined
    }
    const type = typeName(receiver)
    const value = concrete(receiver)
    if (value === undefined) this.fail(`nil pointer evaluating ${type}.${name}`)
    const method =
      value instanceof GoStruct || value instanceof GoMap ? value.textMethods.get(name) : undefined
    if (method) {
      const called: TemplateFunction = {
        parameters: ['string'],
        run: ([text]) => method(text as string),
      }
      return this.callWith(dot, name, called, this.node!, given, final)
    }
    if (value instanceof GoStruct) {
      if (value.fields.has(name)) {
        if (count > 0) this.fail(fieldArguments(value, name, count))
        return value.fields.get(name)
      }
    } else if (value instanceof GoMap) {
      if (count > 0) this.fail(`${name} is not a method but has arguments`)
      if (value.entries.has(name)) return value.entries.get(name)
      if (this.missingKey === 'error') {
        this.fail(`map has no entry for key ${JSON.stringify(name)}`)
      }
      return undefined
    } else if (value instanceof GoNil && value.fields.has(name)) {
      this.fail(`nil pointer evaluating ${type}.${name}`)
    }
    this.fail(`can't evaluate field ${name} in type ${type}`)
  }

  evalCall(
    dot: GoValue,
    name: string,
    node: AnyNode,
    words: readonly Operand[],
    final: Final,
  ): GoValue {
    return this.callWith(dot, name, this.functions.get(name)!, node, words.slice(1), final)
  }

  callWith(
    dot: GoValue,
    name: string,
    called: TemplateFunction,
    node: AnyNode,
    given: readonly Operand[],
    final: Final,
  ): GoValue {
    const count = argumentCount(given, final)
    const fixed = called.parameters.length
    if (called.variadic !== undefined ? count < fixed : count !== fixed) {
      const wanted =
        called.variadic === undefined
          ? `want ${fixed} got ${count}`
          : `want at least ${fixed} got ${given.length}`
      this.fail(`wrong number of args for ${name}: ${wanted}`)
    }
    if (SHORT_CIRCUIT.has(name)) return this.evalLogic(dot, name, given, final)
    const args = given.map((arg, index) => this.evalArgument(dot, typeOf(called, index), arg))
    if (final !== NONE) args.push(this.checkType(final, typeOf(called, count - 1)))
    try {
      const result = called.run(args)
      if (typeof result === 'string' && result.length > OUTPUT_CHARS_MAX) throw tooLong()
      return result
    } catch (cause) {
      // V8 throws a RangeError for a string that it cannot make: `print $x $x`, often enough.
      const failure = cause instanceof RangeError ? tooLong() : cause
      if (!(failure instanceof FunctionFailure)) throw cause
      this.node = node
      this.fail(`error calling ${name}: ${failure.message}`)
    }
  }

  /** and, or: the first argument that decides, else the last; the rest is not evaluated. */
  evalLogic(dot: GoValue, name: string, given: readonly Operand[], final: Final): GoValue {
    let value: GoValue
    for (const arg of given) {
      value = this.evalArgument(dot, 'value', arg)
      if (isTrue(value) === (name === 'or')) return value
    }
    return final === NONE ? value : final
  }

  evalArgument(dot: GoValue, type: ParameterType, node: Operand): GoValue {
    this.node = node
    switch (node.kind) {
      case 'dot':
        return this.checkType(dot, type)
      case 'nil':
        return this.nilArgument(type)
      case 'field':
      case 'variable':
      case 'chain':
        return this.checkType(this.evalOperandChain(dot, node, [node], NONE), type)
      case 'pipe':
        return this.checkType(this.evalPipeline(dot, node), type)
      case 'identifier':
        return this.checkType(this.evalCall(dot, node.name, node, [node], NONE), type)
      default:
        return this.literalArgument(type, node)
    }
  }

  nilArgument(type: ParameterType): GoValue {
    if (type === 'string' || type === 'int') this.fail(`cannot assign nil to ${type}`)
    if (type === '[]string') return new GoSlice('string', null)
    return type === 'any' ? new GoAny(undefined) : undefined
  }

  literal({ value, int, text }: LiteralNode): GoValue {
    if (typeof value === 'bigint' && int === undefined) this.fail(`${text} overflows int`)
    return value
  }

  literalArgument(type: ParameterType, node: LiteralNode): GoValue {
    switch (type) {
      case 'value':
      case 'any':
        return this.literal(node)
      case 'string':
        return node.kind === 'string'
          ? node.value
          : this.fail(`expected string; found ${node.text}`)
      case 'int':
        return node.int ?? this.fail(`expected integer; found ${node.text}`)
      case '[]string':
        return this.fail(`can't handle ${node.text} for arg of type []string`)
    }
  }

  checkType(value: GoValue, type: ParameterType): GoValue {
    if (type === 'value') return value
    if (value === undefined) {
      if (type === 'any') return new GoAny(undefined)
      if (type === '[]string') return new GoSlice('string', null)
      this.fail(`invalid value; expected ${type}`)
    }
    if (type === 'any') return value
    const inner = concrete(value)
    if (type === '[]string') {
      // Go wants the very type; JSON has only lists, so one of strings is taken for what it is.
      const isList = inner instanceof GoSlice
      if (isList && inner.items.every((item) => typeof concrete(item) === 'string')) return inner
    } else if (typeof inner === (type === 'string' ? 'string' : 'bigint')) return inner
    const got = inner === undefined ? typeName(value) : typeName(inner)
    this.fail(`wrong type for value; expected ${type}; got ${got}`)
  }
}

function tooLong(): FunctionFailure {
  return new FunctionFailure(`result is longer than ${OUTPUT_CHARS_MAX} characters`)
}

function typeOf(called: TemplateFunction, index: number): ParameterType {
  return called.parameters[index] ?? called.variadic!
}

/** The value that comes down a pipeline is one as well. */
function argumentCount(given: readonly Operand[], final: Final): number {
  return given.length + (final === NONE ? 0 : 1)
}

function fieldArguments(struct: GoStruct, name: string, count: number): string {
  return struct.methods
    ? `wrong number of args for ${name}: want 0 got ${count}`
    : `${name} has arguments but cannot be invoked as function`
}

/** What an action writes: a pointer shows what it points at, and no value says so. */
function printed(given: GoValue): string {
  const value = concrete(given)
  if (value === undefined) return '<no value>'
  if (!(value instanceof GoStruct) || !value.pointer) return show(value)
  return show(value).replace(/^&/, '')
}
