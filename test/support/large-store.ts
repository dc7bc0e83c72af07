// A store of very many small things: images that share a base of some layers and have some of their own, each layer of
// one tiny file. Loaded by shale itself, so that it is a store in every respect; archives are split as its limits ask.

import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { openStore } from '../../src/index.ts'
import { buildImage, dockerArchive25, packed, type BuiltImage } from './image.ts'
import { file, layerTar } from './layer.ts'

export interface LargeStore {
  readonly root: string
  /** In the order of their making; `app-<i>:v1` is the name of the i-th. */
  readonly images: readonly BuiltImage[]
  readonly layerCount: number
}

export interface LargeStoreShape {
  readonly images: number
  /** So many images in a row stand on one base. */
  readonly imagesOfBase: number
  readonly baseLayers: number
  readonly ownLayers: number
}

/** 1,000 images, 10,000 layers: 200 bases of 5 layers for 5 images each, and 9 layers of each image's own. */
export const LARGE: LargeStoreShape = {
  images: 1000,
  imagesOfBase: 5,
  baseLayers: 5,
  ownLayers: 9,
}

/** Below the bounds of one load: members of an archive, and new layers. */
const IMAGES_OF_ARCHIVE = 250

/** @param directory exists; the store is made at `root` in it */
export async function largeStore(directory: string, shape: LargeStoreShape): Promise<LargeStore> {
  const root = path.join(directory, 'root')
  const archive = path.join(directory, 'images.tar')
  const images = Array.from({ length: shape.images }, (_, i) => imageOf(i, shape))
  const store = await openStore(root, { sync: false })
  for (let from = 0; from < images.length; from += IMAGES_OF_ARCHIVE) {
    const part = images.slice(from, from + IMAGES_OF_ARCHIVE)
    const named = part.map((image, i) => ({ image, tags: [nameOf(from + i)] }))
    fs.writeFileSync(archive, packed(dockerArchive25(named)))
    await store.load(archive, { limits: { archiveLayersMax: 10_000 } })
  }
  fs.rmSync(archive)
  const layers = new Set(
    images.flatMap(({ diffIDs }) => diffIDs.map((_, i) => diffIDs.slice(0, i + 1).join())),
  )
  return { root, images, layerCount: layers.size }
}

export function nameOf(index: number): string {
  return `app-${index}:v1`
}

function imageOf(index: number, shape: LargeStoreShape): BuiltImage {
  const base = Math.floor(index / shape.imagesOfBase)
  const layers = [
    ...Array.from({ length: shape.baseLayers }, (_, i) => layerOf(`base-${base}`, i)),
    ...Array.from({ length: shape.ownLayers }, (_, i) => layerOf(`app-${index}`, i)),
  ]
  const created = new Date(Date.UTC(2024, 0, 1) + index * 60_000).toISOString()
  return buildImage(layers, { created })
}

function layerOf(owner: string, index: number): Buffer {
  return layerTar(
    file(`${owner}-${index}`, createHash('sha256').update(`${owner} ${index}`).digest('hex')),
  )
}
