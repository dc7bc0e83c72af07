import t from 'tap'
import {
  ArchiveError,
  LayerStoreError,
  UnsafePathError,
  UnsupportedError,
} from '../../src/errors.ts'
import {
  checkOCILayout,
  OCI_LAYOUT_TEXT,
  parseArchiveManifest,
} from '../../src/image/archive-manifest.ts'
import { descriptorJSON, parseManifest } from '../../src/image/manifest.ts'
import {
  DOCKER_CONFIG,
  DOCKER_LAYER,
  DOCKER_LIST,
  DOCKER_MANIFEST,
  OCI_CONFIG,
  OCI_INDEX,
  OCI_LAYER,
  OCI_MANIFEST,
} from '../../src/image/media-type.ts'
import { familiarString } from '../../src/reference/reference.ts'

const hex = (digit: string): string => `sha256:${digit.repeat(64)}`
const bytes = (value: unknown): Uint8Array =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
const descriptor = (
  mediaType: string,
  digit = 'a',
  size: unknown = 7,
): Record<string, unknown> => ({
  mediaType,
  digest: hex(digit),
  size,
})
const manifest = {
  schemaVersion: 2,
  mediaType: OCI_MANIFEST,
  config: descriptor(OCI_CONFIG),
  layers: [
    descriptor(`${OCI_LAYER}+gzip`, 'b'),
    descriptor(OCI_LAYER, 'c'),
    descriptor(`${OCI_LAYER}+zstd`, 'd'),
  ],
}
const index = {
  schemaVersion: 2,
  manifests: [
    {
      ...descriptor(OCI_MANIFEST),
      platform: { os: 'linux', architecture: 'arm', variant: 'v7', 'os.version': '1' },
      annotations: { a: 'b' },
    },
    descriptor(OCI_MANIFEST, 'b'),
  ],
}

function refusal(run: () => unknown): LayerStoreError {
  try {
    run()
  } catch (error) {
    if (error instanceof LayerStoreError) return error
    throw error
  }
  throw new Error('it was accepted')
}

t.test('reads manifests of both families', async (t) => {
  const read = parseManifest(bytes(manifest))
  t.ok(read.kind === 'manifest')
  if (read.kind !== 'manifest') return
  t.strictSame(
    read.layers.map((layer) => layer.compression),
    ['gzip', 'none', 'zstd'],
  )
  t.strictSame(read.config, { mediaType: OCI_CONFIG, digest: hex('a'), sizeBytes: 7 })
  const docker = parseManifest(
    bytes({
      schemaVersion: 2,
      mediaType: DOCKER_MANIFEST,
      config: descriptor(DOCKER_CONFIG),
      layers: [
        descriptor(`${DOCKER_LAYER}.gzip`),
        descriptor(DOCKER_LAYER),
        descriptor(`${DOCKER_LAYER}.zstd`),
      ],
    }),
    'm',
    DOCKER_MANIFEST,
  )
  t.match(docker, {
    kind: 'manifest',
    mediaType: DOCKER_MANIFEST,
    layers: [{ compression: 'gzip' }, { compression: 'none' }, { compression: 'zstd' }],
  })
})

t.test('reads indexes, with or without their own mediaType', async (t) => {
  const read = parseManifest(bytes(index))
  t.match(read, {
    kind: 'index',
    mediaType: OCI_INDEX,
    manifests: [
      { platform: { os: 'linux', architecture: 'arm', variant: 'v7', osVersion: '1' } },
      { digest: hex('b') },
    ],
  })
  t.equal(parseManifest(bytes(index), 'i', DOCKER_LIST).mediaType, DOCKER_LIST)
  if (read.kind !== 'index') return
  t.strictSame(descriptorJSON(read.manifests[0]!), {
    mediaType: OCI_MANIFEST,
    digest: hex('a'),
    size: 7,
    annotations: Object.assign(Object.create(null) as object, { a: 'b' }),
    platform: { architecture: 'arm', os: 'linux', 'os.version': '1', variant: 'v7' },
  })
})

t.test('a document that could be read two ways is refused', async (t) => {
  const cases: [unknown, string | undefined, RegExp][] = [
    [{ ...manifest, manifests: [] }, undefined, /both layers and manifests/],
    [{ ...index, layers: [] }, undefined, /both layers and manifests/],
    [{ ...index, config: descriptor(OCI_CONFIG) }, undefined, /both layers and manifests/],
    [{ ...index, fsLayers: [] }, undefined, /both layers and manifests/],
    [
      { ...index, mediaType: OCI_MANIFEST },
      undefined,
      /mediaType: .*manifest.v1\+json does not fit: the document has the shape of an index/,
    ],
    [
      { ...manifest, mediaType: OCI_INDEX },
      undefined,
      /does not fit: the document has the shape of a manifest/,
    ],
    [index, OCI_MANIFEST, /does not fit/],
    [manifest, DOCKER_MANIFEST, /is not the announced/],
    [{ ...manifest, Layers: [] }, undefined, /Layers: engines would take it for layers/],
    [
      { ...manifest, layers: [{ ...descriptor(OCI_LAYER), Digest: hex('e') }] },
      undefined,
      /layers\[0\]\.Digest: engines would take it for digest/,
    ],
  ]
  for (const [value, announced, message] of cases) {
    const error = refusal(() => parseManifest(bytes(value), 'm', announced))
    t.match(error.message, message)
    t.ok(error instanceof ArchiveError && error.code === 'ERR_MANIFEST', error.code)
  }
})

t.test('bad descriptors are named', async (t) => {
  const cases: [unknown, RegExp][] = [
    [descriptor(OCI_LAYER, 'a', -1), /layers\[0\]\.size: -1 is negative/],
    [descriptor(OCI_LAYER, 'a', 1.5), /layers\[0\]\.size: expected a whole number, not 1\.5/],
    [descriptor(OCI_LAYER, 'a', 2 ** 60), /layers\[0\]\.size: /],
    [descriptor(OCI_LAYER, 'a', '7'), /layers\[0\]\.size: /],
    [
      { ...descriptor(OCI_LAYER), digest: `sha512:${'a'.repeat(128)}` },
      /layers\[0\]\.digest: expected sha256:/,
    ],
    [{ ...descriptor(OCI_LAYER), digest: 'sha256:../../../etc/passwd' }, /layers\[0\]\.digest: /],
    [{ ...descriptor(OCI_LAYER), digest: hex('A') }, /layers\[0\]\.digest: /],
    [{ digest: hex('a'), size: 1 }, /layers\[0\]\.mediaType: it is missing/],
    ['x', /layers\[0\]: expected an object, not "x"/],
  ]
  for (const [layer, message] of cases) {
    const error = refusal(() => parseManifest(bytes({ ...manifest, layers: [layer] })))
    t.match(error.message, message)
    t.equal(error.code, 'ERR_MANIFEST')
  }
  t.match(
    refusal(() => parseManifest(bytes({ schemaVersion: 2 }))).message,
    /neither layers nor manifests/,
  )
  t.match(
    refusal(() => parseManifest(bytes({ ...manifest, config: undefined }))).message,
    /config: it is missing/,
  )
  t.match(
    refusal(() => parseManifest(bytes({ ...manifest, layers: null }))).message,
    /layers: it is missing/,
  )
})

t.test('what shale does not do is told apart from what is broken', async (t) => {
  const cases: [unknown, string, RegExp][] = [
    [
      { ...manifest, schemaVersion: 3 },
      'ERR_FORMAT_NEWER',
      /schemaVersion is 3, and this shale knows up to 2/,
    ],
    [{ ...manifest, schemaVersion: 1 }, 'ERR_MEDIA_TYPE', /given up/],
    [{ ...manifest, mediaType: 'text/html' }, 'ERR_MEDIA_TYPE', /text\/html/],
    [
      { ...manifest, config: descriptor('application/vnd.cncf.helm.config.v1+json') },
      'ERR_MEDIA_TYPE',
      /artifact, not a container image/,
    ],
    [
      {
        ...manifest,
        layers: [descriptor('application/vnd.docker.image.rootfs.foreign.diff.tar.gzip')],
      },
      'ERR_MEDIA_TYPE',
      /layer 1: the layer is foreign/,
    ],
    [
      {
        ...manifest,
        layers: [descriptor('application/vnd.oci.image.layer.nondistributable.v1.tar+gzip')],
      },
      'ERR_MEDIA_TYPE',
      /foreign/,
    ],
    [
      { ...manifest, layers: [descriptor(`${OCI_LAYER}+gzip+encrypted`)] },
      'ERR_MEDIA_TYPE',
      /encrypted/,
    ],
    [
      { ...manifest, layers: [descriptor('toString')] },
      'ERR_MEDIA_TYPE',
      /no media type of a file system layer/,
    ],
  ]
  for (const [value, code, message] of cases) {
    const error = refusal(() => parseManifest(bytes(value)))
    t.match(error.message, message)
    t.ok(error instanceof UnsupportedError && error.code === code, `${error.code} is ${code}`)
  }
})

t.test('manifest.json of a docker archive', async (t) => {
  const items = parseArchiveManifest(
    bytes([
      {
        Config: './blobs/sha256/x',
        RepoTags: ['debian:12', 'reg:5000/a/b:c'],
        Layers: ['a/layer.tar', 'b//layer.tar'],
        Parent: hex('e'),
        LayerSources: { [hex('a')]: descriptor(OCI_LAYER) },
        Extra: 1,
      },
      { Config: 'c.json', RepoTags: null, Layers: null },
    ]),
  )
  t.match(items[0], {
    config: 'blobs/sha256/x',
    layers: ['a/layer.tar', 'b/layer.tar'],
    parent: hex('e'),
  })
  t.strictSame(items[0]!.repoTags.map(familiarString), ['debian:12', 'reg:5000/a/b:c'])
  t.strictSame([...items[0]!.layerSources.keys()], [hex('a')])
  t.strictSame(items[1], { config: 'c.json', layers: [], repoTags: [], layerSources: new Map() })
  t.strictSame(parseArchiveManifest(bytes('[]')), [])
})

t.test('manifest.json that is wrong', async (t) => {
  const cases: [unknown, RegExp][] = [
    [null, /expected an array of images/],
    [{}, /expected an array of images/],
    [[1], /: \[0\]: expected an object, not 1/],
    [[{}], /\[0\]\.Config: it is missing/],
    [[{ Config: 'c', RepoTags: ['X:1'] }], /\[0\]\.RepoTags\[0\]: .*must be lowercase/],
    [[{ Config: 'c', RepoTags: ['x'] }], /\[0\]\.RepoTags\[0\]: invalid tag "x"/],
    [[{ Config: 'c', Layers: 'x' }], /\[0\]\.Layers: expected an array/],
    [[{ Config: 'c', Parent: '../x' }], /\[0\]\.Parent: /],
    [[{ Config: 'c', LayerSources: { x: {} } }], /\[0\]\.LayerSources\.x: it is no diffID/],
    [[{ Config: 'c', LayerSources: { [hex('a')]: null } }], /expected an object|it is missing/],
  ]
  for (const [value, message] of cases) {
    const error = refusal(() => parseArchiveManifest(bytes(value)))
    t.match(error.message, message)
    t.equal(error.code, 'ERR_MANIFEST', message.source)
  }
  for (const name of ['../x', '/etc/passwd', 'a/../../x', '', '.', 'a/..']) {
    for (const item of [{ Config: name }, { Config: 'c', Layers: [name] }]) {
      const error = refusal(() => parseArchiveManifest(bytes([item])))
      t.ok(
        error instanceof UnsafePathError && error.code === 'ERR_PATH_ESCAPE',
        JSON.stringify(item),
      )
    }
  }
})

t.test('the OCI layout marker', async (t) => {
  checkOCILayout(bytes(OCI_LAYOUT_TEXT))
  checkOCILayout(bytes({ imageLayoutVersion: '1.1.0' }))
  t.equal(
    refusal(() => checkOCILayout(bytes({ imageLayoutVersion: '2.0.0' }))).code,
    'ERR_FORMAT_NEWER',
  )
  t.equal(refusal(() => checkOCILayout(bytes({ imageLayoutVersion: 'x' }))).code, 'ERR_MANIFEST')
  t.equal(refusal(() => checkOCILayout(bytes({}))).code, 'ERR_MANIFEST')
})
