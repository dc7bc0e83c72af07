// Which layers something stands on, counted as docker counts: one for each image that has the layer on top, each child
// layer, each writable layer. Letting go of one may free a layer, and then those below it, from the top down.
// Knows the inventory; plans and removes nothing.

import type { ChainID } from '../digest/digest.ts'
import type { Inventory, InventoryImage } from './inventory.ts'

export class LayerHolds {
  private readonly inventory: Inventory
  /** Of the holds that this is a copy of: only what differs is kept here. */
  private readonly origin: LayerHolds | undefined
  private readonly counts = new Map<ChainID, number>()
  private readonly free = new Set<ChainID>()

  private constructor(inventory: Inventory, origin?: LayerHolds) {
    this.inventory = inventory
    this.origin = origin
  }

  /** @param isHeldElsewhere layers that something outside of the image store needs: a build cache */
  static of(inventory: Inventory, isHeldElsewhere: (chainID: ChainID) => boolean): LayerHolds {
    const { layers, images, mounts } = inventory
    const holds = new LayerHolds(inventory)
    for (const chainID of layers.keys()) holds.counts.set(chainID, 0)
    for (const { parent } of layers.values()) holds.hold(parent)
    for (const { chain } of images.values()) holds.hold(topPresent(chain, inventory))
    for (const chain of inventory.foreignChains) holds.hold(topPresent(chain, inventory))
    for (const { parent } of mounts.values()) holds.hold(parent)
    for (const [chainID, count] of holds.counts)
      if (count === 0 && isHeldElsewhere(chainID)) holds.hold(chainID)
    return holds
  }

  /** Layers that nothing stands on to begin with; they are free from now on. From the top down. */
  settle(): ChainID[] {
    const freed: ChainID[] = []
    const idle = [...this.counts].filter(([, count]) => count === 0).map(([chainID]) => chainID)
    for (const chainID of idle) if (!this.free.has(chainID)) freed.push(...this.release(chainID))
    return freed
  }

  releaseImage(image: InventoryImage): ChainID[] {
    return this.drop(topPresent(image.chain, this.inventory))
  }

  releaseMount(containerID: string): ChainID[] {
    return this.drop(this.inventory.mounts.get(containerID)?.parent)
  }

  /** All layers that were let go of so far. */
  freed(): ChainID[] {
    return [...this.free]
  }

  /** For "what if": changes of the copy stay its own, at the cost of these alone; the original must rest meanwhile. */
  copy(): LayerHolds {
    return new LayerHolds(this.inventory, this)
  }

  private count(chainID: ChainID): number | undefined {
    return this.counts.get(chainID) ?? this.origin?.count(chainID)
  }

  private hold(chainID: ChainID | undefined): void {
    if (chainID === undefined) return
    const count = this.count(chainID)
    if (count !== undefined) this.counts.set(chainID, count + 1)
  }

  private drop(chainID: ChainID | undefined): ChainID[] {
    if (chainID === undefined) return []
    const count = this.count(chainID)
    if (count === undefined) return []
    this.counts.set(chainID, count - 1)
    return count === 1 ? this.release(chainID) : []
  }

  /** A chain may be long, so without recursion. */
  private release(top: ChainID): ChainID[] {
    const freed: ChainID[] = []
    for (let at: ChainID | undefined = top; at !== undefined;) {
      freed.push(at)
      this.free.add(at)
      const parent: ChainID | undefined = this.inventory.layers.get(at)?.parent
      const count: number | undefined = parent === undefined ? undefined : this.count(parent)
      if (parent === undefined || count === undefined) break
      this.counts.set(parent, count - 1)
      at = count === 1 ? parent : undefined
    }
    return freed
  }
}

/** Of an image that lost layers, what is left is kept: a repair needs it. */
function topPresent(chain: readonly ChainID[], inventory: Inventory): ChainID | undefined {
  return chain.findLast((chainID) => inventory.layers.has(chainID))
}
