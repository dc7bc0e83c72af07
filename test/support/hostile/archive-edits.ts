// Archives of one small image with one thing changed, for the attacks on their documents.

import {
  dockerArchive20,
  dockerArchive25,
  editJson,
  ociLayout,
  OCI_MANIFEST_TYPE,
  putBlob,
  setIndex,
  smallImage,
  type ArchiveFile,
  type ArchiveFiles,
  type BuiltImage,
} from '../image.ts'
import { type Payload } from './case.ts'

export const image = (): BuiltImage => smallImage()
export const tags: readonly string[] = ['hostile:1']
export const old = (edit: (files: ArchiveFiles, image: BuiltImage) => void = () => {}): Payload => {
  const built = image()
  const members = dockerArchive20([{ image: built, tags }])
  edit(members, built)
  return { members }
}
export const blobs = (
  edit: (files: ArchiveFiles, image: BuiltImage) => void = () => {},
): Payload => {
  const built = image()
  const members = dockerArchive25([{ image: built, tags }])
  edit(members, built)
  return { members }
}
export const oci = (edit: (files: ArchiveFiles, image: BuiltImage) => void = () => {}): Payload => {
  const built = image()
  const members = ociLayout([
    { image: built, annotations: { 'org.opencontainers.image.ref.name': 'hostile:1' } },
  ])
  edit(members, built)
  return { members }
}
/** The same archive, untouched. */
export const cleanOld = (): Payload => old()
export const cleanBlobs = (): Payload => blobs()
export const cleanOci = (): Payload => oci()

export type ManifestItem = { Config: string; RepoTags: unknown; Layers: string[]; Parent?: string }
export const manifest = (
  files: ArchiveFiles,
  edit: (item: ManifestItem, all: ManifestItem[]) => void,
): void =>
  editJson(files, 'manifest.json', (items) =>
    edit((items as unknown as ManifestItem[])[0]!, items as unknown as ManifestItem[]),
  )
export const blobOf = (digest: string): string => `blobs/sha256/${digest.slice(7)}`
export const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))

/** An OCI layout whose manifest is edited, and pointed at by its new digest. */
export const withManifest = (
  // oxlint-disable-next-line typescript/no-explicit-any -- a manifest is whatever an attacker wants it to be
  edit: (manifest: Record<string, any>, files: ArchiveFiles, image: BuiltImage) => void,
): Payload =>
  oci((files, built) => {
    const index = JSON.parse((files.get('index.json') as Buffer).toString()) as {
      manifests: { digest: string }[]
    }
    const name = blobOf(index.manifests[0]!.digest)
    // oxlint-disable-next-line typescript/no-explicit-any
    const value = JSON.parse((files.get(name) as Buffer).toString()) as Record<string, any>
    files.delete(name)
    edit(value, files, built)
    setIndex(files, [putBlob(files, OCI_MANIFEST_TYPE, json(value))])
  })

/** An image whose config is edited before it gets its digest. */
export const withConfig = (fields: Readonly<Record<string, unknown>>): Payload => {
  const built = smallImage(fields)
  return { members: dockerArchive25([{ image: built, tags }]) }
}

export const replaceLayer = (
  what: (layer: Buffer, name: string) => ArchiveFile | undefined,
): Payload =>
  oci((files, built) => {
    const name = blobOf(built.diffIDs[0]!)
    const put = what(built.layers[0]!, name)
    files.delete(name)
    if (put !== undefined) files.set(name, put)
  })

export const replaceBlob = (what: 'config' | 'manifest', by: ArchiveFile): Payload =>
  oci((files, built) => {
    const index = JSON.parse((files.get('index.json') as Buffer).toString()) as {
      manifests: { digest: string }[]
    }
    files.set(blobOf(what === 'config' ? built.imageID : index.manifests[0]!.digest), by)
  })
