// `shale why` as its user sees it: sentences that lead from a path to the names.

import path from 'node:path'
import t from 'tap'
import { createContainer } from '../../src/containers/create-container.ts'
import { shaleInProcess } from '../support/in-process.ts'
import { fixtureStore, IMAGES } from '../support/store-fixture.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { plantLeaks } from '../support/used-store.ts'

t.test('a file of a layer', async (t) => {
  const { root, open } = await fixtureStore(t)
  const store = await open()
  const { id } = await createContainer(store, 'app:1', { name: 'c1' })
  const [base, top] = store.image('app:1').layers
  const file = path.join(root, 'overlay2', base!.cacheID, 'diff/etc/old')
  const done = await shaleInProcess(['why', file], { root })
  t.equal(done.code, 0, done.stderr)
  const { app } = IMAGES
  t.equal(
    done.stdout,
    `overlay2/${base!.cacheID}/diff is layer 1 of 2 of image app:1 (${app.imageID}, also called app:latest, reg.example:5000/team/app:1)
  created by  /bin/sh -c #(nop) ADD file:1 in / 
  diffID      ${base!.diffID}
  chainID     ${base!.chainID}
  cache-id    ${base!.cacheID}
  size        ${base!.sizeBytes}B
  also layer 1 of 1 of image base:1 (${IMAGES.base.imageID}, also called base@sha256:${'ab'.repeat(32)})
  also a part of 2 images without a name
  used by container c1 (${id}, created)
  /etc/old (file)
    hidden in app:1: layer 2 removes /etc/old
    visible in base:1
`,
  )
  const whiteout = path.join(root, 'overlay2', top!.cacheID, 'diff/etc/old')
  const other = await shaleInProcess(['why', whiteout], { root })
  t.match(other.stdout, '/etc/old (whiteout: it removes what lies below)\n    in effect in app:1\n')
})

t.test('in another root than --root', async (t) => {
  const { root, open } = await fixtureStore(t)
  const { cacheID } = (await open()).image('base:1').layers[0]!
  const empty = path.join(temporaryDirectory(t), 'empty')
  const done = await shaleInProcess(['why', path.join(root, 'overlay2', cacheID)], { root: empty })
  t.match(done.stdout, `overlay2/${cacheID} is layer 1 of`)
})

t.test('what is leaked, with the remedy', async (t) => {
  const { root, open } = await fixtureStore(t)
  plantLeaks(root, await open())
  const done = await shaleInProcess(['why', `overlay2/${'f'.repeat(64)}/diff`], { root })
  t.equal(
    done.stdout,
    `overlay2/${'f'.repeat(64)}/diff belongs to nothing: a directory that no layer and no container owns\n  shale system prune gives it back\n`,
  )
})

t.test('several, of which one is unknown', async (t) => {
  const { root } = await fixtureStore(t)
  const done = await shaleInProcess(['why', 'app:1', 'nobody', 'base:1'], { root })
  t.equal(done.code, 3)
  t.match(
    done.stdout,
    /^name app:1 is of image app:1 .*, 2 layers\n\nname base:1 is of image base:1/,
  )
  t.match(done.stderr, 'cannot tell what "nobody" is')
  t.equal((await shaleInProcess(['why', 'nobody'], { root })).code, 10)
})

t.test('--json', async (t) => {
  const { root } = await fixtureStore(t)
  const done = await shaleInProcess(['why', '--json', 'app:1', 'base:1'], { root })
  const answers = JSON.parse(done.stdout) as { kind: string; query: string }[]
  t.same(
    answers.map(({ kind, query }) => [kind, query]),
    [
      ['image', 'app:1'],
      ['image', 'base:1'],
    ],
  )
})
