// Docker's tables: text whose cells end in tabs, lined up as Go's text/tabwriter does it with docker's settings
// (columns at least 10 wide, 3 spaces between). Knows text; not what the columns are.

import { displayWidth } from './width.ts'

const COLUMN_MIN = 10
const PADDING = 3

/** A column is a run of lines that all have that cell; a line without it starts a new run. The last cell is free. */
export function alignTabs(text: string): string {
  const lines = text.split('\n').map((line) => line.split('\t'))
  return new Alignment(lines).run()
}

class Alignment {
  readonly lines: readonly (readonly string[])[]
  readonly out: string[] = []
  readonly widths: number[] = []

  constructor(lines: readonly (readonly string[])[]) {
    this.lines = lines
  }

  run(): string {
    this.block(0, this.lines.length)
    return this.out.join('\n')
  }

  /** Lines of one run: finds the runs of the next column in it and writes what has none. */
  block(start: number, end: number): void {
    const column = this.widths.length
    let unwritten = start
    for (let at = start; at < end; at++) {
      if (column >= this.lines[at]!.length - 1) continue
      this.write(unwritten, at)
      let width = COLUMN_MIN
      let last = at
      for (; last < end && column < this.lines[last]!.length - 1; last++) {
        width = Math.max(width, displayWidth(this.lines[last]![column]!) + PADDING)
      }
      this.widths.push(width)
      this.block(at, last)
      this.widths.pop()
      unwritten = last
      at = last - 1
    }
    this.write(unwritten, end)
  }

  write(start: number, end: number): void {
    for (let at = start; at < end; at++) {
      let line = ''
      this.lines[at]!.forEach((cell, column) => {
        line += cell
        const width = this.widths[column]
        if (width !== undefined) line += ' '.repeat(Math.max(0, width - displayWidth(cell)))
      })
      this.out.push(line)
    }
  }
}

/** Rows under their headers, as one text that ends in a newline. */
export function table(headers: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [headers, ...rows].map((cells) => cells.join('\t'))
  return `${alignTabs(lines.join('\n'))}\n`
}
