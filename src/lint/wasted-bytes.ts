// The bytes of files that nobody sees: a layer brought them, and a later one (or a later entry of the same layer)
// removed or replaced them. A hardlinked file counts once, and is wasted only when all of its names are gone, so the
// total is what one layer with the merged tree would be smaller by: the sum over the layers' file contents less the
// merged tree's. Headers, directories and whiteouts are not counted.

import type { BytePath } from '../path/byte-path.ts'
import { mergeLayers, type MergedView } from '../union/merge.ts'
import type { FileBody, LayerTree } from './layer-tree.ts'

export interface WastedFile {
  readonly path: BytePath
  readonly sizeBytes: number
  /** Which layer brought it; base is 1. */
  readonly layer: number
  /** Which layer removed or replaced it; equals `layer` where that one did so itself. */
  readonly goneIn: number
  readonly how: 'removed' | 'replaced'
}

export interface WastedBytes {
  /** File contents of all layers, uncompressed. */
  readonly contentBytes: number
  readonly wastedBytes: number
  readonly wastedFiles: number
  /** The largest. */
  readonly top: readonly WastedFile[]
}

/** The merge of layers base first, with what the topmost opaque root hides left out. @returns also the index of its base */
export function mergeTrees(trees: readonly LayerTree[]): { view: MergedView; base: number } {
  const base = Math.max(
    0,
    trees.findLastIndex((tree) => tree.rootOpaque),
  )
  return { view: mergeLayers(trees.slice(base).reverse()), base }
}

/** @param trees base first */
export function findWastedBytes(trees: readonly LayerTree[], topMax: number): WastedBytes {
  const visible = new Set<FileBody>()
  const { view, base } = mergeTrees(trees)
  for (const entry of view.walk()) {
    const tree = trees[base + view.layers.length - 1 - entry.layer]!
    const body = tree.get(entry.path)?.body
    if (body !== undefined) visible.add(body)
  }
  let contentBytes = 0
  let wastedBytes = 0
  const wasted: FileBody[] = []
  for (const tree of trees) {
    for (const body of tree.bodies) {
      contentBytes += body.sizeBytes
      if (visible.has(body)) continue
      wastedBytes += body.sizeBytes
      wasted.push(body)
    }
  }
  wasted.sort((a, b) => b.sizeBytes - a.sizeBytes)
  const top = wasted.slice(0, topMax).map((body) => describe(body, trees))
  return { contentBytes, wastedBytes, wastedFiles: wasted.length, top }
}

function describe(body: FileBody, trees: readonly LayerTree[]): WastedFile {
  // It is gone when its last name is.
  const ends = body.names.map((name) => endOf(name, body.layer, trees))
  const last = ends.reduce((a, b) => (b.layer > a.layer ? b : a))
  return {
    path: body.names[0]!,
    sizeBytes: body.sizeBytes,
    layer: body.layer + 1,
    goneIn: last.layer + 1,
    how: last.how,
  }
}

function endOf(
  name: BytePath,
  layer: number,
  trees: readonly LayerTree[],
): { layer: number; how: WastedFile['how'] } {
  for (let above = layer + 1; above < trees.length; above++) {
    const tree = trees[above]!
    let node = tree.root
    const parts = name.split('/') as BytePath[]
    for (const [i, part] of parts.entries()) {
      const child = node.children?.get(part)
      if (child === undefined) break
      const isLast = i === parts.length - 1
      if (tree.lookup(parts.slice(0, i + 1).join('/') as BytePath) === 'whiteout') {
        return { layer: above, how: 'removed' }
      }
      if (isLast || child.type !== 'directory') return { layer: above, how: 'replaced' }
      if (child.opaque) {
        const again = tree.get(name) !== undefined
        return { layer: above, how: again ? 'replaced' : 'removed' }
      }
      node = child
    }
    if (tree.rootOpaque) return { layer: above, how: 'removed' }
  }
  return { layer, how: 'replaced' }
}
