// The anatomy of an image: each of its layers under all of its names (diffID, chainID, cache-id), with what its
// tar-split tells of its tar. Knows the store and tar-split's records; reads no layer directory. Prints nothing.

import { readSplit } from '../archive/split-file.ts'
import type { CacheID, ChainID, DiffID } from '../digest/digest.ts'
import { createdByLayer } from '../image/history.ts'
import type { Layer } from '../store/layer-db.ts'
import type { Store } from '../store/store.ts'

export interface LayerRow {
  /** 1 for the base. */
  readonly number: number
  readonly diffID: DiffID
  readonly chainID: ChainID
  readonly parent?: ChainID
  readonly cacheID: CacheID
  /** As docker records it: what the layer's files take, by the driver's rule. */
  readonly sizeBytes: number
  /** Members of the layer's tar, as tar-split counts them; absent where the layer has none. */
  readonly entries?: number
  /** Bytes of the uncompressed layer tar. */
  readonly tarBytes?: number
  /** The step that made it, where the history tells. */
  readonly createdBy?: string
  /** The directory with the layer's files. */
  readonly directory: string
  /** The folder with its metadata. */
  readonly layerdb: string
  readonly tarSplit?: string
}

export interface LayerTableOptions {
  readonly signal?: AbortSignal
}

/** Base first. @throws NotFoundError ERR_IMAGE_NOT_FOUND; IntegrityError ERR_SPLIT_CORRUPT */
export async function layerTable(
  store: Store,
  name: string,
  options: LayerTableOptions = {},
): Promise<LayerRow[]> {
  const image = store.image(name)
  const createdBy = createdByLayer(image.config)
  const rows: LayerRow[] = []
  for (const [index, layer] of image.layers.entries()) {
    options.signal?.throwIfAborted()
    const made = createdBy[index]
    rows.push({
      number: index + 1,
      diffID: layer.diffID,
      chainID: layer.chainID,
      ...(layer.parent === undefined ? {} : { parent: layer.parent }),
      cacheID: layer.cacheID,
      sizeBytes: layer.sizeBytes,
      ...(await countTar(layer, options.signal)),
      ...(made === undefined ? {} : { createdBy: made }),
      directory: store.driver.layerDirectory(layer.cacheID),
      layerdb: layer.path,
      ...(layer.splitPath === undefined ? {} : { tarSplit: layer.splitPath }),
    })
  }
  return rows
}

/** One pass over tar-split: its raw bytes and its file sizes add up to the tar. */
async function countTar(
  layer: Layer,
  signal: AbortSignal | undefined,
): Promise<{ entries?: number; tarBytes?: number }> {
  if (layer.splitPath === undefined) return {}
  let entries = 0
  let tarBytes = 0
  for await (const record of readSplit(layer.splitPath)) {
    if (record.kind === 'segment') tarBytes += record.bytes.byteLength
    else {
      entries++
      tarBytes += record.sizeBytes
    }
  }
  signal?.throwIfAborted()
  return { entries, tarBytes }
}
