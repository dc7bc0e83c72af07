import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { DEFAULT_LOAD_LIMITS } from '../../src/archive/limits.ts'
import type { ByteRange } from '../../src/archive/layer-job.ts'
import { LayerStoreError } from '../../src/errors.ts'
import { openStore } from '../../src/store/store.ts'
import { loadArchive } from '../../src/transfer/load.ts'
import { openArchive, type OpenArchiveOptions } from '../../src/transfer/open-archive.ts'
import type { Progress } from '../../src/transfer/progress.ts'
import {
  buildImage,
  dockerArchive20,
  dockerArchive25,
  ociLayout,
  packed,
  putImage,
  putIndex,
  setIndex,
  smallImage,
  unpackedTo,
  type ArchiveFiles,
} from '../support/image.ts'
import { diffIDOf, file, gzip, layerTar, sha256Text } from '../support/layer.ts'
import { has, unless } from '../support/host.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const image = smallImage()
const arm = smallImage({ architecture: 'arm64' })
const linux = (architecture: string): { os: string; architecture: string } => ({
  os: 'linux',
  architecture,
})
const refName = (name: string): Record<string, string> => ({
  'org.opencontainers.image.ref.name': name,
})

/** Node's arch as an image's: what is chosen without --platform. */
const host = { x64: 'amd64' }[process.arch as 'x64'] ?? process.arch
const foreign = host === 'riscv64' ? 's390x' : 'riscv64'

function bytesOf(range: ByteRange): Buffer {
  return fs.readFileSync(range.file).subarray(range.offset, range.offset + range.sizeBytes)
}

function write(directory: string, name: string, bytes: Uint8Array): string {
  const at = path.join(directory, name)
  fs.writeFileSync(at, bytes)
  return at
}

/** Opens, hands on and closes; afterwards nothing may be left in the spool. */
async function opened<T>(
  input: string,
  use: (archive: Awaited<ReturnType<typeof openArchive>>) => T,
  options: Partial<OpenArchiveOptions> = {},
): Promise<T> {
  const spoolDirectory = fs.mkdtempSync(path.join(path.dirname(input), 'spool-'))
  try {
    const archive = await openArchive(input, { spoolDirectory, ...options })
    try {
      return use(archive)
    } finally {
      await archive.close()
    }
  } finally {
    fs.rmdirSync(spoolDirectory)
  }
}

const LAYOUTS: readonly {
  readonly name: string
  readonly kind: string
  readonly files: () => ArchiveFiles
  readonly references: readonly string[]
}[] = [
  {
    name: 'docker up to 24',
    kind: 'docker-archive',
    files: () => dockerArchive20([{ image, tags: ['app:1', 'example.com:5000/app:2'] }]),
    references: ['app:1', 'example.com:5000/app:2'],
  },
  {
    name: 'docker 25 and later',
    kind: 'docker-archive',
    files: () => dockerArchive25([{ image, tags: ['app:1'] }]),
    references: ['app:1'],
  },
  {
    name: 'docker without a name',
    kind: 'docker-archive',
    files: () => dockerArchive25([{ image }]),
    references: [],
  },
  {
    name: 'OCI',
    kind: 'oci',
    files: () => ociLayout([{ image, annotations: refName('app') }]),
    references: ['app:latest'],
  },
  {
    name: 'OCI without a name',
    kind: 'oci',
    files: () => ociLayout([{ image }]),
    references: [],
  },
]

t.test('every layout, packed and unpacked', async (t) => {
  for (const { name, kind, files, references } of LAYOUTS) {
    const directory = temporaryDirectory(t)
    const tar = packed(files())
    const inputs = {
      tar: write(directory, 'plain', tar),
      'tar.gz': write(directory, 'gzipped', gzip(tar)),
      directory: unpackedTo(path.join(directory, 'unpacked'), files()),
    }
    for (const [form, input] of Object.entries(inputs)) {
      await opened(input, (archive) => {
        const oci = form === 'directory' ? 'oci-dir' : 'oci-archive'
        t.equal(archive.kind, kind === 'oci' ? oci : kind, `${name}, ${form}: kind`)
        t.same(archive.warnings, [])
        t.equal(archive.images.length, 1)
        const [only] = archive.images
        t.equal(only!.imageID, image.imageID)
        t.same(Buffer.from(only!.configBytes), image.configBytes)
        t.same(only!.references, references, `${name}, ${form}: names`)
        t.same(
          only!.layers.map(({ blob }) => diffIDOf(bytesOf(blob))),
          image.diffIDs,
          `${name}, ${form}: bytes of the layers`,
        )
        t.same(
          only!.layers.map(({ diffID }) => diffID),
          image.diffIDs,
        )
        for (const layer of only!.layers) {
          if (layer.digest) t.equal(layer.digest, sha256Text(bytesOf(layer.blob)))
          if (layer.descriptor) t.equal(layer.descriptor.sizeBytes, layer.blob.sizeBytes)
        }
      })
    }
  }
})

t.test('a plain tar is read where it lies', async (t) => {
  const directory = temporaryDirectory(t)
  const input = write(directory, 'app.tar', packed(dockerArchive25([{ image }])))
  const link = path.join(directory, 'link.tar')
  fs.symlinkSync('app.tar', link)
  for (const at of [input, link]) {
    await opened(at, ({ images }) => {
      for (const { blob } of images[0]!.layers) t.equal(blob.file, fs.realpathSync(input))
    })
  }
})

t.test('a pipe is spooled, and the spool removed', async (t) => {
  const directory = temporaryDirectory(t)
  const tar = packed(dockerArchive20([{ image, tags: ['app:1'] }]))
  for (const bytes of [tar, gzip(tar)]) {
    const source = write(directory, 'source', bytes)
    const pipe = path.join(directory, `pipe-${bytes.length}`)
    const maker = spawn('sh', ['-c', 'mkfifo "$1" && cat "$2" > "$1"', 'sh', pipe, source])
    while (!fs.existsSync(pipe)) await new Promise((resolve) => setTimeout(resolve, 5))
    await opened(
      pipe,
      ({ images }) => {
        t.equal(images[0]!.imageID, image.imageID)
        t.match(images[0]!.layers[0]!.label, /^layer 1 of standard input \(/)
        t.equal(fs.statSync(images[0]!.layers[0]!.blob.file).mode & 0o777, 0o600)
      },
      { label: 'standard input' },
    )
    maker.kill()
  }
})

t.test('a pipe that is no archive is given up at its beginning', async (t) => {
  const store = await openStore(path.join(temporaryDirectory(t), 'root'))
  for (const byte of ['\0', 'text\n']) {
    let chunks = 0
    const endless = async function* (): AsyncGenerator<Uint8Array> {
      for (; chunks < 1000; chunks++) yield Buffer.alloc(16_384, byte)
    }
    await t.rejects(loadArchive(store, endless()), { code: 'ERR_NOT_AN_IMAGE' })
    t.ok(chunks < 10, `${chunks} chunks of 1000 were read`)
  }
})

t.test('unpacking is told, for it takes its time', async (t) => {
  const directory = temporaryDirectory(t)
  const tar = packed(dockerArchive20([{ image }]))
  const steps: Progress[] = []
  const onProgress = (progress: Progress): number => steps.push(progress)
  await opened(write(directory, 'app.tar', tar), () => {}, { onProgress })
  t.same(steps, [])
  const packedAt = write(directory, 'app.tgz', gzip(tar))
  await opened(packedAt, () => {}, { onProgress })
  t.same(steps, [{ kind: 'step', text: `unpacking ${packedAt} (gzip)` }])
})

t.test('xz, bzip2 and zstd around the archive', async (t) => {
  const directory = temporaryDirectory(t)
  const tar = write(directory, 'app.tar', packed(dockerArchive20([{ image }])))
  for (const program of ['xz', 'bzip2', 'zstd']) {
    await t.test(
      program,
      { skip: has(program) ? false : `needs ${program} installed` },
      async (t) => {
        const out = path.join(directory, program)
        const done = spawn('sh', ['-c', `${program} -c < "$1" > "$2"`, 'sh', tar, out])
        await new Promise((resolve) => done.once('close', resolve))
        await opened(out, ({ images }) => {
          t.same(
            images[0]!.layers.map(({ blob }) => diffIDOf(bytesOf(blob))),
            image.diffIDs,
          )
        })
      },
    )
  }
})

t.test('several images in one archive', async (t) => {
  const directory = temporaryDirectory(t)
  const shared = buildImage([image.layers[0]!, layerTar(file('b', 'b'))])
  const both = [
    { image, tags: ['a:1'] },
    { image: shared, tags: ['b:1', 'b:2'], parent: image.imageID },
  ]
  for (const files of [dockerArchive20(both), dockerArchive25(both)]) {
    await opened(write(directory, 'both.tar', packed(files)), ({ images }) => {
      t.same(
        images.map(({ imageID, references, parent }) => ({ imageID, references, parent })),
        [
          { imageID: image.imageID, references: ['a:1'], parent: undefined },
          { imageID: shared.imageID, references: ['b:1', 'b:2'], parent: image.imageID },
        ],
      )
      t.equal(diffIDOf(bytesOf(images[1]!.layers[0]!.blob)), shared.diffIDs[0])
    })
  }
  const layout = dockerArchive25(both)
  layout.delete('manifest.json')
  await opened(write(directory, 'index.tar', packed(layout)), ({ images }) => {
    t.same(
      images.map(({ references }) => references),
      [['a:1'], ['b:1', 'b:2']],
      'an index with a descriptor for each tag',
    )
  })
})

t.test('one platform of an index', async (t) => {
  const directory = temporaryDirectory(t)
  const own = smallImage({ architecture: host })
  const other = smallImage({ architecture: foreign })
  const platforms = (files: ArchiveFiles): object[] => [
    { ...putImage(files, other), platform: linux(foreign) },
    { ...putImage(files, own), platform: linux(host) },
    {
      ...putImage(files, arm),
      platform: { os: 'unknown', architecture: 'unknown' },
      annotations: { 'vnd.docker.reference.type': 'attestation-manifest' },
    },
  ]
  const nested = ociLayout([])
  setIndex(nested, [{ ...putIndex(nested, platforms(nested)), annotations: refName('app:1') }])
  const flat = ociLayout([])
  setIndex(flat, platforms(flat))
  const twice = ociLayout([])
  setIndex(twice, [putIndex(twice, [putIndex(twice, platforms(twice))])])

  for (const [name, files] of Object.entries({ nested, flat, twice })) {
    const input = unpackedTo(path.join(directory, name), files)
    await opened(input, ({ images }) => {
      t.same(
        images.map(({ imageID }) => imageID),
        [own.imageID],
        `${name}: the host's`,
      )
    })
    await opened(input, ({ images }) => t.equal(images[0]!.imageID, other.imageID), {
      platform: linux(foreign),
    })
    await t.rejects(
      opened(input, () => {}, { platform: linux('mips64') }),
      {
        code: 'ERR_PLATFORM',
        message: new RegExp(foreign),
      },
    )
  }
  await opened(path.join(directory, 'nested'), ({ images }) => {
    t.same(images[0]!.references, ['app:1'], 'the name is the index’s')
  })
})

t.test('platforms without a choice', async (t) => {
  const directory = temporaryDirectory(t)
  const other = smallImage({ architecture: foreign })
  const alone = unpackedTo(path.join(directory, 'alone'), ociLayout([{ image: other }]))
  await opened(alone, ({ images }) => {
    t.equal(images[0]!.imageID, other.imageID, 'the only image is taken, as docker load does')
  })
  const wish = { platform: linux(host) }
  await t.rejects(
    opened(alone, () => {}, wish),
    { code: 'ERR_PLATFORM' },
  )

  const own = smallImage({ architecture: host })
  const both = [
    { image: own, tags: ['own:1'] },
    { image: other, tags: ['other:1'] },
  ]
  for (const files of [dockerArchive20(both), dockerArchive25(both)]) {
    const input = write(directory, 'both.tar', packed(files))
    await opened(input, ({ images }) => t.equal(images.length, 2))
    await opened(
      input,
      ({ images }) =>
        t.same(
          images.map((i) => i.references),
          [['own:1']],
        ),
      wish,
    )
  }
  // docker's containerd store: every platform in the index, one in manifest.json.
  const partial = dockerArchive25([{ image: own, tags: ['app:1'] }])
  setIndex(partial, [
    putIndex(partial, [
      { ...putImage(partial, own), platform: linux(host) },
      { ...putImage(partial, other), platform: linux(foreign) },
    ]),
  ])
  const input = write(directory, 'partial.tar', packed(partial))
  await opened(input, ({ images }) => t.equal(images[0]!.imageID, own.imageID))
  await opened(input, ({ images }) => t.equal(images[0]!.imageID, other.imageID), {
    platform: linux(foreign),
  })
})

t.test('platforms that only the configs tell', async (t) => {
  const directory = temporaryDirectory(t)
  const own = smallImage({ architecture: host })
  const other = smallImage({ architecture: foreign })
  const files = ociLayout([])
  setIndex(files, [putIndex(files, [putImage(files, other), putImage(files, own)])])
  const input = unpackedTo(path.join(directory, 'silent'), files)
  await opened(input, ({ images }) => t.equal(images[0]!.imageID, own.imageID))
  await opened(input, ({ images }) => t.equal(images[0]!.imageID, other.imageID), {
    platform: linux(foreign),
  })
  await t.rejects(
    opened(input, () => {}, { platform: linux('mips64') }),
    { code: 'ERR_PLATFORM' },
  )
})

t.test('what the index says goes before the config', async (t) => {
  const directory = temporaryDirectory(t)
  // A config for ARM without its variant means v7; the index knows that it is v6.
  const bare = smallImage({ architecture: 'arm' })
  const v6 = { os: 'linux', architecture: 'arm', variant: 'v6' }
  const files = ociLayout([])
  setIndex(files, [
    putIndex(files, [
      { ...putImage(files, bare), platform: v6 },
      { ...putImage(files, smallImage({ architecture: foreign })), platform: linux(foreign) },
    ]),
  ])
  const input = unpackedTo(path.join(directory, 'v6'), files)
  await opened(input, ({ images }) => t.equal(images[0]!.imageID, bare.imageID), { platform: v6 })
})

t.test('indexes below an index that do not say their platform', async (t) => {
  const directory = temporaryDirectory(t)
  const own = smallImage({ architecture: host })
  const other = smallImage({ architecture: foreign })
  const files = ociLayout([])
  setIndex(files, [
    putIndex(files, [
      putIndex(files, [putImage(files, other)]),
      putIndex(files, [{ ...putImage(files, own), platform: linux(host) }]),
    ]),
  ])
  const input = unpackedTo(path.join(directory, 'deep'), files)
  await opened(input, ({ images }) => t.equal(images[0]!.imageID, own.imageID))
})

t.test('a few documents that make a tree of billions', async (t) => {
  const directory = temporaryDirectory(t)
  const files = ociLayout([])
  let level: object = putImage(files, smallImage({ architecture: foreign }))
  // Each index holds the one below it forty times, which no platform tells apart.
  for (let depth = 0; depth < 7; depth++) {
    const entries = Array.from({ length: 40 }, (_, i) => ({
      ...level,
      annotations: { n: String(i) },
    }))
    level = putIndex(files, entries)
  }
  setIndex(files, [level])
  const input = unpackedTo(path.join(directory, 'tree'), files)
  await t.rejects(
    opened(input, () => {}),
    { code: 'ERR_ENTRIES_MAX' },
  )
})

t.test('what is no image is left out and said', async (t) => {
  const directory = temporaryDirectory(t)
  const files = ociLayout([])
  const signature = {
    mediaType: 'application/vnd.example.signature',
    digest: sha256Text(Buffer.from('s')),
    size: 1,
  }
  const artifact = { ...putImage(files, arm), artifactType: 'application/vnd.example.sbom' }
  setIndex(files, [signature, artifact, { ...putImage(files, image), annotations: refName('1.0') }])
  await opened(unpackedTo(path.join(directory, 'oci'), files), ({ images, warnings }) => {
    t.same(
      images.map(({ imageID, references }) => [imageID, references]),
      [[image.imageID, []]],
    )
    t.same(
      warnings.map(({ code, entry }) => [code, entry]),
      [
        ['artifact-skipped', signature.digest],
        ['artifact-skipped', artifact.digest],
        ['image-name-skipped', '1.0'],
      ],
    )
  })
})

/** A zstd frame of run-length blocks: 4 bytes for each 128 KiB. RFC 8878, 3.1.1. */
function zstdOfZeros(sizeBytes: number): Buffer {
  const blockBytes = 128 << 10
  const blocks = sizeBytes / blockBytes
  const out = Buffer.alloc(6 + 4 * blocks)
  // No checksum, no content size; a window of 128 KiB.
  out.set([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38])
  for (let i = 0; i < blocks; i++) {
    const last = i === blocks - 1 ? 1 : 0
    out.writeUIntLE((blockBytes << 3) | (1 << 1) | last, 6 + 4 * i, 3)
  }
  return out
}

t.test('a failure leaves no spool behind', async (t) => {
  const directory = temporaryDirectory(t)
  const broken = dockerArchive20([{ image }])
  broken.delete(`${image.imageID.slice(7)}.json`)
  const input = write(directory, 'broken.tgz', gzip(packed(broken)))
  await t.rejects(
    opened(input, () => {}),
    { code: 'ERR_MEMBER_MISSING' },
  )
  const half = write(
    directory,
    'half.tgz',
    gzip(packed(dockerArchive20([{ image }]))).subarray(0, 300),
  )
  await t.rejects(
    opened(half, () => {}),
    { code: 'ERR_COMPRESSION' },
  )
  const twice = write(directory, 'twice.gz', gzip(gzip(packed(dockerArchive20([{ image }])))))
  await t.rejects(
    opened(twice, () => {}),
    {
      code: 'ERR_NOT_AN_IMAGE',
      message: /gzip data \(packed with gzip\)/,
    },
  )
  const bomb = write(directory, 'bomb.zst', zstdOfZeros(80 << 20))
  const limits = { ...DEFAULT_LOAD_LIMITS, expansionFromBytes: 1 << 20 }
  await t.rejects(
    opened(bomb, () => {}, { limits }),
    { code: 'ERR_EXPANSION_MAX' },
  )
  const signal = AbortSignal.abort(new Error('stopped'))
  const good = write(directory, 'good.tgz', gzip(packed(dockerArchive20([{ image }]))))
  await t.rejects(
    opened(good, () => {}, { signal }),
    { message: 'stopped' },
  )
})

t.test('no permission', { skip: unless({ ordinaryUser: true }) }, async (t) => {
  const directory = temporaryDirectory(t)
  const input = write(directory, 'secret.tar', packed(dockerArchive20([{ image }])))
  fs.chmodSync(input, 0)
  await t.rejects(
    opened(input, () => {}),
    { code: 'ERR_PERMISSION', message: /secret\.tar/ },
  )
})

t.test('errors are shale’s own', async (t) => {
  const directory = temporaryDirectory(t)
  const error = await opened(path.join(directory, 'none.tar'), () => {}).catch(
    (error: unknown) => error,
  )
  t.ok(error instanceof LayerStoreError)
  t.match(error, { code: 'ERR_FILE_NOT_FOUND' })
})
