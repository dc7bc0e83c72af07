// What a program made of the layers, read from disk and brought to one form, so that the trees of programs that store
// whiteouts, directories and layers differently can be held against each other. Reads by lstat; uses nothing of what
// shale thinks of trees, so that a fault there shows here.

import { createHash } from 'node:crypto'
import fs from 'node:fs'
import { listXattrs } from '../src/sys/xattr.ts'

/** One path of one layer: what it is, who owns it, when it changed, and its content. */
export interface Node {
  readonly type: string
  readonly mode: number
  readonly owner: string
  /** Nanoseconds; of directories it is left out: later entries and other engines' order change it. */
  readonly mtimeNs?: bigint
  /** SHA-256 of a file, target of a symlink, numbers of a device. */
  readonly content: string
  /** First path, in byte order, of the same inode. */
  readonly linkedTo?: string
}

/** Paths are latin1 of their bytes. A `whiteout` removes a path; `opaque` lists directories that hide what is below. */
export interface LayerTree {
  readonly nodes: ReadonlyMap<string, Node>
  readonly whiteouts: ReadonlySet<string>
  readonly opaque: ReadonlySet<string>
}

/** Layers base first, or the one tree that they merge to. */
export type Outcome =
  | { readonly kind: 'layers'; readonly layers: readonly LayerTree[] }
  | { readonly kind: 'merged'; readonly tree: ReadonlyMap<string, Node> }

const { S_IFMT, S_IFREG, S_IFDIR, S_IFLNK, S_IFCHR, S_IFBLK, S_IFIFO } = fs.constants
const TYPES = new Map([
  [S_IFREG, 'file'],
  [S_IFDIR, 'directory'],
  [S_IFLNK, 'symlink'],
  [S_IFCHR, 'char'],
  [S_IFBLK, 'block'],
  [S_IFIFO, 'fifo'],
])
const WHITEOUT = '.wh.'
const OPAQUE = '.wh..wh..opq'

/** Reads a layer in any form: overlay's devices and attributes, or the archive's `.wh.` files. */
export function readLayer(dir: string): LayerTree {
  const nodes = new Map<string, Node>()
  const whiteouts = new Set<string>()
  const opaque = new Set<string>()
  const inodes = new Map<string, bigint>()

  const visit = (parent: string): void => {
    const names = fs.readdirSync(Buffer.from(join(dir, parent), 'latin1'), 'buffer')
    for (const name of names.map((bytes) => bytes.toString('latin1'))) {
      const at = join(parent, name)
      const absolute = Buffer.from(join(dir, at), 'latin1')
      const stat = fs.lstatSync(absolute, { bigint: true })
      const type = TYPES.get(Number(stat.mode) & S_IFMT) ?? 'other'
      if (name === OPAQUE) opaque.add(parent)
      else if (name.startsWith(WHITEOUT)) whiteouts.add(join(parent, name.slice(WHITEOUT.length)))
      else if (type === 'char' && stat.rdev === 0n) whiteouts.add(at)
      else {
        if (type !== 'directory' && stat.nlink > 1n) inodes.set(at, stat.ino)
        nodes.set(at, {
          type,
          mode: Number(stat.mode) & 0o7777,
          owner: `${stat.uid}:${stat.gid}`,
          ...(type === 'directory' ? {} : { mtimeNs: stat.mtimeNs }),
          content: contentOf(absolute, type, stat.rdev),
        })
        if (type !== 'directory') continue
        if (isOpaque(absolute)) opaque.add(at)
        visit(at)
      }
    }
  }
  visit('')
  linkNames(nodes, inodes)
  return { nodes, whiteouts, opaque }
}

/** Of the names with one key, all but the first in byte order name the first. */
function linkNames(nodes: Map<string, Node>, keys: ReadonlyMap<string, unknown>): void {
  const first = new Map<unknown, string>()
  for (const name of [...keys.keys()].sort()) {
    const { linkedTo: _old, ...node } = nodes.get(name)!
    const key = keys.get(name)
    const linkedTo = first.get(key)
    if (linkedTo === undefined) first.set(key, name)
    nodes.set(name, linkedTo === undefined ? node : { ...node, linkedTo })
  }
}

function join(dir: string, name: string): string {
  if (name === '') return dir
  return dir === '' ? name : `${dir}/${name}`
}

function isOpaque(dir: Buffer): boolean {
  const names = listXattrs(dir.toString('latin1'))
  return (
    typeof names !== 'number' &&
    names.some((name) => name === 'trusted.overlay.opaque' || name === 'user.overlay.opaque')
  )
}

const chunk = Buffer.allocUnsafe(1 << 20)

function contentOf(file: Buffer, type: string, rdev: bigint): string {
  if (type === 'symlink') return fs.readlinkSync(file, 'buffer').toString('latin1')
  if (type === 'char' || type === 'block') return String(rdev)
  if (type !== 'file') return ''
  const hash = createHash('sha256')
  const fd = fs.openSync(file, 'r')
  try {
    for (let read = 1; read > 0;) {
      read = fs.readSync(fd, chunk, 0, chunk.length, null)
      hash.update(chunk.subarray(0, read))
    }
  } finally {
    fs.closeSync(fd)
  }
  return hash.digest('hex')
}

/** The image as a container sees it. */
export function mergeLayers(layers: readonly LayerTree[]): Map<string, Node> {
  const merged = new Map<string, Node>()
  // A name of which another layer took the others away is a file of its own.
  const links = new Map<string, string>()
  for (const [number, { nodes, whiteouts, opaque }] of layers.entries()) {
    const hidden = (name: string): boolean => {
      for (let at = name; at !== ''; at = parentOf(at)) {
        const below = parentOf(at)
        const own = nodes.get(at)
        // A name that the layer has as something else hides what stood there, and what was below it.
        if (whiteouts.has(at) || opaque.has(below) || (own && own.type !== 'directory')) return true
      }
      return false
    }
    for (const name of merged.keys()) {
      if (!hidden(name)) continue
      merged.delete(name)
      links.delete(name)
    }
    for (const [name, node] of nodes) {
      merged.set(name, node)
      if (node.type === 'directory') links.delete(name)
      else links.set(name, `${number}:${node.linkedTo ?? name}`)
    }
  }
  linkNames(merged, links)
  return merged
}

function parentOf(name: string): string {
  const slash = name.lastIndexOf('/')
  return slash < 0 ? '' : name.slice(0, slash)
}

/**
 * Each outcome beside the reference: the first of `preferred` that is there.
 * @returns for each name: `reference (22,131 entries)`, `same`, or what differs
 */
export function judgeTrees(
  found: ReadonlyMap<string, unknown>,
  preferred: readonly string[],
): Map<string, string> {
  const outcomes = found as ReadonlyMap<string, Outcome>
  const name =
    preferred.find((one) => outcomes.get(one)?.kind === 'layers') ??
    [...outcomes].find(([, outcome]) => outcome.kind === 'layers')?.[0]
  const verdicts = new Map<string, string>()
  const reference = name === undefined ? undefined : outcomes.get(name)
  if (reference?.kind !== 'layers') {
    for (const one of outcomes.keys()) verdicts.set(one, 'nothing to compare with')
    return verdicts
  }
  let merged: Map<string, Node> | undefined
  for (const [one, outcome] of outcomes) {
    if (one === name) {
      const entries = reference.layers.reduce((all, { nodes }) => all + nodes.size, 0)
      verdicts.set(one, `reference (${entries.toLocaleString('en')} paths)`)
    } else if (outcome.kind === 'layers') {
      verdicts.set(one, verdict(compareLayers(outcome.layers, reference.layers)))
    } else {
      merged ??= mergeLayers(reference.layers)
      verdicts.set(one, verdict(compareNodes(outcome.tree, merged)))
    }
  }
  return verdicts
}

/** How many paths differ in what, and one of them. */
type Differences = Map<string, { count: number; example: string }>

function verdict(differences: Differences): string {
  if (differences.size === 0) return 'same'
  const said = [...differences].map(([what, { count, example }]) => `${count} ${what} (${example})`)
  return `differs: ${said.join(', ')}`
}

function compareLayers(found: readonly LayerTree[], reference: readonly LayerTree[]): Differences {
  const all: Differences = new Map()
  if (found.length !== reference.length)
    note(all, 'layers', `${found.length} of ${reference.length}`)
  reference.forEach((layer, i) => {
    const other = found[i]
    if (other === undefined) return
    compareNodes(other.nodes, layer.nodes, all)
    compareSets(other.whiteouts, layer.whiteouts, 'whiteout', all)
    compareSets(other.opaque, layer.opaque, 'opaque', all)
  })
  return all
}

function compareSets(
  found: ReadonlySet<string>,
  reference: ReadonlySet<string>,
  what: string,
  into: Differences,
): void {
  for (const name of new Set([...found, ...reference]))
    if (found.has(name) !== reference.has(name)) note(into, what, name)
}

function compareNodes(
  found: ReadonlyMap<string, Node>,
  reference: ReadonlyMap<string, Node>,
  into: Differences = new Map(),
): Differences {
  for (const [name, wanted] of reference) {
    const node = found.get(name)
    if (node === undefined) {
      note(into, 'missing', name)
      continue
    }
    if (node.type !== wanted.type) note(into, 'type', name)
    else if (node.content !== wanted.content) note(into, 'content', name)
    if (node.mode !== wanted.mode) note(into, 'mode', name)
    if (node.owner !== wanted.owner) note(into, 'owner', name)
    if (node.mtimeNs !== wanted.mtimeNs) note(into, 'time', name)
    if (node.linkedTo !== wanted.linkedTo) note(into, 'hardlink', name)
  }
  for (const name of found.keys()) if (!reference.has(name)) note(into, 'extra', name)
  return into
}

function note(into: Differences, what: string, example: string): void {
  const known = into.get(what)
  if (known) known.count++
  else into.set(what, { count: 1, example })
}
