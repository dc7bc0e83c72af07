// Reads what `docker save` wrote, in the layout of docker up to 24 (layer tars in folders named by v1 IDs, some of them
// links) and of docker 25 and later (blobs by digest): manifest.json says which members make an image in both.
// Layouts before docker 1.10 have no manifest.json; their layers carry no digests, so they are refused with the remedy.

import type { ByteRange } from '../archive/layer-job.ts'
import { sha256Of } from '../digest/chain-id.ts'
import { hexOf, type Digest, type ImageID } from '../digest/digest.ts'
import { ArchiveError, UnsupportedError } from '../errors.ts'
import { parseArchiveManifest, type ArchiveItem } from '../image/archive-manifest.ts'
import { parseImageConfig, type ImageConfig } from '../image/config.ts'
import { platformMatches, platformText, type Platform } from '../image/platform.ts'
import { pathFromText, pathText, type BytePath } from '../path/byte-path.ts'
import { familiarString } from '../reference/reference.ts'
import type { ArchiveImage, ArchiveLayer } from './archive.ts'
import { checkLayerCount, checkSize, digestMismatch, layerLabel, noSuchPlatform } from './claims.ts'
import { findFile, type DocumentReader, type Members } from './members.ts'

export const MANIFEST: BytePath = pathFromText('manifest.json')

/** Config names that are the digest of their bytes: docker's old and new layout, and go-containerregistry's. */
const NAMED_BY_DIGEST = /^(?:.*\/)?(?:sha256:)?([0-9a-f]{64})(?:\.json)?$/
/** Of layers only the blobs are: `<hex>/layer.tar` is named by a v1 ID. */
const BLOB = /^blobs\/sha256\/([0-9a-f]{64})$/

/**
 * @param manifest where manifest.json is
 * @param platform if given, only images of it are wanted
 * @throws ArchiveError, IntegrityError, UnsafePathError, LimitError; UnsupportedError ERR_PLATFORM
 */
export function readDockerArchive(
  members: Members,
  manifest: ByteRange,
  documents: DocumentReader,
  platform?: Platform,
): readonly ArchiveImage[] {
  const label = `manifest.json of ${members.label}`
  const bytes = documents.read(manifest, label)
  const items = parseArchiveManifest(bytes, label, documents.limits)
  if (items.length === 0) {
    throw new ArchiveError(
      'ERR_NOT_AN_IMAGE',
      `cannot read ${members.label}: its manifest.json lists no image`,
    )
  }
  const images = new Map<ImageID, ArchiveImage>()
  const offered = new Set<string>()
  const configs = new ConfigReader(members, documents)
  for (const item of items) {
    const { image, config } = readItem(members, configs, item)
    if (platform && !platformMatches(config, platform)) {
      offered.add(platformText(config))
      continue
    }
    const known = images.get(image.imageID)
    const references = [...new Set([...(known?.references ?? []), ...image.references])]
    images.set(image.imageID, { ...(known ?? image), references })
  }
  if (images.size === 0 && platform) throw noSuchPlatform(members, platform, offered)
  return [...images.values()]
}

type ReadFields = Pick<
  ImageConfig,
  'rootfs' | 'os' | 'architecture' | 'variant' | 'osVersion' | 'osFeatures'
>

interface ReadConfig {
  readonly bytes: Uint8Array
  readonly imageID: ImageID
  readonly config: ReadFields
}

/** Each config is read once: a manifest of 4 MiB can name one large config a hundred thousand times. */
class ConfigReader {
  private readonly members: Members
  private readonly documents: DocumentReader
  private readonly known = new Map<BytePath, ReadConfig>()

  constructor(members: Members, documents: DocumentReader) {
    this.members = members
    this.documents = documents
  }

  read(path: BytePath): ReadConfig {
    let found = this.known.get(path)
    if (!found) this.known.set(path, (found = this.readFirst(path)))
    return found
  }

  private readFirst(path: BytePath): ReadConfig {
    const name = pathText(path)
    const label = `${name} of ${this.members.label}`
    const range = findFile(this.members, path, 'manifest.json')
    const bytes = this.documents.read(range, label)
    const imageID = sha256Of(bytes) as ImageID
    const hex = NAMED_BY_DIGEST.exec(name)?.[1]
    if (hex !== undefined && hex !== hexOf(imageID)) {
      throw digestMismatch(label, `sha256:${hex}`, imageID)
    }
    // Of the parsed config only what is asked for is kept: its objects are many times its bytes.
    const { rootfs, os, architecture, variant, osVersion, osFeatures } = parseImageConfig(
      bytes,
      label,
      this.documents.limits,
    )
    return {
      bytes,
      imageID,
      config: { rootfs, os, architecture, variant, osVersion, osFeatures },
    }
  }
}

function readItem(
  members: Members,
  configs: ConfigReader,
  item: ArchiveItem,
): { image: ArchiveImage; config: ReadFields } {
  const { bytes: configBytes, imageID, config } = configs.read(item.config)
  checkLayerCount(members.label, item.layers.length, config, 'manifest.json', pathText(item.config))
  const layers = item.layers.map((path, index) => readLayer(members, item, config, path, index))
  const references = item.repoTags.map(familiarString)
  return {
    image: {
      configBytes,
      imageID,
      references,
      layers,
      ...(item.parent ? { parent: item.parent } : {}),
    },
    config,
  }
}

function readLayer(
  members: Members,
  item: ArchiveItem,
  config: ReadFields,
  path: BytePath,
  index: number,
): ArchiveLayer {
  const blob = findFile(members, path, 'manifest.json')
  const diffID = config.rootfs.diffIDs[index]!
  const hex = BLOB.exec(path)?.[1]
  const digest: Digest | undefined = hex === undefined ? undefined : `sha256:${hex}`
  // What the layer was in a registry says nothing of these bytes, unless it is these bytes.
  const source = item.layerSources.get(diffID)
  const descriptor = source !== undefined && source.digest === digest ? source : undefined
  if (descriptor) checkSize(pathText(path), members, descriptor.sizeBytes, blob.sizeBytes)
  return {
    label: layerLabel(members, index, pathText(path)),
    blob,
    diffID,
    ...(digest === undefined ? {} : { digest }),
    ...(descriptor === undefined ? {} : { descriptor }),
  }
}

/** Layouts before docker 1.10: `repositories` names v1 images, each a folder with `json` and `layer.tar`. */
export function refuseV1Layout(members: Members): never {
  throw new UnsupportedError(
    'ERR_MEDIA_TYPE',
    `cannot read ${members.label}: it has repositories but no manifest.json, the layout of docker before 1.10; load it with docker 28 or older and save it again`,
  )
}
