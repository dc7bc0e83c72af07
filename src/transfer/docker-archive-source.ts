// Reads what `docker save` wrote, in the layout of docker up to 24 (layer tars in folders named by v1 IDs, some of them
// links) and of docker 25 and later (blobs by digest): manifest.json says which members make an image in both.
// Layouts before docker 1.10 have no manifest.json; their layers carry no digests, so they are refused with the remedy.

import { sha256Of } from '../digest/chain-id.ts'
import { hexOf, type Digest, type ImageID } from '../digest/digest.ts'
import { ArchiveError, IntegrityError, UnsupportedError } from '../errors.ts'
import { parseArchiveManifest, type ArchiveItem } from '../image/archive-manifest.ts'
import { parseImageConfig, type ImageConfig } from '../image/config.ts'
import { JSON_BYTES_MAX } from '../image/json.ts'
import { platformMatches, platformText, type Platform } from '../image/platform.ts'
import { pathFromText, pathText, type BytePath } from '../path/byte-path.ts'
import { familiarString } from '../reference/reference.ts'
import type { ByteRange } from '../archive/layer-job.ts'
import type { ArchiveImage, ArchiveLayer } from './archive.ts'
import { findFile, readDocument, type Members } from './members.ts'

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
  platform?: Platform,
): readonly ArchiveImage[] {
  const label = `manifest.json of ${members.label}`
  const items = parseArchiveManifest(readDocument(manifest, label, JSON_BYTES_MAX), label)
  if (items.length === 0) {
    throw new ArchiveError(
      'ERR_NOT_AN_IMAGE',
      `cannot read ${members.label}: its manifest.json lists no image`,
    )
  }
  const images = new Map<ImageID, ArchiveImage>()
  const offered = new Set<string>()
  for (const item of items) {
    const { image, config } = readItem(members, item)
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

function readItem(
  members: Members,
  item: ArchiveItem,
): { image: ArchiveImage; config: ImageConfig } {
  const configName = pathText(item.config)
  const configLabel = `${configName} of ${members.label}`
  const configRange = findFile(members, item.config, 'manifest.json')
  const configBytes = readDocument(configRange, configLabel, JSON_BYTES_MAX)
  const imageID = sha256Of(configBytes) as ImageID
  const namedHex = NAMED_BY_DIGEST.exec(configName)?.[1]
  if (namedHex !== undefined && namedHex !== hexOf(imageID)) {
    throw digestMismatch(configLabel, `sha256:${namedHex}`, imageID)
  }
  const config = parseImageConfig(configBytes, configLabel)
  checkLayerCount(members.label, item.layers.length, config, 'manifest.json', configName)
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
  config: ImageConfig,
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

export function layerLabel(members: Members, index: number, name: string): string {
  return `layer ${index + 1} of ${members.label} (${name})`
}

/** Names both counts and both documents: one of them is of another image. */
export function checkLayerCount(
  label: string,
  layers: number,
  config: ImageConfig,
  manifestName: string,
  configName: string,
): void {
  const diffIDs = config.rootfs.diffIDs.length
  if (layers === diffIDs) return
  throw new IntegrityError(
    'ERR_LAYER_COUNT',
    `cannot read ${label}: ${manifestName} has ${layers} layers, but rootfs.diff_ids of ${configName} has ${diffIDs}`,
    { details: { layers, diffIDs, config: configName } },
  )
}

export function checkSize(name: string, members: Members, expected: number, actual: number): void {
  if (expected === actual) return
  throw new IntegrityError(
    'ERR_SIZE_MISMATCH',
    `cannot read ${members.label}: ${name} has ${actual} bytes, and its descriptor says ${expected}`,
    { details: { entry: name, expected, actual } },
  )
}

export function digestMismatch(label: string, expected: string, actual: Digest): IntegrityError {
  return new IntegrityError(
    'ERR_DIGEST_MISMATCH',
    `cannot read ${label}: its bytes have the digest ${actual}, not ${expected}; it was damaged or changed, get it again`,
    { details: { expected, actual } },
  )
}

export function noSuchPlatform(
  members: Members,
  wanted: Platform,
  offered: Iterable<string>,
): UnsupportedError {
  const list = [...offered]
  return new UnsupportedError(
    'ERR_PLATFORM',
    `cannot load ${members.label}: it has nothing for ${platformText(wanted)}, only ${list.join(', ') || 'images that name no platform'}`,
    { details: { wanted: platformText(wanted), offered: list } },
  )
}
