// From everything that a person can have in hand to the names: each kind of ID, each folder of the store, files that an
// upper layer removes, replaces or hides, and what belongs to nothing.

import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { createContainer } from '../../src/containers/create-container.ts'
import { createVolume, findStoreRoot, loadArchive, openStore, why } from '../../src/index.ts'
import type { Store, WhyAnswer } from '../../src/index.ts'
import { buildImage, dockerArchive25, packed } from '../support/image.ts'
import { dir, file, layerTar, opaque, symlink, whiteout } from '../support/layer.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { forgetImage, plantLeaks } from '../support/used-store.ts'

const LAYERS = [
  layerTar(
    dir('etc'),
    file('etc/kept', 'k'),
    file('etc/removed', 'r'),
    file('etc/replaced', 'r'),
    dir('srv'),
    dir('srv/deep'),
    file('srv/deep/hidden', 'h'),
    dir('opt'),
    file('opt/under', 'u'),
  ),
  layerTar(dir('etc'), whiteout('etc/removed'), file('etc/replaced', 'new')),
  layerTar(dir('srv'), opaque('srv'), file('srv/own', 'o'), symlink('opt', 'etc')),
]
const small = buildImage(LAYERS.slice(0, 1))
const full = buildImage(LAYERS)
const lost = buildImage([LAYERS[0]!, layerTar(file('lost', 'l'))])

async function makeStore(t: Parameters<typeof temporaryDirectory>[0]): Promise<Store> {
  const work = temporaryDirectory(t)
  const archive = path.join(work, 'images.tar')
  fs.writeFileSync(
    archive,
    packed(
      dockerArchive25([
        { image: full, tags: ['full:1', 'full:2'] },
        { image: small, tags: ['small:1'] },
        { image: lost, tags: ['lost:1'] },
      ]),
    ),
  )
  const store = await openStore(path.join(work, 'root'), { sync: false })
  await loadArchive(store, archive)
  return store
}

async function one(store: Store, text: string): Promise<WhyAnswer> {
  const [answer, ...more] = await why(store, text)
  if (answer === undefined || more.length > 0) throw new Error(`${more.length + 1} answers`)
  return answer
}

const overlay = (store: Store, ...parts: string[]): string => path.join(store.driver.home, ...parts)

t.test('every name of a layer leads to the same images', async (t) => {
  const store = await makeStore(t)
  const layer = store.image('full:1').layers[1]!
  const link = fs.readFileSync(overlay(store, layer.cacheID, 'link'), 'utf8')
  const chain = layer.chainID.slice(7)
  const texts = [
    layer.chainID,
    chain,
    chain.slice(0, 12),
    layer.diffID,
    layer.diffID.slice(7, 20),
    layer.cacheID,
    layer.cacheID.slice(0, 12),
    link,
    `l/${link}`,
    `overlay2/l/${link}`,
    overlay(store, 'l', link),
    overlay(store, layer.cacheID),
    overlay(store, layer.cacheID, 'diff'),
    overlay(store, layer.cacheID, 'work'),
    overlay(store, layer.cacheID, 'link'),
    `overlay2/${layer.cacheID}/diff`,
    `${layer.cacheID}/diff`,
    layer.path,
    path.join(layer.path, 'cache-id'),
  ]
  for (const text of texts) {
    const answer = await one(store, text)
    t.equal(answer.kind, 'layer', text)
    t.match(answer, {
      layer: { chainID: layer.chainID, diffID: layer.diffID, cacheID: layer.cacheID },
      images: [
        { id: full.imageID, names: ['full:1', 'full:2'], layer: 2, layers: 3, createdBy: 'step 2' },
      ],
    })
    t.equal(answer.images.length, 1)
  }
})

t.test('a shared layer names all of its images, and the containers on it', async (t) => {
  const store = await makeStore(t)
  const { id } = await createContainer(store, 'full:1', { name: 'c1' })
  const base = store.image('small:1').layers[0]!
  const answer = await one(store, base.cacheID)
  t.same(
    answer.images.map(({ names, layer, layers }) => [names[0], layer, layers]),
    [
      ['full:1', 1, 3],
      ['lost:1', 1, 2],
      ['small:1', 1, 1],
    ],
  )
  t.match(answer.containers, [{ id, name: 'c1', status: 'created', relation: 'stands on' }])
})

t.test('containers, by all of their names', async (t) => {
  const store = await makeStore(t)
  const { id } = await createContainer(store, 'full:1', { name: 'c1' })
  const { mountID, initID } = store.mountDB.get(id)!
  const { layout } = store
  for (const text of [
    id,
    id.slice(0, 12),
    'c1',
    mountID,
    mountID.slice(0, 12),
    initID!,
    overlay(store, mountID, 'diff'),
    overlay(store, initID!, 'diff'),
    layout.container(id),
    path.join(layout.container(id), 'config.v2.json'),
    layout.layerMount(id),
  ]) {
    const answer = await one(store, text)
    t.match(answer, {
      kind: 'container',
      containers: [{ id, name: 'c1', relation: 'owns' }],
      images: [{ id: full.imageID }],
    })
  }
})

t.test('images and volumes', async (t) => {
  const store = await makeStore(t)
  await createVolume(store, { name: 'data' })
  const { id } = await createContainer(store, 'full:1', { name: 'c1', volumes: ['data:/v'] })
  const { layout } = store
  for (const text of [
    full.imageID,
    full.imageID.slice(7, 19),
    'full:2',
    layout.imageContent(full.imageID),
  ])
    t.match(await one(store, text), {
      kind: 'image',
      images: [{ id: full.imageID, layers: 3 }],
      containers: [{ id, relation: 'uses' }],
    })
  for (const text of ['data', 'volumes/data', path.join(layout.volumes, 'data/_data/some/file')])
    t.match(await one(store, text), {
      kind: 'volume',
      volume: 'data',
      containers: [{ id, relation: 'uses' }],
    })
})

t.test('a file, and what becomes of it', async (t) => {
  const store = await makeStore(t)
  const layers = store.image('full:1').layers
  const at = async (layer: number, name: string): Promise<WhyAnswer['file']> =>
    (await one(store, overlay(store, layers[layer - 1]!.cacheID, 'diff', name))).file
  const inFull = async (layer: number, name: string): Promise<unknown> => {
    const found = await at(layer, name)
    const sight = found?.sights.find(({ image }) => image === full.imageID)
    const { hiddenBy } = sight ?? {}
    return [found?.type, sight?.visible, hiddenBy?.layer, hiddenBy?.how, hiddenBy?.path]
  }
  const seen = [true, undefined, undefined, undefined]
  t.same(await inFull(1, 'etc/kept'), ['file', ...seen])
  t.same(await inFull(1, 'etc'), ['directory', ...seen], 'directories merge')
  t.same(await inFull(1, 'etc/removed'), ['file', false, 2, 'removes', '/etc/removed'])
  t.same(await inFull(1, 'etc/replaced'), ['file', false, 2, 'replaces', '/etc/replaced'])
  t.same(await inFull(1, 'srv/deep/hidden'), ['file', false, 3, 'hides', '/srv'])
  t.same(await inFull(1, 'opt/under'), ['file', false, 3, 'replaces', '/opt'])
  t.same(await inFull(2, 'etc/replaced'), ['file', ...seen])
  t.same(await inFull(3, 'srv/own'), ['file', ...seen])
  t.same(await inFull(3, 'opt'), ['symlink', ...seen])
  t.same(await inFull(2, 'etc/removed'), ['whiteout', ...seen])
  t.match(await at(1, 'none'), { type: 'absent', sights: [] })
  const removed = await at(1, 'etc/removed')
  t.same(
    removed?.sights.map(({ names, visible }) => [names[0], visible]),
    [
      ['full:1', false],
      ['lost:1', true],
      ['small:1', true],
    ],
    'each image for itself',
  )
})

t.test('a file in a merge comes from somewhere', async (t) => {
  const store = await makeStore(t)
  const { id } = await createContainer(store, 'full:1', { name: 'c1' })
  const { mountID } = store.mountDB.get(id)!
  fs.writeFileSync(overlay(store, mountID, 'diff/written'), 'w')
  const from = async (name: string): Promise<unknown> => {
    const { file: found } = await one(store, overlay(store, mountID, 'merged', name))
    return found?.from ?? found?.type
  }
  t.equal(await from('etc/kept'), 1)
  t.equal(await from('etc/replaced'), 2)
  t.equal(await from('srv/own'), 3)
  t.equal(await from('etc/removed'), 'absent')
  t.equal(await from('written'), 'container')
  t.equal(await from('.dockerenv'), 'init')
})

t.test('what belongs to nothing is explained', async (t) => {
  const store = await makeStore(t)
  const { root } = store
  const { cacheID } = store.image('lost:1').layers[1]!
  await forgetImage(root, lost.imageID)
  for (const { kind, path: at } of plantLeaks(root, store)) {
    t.match(await one(store, path.join(root, at)), { kind: 'leak', leak: { kind, path: at } }, at)
    t.match(await one(store, at), { kind: 'leak', leak: { kind } }, `relative: ${at}`)
  }
  t.match(await one(store, cacheID), { kind: 'leak', leak: { kind: 'unreferenced-layer' } })
  t.match(await one(store, `overlay2/l/ORPHANORPHANORPHANORPHANOR/file`), {
    leak: { kind: 'driver-directory' },
  })
})

t.test('the files of a layer that lost a fact, and that an image needs', async (t) => {
  const store = await makeStore(t)
  const top = store.image('full:1').layers.at(-1)!
  fs.rmSync(path.join(top.path, 'diff'))
  const answer = await one(store, overlay(store, top.cacheID))
  t.equal(answer.kind, 'store', 'no build cache has it')
  t.match(answer.note, /^the files of layer \w{64}, whose .* load the image that needs it again$/)
  t.same(
    answer.images.map(({ names, layer }) => [names, layer]),
    [[['full:1', 'full:2'], 3]],
  )
})

t.test('the store’s own places say what they are for', async (t) => {
  const store = await makeStore(t)
  for (const at of [
    '',
    'image',
    'overlay2',
    'overlay2/l',
    'image/overlay2/repositories.json',
    'shale',
  ])
    t.match(await one(store, path.join(store.root, at)), { kind: 'store', note: /\w/ }, at)
})

t.test('what nobody knows', async (t) => {
  const store = await makeStore(t)
  for (const text of ['nobody', 'f'.repeat(64), '/etc/passwd', overlay(store, 'none/diff')])
    await t.rejects(why(store, text), { code: 'ERR_OWNER_NOT_FOUND' }, text)
})

t.test('the root is found from a path', async (t) => {
  const store = await makeStore(t)
  const { cacheID } = store.image('small:1').layers[0]!
  const inside = overlay(store, cacheID, 'diff/etc/kept')
  t.same(findStoreRoot(inside), {
    root: store.root,
    parts: ['overlay2', cacheID, 'diff', 'etc', 'kept'],
  })
  t.equal(findStoreRoot('/proc/self'), undefined)
})
