// The layers of one image as open directories, and their merge: what `ls`, `cat` and a materialised merge read from.
// Holds file descriptors of each layer; closing it is the caller's duty.

import type { BytePath } from '../path/byte-path.ts'
import { mergeLayers, type MergedView } from '../union/merge.ts'
import { DirectoryLayer, type HeaderSupplement } from './directory-layer.ts'
import type { DiskForm } from './disk-form.ts'
import { openShare } from './open-directories.ts'

export interface StackOptions {
  readonly form?: DiskForm
  /** See DirectoryLayerOptions. */
  readonly whiteoutNames?: boolean
  /** What the tar of layer `layer` (0 the nearest) says of a path; see DirectoryLayerOptions. */
  readonly headers?: (layer: number, path: BytePath) => HeaderSupplement | undefined
}

export class LayerStack implements Disposable {
  readonly layers: readonly DirectoryLayer[]
  readonly view: MergedView

  /** @param directories nearest first, as Driver.stack gives them */
  constructor(directories: readonly string[], options: StackOptions = {}) {
    const { form, headers, whiteoutNames = false } = options
    const layers: DirectoryLayer[] = []
    try {
      for (const [index, directory] of directories.entries()) {
        layers.push(
          new DirectoryLayer(directory, {
            openMax: openShare(directories.length),
            whiteoutNames,
            ...(form === undefined ? {} : { form }),
            ...(headers === undefined ? {} : { headers: (path) => headers(index, path) }),
          }),
        )
      }
    } catch (error) {
      for (const layer of layers) layer.close()
      throw error
    }
    this.layers = layers
    this.view = mergeLayers(layers)
  }

  close(): void {
    for (const layer of this.layers) layer.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
