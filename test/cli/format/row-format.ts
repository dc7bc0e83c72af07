import { readFileSync } from 'node:fs'
import t from 'tap'
import { historyListing, imageFormat, imageListing } from '../../../cli/format/listings.ts'
import { formatRows, LABELS } from '../../../cli/format/row-format.ts'
import type { Row } from '../../../cli/format/row-format.ts'

interface Fixture {
  rows: Record<string, Row[]>
  cases: {
    listing: 'images' | 'history'
    rows: string
    format: string | null
    output?: string
    error?: string
  }[]
}

const fixture = JSON.parse(
  readFileSync(
    new URL('../../../../fixtures/format/docker-listings.json', import.meta.url),
    'utf8',
  ),
) as Fixture

t.test('prints the rows of docker images and docker history as docker does', async (t) => {
  for (const { listing: name, rows, format, output, error } of fixture.cases) {
    const listing =
      name === 'images'
        ? imageListing({ digests: false })
        : historyListing({ human: !rows.includes('human=false') })
    const print = (): Promise<string> =>
      formatRows(fixture.rows[rows]!, format ?? undefined, listing)
    const label = `${rows} ${JSON.stringify(format)}`
    if (output !== undefined) t.equal(await print(), output, label)
    else {
      // docker says what kind of command failed in front, or the same twice.
      const reason = error!.replace(/^(template parsing error: )+/, '')
      await t.rejects(
        print(),
        { code: 'ERR_TEMPLATE', message: `template parsing error: ${reason}` },
        label,
      )
    }
  }
})

const listing = imageListing({ digests: true })
const row = {
  ID: 'abc',
  Repository: 'x\u001b[2J',
  Tag: 'a\tb\nc',
  Digest: '<none>',
  CreatedSince: '',
  Size: '1B',
}

t.test('values cannot break out of their cell', async (t) => {
  t.equal(
    await formatRows([row], 'table', listing),
    'REPOSITORY   TAG       DIGEST    IMAGE ID   CREATED   SIZE\n' +
      'x\\x1b[2J     a\\tb\\nc   <none>    abc        N/A       1B\n',
  )
  t.equal(await formatRows([row], '{{.Repository}}|{{.Tag}}', listing), 'x\\x1b[2J|a\\tb\\nc\n')
  const json = await formatRows([row], 'json', listing)
  t.equal(json.indexOf('\u001b'), -1)
  t.strictSame(JSON.parse(json), row, 'JSON keeps the value itself')
})

t.test('a table without rows has its heading, other formats print nothing', async (t) => {
  t.equal(
    await formatRows([], undefined, listing),
    'REPOSITORY   TAG       DIGEST    IMAGE ID   CREATED   SIZE\n',
  )
  t.equal(await formatRows([], 'table {{.ID}}\\t{{lower .Tag}}', listing), 'IMAGE ID   TAG\n')
  t.equal(await formatRows([], 'json', listing), '')
  t.equal(await formatRows([], '{{.ID}}', listing), '')
  await t.rejects(formatRows([], '{{.ID', listing), { code: 'ERR_TEMPLATE' })
})

t.test('--digests adds the column to a table of one’s own', async (t) => {
  const digests = { digests: true }
  t.equal(imageFormat('table {{.ID}}', digests), 'table {{.ID}}\t{{.Digest}}')
  t.equal(imageFormat('table {{.Digest}}', digests), 'table {{.Digest}}')
  t.equal(imageFormat('{{.ID}}', digests), '{{.ID}}')
  t.equal(imageFormat('table {{.ID}}', { digests: false }), 'table {{.ID}}')
  t.equal(imageFormat(undefined, digests), undefined)
})

t.test('.Label is a method with one argument, as docker 28 answers it', async (t) => {
  const labels = { role: 'db', 'a.b-c_d': 'x\u001b' }
  const print = (format: string): Promise<string> =>
    formatRows([{ ID: 'abc', [LABELS]: labels }], format, {
      type: 'formatter.ContainerContext',
      headers: { ID: 'CONTAINER ID' },
      table: '{{.ID}}',
    })
  t.equal(
    await print('{{.Label "role"}}|{{.Label "no"}}|{{.Label "toString"}}|{{.Label "a.b-c_d"}}'),
    'db|||x\\x1b\n',
  )
  t.equal(await print('{{"role" | .Label}} {{$.Label .ID}} {{.Label "role" | upper}}'), 'db  DB\n')
  t.equal(
    await print('table {{.Label "role"}}\\t{{.Label "com.x.a-b_c"}}\\t{{.ID}}'),
    'role      a b c     CONTAINER ID\ndb                  abc\n',
  )
  t.equal(await print('{{json .}}'), '{"ID":"abc"}\n')
  t.equal(await print('json'), '{"ID":"abc"}\n')
  for (const [format, reason] of [
    ['{{.Label}}', ':1:2: executing "" at <.Label>: wrong number of args for Label: want 1 got 0'],
    [
      '{{.Label "a" "b"}}',
      ':1:2: executing "" at <.Label>: wrong number of args for Label: want 1 got 2',
    ],
    ['{{.Label 1}}', ':1:9: executing "" at <1>: expected string; found 1'],
    ['{{.ID "a" "b"}}', ':1:2: executing "" at <.ID>: wrong number of args for ID: want 0 got 2'],
    [
      '{{(.Label "role").X}}',
      ':1:10: executing "" at <"role">: can\'t evaluate field X in type string',
    ],
  ] as const) {
    await t.rejects(
      print(format),
      { code: 'ERR_TEMPLATE', message: `template parsing error: template: ${reason}` },
      format,
    )
  }
  await t.rejects(formatRows([row], '{{.Label "role"}}', listing), {
    message: /can't evaluate field Label in type \*formatter/,
  })
})
