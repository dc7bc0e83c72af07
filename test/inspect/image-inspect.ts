import t from 'tap'
import { inspectImage } from '../../src/inspect/image-inspect.ts'
import { chainIDs } from '../../src/digest/chain-id.ts'
import {
  IMAGES,
  LAST_TAGGED,
  REGISTRY_DIGEST,
  SCRATCH_ID,
  fixtureStore,
} from '../support/store-fixture.ts'

t.test('docker’s document', async (t) => {
  const fixture = await fixtureStore(t)
  const store = await fixture.open()
  const app = await inspectImage(store, 'app')
  t.same(Object.keys(app), [
    'Id',
    'RepoTags',
    'RepoDigests',
    'Parent',
    'Comment',
    'Created',
    'Container',
    'ContainerConfig',
    'DockerVersion',
    'Author',
    'Config',
    'Architecture',
    'Os',
    'Size',
    'VirtualSize',
    'GraphDriver',
    'RootFS',
    'Metadata',
  ])
  t.equal(app.Id, IMAGES.app.imageID)
  t.equal(app.Parent, IMAGES.step.imageID)
  t.equal(app.Created, '2024-01-03T10:00:00.5Z')
  t.equal(app.Author, 'somebody')
  t.equal(app.Metadata.LastTagTime, LAST_TAGGED)
  t.same(app.RootFS.Layers, IMAGES.app.diffIDs)
  t.same(app.RootFS.ChainIDs, chainIDs(IMAGES.app.diffIDs))
  const { Data, Name } = app.GraphDriver
  t.equal(Name, 'overlay2')
  t.match(Data!['UpperDir'], /overlay2\/[0-9a-f]{64}\/diff$/)
  t.match(Data!['LowerDir'], /overlay2\/[0-9a-f]{64}\/diff$/)
  t.not(Data!['LowerDir'], Data!['UpperDir'])
  t.same((await inspectImage(store, 'base:1')).RepoDigests, [`base@${REGISTRY_DIGEST}`])
})

t.test('an image that says nothing', async (t) => {
  const fixture = await fixtureStore(t)
  const scratch = await inspectImage(await fixture.open(), SCRATCH_ID)
  t.equal(scratch.Created, '0001-01-01T00:00:00Z')
  t.equal(scratch.Metadata.LastTagTime, '0001-01-01T00:00:00Z')
  t.equal(scratch.GraphDriver.Data, null)
  t.same(scratch.RootFS, { Type: 'layers' })
  t.equal(scratch.ContainerConfig['Env'], null, 'the zero value of docker’s struct')
})

t.test('a comment comes from the history where the config has none', async (t) => {
  const fixture = await fixtureStore(t)
  const store = await fixture.open()
  t.equal((await inspectImage(store, IMAGES.step.imageID)).Comment, 'buildkit')
})

t.test('names that lead nowhere, or to several', async (t) => {
  const fixture = await fixtureStore(t)
  const store = await fixture.open()
  await t.rejects(inspectImage(store, 'nope'), { code: 'ERR_IMAGE_NOT_FOUND' })
  await t.rejects(inspectImage(store, 'UPPER'), { code: 'ERR_REFERENCE_SYNTAX' })
  t.equal((await inspectImage(store, IMAGES.app.imageID.slice(7, 19))).Id, IMAGES.app.imageID)
})
