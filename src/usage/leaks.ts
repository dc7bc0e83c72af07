// What takes space and belongs to nothing: dockerd and shale leave such things when they are killed or the disk is full,
// and dockerd never looks for them again. Found by asking of everything in the store's folders who owns it.
// A directory that only a build cache may know is not a leak. Says what there is; removes nothing.

import fs from 'node:fs'
import path from 'node:path'
import type { ChainID } from '../digest/digest.ts'
import type { Store } from '../store/store.ts'
import { isAtWork } from '../store/transaction.ts'
import { TEMPORARY_PREFIX } from '../sys/atomic-write.ts'
import type { BuildCache } from './build-cache.ts'
import { isTransaction, type Inventory } from './inventory.ts'
import { keptForContainers } from './kept-for-containers.ts'
import { ThingPaths } from './things.ts'

export type LeakKind =
  | 'transaction'
  | 'write-set'
  | 'removing-layer'
  | 'unreferenced-layer'
  | 'broken-layer'
  | 'driver-directory'
  | 'link'
  | 'lost-mount'
  | 'image-metadata'
  | 'container-remains'
  | 'temporary-file'
  | 'scratch'

export interface FoundLeak {
  readonly kind: LeakKind
  /** Relative to the root; names the leak. */
  readonly path: string
  /** All that goes with it, absolute. */
  readonly paths: readonly string[]
  /** How it came to be. */
  readonly reason: string
}

const REASONS: Readonly<Record<LeakKind, string>> = {
  transaction: 'a write of shale that was cut short',
  'write-set': 'a load, pull or build of dockerd that was cut short',
  'removing-layer': 'a layer whose removal was cut short',
  'unreferenced-layer': 'a layer that no image, container or other layer stands on',
  'broken-layer':
    'a layer that no engine can load: files are missing or wrong in its layerdb folder',
  'driver-directory': 'a directory that no layer and no container owns',
  link: 'a short name that leads to no directory',
  'lost-mount': 'a writable layer that names no directory, which dockerd passes over',
  'image-metadata': 'metadata of an image that is gone',
  'container-remains': 'a container without its config, which dockerd passes over',
  'temporary-file': 'a file whose writing was cut short',
  scratch: 'scratch files of a dockerd that is no longer running',
}

export interface LeakSearch {
  readonly unreferenced: readonly ChainID[]
  readonly buildCache: BuildCache
  /** A shale process is writing: its transaction is work, not a leak. */
  readonly writerActive: boolean
  readonly dockerdRunning: boolean
  /** Only what every writer sweeps, whatever it came for; the rest is not looked for. */
  readonly transactionsOnly?: boolean
  /** The transaction that asks. */
  readonly own?: string
}

/** In a fixed order: by kind, then by path. */
export function findLeaks(store: Store, inventory: Inventory, search: LeakSearch): FoundLeak[] {
  return new LeakFinder(store, inventory, search).find()
}

class LeakFinder {
  private readonly store: Store
  private readonly inventory: Inventory
  private readonly search: LeakSearch
  private readonly things: ThingPaths
  private readonly found: FoundLeak[] = []

  constructor(store: Store, inventory: Inventory, search: LeakSearch) {
    this.store = store
    this.inventory = inventory
    this.search = search
    this.things = new ThingPaths(store, inventory)
  }

  find(): FoundLeak[] {
    this.temporaryFolders()
    if (this.search.transactionsOnly ?? false) return this.sorted()
    this.layerFolders()
    this.directories()
    this.links()
    this.mounts()
    this.metadata()
    this.containers()
    this.temporaryFiles()
    this.scratch()
    return this.sorted()
  }

  private sorted(): FoundLeak[] {
    const order = Object.keys(REASONS)
    return this.found.sort(
      (a, b) => order.indexOf(a.kind) - order.indexOf(b.kind) || (a.path < b.path ? -1 : 1),
    )
  }

  private add(kind: LeakKind, paths: readonly string[]): void {
    this.found.push({ kind, path: this.things.shown(paths[0]!), paths, reason: REASONS[kind] })
  }

  private temporaryFolders(): void {
    const { layerTemp } = this.store.layout
    for (const name of this.inventory.temporary) {
      const folder = path.join(layerTemp, name)
      if (folder === this.search.own) continue
      if (!isTransaction(name)) {
        if (!(this.search.transactionsOnly ?? false)) this.add('write-set', [folder])
      } else if (!this.search.writerActive && !isAtWork(folder)) {
        const directories = this.ownedBy(
          (owner) => owner.kind === 'transaction' && owner.name === name,
        )
        this.add('transaction', [folder, ...directories])
      }
    }
  }

  private ownedBy(
    isOwner: (owner: NonNullable<ReturnType<Inventory['owners']['get']>>) => boolean,
  ): string[] {
    return this.inventory.directories.flatMap((name) => {
      const owner = this.inventory.owners.get(name)
      return owner !== undefined && isOwner(owner) ? this.things.directory(name) : []
    })
  }

  private layerFolders(): void {
    const { brokenLayers, removingLayers } = this.inventory
    for (const { name, path: folder } of removingLayers)
      this.add('removing-layer', [
        folder,
        ...this.ownedBy((owner) => owner.kind === 'removing-layer' && owner.name === name),
      ])
    for (const chainID of this.search.unreferenced)
      this.add('unreferenced-layer', this.things.layer(chainID))
    // An image that needs it may yet be repaired by loading it again.
    const { images, foreignChains } = this.inventory
    const wanted = new Set([
      ...[...images.values()].flatMap((image) => image.chain),
      ...foreignChains.flat(),
    ])
    for (const { name, path: folder } of brokenLayers) {
      if (wanted.has(`sha256:${name}` as ChainID) || this.search.buildCache.holds(name)) continue
      this.add('broken-layer', [
        folder,
        ...this.ownedBy((owner) => owner.kind === 'broken-layer' && owner.name === name),
      ])
    }
  }

  private directories(): void {
    const { owners, directories } = this.inventory
    const isKept = keptForContainers(this.store, this.inventory)
    for (const name of directories) {
      if (owners.has(name) || this.isScratchOfOwned(name) || isKept(name)) continue
      if (this.search.buildCache.holds(withoutSuffix(name))) continue
      this.add('driver-directory', this.things.directory(name))
    }
  }

  /** vfs unpacks beside the place: it goes with the directory that it is for. */
  private isScratchOfOwned(name: string): boolean {
    return (
      name.endsWith('-applying') && this.inventory.owners.has(name.slice(0, -'-applying'.length))
    )
  }

  private links(): void {
    const present = new Set(this.inventory.directories)
    for (const [link, directory] of this.inventory.links)
      if (directory === undefined || !present.has(directory))
        this.add('link', [path.join(this.store.driver.home, 'l', link)])
  }

  private mounts(): void {
    const { layout } = this.store
    for (const name of listed(layout.layerMounts))
      if (!this.inventory.mounts.has(name) && !this.isUnreadable(layout.layerMount(name)))
        this.add('lost-mount', [layout.layerMount(name)])
  }

  private metadata(): void {
    const { layout } = this.store
    for (const name of listed(layout.metadata)) {
      if (fs.existsSync(path.join(layout.content, name))) continue
      this.add('image-metadata', [path.join(layout.metadata, name)])
    }
  }

  private containers(): void {
    const { layout } = this.store
    for (const name of listed(layout.containers)) {
      const folder = layout.container(name)
      if (this.inventory.containers.has(name) || this.isUnreadable(folder)) continue
      // One that only another driver can use has its config.
      if (fs.existsSync(path.join(folder, 'config.v2.json'))) continue
      if (this.inventory.mounts.has(name)) continue
      this.add('container-remains', [folder])
    }
  }

  private temporaryFiles(): void {
    if (this.search.writerActive || this.search.dockerdRunning) return
    const { layout } = this.store
    const folders = [layout.image, layout.content, layout.containers]
    for (const id of this.inventory.images.keys()) folders.push(layout.imageMetadata(id))
    for (const id of this.inventory.containers.keys()) folders.push(layout.container(id))
    for (const folder of folders)
      for (const name of listed(folder))
        if (name.startsWith(TEMPORARY_PREFIX)) this.add('temporary-file', [path.join(folder, name)])
  }

  /** dockerd empties it at its next start; without one nobody does. */
  private scratch(): void {
    if (this.search.dockerdRunning) return
    for (const dir of ['tmp', 'tmp-old'].map((name) => path.join(this.store.root, name)))
      for (const name of listed(dir)) this.add('scratch', [path.join(dir, name)])
  }

  private isUnreadable(place: string): boolean {
    return this.inventory.unreadable.some(({ path: known }) => known === place)
  }
}

/** BuildKit and dockerd name companions of a directory so. */
function withoutSuffix(name: string): string {
  return name.replace(/(-init)?(-removing)?$/, '')
}

/** Sorted names; none where the folder is missing or not for this user, which the inventory has noted. */
function listed(dir: string): string[] {
  try {
    return fs.readdirSync(dir).sort()
  } catch {
    return []
  }
}
