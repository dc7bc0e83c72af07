// The images of a store as `docker images` chooses and orders them. One item an image; a table may make a row of each
// of its names. Knows the store; prints nothing.

import type { ImageID } from '../digest/digest.ts'
import { createdSeconds } from '../image/config.ts'
import type { Image, Store } from '../store/store.ts'
import { matchesLabels, matchesReference, type ImageFilter } from './image-filter.ts'

export interface ImageListOptions {
  /** Intermediate images as well: untagged ones that another image was built on. */
  readonly all?: boolean
  readonly filter?: ImageFilter
}

export interface ImageListItem {
  readonly id: ImageID
  /** `repo:tag`, familiar form; after a reference filter only those that match. */
  readonly repoTags: readonly string[]
  /** `repo@sha256:...` */
  readonly repoDigests: readonly string[]
  readonly parent?: ImageID
  /** RFC 3339 as the config has it. */
  readonly created?: string
  /** Since 1970; Go's zero time, in the year 1, where the config does not say. */
  readonly createdSeconds: number
  readonly sizeBytes: number
  readonly layerCount: number
  readonly labels: Readonly<Record<string, string>>
}

/**
 * Newest first; images of the same moment in the order of their IDs.
 * @throws NotFoundError ERR_IMAGE_NOT_FOUND for `before` and `since`; InvalidArgumentError ERR_OPTION for a pattern
 */
export async function listImages(
  store: Store,
  options: ImageListOptions = {},
): Promise<ImageListItem[]> {
  const filter = options.filter ?? {}
  const images = store.images()
  const parents = new Set(images.flatMap((image) => image.parent ?? []))
  const isInTime = timeFilter(store, filter)
  const items: ImageListItem[] = []
  for (const image of images) {
    const item = itemOf(image, filter)
    const hasChildren = parents.has(image.id)
    if (!isInTime(item.created)) continue
    if (filter.labels && !matchesLabels(filter.labels, item.labels)) continue
    if (isShown(item, { hasChildren, all: options.all ?? false, filter })) items.push(item)
  }
  return newestFirst(items)
}

/** To the nanosecond, where docker stops at the second and leaves the rest to chance. */
function newestFirst(items: readonly ImageListItem[]): ImageListItem[] {
  return items
    .map((item) => ({ item, time: createdNs(item.created) }))
    .sort((a, b) => {
      if (a.time !== b.time) return a.time < b.time ? 1 : -1
      return a.item.id < b.item.id ? -1 : 1
    })
    .map(({ item }) => item)
}

/** moby's rules, which differ for images with names, without, and under each value of `dangling`. */
function isShown(
  item: ImageListItem,
  how: { readonly hasChildren: boolean; readonly all: boolean; readonly filter: ImageFilter },
): boolean {
  const { dangling, references } = how.filter
  if (dangling === true && how.hasChildren) return false
  if (item.repoTags.length > 0) return dangling !== true
  if (item.repoDigests.length > 0) return true
  if (dangling === false || references !== undefined) return false
  return how.all || !how.hasChildren
}

function itemOf(image: Image, filter: ImageFilter): ImageListItem {
  const names = image.names.filter(
    (name) =>
      filter.references === undefined ||
      filter.references.some((pattern) => matchesReference(pattern, name)),
  )
  const { created } = image.config
  return {
    id: image.id,
    repoTags: names.filter((name) => !name.isDigest).map((name) => name.name),
    repoDigests: names.filter((name) => name.isDigest).map((name) => name.name),
    ...(image.parent === undefined ? {} : { parent: image.parent }),
    ...(created === undefined ? {} : { created }),
    createdSeconds: createdSeconds(created),
    sizeBytes: image.sizeBytes,
    layerCount: image.layers.length,
    labels: image.config.config?.Labels ?? {},
  }
}

type TimeFilter = (created: string | undefined) => boolean

function timeFilter(store: Store, filter: ImageFilter): TimeFilter {
  const before = momentOf(store, filter.before)
  const since = momentOf(store, filter.since)
  if (before === undefined && since === undefined) return () => true
  return (created) => {
    const moment = createdNs(created)
    return (before === undefined || moment < before) && (since === undefined || moment > since)
  }
}

function momentOf(store: Store, name: string | undefined): bigint | undefined {
  return name === undefined ? undefined : createdNs(store.image(name).config.created)
}

/** To the nanosecond: images of one build are often less than a second apart. */
function createdNs(created: string | undefined): bigint {
  const fraction = created === undefined ? '' : (/[.,](\d+)/.exec(created)?.[1] ?? '')
  return (
    BigInt(createdSeconds(created)) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0').slice(0, 9))
  )
}
