// A layer in which programs run: some of the host's own, with the libraries that they are linked to. No registry, no
// download; where the host has no ldd, there is none.

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { findProgram } from './host.ts'
import { dir, file, layerTar, symlink, type LayerEntryInit } from './layer.ts'

const PROGRAMS: readonly string[] = ['sh', 'cat', 'chown', 'id', 'env', 'ls', 'rm', 'true']

export const PASSWD: string = [
  'root:x:0:0:root:/root:/bin/sh',
  'app:x:1000:1001::/home/app:/bin/sh',
  '',
].join('\n')
export const GROUP: string = ['root:x:0:', 'app:x:1001:', 'extra:x:1002:other,app', ''].join('\n')

/** Why there can be none; false where there can. */
export function programLayerSkip(): string | false {
  const missing = ['ldd', ...PROGRAMS].filter((name) => findProgram(name) === undefined)
  return missing.length > 0 && `needs ${missing.join(', ')} installed`
}

export function programLayer(): Buffer {
  const files = new Map<string, Buffer>()
  for (const name of PROGRAMS) {
    const program = fs.realpathSync(findProgram(name)!)
    files.set(`bin/${name}`, fs.readFileSync(program))
    for (const [library] of String(spawnSync('ldd', [program]).stdout).matchAll(/\/[^\s)]+/g))
      files.set(library.slice(1), fs.readFileSync(library))
  }
  const parents = new Set(['etc', 'usr/bin'])
  for (const name of files.keys()) parents.add(path.dirname(name))
  const directories = new Set<string>()
  for (const parent of parents) {
    const parts = parent.split('/')
    for (let i = 1; i <= parts.length; i++) directories.add(parts.slice(0, i).join('/'))
  }
  const entries: LayerEntryInit[] = [...directories].sort().map((name) => dir(name))
  for (const [name, bytes] of files) entries.push(file(name, bytes, { mode: 0o755 }))
  return layerTar(
    ...entries,
    file('etc/passwd', PASSWD),
    file('etc/group', GROUP),
    file('etc/data', 'of the image\n'),
    symlink('latest', '/etc/data'),
  )
}
