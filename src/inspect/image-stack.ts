// The merged tree of an image in a store, from its layers' directories and, where the disk cannot hold owners and
// devices, from what their tars said. Knows store and driver; merging is src/view's.

import type { Layer } from '../store/layer-db.ts'
import type { Image, Store } from '../store/store.ts'
import { LayerStack } from '../view/stack.ts'
import { TarHeaders, readTarHeaders } from './tar-headers.ts'

/** Close it after use. An image without layers is an empty stack. */
export async function openImageStack(store: Store, image: Image): Promise<LayerStack> {
  const top = image.layers.at(-1)
  const directories = top === undefined ? [] : await store.driver.stack(top.cacheID)
  return openLayers(store, directories, image.layers)
}

/**
 * @param directories nearest first; those that are more than `layers` lie on top and have no tar (a writable layer)
 * @param layers base first
 */
export async function openLayers(
  store: Store,
  directories: readonly string[],
  layers: readonly Layer[],
): Promise<LayerStack> {
  if (store.form === 'trusted' || layers.length === 0) {
    return new LayerStack(directories, { form: store.form })
  }
  const nearestFirst = [...layers].reverse()
  const headers: TarHeaders[] = []
  for (const { splitPath } of nearestFirst) {
    headers.push(splitPath === undefined ? new TarHeaders() : await readTarHeaders(splitPath))
  }
  // vfs has one directory for all layers: what the nearest layer says of a path holds.
  const isWhole = directories.length === 1
  const above = directories.length - layers.length
  return new LayerStack(directories, {
    form: store.form,
    headers: (layer, path) => {
      if (!isWhole) return headers[layer - above]?.get(path)
      for (const known of headers) {
        const supplement = known.get(path)
        if (supplement !== undefined) return supplement
      }
      return undefined
    },
  })
}
