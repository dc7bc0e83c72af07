// The image config: the JSON document whose digest is the image ID, as a typed and checked view.
// Knows docker's and OCI's fields; keeps the parsed document beside them. The bytes stay the caller's: they are what
// is stored, and re-encoding them would change the ID.

import { isDigest } from '../digest/digest.ts'
import type { DiffID } from '../digest/digest.ts'
import { ArchiveError } from '../errors.ts'
import { readContainerConfig } from './container-config.ts'
import type { ContainerConfig } from './container-config.ts'
import { JsonFields, parseJSON } from './json.ts'
import type { JsonObject, JSONLimits } from './json.ts'

export interface HistoryItem {
  /** RFC 3339 as written; absent in configs that strip times. */
  readonly created?: string
  readonly createdBy: string
  readonly author: string
  readonly comment: string
  readonly emptyLayer: boolean
}

export interface ImageConfig {
  /** '' where the document does not say. */
  readonly architecture: string
  readonly variant: string
  readonly os: string
  readonly osVersion: string
  readonly osFeatures: readonly string[]
  /** RFC 3339 as written. */
  readonly created?: string
  readonly author: string
  readonly comment: string
  readonly dockerVersion: string
  readonly container: string
  readonly config?: ContainerConfig
  readonly containerConfig?: ContainerConfig
  /** Oldest first, as written. */
  readonly history: readonly HistoryItem[]
  /** diffIDs base first. */
  readonly rootfs: { readonly type: string; readonly diffIDs: readonly DiffID[] }
  /** The whole document, for what has no field here. Ask it for own keys only. */
  readonly document: JsonObject
}

const RFC3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d([.,]\d+)?([Zz]|[+-]\d\d:\d\d)$/

/**
 * Reads and checks a config. As docker: any object with `rootfs`; diff_ids are sha256 digests; history items without
 * `empty_layer` may be fewer than diff_ids, never more; no diff_ids at all is legal.
 * @param label for messages: `image config`, or `sha256:....json of app.tar`
 * @throws ArchiveError ERR_CONFIG naming the field; LimitError ERR_JSON_MAX
 */
export function parseImageConfig(
  bytes: Uint8Array,
  label = 'image config',
  limits?: JSONLimits,
): ImageConfig {
  const fields = new JsonFields(parseJSON(bytes, label, 'ERR_CONFIG', limits), label, 'ERR_CONFIG')
  const rootfs = fields.fields('rootfs')
  if (rootfs === undefined) {
    throw new ArchiveError(
      'ERR_CONFIG',
      `cannot read ${label}: it has no rootfs, so it names no layers`,
      {
        details: { field: 'rootfs' },
      },
    )
  }
  const diffIDs = readDiffIDs(rootfs)
  const history = (fields.list('history') ?? []).map(readHistoryItem)
  const layered = history.filter((item) => !item.emptyLayer).length
  if (layered > diffIDs.length) {
    throw fields.wrong(
      'history',
      `${layered} items claim a layer, but rootfs.diff_ids has only ${diffIDs.length}`,
    )
  }
  const created = readTime(fields, 'created')
  const config = fields.fields('config')
  const containerConfig = fields.fields('container_config')
  return {
    architecture: fields.string('architecture') ?? '',
    variant: fields.string('variant') ?? '',
    os: fields.string('os') ?? '',
    osVersion: fields.string('os.version') ?? '',
    osFeatures: fields.strings('os.features') ?? [],
    ...(created === undefined ? {} : { created }),
    author: fields.string('author') ?? '',
    comment: fields.string('comment') ?? '',
    dockerVersion: fields.string('docker_version') ?? '',
    container: fields.string('container') ?? '',
    ...(config === undefined ? {} : { config: readContainerConfig(config) }),
    ...(containerConfig === undefined
      ? {}
      : { containerConfig: readContainerConfig(containerConfig) }),
    history,
    rootfs: { type: rootfs.string('type') ?? 'layers', diffIDs },
    document: fields.object,
  }
}

function readDiffIDs(rootfs: JsonFields): readonly DiffID[] {
  return (rootfs.strings('diff_ids') ?? []).map((text, index) => {
    if (isDigest(text)) return text as DiffID
    throw rootfs.wrong(
      `diff_ids[${index}]`,
      `expected sha256: and 64 lower-case hex digits, not ${JSON.stringify(text.slice(0, 100))}`,
    )
  })
}

function readHistoryItem(fields: JsonFields): HistoryItem {
  const created = readTime(fields, 'created')
  return {
    ...(created === undefined ? {} : { created }),
    createdBy: fields.string('created_by') ?? '',
    author: fields.string('author') ?? '',
    comment: fields.string('comment') ?? '',
    emptyLayer: fields.boolean('empty_layer') ?? false,
  }
}

/** A time that docker cannot read makes docker drop the image at its next start, so it is refused here already. */
function readTime(fields: JsonFields, name: string): string | undefined {
  const text = fields.string(name)
  if (text === undefined) return undefined
  if (RFC3339.test(text) && !Number.isNaN(Date.parse(text.replace(',', '.')))) return text
  throw fields.wrong(
    name,
    `expected a time as in RFC 3339, not ${JSON.stringify(text.slice(0, 100))}`,
  )
}

/** Go's zero time, 0001-01-01T00:00:00Z: what docker takes an absent time for. Seconds since 1970. */
export const ZERO_TIME_SECONDS = -62_135_596_800

/** Whole seconds since 1970, rounded down, as docker's API gives them. */
export function createdSeconds(created: string | undefined): number {
  if (created === undefined) return ZERO_TIME_SECONDS
  return Math.floor(Date.parse(created.replace(',', '.')) / 1000)
}
