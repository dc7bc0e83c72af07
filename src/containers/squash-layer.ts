// Several layers of a stack as one: what the upper ones say together, with a whiteout or an opaque mark only where
// something that lies below them shows without it. Laid on the layers below, it gives the merge that all of them gave.
// Pure over layer views; what is squashed, and what becomes of the result, is squash.ts's.

import type { ReadableLayer } from '../archive/diff.ts'
import { basename, dirname, joinPath, type BytePath } from '../path/byte-path.ts'
import type { LayerEntry, LayerNode } from '../union/layer-view.ts'
import type { MergedView } from '../union/merge.ts'

/** A directory of the upper layers. */
interface Directory {
  /** Those that take part in it, nearest first. */
  readonly layers: readonly number[]
  /** What lies below all of them does not show in it. */
  readonly closed: boolean
}

/** A name in a directory, put together from its layers. */
interface Slot {
  readonly kind: LayerEntry['kind']
  readonly layers: number[]
  ended: boolean
}

export class SquashedLayer implements ReadableLayer {
  readonly #layers: readonly ReadableLayer[]
  readonly #below: MergedView
  readonly #directories = new Map<BytePath, Directory>()

  /** @param layers nearest first @param below the merge of what stays beneath */
  constructor(layers: readonly ReadableLayer[], below: MergedView) {
    this.#layers = layers
    this.#below = below
    // The kernel merges roots whatever their marks say.
    this.#directories.set('' as BytePath, { layers: [...layers.keys()], closed: false })
  }

  lookup(path: BytePath): LayerNode | 'whiteout' | undefined {
    const layer = this.#layerOf(path)
    if (layer === undefined) return undefined
    const node = this.#layers[layer]!.lookup(path)
    if (node === undefined || node === 'whiteout') return node
    // Inode numbers of two layers may be equal by chance.
    const { hardlinkKey } = node
    return hardlinkKey === undefined ? node : { ...node, hardlinkKey: `${layer}:${hardlinkKey}` }
  }

  list(path: BytePath): LayerEntry[] {
    const directory = this.#directory(path)
    if (directory === undefined) return []
    const out: LayerEntry[] = []
    for (const [name, slot] of this.#slots(path, directory)) {
      const child = joinPath(path, name)
      if (slot.kind === 'whiteout') {
        if (directory.closed || this.#below.lookup(child) === undefined) continue
      } else if (slot.kind === 'directory') {
        this.#remember(child, slot, directory)
      }
      out.push({ name, kind: slot.kind })
    }
    return out
  }

  opaque(path: BytePath): boolean {
    if (path === '' || !this.#directory(path)?.closed) return false
    if (this.#directory(dirname(path))?.closed) return false
    return this.#below.lookup(path)?.type === 'directory'
  }

  xattrs(path: BytePath): ReadonlyMap<string, Uint8Array> {
    const layer = this.#layerOf(path)
    return layer === undefined ? new Map() : this.#layers[layer]!.xattrs(path)
  }

  openFile(path: BytePath): number {
    return this.#layers[this.#layerOf(path) ?? 0]!.openFile(path)
  }

  whiteoutStatus(path: BytePath): { uid: number; gid: number; mtimeNs: bigint } | undefined {
    const layer = this.#layerOf(path)
    return layer === undefined ? undefined : this.#layers[layer]!.whiteoutStatus?.(path)
  }

  /** The nearest that has the name. */
  #layerOf(path: BytePath): number | undefined {
    if (path === '') return 0
    return this.#directory(dirname(path))?.layers.find(
      (layer) => this.#layers[layer]!.lookup(path) !== undefined,
    )
  }

  #slots(path: BytePath, { layers }: Directory): Map<BytePath, Slot> {
    const slots = new Map<BytePath, Slot>()
    for (const layer of layers) {
      for (const { name, kind } of this.#layers[layer]!.list(path)) {
        const slot = slots.get(name)
        if (slot === undefined) {
          slots.set(name, { kind, layers: [layer], ended: kind !== 'directory' })
        } else if (!slot.ended) {
          if (kind === 'directory') slot.layers.push(layer)
          else slot.ended = true
        }
      }
    }
    return slots
  }

  #remember(path: BytePath, slot: Slot, parent: Directory): Directory {
    const end = slot.layers.findIndex((layer) => this.#layers[layer]!.opaque(path))
    const directory: Directory = {
      layers: end < 0 ? slot.layers : slot.layers.slice(0, end + 1),
      closed: parent.closed || slot.ended || end >= 0,
    }
    this.#directories.set(path, directory)
    return directory
  }

  #directory(path: BytePath): Directory | undefined {
    const known = this.#directories.get(path)
    if (known !== undefined) return known
    const parent = this.#directory(dirname(path))
    if (parent === undefined) return undefined
    const slot = this.#slots(dirname(path), parent).get(basename(path))
    return slot?.kind === 'directory' ? this.#remember(path, slot, parent) : undefined
  }
}
