import t from 'tap'
import { listImages, type ImageListOptions } from '../../src/inspect/image-list.ts'
import { IMAGES, REGISTRY_DIGEST, SCRATCH_ID, fixtureStore } from '../support/store-fixture.ts'

const names: Readonly<Record<string, string>> = {
  [IMAGES.base.imageID]: 'base',
  [IMAGES.step.imageID]: 'step',
  [IMAGES.app.imageID]: 'app',
  [IMAGES.dangling.imageID]: 'dangling',
  [SCRATCH_ID]: 'scratch',
}

t.test('which images docker would show, newest first', async (t) => {
  const fixture = await fixtureStore(t)
  const store = await fixture.open()
  const list = async (options: ImageListOptions): Promise<string[]> =>
    (await listImages(store, options)).map((item) => names[item.id]!)

  t.same(await list({}), ['dangling', 'app', 'base', 'scratch'], 'the step is hidden')
  t.same(await list({ all: true }), ['dangling', 'app', 'step', 'base', 'scratch'])
  t.same(await list({ filter: { dangling: true } }), ['dangling'], 'a step has children')
  t.same(await list({ filter: { dangling: false }, all: true }), ['app', 'base', 'scratch'])
  t.same(await list({ filter: { references: ['app'] } }), ['app'])
  t.same(await list({ filter: { references: ['nope', '*:1'] } }), ['app', 'base'])
  t.same(await list({ filter: { references: ['reg.example:5000/*/app'] } }), ['app'])
  t.same(await list({ filter: { labels: ['stage'] } }), ['app', 'base'])
  t.same(await list({ filter: { labels: ['stage=app', 'org.example.of=a=b'] } }), ['app'])
  t.same(await list({ filter: { before: 'app:1' } }), ['base', 'scratch'])
  t.same(await list({ filter: { since: 'base:1' }, all: true }), ['dangling', 'app', 'step'])
  t.same(await list({ filter: { since: 'base:1', before: 'app' }, all: true }), ['step'])
  await t.rejects(list({ filter: { before: 'nope' } }), { code: 'ERR_IMAGE_NOT_FOUND' })
})

t.test('what an item tells', async (t) => {
  const fixture = await fixtureStore(t)
  const items = await listImages(await fixture.open())
  const app = items.find((item) => item.id === IMAGES.app.imageID)!
  t.same(app.repoTags, ['app:1', 'app:latest', 'reg.example:5000/team/app:1'])
  t.equal(app.parent, IMAGES.step.imageID)
  t.equal(app.created, '2024-01-03T10:00:00.5Z')
  t.equal(app.createdSeconds, Date.UTC(2024, 0, 3, 10) / 1000)
  t.equal(app.layerCount, 2)
  const base = items.find((item) => item.id === IMAGES.base.imageID)!
  t.same(base.repoDigests, [`base@${REGISTRY_DIGEST}`])
  const scratch = items.find((item) => item.id === SCRATCH_ID)!
  t.equal(scratch.sizeBytes, 0)
  t.equal(scratch.created, undefined)
  const matching = await listImages(await fixture.open(), { filter: { references: ['app:l*'] } })
  t.same(matching[0]!.repoTags, ['app:latest'], 'a reference filter narrows the names too')
})

t.test('a root that is not there is an empty store', async (t) => {
  const { openStore } = await import('../../src/index.ts')
  t.same(await listImages(await openStore(`${t.testdir()}/none`)), [])
})
