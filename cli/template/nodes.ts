// What a parsed template is made of, and how a piece of it reads in an error message.

export interface ListNode {
  readonly kind: 'list'
  readonly nodes: Node[]
}
export interface TextNode {
  readonly kind: 'text'
  readonly at: number
  readonly text: string
}
export interface ActionNode {
  readonly kind: 'action'
  readonly at: number
  readonly pipe: PipeNode
}
export interface BranchNode {
  readonly kind: 'if' | 'with' | 'range'
  readonly at: number
  readonly pipe: PipeNode
  readonly list: ListNode
  readonly elseList?: ListNode
}
export interface TemplateNode {
  readonly kind: 'template'
  readonly at: number
  readonly name: string
  readonly pipe?: PipeNode
}
export interface LeaveNode {
  readonly kind: 'break' | 'continue'
  readonly at: number
}
export type Node = TextNode | ActionNode | BranchNode | TemplateNode | LeaveNode

export interface PipeNode {
  readonly kind: 'pipe'
  readonly at: number
  assigns: boolean
  readonly declared: VariableNode[]
  readonly commands: CommandNode[]
}
export interface CommandNode {
  readonly kind: 'command'
  readonly at: number
  readonly args: Operand[]
}
export interface FieldNode {
  readonly kind: 'field'
  readonly at: number
  readonly names: readonly string[]
}
export interface VariableNode {
  readonly kind: 'variable'
  readonly at: number
  /** `$x` and the fields after it. */
  readonly names: readonly string[]
}
export interface ChainNode {
  readonly kind: 'chain'
  readonly at: number
  readonly node: Operand
  readonly names: readonly string[]
}
export interface IdentifierNode {
  readonly kind: 'identifier'
  readonly at: number
  readonly name: string
}
export interface LiteralNode {
  readonly kind: 'number' | 'string' | 'bool'
  readonly at: number
  readonly text: string
  readonly value: bigint | number | string | boolean
  /** A number as both of what it can be: 1.0 can be passed as an int, 1 as a float. */
  readonly int?: bigint
}
export interface WordNode {
  readonly kind: 'dot' | 'nil'
  readonly at: number
}
export type Operand =
  FieldNode | VariableNode | ChainNode | IdentifierNode | LiteralNode | WordNode | PipeNode

export type AnyNode = Node | Operand | CommandNode

export function nodeText(node: AnyNode): string {
  switch (node.kind) {
    case 'text':
      return node.text
    case 'action':
      return `{{${nodeText(node.pipe)}}}`
    case 'if':
    case 'with':
    case 'range': {
      const otherwise = node.elseList === undefined ? '' : `{{else}}${listText(node.elseList)}`
      return `{{${node.kind} ${nodeText(node.pipe)}}}${listText(node.list)}${otherwise}{{end}}`
    }
    case 'template':
      return `{{template ${JSON.stringify(node.name)}${node.pipe ? ` ${nodeText(node.pipe)}` : ''}}}`
    case 'break':
    case 'continue':
      return `{{${node.kind}}}`
    case 'pipe': {
      const declared = node.declared.map(nodeText).join(', ')
      const assign = node.assigns ? ' = ' : ' := '
      return (declared === '' ? '' : declared + assign) + node.commands.map(nodeText).join(' | ')
    }
    case 'command':
      return node.args.map(operandText).join(' ')
    case 'field':
      return node.names.map((name) => `.${name}`).join('')
    case 'variable':
      return node.names.join('.')
    case 'chain':
      return operandText(node.node) + node.names.map((name) => `.${name}`).join('')
    case 'identifier':
      return node.name
    case 'dot':
      return '.'
    case 'nil':
      return 'nil'
    default:
      return node.text
  }
}

function operandText(node: Operand): string {
  return node.kind === 'pipe' ? `(${nodeText(node)})` : nodeText(node)
}

function listText(list: ListNode): string {
  return list.nodes.map(nodeText).join('')
}
