// layerdb/sha256: which layers there are, by chainID, and which driver directory holds each.
// Reads only; a layer comes and goes by a transaction. Never parses a tar and never looks into a driver directory.

import fs from 'node:fs'
import path from 'node:path'
import { childChainID } from '../digest/chain-id.ts'
import { hexOf, isDigest, type CacheID, type ChainID, type DiffID } from '../digest/digest.ts'
import { parseCacheID } from '../driver/cache-id.ts'
import { IntegrityError, NotFoundError } from '../errors.ts'
import { digestOf } from './digest-of.ts'
import type { Layout } from './layout.ts'
import { namesIfPresent, readIfPresent } from './read-file.ts'

export interface Layer {
  readonly chainID: ChainID
  readonly diffID: DiffID
  readonly parent?: ChainID
  readonly cacheID: CacheID
  /** As docker records it: informational, by driver, never an integrity value. */
  readonly sizeBytes: number
  /** tar-split.json.gz, if the layer has one; looked for when it is asked for. */
  readonly splitPath: string | undefined
  /** The layer's folder in layerdb. */
  readonly path: string
}

export class LayerDB {
  private readonly layout: Layout
  private readonly cache = new Map<ChainID, Layer | undefined>()

  constructor(layout: Layout) {
    this.layout = layout
  }

  /** Forget what was read: after a write, or when another process may have written. */
  refresh(): void {
    this.cache.clear()
  }

  /**
   * A layer that dockerd would not load (a file missing or no digest) is unknown here too, and so is one whose files
   * make another chainID than the name of its folder; `usage` names it.
   */
  get(id: ChainID): Layer | undefined {
    if (this.cache.has(id)) return this.cache.get(id)
    const layer = this.read(id)
    this.cache.set(id, layer)
    return layer
  }

  private read(chainID: ChainID): Layer | undefined {
    const dir = this.layout.layer(chainID)
    const text = (name: string): string | undefined =>
      readIfPresent(`${dir}/${name}`)?.toString('latin1')
    const diff = text('diff')?.trim()
    const size = text('size')
    const cacheID = text('cache-id')
    if (diff === undefined || size === undefined || !cacheID) return undefined
    // docker does not trim `size`: with a newline its daemon cannot load the layer, so neither do we claim to.
    if (!isDigest(diff) || !/^-?[0-9]+$/.test(size)) return undefined
    const parent = text('parent')?.trim()
    if (parent !== undefined && !isDigest(parent)) return undefined
    // Without its `parent` a layer would pass for a base layer, and be saved as all that its image has.
    const own = childChainID(parent as ChainID | undefined, diff as DiffID, digestOf)
    if (own !== chainID) return undefined
    const splitPath = `${dir}/tar-split.json.gz`
    return {
      chainID,
      diffID: diff as DiffID,
      ...(parent === undefined ? {} : { parent: parent as ChainID }),
      cacheID: parseCacheID(cacheID, path.join(dir, 'cache-id')),
      sizeBytes: Number(size),
      // Listings of thousands of layers never ask for it.
      get splitPath() {
        return fs.existsSync(splitPath) ? splitPath : undefined
      },
      path: dir,
    }
  }

  /** By the names of their folders; not every one may be a layer that can be used. */
  ids(): ChainID[] {
    return namesIfPresent(this.layout.layers)
      .map((name) => `sha256:${name}`)
      .filter((id) => isDigest(id)) // not `<chain>-<random>-removing`
      .map((id) => id as ChainID)
  }

  list(): Layer[] {
    return this.ids().flatMap((id) => this.get(id) ?? [])
  }

  /**
   * The layer and all below it, base first.
   * @throws NotFoundError ERR_LAYER_NOT_FOUND; IntegrityError ERR_STORE_CORRUPT where a parent is missing
   */
  chain(top: ChainID): Layer[] {
    const chain: Layer[] = []
    for (let id: ChainID | undefined = top; id !== undefined;) {
      const layer = this.get(id)
      if (!layer) {
        if (chain.length === 0)
          throw new NotFoundError(
            'ERR_LAYER_NOT_FOUND',
            `cannot find layer ${id}: the store has no such chainID`,
            { details: { chainID: id } },
          )
        throw new IntegrityError(
          'ERR_STORE_CORRUPT',
          `cannot follow the chain of ${top}: its parent ${hexOf(id)} is missing or unreadable in ${this.layout.layers}`,
          { details: { chainID: id } },
        )
      }
      if (chain.length > 128)
        throw new IntegrityError(
          'ERR_STORE_CORRUPT',
          `cannot follow the chain of ${top}: the parents do not end`,
          { details: { chainID: top } },
        )
      chain.unshift(layer)
      id = layer.parent
    }
    return chain
  }
}
