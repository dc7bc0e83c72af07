// `--format` of the listings (images, history, layers): `table`, `table TEMPLATE`, `json`, or a template a row.
// Knows rows of named texts; which rows and names there are is each verb's. Source: docker's command/formatter.

import { safeText } from './safe-text.ts'
import { alignTabs } from './table.ts'

/** What `{{.Label "role"}}` looks in: a method, so no field of the row and not in its JSON. */
export const LABELS: unique symbol = Symbol('labels')

/** The fields of one row, all that a template may ask for. May be getters: one that nobody asks for is not computed. */
export type Row = Readonly<Record<string, string>> & {
  readonly [LABELS]?: Readonly<Record<string, string>>
}

export interface Listing {
  /** Go's name of the row's type, for complaints: `formatter.imageContext`. */
  readonly type: string
  /** Heading of each field in a table. */
  readonly headers: Readonly<Record<string, string>>
  /** The plain table, as a template with tabs: `{{.Repository}}\t{{.Tag}}`. */
  readonly table: string
  /** What the plain table shows where a field is empty. */
  readonly whenEmpty?: Readonly<Record<string, string>>
}

/**
 * What the listing prints, up to and with the last newline. Values are made safe for a terminal first.
 * @param format `table` when undefined or ''
 * @throws InvalidArgumentError ERR_TEMPLATE, also when no row is there to try the template on
 */
export async function formatRows(
  rows: readonly Row[],
  format: string | undefined,
  listing: Listing,
): Promise<string> {
  const wanted = format === undefined || format === '' ? 'table' : format
  if (wanted === 'json') {
    const { rowJSON } = await import('./row-template.ts')
    return rows.map((row) => `${rowJSON(row, listing)}\n`).join('')
  }
  const isTable = wanted.startsWith('table')
  const given = isTable ? wanted.slice('table'.length).trim() : wanted
  const isPlain = isTable && given === ''
  const text = (isPlain ? listing.table : given).replaceAll('\\t', '\t').replaceAll('\\n', '\n')
  const { line, header } =
    fieldsAlone(text, rows, listing, isPlain ? listing.whenEmpty : undefined) ??
    (await import('./row-template.ts')).rowTemplate(text, listing)
  const lines = rows.map((row) => `${line(row)}\n`).join('')
  return isTable ? alignTabs(`${header()}\n${lines}`) : lines
}

/** How a row becomes a line, and the line of headings above them. */
export interface RowPrinter {
  readonly line: (row: Row) => string
  /** What cannot be done with a heading leaves the line empty, as in docker. */
  readonly header: () => string
}

/**
 * A template that only names fields that are there: most of them, and needs no template language, which takes longer to
 * load than most listings to print. undefined for any other.
 */
function fieldsAlone(
  text: string,
  rows: readonly Row[],
  listing: Listing,
  whenEmpty: Readonly<Record<string, string>> = {},
): RowPrinter | undefined {
  // Text and field take turns.
  const parts = text.split(/\{\{\.([A-Z][A-Za-z]*)\}\}/)
  const isText = (index: number): boolean => index % 2 === 0
  const holders: readonly Row[] = [listing.headers, ...rows]
  const isKnown = (name: string): boolean => holders.every((row) => Object.hasOwn(row, name))
  const plain = parts.every((part, index) =>
    isText(index) ? !/\{\{|\}\}/.test(part) : isKnown(part),
  )
  if (!plain) return undefined
  const print = (value: (name: string) => string): string =>
    parts.map((part, index) => (isText(index) ? part : value(part))).join('')
  return {
    line: (row) => print((name) => safeText(row[name]!) || (whenEmpty[name] ?? '')),
    header: () => print((name) => listing.headers[name]!),
  }
}
