import t from 'tap'
import { shaleInProcess } from '../support/in-process.ts'
import { IMAGES, fixtureStore } from '../support/store-fixture.ts'

const short = (id: string): string => id.slice(7, 19)

t.test('docker’s columns', async (t) => {
  const { root } = await fixtureStore(t)
  const out = async (...args: string[]): Promise<string[]> =>
    (await shaleInProcess(['history', ...args], { root })).stdout.trimEnd().split('\n')
  const rows = await out('app')
  t.match(rows[0], /^IMAGE +CREATED +CREATED BY +SIZE +COMMENT$/)
  t.match(
    rows[1],
    new RegExp(`^${short(IMAGES.app.imageID)} +\\d+ \\w+ ago +CMD \\["/bin/tool"\\] +0B`),
  )
  t.match(rows[2], new RegExp(`^${short(IMAGES.step.imageID)} .*RUN change & <things> .*buildkit$`))
  t.match(rows[3], short(IMAGES.base.imageID))
  t.same(await out('-q', IMAGES.dangling.imageID), [short(IMAGES.dangling.imageID), '<missing>'])
  t.same((await out('-q', '--no-trunc', 'app'))[0], IMAGES.app.imageID)
  const exact = await out('-H=false', 'app')
  t.match(exact[0], /^IMAGE +CREATED AT +CREATED BY/)
  t.match(exact[2], /2024-01-02T\d\d:\d\d:00/)
  const json = (await out('--format', 'json', 'app')).map((line) => JSON.parse(line))
  t.same(Object.keys(json[1]), ['Comment', 'CreatedAt', 'CreatedBy', 'CreatedSince', 'ID', 'Size'])
  t.same(await out('--format', '{{.Comment}}|{{.ID}}', 'app'), [
    `|${short(IMAGES.app.imageID)}`,
    `buildkit|${short(IMAGES.step.imageID)}`,
    `|${short(IMAGES.base.imageID)}`,
  ])
})

t.test('--json: full records with the layer of each step', async (t) => {
  const { root } = await fixtureStore(t)
  const { stdout } = await shaleInProcess(['--json', 'image', 'history', 'app'], { root })
  const rows = JSON.parse(stdout) as { diffID?: string }[]
  t.same(
    rows.map((row) => row.diffID),
    [undefined, ...[...IMAGES.app.diffIDs].reverse()],
  )
  t.equal((await shaleInProcess(['history', 'nope'], { root })).code, 10)
})
