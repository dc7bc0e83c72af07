// Which docker root a path of this host lies in: by walking up, or, for a path below somebody's overlay mount, by what is
// mounted there. Lexical on purpose: l/XXXX and merged/ would lead a realpath astray.

import fs from 'node:fs'
import path from 'node:path'
import { listMounts } from '../sys/mount-table.ts'

export interface RootedPath {
  readonly root: string
  /** Below the root, components in order; empty for the root itself. */
  readonly parts: readonly string[]
}

/** undefined where no docker root is above that path. */
export function findStoreRoot(file: string): RootedPath | undefined {
  return aboveOf(path.resolve(file)) ?? mountedAt(path.resolve(file))
}

function aboveOf(file: string): RootedPath | undefined {
  for (let at = file; ; at = path.dirname(at)) {
    if (isStoreRoot(at))
      return { root: at, parts: path.relative(at, file).split('/').filter(Boolean) }
    if (at === path.dirname(at)) return undefined
  }
}

/** layerdb is what makes a folder a store of docker's; its driver's home may be all that a reader can see. */
function isStoreRoot(directory: string): boolean {
  return ['overlay2', 'vfs'].some(
    (driver) =>
      fs.existsSync(path.join(directory, 'image', driver, 'layerdb')) ||
      (driver === 'overlay2' && fs.existsSync(path.join(directory, 'overlay2', 'l'))),
  )
}

/** A place below an overlay mount, as the place below `merged` of the directory that is mounted. */
function mountedAt(file: string): RootedPath | undefined {
  const mount = listMounts()
    .filter(({ target }) => file === target || file.startsWith(`${target.replace(/\/$/, '')}/`))
    .sort((a, b) => a.target.length - b.target.length)
    .at(-1)
  if (mount === undefined || mount.type !== 'overlay') return undefined
  const option = (name: string): string | undefined =>
    mount.superOptions.find((text) => text.startsWith(`${name}=`))?.slice(name.length + 1)
  const top = option('upperdir') ?? option('lowerdir')?.split(':')[0]
  if (top === undefined || !path.isAbsolute(top)) return undefined
  const found = aboveOf(top)
  if (found?.parts[0] !== 'overlay2' || found.parts[1] === undefined) return undefined
  const below = path.relative(mount.target, file).split('/').filter(Boolean)
  const directory = found.parts[1] === 'l' ? found.parts.slice(0, 3) : found.parts.slice(0, 2)
  return { root: found.root, parts: [...resolved(found.root, directory), 'merged', ...below] }
}

function resolved(root: string, parts: readonly string[]): string[] {
  if (parts[1] !== 'l') return [...parts]
  const target = fs.readlinkSync(path.join(root, ...parts))
  return ['overlay2', path.basename(path.dirname(target))]
}
