// What an OCI layout’s descriptors, manifests and indexes claim of the bytes that they point at.

import { editJson, putIndex, setIndex } from '../image.ts'
import { casesOf, type HostileCase } from './case.ts'

import {
  cleanBlobs,
  cleanOci,
  image,
  json,
  oci,
  replaceBlob,
  replaceLayer,
  withConfig,
  withManifest,
} from './archive-edits.ts'

const LINK = ['ERR_LINK_ESCAPE']
const MANIFEST = ['ERR_MANIFEST']
const CONFIG = ['ERR_CONFIG']
const SIZE = ['ERR_SIZE_MISMATCH']
const NO_FILE = ['ERR_MEMBER_MISSING']

interface Sized {
  size: number
}

const firstOf = (index: Record<string, unknown>): Sized => (index['manifests'] as Sized[])[0]!

export const DESCRIPTORS: readonly HostileCase[] = casesOf('manifest', {
  'size-too-small': {
    attack: 'a descriptor that says less',
    build: () => withManifest((value) => (value['layers'][0].size -= 1)),
    twin: cleanOci,
    expect: SIZE,
  },
  'size-huge': {
    attack: 'a descriptor that says a petabyte: whoever allocates by it dies',
    build: () => withManifest((value) => (value['config'].size = 2 ** 50)),
    twin: cleanOci,
    expect: SIZE,
  },
  'size-huge-of-manifest': {
    attack: 'an index that says a petabyte of its manifest',
    build: () =>
      oci((files) => editJson(files, 'index.json', (value) => (firstOf(value).size = 2 ** 50))),
    twin: cleanOci,
    expect: SIZE,
  },
  'size-zero': {
    attack: 'a descriptor that says nothing of a layer that has bytes',
    build: () => withManifest((value) => (value['layers'][0].size = 0)),
    twin: cleanOci,
    expect: SIZE,
  },
  'size-negative': {
    attack: 'a descriptor that says less than nothing',
    build: () => withManifest((value) => (value['layers'][0].size = -1)),
    twin: cleanOci,
    expect: MANIFEST,
  },
  'size-fraction': {
    attack: 'a size that is no whole number',
    build: () => withManifest((value) => (value['layers'][0].size = 0.5)),
    twin: cleanOci,
    expect: MANIFEST,
  },
  'digest-is-a-path': {
    advisory: 'CVE-2024-3727',
    attack: 'sha256:../../x',
    build: (at) => withManifest((value) => (value['layers'][0].digest = `sha256:${at.up}/secret`)),
    twin: cleanOci,
    expect: MANIFEST,
  },
  'digest-of-unknown-algorithm': {
    advisory: 'CVE-2024-3727',
    attack: 'an algorithm that nobody checks',
    build: () => withManifest((value) => (value['layers'][0].digest = `md5:${'0'.repeat(32)}`)),
    twin: cleanOci,
    expect: MANIFEST,
  },
  'digest-upper-case': {
    attack: 'hex digits in upper case: another file name, the same digest',
    build: () =>
      withManifest(
        (value) =>
          (value['layers'][0].digest =
            `sha256:${String(value['layers'][0].digest).slice(7).toUpperCase()}`),
      ),
    twin: cleanOci,
    expect: MANIFEST,
  },
  'diff-id-is-a-path': {
    advisory: 'CVE-2024-3727',
    attack: 'a diff_id with slashes in it',
    build: () =>
      withConfig({
        rootfs: { type: 'layers', diff_ids: ['sha256:../../../x', `sha256:${'0'.repeat(64)}`] },
      }),
    twin: cleanBlobs,
    expect: CONFIG,
  },
  'diff-ids-too-few': {
    attack: 'fewer diff_ids than layers: the last layer is checked by nobody',
    build: () =>
      withConfig({ history: [], rootfs: { type: 'layers', diff_ids: [image().diffIDs[0]] } }),
    twin: cleanBlobs,
    expect: ['ERR_LAYER_COUNT'],
  },
  'diff-ids-too-many': {
    attack: 'more diff_ids than layers',
    build: () =>
      withConfig({
        rootfs: { type: 'layers', diff_ids: [...image().diffIDs, image().diffIDs[0]] },
      }),
    twin: cleanBlobs,
    expect: ['ERR_LAYER_COUNT'],
  },
  'index-and-manifest-in-one': {
    advisory: 'CVE-2021-41190',
    attack: 'a document that is a manifest and an index',
    build: () => withManifest((value) => (value['manifests'] = [])),
    twin: cleanOci,
    expect: MANIFEST,
  },
  'type-and-shape-differ': {
    advisory: 'CVE-2021-41190',
    attack: 'a manifest that calls itself an index',
    build: () =>
      withManifest((value) => (value['mediaType'] = 'application/vnd.oci.image.index.v1+json')),
    twin: cleanOci,
    expect: MANIFEST,
  },
  'keys-in-other-case': {
    attack: 'Layers beside layers: Go takes the last of both',
    build: () => withManifest((value) => (value['Layers'] = [])),
    twin: cleanOci,
    expect: MANIFEST,
  },
  'blob-is-symlink': {
    attack: 'a blob is a symlink to another blob',
    build: () => replaceLayer((_, name) => ({ symlink: name.slice('blobs/sha256/'.length) })),
    twin: cleanOci,
    expect: LINK,
  },
  'blob-is-symlink-outside': {
    attack: 'a blob is a symlink to a file of the host',
    build: (at) => replaceLayer(() => ({ symlink: `${at.dir}/secret` })),
    twin: cleanOci,
    expect: LINK,
  },
  'blob-is-fifo': {
    attack: 'a blob is a FIFO',
    build: () => replaceLayer(() => ({ fifo: true })),
    twin: cleanOci,
    expect: ['ERR_MEMBER_MISSING'],
  },
  'blob-is-directory': {
    attack: 'a blob is a directory',
    build: () => replaceLayer(() => ({ directory: true })),
    twin: cleanOci,
    expect: ['ERR_MEMBER_MISSING'],
  },
  'blob-is-missing': {
    attack: 'a blob that is not there',
    build: () => replaceLayer(() => undefined),
    twin: cleanOci,
    expect: ['ERR_MEMBER_MISSING'],
  },
  'blob-is-device': {
    attack: 'a blob is a device: zeros without end',
    build: () => replaceLayer(() => ({ device: true })),
    twin: cleanOci,
    expect: NO_FILE,
  },
  'config-blob-is-symlink-outside': {
    attack: 'the config’s blob is a symlink to a file of the host',
    build: (at) => replaceBlob('config', { symlink: `${at.dir}/secret` }),
    twin: cleanOci,
    expect: LINK,
  },
  'config-blob-is-device': {
    attack: 'the config’s blob is a device',
    build: () => replaceBlob('config', { device: true }),
    twin: cleanOci,
    expect: NO_FILE,
  },
  'manifest-blob-is-symlink-outside': {
    attack: 'the manifest’s blob is a symlink to a file of the host',
    build: (at) => replaceBlob('manifest', { symlink: `${at.dir}/secret` }),
    twin: cleanOci,
    expect: LINK,
  },
  'manifest-blob-is-fifo': {
    attack: 'the manifest’s blob is a FIFO: its reader waits for ever',
    build: () => replaceBlob('manifest', { fifo: true }),
    twin: cleanOci,
    expect: NO_FILE,
  },
  'index-is-fifo': {
    attack: 'index.json is a FIFO',
    build: () => oci((files) => files.set('index.json', { fifo: true })),
    twin: cleanOci,
    expect: NO_FILE,
    names: 'index.json',
  },
  'index-is-device': {
    attack: 'index.json is a device',
    build: () => oci((files) => files.set('index.json', { device: true })),
    twin: cleanOci,
    // An ordinary user makes no device: there it is not there at all.
    expect: [...NO_FILE, 'ERR_NOT_AN_IMAGE'],
    names: 'index.json',
  },
  'layout-is-symlink-outside': {
    attack: 'oci-layout is a symlink to a file of the host',
    build: (at) => oci((files) => files.set('oci-layout', { symlink: `${at.dir}/secret` })),
    twin: cleanOci,
    expect: LINK,
  },
  'blobs-folder-is-symlink': {
    attack: 'blobs/ is a symlink to a directory of the host',
    build: (at) =>
      oci((files) => {
        for (const name of [...files.keys()]) if (name.startsWith('blobs/')) files.delete(name)
        files.set('blobs', { symlink: at.dir })
      }),
    twin: cleanOci,
    expect: LINK,
  },
  'index-is-symlink-outside': {
    attack: 'index.json is a symlink to a file of the host',
    build: (at) => oci((files) => files.set('index.json', { symlink: `${at.dir}/secret` })),
    twin: cleanOci,
    expect: LINK,
  },
  'index-nests-itself-deep': {
    attack: 'indexes in indexes',
    build: () =>
      oci((files) => {
        const index = JSON.parse((files.get('index.json') as Buffer).toString()) as {
          manifests: object[]
        }
        let inner: object = index.manifests[0]!
        for (let i = 0; i < 20; i++) inner = putIndex(files, [inner])
        setIndex(files, [inner])
      }),
    twin: () =>
      oci((files) => {
        const index = JSON.parse((files.get('index.json') as Buffer).toString()) as {
          manifests: object[]
        }
        setIndex(files, [putIndex(files, [index.manifests[0]!])])
      }),
    expect: MANIFEST,
  },
  'layout-of-the-future': {
    attack: 'a layout version that means something else',
    build: () => oci((files) => files.set('oci-layout', json({ imageLayoutVersion: '2.0.0' }))),
    twin: cleanOci,
    expect: ['ERR_FORMAT_NEWER'],
  },
  'encrypted-layer': {
    attack: 'a layer of a type that is no tar',
    build: () =>
      withManifest(
        (value) =>
          (value['layers'][0].mediaType = 'application/vnd.oci.image.layer.v1.tar+gzip+encrypted'),
      ),
    twin: cleanOci,
    expect: ['ERR_MEDIA_TYPE'],
  },
})
