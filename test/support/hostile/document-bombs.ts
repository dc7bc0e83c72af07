// Bombs outside of layers: JSON, and archives of too many members, images, names or layers.

import { gzipSync } from 'node:zlib'
import { packed, putBlob, setIndex, smallImage, type ArchiveFiles } from '../image.ts'
import { file, layerTar, sha256Text } from '../layer.ts'
import { block, extension, paxRecords, ZERO_BLOCKS } from '../tars.ts'
import {
  cleanOci,
  cleanOld,
  image,
  json,
  manifest,
  oci,
  old,
  type ManifestItem,
} from './archive-edits.ts'
import { casesOf, type HostileCase, type Payload } from './case.ts'

const JSON_MAX = ['ERR_JSON_MAX']
const MIB = 1 << 20
const gzipped = (members: ArchiveFiles): Payload => ({
  bytes: gzipSync(packed(members), { level: 1 }),
})
const membersOf = (payload: Payload): ArchiveFiles => (payload as { members: ArchiveFiles }).members
const withManifestJSON = (text: string): Payload =>
  gzipped(membersOf(old((files) => files.set('manifest.json', Buffer.from(text)))))
/** The archive of a small image, with more tar before its end. */
const withMembers = (parts: readonly Buffer[]): Payload => {
  const tar = packed(membersOf(old()))
  return {
    bytes: gzipSync(Buffer.concat([tar.subarray(0, -1024), ...parts, ZERO_BLOCKS]), { level: 1 }),
  }
}
const itemOf = (files: ArchiveFiles): ManifestItem =>
  (JSON.parse((files.get('manifest.json') as Buffer).toString()) as ManifestItem[])[0]!

const CASES = casesOf('bomb', {
  'json-depth': {
    attack: 'a million brackets',
    build: () => withManifestJSON('['.repeat(MIB)),
    twin: cleanOld,
    expect: JSON_MAX,
    names: '--limit json-depth=',
  },
  'json-bytes': {
    advisory: 'CVE-2023-25153',
    attack: 'a manifest of 64 MiB',
    build: () => withManifestJSON(`[${' '.repeat(64 * MIB)}]`),
    twin: cleanOld,
    expect: JSON_MAX,
    names: '--limit json-bytes=',
    isHeavy: true,
  },
  'json-values': {
    attack: 'a million empty objects: twenty times as much memory as text',
    build: () => withManifestJSON(`[${'{},'.repeat(1_300_000)}{}]`),
    twin: cleanOld,
    expect: JSON_MAX,
    names: '--limit json-values=',
    isHeavy: true,
  },
  'json-total': {
    advisory: 'CVE-2023-25153',
    attack: 'twelve configs of almost 4 MiB, each within its bound',
    build: () =>
      gzipped(
        membersOf(
          old((files) => {
            const item = itemOf(files)
            const config = JSON.parse((files.get(item.Config) as Buffer).toString()) as Record<
              string,
              unknown
            >
            const items = Array.from({ length: 12 }, (_, i) => {
              const bytes = json({ ...config, comment: `${i}${'x'.repeat(4 * MIB - 2000)}` })
              const name = `${sha256Text(bytes).slice(7)}.json`
              files.set(name, bytes)
              return { ...item, Config: name, RepoTags: [] }
            })
            files.set('manifest.json', json(items))
          }),
        ),
      ),
    twin: cleanOld,
    expect: JSON_MAX,
    names: '--limit json-total=',
    isHeavy: true,
  },
  labels: {
    attack: 'a config of a hundred thousand labels',
    build: () => {
      const labels = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`l${i}`, '']))
      return { layers: [layerTar(file('f', 'mine'))], config: { config: { Labels: labels } } }
    },
    twin: () => ({
      layers: [layerTar(file('f', 'mine'))],
      config: { config: { Labels: { a: 'b' } } },
    }),
    expect: 'harmless',
    isHeavy: true,
  },
  history: {
    attack: 'a config of a hundred thousand steps that made no layer',
    build: () => ({
      layers: [layerTar(file('f', 'mine'))],
      config: { history: Array<object>(100_000).fill({ empty_layer: true }) },
    }),
    twin: () => ({
      layers: [layerTar(file('f', 'mine'))],
      config: { history: [{ empty_layer: true }, { created_by: 'x' }] },
    }),
    expect: 'harmless',
    isHeavy: true,
  },
  names: {
    attack: 'an image of a hundred thousand names',
    build: () =>
      gzipped(
        membersOf(
          old((files) =>
            manifest(
              files,
              (item) => (item.RepoTags = Array.from({ length: 100_000 }, (_, i) => `n:${i}`)),
            ),
          ),
        ),
      ),
    twin: () => old((files) => manifest(files, (item) => (item.RepoTags = ['n:1', 'n:2', 'n:1']))),
    expect: ['ERR_ENTRIES_MAX'],
    names: '--limit names=',
    isHeavy: true,
  },
  'name-of-megabytes': {
    attack: 'a name of 3 MiB, for a regular expression',
    build: () =>
      gzipped(
        membersOf(
          old((files) =>
            manifest(files, (item) => (item.RepoTags = [`${'a-'.repeat(1.5 * MIB)}:1`])),
          ),
        ),
      ),
    twin: () =>
      old((files) => manifest(files, (item) => (item.RepoTags = [`${'a'.repeat(120)}:1`]))),
    expect: ['ERR_MANIFEST'],
  },
  items: {
    attack: 'a manifest that lists one image fifty thousand times',
    build: () => {
      const members = membersOf(old((files) => files.set('c', files.get(itemOf(files).Config)!)))
      const item = itemOf(members)
      item.Layers.forEach((name, i) => members.set(`l${i}`, members.get(name)!))
      members.set(
        'manifest.json',
        json(
          Array.from({ length: 50_000 }, () => ({
            Config: 'c',
            RepoTags: null,
            Layers: ['l0', 'l1'],
          })),
        ),
      )
      return gzipped(members)
    },
    twin: () => old((files) => files.set('manifest.json', json([itemOf(files), itemOf(files)]))),
    expect: ['harmless', ...JSON_MAX],
    isHeavy: true,
  },
  members: {
    attack: 'an archive of 110,000 members',
    build: () => withMembers(Array.from({ length: 110_000 }, (_, i) => block({ name: `m${i}` }))),
    twin: () => withMembers(Array.from({ length: 1000 }, (_, i) => block({ name: `m${i}` }))),
    expect: ['ERR_ENTRIES_MAX'],
    names: '--limit members=',
    isHeavy: true,
  },
  'member-names': {
    attack: 'members with names of 4 KB',
    build: () =>
      withMembers(
        Array.from({ length: 6000 }, (_, i) =>
          Buffer.concat([
            extension('x', paxRecords({ path: `${i}/${'x'.repeat(4000)}` })),
            block({ name: 'm' }),
          ]),
        ),
      ),
    twin: () =>
      withMembers([extension('x', paxRecords({ path: 'x'.repeat(4000) })), block({ name: 'm' })]),
    expect: ['ERR_ENTRIES_MAX'],
    names: '--limit name-bytes=',
    isHeavy: true,
  },
  'member-claims-a-gibibyte': {
    attack: 'a PAX header of the archive itself that says it has 1 GiB',
    build: () => withMembers([block({ name: 'x', type: 'x', size: 2 ** 30 })]),
    twin: () => withMembers([extension('x', paxRecords({ comment: 'x' })), block({ name: 'm' })]),
    expect: ['ERR_ENTRY_SIZE_MAX'],
    names: '--limit pax-bytes=',
  },
  'archive-ratio': {
    attack: 'a compressed archive that is a thousand times as large',
    build: () => ({
      bytes: gzipSync(
        Buffer.concat([
          block({ name: 'zeros', size: 16 * MIB }),
          Buffer.alloc(16 * MIB),
          ZERO_BLOCKS,
        ]),
      ),
    }),
    twin: () => gzipped(membersOf(old())),
    expect: ['ERR_EXPANSION_MAX'],
    names: '--limit expansion=',
    limits: ['expansion-from=4M'],
  },
  layers: {
    attack: 'an image of 126 layers',
    build: () => ({ layers: Array.from({ length: 126 }, (_, i) => layerTar(file(`f${i}`))) }),
    twin: () => ({ layers: Array.from({ length: 40 }, (_, i) => layerTar(file(`f${i}`))) }),
    expect: ['ERR_DEPTH_MAX'],
    names: '--limit layers=',
  },
  'archive-layers': {
    attack: 'many images of many layers, each within its bound',
    build: () => ({ layers: Array.from({ length: 5 }, (_, i) => layerTar(file(`f${i}`))) }),
    twin: () => ({ layers: Array.from({ length: 2 }, (_, i) => layerTar(file(`f${i}`))) }),
    expect: ['ERR_DEPTH_MAX'],
    names: '--limit archive-layers=',
    limits: ['archive-layers=3'],
  },
  'index-of-100000': {
    attack: 'an index of a hundred thousand entries',
    build: () =>
      gzipped(
        membersOf(
          oci((files) => {
            const index = JSON.parse((files.get('index.json') as Buffer).toString()) as {
              manifests: object[]
            }
            setIndex(files, Array<object>(100_000).fill(index.manifests[0]!))
          }),
        ),
      ),
    twin: cleanOci,
    expect: JSON_MAX,
    names: '--limit json-bytes=',
    isHeavy: true,
  },
  'index-tree': {
    attack: 'eight levels of indexes that each list the next a hundred times: 10^16 ways',
    build: () =>
      oci((files) => {
        const built = image()
        const config = putBlob(files, 'application/vnd.oci.image.config.v1+json', built.configBytes)
        let inner: object = putBlob(
          files,
          'application/vnd.oci.image.manifest.v1+json',
          json({ schemaVersion: 2, config, layers: [] }),
        )
        for (let level = 0; level < 7; level++) {
          const manifests = Array.from({ length: 100 }, (_, i) => ({
            ...inner,
            annotations: { n: String(i) },
          }))
          inner = putBlob(
            files,
            'application/vnd.oci.image.index.v1+json',
            json({
              schemaVersion: 2,
              mediaType: 'application/vnd.oci.image.index.v1+json',
              manifests,
            }),
          )
        }
        setIndex(files, [inner])
      }),
    twin: cleanOci,
    expect: ['ERR_ENTRIES_MAX', 'ERR_LAYER_COUNT'],
  },
  'config-of-zeros': {
    advisory: 'CVE-2023-25153',
    attack: 'a config of 100 MiB of zeros, in a small archive',
    build: () =>
      gzipped(
        membersOf(
          old((files) =>
            manifest(files, (item) => {
              files.set('config.json', Buffer.alloc(100 * MIB))
              item.Config = 'config.json'
            }),
          ),
        ),
      ),
    twin: () => ({ members: membersOf(old(() => smallImage())) }),
    expect: JSON_MAX,
    names: '--limit json-bytes=',
    isHeavy: true,
  },
})

/** As root file systems these archives are ordinary ones. */
export const DOCUMENT_BOMBS: readonly HostileCase[] = CASES.map((each) => ({
  ...each,
  isForImport: false,
}))
