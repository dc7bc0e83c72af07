// What must be seen through the merge of an image: for each layer a file that it decides, for each removal nothing.
// Compares the merge, read as any program would read it, with bytes that did not come through it.

import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { listImageFiles, type LayerRow, type Store } from '../../src/index.ts'
import type { Narration } from './narration.ts'

/** A file that the merge must show, and where the same bytes are to be had without it. */
export interface Sighting {
  /** 1 is the base. */
  readonly layer: number
  /** Without a leading slash. */
  readonly path: string
  /** For the reader: what it is compared with. */
  readonly origin: string
  readonly expected: () => Uint8Array
}

/** Files over this are read into memory twice for nothing. */
const SIZE_BYTES_MAX = 256 * 1024 * 1024

/** For an image that the demo did not make: of each layer the first file that no layer above hides. */
export async function sightingsOf(
  store: Store,
  name: string,
  layers: readonly LayerRow[],
): Promise<Sighting[]> {
  const found = new Map<number, string>()
  for await (const file of listImageFiles(store, name, '/', { recursive: true })) {
    if (found.size === layers.length) break
    const number = file.layer?.number
    const isPlain = file.type === 'file' && file.pathBase64 === undefined
    if (number === undefined || found.has(number) || !isPlain) continue
    if (file.sizeBytes > 0 && file.sizeBytes <= SIZE_BYTES_MAX)
      found.set(number, file.path.slice(1))
  }
  return layers.flatMap(({ number, directory }) => {
    const file = found.get(number)
    if (file === undefined) return []
    const source = path.join(directory, file)
    return [
      {
        layer: number,
        path: file,
        origin: 'its layer’s directory',
        expected: () => fs.readFileSync(source),
      },
    ]
  })
}

export async function checkSightings(
  tell: Narration,
  merged: string,
  sightings: readonly Sighting[],
): Promise<void> {
  for (const { layer, path: file, origin, expected } of sightings) {
    const bytes = fs.readFileSync(path.join(merged, file))
    const digest = sha256(bytes)
    await tell.check(
      `layer ${layer}: /${file} has the ${bytes.length} bytes of ${origin} (sha256 ${digest.slice(0, 12)}...)`,
      digest === sha256(expected()),
    )
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
