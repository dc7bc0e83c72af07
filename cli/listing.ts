// A listing as docker's formatter has it: rows with named fields, shown as a table, as one JSON object a line, or by the
// user's own Go template, with or without `table ` before it.
// Knows fields as text; which fields there are is each verb's.

import { safeLines, safeText } from './format/safe-text.ts'
import { alignTabs, table } from './format/table.ts'
import { LineWriter } from './output.ts'
import type { Context } from './context.ts'
import { compileRowTemplate, type RowFields, type RowTemplate } from './user-template.ts'

/** What `{{.Field}}` gives for a row, and what stands above its column. */
export interface Field<Row> {
  readonly header: string
  readonly value: (row: Row) => string
  /** Where the default table shows something else than the field, as docker's N/A for no age. */
  readonly cell?: (row: Row) => string
}

export type Fields<Row> = Readonly<Record<string, Field<Row>>>

export interface Listing<Row> {
  readonly fields: Fields<Row>
  /** Names of the fields that the default table shows, in order. */
  readonly columns: readonly string[]
  readonly rows: readonly Row[]
  /** `--format`; undefined or `table` for the default table. */
  readonly format?: string | undefined
}

/** @throws InvalidArgumentError ERR_TEMPLATE */
export async function printListing<Row>(listing: Listing<Row>, context: Context): Promise<void> {
  const { fields, columns, rows } = listing
  const format = listing.format ?? 'table'
  if (format === 'table') {
    const cells = rows.map((row) =>
      columns.map((name) => {
        const field = fields[name]!
        return safeText((field.cell ?? field.value)(row))
      }),
    )
    await context.stdout.write(
      table(
        columns.map((name) => fields[name]!.header),
        cells,
      ),
    )
    return
  }
  const out = new LineWriter(context.stdout, context.signal)
  if (format === 'json') {
    for (const row of rows) await out.line(goObjectLine(fields, row))
  } else if (/^table\s/.test(format)) {
    await out.line(tableOf(listing, await compile(format.slice('table'.length))))
  } else {
    const template = await compile(format)
    for (const row of rows) await out.line(safeLines(template.row(rowOf(fields, row))))
  }
  await out.flush()
}

/** Docker trims spaces and takes `\t` and `\n` as shells leave them. */
function compile(format: string): Promise<RowTemplate> {
  const trimmed = format.replace(/^ +| +$/g, '')
  return compileRowTemplate(trimmed.replaceAll('\\t', '\t').replaceAll('\\n', '\n'))
}

function tableOf<Row>({ fields, rows }: Listing<Row>, template: RowTemplate): string {
  const headers = Object.entries(fields).map(([name, field]) => [name, field.header] as const)
  const lines = [
    template.header(new Map(headers)),
    ...rows.map((row) => safeLines(template.row(rowOf(fields, row)))),
  ]
  return alignTabs(lines.join('\n'))
}

/** Fields are made safe one by one, so that a tab in one of them cannot start a column of its own. */
function rowOf<Row>(fields: Fields<Row>, row: Row): RowFields {
  return new Map(Object.entries(fields).map(([name, field]) => [name, safeText(field.value(row))]))
}

/** As Go marshals a map: sorted keys, and what has a meaning in HTML escaped. */
function goObjectLine<Row>(fields: Fields<Row>, row: Row): string {
  const sorted = Object.keys(fields).sort()
  const object = Object.fromEntries(sorted.map((name) => [name, fields[name]!.value(row)]))
  return JSON.stringify(object).replace(
    /[<>&\u007f-\u009f\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
