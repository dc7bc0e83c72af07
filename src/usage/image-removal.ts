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
}

export class ImageRemoval {
  readonly removals: Removal[] = []
  readonly goneNames: StoredName[] = []
  readonly goneImages: ImageID[] = []
  readonly goneLayers: ChainID[] = []
  private readonly inventory: Inventory
  private readonly holds: LayerHolds
  private readonly goneContainers: ReadonlySet<string>
  private readonly shownImages: ReadonlySet<ImageID>
  private readonly gone = new Set<ImageID>()
  private readonly unnamed = new Set<ImageID>()

  /**
   * @param holds is changed: layers let go of are free
   * @param circumstances.goneContainers go in the same run: they use nothing any more
   * @param circumstances.shownImages are mounted somewhere, which counts as use
   */
  constructor(
    inventory: Inventory,
    holds: LayerHolds,
    circumstances: {
      readonly goneContainers?: ReadonlySet<string>
      readonly shownImages?: ReadonlySet<ImageID>
    } = {},
  ) {
    const { goneContainers = new Set<string>(), shownImages = new Set<ImageID>() } = circumstances
    this.inventory = inventory
    this.holds = holds
    this.goneContainers = goneContainers
    this.shownImages = shownImages
    for (const id of goneContainers) this.goneLayers.push(...holds.releaseMount(id))
  }

  /** moby's ImagesPrune; newest first, so that children go before what they were built on. */
  prune(options: ImagePruneOptions): void {
    const { all, filter } = options
    const candidates = [...this.inventory.images]
      .filter(([, image]) => image.isWhole)
      .sort(([idA, a], [idB, b]) => newestFirst(idA, a, idB, b))
      .filter(([id, { facts }]) => {
        if (this.names(id).length === 0 && this.children(id).length > 0) return false
        return filter === undefined || isWanted(filter, facts.config.created, labelsOf(facts))
      })
    for (const [id] of candidates) {
      if (this.gone.has(id) || this.isUsed(id)) continue
      const isTagged = this.names(id).some((name) => !name.isDigest)
      if (all || (!isTagged && this.children(id).length === 0)) this.remove(id)
    }
  }

  /** All of its names, and the image where no other was built on it. */
  remove(id: ImageID): void {
    for (const name of this.names(id)) {
      this.goneNames.push(name)
      this.removals.push({ kind: 'untagged', name: name.name })
    }
    this.unnamed.add(id)
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
    if (this.names(id).length > 0 || this.children(id).length > 0) return false
    return !this.isUsed(id)
  }

  private isUsed(id: ImageID): boolean {
    if (this.shownImages.has(id)) return true
    const users = this.inventory.usersOf.get(id) ?? []
    return users.some((container) => !this.goneContainers.has(container))
  }

  private names(id: ImageID): readonly StoredName[] {
    return this.unnamed.has(id) ? [] : (this.inventory.images.get(id)?.names ?? [])
  }

  private children(id: ImageID): ImageID[] {
    return (this.inventory.childrenOf.get(id) ?? []).filter((child) => !this.gone.has(child))
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
