// What a store holds, without what is random or tells the time of day; and what must be true of any store. Both read
// files and know nothing of shale's own reading.

import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'

function names(directory: string): string[] {
  return fs.existsSync(directory) ? fs.readdirSync(directory).sort() : []
}

function text(...at: string[]): string {
  return fs.readFileSync(path.join(...at), 'utf8')
}

/** Content, type and mode of everything below. */
function treeOf(directory: string): string[] {
  const lines: string[] = []
  const visit = (relative: string): void => {
    const file = path.join(directory, relative)
    const stat = fs.lstatSync(file)
    const what = stat.isFile()
      ? createHash('sha256').update(fs.readFileSync(file)).digest('hex').slice(0, 12)
      : stat.isSymbolicLink()
        ? fs.readlinkSync(file)
        : ''
    lines.push(`${relative} ${stat.mode.toString(8)} ${stat.uid}:${stat.gid} ${what}`)
    if (stat.isDirectory()) for (const name of names(file)) visit(path.join(relative, name))
  }
  if (fs.existsSync(directory)) visit('.')
  return lines
}

/** Its ID is random, so its name goes first. */
function containerOf(root: string): (id: string) => string {
  return (id) => {
    const config = JSON.parse(text(root, 'containers', id, 'config.v2.json')) as {
      Name: string
      Image: string
    }
    const mountID = text(root, 'image/overlay2/layerdb/mounts', id, 'mount-id')
    const tree = treeOf(path.join(root, 'overlay2', mountID, 'diff'))
    return JSON.stringify([config.Name, config.Image, tree])
  }
}

export function stateOf(root: string): unknown {
  const image = path.join(root, 'image/overlay2')
  const layers = path.join(image, 'layerdb/sha256')
  const repositories = path.join(image, 'repositories.json')
  return {
    names: fs.existsSync(repositories)
      ? (JSON.parse(text(repositories)) as { Repositories: unknown }).Repositories
      : {},
    configs: names(path.join(image, 'imagedb/content/sha256')),
    layers: names(layers).map((chain) => ({
      chain,
      diff: text(layers, chain, 'diff'),
      size: text(layers, chain, 'size'),
      tree: treeOf(path.join(root, 'overlay2', text(layers, chain, 'cache-id'), 'diff')),
    })),
    containers: names(path.join(root, 'containers')).map(containerOf(root)).sort(),
  }
}

/** What is not as it must be, in words. */
export function problemsOf(root: string): string[] {
  const problems: string[] = []
  const image = path.join(root, 'image/overlay2')
  const layers = path.join(image, 'layerdb/sha256')
  const home = path.join(root, 'overlay2')
  const known = new Map<string, string>()
  for (const chain of names(layers)) {
    for (const file of ['diff', 'size', 'cache-id', 'tar-split.json.gz'])
      if (!fs.existsSync(path.join(layers, chain, file)))
        problems.push(`layer ${chain}: no ${file}`)
    if (chain.includes('removing')) problems.push(`${chain} is left`)
    known.set(text(layers, chain, 'cache-id'), `layer ${chain}`)
    const parent = path.join(layers, chain, 'parent')
    if (!fs.existsSync(parent)) continue
    const hex = text(parent).slice('sha256:'.length)
    if (!fs.existsSync(path.join(layers, hex))) problems.push(`layer ${chain}: its parent is gone`)
  }
  for (const id of names(path.join(image, 'layerdb/mounts'))) {
    known.set(text(image, 'layerdb/mounts', id, 'mount-id'), `container ${id}`)
    known.set(text(image, 'layerdb/mounts', id, 'init-id'), `container ${id}`)
    if (!fs.existsSync(path.join(root, 'containers', id)))
      problems.push(`mount ${id}: no container`)
  }
  for (const [cacheID, owner] of known) {
    const directory = path.join(home, cacheID)
    if (!fs.existsSync(path.join(directory, 'diff'))) problems.push(`${owner}: no directory`)
    else if (!fs.existsSync(path.join(home, 'l', text(directory, 'link'))))
      problems.push(`${owner}: its short name leads nowhere`)
  }
  for (const name of names(home))
    if (name !== 'l' && !known.has(name)) problems.push(`overlay2/${name} belongs to nobody`)
  for (const link of names(path.join(home, 'l')))
    if (!fs.existsSync(path.join(home, 'l', link))) problems.push(`l/${link} leads nowhere`)
  for (const left of names(path.join(image, 'layerdb/tmp'))) problems.push(`tmp/${left} is left`)
  for (const hex of names(path.join(image, 'imagedb/content/sha256'))) {
    const bytes = fs.readFileSync(path.join(image, 'imagedb/content/sha256', hex))
    const digest = createHash('sha256').update(bytes).digest('hex')
    if (digest !== hex) problems.push(`config ${hex} has digest ${digest}`)
    const { rootfs } = JSON.parse(bytes.toString()) as { rootfs: { diff_ids: string[] } }
    let chain = ''
    for (const diffID of rootfs.diff_ids) {
      const sum = createHash('sha256').update(`${chain} ${diffID}`).digest('hex')
      chain = chain === '' ? diffID : `sha256:${sum}`
      if (!fs.existsSync(path.join(layers, chain.slice('sha256:'.length))))
        problems.push(`config ${hex}: layer ${chain} is gone`)
    }
  }
  const repositories = path.join(image, 'repositories.json')
  if (!fs.existsSync(repositories)) return problems
  const { Repositories } = JSON.parse(text(repositories)) as {
    Repositories: Record<string, Record<string, string>>
  }
  for (const tags of Object.values(Repositories)) {
    for (const [tag, id] of Object.entries(tags))
      if (!fs.existsSync(path.join(image, 'imagedb/content/sha256', id.slice('sha256:'.length))))
        problems.push(`${tag} names an image that is gone`)
  }
  return problems
}
