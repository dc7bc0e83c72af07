// A lower layer on disk as the copy-on-write rules want it: what a DirectoryLayer says, and its files opened.

import type { BytePath } from '../../path/byte-path.ts'
import type { LayerEntry, LayerNode } from '../../union/layer-view.ts'
import type { FileBody, ReadableLayer } from '../../union/upper-layer.ts'
import type { DirectoryLayer } from '../directory-layer.ts'
import { DiskBody } from './file-body.ts'

/** A lower layer of a UnionFs, out of a DirectoryLayer. */
export class DiskLayer implements ReadableLayer {
  readonly fileSystem: string
  readonly #layer: DirectoryLayer

  /** @param layer stays the caller's */
  constructor(layer: DirectoryLayer) {
    this.#layer = layer
    this.fileSystem = layer.fileSystem
  }

  lookup(path: BytePath): LayerNode | 'whiteout' | undefined {
    return this.#layer.lookup(path)
  }

  child(directory: BytePath, name: BytePath): LayerNode | 'whiteout' | undefined {
    return this.#layer.child(directory, name)
  }

  list(path: BytePath): LayerEntry[] {
    return this.#layer.list(path)
  }

  opaque(path: BytePath): boolean {
    return this.#layer.opaque(path)
  }

  xattrs(path: BytePath): ReadonlyMap<string, Uint8Array> {
    return this.#layer.xattrs(path)
  }

  openBody(path: BytePath): FileBody | number {
    const fd = this.#layer.openFile(path)
    return fd < 0 ? fd : new DiskBody(fd, this.#layer.form)
  }
}
