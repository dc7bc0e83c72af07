// `shale rmi` as its user sees it: docker's lines in docker's order, several images with one that fails, and nothing
// left of what was removed.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { chainIDs } from '../../src/digest/chain-id.ts'
import { buildImage, dockerArchive25, packed, smallImage } from '../support/image.ts'
import { shaleInProcess } from '../support/in-process.ts'
import { file, layerTar } from '../support/layer.ts'
import { fixtureStore, IMAGES, REGISTRY_DIGEST, SCRATCH_ID } from '../support/store-fixture.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const image = smallImage()
/** Shares its base with `image`. */
const other = buildImage([image.layers[0]!, layerTar(file('other', 'x'))])

async function storeOf(t: Test): Promise<string> {
  const root = path.join(temporaryDirectory(t), 'root')
  const stdin = packed(
    dockerArchive25([
      { image, tags: ['app:1', 'app:2'] },
      { image: other, tags: ['other:1'] },
    ]),
  )
  const done = await shaleInProcess(['load', '-q'], { root, stdin })
  if (done.code !== 0) throw new Error(done.stderr)
  return root
}

t.test('a name, then the last name with its image and its own layers', async (t) => {
  const root = await storeOf(t)
  t.equal((await shaleInProcess(['rmi', 'app:2'], { root })).stdout, 'Untagged: app:2\n')
  const [base, top] = chainIDs(image.diffIDs)
  const last = await shaleInProcess(['image', 'rm', 'app:1'], { root })
  t.equal(last.stdout, `Untagged: app:1\nDeleted: ${image.imageID}\nDeleted: ${top}\n`)
  t.match((await shaleInProcess(['layers', '--no-trunc', 'other:1'], { root })).stdout, base)
})

t.test('an image with two names is refused by ID, and forced', async (t) => {
  const root = await storeOf(t)
  const refused = await shaleInProcess(['rmi', image.imageID], { root })
  t.equal(refused.code, 1)
  t.equal(
    refused.stderr,
    `shale: conflict: unable to delete ${image.imageID.slice(7, 19)} (must be forced) - image is referenced in multiple repositories\n`,
  )
  const forced = await shaleInProcess(['rmi', '-f', image.imageID], { root })
  t.equal(forced.code, 0)
  t.match(forced.stdout, /^Untagged: app:1\nUntagged: app:2\nDeleted: /)
})

t.test('goes on after a failure; the code says that it was part of it', async (t) => {
  const root = await storeOf(t)
  const part = await shaleInProcess(['rmi', 'nope', 'app:1', 'nada'], { root })
  t.equal(part.code, 3)
  t.equal(part.stdout, 'Untagged: app:1\n')
  t.equal(part.stderr, 'shale: No such image: nope:latest\nshale: No such image: nada:latest\n')
  const none = await shaleInProcess(['rmi', 'nope', 'nada'], { root })
  t.equal(none.code, 10, 'nothing was done: the code of the first failure')
})

t.test('with --force what is not there counts as removed, and is told', async (t) => {
  const root = await storeOf(t)
  const done = await shaleInProcess(['rmi', '-f', 'nope', 'other:1'], { root })
  t.equal(done.code, 0)
  t.equal(done.stderr, 'shale: No such image: nope:latest\n')
  t.match(done.stdout, /^Untagged: other:1\n/)
})

t.test('--json gives the lines as records', async (t) => {
  const root = await storeOf(t)
  const done = await shaleInProcess(['--json', 'rmi', 'other:1'], { root })
  t.same(JSON.parse(done.stdout), [
    { kind: 'untagged', name: 'other:1' },
    { kind: 'deleted', id: other.imageID },
    { kind: 'deleted', id: chainIDs(other.diffIDs)[1] },
  ])
})

t.test('when all is removed, nothing of it is left', async (t) => {
  const root = await storeOf(t)
  const done = await shaleInProcess(['rmi', '-f', 'app:1', 'app:2', 'other:1'], { root })
  t.equal(done.code, 0, done.stderr)
  t.same(fs.readdirSync(path.join(root, 'overlay2')), ['l'])
  t.same(fs.readdirSync(path.join(root, 'overlay2/l')), [])
  const image = path.join(root, 'image/overlay2')
  for (const where of [
    'layerdb/sha256',
    'layerdb/tmp',
    'imagedb/content/sha256',
    'imagedb/metadata/sha256',
  ]) {
    t.same(fs.readdirSync(path.join(image, where)), [], where)
  }
  t.equal(fs.readFileSync(path.join(image, 'repositories.json'), 'utf8'), '{"Repositories":{}}')
})

t.test('by digest: the name goes as it was given, and a tag beside the digest stays', async (t) => {
  const { root, open } = await fixtureStore(t)
  const name = `base:none@${REGISTRY_DIGEST}`
  const done = await shaleInProcess(['rmi', name], { root })
  t.same([done.code, done.stdout], [0, `Untagged: ${name}\n`])
  const left = (await open()).references().namesOf(IMAGES.base.imageID)
  t.same(
    left.map((stored) => stored.name),
    ['base:1'],
  )
})

t.test('a dry run prints what then goes, whatever is named in whatever order', async (t) => {
  const given = await fixtureStore(t)
  const directory = temporaryDirectory(t)
  const create = await shaleInProcess(['create', '--name', 'web', 'base:1', 'true'], given)
  t.equal(create.code, 0)
  const words = [
    ...['base:1', 'app:1', 'app:latest', 'reg.example:5000/team/app:1', 'void', 'nothing:1'],
    `base@${REGISTRY_DIGEST}`,
    SCRATCH_ID,
    ...Object.values(IMAGES).map(({ imageID }) => imageID.slice(7, 19)),
  ]
  let trial = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...words), { minLength: 1, maxLength: 6 }),
      fc.subarray(['--force', '--no-prune']),
      async (names, flags) => {
        const root = path.join(directory, String(trial++))
        // Node's own copies no devices, which whiteouts are.
        execFileSync('cp', ['-a', given.root, root])
        const args = ['rmi', ...flags, ...names]
        const before = facts(root)
        const dry = await shaleInProcess([...args, '--dry-run'], { root })
        assert.deepEqual(facts(root), before, 'a dry run changes nothing')
        const done = await shaleInProcess(args, { root })
        const said = `shale: a dry run: nothing is removed\n${done.stderr}`
        assert.deepEqual([dry.code, dry.stdout, dry.stderr], [done.code, done.stdout, said])
        fs.rmSync(root, { recursive: true })
      },
    ),
    { numRuns: 60 },
  )
})

function facts(root: string): unknown {
  const image = path.join(root, 'image/overlay2')
  return [
    fs.readFileSync(path.join(image, 'repositories.json'), 'utf8'),
    ...['imagedb/content/sha256', 'imagedb/metadata/sha256', 'layerdb/sha256'].map((folder) =>
      fs.readdirSync(path.join(image, folder)),
    ),
  ]
}
