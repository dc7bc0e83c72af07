// tag: one more name for an image, moved from another image if it had one there.

import path from 'node:path'
import type { ImageID } from '../digest/digest.ts'
import { familiarString, parseTarget } from '../reference/reference.ts'
import { timestampNow } from './timestamp.ts'
import type { Store } from './store.ts'

export interface TaggedImage {
  /** Familiar form, with its tag. */
  readonly name: string
  readonly imageID: ImageID
  /** The image that had the name before, where that is another one. */
  readonly previous?: ImageID
}

/**
 * @param target `name` or `name:tag`; a digest is refused as docker does
 * @returns the name as docker shows it, and the image that had it before
 * @throws NotFoundError ERR_IMAGE_NOT_FOUND; InvalidArgumentError ERR_REFERENCE_SYNTAX
 */
export async function tagImage(
  store: Store,
  source: string,
  target: string,
  options: { signal?: AbortSignal } = {},
): Promise<TaggedImage> {
  const reference = parseTarget(target)
  const name = familiarString(reference)
  store.resolve(source) // a wrong name is refused before anything is locked or made
  return store.write(async (transaction) => {
    const { id } = store.resolve(source)
    const references = store.references()
    const previous = references.get(reference)
    const { layout } = store
    if (previous !== id) {
      transaction.plan({
        op: 'rename',
        from: transaction.stageFile(references.with(reference, id).toJSONText(), 0o600),
        to: layout.repositories,
      })
    }
    transaction.plan({ op: 'make-directory', path: layout.imageMetadata(id), mode: 0o700 })
    transaction.plan({
      op: 'rename',
      from: transaction.stageFile(timestampNow(), 0o600),
      to: path.join(layout.imageMetadata(id), 'lastUpdated'),
    })
    return { name, imageID: id, ...(previous === undefined || previous === id ? {} : { previous }) }
  }, options)
}
