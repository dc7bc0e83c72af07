// How the demo talks: numbered headings, prose wrapped to the terminal, commands as a reader could type them with what
// they print, and checks that must hold. Knows words and columns; refuses to know what is told.

import { safeText } from '../format/safe-text.ts'
import type { Sink } from '../output.ts'

const COLUMNS_MAX = 100
const BOLD = '1'
const DIM = '2'
const GREEN = '32'

/** A statement of the demo turned out false: the store, or the demo, is wrong. */
export class FalseClaim extends Error {
  constructor(claim: string) {
    super(`the demo found a claim to be false: ${claim}`)
    this.name = 'FalseClaim'
  }
}

export class Narration {
  private readonly sink: Sink
  private readonly color: boolean
  private step = 0

  constructor(sink: Sink, options: { readonly color: boolean }) {
    this.sink = sink
    this.color = options.color
  }

  async heading(text: string): Promise<void> {
    await this.line('')
    await this.line(this.painted(`${++this.step}. ${text}`, BOLD))
  }

  /** A paragraph. */
  async say(text: string): Promise<void> {
    for (const line of wrapped(text, this.columns)) await this.line(line)
  }

  /** A command that the reader could type in the store's root, and what it prints. */
  async command(command: string, output: string): Promise<void> {
    await this.line(`  $ ${command}`)
    if (output === '') return
    const lines = output.replace(/\n$/, '').split('\n')
    for (const line of lines) await this.line(this.painted(`    ${safeText(line)}`, DIM))
  }

  /** Rows of columns; the first row is the heading. */
  async table(rows: readonly (readonly string[])[]): Promise<void> {
    const widths = rows[0]!.map((_cell, column) =>
      Math.max(...rows.map((row) => (row[column] ?? '').length)),
    )
    for (const [index, row] of rows.entries()) {
      const line = row
        .map((cell, column) => safeText(cell).padEnd(widths[column]!))
        .join('  ')
        .trimEnd()
      await this.line(`  ${index === 0 ? this.painted(line, BOLD) : line}`)
    }
  }

  /** @throws FalseClaim, after the claim was printed as one */
  async check(claim: string, holds: boolean): Promise<void> {
    if (holds) await this.line(`  ${this.painted('ok', GREEN)}  ${claim}`)
    else {
      await this.line(`  WRONG  ${claim}`)
      throw new FalseClaim(claim)
    }
  }

  async line(text: string): Promise<void> {
    await this.sink.write(`${text}\n`)
  }

  private get columns(): number {
    return Math.min(COLUMNS_MAX, this.sink.columns || COLUMNS_MAX)
  }

  private painted(text: string, style: string): string {
    return this.color ? `\u001b[${style}m${text}\u001b[0m` : text
  }
}

/** Breaks at spaces; a word longer than a line stands alone. */
export function wrapped(text: string, columns: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(/\s+/)) {
    if (line !== '' && line.length + 1 + word.length > columns) {
      lines.push(line)
      line = ''
    }
    line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}

export function shortened(text: string, columns: number): string {
  return text.length <= columns ? text : `${text.slice(0, columns - 3)}...`
}
