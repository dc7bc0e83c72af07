// Two trees of a store side by side: a container and what it was made of, two images, a layer and what lies below it.
// Layers that both have are opened once, which is how the comparison knows that they need no look.

import { openImageStack, openLayers } from '../inspect/image-stack.ts'
import type { Container } from '../store/container-db.ts'
import type { Layer } from '../store/layer-db.ts'
import type { Image, Store } from '../store/store.ts'
import type { ReadableLayer, ReadableMerge } from '../archive/diff.ts'
import { mergeLayers } from '../union/merge.ts'
import { LayerStack } from '../view/stack.ts'
import { layerOf, openContainerStack } from './container-stack.ts'

export interface TreePair extends Disposable {
  readonly before: ReadableMerge
  readonly after: ReadableMerge
}

/** A container, and the image with the init layer on top: what a runtime puts into every root is no change. */
export async function openContainerPair(store: Store, container: Container): Promise<TreePair> {
  const { initID } = layerOf(container)
  const after = await openContainerStack(store, container)
  if (store.driver.name === 'overlay2') return pairOf(after.layers.slice(1), after, [after])
  try {
    const before =
      initID === undefined
        ? new LayerStack([])
        : await openContainerStack(store, container, { init: true })
    return pairOf(before.layers, after, [before, after])
  } catch (error) {
    after.close()
    throw error
  }
}

export async function openImagePair(store: Store, before: Image, after: Image): Promise<TreePair> {
  const b = await openImageStack(store, after)
  try {
    if (store.driver.name !== 'overlay2') {
      const a = await openImageStack(store, before)
      return pairOf(a.layers, b, [a, b])
    }
    let shared = 0
    const isShared = (): boolean =>
      before.layers[shared] !== undefined &&
      before.layers[shared]!.chainID === after.layers[shared]?.chainID
    while (isShared()) shared++
    const own = before.layers.slice(shared)
    const top = own.at(-1)
    const directories = top === undefined ? [] : await store.driver.stack(top.cacheID)
    const a = await openLayers(store, directories.slice(0, own.length), own)
    const common = b.layers.slice(b.layers.length - shared)
    return pairOf([...a.layers, ...common], b, [a, b])
  } catch (error) {
    b.close()
    throw error
  }
}

/** What one layer changes of those below it. @param chain base first, the layer last */
export async function openLayerPair(store: Store, chain: readonly Layer[]): Promise<TreePair> {
  const top = chain.at(-1)!
  const after = await openLayers(store, await store.driver.stack(top.cacheID), chain)
  if (store.driver.name === 'overlay2') return pairOf(after.layers.slice(1), after, [after])
  const below = chain.at(-2)
  try {
    const directories = below === undefined ? [] : await store.driver.stack(below.cacheID)
    const before = await openLayers(store, directories, chain.slice(0, -1))
    return pairOf(before.layers, after, [before, after])
  } catch (error) {
    after.close()
    throw error
  }
}

function pairOf(
  before: readonly ReadableLayer[],
  after: LayerStack,
  open: readonly LayerStack[],
): TreePair {
  return {
    before: { layers: before, view: mergeLayers(before) },
    after,
    [Symbol.dispose]: () => {
      for (const stack of open) stack.close()
    },
  }
}
