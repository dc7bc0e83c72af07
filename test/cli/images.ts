import t from 'tap'
import { humanSize } from '../../cli/format/units.ts'
import { shaleInProcess } from '../support/in-process.ts'
import { IMAGES, REGISTRY_DIGEST, SCRATCH_ID, fixtureStore } from '../support/store-fixture.ts'

const short = (id: string): string => id.slice(7, 19)

t.test('docker’s columns, a row for each name', async (t) => {
  const fixture = await fixtureStore(t)
  const { root } = fixture
  const sizes = new Map((await fixture.open()).images().map((image) => [image.id, image.sizeBytes]))
  const size = (name: 'app' | 'base' | 'dangling'): string =>
    humanSize(sizes.get(IMAGES[name].imageID)!)
  const { code, stdout } = await shaleInProcess(['images'], { root })
  t.equal(code, 0)
  const rows = stdout.split('\n').map((line) => line.split(/ {2,}/))
  const age = rows[1]![3]!
  t.match(age, /^\d+ (months|years) ago$/)
  t.same(rows, [
    ['REPOSITORY', 'TAG', 'IMAGE ID', 'CREATED', 'SIZE'],
    ['<none>', '<none>', short(IMAGES.dangling.imageID), age, size('dangling')],
    ['app', '1', short(IMAGES.app.imageID), age, size('app')],
    ['app', 'latest', short(IMAGES.app.imageID), age, size('app')],
    ['reg.example:5000/team/app', '1', short(IMAGES.app.imageID), age, size('app')],
    ['base', '1', short(IMAGES.base.imageID), age, size('base')],
    ['void', 'latest', short(SCRATCH_ID), 'N/A', '0B'],
    [''],
  ])
  for (const form of [
    ['image', 'ls'],
    ['image', 'list'],
  ]) {
    t.equal((await shaleInProcess(form, { root })).stdout, stdout)
  }
})

t.test('-q, -a, --no-trunc, --digests, filters', async (t) => {
  const { root } = await fixtureStore(t)
  const out = async (...args: string[]): Promise<string[]> =>
    (await shaleInProcess(['images', ...args], { root })).stdout.trimEnd().split('\n')
  const all = await out('-q')
  for (const empty of [[''], ['--filter='], ['-f', '']])
    t.same(await out('-q', ...empty), all, `nothing is asked by ${empty.join(' ')}`)
  t.same(await out('-q', '-f', '', 'app:l*'), [short(IMAGES.app.imageID)])
  t.same(await out('-q', 'app:l*'), [short(IMAGES.app.imageID)])
  t.same(await out('-q', '--no-trunc', 'app:1'), [IMAGES.app.imageID])
  t.same(await out('-aq', '--filter', 'since=base:1', '-f', 'before=app'), [
    short(IMAGES.step.imageID),
  ])
  t.same(await out('-q', '-f', 'label=stage', '-f', 'label=stage=base', 'b*'), [
    short(IMAGES.base.imageID),
  ])
  t.same(await out('-q', '-f', 'dangling=true'), [short(IMAGES.dangling.imageID)])
  const digests = await out('--digests', 'base')
  t.match(digests[0], /REPOSITORY +TAG +DIGEST +IMAGE ID/)
  t.match(digests[1], REGISTRY_DIGEST)
  t.match((await out('--digests', 'app'))[1], /app +1 +<none> /)
  t.same(await out('nope'), ['REPOSITORY   TAG       IMAGE ID   CREATED   SIZE'])
})

t.test('--format: json, a template, a table of one', async (t) => {
  const { root } = await fixtureStore(t)
  const out = async (...args: string[]): Promise<string> =>
    (await shaleInProcess(['images', ...args], { root })).stdout
  const lines = (await out('--format', 'json', 'app')).trimEnd().split('\n')
  t.equal(lines.length, 2, 'one object a name')
  const row = JSON.parse(lines[0]!)
  t.match(row, { Repository: 'app', Tag: '1', ID: short(IMAGES.app.imageID), Digest: '<none>' })
  t.same(Object.keys(row), Object.keys(row).sort())
  t.notMatch(lines[0], '<', 'escaped as Go does')
  t.equal(await out('--format', '{{.Repository}}:{{.Tag}}', 'base'), 'base:1\n')
  t.equal(await out('--format', '{{.Tag}}\\t{{.CreatedSince}}', 'void'), 'latest\t\n')
  t.match(
    await out('--format', 'table {{.ID}}\\t{{.Digest}}', 'base'),
    new RegExp(`^IMAGE ID +DIGEST\n${short(IMAGES.base.imageID)} +${REGISTRY_DIGEST}\n$`),
  )
  t.equal((await shaleInProcess(['images', '--format', '{{'], { root })).code, 2)
  t.equal((await shaleInProcess(['images', '--format', '{{.Nope}}'], { root })).code, 2)
})

t.test('--json: every image once, in full', async (t) => {
  const { root } = await fixtureStore(t)
  const { stdout } = await shaleInProcess(['images', '--json'], { root })
  const images = JSON.parse(stdout) as { id: string; repoTags: string[] }[]
  t.same(
    images.map((image) => image.id),
    [IMAGES.dangling.imageID, IMAGES.app.imageID, IMAGES.base.imageID, SCRATCH_ID],
  )
  t.equal(images[1]!.repoTags.length, 3)
})

t.test('what cannot be asked', async (t) => {
  const { root } = await fixtureStore(t)
  const run = (...args: string[]): Promise<{ code: number; stderr: string }> =>
    shaleInProcess(['images', ...args], { root })
  t.equal((await run('-f', 'color=red')).code, 2)
  t.match((await run('-f', 'color=red')).stderr, 'there is no filter "color"')
  t.equal((await run('-f', 'before=nope')).code, 10)
  t.equal((await run('[')).code, 2)
})
