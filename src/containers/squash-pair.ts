// An image beside what its lower layers alone make, for drivers that keep whole trees.

import { openLayers, openImageStack } from '../inspect/image-stack.ts'
import type { Image, Store } from '../store/store.ts'
import { LayerStack } from '../view/stack.ts'
import type { TreePair } from './tree-pair.ts'

/** @param lowest index of the first layer that is not in the tree before */
export async function openLayersPair(
  store: Store,
  image: Image,
  lowest: number,
): Promise<TreePair> {
  const after = await openImageStack(store, image)
  try {
    const layers = image.layers.slice(0, lowest)
    const top = layers.at(-1)
    const before =
      top === undefined
        ? new LayerStack([])
        : await openLayers(store, await store.driver.stack(top.cacheID), layers)
    const close = (): void => {
      before.close()
      after.close()
    }
    return { before, after, [Symbol.dispose]: close }
  } catch (error) {
    after.close()
    throw error
  }
}
