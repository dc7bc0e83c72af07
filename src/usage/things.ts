// Which paths make up one thing of a store: a layer is its folder in layerdb, its directory of the driver and the short
// link to that. One place, so that what is measured is what is removed.

import path from 'node:path'
import type { ChainID, ImageID } from '../digest/digest.ts'
import type { Store } from '../store/store.ts'
import type { Inventory } from './inventory.ts'

export class ThingPaths {
  private readonly store: Store
  private readonly inventory: Inventory

  constructor(store: Store, inventory: Inventory) {
    this.store = store
    this.inventory = inventory
  }

  /** A driver directory and the links that point at it; a link that a stranger's `link` file names is not its own. */
  directory(name: string): string[] {
    const { home } = this.store.driver
    const links = this.inventory.linksOf.get(name) ?? []
    // vfs unpacks beside the place.
    const scratch = this.store.driver.name === 'vfs' ? [path.join(home, `${name}-applying`)] : []
    return [path.join(home, name), ...scratch, ...links.map((link) => path.join(home, 'l', link))]
  }

  layer(chainID: ChainID): string[] {
    const layer = this.inventory.layers.get(chainID)!
    return [layer.path, ...this.directory(layer.cacheID)]
  }

  image(id: ImageID): string[] {
    const { layout } = this.store
    return [layout.imageContent(id), layout.imageMetadata(id)]
  }

  container(id: string): string[] {
    const { layout } = this.store
    const mount = this.inventory.mounts.get(id)
    return [
      layout.container(id),
      layout.layerMount(id),
      ...(mount === undefined ? [] : this.directory(mount.mountID)),
      ...(mount?.initID === undefined ? [] : this.directory(mount.initID)),
    ]
  }

  volume(name: string): string[] {
    return [path.join(this.store.layout.volumes, name)]
  }

  /** As people see it: relative to the root. */
  shown(file: string): string {
    return path.relative(this.store.root, file) || '.'
  }
}

export function layerKey(id: ChainID): string {
  return `layer ${id}`
}

export function imageKey(id: ImageID): string {
  return `image ${id}`
}

export function containerKey(id: string): string {
  return `container ${id}`
}

export function volumeKey(name: string): string {
  return `volume ${name}`
}

export function cacheKey(directory: string): string {
  return `build cache ${directory}`
}
