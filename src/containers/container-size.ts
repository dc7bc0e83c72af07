// How much a container takes: what it wrote, and that with its image. docker's numbers, which are sums of file sizes
// and not of blocks on the disk.

import type { CacheID } from '../digest/digest.ts'
import { joinPath, type BytePath } from '../path/byte-path.ts'
import type { Container } from '../store/container-db.ts'
import type { Store } from '../store/store.ts'
import type { LayerNode } from '../union/layer-view.ts'
import { DirectoryLayer } from '../view/directory-layer.ts'
import { comparePair } from './changes.ts'
import { imageLayersOf } from './container-stack.ts'
import { openContainerPair } from './tree-pair.ts'

/**
 * overlay2: every non-directory of the writable layer, each inode once, a link its target's length. vfs, which keeps
 * whole trees: those that were added or modified. undefined for a container without a layer.
 */
export async function writableBytes(
  store: Store,
  container: Container,
): Promise<number | undefined> {
  if (!container.layer) return undefined
  if (store.driver.name === 'overlay2') return upperBytes(store, container.layer.mountID)
  using pair = await openContainerPair(store, container)
  const changes = await comparePair(pair, { rule: 'docker' })
  const sum = new SizeSum()
  for (const { kind, node } of changes) if (kind !== 'delete') sum.add(node)
  return sum.bytes
}

export function imageBytes(store: Store, container: Container): number {
  if (!container.layer) return 0
  return imageLayersOf(store, container).reduce((sum, layer) => sum + layer.sizeBytes, 0)
}

class SizeSum {
  bytes = 0
  readonly #seen = new Set<string>()

  add({ type, sizeBytes, hardlinkKey }: LayerNode): void {
    if (type === 'directory') return
    if (hardlinkKey !== undefined) {
      if (this.#seen.has(hardlinkKey)) return
      this.#seen.add(hardlinkKey)
    }
    this.bytes += sizeBytes
  }
}

function upperBytes(store: Store, mountID: CacheID): number {
  using layer = new DirectoryLayer(store.driver.layerDirectory(mountID), {
    form: store.form,
    asItLies: true,
  })
  const sum = new SizeSum()
  const open: BytePath[] = ['' as BytePath]
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    for (const { name, kind } of layer.list(path)) {
      const child = joinPath(path, name)
      if (kind === 'directory') open.push(child)
      const node = kind === 'leaf' ? layer.lookup(child) : undefined
      if (node !== undefined && node !== 'whiteout') sum.add(node)
    }
  }
  return sum.bytes
}
