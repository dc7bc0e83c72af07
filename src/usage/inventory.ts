// Everything that lies in a store, and who owns it: layers, images, containers, volumes, and each directory of the driver
// with the one thing that it belongs to. Read once, then plain data; reads names and small files only, no layer content.
// What a caller may not read is noted and passed over, so that an ordinary user sees what there is to see.

import fs from 'node:fs'
import path from 'node:path'
import type { ChainID, ImageID } from '../digest/digest.ts'
import { isDigest } from '../digest/digest.ts'
import { HostError, IntegrityError } from '../errors.ts'
import type { Container } from '../store/container-db.ts'
import { chainOf, type ImageFacts } from '../store/image-db.ts'
import type { Layer } from '../store/layer-db.ts'
import type { WritableLayer } from '../store/mount-db.ts'
import { readIfPresent } from '../store/read-file.ts'
import type { StoredName } from '../store/references.ts'
import type { Store } from '../store/store.ts'
import type { Unreadable } from '../sys/disk-blocks.ts'

export interface InventoryImage {
  readonly facts: ImageFacts
  readonly names: readonly StoredName[]
  /** Base first, all that the config names. */
  readonly chain: readonly ChainID[]
  /** Every layer of the chain is here; dockerd does not show an image otherwise. */
  readonly isWhole: boolean
}

/** Whose a directory of the driver is. */
export type DirectoryOwner =
  | { readonly kind: 'layer'; readonly chainID: ChainID }
  | { readonly kind: 'broken-layer' | 'removing-layer'; readonly name: string }
  | { readonly kind: 'container'; readonly containerID: string; readonly role: 'writable' | 'init' }
  | { readonly kind: 'transaction'; readonly name: string }

/** A folder in layerdb/sha256 that is no layer: half removed, or without a file that every layer has. */
export interface LayerFolder {
  readonly name: string
  readonly path: string
  readonly cacheID?: string
}

export interface Inventory {
  readonly layers: ReadonlyMap<ChainID, Layer>
  readonly brokenLayers: readonly LayerFolder[]
  readonly removingLayers: readonly LayerFolder[]
  readonly images: ReadonlyMap<ImageID, InventoryImage>
  /** Images by the one that they were built or committed on. */
  readonly childrenOf: ReadonlyMap<ImageID, readonly ImageID[]>
  /** Layers of configs that are whole and that shale cannot read, but another engine may. */
  readonly foreignChains: readonly (readonly ChainID[])[]
  /** Containers, by the image that each was made of. */
  readonly usersOf: ReadonlyMap<ImageID, readonly string[]>
  /** Of layerdb/mounts, also those whose container is lost. */
  readonly mounts: ReadonlyMap<string, WritableLayer>
  readonly containers: ReadonlyMap<string, Container>
  /** Names in the driver's home, `l` left out. */
  readonly directories: readonly string[]
  readonly owners: ReadonlyMap<string, DirectoryOwner>
  /**
   * Of overlay2/l: the directory that each points at, undefined where it is no link of docker's form. Read when asked
   * for, as most questions are not about them.
   */
  readonly links: ReadonlyMap<string, string | undefined>
  readonly linksOf: ReadonlyMap<string, readonly string[]>
  /** Of layerdb/tmp. */
  readonly temporary: readonly string[]
  readonly volumes: readonly string[]
  readonly unreadable: readonly Unreadable[]
}

export function readInventory(store: Store): Inventory {
  return new InventoryReader(store).read()
}

class InventoryReader {
  private readonly store: Store
  private readonly unreadable: Unreadable[] = []
  private readonly layers = new Map<ChainID, Layer>()
  private readonly brokenLayers: LayerFolder[] = []
  private readonly removingLayers: LayerFolder[] = []
  private readonly owners = new Map<string, DirectoryOwner>()
  private readonly foreignChains: ChainID[][] = []

  constructor(store: Store) {
    this.store = store
  }

  read(): Inventory {
    const { layout, driver } = this.store
    this.store.layers.refresh()
    for (const name of this.names(layout.layers)) this.readLayerFolder(name)
    const images = this.readImages()
    const mounts = this.readMounts()
    const containers = new Map<string, Container>()
    for (const id of this.names(layout.containers)) {
      const container = this.attempt(layout.container(id), () => this.store.containerDB.get(id))
      if (container !== undefined) containers.set(id, container)
    }
    const temporary = this.names(layout.layerTemp)
    this.ownByTransactions(temporary)
    const directories = this.names(driver.home).filter((name) => name !== 'l')
    let knownLinks: Map<string, string | undefined> | undefined
    let knownLinksOf: Map<string, string[]> | undefined
    const links = (): Map<string, string | undefined> => (knownLinks ??= this.readLinks())
    return {
      layers: this.layers,
      brokenLayers: this.brokenLayers,
      removingLayers: this.removingLayers,
      images,
      childrenOf: grouped([...images.values()].map(({ facts }) => [facts.parent, facts.id])),
      usersOf: grouped([...containers.values()].map(({ imageID, id }) => [imageID, id])),
      foreignChains: this.foreignChains,
      mounts,
      containers,
      directories,
      owners: this.owners,
      get links() {
        return links()
      },
      get linksOf() {
        knownLinksOf ??= grouped([...links()].map(([link, directory]) => [directory, link]))
        return knownLinksOf
      },
      temporary,
      volumes: this.readVolumes(),
      unreadable: this.unreadable,
    }
  }

  private readLayerFolder(name: string): void {
    const folder = path.join(this.store.layout.layers, name)
    const id = `sha256:${name}`
    if (isDigest(id)) {
      const layer = this.attempt(folder, () => this.store.layers.get(id as ChainID))
      if (layer !== undefined) {
        this.layers.set(layer.chainID, layer)
        this.owners.set(layer.cacheID, { kind: 'layer', chainID: layer.chainID })
        return
      }
      if (this.unreadable.some((place) => place.path === folder)) return
    }
    const isRemoving = name.endsWith('-removing')
    if (!isDigest(id) && !isRemoving) return
    const cacheID = this.attempt(folder, () => readIfPresent(path.join(folder, 'cache-id')))
      ?.toString('latin1')
      .trim()
    const found = { name, path: folder, ...(cacheID ? { cacheID } : {}) }
    ;(isRemoving ? this.removingLayers : this.brokenLayers).push(found)
    // A layer that was registered again has a directory of its own; that one counts.
    if (cacheID && !this.owners.has(cacheID))
      this.owners.set(cacheID, { kind: isRemoving ? 'removing-layer' : 'broken-layer', name })
  }

  private readImages(): Map<ImageID, InventoryImage> {
    const { store } = this
    const images = new Map<ImageID, InventoryImage>()
    const names = this.attempt(store.layout.repositories, () => store.references().byImage())
    const ids = this.attempt(store.layout.content, () => store.imageDB.ids()) ?? []
    for (const id of ids) {
      const facts = this.attempt(store.layout.imageContent(id), () => store.imageDB.get(id))
      if (facts === undefined) {
        this.readForeign(id)
        continue
      }
      const chain = chainOf(facts.config.rootfs.diffIDs)
      images.set(id, {
        facts,
        names: names?.get(id) ?? [],
        chain,
        isWhole: chain.every((chainID) => this.layers.has(chainID)),
      })
    }
    return images
  }

  private readForeign(id: ImageID): void {
    const file = this.store.layout.imageContent(id)
    const diffIDs = this.attempt(file, () => this.store.imageDB.diffIDs(id)) ?? []
    if (diffIDs.length > 0) this.foreignChains.push(chainOf(diffIDs))
  }

  private readMounts(): Map<string, WritableLayer> {
    const { layout, mountDB } = this.store
    const mounts = new Map<string, WritableLayer>()
    for (const name of this.names(layout.layerMounts)) {
      const mount = this.attempt(layout.layerMount(name), () => mountDB.get(name))
      if (mount === undefined) continue
      mounts.set(name, mount)
      const owner = { kind: 'container', containerID: name } as const
      this.owners.set(mount.mountID, { ...owner, role: 'writable' })
      if (mount.initID !== undefined) this.owners.set(mount.initID, { ...owner, role: 'init' })
    }
    return mounts
  }

  /** Directories that an undecided transaction has written down: its recovery removes them. */
  private ownByTransactions(temporary: readonly string[]): void {
    for (const name of temporary.filter(isTransaction)) {
      const file = path.join(this.store.layout.layerTemp, name, 'cache-ids')
      const text = this.attempt(file, () => readIfPresent(file))?.toString('latin1') ?? ''
      for (const cacheID of text.split('\n').slice(0, -1))
        if (!this.owners.has(cacheID)) this.owners.set(cacheID, { kind: 'transaction', name })
    }
  }

  private readLinks(): Map<string, string | undefined> {
    const links = new Map<string, string | undefined>()
    if (this.store.driver.name !== 'overlay2') return links
    const home = path.join(this.store.driver.home, 'l')
    for (const name of this.names(home)) {
      const target = this.attempt(home, () => readlink(path.join(home, name)))
      links.set(name, /^\.\.\/([^/]+)\/diff$/.exec(target ?? '')?.[1])
    }
    return links
  }

  private readVolumes(): string[] {
    const home = this.store.layout.volumes
    const entries = this.attempt(home, () => fs.readdirSync(home, { withFileTypes: true })) ?? []
    return entries
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
      .sort()
  }

  private names(dir: string): string[] {
    return this.attempt(dir, () => fs.readdirSync(dir).sort()) ?? []
  }

  /** undefined where there is nothing, or nothing that this user may read. */
  private attempt<T>(place: string, read: () => T): T | undefined {
    try {
      return read()
    } catch (error) {
      // A layer whose cache-id would leave the driver's home is not ours to follow.
      if (error instanceof IntegrityError && place !== this.store.layout.repositories)
        return undefined
      const errno = error instanceof HostError ? error.details['errno'] : nodeCode(error)
      if (errno === 'ENOENT' || errno === 'ENOTDIR') return undefined
      if (errno !== 'EACCES' && errno !== 'EPERM') throw error
      this.unreadable.push({ path: place, errno })
      return undefined
    }
  }
}

function nodeCode(error: unknown): unknown {
  return (error as NodeJS.ErrnoException).code
}

export function isTransaction(name: string): boolean {
  return name.startsWith('shale-')
}

function readlink(file: string): string | undefined {
  try {
    return fs.readlinkSync(file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EINVAL') return undefined // no link at all
    throw error
  }
}

function grouped<K, V>(pairs: Iterable<readonly [K | undefined, V]>): Map<K, V[]> {
  const groups = new Map<K, V[]>()
  for (const [key, value] of pairs) {
    if (key === undefined) continue
    const known = groups.get(key)
    if (known) known.push(value)
    else groups.set(key, [value])
  }
  return groups
}
