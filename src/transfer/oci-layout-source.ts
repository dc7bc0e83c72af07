// Reads an OCI image layout, unpacked or as a tar: index.json, the indexes below it, and of each image one platform's
// manifest, chosen as engines choose. Every document is compared with the digest and size by which it is pointed at;
// layers with their size only, since their bytes are read once, later.
//
// Which descriptors of index.json are one image: those with the same name, or without a name but with a platform each,
// are alternatives of which one is taken. All others are images of their own (docker 25 lists one a tag).

import type { ByteRange } from '../archive/layer-job.ts'
import { sha256Of } from '../digest/chain-id.ts'
import { hexOf, type Digest, type ImageID } from '../digest/digest.ts'
import { ArchiveError, LayerStoreError, LimitError, type Warning } from '../errors.ts'
import { checkOCILayout, OCI_LAYOUT_FILE } from '../image/archive-manifest.ts'
import { parseImageConfig, type ImageConfig } from '../image/config.ts'
import {
  isIndexType,
  isManifestType,
  parseManifest,
  type Descriptor,
  type ImageManifest,
} from '../image/manifest.ts'
import { pickPlatform, platformMatches, platformText, type Platform } from '../image/platform.ts'
import { pathFromText, type BytePath } from '../path/byte-path.ts'
import type { ArchiveImage } from './archive.ts'
import { checkLayerCount, checkSize, digestMismatch, layerLabel, noSuchPlatform } from './claims.ts'
import { annotatedName, nameOfAnnotation } from './image-name.ts'
import { findFile, findFileIfPresent, type DocumentReader, type Members } from './members.ts'

export const INDEX: BytePath = pathFromText('index.json')
const LAYOUT = pathFromText(OCI_LAYOUT_FILE)

/** buildkit nests once, docker's multi-platform exports twice. */
const NESTING_MAX = 8
/** Indexes may share entries, so that a few small documents could make a tree of billions. */
const VISITS_MAX = 10_000
/** buildkit files attestations beside the images that they are about. */
const ATTESTATION = 'vnd.docker.reference.type'

export interface PlatformChoice {
  /** What to take where there is a choice. */
  readonly preferred: Platform
  /** The user asked for it: then an image of another platform is not taken even where there is no choice. */
  readonly required: boolean
}

interface FoundImage {
  readonly image: Omit<ArchiveImage, 'references'>
  readonly platform: Platform
}

/**
 * @param index where index.json is
 * @throws ArchiveError, IntegrityError, UnsafePathError, UnsupportedError, LimitError
 */
export function readOCILayout(
  members: Members,
  index: ByteRange,
  documents: DocumentReader,
  choice: PlatformChoice,
): { images: readonly ArchiveImage[]; warnings: readonly Warning[] } {
  return new LayoutReader(members, documents, choice).read(index)
}

class LayoutReader {
  private readonly members: Members
  private readonly documents: DocumentReader
  private readonly choice: PlatformChoice
  private readonly warnings: Warning[] = []
  private readonly found = new Map<Digest, FoundImage>()
  private readonly indexes = new Map<Digest, readonly Descriptor[]>()
  private visits = 0

  constructor(members: Members, documents: DocumentReader, choice: PlatformChoice) {
    this.members = members
    this.documents = documents
    this.choice = choice
  }

  read(index: ByteRange): { images: readonly ArchiveImage[]; warnings: readonly Warning[] } {
    const { members, documents } = this
    const layout = findFileIfPresent(members, LAYOUT)
    // umoci and skopeo write it, old buildkit tars may lack it; index.json alone says enough.
    if (layout)
      checkOCILayout(
        documents.read(layout, OCI_LAYOUT_FILE),
        `${OCI_LAYOUT_FILE} of ${members.label}`,
        documents.limits,
      )
    const label = `index.json of ${members.label}`
    const document = parseManifest(documents.read(index, label), label, undefined, documents.limits)
    if (document.kind !== 'index') {
      throw new ArchiveError(
        'ERR_MANIFEST',
        `cannot read ${label}: it is a manifest, where an index of manifests belongs`,
      )
    }
    const images = new Map<ImageID, ArchiveImage>()
    const unfit: LayerStoreError[] = []
    for (const [name, group] of this.groups(document.manifests)) {
      const image = this.resolveWanted(group, (error) => unfit.push(error))
      if (!image) continue
      const references = new Set(images.get(image.imageID)?.references)
      const reference = name === undefined ? undefined : this.referenceOf(name)
      if (reference !== undefined) references.add(reference)
      images.set(image.imageID, { ...image, references: [...references] })
    }
    if (images.size === 0) {
      const [first] = unfit
      if (first) throw first
      throw new ArchiveError(
        'ERR_NOT_AN_IMAGE',
        `cannot read ${members.label}: its index.json lists no image`,
      )
    }
    return { images: [...images.values()], warnings: this.warnings }
  }

  private groups(
    descriptors: readonly Descriptor[],
  ): readonly (readonly [name: string | undefined, group: readonly Descriptor[]])[] {
    const groups = new Map<string, { name: string | undefined; group: Descriptor[] }>()
    for (const descriptor of this.imagesAmong(descriptors)) {
      const name = annotatedName(descriptor.annotations)
      const key = name !== undefined ? `name ${name}` : descriptor.platform ? '' : descriptor.digest
      const known = groups.get(key)
      if (!known) groups.set(key, { name, group: [descriptor] })
      else if (!known.group.some(({ digest }) => digest === descriptor.digest))
        known.group.push(descriptor)
    }
    return [...groups.values()].map(({ name, group }) => [name, group] as const)
  }

  /** Without what travels along: attestations, signatures, cache manifests. */
  private imagesAmong(descriptors: readonly Descriptor[]): readonly Descriptor[] {
    return descriptors.filter((descriptor) => {
      if (
        descriptor.annotations?.[ATTESTATION] !== undefined ||
        descriptor.platform?.os === 'unknown'
      )
        return false
      const isImage = isManifestType(descriptor.mediaType) || isIndexType(descriptor.mediaType)
      if (isImage && descriptor.artifactType === undefined) return true
      this.warnings.push({
        code: 'artifact-skipped',
        message: `${this.members.label} holds ${descriptor.digest}, which is no image (${descriptor.artifactType ?? descriptor.mediaType}) and is left out`,
        entry: descriptor.digest,
        count: 1,
      })
      return false
    })
  }

  private referenceOf(name: string): string | undefined {
    const result = nameOfAnnotation(name)
    if ('reference' in result) return result.reference
    this.warnings.push(result.warning)
    return undefined
  }

  /** Asked for one platform, an archive of many images gives those that have it; without such a wish all must load. */
  private resolveWanted(
    group: readonly Descriptor[],
    onUnfit: (error: LayerStoreError) => void,
  ): FoundImage['image'] | undefined {
    try {
      return this.resolve(group, 1).image
    } catch (error) {
      if (!isUnfit(error) || !this.choice.required) throw error
      onUnfit(error)
      return undefined
    }
  }

  /** One image out of alternatives. */
  private resolve(alternatives: readonly Descriptor[], depth: number): FoundImage {
    const { members, choice } = this
    if (++this.visits > VISITS_MAX) {
      throw new LimitError(
        'ERR_ENTRIES_MAX',
        `cannot read ${members.label}: its indexes have more than ${VISITS_MAX} entries to choose from`,
        { details: { limit: VISITS_MAX } },
      )
    }
    const [only] = alternatives
    if (alternatives.length === 1 && isManifestType(only!.mediaType)) {
      const found = this.readImage(only!)
      // What the index says goes before the config, which often lacks the variant.
      if (choice.required || depth > 1) this.checkPlatform(only!.platform ?? found.platform)
      return found
    }
    if (alternatives.length === 1) return this.resolve(this.readIndex(only!, depth), depth + 1)
    const picked = pickPlatform(alternatives, choice.preferred, members.label)
    if (picked.platform !== undefined) return this.resolve([picked], depth)
    // None that says its platform fits: the configs of those that do not say have to.
    const offered: string[] = []
    for (const silent of alternatives.filter(({ platform }) => platform === undefined)) {
      const found = this.resolveSilent(silent, depth)
      if (found && platformMatches(found.platform, choice.preferred)) return found
      if (found) offered.push(platformText(found.platform))
    }
    throw noSuchPlatform(members, choice.preferred, offered)
  }

  private resolveSilent(descriptor: Descriptor, depth: number): FoundImage | undefined {
    if (isManifestType(descriptor.mediaType)) return this.readImage(descriptor)
    try {
      return this.resolve([descriptor], depth)
    } catch (error) {
      if (isUnfit(error)) return undefined
      throw error
    }
  }

  private checkPlatform(platform: Platform): void {
    const { preferred } = this.choice
    // A config without os and architecture runs anywhere, as far as anyone can tell.
    if (platform.os === '' && platform.architecture === '') return
    if (platformMatches(platform, preferred)) return
    throw noSuchPlatform(this.members, preferred, [platformText(platform)])
  }

  private readIndex(descriptor: Descriptor, depth: number): readonly Descriptor[] {
    if (depth > NESTING_MAX) {
      throw new ArchiveError(
        'ERR_MANIFEST',
        `cannot read ${this.members.label}: its indexes are nested deeper than ${NESTING_MAX} levels`,
      )
    }
    const known = this.indexes.get(descriptor.digest)
    if (known) return known
    const { label, bytes } = this.readBlob(descriptor, 'an index')
    const document = parseManifest(bytes, label, descriptor.mediaType, this.documents.limits)
    const manifests = document.kind === 'index' ? this.imagesAmong(document.manifests) : []
    if (manifests.length === 0) {
      throw new ArchiveError('ERR_NOT_AN_IMAGE', `cannot read ${label}: the index lists no image`)
    }
    this.indexes.set(descriptor.digest, manifests)
    return manifests
  }

  private readImage(descriptor: Descriptor): FoundImage {
    const known = this.found.get(descriptor.digest)
    if (known) return known
    const { label, bytes } = this.readBlob(descriptor, 'an index')
    // Announced as a manifest, so a document of another shape has thrown.
    const manifest = parseManifest(
      bytes,
      label,
      descriptor.mediaType,
      this.documents.limits,
    ) as ImageManifest
    const configBlob = this.readBlob(manifest.config, label)
    const config = parseImageConfig(configBlob.bytes, configBlob.label, this.documents.limits)
    checkLayerCount(
      this.members.label,
      manifest.layers.length,
      config,
      'manifest',
      blobName(manifest.config.digest),
    )
    const layers = manifest.layers.map((layer, index) => {
      const { digest, mediaType, sizeBytes } = layer
      return {
        label: layerLabel(this.members, index, blobName(digest)),
        blob: this.findBlob(layer, label),
        digest,
        diffID: config.rootfs.diffIDs[index]!,
        descriptor: { mediaType, digest, sizeBytes },
      }
    })
    const imageID = manifest.config.digest as ImageID
    const found = {
      image: { configBytes: configBlob.bytes, imageID, layers },
      platform: platformOf(config),
    }
    this.found.set(descriptor.digest, found)
    return found
  }

  private readBlob(descriptor: Descriptor, namedBy: string): { label: string; bytes: Uint8Array } {
    const label = `${blobName(descriptor.digest)} of ${this.members.label}`
    const bytes = this.documents.read(this.findBlob(descriptor, namedBy), label)
    const actual = sha256Of(bytes)
    if (actual !== descriptor.digest) throw digestMismatch(label, descriptor.digest, actual)
    return { label, bytes }
  }

  private findBlob(descriptor: Descriptor, namedBy: string): ByteRange {
    const name = blobName(descriptor.digest)
    const range = findFile(this.members, pathFromText(name), namedBy, 'refuse')
    checkSize(name, this.members, descriptor.sizeBytes, range.sizeBytes)
    return range
  }
}

/** Not the whole config: one is kept for every image until the load is done. */
function platformOf({ os, architecture, variant, osVersion, osFeatures }: ImageConfig): Platform {
  return { os, architecture, variant, osVersion, osFeatures }
}

function isUnfit(error: unknown): error is LayerStoreError {
  return error instanceof LayerStoreError && error.code === 'ERR_PLATFORM'
}

function blobName(digest: Digest): string {
  return `blobs/sha256/${hexOf(digest)}`
}
