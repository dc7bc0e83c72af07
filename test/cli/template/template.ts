import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import { compileTemplate } from '../../../cli/template/template.ts'
import { InvalidArgumentError } from '../../../src/index.ts'

interface Row {
  template: string
  data: string
  missing?: 'error'
  output?: string
  error?: string
}

function fixture(name: string): string {
  return readFileSync(new URL(`../../../../fixtures/template/${name}`, import.meta.url), 'utf8')
}

/** Output, or Go's complaint. */
function run(
  template: string,
  data: unknown,
  missingKey?: 'error',
): { output?: string; error?: string } {
  try {
    const options = missingKey === undefined ? {} : { missingKey }
    return { output: compileTemplate(template).execute(data, options) }
  } catch (error) {
    if (!(error instanceof InvalidArgumentError) || error.code !== 'ERR_TEMPLATE') throw error
    return { error: error.message.replace(/^template parsing error: /, '') }
  }
}

/** Where a later Go, which today's docker is built with, differs from the 1.19 that wrote the table; or shale does. */
const OTHERWISE: Readonly<Record<string, { output?: string; error?: string }>> = {
  // JSON knows only lists; one of strings will do where Go wants a []string.
  '{{join .Tags ","}}': { output: 'a:1,b:2' },
  // Go 1.22: range over an int. Go 1.23: else with.
  '{{range 3}}{{.}}{{end}}': { output: '012' },
  '{{range $i := 3}}{{$i}}{{end}}': { output: '012' },
  '{{range .}}{{.}},{{end}}': { output: '0,1,2,3,4,' },
  '{{with .Zero}}a{{else with .Id}}b{{.}}{{end}}': { output: 'bsha256:abc' },
  '{{if .Zero}}a{{else with .Id}}b{{end}}': { error: 'template: :1: unexpected <with> in input' },
}

t.test('gives what Go gives', async (t) => {
  const data = JSON.parse(fixture('data.json')) as Record<string, unknown>
  let seen = 0
  for (const line of fixture('go.jsonl').trim().split('\n')) {
    const row = JSON.parse(line) as Row
    const otherwise = row.error === undefined ? undefined : OTHERWISE[row.template]
    const isInt = row.data === 'plain 5' || row.template !== '{{range .}}{{.}},{{end}}'
    const expected =
      otherwise && isInt
        ? otherwise
        : row.output === undefined
          ? { error: row.error }
          : { output: row.output }
    const result = run(row.template, data[row.data], row.missing)
    if (JSON.stringify(result) !== JSON.stringify(expected)) {
      t.same(result, expected, JSON.stringify(row))
    }
    seen++
  }
  t.ok(seen > 1000, 'there are many rows')
})

t.test('reads JSON numbers as Go reads them into its types', async (t) => {
  const data = { Int: 757518800, Float: 1.5, Huge: 1e21, Negative: -3 }
  t.strictSame(run('{{.Int}} {{.Float}} {{.Huge}} {{.Negative}}', data), {
    output: '757518800 1.5 1e+21 -3',
  })
})

t.test('never follows a prototype', async (t) => {
  const data = JSON.parse('{"a":{},"__proto__":{"x":1}}') as unknown
  t.strictSame(run('{{.constructor}}{{.a.toString}}', data), { output: '<no value><no value>' })
  t.strictSame(run('{{index .a "hasOwnProperty"}}|{{.__proto__.x}}', data), {
    output: '<no value>|1',
  })
})

t.test('text in the data is never a template', async (t) => {
  const data = { Text: '{{.Secret}}{{range 9}}x{{end}}', Secret: 's' }
  t.strictSame(run('{{.Text}} {{printf .Text}} {{print .Text}} {{html .Text}}', data), {
    output: `${data.Text} ${data.Text} ${data.Text} ${data.Text}`,
  })
})

t.test('ends whatever the template', async (t) => {
  t.match(
    run('{{define "x"}}{{template "x"}}{{end}}{{template "x"}}', {}).error,
    /maximum template depth/,
  )
  t.match(
    run(
      '{{define "x"}}{{template "y"}}{{end}}{{define "y"}}{{template "x"}}{{end}}{{template "x"}}',
      {},
    ).error,
    /maximum template depth/,
  )
  t.match(
    run('{{range 9999999999999}}{{printf "%1000000d" 1}}{{end}}', {}).error,
    /output is longer than/,
  )
  t.match(run('('.repeat(3) + '{{' + '('.repeat(100_000) + '1', {}).error, /nested more than/)
  t.match(run('{{if 1}}'.repeat(100_000), {}).error, /nested more than/)
  t.match(
    run('{{if 1}}a' + '{{else if 1}}b'.repeat(100_000) + '{{end}}', {}).error,
    /nested more than/,
  )
  t.match(run('{{range 9999999999999}}{{end}}', {}).error, /more than \d+ steps/)
  const doubled = '{{$x := "a"}}{{range 99}}{{$x = print $x $x $x $x $x $x $x $x $x $x}}{{end}}'
  t.match(run(doubled, {}).error, /error calling print: result is longer than/)
  t.match(run('{{pad "x" 9999999999 0}}', {}).error, /Repeat output length overflow/)
})

t.test('any text compiles and runs, or is refused with the one code', async () => {
  const piece = fc.constantFrom(
    '{{',
    '}}',
    ' -}}',
    '{{- ',
    '.A',
    '.',
    '$',
    '$x',
    ':=',
    '=',
    '|',
    '(',
    ')',
    '"s"',
    '`r`',
    "'c'",
    '1',
    '1.5',
    'if ',
    'else',
    'end',
    'range ',
    'with ',
    'define ',
    'template ',
    'block ',
    'break',
    'nil',
    'true',
    'index ',
    'len ',
    'printf ',
    '"%v %d %q"',
    'json ',
    'join ',
    'slice ',
    'eq ',
    'and ',
    ' ',
    '\n',
    ',',
    'é',
    '/*',
    '*/',
    '\\',
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
      run(pieces.join(''), { A: { A: [1, 'x', null] } })
      run(`{{${pieces.join(' ')}}}`, { A: { A: [1, 'x', null] } })
    }),
    { numRuns: 2000 },
  )
})
