// One row for each way in which an archive can be wrong: what it is, the code, and what the message must name.
// Each row is made from an archive that loads, which the first test shows, by one change.

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { LayerStoreError, type ErrorCode } from '../../src/errors.ts'
import { openArchive } from '../../src/transfer/open-archive.ts'
import {
  dockerArchive20,
  dockerArchive25,
  editJson,
  ociLayout,
  packed,
  putBlob,
  setIndex,
  smallImage,
  unpackedTo,
  type ArchiveFiles,
} from '../support/image.ts'
import { gzip } from '../support/layer.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const image = smallImage()
const hex = (digest: string): string => digest.slice(7)
const CONFIG_BLOB = `blobs/sha256/${hex(image.imageID)}`
const LAYER_BLOB = `blobs/sha256/${hex(image.diffIDs[0]!)}`

const old = (): ArchiveFiles => dockerArchive20([{ image, tags: ['app:1'] }])
const modern = (): ArchiveFiles => dockerArchive25([{ image, tags: ['app:1'] }])
const oci = (): ArchiveFiles => ociLayout([{ image, compression: 'gzip' }])

type Item = {
  Config: string
  Layers: string[]
  RepoTags: string[]
  LayerSources?: Record<string, { size: number }>
}
function editItem(files: ArchiveFiles, edit: (item: Item) => void): void {
  editJson(files, 'manifest.json', ([item]) => edit(item as Item))
}

/** The name of the only manifest of an OCI layout. */
function manifestBlob(files: ArchiveFiles): string {
  const index = JSON.parse((files.get('index.json') as Buffer).toString()) as {
    manifests: { digest: string }[]
  }
  return `blobs/sha256/${hex(index.manifests[0]!.digest)}`
}

/** Changes the manifest and lets the index point at the new one. */
function editManifest(
  files: ArchiveFiles,
  edit: (manifest: {
    layers: { size: number; digest: string; mediaType: string }[]
    config: { size: number; mediaType: string }
  }) => void,
): void {
  const name = manifestBlob(files)
  const manifest = JSON.parse((files.get(name) as Buffer).toString()) as Parameters<typeof edit>[0]
  files.delete(name)
  edit(manifest)
  const bytes = Buffer.from(JSON.stringify(manifest))
  setIndex(files, [putBlob(files, 'application/vnd.oci.image.manifest.v1+json', bytes)])
}

function firstLayer(files: ArchiveFiles): string {
  const manifest = JSON.parse((files.get(manifestBlob(files)) as Buffer).toString()) as {
    layers: { digest: string }[]
  }
  return `blobs/sha256/${hex(manifest.layers[0]!.digest)}`
}

function flip(files: ArchiveFiles, name: string): void {
  const bytes = Buffer.from(files.get(name) as Buffer)
  bytes[Math.floor(bytes.length / 2)]! ^= 1
  files.set(name, bytes)
}

interface Bad {
  readonly name: string
  readonly files: () => ArchiveFiles
  readonly change: (files: ArchiveFiles) => void
  readonly code: ErrorCode
  readonly message: RegExp
}

const BAD: readonly Bad[] = [
  // docker archives
  {
    name: 'a layer that is not there',
    files: old,
    change: (files) => editItem(files, (item) => (item.Layers[1] = 'gone/layer.tar')),
    code: 'ERR_MEMBER_MISSING',
    message: /manifest\.json names "gone\/layer\.tar"/,
  },
  {
    name: 'a config that is not there',
    files: modern,
    change: (files) => files.delete(CONFIG_BLOB),
    code: 'ERR_MEMBER_MISSING',
    message: new RegExp(CONFIG_BLOB),
  },
  {
    name: 'a layer outside of the archive',
    files: old,
    change: (files) => editItem(files, (item) => (item.Layers[0] = '../../etc/shadow')),
    code: 'ERR_PATH_ESCAPE',
    message: /\.\.\/\.\.\/etc\/shadow/,
  },
  {
    name: 'a layer by an absolute path',
    files: old,
    change: (files) => editItem(files, (item) => (item.Layers[0] = '/etc/shadow')),
    code: 'ERR_PATH_ESCAPE',
    message: /"\/etc\/shadow"/,
  },
  {
    name: 'a config outside of the archive',
    files: modern,
    change: (files) => editItem(files, (item) => (item.Config = 'blobs/../../x')),
    code: 'ERR_PATH_ESCAPE',
    message: /blobs\/\.\.\/\.\.\/x/,
  },
  {
    name: 'a layer that is a link out of the archive',
    files: old,
    change: (files) => {
      editItem(files, (item) => (item.Layers[0] = 'evil'))
      files.set('evil', { symlink: '../../../etc/shadow' })
    },
    code: 'ERR_LINK_ESCAPE',
    message: /"evil" is a link to "\.\.\/\.\.\/\.\.\/etc\/shadow"/,
  },
  {
    name: 'a layer that is an absolute link',
    files: old,
    change: (files) => {
      editItem(files, (item) => (item.Layers[0] = 'evil'))
      files.set('evil', { symlink: '/etc/shadow' })
    },
    code: 'ERR_LINK_ESCAPE',
    message: /leads out of the archive/,
  },
  {
    name: 'a folder that is a link out of the archive',
    files: old,
    change: (files) => {
      editItem(files, (item) => (item.Layers[0] = 'evil/shadow'))
      files.set('evil', { symlink: '../../../etc' })
    },
    code: 'ERR_LINK_ESCAPE',
    message: /"evil" is a link/,
  },
  {
    name: 'links in a circle',
    files: old,
    change: (files) => {
      editItem(files, (item) => (item.Layers[0] = 'a/layer.tar'))
      files.set('a', { symlink: 'b' })
      files.set('b', { symlink: 'a' })
    },
    code: 'ERR_LINK_ESCAPE',
    message: /circle/,
  },
  {
    name: 'a link that grows',
    files: old,
    change: (files) => {
      editItem(files, (item) => (item.Layers[0] = 'a'))
      files.set('a', { symlink: 'a/a/a/a/a/a/a/a/a/a' })
    },
    code: 'ERR_LINK_ESCAPE',
    message: /"a" is a link/,
  },
  {
    name: 'a layer that is a directory',
    files: modern,
    change: (files) =>
      editItem(files, (item) => (item.Layers[0] = 'folder')) ??
      files.set('folder/', { directory: true }),
    code: 'ERR_MEMBER_MISSING',
    message: /"folder" is a directory/,
  },
  {
    name: 'a layer that is a FIFO',
    files: modern,
    change: (files) => files.set(LAYER_BLOB, { fifo: true }),
    code: 'ERR_MEMBER_MISSING',
    message: /is a FIFO, where a regular file is expected/,
  },
  {
    name: 'a config with one bit changed',
    files: old,
    change: (files) => flip(files, `${hex(image.imageID)}.json`),
    code: 'ERR_DIGEST_MISMATCH',
    message: new RegExp(`not ${image.imageID}`),
  },
  {
    name: 'a config blob with one bit changed',
    files: modern,
    change: (files) => flip(files, CONFIG_BLOB),
    code: 'ERR_DIGEST_MISMATCH',
    message: new RegExp(CONFIG_BLOB),
  },
  {
    name: 'fewer layers than diff_ids',
    files: old,
    change: (files) => editItem(files, (item) => item.Layers.pop()),
    code: 'ERR_LAYER_COUNT',
    message: /manifest\.json has 1 layers, but rootfs\.diff_ids of [0-9a-f]{64}\.json has 2/,
  },
  {
    name: 'more layers than diff_ids',
    files: modern,
    change: (files) => editItem(files, (item) => item.Layers.push(item.Layers[0]!)),
    code: 'ERR_LAYER_COUNT',
    message: /has 3 layers, but .* has 2/,
  },
  {
    name: 'a layer source of another size',
    files: modern,
    change: (files) => editItem(files, (item) => (item.LayerSources![image.diffIDs[1]!]!.size = 7)),
    code: 'ERR_SIZE_MISMATCH',
    message: /says 7/,
  },
  {
    name: 'a config that is no JSON',
    files: old,
    change: (files) => {
      editItem(files, (item) => (item.Config = 'config.json'))
      files.set('config.json', Buffer.from('{"rootfs":'))
    },
    code: 'ERR_CONFIG',
    message: /config\.json of .*it is not JSON/,
  },
  {
    name: 'a config without rootfs',
    files: old,
    change: (files) => {
      editItem(files, (item) => (item.Config = 'config.json'))
      files.set('config.json', Buffer.from('{}'))
    },
    code: 'ERR_CONFIG',
    message: /rootfs/,
  },
  {
    name: 'a config of 5 MiB',
    files: old,
    change: (files) => {
      editItem(files, (item) => (item.Config = 'config.json'))
      files.set('config.json', Buffer.alloc(5 << 20, ' '))
    },
    code: 'ERR_JSON_MAX',
    message: /5242880 bytes/,
  },
  {
    name: 'a manifest.json that is no JSON',
    files: old,
    change: (files) => files.set('manifest.json', Buffer.from('[{')),
    code: 'ERR_MANIFEST',
    message: /manifest\.json of .*it is not JSON/,
  },
  {
    name: 'a manifest.json that lists nothing',
    files: old,
    change: (files) => files.set('manifest.json', Buffer.from('[]')),
    code: 'ERR_NOT_AN_IMAGE',
    message: /lists no image/,
  },
  {
    name: 'a name that is no name',
    files: old,
    change: (files) => editItem(files, (item) => (item.RepoTags = ['UPPER:1'])),
    code: 'ERR_MANIFEST',
    message: /RepoTags\[0\]/,
  },
  {
    name: 'the layout before docker 1.10',
    files: old,
    change: (files) => files.delete('manifest.json'),
    code: 'ERR_MEDIA_TYPE',
    message: /before 1\.10; load it with docker 28 or older/,
  },
  // OCI layouts
  {
    name: 'a blob that is not there',
    files: oci,
    change: (files) => files.delete(firstLayer(files)),
    code: 'ERR_MEMBER_MISSING',
    message: /names "blobs\/sha256\//,
  },
  {
    name: 'a manifest that is not there',
    files: oci,
    change: (files) => files.delete(manifestBlob(files)),
    code: 'ERR_MEMBER_MISSING',
    message: /names "blobs\/sha256\//,
  },
  {
    name: 'a manifest with one bit changed',
    files: oci,
    change: (files) => flip(files, manifestBlob(files)),
    code: 'ERR_DIGEST_MISMATCH',
    message: /blobs\/sha256\/.* of /,
  },
  {
    name: 'an OCI config with one bit changed',
    files: oci,
    change: (files) => flip(files, CONFIG_BLOB),
    code: 'ERR_DIGEST_MISMATCH',
    message: new RegExp(`not ${image.imageID}`),
  },
  {
    name: 'a layer of another size',
    files: oci,
    change: (files) => {
      const name = firstLayer(files)
      files.set(name, Buffer.concat([files.get(name) as Buffer, Buffer.from('x')]))
    },
    code: 'ERR_SIZE_MISMATCH',
    message: /its descriptor says/,
  },
  {
    name: 'a negative size',
    files: oci,
    change: (files) => editManifest(files, ({ layers }) => (layers[0]!.size = -1)),
    code: 'ERR_MANIFEST',
    message: /size: -1 is negative/,
  },
  {
    name: 'a digest that is a path',
    files: oci,
    change: (files) =>
      editManifest(files, ({ layers }) => (layers[0]!.digest = 'sha256:../../etc/shadow')),
    code: 'ERR_MANIFEST',
    message: /digest/,
  },
  {
    name: 'another algorithm',
    files: oci,
    change: (files) =>
      editManifest(files, ({ layers }) => (layers[0]!.digest = `sha512:${'0'.repeat(128)}`)),
    code: 'ERR_MANIFEST',
    message: /sha512/,
  },
  {
    name: 'a layer that is no tar',
    files: oci,
    change: (files) =>
      editManifest(
        files,
        ({ layers }) => (layers[0]!.mediaType = 'application/vnd.wasm.content.layer.v1+wasm'),
      ),
    code: 'ERR_MEDIA_TYPE',
    message: /wasm/,
  },
  {
    name: 'an artifact',
    files: oci,
    change: (files) =>
      editManifest(
        files,
        ({ config }) => (config.mediaType = 'application/vnd.cncf.helm.config.v1+json'),
      ),
    code: 'ERR_MEDIA_TYPE',
    message: /artifact.*helm/,
  },
  {
    name: 'fewer OCI layers than diff_ids',
    files: oci,
    change: (files) => editManifest(files, ({ layers }) => layers.pop()),
    code: 'ERR_LAYER_COUNT',
    message: /1 layers, but .* has 2/,
  },
  {
    name: 'an index that is a manifest',
    files: oci,
    change: (files) => files.set('index.json', files.get(manifestBlob(files))!),
    code: 'ERR_MANIFEST',
    message: /index\.json of .*it is a manifest/,
  },
  {
    name: 'an index that is both',
    files: oci,
    change: (files) =>
      editJson(files, 'index.json', (index) => Object.assign(index, { layers: [] })),
    code: 'ERR_MANIFEST',
    message: /both layers and manifests/,
  },
  {
    name: 'an index of nothing',
    files: oci,
    change: (files) => setIndex(files, []),
    code: 'ERR_NOT_AN_IMAGE',
    message: /lists no image/,
  },
  {
    name: 'a layout of a newer version',
    files: oci,
    change: (files) => files.set('oci-layout', Buffer.from('{"imageLayoutVersion":"2.0.0"}')),
    code: 'ERR_FORMAT_NEWER',
    message: /2\.0\.0/,
  },
  {
    name: 'a blob that is a link',
    files: oci,
    change: (files) => {
      const name = firstLayer(files)
      files.set('elsewhere', files.get(name)!)
      files.set(name, { symlink: '../../elsewhere' })
    },
    code: 'ERR_LINK_ESCAPE',
    message: /a blob must be a regular file/,
  },
  {
    name: 'a blob that is a FIFO',
    files: oci,
    change: (files) => files.set(firstLayer(files), { fifo: true }),
    code: 'ERR_MEMBER_MISSING',
    message: /is a FIFO/,
  },
  {
    name: 'an index that points at itself',
    files: oci,
    change: (files) => {
      // No document holds its own digest, so a chain stands for the circle.
      let next: object = {
        ...putBlob(files, 'application/vnd.oci.image.index.v1+json', Buffer.from('{}')),
      }
      for (let i = 0; i < 20; i++) {
        const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [next] }))
        next = putBlob(files, 'application/vnd.oci.image.index.v1+json', bytes)
      }
      setIndex(files, [next])
    },
    code: 'ERR_MANIFEST',
    message: /nested deeper than 8/,
  },
]

async function failure(input: string, spoolDirectory: string): Promise<unknown> {
  try {
    const archive = await openArchive(input, { spoolDirectory })
    await archive.close()
    return 'it was opened'
  } catch (error) {
    return error
  }
}

t.test('the archives that are spoilt below are good', async (t) => {
  const directory = temporaryDirectory(t)
  for (const [name, files] of Object.entries({ old, modern, oci })) {
    const tar = path.join(directory, name)
    fs.writeFileSync(tar, packed(files()))
    t.equal(await failure(tar, directory), 'it was opened')
    t.equal(await failure(unpackedTo(`${tar}.d`, files()), directory), 'it was opened')
  }
})

t.test('bad archives, packed and unpacked', async (t) => {
  const directory = temporaryDirectory(t)
  const spool = path.join(directory, 'spool')
  fs.mkdirSync(spool)
  for (const [index, { name, files, change, code, message }] of BAD.entries()) {
    const spoilt = files()
    change(spoilt)
    const tar = path.join(directory, `${index}.tar`)
    fs.writeFileSync(tar, packed(spoilt))
    const folder = unpackedTo(path.join(directory, `${index}.d`), spoilt)
    for (const input of [tar, folder]) {
      const error = await failure(input, spool)
      const form = input === tar ? 'packed' : 'unpacked'
      t.ok(error instanceof LayerStoreError, `${name}, ${form}: an error of shale's`)
      t.match(error, { code, message }, `${name}, ${form}`)
      t.match(error, { message: new RegExp(`${index}\\.`) }, `${name}, ${form}: names the archive`)
    }
  }
  t.same(fs.readdirSync(spool), [])
})

t.test('bad tars', async (t) => {
  const directory = temporaryDirectory(t)
  const at = (name: string, bytes: Uint8Array): string => {
    fs.writeFileSync(path.join(directory, name), bytes)
    return path.join(directory, name)
  }
  const good = packed(old())
  const headerAt = good.indexOf('VERSION') - 65
  const flipped = Buffer.from(good)
  flipped[headerAt + 100]! ^= 1

  t.match(await failure(at('cut.tar', good.subarray(0, good.length - 4000)), directory), {
    code: 'ERR_TAR_TRUNCATED',
    message: /cut\.tar: it ends in "/,
  })
  t.match(
    await failure(at('cut-in-layer.tar', good.subarray(0, good.indexOf('hello\n') + 2)), directory),
    {
      code: 'ERR_TAR_TRUNCATED',
      message: /layer\.tar", \d+ bytes are missing/,
    },
  )
  t.match(await failure(at('flip.tar', flipped), directory), {
    code: 'ERR_TAR_CHECKSUM',
    message: /flip\.tar: .*checksum/,
  })
  t.match(await failure(at('cut.tgz', gzip(good).subarray(0, 500)), directory), {
    code: 'ERR_COMPRESSION',
    message: /cut\.tgz/,
  })
})

t.test('a special file instead of an archive', async (t) => {
  const directory = temporaryDirectory(t)
  t.match(await failure('/dev/null', directory), {
    code: 'ERR_NOT_AN_IMAGE',
    message: /an empty file/,
  })
  const folder = unpackedTo(path.join(directory, 'oci'), oci())
  fs.rmSync(path.join(folder, 'index.json'))
  spawnSync('mkfifo', [path.join(folder, 'index.json')])
  t.match(await failure(folder, directory), { code: 'ERR_MEMBER_MISSING', message: /is a FIFO/ })
})

t.test('any damage is an error of shale’s, or none', async (t) => {
  const directory = temporaryDirectory(t)
  const spool = path.join(directory, 'spool')
  fs.mkdirSync(spool)
  const input = path.join(directory, 'damaged.tar')
  const whole = [old(), modern(), oci()].map(packed)
  const damage = fc.record({
    archive: fc.nat(whole.length - 1),
    // Mostly a few bytes changed; sometimes a piece cut out, so that everything behind it moves.
    bytes: fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }),
    cut: fc.option(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 2048 })), { freq: 3 }),
  })
  let failures = 0
  await fc.assert(
    fc.asyncProperty(damage, async ({ archive, bytes, cut }) => {
      let tar = Buffer.from(whole[archive]!)
      for (const [at, byte] of bytes) tar[at % tar.length] = byte
      if (cut) {
        const at = cut[0] % tar.length
        tar = Buffer.concat([tar.subarray(0, at), tar.subarray(at + cut[1])])
      }
      fs.writeFileSync(input, tar)
      const result = await failure(input, spool)
      if (result === 'it was opened') return
      failures++
      if (!(result instanceof LayerStoreError)) throw result
    }),
    { numRuns: 400 },
  )
  t.ok(failures > 20, `${failures} of 400 were refused`)
  t.same(fs.readdirSync(spool), [])
})
