// Saving out of a store, with layers that are large enough for threads of their own: the same bytes by every way, and
// what is not as it was loaded is named.

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { openStore, type Store } from '../../src/store/store.ts'
import { loadArchive } from '../../src/transfer/load.ts'
import { saveArchive, saveArchiveTo, saveDirectory } from '../../src/transfer/save.ts'
import { openArchive } from '../../src/transfer/open-archive.ts'
import { buildImage, dockerArchive25, packed } from '../support/image.ts'
import { dir, file, layerTar } from '../support/layer.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const MIB = 1 << 20
const small = (name: string, count: number, sizeBytes: number) =>
  Array.from({ length: count }, (_, i) =>
    file(`${name}/${i}`, Buffer.alloc(sizeBytes + (i % 7), i + 1)),
  )

const image = buildImage([
  layerTar(dir('a'), ...small('a', 600, 9000)),
  layerTar(file('big', Buffer.alloc(5 * MIB + 3, 'big')), file('edge', Buffer.alloc(MIB, 'e'))),
  layerTar(dir('c'), ...small('c', 5, 1.5 * MIB)),
  layerTar(file('little', 'l')),
])

async function storeWith(directory: string): Promise<Store> {
  const archive = path.join(directory, 'in.tar')
  fs.writeFileSync(archive, packed(dockerArchive25([{ image, tags: ['app:1'] }])))
  const store = await openStore(path.join(directory, 'root'), { sync: false })
  await loadArchive(store, archive)
  return store
}

async function streamed(store: Store): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of await saveArchive(store, ['app:1'])) chunks.push(chunk)
  return Buffer.concat(chunks)
}

async function written(store: Store, at: string, signal?: AbortSignal): Promise<Buffer> {
  const fd = fs.openSync(at, 'w')
  try {
    await saveArchiveTo(store, ['app:1'], { fd, path: at }, signal ? { signal } : {})
  } finally {
    fs.closeSync(fd)
  }
  return fs.readFileSync(at)
}

t.test('as a stream, into a file and as a directory', async (t) => {
  const directory = temporaryDirectory(t)
  const store = await storeWith(directory)
  const stream = await streamed(store)
  const out = path.join(directory, 'out')
  t.ok((await written(store, out)).equals(stream))
  const layout = path.join(directory, 'layout')
  await saveDirectory(store, ['app:1'], layout)
  for (const at of [out, layout]) {
    const archive = await openArchive(at, { spoolDirectory: directory })
    const layers = archive.images[0]!.layers.map(({ blob }) => {
      const { file, offset, sizeBytes } = blob
      return fs.readFileSync(file).subarray(offset, offset + sizeBytes)
    })
    t.ok(layers.every((layer, i) => layer.equals(image.layers[i]!)))
    await archive.close()
  }
  await t.rejects(written(store, out, AbortSignal.abort(new Error('enough'))), {
    message: 'enough',
  })
})

t.test(
  'where layers wait for a thread, a signal and a damaged layer end all of them',
  async (t) => {
    const directory = temporaryDirectory(t)
    // More than there are threads, and the longest is begun first.
    const layers = Array.from({ length: 7 }, (_, i) =>
      layerTar(file(`f${i}`, Buffer.alloc(5 * MIB - i, i + 1))),
    )
    const archive = path.join(directory, 'in.tar')
    fs.writeFileSync(
      archive,
      packed(dockerArchive25([{ image: buildImage(layers), tags: ['app:1'] }])),
    )
    const store = await openStore(path.join(directory, 'root'), { sync: false })
    await loadArchive(store, archive)
    const out = path.join(directory, 'out')

    const abort = new AbortController()
    const reason = new Error('enough')
    const fd = fs.openSync(out, 'w')
    const saving = saveArchiveTo(
      store,
      ['app:1'],
      { fd, path: out },
      {
        signal: abort.signal,
        onProgress: (step) => {
          if (step.kind === 'layer' && step.state !== 'waiting') abort.abort(reason)
        },
      },
    )
    await t.rejects(saving, reason)
    fs.closeSync(fd)

    const { cacheID } = store.image('app:1').layers[0]!
    fs.truncateSync(path.join(store.driver.layerDirectory(cacheID), 'f0'), 1)
    await t.rejects(written(store, out), { code: 'ERR_FILE_CHECKSUM' })
  },
)

/** What befalls a file of a layer, and how it is told. */
const CHANGES: Readonly<
  Record<string, [change: (file: string) => void, expected: { code: string; message: RegExp }]>
> = {
  'another byte': [
    (file) => fs.writeFileSync(file, Buffer.from('x'), { flag: 'r+' }),
    { code: 'ERR_FILE_CHECKSUM', message: /its checksum is/ },
  ],
  'a byte more': [
    (file) => fs.appendFileSync(file, 'x'),
    { code: 'ERR_FILE_CHECKSUM', message: /has changed since it was loaded: it has/ },
  ],
  'a byte less': [
    (file) => fs.truncateSync(file, fs.statSync(file).size - 1),
    { code: 'ERR_FILE_CHECKSUM', message: /has changed since it was loaded: it has/ },
  ],
  removed: [(file) => fs.rmSync(file), { code: 'ERR_STORE_CORRUPT', message: /is missing/ }],
  'a directory': [
    (file) => {
      fs.rmSync(file)
      fs.mkdirSync(file)
    },
    { code: 'ERR_STORE_CORRUPT', message: /is missing/ },
  ],
  'a FIFO': [
    (file) => {
      fs.rmSync(file)
      spawnSync('mkfifo', [file])
    },
    { code: 'ERR_STORE_CORRUPT', message: /is missing/ },
  ],
}

t.test('a file that is not as it was loaded is named, by every way', async (t) => {
  const directory = temporaryDirectory(t)
  const store = await storeWith(directory)
  const layers = store.image('app:1').layers
  const files: [layer: number, name: string][] = [
    [0, 'a/17'],
    [1, 'big'],
    [2, 'c/3'],
    [3, 'little'],
  ]
  for (const [index, [what, [change, expected]]] of Object.entries(CHANGES).entries()) {
    const chosen = index < 2 ? files.slice(0, 2) : files.slice(index - 2, index - 1)
    for (const [layer, name] of chosen) {
      const at = path.join(store.driver.layerDirectory(layers[layer]!.cacheID), name)
      const before = fs.readFileSync(at)
      change(at)
      const told = { ...expected, details: { entry: name } }
      await t.rejects(streamed(store), told, `${name}: ${what}`)
      await t.rejects(written(store, path.join(directory, 'out')), told, `${name}: ${what}`)
      fs.rmSync(at, { recursive: true, force: true })
      fs.writeFileSync(at, before)
    }
  }
  t.ok((await written(store, path.join(directory, 'out'))).equals(await streamed(store)))
})

t.test('a damaged tar-split', async (t) => {
  const directory = temporaryDirectory(t)
  const store = await storeWith(directory)
  const { splitPath } = store.image('app:1').layers[0]!
  const bytes = fs.readFileSync(splitPath!)
  for (const damaged of [bytes.subarray(0, bytes.length >> 1), Buffer.from('no gzip at all')]) {
    fs.writeFileSync(splitPath!, damaged)
    await t.rejects(streamed(store), { code: 'ERR_SPLIT_CORRUPT' })
    await t.rejects(written(store, path.join(directory, 'out')), { code: 'ERR_SPLIT_CORRUPT' })
  }
})
