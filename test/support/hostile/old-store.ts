// A store that has something to lose, for the corpus to be tried on.

import fs from 'node:fs'
import path from 'node:path'
import { buildImage, dockerArchive25, packed } from '../image.ts'
import { shaleInProcess } from '../in-process.ts'
import { dir, file, layerTar } from '../layer.ts'
import type { Ground } from './ground.ts'

export type Form = 'trusted' | 'user' | 'none'

/** What a first write to a store would settle, settled for it. */
export function settleForm(root: string, form: Form): void {
  fs.mkdirSync(path.join(root, 'shale'), { recursive: true })
  fs.writeFileSync(path.join(root, 'shale', 'form'), form)
}

/** Its one image is `old:1`. */
export async function oldStore(
  ground: Ground,
  driver: 'overlay2' | 'vfs',
  form?: Form,
): Promise<void> {
  if (form !== undefined) settleForm(ground.root, form)
  const archive = path.join(ground.scratch, 'old.tar')
  const image = buildImage([layerTar(dir('old'), file('old/f', 'old'))])
  fs.writeFileSync(archive, packed(dockerArchive25([{ image, tags: ['old:1'] }])))
  for (const line of [
    ['load', '--no-sync', '-i', archive],
    // The folders that a first container and a first volume leave, so that later ones leave nothing new.
    ['create', '--name', 'first', '-v', '/kept', 'old:1', '/bin/true'],
    ['rm', '-v', 'first'],
  ]) {
    const done = await shaleInProcess(['--driver', driver, ...line], { root: ground.root })
    if (done.code !== 0) throw new Error(done.stderr)
  }
}
