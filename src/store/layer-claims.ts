// Which layers nothing stands on any more once some holder is gone: an image or a container lets go of the top of a chain,
// and each layer of it goes as far down as no other image, container or layer holds one. Reads as little as answers
// that: the images' configs name every layer that an image has, so that of the layers only those are opened that no
// image has, and of these alone it matters what they stand on.

import { randomBytes } from 'node:crypto'
import type { ChainID, ImageID } from '../digest/digest.ts'
import { chainOf } from './image-db.ts'
import type { Layer } from './layer-db.ts'
import type { Store } from './store.ts'
import type { Transaction } from './transaction.ts'

export class LayerClaims {
  readonly #store: Store
  readonly #chains = new Map<ImageID, readonly ChainID[]>()
  /** How many images have it, in whatever place of their stack. */
  readonly #imageCounts = new Map<ChainID, number>()
  readonly #mounted: ReadonlySet<ChainID>
  readonly #gone = new Set<ChainID>()
  #loose: ReadonlyMap<ChainID, Set<ChainID>> | undefined

  /** @param goneContainers whose writable layers hold nothing any more */
  constructor(store: Store, goneContainers: ReadonlySet<string> = new Set()) {
    this.#store = store
    this.#mounted = new Set(store.containers.mountedParents(goneContainers))
    for (const id of store.imageDB.ids()) {
      // Of a config that only another engine can read as well: that one would miss its layers.
      const chain = chainOf(store.imageDB.diffIDs(id) ?? [])
      this.#chains.set(id, chain)
      for (const chainID of chain) this.#count(chainID, 1)
    }
  }

  /** @returns the layers that go with an image, top first */
  releaseImage(id: ImageID): Layer[] {
    const chain = this.#chains.get(id) ?? []
    this.#forget(id, chain)
    // Of an image that lost layers, what is left goes with it.
    const top = chain.findLast((chainID) => this.#store.layers.get(chainID) !== undefined)
    return top === undefined ? [] : this.release(top)
  }

  /** Whether its topmost layer would go with an image. */
  holdsAlone(id: ImageID): boolean {
    const chain = this.#chains.get(id) ?? []
    const top = chain.at(-1)
    if (top === undefined) return false
    this.#forget(id, chain)
    const held = this.#isHeld(top)
    this.#chains.set(id, chain)
    for (const chainID of chain) this.#count(chainID, 1)
    this.#loose = undefined
    return !held
  }

  /** @returns the layers that go once nothing but what is known here holds `top`, top first */
  release(top: ChainID): Layer[] {
    const freed: Layer[] = []
    for (let id: ChainID | undefined = top; id !== undefined && !this.#isHeld(id);) {
      const layer = this.#store.layers.get(id)
      if (!layer) break
      freed.push(layer)
      this.#gone.add(id)
      id = layer.parent
      if (id !== undefined) this.#loose?.get(id)?.delete(layer.chainID)
    }
    return freed
  }

  #count(chainID: ChainID, by: 1 | -1): void {
    this.#imageCounts.set(chainID, (this.#imageCounts.get(chainID) ?? 0) + by)
  }

  #forget(id: ImageID, chain: readonly ChainID[]): void {
    if (!this.#chains.delete(id)) return
    for (const chainID of chain) this.#count(chainID, -1)
    this.#loose = undefined
  }

  #isHeld(chainID: ChainID): boolean {
    if (this.#gone.has(chainID) || this.#hasImage(chainID) || this.#mounted.has(chainID))
      return true
    this.#loose ??= this.#looseChildren()
    return (this.#loose.get(chainID)?.size ?? 0) > 0
  }

  #hasImage(chainID: ChainID): boolean {
    return (this.#imageCounts.get(chainID) ?? 0) > 0
  }

  /** What a layer of an image stands on is of that image too, so those need not be asked. */
  #looseChildren(): Map<ChainID, Set<ChainID>> {
    const children = new Map<ChainID, Set<ChainID>>()
    for (const id of this.#store.layers.ids()) {
      if (this.#hasImage(id) || this.#gone.has(id)) continue
      const parent = this.#store.layers.get(id)?.parent
      if (parent === undefined) continue
      const known = children.get(parent)
      if (known) known.add(id)
      else children.set(parent, new Set([id]))
    }
    return children
  }
}

/** docker's own way: renamed to a name that dockerd takes for its own half-done removal, then removed. */
export function planLayerRemoval(transaction: Transaction, layers: readonly Layer[]): void {
  for (const layer of layers) {
    const aside = `${layer.path}-${randomBytes(32).toString('hex')}-removing`
    transaction.plan({ op: 'rename', from: layer.path, to: aside })
    transaction.plan({ op: 'remove-driver-directory', cacheID: layer.cacheID })
    transaction.plan({ op: 'remove', path: aside })
  }
}
