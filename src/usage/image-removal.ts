// Which images, names and layers go when images are removed or pruned, by docker's rules, worked out on the inventory:
// a name less, an image less, the untagged parents with it, and each layer that nothing stands on any more.
// Plans only; the same plan says what `df` calls reclaimable, what --dry-run prints and what then goes.

import type { ChainID, ImageID } from '../digest/digest.ts'
import type { Removal } from '../store/remove-image.ts'
import type { StoredName } from '../store/references.ts'
import type { Inventory, InventoryImage } from './inventory.ts'
import type { LayerHolds } from './layer-holds.ts'
import { isWanted, momentNs, type PruneFilter } from './prune-filter.ts'

export interface ImagePruneOptions {
  /** All that no container uses, not only those without a tag. */
  readonly all: boolean
  readonly filter?: PruneFilter
  /** Containers that go in the same run: they use nothing any more. */
  readonly goneContainers?: ReadonlySet<string>
}

export class ImageRemoval {
  readonly removals: Removal[] = []
  readonly goneNames: StoredName[] = []
  readonly goneImages: ImageID[] = []
  readonly goneLayers: ChainID[] = []
  private readonly inventory: Inventory
  private readonly holds: LayerHolds
  private readonly names = new Map<ImageID, StoredName[]>()
  private readonly gone = new Set<ImageID>()
  private readonly childrenOf = new Map<ImageID, ImageID[]>()
  private readonly used = new Set<ImageID>()

  /** @param holds is changed: layers let go of are free */
  constructor(
    inventory: Inventory,
    holds: LayerHolds,
    goneContainers: ReadonlySet<string> = new Set(),
  ) {
    this.inventory = inventory
    this.holds = holds
    for (const [id, { names, facts }] of inventory.images) {
      this.names.set(id, [...names])
      if (facts.parent === undefined) continue
      this.childrenOf.set(facts.parent, [...(this.childrenOf.get(facts.parent) ?? []), id])
    }
    for (const { id, imageID } of inventory.containers.values())
      if (imageID !== undefined && !goneContainers.has(id)) this.used.add(imageID)
    for (const id of goneContainers) this.goneLayers.push(...holds.releaseMount(id))
  }

  /** moby's ImagesPrune; newest first, so that children go before what they were built on. */
  prune(options: Omit<ImagePruneOptions, 'goneContainers'>): void {
    const { all, filter } = options
    const candidates = [...this.inventory.images]
      .filter(([, image]) => image.isWhole)
      .sort(([idA, a], [idB, b]) => newestFirst(idA, a, idB, b))
      .filter(([id, { facts }]) => {
        if (this.names.get(id)!.length === 0 && this.children(id).length > 0) return false
        return filter === undefined || isWanted(filter, facts.config.created, labelsOf(facts))
      })
    for (const [id] of candidates) {
      if (this.gone.has(id) || this.used.has(id)) continue
      const isTagged = this.names.get(id)!.some((name) => !name.isDigest)
      if (all || (!isTagged && this.children(id).length === 0)) this.remove(id)
    }
  }

  /** All of its names, and the image where no other was built on it. */
  remove(id: ImageID): void {
    for (const name of this.names.get(id) ?? []) {
      this.goneNames.push(name)
      this.removals.push({ kind: 'untagged', name: name.name })
    }
    this.names.set(id, [])
    for (let at: ImageID | undefined = id; at !== undefined && this.isIdle(at);) {
      const image: InventoryImage = this.inventory.images.get(at)!
      this.gone.add(at)
      this.goneImages.push(at)
      this.removals.push({ kind: 'deleted', id: at })
      for (const chainID of this.holds.releaseImage(image)) {
        this.goneLayers.push(chainID)
        this.removals.push({ kind: 'deleted', id: chainID })
      }
      at = image.facts.parent
    }
  }

  private isIdle(id: ImageID): boolean {
    if (!this.inventory.images.has(id) || this.gone.has(id)) return false
    if (this.names.get(id)!.length > 0 || this.children(id).length > 0) return false
    return !this.used.has(id)
  }

  private children(id: ImageID): ImageID[] {
    return (this.childrenOf.get(id) ?? []).filter((child) => !this.gone.has(child))
  }
}

function labelsOf({ config }: InventoryImage['facts']): Readonly<Record<string, string>> {
  return config.config?.Labels ?? {}
}

function newestFirst(idA: ImageID, a: InventoryImage, idB: ImageID, b: InventoryImage): number {
  const [timeA, timeB] = [momentNs(a.facts.config.created), momentNs(b.facts.config.created)]
  if (timeA !== timeB) return timeA < timeB ? 1 : -1
  return idA < idB ? -1 : 1
}
