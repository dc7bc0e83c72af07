import t from 'tap'
import { imageHistory } from '../../src/inspect/image-history.ts'
import { IMAGES, SCRATCH_ID, fixtureStore } from '../support/store-fixture.ts'

t.test('newest first, with the parents and sizes of this store', async (t) => {
  const fixture = await fixtureStore(t)
  const store = await fixture.open()
  const rows = await imageHistory(store, 'app')
  t.same(
    rows.map((row) => row.id),
    [IMAGES.app.imageID, IMAGES.step.imageID, IMAGES.base.imageID],
  )
  const [base, top] = store.image('app').layers
  t.same(
    rows.map((row) => row.sizeBytes),
    [0, top!.sizeBytes, base!.sizeBytes],
  )
  t.same(
    rows.map((row) => row.diffID),
    [undefined, top!.diffID, base!.diffID],
  )
  t.equal(rows[1]!.comment, 'buildkit')
})

t.test('steps that were made elsewhere are missing', async (t) => {
  const fixture = await fixtureStore(t)
  const rows = await imageHistory(await fixture.open(), IMAGES.dangling.imageID)
  t.same(
    rows.map((row) => row.id),
    [IMAGES.dangling.imageID, '<missing>'],
  )
  t.same(await imageHistory(await fixture.open(), SCRATCH_ID), [])
})
