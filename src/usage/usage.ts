// What a store takes on the disk and what of it could be had back: docker's `system df`, counted in blocks. Sizes of
// images are of all their layers; `uniqueBytes` is what no other image has; `freedBytes` is what really comes back when
// that image alone is removed, which is less where a container still stands on a layer.
// Reads only, also beside a running dockerd. Prints nothing.

import path from 'node:path'
import type { ChainID, ImageID } from '../digest/digest.ts'
import { commandLine, NamesNow } from '../containers/list-containers.ts'
import { createdSeconds } from '../image/config.ts'
import { listImages, type ImageListItem } from '../inspect/image-list.ts'
import type { Container } from '../store/container-db.ts'
import type { Store } from '../store/store.ts'
import { refuseRunningDockerd } from '../store/write-lock.ts'
import { LockedError } from '../errors.ts'
import { isLocked } from '../sys/lock.ts'
import { volumeUsers } from '../volumes/volume-users.ts'
import { BuildCache } from './build-cache.ts'
import { ImageRemoval } from './image-removal.ts'
import { imagesInUse } from './in-use.ts'
import { readInventory, type Inventory } from './inventory.ts'
import { LayerHolds } from './layer-holds.ts'
import { findLeaks, type FoundLeak, type LeakKind } from './leaks.ts'
import { Measurement, type Unreadable } from './measurement.ts'
import { cacheKey, containerKey, imageKey, layerKey, ThingPaths, volumeKey } from './things.ts'

export interface ImageUsage {
  readonly id: ImageID
  readonly repoTags: readonly string[]
  readonly repoDigests: readonly string[]
  readonly created?: string
  readonly createdSeconds: number
  /** All of its layers and its config. */
  readonly bytes: number
  /** Of that, layers that another image has as well. */
  readonly sharedBytes: number
  readonly uniqueBytes: number
  /** Free once this image alone is removed, with the untagged parents that go with it. */
  readonly freedBytes: number
  readonly containers: number
}

export interface ContainerUsage {
  readonly container: Container
  /** As `ps` lists both. */
  readonly image: string
  readonly command: string
  /** Its writable layer, init layer, logs and facts. */
  readonly bytes: number
  readonly localVolumes: number
}

export interface VolumeUsage {
  readonly name: string
  readonly bytes: number
  /** Containers that have it. */
  readonly links: number
}

/** A directory of dockerd's build cache. */
export interface CacheUsage {
  readonly directory: string
  readonly bytes: number
}

export interface Leak {
  readonly kind: LeakKind
  /** Relative to the root. */
  readonly path: string
  readonly bytes: number
  readonly reason: string
}

export interface UsageSummary<Item> {
  readonly total: number
  readonly active: number
  readonly bytes: number
  readonly reclaimableBytes: number
  readonly items: readonly Item[]
}

export interface StoreUsage {
  readonly root: string
  /** The whole root, as `du -x` counts it. */
  readonly totalBytes: number
  readonly images: UsageSummary<ImageUsage>
  readonly containers: UsageSummary<ContainerUsage>
  readonly volumes: UsageSummary<VolumeUsage>
  readonly buildCache: UsageSummary<CacheUsage>
  readonly leaks: readonly Leak[]
  readonly leakedBytes: number
  /** dockerd's own databases, logs, plugins; names and folders of the store. */
  readonly otherBytes: number
  /** A dockerd has the root open: what it makes right now looks like a leak. */
  readonly dockerdRunning: boolean
  readonly unreadable: readonly Unreadable[]
}

/** @throws IntegrityError ERR_STORE_CORRUPT where repositories.json is broken; signal.reason */
export async function usage(
  store: Store,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<StoreUsage> {
  signal?.throwIfAborted()
  const inventory = readInventory(store)
  const buildCache = new BuildCache(store.root)
  const holds = layerHolds(inventory, buildCache)
  const unreferenced = holds.settle()
  const dockerdRunning = isDockerdRunning(store)
  const leaks = findLeaks(store, inventory, {
    unreferenced,
    buildCache,
    writerActive: isWriterActive(store),
    dockerdRunning,
  })
  const cached = cachedDirectories(inventory, buildCache)
  const measurement = measure(store, inventory, { leaks, unreferenced, cached })
  const counted = new UsageCounter(store, inventory, holds, measurement)
  const images = await counted.images()
  signal?.throwIfAborted()
  return {
    root: store.root,
    totalBytes: measurement.totalBytes,
    images,
    containers: counted.containers(),
    volumes: counted.volumes(),
    buildCache: counted.buildCache(cached),
    leaks: leaks.map((leak) => measured(leak, measurement)),
    leakedBytes: measurement.bytes(leaks.map(leakKey)),
    otherBytes: measurement.restBytes,
    dockerdRunning,
    unreadable: unique([...inventory.unreadable, ...measurement.unreadable]),
  }
}

export function layerHolds(inventory: Inventory, buildCache: BuildCache): LayerHolds {
  return LayerHolds.of(inventory, (chainID) => {
    const layer = inventory.layers.get(chainID)!
    return [chainID, layer.diffID]
      .map((digest) => digest.slice('sha256:'.length))
      .concat(layer.cacheID)
      .some((name) => buildCache.holds(name))
  })
}

export function leakKey({ path: place }: { readonly path: string }): string {
  return `leak ${place}`
}

function measured(leak: FoundLeak, measurement: Measurement): Leak {
  const { kind, path: place, reason } = leak
  return { kind, path: place, bytes: measurement.bytes([leakKey(leak)]), reason }
}

function cachedDirectories(inventory: Inventory, buildCache: BuildCache): string[] {
  return inventory.directories.filter(
    (name) => !inventory.owners.has(name) && buildCache.holds(name.replace(/-init$/, '')),
  )
}

/** Each thing on an account of its own; what is leaked is on the account of its leak. */
function measure(
  store: Store,
  inventory: Inventory,
  known: {
    readonly leaks: readonly FoundLeak[]
    readonly unreferenced: readonly ChainID[]
    readonly cached: readonly string[]
  },
): Measurement {
  const paths = new ThingPaths(store, inventory)
  const leaked = new Set(known.unreferenced)
  const things: [string, readonly string[]][] = []
  for (const chainID of inventory.layers.keys())
    if (!leaked.has(chainID)) things.push([layerKey(chainID), paths.layer(chainID)])
  for (const id of inventory.images.keys()) things.push([imageKey(id), paths.image(id)])
  for (const id of containerIDs(inventory)) things.push([containerKey(id), paths.container(id)])
  for (const name of inventory.volumes) things.push([volumeKey(name), paths.volume(name)])
  for (const name of known.cached) things.push([cacheKey(name), paths.directory(name)])
  for (const leak of known.leaks) things.push([leakKey(leak), leak.paths])
  return Measurement.ofRoot(store.root, things)
}

/** A writable layer without a container is some runtime's, and takes space all the same. */
function containerIDs(inventory: Inventory): Set<string> {
  return new Set([...inventory.containers.keys(), ...inventory.mounts.keys()])
}

class UsageCounter {
  private readonly store: Store
  private readonly inventory: Inventory
  private readonly holds: LayerHolds
  private readonly measurement: Measurement

  constructor(store: Store, inventory: Inventory, holds: LayerHolds, measurement: Measurement) {
    this.store = store
    this.inventory = inventory
    this.holds = holds
    this.measurement = measurement
  }

  async images(): Promise<UsageSummary<ImageUsage>> {
    const { inventory, measurement } = this
    const imagesOfLayer = new Map<ChainID, number>()
    const listed = await this.listed()
    const whole = [...inventory.images.values()].filter((image) => image.isWhole)
    for (const { chain } of whole)
      for (const chainID of chain) imagesOfLayer.set(chainID, (imagesOfLayer.get(chainID) ?? 0) + 1)
    // An intermediate image is a step of its child, not another image.
    const steps = this.stepsOfOthers(listed)
    for (const id of steps)
      for (const chainID of inventory.images.get(id)?.chain ?? [])
        imagesOfLayer.set(chainID, imagesOfLayer.get(chainID)! - 1)
    const items: ImageUsage[] = []
    for (const item of listed) {
      const image = inventory.images.get(item.id)
      if (image === undefined) continue
      const bytes = measurement.bytes([...image.chain.map(layerKey), imageKey(item.id)])
      const shared = image.chain.filter((chainID) => imagesOfLayer.get(chainID)! > 1)
      const sharedBytes = measurement.bytes(shared.map(layerKey))
      items.push({
        id: item.id,
        repoTags: item.repoTags,
        repoDigests: item.repoDigests,
        ...(item.created === undefined ? {} : { created: item.created }),
        createdSeconds: createdSeconds(item.created),
        bytes,
        sharedBytes,
        uniqueBytes: bytes - sharedBytes,
        freedBytes: this.freedBy(item.id),
        containers: inventory.usersOf.get(item.id)?.length ?? 0,
      })
    }
    const leaked = new Set(this.holds.freed())
    const layers = [...inventory.layers.keys()].filter((chainID) => !leaked.has(chainID))
    return {
      total: items.length,
      active: items.filter((item) => item.containers > 0).length,
      bytes: measurement.bytes([
        ...layers.map(layerKey),
        ...[...inventory.images.keys()].map(imageKey),
      ]),
      reclaimableBytes: this.reclaimable(),
      items,
    }
  }

  private async listed(): Promise<ImageListItem[]> {
    // Where an ordinary user may not read all of it, docker's list cannot be had.
    return this.inventory.unreadable.length > 0 ? [] : listImages(this.store)
  }

  private stepsOfOthers(listed: readonly ImageListItem[]): ImageID[] {
    const shown = new Set(listed.map(({ id }) => id))
    return [...this.inventory.images]
      .filter(([id, image]) => image.isWhole && !shown.has(id))
      .map(([id]) => id)
  }

  private freedBy(id: ImageID): number {
    const removal = new ImageRemoval(this.inventory, this.holds.copy())
    removal.remove(id)
    return this.freed(removal)
  }

  /** What `image prune -a` would free: all images that no container uses. */
  private reclaimable(): number {
    const shownImages = imagesInUse(this.store, this.inventory)
    const removal = new ImageRemoval(this.inventory, this.holds.copy(), { shownImages })
    removal.prune({ all: true })
    return this.freed(removal)
  }

  private freed(removal: ImageRemoval): number {
    return this.measurement.freedBytes([
      ...removal.goneLayers.map(layerKey),
      ...removal.goneImages.map(imageKey),
    ])
  }

  containers(): UsageSummary<ContainerUsage> {
    const { inventory, measurement } = this
    const names = new NamesNow(this.store)
    const items = [...inventory.containers.values()]
      .map((container) => ({
        container,
        image: names.imageOf(container),
        command: commandLine(container),
        bytes: measurement.bytes([containerKey(container.id)]),
        localVolumes: container.mountPoints.filter((point) => point.type === 'volume').length,
      }))
      .sort((a, b) => (a.container.created > b.container.created ? -1 : 1))
    const stopped = items.filter(({ container }) => !container.state.running)
    return {
      total: items.length,
      active: items.length - stopped.length,
      bytes: measurement.bytes([...containerIDs(inventory)].map(containerKey)),
      reclaimableBytes: measurement.freedBytes(
        stopped.map(({ container }) => containerKey(container.id)),
      ),
      items,
    }
  }

  volumes(): UsageSummary<VolumeUsage> {
    const { measurement, inventory } = this
    const users = volumeUsers(inventory.containers.values())
    const items = inventory.volumes.map((name) => ({
      name,
      bytes: measurement.bytes([volumeKey(name)]),
      links: users.get(name)?.length ?? 0,
    }))
    const idle = items.filter(({ links }) => links === 0)
    return {
      total: items.length,
      active: items.length - idle.length,
      bytes: measurement.bytes(items.map(({ name }) => volumeKey(name))),
      reclaimableBytes: measurement.freedBytes(idle.map(({ name }) => volumeKey(name))),
      items,
    }
  }

  /** dockerd alone can tell what of it is in use, and give it back. */
  buildCache(cached: readonly string[]): UsageSummary<CacheUsage> {
    const items = cached.map((directory) => ({
      directory,
      bytes: this.measurement.bytes([cacheKey(directory)]),
    }))
    return {
      total: items.length,
      active: 0,
      bytes: this.measurement.bytes(cached.map(cacheKey)),
      reclaimableBytes: 0,
      items,
    }
  }
}

export function isDockerdRunning(store: Store): boolean {
  try {
    refuseRunningDockerd(store.layout)
    return false
  } catch (error) {
    if (error instanceof LockedError) return true
    // An ordinary user may not even look at dockerd's databases.
    return false
  }
}

export function isWriterActive(store: Store): boolean {
  try {
    return isLocked(store.layout.lock)
  } catch {
    return true
  }
}

function unique(places: readonly Unreadable[]): Unreadable[] {
  return [...new Map(places.map((place) => [path.normalize(place.path), place])).values()]
}
