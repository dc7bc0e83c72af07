// `docker history` of an image in a store: the config's history with the sizes and parents that this store knows.
// Knows the store; the pairing of steps and layers is image/history.ts's. Prints nothing.

import type { ImageID } from '../digest/digest.ts'
import { historyRows, type HistoryRow } from '../image/history.ts'
import type { Store } from '../store/store.ts'

/** Newest first. @throws NotFoundError ERR_IMAGE_NOT_FOUND */
export async function imageHistory(store: Store, name: string): Promise<HistoryRow[]> {
  const image = store.image(name)
  return historyRows(image.config, {
    imageID: image.id,
    layerSizes: image.layers.map((layer) => layer.sizeBytes),
    parents: parentsOf(store, image.id),
  })
}

/** Nearest first. A parent that is gone ends the chain; so does one that comes again, which no engine writes. */
function parentsOf(store: Store, id: ImageID): ImageID[] {
  const parents: ImageID[] = []
  const seen = new Set([id])
  for (let at = store.imageDB.get(id)?.parent; at !== undefined && !seen.has(at);) {
    const facts = store.imageDB.get(at)
    if (!facts) break
    seen.add(at)
    parents.push(at)
    at = facts.parent
  }
  return parents
}
