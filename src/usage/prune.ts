// Gives back what nothing uses: stopped containers, volumes, images and what is leaked, in one journaled transaction, so
// that a run which is killed leaves the old store or the new one. The plan is made first and is all that there is: a dry
// run reports it, a real run carries out the same.
// Knows which things go and in which order; who owns what, inventory.ts says.

import fs from 'node:fs'
import path from 'node:path'
import { randomBytes } from 'node:crypto'
import type { CacheID } from '../digest/digest.ts'
import { HostError } from '../errors.ts'
import type { References } from '../store/references.ts'
import type { Removal } from '../store/remove-image.ts'
import type { Store } from '../store/store.ts'
import { leftovers, type Transaction } from '../store/transaction.ts'
import {
  hasDockerdVolumes,
  isAnonymousVolume,
  readVolume,
  refuseDockerdVolumes,
} from '../volumes/volume-db.ts'
import { volumeUsers } from '../volumes/volume-users.ts'
import { BuildCache } from './build-cache.ts'
import { ImageRemoval } from './image-removal.ts'
import { directoriesInUse, imagesInUse } from './in-use.ts'
import { readInventory, type Inventory } from './inventory.ts'
import { findLeaks, type FoundLeak, type LeakKind } from './leaks.ts'
import { Measurement } from './measurement.ts'
import { hasWantedLabels, isWanted, type PruneFilter } from './prune-filter.ts'
import { ThingPaths } from './things.ts'
import { isDockerdRunning, isWriterActive, layerHolds } from './usage.ts'

export interface PruneOptions {
  /** Default: all four as `system prune` has them, volumes left out. */
  readonly containers?: boolean
  readonly images?: boolean
  readonly leaks?: boolean
  /** `anonymous`: those that nobody named; `all`: every one that no container has. Default none. */
  readonly volumes?: 'none' | 'anonymous' | 'all'
  /** Of images: all that no container uses, not only those without a name. */
  readonly allImages?: boolean
  readonly filter?: PruneFilter
  /** Report what would go, and change nothing. */
  readonly dryRun?: boolean
  readonly signal?: AbortSignal
}

export interface PrunedLeak {
  readonly kind: LeakKind
  /** Relative to the root. */
  readonly path: string
  readonly reason: string
}

export interface PruneReport {
  /** IDs. */
  readonly containers: readonly string[]
  readonly volumes: readonly string[]
  /** Lines of `rmi`: names, images and layers. */
  readonly images: readonly Removal[]
  readonly leaks: readonly PrunedLeak[]
  /** Blocks on disk that come back. */
  readonly reclaimedBytes: number
}

/**
 * @throws LockedError; HostError ERR_PERMISSION where a part of the store cannot be read; UnsupportedError ERR_DOCKERD_VOLUMES for volumes that dockerd keeps the books of (a dry run leaves them out and warns); signal.reason
 */
export async function prune(store: Store, options: PruneOptions = {}): Promise<PruneReport> {
  if (options.dryRun) return new PrunePlan(store, withoutDockerdVolumes(store, options)).report()
  if (wantsVolumes(options)) refuseDockerdVolumes(store, 'prune volumes')
  // What killed writers left is swept by whoever writes next: by the time that the plan is made, it is gone.
  const swept = isWriterActive(store) ? [] : leftoverPlan(store, options)
  const before =
    swept.length === 0 ? 0 : Measurement.ofThings(swept.map(asThing)).freedBytes(swept.map(key))
  return store.write(
    async (transaction) => {
      const plan = new PrunePlan(store, options, transaction.directory)
      plan.commitTo(transaction)
      const report = plan.report()
      const gone = swept.filter((leak) => !fs.existsSync(leak.paths[0]!))
      return {
        ...report,
        leaks: [...gone.map(asPruned), ...report.leaks],
        reclaimedBytes: report.reclaimedBytes + before,
      }
    },
    options.signal ? { signal: options.signal } : {},
  )
}

function wantsVolumes({ volumes = 'none' }: PruneOptions): boolean {
  return volumes !== 'none'
}

/** The run would be refused; all else that it names can still be shown. */
function withoutDockerdVolumes(store: Store, options: PruneOptions): PruneOptions {
  if (!wantsVolumes(options) || !hasDockerdVolumes(store)) return options
  store.onWarning({
    code: 'dockerd-volumes',
    message:
      'volumes are left out: dockerd keeps its books on them, and a run with them is refused',
    count: 1,
  })
  return { ...options, volumes: 'none' }
}

function leftoverPlan(store: Store, options: PruneOptions): FoundLeak[] {
  if (leftovers(store.layout).length === 0) return []
  return new PrunePlan(store, options).leaks.filter((leak) => leak.kind === 'transaction')
}

function key(leak: FoundLeak): string {
  return leak.path
}

function asThing(leak: FoundLeak): [string, readonly string[]] {
  return [leak.path, leak.paths]
}

function asPruned({ kind, path: place, reason }: FoundLeak): PrunedLeak {
  return { kind, path: place, reason }
}

class PrunePlan {
  readonly leaks: readonly FoundLeak[]
  private readonly store: Store
  private readonly inventory: Inventory
  private readonly paths: ThingPaths
  private readonly containers: readonly string[]
  private readonly volumes: readonly string[]
  private readonly removal: ImageRemoval
  private readonly references: References
  private readonly namesBefore: string

  constructor(store: Store, options: PruneOptions, own?: string) {
    this.store = store
    this.inventory = readInventory(store)
    refuseUnread(store, this.inventory)
    this.paths = new ThingPaths(store, this.inventory)
    const buildCache = new BuildCache(store.root)
    const holds = layerHolds(this.inventory, buildCache)
    const unreferenced = holds.settle()
    const inUse = directoriesInUse(store)
    this.containers = (options.containers ?? true) ? this.idleContainers(options, inUse) : []
    const gone = new Set(this.containers)
    this.removal = new ImageRemoval(this.inventory, holds, {
      goneContainers: gone,
      shownImages: imagesInUse(store, this.inventory),
    })
    if (options.images ?? true)
      this.removal.prune({
        all: options.allImages ?? false,
        ...(options.filter ? { filter: options.filter } : {}),
      })
    this.volumes = this.idleVolumes(options, gone)
    const sweeps = this.sweeps(options)
    const leaks = findLeaks(store, this.inventory, {
      unreferenced,
      buildCache,
      // Who makes the plan within its own transaction is the one writer.
      writerActive: own === undefined && isWriterActive(store),
      dockerdRunning: isDockerdRunning(store),
      transactionsOnly: !sweeps,
      ...(own === undefined ? {} : { own }),
    })
    this.leaks = leaks.filter((leak) => {
      if (leak.kind === 'transaction') return true
      return isOld(leak, options.filter) && !isMounted(leak, inUse)
    })
    this.references = store.references()
    this.namesBefore = this.references.toJSONText()
  }

  /** What is leaked has no labels: who asks for some means something else. */
  private sweeps({ leaks, filter }: PruneOptions): boolean {
    if (!(leaks ?? true)) return false
    return (filter?.labels.length ?? 0) === 0 && (filter?.withoutLabels.length ?? 0) === 0
  }

  private idleContainers(options: PruneOptions, inUse: ReadonlySet<string>): string[] {
    return [...this.inventory.containers.values()]
      .filter(({ state, layer }) => !state.running && !(layer && inUse.has(layer.mountID)))
      .filter(
        ({ created, config }) =>
          options.filter === undefined || isWanted(options.filter, created, config.Labels ?? {}),
      )
      .map(({ id }) => id)
      .sort()
  }

  private idleVolumes(options: PruneOptions, goneContainers: ReadonlySet<string>): string[] {
    const { volumes = 'none', filter } = options
    if (volumes === 'none') return []
    const staying = [...this.inventory.containers.values()].filter(
      ({ id }) => !goneContainers.has(id),
    )
    const users = volumeUsers(staying)
    return this.inventory.volumes.filter((name) => {
      if (users.has(name)) return false
      const volume = readVolume(this.store, name)
      if (volume === undefined) return false
      if (volumes === 'anonymous' && !isAnonymousVolume(volume)) return false
      return filter === undefined || hasWantedLabels(filter, volume.labels ?? {})
    })
  }

  report(): PruneReport {
    return {
      containers: this.containers,
      volumes: this.volumes,
      images: this.removal.removals,
      leaks: this.leaks.map(asPruned),
      reclaimedBytes: this.reclaimedBytes(),
    }
  }

  private gonePaths(): string[] {
    return [
      ...this.containers.flatMap((id) => this.paths.container(id)),
      ...this.volumes.flatMap((name) => this.paths.volume(name)),
      ...this.removal.goneImages.flatMap((id) => this.paths.image(id)),
      ...this.removal.goneLayers.flatMap((id) => this.paths.layer(id)),
      ...this.leaks.flatMap((leak) => leak.paths),
    ]
  }

  private reclaimedBytes(): number {
    const paths = [...new Set(this.gonePaths())]
    const freed = Measurement.ofThings([['gone', paths]]).freedBytes(['gone'])
    return freed + this.shorterNamesBytes()
  }

  /** repositories.json is written anew: with many names fewer, it may take a block less. */
  private shorterNamesBytes(): number {
    if (this.removal.goneNames.length === 0) return 0
    const stat = fs.statSync(this.store.layout.repositories, { throwIfNoEntry: false })
    if (stat === undefined) return 0
    const blocks = (text: string): number => Math.ceil(Buffer.byteLength(text) / stat.blksize)
    return (blocks(this.namesBefore) - blocks(this.namesAfter())) * stat.blksize
  }

  private namesAfter(): string {
    return this.references.withoutAll(this.removal.goneNames).toJSONText()
  }

  commitTo(transaction: Transaction): void {
    const { layout } = this.store
    if (this.removal.goneNames.length > 0)
      transaction.plan({
        op: 'rename',
        from: transaction.stageFile(this.namesAfter(), 0o600),
        to: layout.repositories,
      })
    // As docker has it: what a person sees goes last, so that a name never stands for a half of something.
    for (const id of this.containers) {
      const mount = this.inventory.mounts.get(id)
      for (const directory of [mount?.mountID, mount?.initID])
        if (directory !== undefined) this.removeDirectory(transaction, directory)
      transaction.plan({ op: 'remove', path: layout.layerMount(id) })
      transaction.plan({ op: 'remove', path: layout.container(id) })
    }
    for (const name of this.volumes)
      for (const file of this.paths.volume(name)) transaction.plan({ op: 'remove', path: file })
    for (const id of this.removal.goneImages)
      for (const file of this.paths.image(id)) transaction.plan({ op: 'remove', path: file })
    for (const chainID of this.removal.goneLayers) {
      const layer = this.inventory.layers.get(chainID)!
      const aside = `${layer.path}-${randomBytes(32).toString('hex')}-removing`
      transaction.plan({ op: 'rename', from: layer.path, to: aside })
      this.removeDirectory(transaction, layer.cacheID)
      transaction.plan({ op: 'remove', path: aside })
    }
    for (const leak of this.leaks)
      for (const file of leak.paths) transaction.plan({ op: 'remove', path: file })
  }

  private removeDirectory(transaction: Transaction, cacheID: CacheID): void {
    transaction.plan({ op: 'remove-driver-directory', cacheID })
  }
}

/** What may not be read may hold anything: of a part of a store nobody can say what is unused. */
function refuseUnread(store: Store, { unreadable }: Inventory): void {
  const [first] = unreadable
  if (first === undefined) return
  throw new HostError(
    'ERR_PERMISSION',
    `cannot tell what is unused in ${store.root}: ${first.path} cannot be read (${first.errno}); run as the owner of the root`,
    { details: { path: first.path, errno: first.errno } },
  )
}

function isOld(leak: FoundLeak, filter: PruneFilter | undefined): boolean {
  if (filter?.untilNs === undefined) return true
  const stat = fs.lstatSync(leak.paths[0]!, { throwIfNoEntry: false, bigint: true })
  return stat === undefined || stat.mtimeNs <= filter.untilNs
}

function isMounted(leak: FoundLeak, inUse: ReadonlySet<string>): boolean {
  return leak.paths.some((file) => inUse.has(path.basename(file)))
}
