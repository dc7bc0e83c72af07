// What is saved, read back by shale and by hand, and the promises about a directory that is written.

import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import type { ImageID } from '../../src/digest/digest.ts'
import { parseReference } from '../../src/reference/reference.ts'
import { placeTar } from '../../src/archive/reassemble.ts'
import { writeTar } from '../../src/tar/writer.ts'
import type { SaveImage, SaveLayer } from '../../src/transfer/archive.ts'
import type { ArchiveMember } from '../../src/transfer/image-documents.ts'
import { writePlaced } from '../../src/transfer/placed-archive.ts'
import { dockerArchive } from '../../src/transfer/docker-archive-sink.ts'
import { ociArchive, writeOciDirectory } from '../../src/transfer/oci-sink.ts'
import { openArchive } from '../../src/transfer/open-archive.ts'
import { TarMembers } from '../../src/transfer/tar-members.ts'
import { pathFromText } from '../../src/path/byte-path.ts'
import { findFile } from '../../src/transfer/members.ts'
import { buildImage, dockerArchive25, smallImage, type BuiltImage } from '../support/image.ts'
import { diffIDOf, file, layerTar, sha256Text } from '../support/layer.ts'
import { temporaryDirectory } from '../support/temporary.ts'

function saved(image: BuiltImage, names: readonly string[] = [], parent?: ImageID): SaveImage {
  return {
    imageID: image.imageID,
    configBytes: image.configBytes,
    references: names.map(parseReference),
    ...(parent === undefined ? {} : { parent }),
    layers: image.layers.map((tar) => savedLayer(tar, tar.length)),
  }
}

function savedLayer(tar: Buffer, tarBytes: number): SaveLayer {
  const diffID = diffIDOf(tar)
  // In odd pieces, as a reassembled layer comes.
  async function* open(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < tar.length; at += 700) yield tar.subarray(at, at + 700)
  }
  return {
    diffID,
    tarBytes,
    open,
    writeAt: (file, offset) => placeTar(open(), diffID, { ...file, offset, tarBytes }),
  }
}

const dockerTar = (images: readonly SaveImage[]): AsyncIterable<Uint8Array> =>
  writeTar(dockerArchive(images))
const ociTar = (images: readonly SaveImage[]): AsyncIterable<Uint8Array> =>
  writeTar(ociArchive(images))

async function placed(members: readonly ArchiveMember[], at: string): Promise<Buffer> {
  const fd = fs.openSync(at, 'w')
  try {
    await writePlaced(members, { fd, path: at })
  } finally {
    fs.closeSync(fd)
  }
  return fs.readFileSync(at)
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of source) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}

const image = smallImage()
const child = buildImage([...image.layers, layerTar(file('b', 'b')), image.layers[0]!])
const set = [
  saved(image, ['app:1', 'app:latest']),
  saved(child, ['example.com/child:latest'], image.imageID),
]

async function facts(input: string, spoolDirectory: string): Promise<unknown> {
  const archive = await openArchive(input, { spoolDirectory })
  const images = archive.images.map(({ imageID, references, configBytes, layers, parent }) => ({
    imageID,
    references,
    config: sha256Text(configBytes),
    ...(parent === undefined ? {} : { parent }),
    layers: layers.map(({ blob, diffID, digest }) => {
      const bytes = fs.readFileSync(blob.file).subarray(blob.offset, blob.offset + blob.sizeBytes)
      return { bytes: diffIDOf(bytes), diffID, digest }
    }),
  }))
  await archive.close()
  return images
}

function expected(image: BuiltImage, references: readonly string[], parent?: ImageID): object {
  return {
    imageID: image.imageID,
    references,
    config: image.imageID,
    ...(parent === undefined ? {} : { parent }),
    layers: image.diffIDs.map((diffID) => ({ bytes: diffID, diffID, digest: diffID })),
  }
}

t.test('what is saved can be opened', async (t) => {
  const directory = temporaryDirectory(t)
  const docker = path.join(directory, 'docker.tar')
  const oci = path.join(directory, 'oci.tar')
  const layout = path.join(directory, 'oci')
  fs.writeFileSync(docker, await collect(dockerTar(set)))
  fs.writeFileSync(oci, await collect(ociTar(set)))
  await writeOciDirectory(set, layout)
  t.same(await facts(docker, directory), [
    expected(image, ['app:1', 'app:latest']),
    expected(child, ['example.com/child:latest'], image.imageID),
  ])
  const images = [
    expected(image, ['app:1', 'app:latest']),
    expected(child, ['example.com/child:latest']),
  ]
  t.same(await facts(oci, directory), images)
  t.same(await facts(layout, directory), images)
})

t.test('equal images give equal bytes, whatever the clock', async (t) => {
  t.same(await collect(dockerTar(set)), await collect(dockerTar(set)))
  t.same(await collect(ociTar(set)), await collect(ociTar(set)))
})

t.test('a docker archive says what docker 25 says', async (t) => {
  const directory = temporaryDirectory(t)
  const at = path.join(directory, 'docker.tar')
  fs.writeFileSync(at, await collect(dockerTar(set)))
  const members = TarMembers.read(at, at)
  const read = (name: string): Buffer => {
    const { offset, sizeBytes } = findFile(members, pathFromText(name), 'test')
    return fs.readFileSync(at).subarray(offset, offset + sizeBytes)
  }
  const byHand = dockerArchive25([
    { image, tags: ['app:1', 'app:latest'] },
    { image: child, tags: ['example.com/child:latest'], parent: image.imageID },
  ])
  const json = (bytes: unknown): unknown => JSON.parse((bytes as Buffer).toString('utf8'))
  t.same(json(read('manifest.json')), json(byHand.get('manifest.json')))
  t.equal(read('manifest.json').at(-1), 0x0a, 'a newline at the end, as json.Encoder has it')
  t.match(
    read('manifest.json').toString(),
    /^\[\{"Config":.*,"RepoTags":.*,"Layers":.*,"LayerSources":/,
  )
  t.same(json(read('repositories')), {
    app: { 1: image.diffIDs[1]!.slice(7), latest: image.diffIDs[1]!.slice(7) },
    'example.com/child': { latest: child.diffIDs.at(-1)!.slice(7) },
  })
  t.equal(read('oci-layout').toString(), '{"imageLayoutVersion": "1.0.0"}')
  const { manifests } = json(read('index.json')) as { manifests: { annotations: unknown }[] }
  t.same(
    manifests.map(({ annotations }) => annotations),
    [
      {
        'io.containerd.image.name': 'docker.io/library/app:1',
        'org.opencontainers.image.ref.name': '1',
      },
      // Two images have the tag latest, so the tag alone would not tell which.
      {
        'io.containerd.image.name': 'docker.io/library/app:latest',
        'org.opencontainers.image.ref.name': 'docker.io/library/app:latest',
      },
      {
        'io.containerd.image.name': 'example.com/child:latest',
        'org.opencontainers.image.ref.name': 'example.com/child:latest',
      },
    ],
  )
})

t.test('a layer that several images have is written once', async (t) => {
  const bytes = await collect(dockerTar(set))
  const layer = image.layers[0]!
  t.equal(bytes.indexOf(layer), bytes.lastIndexOf(layer))
  t.ok(bytes.includes(layer))
})

t.test('images without names, tags or layers', async (t) => {
  const directory = temporaryDirectory(t)
  const bare = [
    saved(image),
    saved(child, [`app@${image.imageID}`]),
    saved(buildImage([]), ['empty:1']),
  ]
  for (const sink of [dockerTar, ociTar]) {
    const at = path.join(directory, sink.name)
    fs.writeFileSync(at, await collect(sink(bare)))
    t.same(await facts(at, directory), [
      expected(image, []),
      expected(child, []),
      expected(buildImage([]), ['empty:1']),
    ])
  }
  const unnamed = await collect(dockerTar([saved(image)]))
  t.match(unnamed.toString('latin1'), /"RepoTags":null/)
  t.notMatch(unnamed.toString('latin1'), /repositories/)
})

t.test('a parent is named only where it comes along', async (t) => {
  const alone = await collect(dockerTar([saved(child, [], image.imageID)]))
  t.notOk(alone.includes('"Parent"'))
  t.ok((await collect(dockerTar(set))).includes(`"Parent":"${image.imageID}"`))
})

t.test('a layer that is not as long as it said', async (t) => {
  const directory = temporaryDirectory(t)
  for (const difference of [-1, 1]) {
    const good = saved(image)
    const [first, ...rest] = good.layers
    const bad = [
      {
        ...good,
        layers: [savedLayer(image.layers[0]!, first!.tarBytes + difference), ...rest],
      },
    ]
    await t.rejects(collect(dockerTar(bad)), { code: 'ERR_SIZE_MISMATCH' })
    await t.rejects(collect(ociTar(bad)), { code: 'ERR_SIZE_MISMATCH' })
    const target = path.join(directory, 'oci')
    await t.rejects(writeOciDirectory(bad, target), { code: 'ERR_SIZE_MISMATCH' })
    const tar = path.join(directory, 'tar')
    await t.rejects(placed(dockerArchive(bad), tar), { code: 'ERR_SIZE_MISMATCH' })
    fs.rmSync(tar)
    t.same(fs.readdirSync(directory), [], 'a failure leaves nothing')
  }
})

t.test('directories', async (t) => {
  const directory = temporaryDirectory(t)
  const target = path.join(directory, 'oci')
  const broken = [{ ...saved(image), layers: image.layers.map((tar) => savedLayer(tar, 1)) }]

  fs.mkdirSync(target, { mode: 0o750 })
  const before = fs.statSync(target)
  await t.rejects(writeOciDirectory(broken, target), { code: 'ERR_SIZE_MISMATCH' })
  t.same(fs.readdirSync(target), [], 'an empty directory stays empty')
  await writeOciDirectory(set, target)
  t.same(fs.readdirSync(target).sort(), ['blobs', 'index.json', 'oci-layout'])
  t.same(fs.readdirSync(directory), ['oci'])
  const after = fs.statSync(target)
  t.same([after.ino, after.mode], [before.ino, before.mode], 'it is filled, not replaced')

  const contents = fs.readFileSync(path.join(target, 'index.json'))
  await t.rejects(writeOciDirectory([saved(child)], target), {
    code: 'ERR_DESTINATION_EXISTS',
    message: /is no empty directory/,
  })
  t.same(fs.readFileSync(path.join(target, 'index.json')), contents)

  const plain = path.join(directory, 'plain')
  fs.writeFileSync(plain, 'mine')
  await t.rejects(writeOciDirectory(set, plain), { code: 'ERR_DESTINATION_EXISTS' })
  const dangling = path.join(directory, 'dangling')
  fs.symlinkSync('nowhere', dangling)
  await t.rejects(writeOciDirectory(set, dangling), { code: 'ERR_DESTINATION_EXISTS' })
  t.equal(fs.readlinkSync(dangling), 'nowhere')
  await t.rejects(writeOciDirectory(set, path.join(directory, 'no/such')), { code: 'ERR_HOST' })

  const signal = AbortSignal.abort(new Error('stopped'))
  const stopped = path.join(directory, 'stopped')
  await t.rejects(writeOciDirectory(set, stopped, { signal }), { message: 'stopped' })
  t.notOk(fs.existsSync(stopped))
  t.same(fs.readdirSync(directory).sort(), ['dangling', 'oci', 'plain'])
})

t.test('a directory and a tar of the same images hold the same', async (t) => {
  const directory = temporaryDirectory(t)
  const target = path.join(directory, 'oci')
  await writeOciDirectory(set, target)
  const tar = path.join(directory, 'oci.tar')
  fs.writeFileSync(tar, await collect(ociTar(set)))
  const members = TarMembers.read(tar, tar)
  const names = (fs.readdirSync(target, { recursive: true }) as string[]).filter((name) =>
    fs.statSync(path.join(target, name)).isFile(),
  )
  t.equal(names.length, 2 + 3 + 2 + 2, 'two documents, three layers, two configs, two manifests')
  for (const name of names) {
    const { offset, sizeBytes } = findFile(members, pathFromText(name), 'test')
    t.same(
      fs.readFileSync(tar).subarray(offset, offset + sizeBytes),
      fs.readFileSync(path.join(target, name)),
      name,
    )
  }
})

t.test('written by place or as a stream, an archive is the same', async (t) => {
  const at = path.join(temporaryDirectory(t), 'placed')
  for (const sink of [dockerArchive, ociArchive]) {
    for (const images of [set, [saved(buildImage([]))]]) {
      t.ok((await placed(sink(images), at)).equals(await collect(writeTar(sink(images)))))
    }
  }
})

t.test('a layer that fails stops the others, and the signal all', async (t) => {
  const at = path.join(temporaryDirectory(t), 'placed')
  const stopped: string[] = []
  const waiting = (name: string): SaveLayer => ({
    ...savedLayer(image.layers[0]!, image.layers[0]!.length),
    writeAt: (_file, _offset, signal) =>
      new Promise((_resolve, reject) => {
        signal!.addEventListener('abort', () => {
          stopped.push(name)
          reject(signal!.reason as Error)
        })
      }),
  })
  const failing = { ...waiting('c'), writeAt: () => Promise.reject(new Error('this one')) }
  const fd = fs.openSync(at, 'w')
  const file = { fd, path: at }
  const member = (layer: SaveLayer): ArchiveMember => ({
    path: pathFromText('layer'),
    sizeBytes: layer.tarBytes,
    layer,
  })
  const one = [waiting('a'), waiting('b'), failing].map(member)
  await t.rejects(writePlaced(one, file), { message: 'this one' })
  t.same(stopped, ['a', 'b'])
  const controller = new AbortController()
  const two = writePlaced([waiting('d')].map(member), file, controller.signal)
  controller.abort(new Error('enough'))
  await t.rejects(two, { message: 'enough' })
  t.same(stopped, ['a', 'b', 'd'])
  fs.closeSync(fd)
})

t.test('what stands at the top of each archive', async (t) => {
  const directory = temporaryDirectory(t)
  const top = async (source: AsyncIterable<Uint8Array>): Promise<readonly string[]> => {
    const at = path.join(directory, 'any.tar')
    fs.writeFileSync(at, await collect(source))
    return TarMembers.read(at, at).top()
  }
  t.same(await top(ociTar(set)), ['oci-layout', 'index.json', 'blobs'])
  t.same(await top(dockerTar(set)), [
    'blobs',
    'index.json',
    'manifest.json',
    'oci-layout',
    'repositories',
  ])
})
