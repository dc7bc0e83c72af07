// The merge told the other way round, as an independent oracle: layers are laid on each other from the base up, each
// one deleting and overwriting in what stands so far. Slow and plain on purpose; shares no code with src/union.

import fc from 'fast-check'
import type { BytePath } from '../../src/path/byte-path.ts'
import { directory, file, symlink, whiteout } from './memory-layer.ts'
import { type MemoryEntry, type MemoryLayer, memoryLayer } from './memory-layer.ts'

export interface ModelNode {
  readonly type: string
  readonly layer: number
}

/** @param layers nearest first; the answer maps every visible path but the root */
export function modelMerge(
  layers: readonly (readonly [BytePath, MemoryEntry])[][],
): Map<string, ModelNode> {
  const tree = new Map<string, ModelNode>()
  const removeBelow = (path: string): void => {
    for (const other of tree.keys()) if (other.startsWith(`${path}/`)) tree.delete(other)
  }
  for (let layer = layers.length - 1; layer >= 0; layer--) {
    for (const [path, entry] of layers[layer]!) {
      if (path === '') continue
      if (entry.type !== 'directory' || entry.opaque || tree.get(path)?.type !== 'directory') {
        removeBelow(path)
      }
      if (entry.type === 'whiteout') tree.delete(path)
      else tree.set(path, { type: entry.type, layer })
    }
  }
  return tree
}

/** Parents first, as modelMerge wants them. */
export function linesOf(layer: MemoryLayer): [BytePath, MemoryEntry][] {
  return [...layer.entries].sort(([a], [b]) => a.split('/').length - b.split('/').length)
}

const name = fc.constantFrom('a', 'b', 'c', 'd.e')
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'))
const line: fc.Arbitrary<MemoryEntry> = fc.oneof(
  { weight: 4, arbitrary: path.map((at) => file(at, at)) },
  { weight: 3, arbitrary: path.map((at) => directory(at)) },
  { weight: 2, arbitrary: path.map((at) => directory(at, true)) },
  { weight: 1, arbitrary: path.map((at) => symlink(at, 'b/../c')) },
  { weight: 3, arbitrary: path.map((at) => whiteout(at)) },
)

/** Stacks of one to six layers over few names, so that they collide in every way. */
export const layerStacks: fc.Arbitrary<MemoryLayer[]> = fc.array(
  fc.array(line, { maxLength: 12 }).map((lines) => memoryLayer(...lines)),
  { minLength: 1, maxLength: 6 },
)
