// What the documents of an archive claim of its parts, held against the parts, with one wording for both kinds of
// archive. Digests of layers are not among it: those bytes are read once, later, and compared then.

import { type Digest } from '../digest/digest.ts'
import { IntegrityError, UnsupportedError } from '../errors.ts'
import type { ImageConfig } from '../image/config.ts'
import { platformText, type Platform } from '../image/platform.ts'
import type { Members } from './members.ts'

/** How messages call a layer: its place, and where its bytes are. */
export function layerLabel(members: Members, index: number, name: string): string {
  return `layer ${index + 1} of ${members.label} (${name})`
}

/** Names both counts and both documents: one of them is of another image. */
export function checkLayerCount(
  label: string,
  layers: number,
  config: Pick<ImageConfig, 'rootfs'>,
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
    `cannot read ${members.label}: ${name} has ${actual} bytes, and its descriptor says ${expected}; get it again`,
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
