// `docker history`: the config's history paired with the layers it made.
// Knows only the config and what it is told of sizes and parents; no store.

import { chainIDs } from '../digest/chain-id.ts'
import type { ChainID, DiffID, ImageID } from '../digest/digest.ts'
import { createdSeconds } from './config.ts'
import type { ImageConfig } from './config.ts'

export interface HistoryRow {
  /** The image's own ID for the newest row, those of its known parents below; else `<missing>`. */
  readonly id: ImageID | '<missing>'
  readonly createdSeconds: number
  readonly createdBy: string
  readonly comment: string
  readonly author: string
  /** Of the layer that the step made; 0 for a step without one. */
  readonly sizeBytes: number
  readonly diffID?: DiffID
  readonly chainID?: ChainID
}

export interface HistoryOptions {
  readonly imageID: ImageID
  /** Size of each layer, base first. */
  readonly layerSizes: readonly number[]
  /** The chain of metadata `parent` files, nearest first: images that were built or committed here have one. */
  readonly parents?: readonly ImageID[]
}

/** Newest first. A config may have fewer history items than layers: those layers then have no row, as in docker. */
export function historyRows(config: ImageConfig, options: HistoryOptions): HistoryRow[] {
  const { diffIDs } = config.rootfs
  const chain = chainIDs(diffIDs)
  const ids = [options.imageID, ...(options.parents ?? [])]
  let layer = 0
  const steps = config.history.map((item) => {
    const index = item.emptyLayer ? undefined : layer++
    return { item, index }
  })
  return steps.reverse().map(({ item, index }, row) => {
    const layerFacts =
      index === undefined ? {} : { diffID: diffIDs[index]!, chainID: chain[index]! }
    return {
      id: ids[row] ?? '<missing>',
      createdSeconds: createdSeconds(item.created),
      createdBy: item.createdBy,
      comment: item.comment,
      author: item.author,
      sizeBytes: index === undefined ? 0 : (options.layerSizes[index] ?? 0),
      ...layerFacts,
    }
  })
}

/**
 * The `created_by` of each layer, base first, where the history is complete enough to tell: with fewer items than
 * layers no item can be matched to its layer.
 */
export function createdByLayer(config: ImageConfig): readonly (string | undefined)[] {
  const steps = config.history.filter((item) => !item.emptyLayer)
  return config.rootfs.diffIDs.map((_, index) =>
    steps.length === config.rootfs.diffIDs.length ? steps[index]!.createdBy : undefined,
  )
}
