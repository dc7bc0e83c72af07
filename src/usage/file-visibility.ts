// Whether a file of one layer is seen in the images that have the layer, or which layer above takes it away: by a
// whiteout, by something else of that name, or by an opaque directory. Each layer is asked once, however many images
// stand on it. Sees layers as the union rules do.

import type { ChainID, DiffID } from '../digest/digest.ts'
import { dirname, type BytePath } from '../path/byte-path.ts'
import type { Layer } from '../store/layer-db.ts'
import type { Store } from '../store/store.ts'
import type { LayerNode, LayerView, NodeType } from '../union/layer-view.ts'
import { DirectoryLayer } from '../view/directory-layer.ts'

export interface HiddenBy {
  readonly chainID: ChainID
  readonly diffID: DiffID
  /** `removes`: a whiteout; `replaces`: another file; `hides`: an opaque directory on the way. */
  readonly how: 'removes' | 'replaces' | 'hides'
  /** The path at which it does, in the image. */
  readonly at: BytePath
}

export class FileVisibility {
  readonly type: NodeType | 'whiteout' | 'absent'
  private readonly store: Store
  private readonly path: BytePath
  private readonly own: ChainID
  private readonly known = new Map<ChainID, HiddenBy | undefined>()

  constructor(store: Store, own: Layer, path: BytePath) {
    this.store = store
    this.path = path
    this.own = own.chainID
    this.known.set(own.chainID, undefined)
    const node = withLayer(store, own, (layer) => layer.lookup(path))
    this.type = node === undefined ? 'absent' : node === 'whiteout' ? 'whiteout' : node.type
  }

  /** @param chain of an image that has the layer, base first */
  hiddenIn(chain: readonly Layer[]): HiddenBy | undefined {
    const from = chain.findIndex((layer) => layer.chainID === this.own)
    let hidden: HiddenBy | undefined
    for (const layer of chain.slice(from + 1)) {
      if (this.known.has(layer.chainID)) hidden = this.known.get(layer.chainID)
      else {
        hidden ??= this.takenBy(layer)
        this.known.set(layer.chainID, hidden)
      }
    }
    return hidden
  }

  private takenBy(layer: Layer): HiddenBy | undefined {
    const found = withLayer(this.store, layer, (view) => taken(view, this.path, this.type))
    if (found === undefined) return undefined
    return { chainID: layer.chainID, diffID: layer.diffID, ...found }
  }
}

export function withLayer<T>(store: Store, layer: Layer, use: (view: DirectoryLayer) => T): T {
  using view = new DirectoryLayer(store.driver.layerDirectory(layer.cacheID), { form: store.form })
  return use(view)
}

function taken(
  view: LayerView,
  path: BytePath,
  type: FileVisibility['type'],
): Pick<HiddenBy, 'how' | 'at'> | undefined {
  for (const at of [...waysTo(path), path]) {
    const node: LayerNode | 'whiteout' | undefined = view.lookup(at)
    if (node === undefined) continue
    if (node === 'whiteout') return { how: 'removes', at }
    const merges = node.type === 'directory' && (at !== path || type === 'directory')
    if (!merges) return { how: 'replaces', at }
    if (view.opaque(at)) return { how: 'hides', at }
  }
  return undefined
}

/** The directories above a path, shallowest first, without the root. */
function waysTo(path: BytePath): BytePath[] {
  const ways: BytePath[] = []
  for (let at = dirname(path); at !== ''; at = dirname(at)) ways.unshift(at)
  return ways
}
