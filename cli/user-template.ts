// A user's Go template on one side, plain data of ours on the other. The template engine is loaded only when a template
// is given. Knows both shapes; what templates mean is cli/template's.

/** What a template is executed on: a JSON document, or the named fields of a listing's row. */
export type TemplateData =
  { readonly document: unknown } | { readonly methods: ReadonlyMap<string, string> }

export type Execute = (data: TemplateData) => string

/** @throws InvalidArgumentError ERR_TEMPLATE, also when it is executed */
export async function compileFormat(format: string): Promise<Execute> {
  const { compileTemplate } = await import('./template/template.ts')
  const { GoStruct, fromJSON } = await import('./template/go-value.ts')
  const template = compileTemplate(format)
  return (data) =>
    template.execute(
      'document' in data
        ? fromJSON(data.document)
        : new GoStruct({ type: 'row', methods: true, fields: data.methods }),
    )
}
