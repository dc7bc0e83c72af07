// The images of a store as one tree over the layers that they share: a layer stands on its parent, an image on its top
// layer. Knows the store; drawing is the command line's.

import type { CacheID, ChainID, DiffID, ImageID } from '../digest/digest.ts'
import type { Image, Store } from '../store/store.ts'

export interface TreeImage {
  readonly id: ImageID
  readonly names: readonly string[]
  /** All layers together. */
  readonly sizeBytes: number
}

export interface TreeLayer {
  readonly chainID: ChainID
  readonly diffID: DiffID
  readonly cacheID: CacheID
  readonly sizeBytes: number
  /** Images whose top layer this is. */
  readonly images: readonly TreeImage[]
  readonly children: readonly TreeLayer[]
}

export interface ImageTree {
  readonly root: string
  readonly driver: string
  readonly bases: readonly TreeLayer[]
  /** Images without any layer. */
  readonly scratch: readonly TreeImage[]
  /** Every layer counted once: what the images take together. */
  readonly sizeBytes: number
}

interface Node {
  readonly layer: Image['layers'][number]
  readonly images: TreeImage[]
  readonly children: Map<ChainID, Node>
}

/**
 * @param names only images so named (names or IDs); default all, intermediate ones too where they have a name
 * @throws NotFoundError ERR_IMAGE_NOT_FOUND
 */
export async function imageTree(store: Store, names: readonly string[] = []): Promise<ImageTree> {
  const images =
    names.length > 0
      ? [...new Map(names.map((n) => store.image(n)).map((i) => [i.id, i])).values()]
      : shown(store)
  const bases = new Map<ChainID, Node>()
  const scratch: TreeImage[] = []
  let sizeBytes = 0
  for (const image of images) {
    const leaf: TreeImage = {
      id: image.id,
      names: image.names.map((known) => known.name),
      sizeBytes: image.sizeBytes,
    }
    let level = bases
    let top: Node | undefined
    for (const layer of image.layers) {
      let node = level.get(layer.chainID)
      if (!node) {
        node = { layer, images: [], children: new Map() }
        level.set(layer.chainID, node)
        sizeBytes += layer.sizeBytes
      }
      top = node
      level = node.children
    }
    if (top) top.images.push(leaf)
    else scratch.push(leaf)
  }
  return {
    root: store.root,
    driver: store.driver.name,
    bases: settled(bases),
    scratch: scratch.sort(byName),
    sizeBytes,
  }
}

/** As `docker images` without -a: an untagged image that another one was built on is a step, not a result. */
function shown(store: Store): Image[] {
  const images = store.images()
  const parents = new Set(images.map((image) => image.parent))
  return images.filter((image) => image.names.length > 0 || !parents.has(image.id))
}

/** Deep chains have at most 128 layers (LayerDB.chain), so recursion is bounded. */
function settled(level: ReadonlyMap<ChainID, Node>): TreeLayer[] {
  return [...level.values()]
    .map(({ layer, images, children }) => ({
      chainID: layer.chainID,
      diffID: layer.diffID,
      cacheID: layer.cacheID,
      sizeBytes: layer.sizeBytes,
      images: images.sort(byName),
      children: settled(children),
    }))
    .sort((a, b) => compare(firstName(a), firstName(b)) || compare(a.chainID, b.chainID))
}

/** Branches stand in the order of the first name in them, so that the tree does not jump when a layer is added. */
function firstName(layer: TreeLayer): string {
  const own = layer.images[0]?.names[0]
  const below = layer.children[0] === undefined ? undefined : firstName(layer.children[0])
  if (own === undefined) return below ?? '\uffff'
  return below === undefined || own < below ? own : below
}

function byName(a: TreeImage, b: TreeImage): number {
  return compare(a.names[0] ?? '\uffff', b.names[0] ?? '\uffff') || compare(a.id, b.id)
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
