// prune, dry and real: the same report from both, the bytes held against the disk, what is in use left alone.

import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { createContainer } from '../../src/containers/create-container.ts'
import {
  createVolume,
  loadArchive,
  openStore,
  parsePruneFilters,
  prune,
  usage,
  why,
  type PruneOptions,
} from '../../src/index.ts'
import { copyTree } from '../support/dockerd.ts'
import { unless } from '../support/host.ts'
import { dockerArchive25, packed } from '../support/image.ts'
import { fixtureStore, IMAGES, SCRATCH_ID } from '../support/store-fixture.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { blocksBelow, forgetImage, plantLeaks, reopen } from '../support/used-store.ts'

const NOW_NS = BigInt(Date.now()) * 1_000_000n

/** Leaks, a container, volumes: all that a prune can meet. */
async function usedRoot(t: Parameters<typeof fixtureStore>[0]): Promise<string> {
  const { root, open } = await fixtureStore(t)
  const store = await open()
  await createVolume(store, { name: 'named' })
  await createVolume(store, { name: 'used', labels: { keep: 'yes' } })
  await createVolume(store, {})
  fs.writeFileSync(path.join(root, 'volumes/named/_data/file'), Buffer.alloc(30_000, 1))
  await createContainer(store, 'app:1', { name: 'c1', volumes: ['used:/data'], labels: { a: 'b' } })
  plantLeaks(root, store)
  return root
}

const CASES: Readonly<Record<string, PruneOptions>> = {
  'as system prune': {},
  'as system prune -a --volumes': { allImages: true, volumes: 'anonymous' },
  'as image prune': { containers: false, leaks: false },
  'as image prune -a': { containers: false, leaks: false, allImages: true },
  'as volume prune -a': { containers: false, images: false, leaks: false, volumes: 'all' },
  'leaks alone': { containers: false, images: false },
  'until an hour ago': {
    filter: parsePruneFilters(['until=1h'], ['until'], NOW_NS),
    allImages: true,
  },
}

for (const [name, options] of Object.entries(CASES))
  t.test(`a dry run says what a run does, ${name}`, async (t) => {
    const root = await usedRoot(t)
    const dry = await prune(await reopen(root), { ...options, dryRun: true })
    const before = blocksBelow(root)
    const run = await prune(await reopen(root), options)
    t.same(run, dry)
    t.equal(before - blocksBelow(root), run.reclaimedBytes, 'blocks on disk')
    const again = await prune(await reopen(root), options)
    t.same(again, { containers: [], volumes: [], images: [], leaks: [], reclaimedBytes: 0 })
  })

t.test('a dry run changes nothing', async (t) => {
  const root = await usedRoot(t)
  const copy = path.join(temporaryDirectory(t), 'root')
  copyTree(root, copy)
  await prune(await reopen(root), { allImages: true, volumes: 'all', dryRun: true })
  t.same(namesBelow(root), namesBelow(copy))
})

function namesBelow(root: string): string[] {
  return (fs.readdirSync(root, { recursive: true }) as string[]).sort()
}

t.test('all that is unused and leaked goes, and what is used stays', async (t) => {
  const root = await usedRoot(t)
  const done = await prune(await reopen(root), {
    containers: false,
    allImages: true,
    volumes: 'all',
  })
  const store = await reopen(root)
  const left = new Set(store.images().map(({ id }) => id as string))
  t.same(left, new Set([IMAGES.app.imageID, IMAGES.step.imageID, IMAGES.base.imageID]))
  t.same(store.references().namesOf(IMAGES.base.imageID), [], 'a name that no container needs goes')
  t.equal(store.references().namesOf(IMAGES.app.imageID).length, 3)
  t.same(fs.readdirSync(path.join(root, 'volumes')), ['used'])
  t.same((await usage(store)).leaks, [])
  t.ok(done.images.some((line) => line.kind === 'deleted' && line.id === IMAGES.dangling.imageID))
  t.ok(done.images.some((line) => line.kind === 'deleted' && line.id === SCRATCH_ID))
  const { cacheID } = store.imageOf(IMAGES.app.imageID).layers.at(-1)!
  t.ok(fs.existsSync(path.join(root, 'overlay2', cacheID, 'diff/etc/motd')))
})

t.test('everything: what is left is as small as an empty store', async (t) => {
  const root = await usedRoot(t)
  await forgetImage(root, IMAGES.dangling.imageID)
  await prune(await reopen(root), { allImages: true, volumes: 'all' })
  for (const dir of ['overlay2/l', 'volumes', 'containers', 'tmp'])
    t.same(fs.readdirSync(path.join(root, dir)), [], dir)
  t.same(fs.readdirSync(path.join(root, 'overlay2')), ['l'])
  for (const dir of ['layerdb/sha256', 'layerdb/tmp', 'layerdb/mounts', 'imagedb/content/sha256'])
    t.same(fs.readdirSync(path.join(root, 'image/overlay2', dir)), [], dir)
  t.equal(
    fs.readFileSync(path.join(root, 'image/overlay2/repositories.json'), 'utf8'),
    '{"Repositories":{}}',
  )
})

t.test('dangling is without a tag and without children', async (t) => {
  const root = await usedRoot(t)
  const { images } = await prune(await reopen(root), {
    containers: false,
    leaks: false,
    dryRun: true,
  })
  t.same(
    images
      .filter((line) => line.kind === 'deleted')
      .map((line) => line.kind === 'deleted' && line.id)[0],
    IMAGES.dangling.imageID,
  )
  t.ok(
    images.every((line) => line.kind === 'deleted'),
    'no name goes',
  )
})

t.test('labels choose; what is leaked has none', async (t) => {
  const root = await usedRoot(t)
  const pruned = async (filter: string): Promise<unknown> => {
    const { containers, images, leaks, volumes } = await prune(await reopen(root), {
      allImages: true,
      volumes: 'all',
      filter: parsePruneFilters([filter], ['label', 'label!'], NOW_NS),
      dryRun: true,
    })
    const ids = images
      .filter((line) => line.kind === 'untagged')
      .map((line) => line.kind === 'untagged' && line.name)
    // Every writer sweeps what a killed shale left.
    const swept = leaks.filter(({ kind }) => kind !== 'transaction')
    return { containers: containers.length, names: ids, leaks: swept.length, volumes }
  }
  t.same(await pruned('label=stage=base'), {
    containers: 0,
    names: ['base:1', 'base@sha256:' + 'ab'.repeat(32)],
    leaks: 0,
    volumes: [],
  })
  t.match(await pruned('label=a=b'), { containers: 1, names: [], leaks: 0 })
  t.match(await pruned('label=keep'), { volumes: [] }, 'its container stays')
})

t.test('a link that another directory copied is not taken from its owner', async (t) => {
  const { root, open } = await fixtureStore(t)
  const { cacheID } = (await open()).imageOf(IMAGES.app.imageID).layers[0]!
  copyTree(path.join(root, 'overlay2', cacheID), path.join(root, 'overlay2', `${cacheID}.bak`))
  const { leaks } = await prune(await open(), { images: false, containers: false })
  t.same(
    leaks.map((leak) => leak.path),
    [`overlay2/${cacheID}.bak`],
  )
  const link = fs.readFileSync(path.join(root, 'overlay2', cacheID, 'link'), 'utf8')
  t.equal(fs.readlinkSync(path.join(root, 'overlay2/l', link)), `../${cacheID}/diff`)
})

t.test('a prune that was killed is completed by the next', async (t) => {
  const root = await usedRoot(t)
  const store = await reopen(root)
  const expected = await prune(store, { allImages: true, volumes: 'all', dryRun: true })
  // The journal is there, and nothing was carried out: as after SIGKILL at that moment.
  const frozen = path.join(temporaryDirectory(t), 'root')
  const original = fs.renameSync
  t.teardown(() => {
    fs.renameSync = original
  })
  let copied = false
  fs.renameSync = (from, to): void => {
    original(from, to)
    if (!copied && String(to).endsWith('journal.json')) {
      copied = true
      copyTree(root, frozen)
    }
  }
  await prune(store, { allImages: true, volumes: 'all' })
  fs.renameSync = original
  t.ok(copied)
  await reopen(frozen)
  t.same(namesBelow(frozen), namesBelow(root))
  t.ok(expected.images.length > 0)
})

t.test('an aborted prune leaves all as it was', async (t) => {
  const root = await usedRoot(t)
  const aborted = AbortSignal.abort(new Error('no'))
  await t.rejects(prune(await reopen(root), { signal: aborted }), { message: 'no' })
  t.ok((await usage(await reopen(root))).leaks.length > 0)
})

t.test('layers of a config that another engine may read stay', async (t) => {
  const { root, open } = await fixtureStore(t)
  const store = await open()
  const { layers } = store.imageOf(IMAGES.dangling.imageID)
  // shale's reader refuses such a history; the bytes are whole, and a later engine may take them.
  const bytes = Buffer.from(
    JSON.stringify({
      rootfs: { type: 'layers', diff_ids: IMAGES.dangling.diffIDs },
      history: 'in another form',
    }),
  )
  const content = path.join(root, 'image/overlay2/imagedb/content/sha256')
  await forgetImage(root, IMAGES.dangling.imageID)
  const hex = createHash('sha256').update(bytes).digest('hex')
  fs.writeFileSync(path.join(content, hex), bytes)
  t.equal(store.imageDB.get(`sha256:${hex}` as never), undefined, 'no image to shale')
  const { leaks } = await prune(await open(), { images: false, containers: false })
  t.same(leaks, [])
  t.ok(fs.existsSync(layers[1]!.path))
})

t.test(
  'of a store that cannot be read nothing is taken',
  { skip: unless({ ordinaryUser: true }) },
  async (t) => {
    const root = await usedRoot(t)
    const closed = path.join(root, 'image/overlay2/imagedb')
    fs.chmodSync(closed, 0)
    t.teardown(() => fs.chmodSync(closed, 0o700))
    for (const dryRun of [true, false])
      await t.rejects(prune(await reopen(root), { dryRun }), { code: 'ERR_PERMISSION' })
    fs.chmodSync(closed, 0o700)
    t.equal((await reopen(root)).images().length, 5)
  },
)

for (const lost of ['init-id', 'mount-id'])
  t.test(`a container whose ${lost} is lost keeps its directories`, async (t) => {
    const { root, open } = await fixtureStore(t)
    const { id } = await createContainer(await open(), 'app:1', { name: 'c1' })
    const home = path.join(root, 'overlay2')
    const mount = path.join(root, 'image/overlay2/layerdb/mounts', id)
    const mountID = fs.readFileSync(path.join(mount, 'mount-id'), 'utf8')
    fs.writeFileSync(path.join(home, mountID, 'diff/mine'), 'of the user')
    fs.rmSync(path.join(mount, lost))
    const orphan = 'f'.repeat(64)
    fs.mkdirSync(path.join(home, orphan))
    const before = fs.readdirSync(home)
    const store = await reopen(root)
    const [asked] = await why(store, path.join(home, `${mountID}-init`))
    t.match(asked, { kind: 'store', note: /a container may need it/ })
    await prune(store, { containers: false, images: false })
    t.same(
      fs.readdirSync(home),
      before.filter((name) => name !== orphan),
      'all but what is no container’s',
    )
    t.ok(fs.existsSync(path.join(home, mountID, 'diff/mine')))
  })

t.test('with vfs as well', async (t) => {
  const work = temporaryDirectory(t)
  const root = path.join(work, 'root')
  const archive = path.join(work, 'image.tar')
  fs.writeFileSync(
    archive,
    packed(dockerArchive25([{ image: IMAGES.app, tags: ['app:1'] }, { image: IMAGES.base }])),
  )
  const store = await openStore(root, { driver: 'vfs', sync: false })
  await loadArchive(store, archive)
  const orphan = path.join(root, 'vfs/dir', 'f'.repeat(64))
  fs.mkdirSync(orphan)
  fs.writeFileSync(path.join(orphan, 'file'), Buffer.alloc(30_000, 1))
  const found = await usage(store)
  t.equal(found.totalBytes, blocksBelow(root))
  t.same(
    found.leaks.map((leak) => [leak.kind, leak.bytes]),
    [['driver-directory', blocksBelow(orphan)]],
  )
  const before = blocksBelow(root)
  const dry = await prune(store, { allImages: true, dryRun: true })
  const run = await prune(store, { allImages: true })
  t.same(run, dry)
  t.equal(before - blocksBelow(root), run.reclaimedBytes)
  t.same(fs.readdirSync(path.join(root, 'vfs/dir')), [])
})
