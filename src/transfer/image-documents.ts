// The documents that describe saved images: OCI manifests and index, docker's manifest.json and repositories, and the
// blobs that they name. Pure values, the same bytes for the same images: no clock, no order of a hash table.

import { sha256Of } from '../digest/chain-id.ts'
import { hexOf, type Digest } from '../digest/digest.ts'
import { encodeGoJSON, type GoJson } from '../image/go-json.ts'
import { descriptorJSON, type Descriptor } from '../image/manifest.ts'
import { OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST } from '../image/media-type.ts'
import { pathFromText } from '../path/byte-path.ts'
import { familiarName, fullString, type Reference } from '../reference/reference.ts'
import type { TarEntryInit } from '../tar/writer.ts'
import type { SaveImage, SaveLayer } from './archive.ts'
import { CONTAINERD_NAME, REF_NAME } from './image-name.ts'

/** A blob is a document in memory or a layer that is still to come. */
export type Blob =
  | { readonly digest: Digest; readonly bytes: Uint8Array }
  | { readonly digest: Digest; readonly layer: SaveLayer }

export interface ImageDocuments {
  /** Layers, configs and OCI manifests, each once, by digest. */
  readonly blobs: readonly Blob[]
  readonly indexJSON: Uint8Array
  /** docker's. */
  readonly manifestJSON: Uint8Array
  /** Absent where no image has a name. */
  readonly repositories?: Uint8Array
}

export function blobPath(digest: Digest): string {
  return `blobs/sha256/${hexOf(digest)}`
}

export function describeImages(images: readonly SaveImage[]): ImageDocuments {
  const blobs = new Map<Digest, Blob>()
  const add = (bytes: Uint8Array): Digest => {
    const digest = sha256Of(bytes)
    blobs.set(digest, { digest, bytes })
    return digest
  }
  const manifests: Descriptor[] = []
  for (const image of images) {
    for (const layer of image.layers) blobs.set(layer.diffID, { digest: layer.diffID, layer })
    add(image.configBytes)
    const manifest = json(manifestOf(image))
    manifests.push({ mediaType: OCI_MANIFEST, digest: add(manifest), sizeBytes: manifest.length })
  }
  const repositories = repositoriesOf(images)
  return {
    blobs: [...blobs.values()].sort((a, b) => (a.digest < b.digest ? -1 : 1)),
    indexJSON: json({
      schemaVersion: 2,
      mediaType: OCI_INDEX,
      manifests: indexEntries(images, manifests),
    }),
    manifestJSON: goLine(images.map(archiveItem(images))),
    ...(Object.keys(repositories).length === 0 ? {} : { repositories: goLine(repositories) }),
  }
}

function layerDescriptor({ diffID, tarBytes }: SaveLayer): Descriptor {
  return { mediaType: OCI_LAYER, digest: diffID, sizeBytes: tarBytes }
}

function manifestOf(image: SaveImage): Record<string, unknown> {
  const { imageID, configBytes } = image
  return {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: descriptorJSON({
      mediaType: OCI_CONFIG,
      digest: imageID,
      sizeBytes: configBytes.length,
    }),
    layers: image.layers.map((layer) => descriptorJSON(layerDescriptor(layer))),
  }
}

/** One entry a tag, as docker 25 has it: full name and tag in annotations. An image without a tag is listed without. */
function indexEntries(images: readonly SaveImage[], manifests: readonly Descriptor[]): unknown[] {
  const uses = new Map<string, number>()
  for (const { tag } of images.flatMap(tagged)) uses.set(tag, (uses.get(tag) ?? 0) + 1)
  return images.flatMap((image, index) => {
    const manifest = manifests[index]!
    const tags = tagged(image)
    if (tags.length === 0) return [descriptorJSON(manifest)]
    return tags.map(({ tag, reference }) => {
      const name = fullString(reference)
      // skopeo and umoci choose by this annotation alone, so it must tell the images apart: two of the tag `latest`
      // go by their full names.
      const refName = uses.get(tag) === 1 ? tag : name
      return descriptorJSON({
        ...manifest,
        annotations: { [CONTAINERD_NAME]: name, [REF_NAME]: refName },
      })
    })
  })
}

function tagged(image: SaveImage): { tag: string; reference: Reference }[] {
  return image.references.flatMap(({ domain, path, tag }) =>
    tag === undefined ? [] : [{ tag, reference: { domain, path, tag } }],
  )
}

/** Keys in docker's order; RepoTags is null without a name, as Go writes a nil slice. */
function archiveItem(images: readonly SaveImage[]): (image: SaveImage) => GoJson {
  return (image) => {
    const { parent } = image
    const tags = tagged(image).map(({ tag, reference }) => `${familiarName(reference)}:${tag}`)
    const sources: Record<string, GoJson> = {}
    for (const layer of image.layers) {
      sources[layer.diffID] = new Map(
        Object.entries(descriptorJSON(layerDescriptor(layer))),
      ) as GoJson
    }
    const item = new Map<string, GoJson>([
      ['Config', blobPath(image.imageID)],
      ['RepoTags', tags.length === 0 ? null : tags],
      ['Layers', image.layers.map(({ diffID }) => blobPath(diffID))],
    ])
    if (parent !== undefined && images.some(({ imageID }) => imageID === parent))
      item.set('Parent', parent)
    if (image.layers.length > 0) item.set('LayerSources', sources)
    return item
  }
}

/** Read by engines before docker 1.10, and by tools that only list names: the top layer stands for the image. */
function repositoriesOf(images: readonly SaveImage[]): Record<string, Record<string, string>> {
  const repositories: Record<string, Record<string, string>> = {}
  for (const image of images) {
    const top = image.layers.at(-1)
    if (top === undefined) continue
    for (const { tag, reference } of tagged(image)) {
      ;(repositories[familiarName(reference)] ??= {})[tag] = hexOf(top.diffID)
    }
  }
  return repositories
}

function json(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value))
}

/** Sorted maps, Go's escapes and a newline, as json.Encoder writes. */
function goLine(value: GoJson): Uint8Array {
  return Buffer.from(`${encodeGoJSON(value)}\n`)
}

/** A member of an archive that is a document in memory, a folder, or a layer. */
export interface ArchiveMember extends TarEntryInit {
  readonly layer?: SaveLayer
}

/** `blobs/` as members of a tar: owner root, time 0. */
export function blobEntries(blobs: readonly Blob[]): ArchiveMember[] {
  const folders = ['blobs/', 'blobs/sha256/'].map((name): TarEntryInit => ({
    path: pathFromText(name),
    type: 'directory',
  }))
  const files = blobs.map((blob): ArchiveMember => {
    const path = pathFromText(blobPath(blob.digest))
    if ('bytes' in blob) return { path, body: blob.bytes }
    const { layer } = blob
    return { path, sizeBytes: layer.tarBytes, body: opened(layer), layer }
  })
  return [...folders, ...files]
}

export function documentEntry(name: string, bytes: Uint8Array | string): ArchiveMember {
  return { path: pathFromText(name), body: Buffer.from(bytes) }
}

/** Opened when its turn comes, not when the members are listed. */
async function* opened(layer: SaveLayer): AsyncGenerator<Uint8Array> {
  yield* layer.open()
}
