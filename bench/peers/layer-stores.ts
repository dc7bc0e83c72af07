// Where engines keep the layers of an image on disk, read from their own records: overlay2 stores as docker and shale
// lay them out, containers-storage as podman and skopeo do, containerd's snapshots.

import fs from 'node:fs'
import path from 'node:path'
import { chainIDs } from '../../src/digest/chain-id.ts'
import { parseDiffID } from '../../src/digest/digest.ts'
import { readLayer, type Outcome } from '../trees.ts'

function layersAt(dirs: readonly string[]): Outcome {
  return { kind: 'layers', layers: dirs.map(readLayer) }
}

/** docker's graphdriver store: layerdb names the directory of each chainID. */
export function overlay2Layers(root: string, diffIDs: readonly string[]): Outcome {
  return layersAt(
    chainIDs(diffIDs.map(parseDiffID)).map((chainID) => {
      const record = path.join(root, 'image/overlay2/layerdb/sha256', chainID.slice(7), 'cache-id')
      return path.join(root, 'overlay2', fs.readFileSync(record, 'utf8').trim(), 'diff')
    }),
  )
}

interface StoredLayer {
  readonly id: string
  readonly parent?: string
  readonly 'diff-digest'?: string
}

/** containers-storage: a list of layers with their parents. */
export function containersStorageLayers(root: string): Outcome {
  const file = path.join(root, 'overlay-layers/layers.json')
  const layers = JSON.parse(fs.readFileSync(file, 'utf8')) as StoredLayer[]
  const stack: StoredLayer[] = []
  for (let parent = ''; ;) {
    const next = layers.find((layer) => (layer.parent ?? '') === parent)
    if (next === undefined) break
    stack.push(next)
    parent = next.id
  }
  return layersAt(stack.map(({ id }) => path.join(root, 'overlay', id, 'diff')))
}

/** containerd's overlayfs snapshotter numbers snapshots as it makes them, and an import goes from the base up. */
export function snapshotLayers(root: string): Outcome {
  const dir = path.join(root, 'io.containerd.snapshotter.v1.overlayfs/snapshots')
  const numbers = fs.readdirSync(dir).sort((a, b) => Number(a) - Number(b))
  return layersAt(numbers.map((number) => path.join(dir, number, 'fs')))
}

/** One directory for each layer, as unpackers leave them. */
export function unpackedLayers(dir: string): Outcome {
  const numbers = fs.readdirSync(dir).sort((a, b) => Number(a) - Number(b))
  return layersAt(numbers.map((number) => path.join(dir, number)))
}

export function flatTree(rootfs: string): Outcome {
  return { kind: 'merged', tree: readLayer(rootfs).nodes }
}
