// Whether a store has all that an archive would bring: then a load has nothing to write, and needs no lock, no flush and
// no transaction. Knows what a load leaves behind; reads, and whatever it sees was put in place by rename.

import { chainIDs } from '../digest/chain-id.ts'
import { parseReference, withDefaultTag } from '../reference/reference.ts'
import type { Store } from '../store/store.ts'
import type { Archive } from './archive.ts'

/** As a load of it would leave them: the images, their parents within the archive, their layers and their names. */
export function hasAll(store: Store, { images }: Archive): boolean {
  const references = store.references()
  const inArchive = new Set(images.map(({ imageID }) => imageID))
  return images.every((image) => {
    const facts = store.imageDB.get(image.imageID)
    if (!facts) return false
    const { parent } = image
    if (parent !== undefined && inArchive.has(parent) && facts.parent !== parent) return false
    const chain = chainIDs(image.layers.map(({ diffID }) => diffID))
    if (!chain.every((chainID) => store.layers.get(chainID))) return false
    return image.references.every(
      (text) => references.get(withDefaultTag(parseReference(text))) === image.imageID,
    )
  })
}
