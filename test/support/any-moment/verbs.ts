// The verbs that change a store, each with the store before it.

import fs from 'node:fs'
import path from 'node:path'
import { shaleOk } from '../cli.ts'
import { buildImage, dockerArchive25, packed } from '../image.ts'
import { dir, file, layerTar, link, opaque, symlink, whiteout } from '../layer.ts'
import type { Verb } from './trial.ts'

const base = layerTar(
  dir('etc'),
  file('etc/name', 'name\n'),
  file('etc/gone', 'x'),
  link('etc/again', 'etc/name'),
)
const top = layerTar(whiteout('etc/gone'), dir('data'), opaque('data'), symlink('link', 'etc/name'))
const other = layerTar(file('other', 'other\n'))

/** @returns a root with two images and a container, and what is to be done to it */
export function verbsIn(directory: string): { readonly before: string; readonly verbs: Verb[] } {
  const before = path.join(directory, 'before')
  const archive = (layers: readonly Buffer[], tag: string): string => {
    const to = path.join(directory, `${tag.replace(':', '-')}.tar`)
    const image = buildImage(layers)
    fs.writeFileSync(to, packed(dockerArchive25([{ image, tags: [tag] }])))
    return to
  }
  const on = (...args: string[]): string => shaleOk(['--root', before, ...args])
  on('load', '-q', '-i', archive([base, top], 'app:1'))
  on('load', '-q', '-i', archive([other], 'other:1'))
  on('create', '--name', 'box', 'app:1', 'true')
  on('create', '--name', 'old', 'app:1', 'true')
  const written = path.join(directory, 'written')
  fs.writeFileSync(written, 'written\n')
  on('cp', written, 'box:/etc/written')
  const tar = path.join(directory, 'import.tar')
  fs.writeFileSync(tar, layerTar(file('imported', 'i\n')))
  const loaded = archive([base, other, top], 'new:1')
  const verbs: Verb[] = [
    { name: 'load', args: ['load', '-q', '-i', loaded] },
    { name: 'import', args: ['import', tar, 'imported:1'] },
    { name: 'tag', args: ['tag', 'app:1', 'app:2'] },
    { name: 'create', args: ['create', '--name', 'more', 'app:1', 'true'], again: /already/ },
    { name: 'commit', args: ['commit', 'box', 'committed:1'] },
    { name: 'rmi', args: ['rmi', 'other:1'], again: /no image|not found|no such/i },
    { name: 'rm', args: ['rm', 'old'], again: /no container|not found|no such/i },
    { name: 'prune', args: ['system', 'prune', '-a', '-f'] },
  ]
  return { before, verbs }
}
