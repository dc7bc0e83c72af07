// `--format` of the listings (images, history, layers): `table`, `table TEMPLATE`, `json`, or a template a row.
// Knows rows of named texts; which rows and names there are is each verb's. Source: docker's command/formatter.

import { encodeJSON } from '../template/encode-json.ts'
import { GoStruct } from '../template/go-value.ts'
import { compileTemplate } from '../template/template.ts'
import { safeText } from './safe-text.ts'
import { alignTabs } from './table.ts'

/** The fields of one row, all that a template may ask for. */
export type Row = Readonly<Record<string, string>>

export interface Listing {
  /** Go's name of the row's type, for complaints: `formatter.imageContext`. */
  readonly type: string
  /** Heading of each field in a table. */
  readonly headers: Readonly<Record<string, string>>
  /** The plain table, as a template with tabs: `{{.Repository}}\t{{.Tag}}`. */
  readonly table: string
}

/**
 * What the listing prints, up to and with the last newline. Values are made safe for a terminal first.
 * @param format `table` when undefined or ''
 * @throws InvalidArgumentError ERR_TEMPLATE, also when no row is there to try the template on
 */
export function formatRows(
  rows: readonly Row[],
  format: string | undefined,
  listing: Listing,
): string {
  const wanted = format === undefined || format === '' ? 'table' : format
  if (wanted === 'json')
    return rows.map((row) => `${encodeJSON(rowStruct(row, listing.type))}\n`).join('')
  const isTable = wanted.startsWith('table')
  const given = isTable ? wanted.slice('table'.length).trim() : wanted
  const text = (isTable && given === '' ? listing.table : given)
    .replaceAll('\\t', '\t')
    .replaceAll('\\n', '\n')
  const template = compileTemplate(text)
  const lines = rows.map((row) => `${template.execute(rowStruct(row, listing.type))}\n`).join('')
  if (!isTable) return lines
  return alignTabs(`${headerLine(text, listing)}\n${lines}`)
}

/** To the template's actions the values are safe texts; as JSON they are themselves. */
function rowStruct(row: Row, type: string): GoStruct {
  const fields = new Map(Object.entries(row).map(([name, text]) => [name, safeText(text)] as const))
  const json = new Map(Object.entries(row))
  return new GoStruct({ type, pointer: true, methods: true, fields, json })
}

/** The template over the names of the fields. What cannot be done with a name leaves the line empty, as in docker. */
function headerLine(text: string, listing: Listing): string {
  try {
    return compileTemplate(text).execute(listing.headers, { header: true })
  } catch {
    return ''
  }
}
