// Manifests and indexes of OCI and of docker's schema 2: which config and layers, by digest, make an image.
// Knows one document at a time. A document is read as what it is by its shape, and every other sign of what it is
// (its mediaType, the type that a descriptor or a server announced) has to agree: CVE-2021-41190.

import { isDigest } from '../digest/digest.ts'
import type { Digest } from '../digest/digest.ts'
import { ArchiveError, UnsupportedError } from '../errors.ts'
import { JsonFields, parseJSON } from './json.ts'
import type { JSONLimits } from './json.ts'
import {
  CONFIG_TYPES,
  DOCKER_LIST,
  DOCKER_MANIFEST,
  INDEX_TYPES,
  layerCompression,
  MANIFEST_TYPES,
  mediaTypeError,
  OCI_INDEX,
  OCI_MANIFEST,
} from './media-type.ts'
import type { Compression } from './media-type.ts'
import type { Platform } from './platform.ts'

/** A pointer to bytes: what they are, their digest and how many. */
export interface Descriptor {
  readonly mediaType: string
  readonly digest: Digest
  readonly sizeBytes: number
  readonly platform?: Platform
  readonly artifactType?: string
  /** '' of an absent key is not told from an empty value; no prototype. */
  readonly annotations?: Readonly<Record<string, string>>
}

export interface LayerDescriptor extends Descriptor {
  readonly compression: Compression
}

export interface ImageManifest {
  readonly kind: 'manifest'
  readonly mediaType: string
  readonly config: Descriptor
  /** Base first. */
  readonly layers: readonly LayerDescriptor[]
  readonly annotations?: Readonly<Record<string, string>>
}

export interface ImageIndex {
  readonly kind: 'index'
  readonly mediaType: string
  readonly manifests: readonly Descriptor[]
  readonly annotations?: Readonly<Record<string, string>>
}

const TOP_KEYS = ['schemaVersion', 'mediaType', 'config', 'layers', 'manifests', 'fsLayers']
const DESCRIPTOR_KEYS = ['mediaType', 'digest', 'size', 'platform', 'urls']

/**
 * @param announced the media type by which the document was asked for or is pointed at, if any
 * @throws ArchiveError ERR_MANIFEST; UnsupportedError ERR_MEDIA_TYPE, ERR_FORMAT_NEWER; LimitError ERR_JSON_MAX
 */
export function parseManifest(
  bytes: Uint8Array,
  label = 'manifest',
  announced?: string,
  limits?: JSONLimits,
): ImageManifest | ImageIndex {
  const document = parseJSON(bytes, label, 'ERR_MANIFEST', limits)
  const fields = new JsonFields(document, label, 'ERR_MANIFEST')
  fields.refuseFoldedKeys(TOP_KEYS)
  checkSchema(fields)
  const isIndex = fields.has('manifests')
  const isManifest = fields.has('layers') || fields.has('config')
  if (isIndex && (isManifest || fields.has('fsLayers'))) {
    throw new ArchiveError(
      'ERR_MANIFEST',
      `cannot read ${label}: it has both layers and manifests, so engines would disagree on what it is`,
    )
  }
  if (!isIndex && !isManifest) {
    throw new ArchiveError(
      'ERR_MANIFEST',
      `cannot read ${label}: it has neither layers nor manifests`,
    )
  }
  const mediaType = checkMediaType(fields, isIndex, announced)
  const annotations = fields.stringMap('annotations')
  const extra = annotations === undefined ? {} : { annotations }
  return isIndex
    ? {
        kind: 'index',
        mediaType,
        manifests: fields.list('manifests')!.map(readDescriptor),
        ...extra,
      }
    : { kind: 'manifest', mediaType, ...readImage(fields), ...extra }
}

function readImage(fields: JsonFields): { config: Descriptor; layers: readonly LayerDescriptor[] } {
  const configFields = fields.fields('config')
  const layerFields = fields.list('layers')
  if (configFields === undefined) throw fields.wrong('config', 'it is missing')
  if (layerFields === undefined) throw fields.wrong('layers', 'it is missing')
  const config = readDescriptor(configFields)
  if (!CONFIG_TYPES.includes(config.mediaType)) {
    throw mediaTypeError(config.mediaType, fields.label, 'it is an artifact, not a container image')
  }
  const layers = layerFields.map((layer, index) => {
    const descriptor = readDescriptor(layer)
    const compression = layerCompression(
      descriptor.mediaType,
      `${fields.label}, layer ${index + 1}`,
    )
    return { ...descriptor, compression }
  })
  return { config, layers }
}

function checkSchema(fields: JsonFields): void {
  const version = fields.integer('schemaVersion')
  if (version === undefined) throw fields.wrong('schemaVersion', 'it is missing')
  if (version === 2) return
  if (version > 2) {
    throw new UnsupportedError(
      'ERR_FORMAT_NEWER',
      `cannot read ${fields.label}: its schemaVersion is ${version}, and this shale knows up to 2`,
      { details: { schemaVersion: version } },
    )
  }
  throw new UnsupportedError(
    'ERR_MEDIA_TYPE',
    `cannot read ${fields.label}: its schemaVersion is ${version}, a format that engines have given up; push the image again with a current engine`,
    { details: { schemaVersion: version } },
  )
}

/** OCI lets a document leave its own mediaType out; then the announced one counts, else OCI's for the shape. */
function checkMediaType(fields: JsonFields, isIndex: boolean, announced?: string): string {
  const fitting = isIndex ? INDEX_TYPES : MANIFEST_TYPES
  const shape = isIndex ? 'an index' : 'a manifest'
  const own = fields.string('mediaType')
  for (const mediaType of [own, announced]) {
    if (mediaType === undefined || fitting.includes(mediaType)) continue
    if (![...MANIFEST_TYPES, ...INDEX_TYPES].includes(mediaType)) {
      throw mediaTypeError(mediaType, fields.label, 'this is no media type of an image manifest')
    }
    throw fields.wrong(
      'mediaType',
      `${mediaType} does not fit: the document has the shape of ${shape}`,
    )
  }
  if (own !== undefined && announced !== undefined && own !== announced) {
    throw fields.wrong('mediaType', `${own} is not the announced ${announced}`)
  }
  return own ?? announced ?? (isIndex ? OCI_INDEX : OCI_MANIFEST)
}

/** A descriptor as it stands in manifests, indexes and docker's LayerSources. */
export function readDescriptor(fields: JsonFields): Descriptor {
  fields.refuseFoldedKeys(DESCRIPTOR_KEYS)
  const mediaType = fields.string('mediaType')
  if (mediaType === undefined) throw fields.wrong('mediaType', 'it is missing')
  const digest = fields.string('digest')
  if (digest === undefined) throw fields.wrong('digest', 'it is missing')
  if (!isDigest(digest)) {
    const shown = JSON.stringify(digest.slice(0, 100))
    throw fields.wrong('digest', `expected sha256: and 64 lower-case hex digits, not ${shown}`)
  }
  const sizeBytes = fields.integer('size')
  if (sizeBytes === undefined) throw fields.wrong('size', 'it is missing')
  if (sizeBytes < 0) throw fields.wrong('size', `${sizeBytes} is negative`)
  const platform = fields.fields('platform')
  const annotations = fields.stringMap('annotations')
  const artifactType = fields.string('artifactType')
  return {
    mediaType,
    digest,
    sizeBytes,
    ...(platform === undefined ? {} : { platform: readPlatform(platform) }),
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(annotations === undefined ? {} : { annotations }),
  }
}

function readPlatform(fields: JsonFields): Platform {
  const variant = fields.string('variant')
  const osVersion = fields.string('os.version')
  const osFeatures = fields.strings('os.features')
  return {
    os: fields.string('os') ?? '',
    architecture: fields.string('architecture') ?? '',
    ...(variant ? { variant } : {}),
    ...(osVersion ? { osVersion } : {}),
    ...(osFeatures === undefined ? {} : { osFeatures }),
  }
}

/** A descriptor as docker and OCI write it, keys in the order of the OCI spec's Go types. */
export function descriptorJSON(descriptor: Descriptor): Record<string, unknown> {
  const { platform } = descriptor
  return {
    mediaType: descriptor.mediaType,
    digest: descriptor.digest,
    size: descriptor.sizeBytes,
    ...(descriptor.annotations === undefined ? {} : { annotations: descriptor.annotations }),
    ...(platform === undefined
      ? {}
      : {
          platform: {
            architecture: platform.architecture,
            os: platform.os,
            ...(platform.osVersion === undefined ? {} : { 'os.version': platform.osVersion }),
            ...(platform.osFeatures === undefined ? {} : { 'os.features': platform.osFeatures }),
            ...(platform.variant === undefined ? {} : { variant: platform.variant }),
          },
        }),
    ...(descriptor.artifactType === undefined ? {} : { artifactType: descriptor.artifactType }),
  }
}

export function isIndexType(mediaType: string): boolean {
  return mediaType === OCI_INDEX || mediaType === DOCKER_LIST
}

export function isManifestType(mediaType: string): boolean {
  return mediaType === OCI_MANIFEST || mediaType === DOCKER_MANIFEST
}
