// A row seen by a template: for the formats that say more than which fields to print.
// Knows rows and the template language; what a listing is, is row-format.ts's.

import { encodeJSON } from '../template/encode-json.ts'
import { GoMap, GoStruct, type TextMethods } from '../template/go-value.ts'
import { compileTemplate, type Template } from '../template/template.ts'
import { LABELS, type Listing, type Row, type RowPrinter } from './row-format.ts'
import { safeText } from './safe-text.ts'

/** @throws InvalidArgumentError ERR_TEMPLATE; its `line` as well */
export function rowTemplate(text: string, listing: Listing): RowPrinter {
  const template = compileTemplate(text)
  return {
    line: (row) => template.execute(rowStruct(row, listing.type)),
    header: () => headerLine(template, listing),
  }
}

export function rowJSON(row: Row, { type }: Listing): string {
  return encodeJSON(rowStruct(row, type))
}

/** The template over the names of the fields. `.Label` has a heading in any listing, as in docker. */
function headerLine(template: Template, { headers }: Listing): string {
  const methods: TextMethods = new Map([['Label', labelHeading]])
  try {
    return template.execute(new GoMap('string', new Map(Object.entries(headers)), methods), {
      header: true,
    })
  } catch {
    return ''
  }
}

/** docker's SubHeaderContext.Label: the last part of `com.example.node_name`, in words. */
function labelHeading(name: string): string {
  return name.split('.').at(-1)!.replaceAll(/[-_]/g, ' ')
}

/** To the template's actions the values are safe texts; as JSON they are themselves. */
function rowStruct(row: Row, type: string): GoStruct {
  const fields = new RowFields(row, safeText)
  const json = new RowFields(row, (text) => text)
  return new GoStruct({
    type,
    pointer: true,
    methods: true,
    fields,
    json,
    textMethods: labelOf(row),
  })
}

function labelOf({ [LABELS]: labels }: Row): TextMethods {
  if (labels === undefined) return new Map()
  const label = (name: string): string =>
    Object.hasOwn(labels, name) ? safeText(labels[name]!) : ''
  return new Map([['Label', label]])
}

/** A row as a map that looks at a field when it is asked for. */
class RowFields implements ReadonlyMap<string, string> {
  private readonly row: Row
  private readonly shown: (text: string) => string

  constructor(row: Row, shown: (text: string) => string) {
    this.row = row
    this.shown = shown
  }

  get size(): number {
    return Object.keys(this.row).length
  }

  has(name: string): boolean {
    return Object.hasOwn(this.row, name)
  }

  get(name: string): string | undefined {
    return this.has(name) ? this.shown(this.row[name]!) : undefined
  }

  keys(): MapIterator<string> {
    return this.all().keys()
  }

  values(): MapIterator<string> {
    return this.all().values()
  }

  entries(): MapIterator<[string, string]> {
    return this.all().entries()
  }

  [Symbol.iterator](): MapIterator<[string, string]> {
    return this.entries()
  }

  forEach(visit: (value: string, key: string, map: ReadonlyMap<string, string>) => void): void {
    for (const [name, text] of this) visit(text, name, this)
  }

  private all(): Map<string, string> {
    return new Map(Object.keys(this.row).map((name) => [name, this.get(name)!] as const))
  }
}
