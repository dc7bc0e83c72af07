// `inspect` and its -f: docker's JSON, or a template carried out over each object.
// Knows docker's two tries: first over the typed object, where a missing field is an error; then over the plain JSON,
// where a missing key is one. So `{{.Id}}` and `{{.RootFS.ChainIDs}}`, which the types do not have, are found as well.

import { encodeGoJSON, indentGoJSON, InvalidArgumentError } from '../library/documents.ts'
import type { GoJson } from '../../src/index.ts'
import { inspectedImage } from '../template/inspect-type.ts'
import { compileTemplate } from '../template/template.ts'
import { safeJSON, safeLines } from './safe-text.ts'

/** One object of the array, keys in docker's order. Its maps (Labels, Data) may have any keys, in any order. */
export type InspectDocument = Readonly<Record<string, unknown>>

/**
 * What `inspect` prints, up to and with the last newline.
 * @param format '' or undefined for an indented array, `json` for one line, else a Go template, one line an object
 * @throws InvalidArgumentError ERR_TEMPLATE
 */
export function formatInspect(
  documents: readonly InspectDocument[],
  format: string | undefined,
): string {
  if (format === undefined || format === '') {
    const indented = indentGoJSON(
      documents.map((document) => ordered(document)),
      '    ',
      { escapeHTML: false },
    )
    return `${safeJSON(indented)}\n`
  }
  if (format === 'json') {
    const line = encodeGoJSON(
      documents.map((document) => ordered(document)),
      { escapeHTML: false },
    )
    return `${safeJSON(line)}\n`
  }
  const template = compileTemplate(format)
  return documents.map((document) => `${safeLines(render(template, document))}\n`).join('')
}

function render(template: ReturnType<typeof compileTemplate>, document: InspectDocument): string {
  try {
    return template.execute(inspectedImage(document))
  } catch (cause) {
    if (!(cause instanceof InvalidArgumentError)) throw cause
    return template.execute(document, { missingKey: 'error' })
  }
}

/** Structs keep the order of their keys; JavaScript would move keys like `10` to the front of maps. */
const MAPS = new Set(['Labels', 'Data', 'ExposedPorts', 'Volumes'])

function ordered(value: unknown, name = ''): GoJson {
  if (Array.isArray(value)) return value.map((item) => ordered(item))
  if (typeof value !== 'object' || value === null) return (value ?? null) as GoJson
  if (MAPS.has(name)) return value as GoJson
  return new Map(Object.entries(value).map(([key, item]) => [key, ordered(item, key)] as const))
}
