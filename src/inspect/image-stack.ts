// The merged tree of an image in a store, from its layers' directories and, where the disk cannot hold owners and
// devices, from what their tars said. Knows store and driver; merging is src/view's.

import type { Image, Store } from '../store/store.ts'
import type { BytePath } from '../path/byte-path.ts'
import type { HeaderSupplement } from '../view/directory-layer.ts'
import { LayerStack } from '../view/stack.ts'
import { readTarHeaders } from './tar-headers.ts'

/** Close it after use. An image without layers is an empty stack. */
export async function openImageStack(store: Store, image: Image): Promise<LayerStack> {
  const top = image.layers.at(-1)
  if (top === undefined) return new LayerStack([], { form: store.form })
  const directories = await store.driver.stack(top.cacheID)
  if (store.form === 'trusted') return new LayerStack(directories, { form: store.form })
  const nearestFirst = [...image.layers].reverse()
  const headers: ReadonlyMap<BytePath, HeaderSupplement>[] = []
  for (const { splitPath } of nearestFirst) {
    headers.push(splitPath === undefined ? new Map() : await readTarHeaders(splitPath))
  }
  // vfs has one directory for all layers: what the nearest layer says of a path holds.
  const isWhole = directories.length === 1
  return new LayerStack(directories, {
    form: store.form,
    headers: (layer, path) => {
      if (!isWhole) return headers[layer]?.get(path)
      for (const known of headers) {
        const supplement = known.get(path)
        if (supplement !== undefined) return supplement
      }
      return undefined
    },
  })
}
