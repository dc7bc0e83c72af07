// Which layers nothing stands on any more once some holder is gone: the image or container that held the top of a chain
// is gone, and each layer of it goes as far down as no other image, container or layer holds one. Reads only.

import type { ChainID } from '../digest/digest.ts'
import { randomBytes } from 'node:crypto'
import type { Layer } from './layer-db.ts'
import { topChainID, type Store } from './store.ts'
import type { Transaction } from './transaction.ts'

/**
 * @param tops of the chains that are let go
 * @param goneContainers whose writable layers hold nothing any more
 * @returns top first, chain by chain
 */
export function unheldLayers(
  store: Store,
  tops: readonly ChainID[],
  goneContainers: ReadonlySet<string>,
): Layer[] {
  if (tops.length === 0) return []
  const held = new Set<ChainID>()
  for (const layer of store.mountDB.list()) {
    if (layer.parent !== undefined && !goneContainers.has(layer.containerID)) held.add(layer.parent)
  }
  for (const id of store.imageDB.ids()) {
    const facts = store.imageDB.get(id)
    const top = facts && topChainID(facts)
    if (top !== undefined) held.add(top)
  }
  const children = new Map<ChainID, number>()
  for (const { parent } of store.layers.list()) {
    if (parent !== undefined) children.set(parent, (children.get(parent) ?? 0) + 1)
  }
  const gone = new Map<ChainID, Layer>()
  for (const top of tops) {
    for (let id: ChainID | undefined = top; id !== undefined;) {
      const layer = store.layers.get(id)
      if (!layer || gone.has(id) || held.has(id) || (children.get(id) ?? 0) > 0) break
      gone.set(id, layer)
      id = layer.parent
      if (id !== undefined) children.set(id, (children.get(id) ?? 1) - 1)
    }
  }
  return [...gone.values()]
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
