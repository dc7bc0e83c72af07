// Stores of shale's that a suite reads from, loaded once and unmeasured.

import path from 'node:path'
import type { Image } from '../image.ts'
import type { Place } from '../place.ts'
import { runShale } from '../programs.ts'

export interface ShaleStore {
  readonly root: string
  /** Name of the image in it. */
  readonly name: string
}

export async function loadedStore(place: Place, image: Image): Promise<ShaleStore> {
  const root = path.join(place.fresh('store'), 'root')
  await runShale(['--root', root, 'load', '-q', '-i', image.ociDir])
  const id = (await runShale(['--root', root, 'images', '-q', '--no-trunc'])).trim().split('\n')[0]!
  const name = 'bench:latest'
  await runShale(['--root', root, 'tag', id, name])
  return { root, name }
}
