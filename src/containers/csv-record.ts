// One record of comma-separated values, as Go's encoding/csv reads it: the form of `--mount`. A comma can stand in a
// value whose field is quoted as a whole.

const FIELD = /"(?:[^"]|"")*"(?=,|$)|[^",]*(?=,|$)/y

/** @returns the fields, or why there are none */
export function csvRecord(text: string): readonly string[] | string {
  if (text === '') return 'EOF'
  const fields: string[] = []
  for (let at = 0; ; at++) {
    FIELD.lastIndex = at
    const field = FIELD.exec(text)?.[0]
    if (field === undefined) return whyNot(text, at)
    fields.push(field.startsWith('"') ? field.slice(1, -1).replaceAll('""', '"') : field)
    at += field.length
    if (at === text.length) return fields
  }
}

function whyNot(text: string, start: number): string {
  return text[start] === '"'
    ? 'extraneous or missing " in quoted-field'
    : `parse error on line 1, column ${text.indexOf('"', start) + 1}: bare " in non-quoted-field`
}
