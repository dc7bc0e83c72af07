// What other engines wrote, opened: fixtures/archives, and what docker said of the same images.

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { gunzipSync } from 'node:zlib'
import t from 'tap'
import { compressionOf, decompressed } from '../../src/archive/decompress.ts'
import type { ByteRange } from '../../src/archive/layer-job.ts'
import { openArchive } from '../../src/transfer/open-archive.ts'
import { PROJECT } from '../support/cli.ts'
import { unless } from '../support/host.ts'
import { temporaryDirectory } from '../support/temporary.ts'

interface Facts {
  readonly id: string
  readonly tags: readonly string[]
  readonly diffIDs: readonly string[]
}

const folder = path.join(PROJECT, 'fixtures/archives')
const [, app, other] = fs
  .readFileSync(path.join(folder, 'facts.json'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Facts) as [Facts, Facts, Facts]

interface Expected {
  readonly kind: string
  /** Without an ID where the engine rewrites the config in OCI's form. */
  readonly images: readonly {
    readonly of: Facts
    readonly names: readonly string[]
    readonly sameID: boolean
  }[]
  readonly compression: string
}

const ARCHIVES: Readonly<Record<string, Expected>> = {
  'docker-20.10': {
    kind: 'docker-archive',
    images: [
      { of: app, names: app.tags, sameID: true },
      { of: other, names: other.tags, sameID: true },
    ],
    compression: 'none',
  },
  'docker-20.10-unnamed': {
    kind: 'docker-archive',
    images: [{ of: other, names: [], sameID: true }],
    compression: 'none',
  },
  'skopeo.docker': {
    kind: 'docker-archive',
    images: [{ of: app, names: ['app:1'], sameID: true }],
    compression: 'none',
  },
  'skopeo.oci': {
    kind: 'oci-archive',
    images: [{ of: app, names: ['app:1'], sameID: false }],
    compression: 'gzip',
  },
  'skopeo-zstd.oci': {
    kind: 'oci-archive',
    images: [{ of: app, names: ['app:1'], sameID: false }],
    compression: 'zstd',
  },
  'podman.docker': {
    kind: 'docker-archive',
    images: [{ of: app, names: ['localhost/app:1'], sameID: true }],
    compression: 'none',
  },
  'podman-several.docker': {
    kind: 'docker-archive',
    images: [
      { of: app, names: ['localhost/app:1'], sameID: true },
      { of: other, names: ['localhost/other:2'], sameID: true },
    ],
    compression: 'none',
  },
  'podman.oci': {
    kind: 'oci-archive',
    images: [{ of: app, names: ['localhost/app:1'], sameID: false }],
    compression: 'gzip',
  },
  'containerd-1.6': {
    kind: 'docker-archive',
    images: [
      { of: app, names: ['app:1'], sameID: true },
      { of: other, names: ['other:2'], sameID: true },
    ],
    compression: 'none',
  },
}

async function diffIDOfBlob(blob: ByteRange): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of decompressed(blob, await compressionOf(blob))) hash.update(chunk)
  return `sha256:${hash.digest('hex')}`
}

function unpack(directory: string, name: string): string {
  const to = path.join(directory, name)
  fs.writeFileSync(to, gunzipSync(fs.readFileSync(path.join(folder, `${name}.tar.gz`))))
  return to
}

t.test('each fixture has its row', async (t) => {
  const files = fs.readdirSync(folder).filter((name) => name.endsWith('.tar.gz'))
  t.same(
    new Set(files.map((name) => name.slice(0, -'.tar.gz'.length))),
    new Set([...Object.keys(ARCHIVES), 'umoci.oci']),
  )
})

for (const [name, expected] of Object.entries(ARCHIVES)) {
  t.test(name, async (t) => {
    const spoolDirectory = temporaryDirectory(t)
    const archive = await openArchive(unpack(spoolDirectory, name), { spoolDirectory })
    t.equal(archive.kind, expected.kind)
    t.same(archive.warnings, [])
    t.equal(archive.images.length, expected.images.length)
    for (const [index, { of, names, sameID }] of expected.images.entries()) {
      const image = archive.images[index]!
      t.same(image.references, names)
      t.equal(image.imageID === of.id, sameID)
      t.same(
        image.layers.map(({ diffID }) => diffID),
        of.diffIDs,
      )
      for (const { blob, diffID } of image.layers) {
        t.equal(await compressionOf(blob), expected.compression)
        t.equal(await diffIDOfBlob(blob), diffID)
      }
    }
    await archive.close()
  })
}

t.test('containerd’s index alone', { skip: unless({ programs: ['tar'] }) }, async (t) => {
  const spoolDirectory = temporaryDirectory(t)
  const directory = path.join(spoolDirectory, 'layout')
  fs.mkdirSync(directory)
  const done = spawnSync('tar', ['-xf', unpack(spoolDirectory, 'containerd-1.6'), '-C', directory])
  t.equal(done.status, 0)
  fs.rmSync(path.join(directory, 'manifest.json'))
  const archive = await openArchive(directory, { spoolDirectory })
  t.equal(archive.kind, 'oci-dir')
  t.same(
    archive.images.map(({ imageID, references }) => ({ imageID, references })),
    [app, other].map(({ id, tags }) => ({ imageID: id, references: tags.slice(0, 1) })),
  )
  await archive.close()
})

t.test('umoci.oci', async (t) => {
  const spoolDirectory = temporaryDirectory(t)
  const archive = await openArchive(unpack(spoolDirectory, 'umoci.oci'), { spoolDirectory })
  t.same(
    archive.images.map(({ references }) => references),
    [[], ['team/app:v1']],
    'umoci names the tag alone unless told more',
  )
  t.same(
    archive.warnings.map(({ code, entry }) => [code, entry]),
    [['image-name-skipped', 'v1']],
  )
  for (const { layers } of archive.images) {
    t.equal(layers.length, 2)
    for (const { blob, diffID } of layers) t.equal(await diffIDOfBlob(blob), diffID)
  }
  await archive.close()
})
