// A user's Go template on one side, plain data of ours on the other. The template engine is loaded only when a template
// is given. Knows both shapes; what templates mean is cli/template's.

import type { ImageInspection } from '../src/index.ts'

/** A row of a listing, by field name. */
export type RowFields = ReadonlyMap<string, string>

export interface RowTemplate {
  row(fields: RowFields): string
  /** The line of column names: functions such as `upper` leave them alone, as in docker. */
  header(fields: RowFields): string
}

/** @throws InvalidArgumentError ERR_TEMPLATE, also when it is executed */
export async function compileRowTemplate(format: string): Promise<RowTemplate> {
  const { compileTemplate } = await import('./template/template.ts')
  const { GoStruct } = await import('./template/go-value.ts')
  const template = compileTemplate(format)
  const value = (fields: RowFields): InstanceType<typeof GoStruct> =>
    new GoStruct({ type: 'row', methods: true, fields, json: new Map([...fields].sort(byName)) })
  return {
    row: (fields) => template.execute(value(fields)),
    header: (fields) => template.execute(value(fields), { header: true }),
  }
}

/** For documents without a type: a missing key is `<no value>`. @throws InvalidArgumentError ERR_TEMPLATE */
export async function compileDocumentTemplate(format: string): Promise<(data: object) => string> {
  const { compileTemplate } = await import('./template/template.ts')
  const template = compileTemplate(format)
  return (data) => template.execute(data)
}

/**
 * As docker inspects: on the typed value first; if the template asks for what the types do not have, again on the JSON
 * document, where a missing key is an error.
 * @throws InvalidArgumentError ERR_TEMPLATE, also when it is executed
 */
export async function compileInspectionTemplate(
  format: string,
): Promise<(image: ImageInspection) => string> {
  const { compileTemplate } = await import('./template/template.ts')
  const { inspectedImage } = await import('./template/inspect-type.ts')
  const { InvalidArgumentError } = await import('../src/index.ts')
  const template = compileTemplate(format)
  return (image) => {
    try {
      return template.execute(inspectedImage(image))
    } catch (error) {
      if (!(error instanceof InvalidArgumentError)) throw error
      return template.execute(image, { missingKey: 'error' })
    }
  }
}

function byName([a]: readonly [string, string], [b]: readonly [string, string]): number {
  return a < b ? -1 : 1
}
