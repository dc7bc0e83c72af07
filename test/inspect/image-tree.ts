import t from 'tap'
import { imageTree, type TreeLayer } from '../../src/inspect/image-tree.ts'
import { chainIDs } from '../../src/digest/chain-id.ts'
import { IMAGES, SCRATCH_ID, fixtureStore } from '../support/store-fixture.ts'

const names = (layer: TreeLayer): string[] => layer.images.flatMap((image) => image.names)

t.test('shared layers stand once', async (t) => {
  const fixture = await fixtureStore(t)
  const store = await fixture.open()
  const tree = await imageTree(store)
  t.equal(tree.bases.length, 1)
  const [base] = tree.bases
  t.equal(base!.chainID, chainIDs(IMAGES.base.diffIDs)[0])
  t.same(names(base!), ['base:1', names(base!)[1]!])
  t.same(
    base!.children.map((child) => names(child)),
    [['app:1', 'app:latest', 'reg.example:5000/team/app:1'], []],
    'the named branch first; the step is no result of its own',
  )
  t.equal(base!.children[1]!.images[0]!.id, IMAGES.dangling.imageID)
  t.same(
    tree.scratch.map((image) => image.id),
    [SCRATCH_ID],
  )
  const sum = store.layers.list().reduce((total, layer) => total + layer.sizeBytes, 0)
  t.equal(tree.sizeBytes, sum, 'every layer is counted once')
})

t.test('only the images asked for, each once', async (t) => {
  const fixture = await fixtureStore(t)
  const store = await fixture.open()
  const tree = await imageTree(store, ['app:1', 'app:latest'])
  t.equal(tree.bases[0]!.children.length, 1)
  t.equal(tree.bases[0]!.images.length, 0)
  t.equal(tree.bases[0]!.children[0]!.images.length, 1)
  await t.rejects(imageTree(store, ['nope']), { code: 'ERR_IMAGE_NOT_FOUND' })
})
