// The media types of manifests, configs and layers, docker's and OCI's, and what each says of the bytes behind it.
// Knows names only; whether the bytes keep that promise is seen when they are read.

import { UnsupportedError } from '../errors.ts'

export type Compression = 'none' | 'gzip' | 'zstd' | 'bzip2' | 'xz'

export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json'
export const OCI_CONFIG = 'application/vnd.oci.image.config.v1+json'
export const OCI_LAYER = 'application/vnd.oci.image.layer.v1.tar'
export const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json'
export const DOCKER_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json'
export const DOCKER_CONFIG = 'application/vnd.docker.container.image.v1+json'
export const DOCKER_LAYER = 'application/vnd.docker.image.rootfs.diff.tar'

export const MANIFEST_TYPES: readonly string[] = [OCI_MANIFEST, DOCKER_MANIFEST]
export const INDEX_TYPES: readonly string[] = [OCI_INDEX, DOCKER_LIST]
export const CONFIG_TYPES: readonly string[] = [OCI_CONFIG, DOCKER_CONFIG]

const LAYERS: ReadonlyMap<string, Compression> = new Map<string, Compression>([
  [OCI_LAYER, 'none'],
  [`${OCI_LAYER}+gzip`, 'gzip'],
  [`${OCI_LAYER}+zstd`, 'zstd'],
  [DOCKER_LAYER, 'none'],
  [`${DOCKER_LAYER}.gzip`, 'gzip'],
  [`${DOCKER_LAYER}.zstd`, 'zstd'],
])

/** @throws UnsupportedError ERR_MEDIA_TYPE, saying why for the kinds that have a name */
export function layerCompression(mediaType: string, label: string): Compression {
  const compression = LAYERS.get(mediaType)
  if (compression !== undefined) return compression
  throw mediaTypeError(mediaType, label, layerReason(mediaType))
}

function layerReason(mediaType: string): string {
  if (/\.layer\.nondistributable\.|\.rootfs\.foreign\./.test(mediaType)) {
    return 'the layer is foreign (non-distributable): its bytes are not in the image and would have to be fetched elsewhere'
  }
  if (mediaType.endsWith('+encrypted')) return 'the layer is encrypted'
  return 'this is no media type of a file system layer'
}

export function mediaTypeError(mediaType: string, label: string, reason: string): UnsupportedError {
  const shown = JSON.stringify(mediaType.slice(0, 200))
  return new UnsupportedError('ERR_MEDIA_TYPE', `cannot use ${label}: ${reason} (${shown})`, {
    details: { mediaType: mediaType.slice(0, 200) },
  })
}
