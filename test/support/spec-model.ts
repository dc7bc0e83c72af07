// What a stack of layers means, written from the image-spec's layer.md in as few lines as it takes: an oracle that
// shares nothing with src/union, src/archive or src/lint. Layers are lists of entries in archive order; the answer is
// the tree, or that a layer must be refused. Plain and slow on purpose.

export interface ModelEntry {
  /** Bytes as latin1, clean, no trailing slash. */
  readonly path: string
  readonly type: 'file' | 'directory' | 'symlink' | 'hardlink'
  /** Of files. */
  readonly content?: string
  /** Of links; of hardlinks, a clean path. */
  readonly target?: string
  readonly mode?: number
}

export interface ModelNode {
  readonly type: 'file' | 'directory' | 'symlink'
  readonly content?: string
  readonly target?: string
  /** Absent for a directory that no entry names. */
  readonly mode?: number
  /** Hardlinked names share it; also tells files of equal content apart. */
  readonly body: object
}

export type ModelTree = Map<string, ModelNode>

const up = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')))
const name = (path: string): string => path.slice(path.lastIndexOf('/') + 1)
const join = (a: string, b: string): string => (a === '' ? b : `${a}/${b}`)
const isIn = (path: string, dir: string): boolean => dir === '' || path.startsWith(`${dir}/`)

class Refused extends Error {}
class Circle extends Refused {}

/** Where a path ends when the symlinks of this layer on its way are followed, with the layer as the root. */
function real(tree: ModelTree, path: string, hops = 0): string {
  if (hops > 40) throw new Circle('links in a circle')
  let at = ''
  const parts = path.split('/').filter((part) => part !== '' && part !== '.')
  for (const [i, part] of parts.entries()) {
    if (part === '..') at = up(at)
    else {
      const next = join(at, part)
      const node = tree.get(next)
      if (node?.type === 'symlink') {
        const base = node.target!.startsWith('/') ? '' : at
        return real(tree, [base, node.target!, ...parts.slice(i + 1)].join('/'), hops + 1)
      }
      at = next
    }
  }
  return at
}

function removeBelow(tree: ModelTree, path: string): void {
  for (const other of tree.keys()) if (isIn(other, path)) tree.delete(other)
}

/** A directory and its parents, as an entry below them implies. */
function implied(tree: ModelTree, path: string): string {
  const at = real(tree, path)
  if (at === '') return at
  const parent = implied(tree, up(at))
  const here = join(parent, name(at))
  const node = tree.get(here)
  if (node === undefined) tree.set(here, { type: 'directory', body: {} })
  else if (node.type !== 'directory') throw new Refused(`${here} is no directory`)
  return here
}

interface ModelLayer {
  readonly tree: ModelTree
  readonly opaque: Set<string>
  readonly removed: Set<string>
  readonly contentBytes: number
}

function made({ type, content, target, mode }: ModelEntry): ModelNode {
  if (type === 'file') return { type, content: content!, mode: mode!, body: {} }
  if (type === 'symlink') return { type, target: target!, body: {} }
  return { type: 'directory', mode: mode!, body: {} }
}

function linked(tree: ModelTree, target: string): ModelNode {
  const node = tree.get(join(real(tree, up(target)), name(target)))
  if (node === undefined || node.type === 'directory') throw new Refused('a link to nothing')
  return node
}

/** "In the absence of any whiteout files in a layer changeset, the archive is extracted like a regular tar archive." */
function extract(entries: readonly ModelEntry[]): ModelLayer {
  const tree: ModelTree = new Map()
  let contentBytes = 0
  const opaque: string[] = []
  const removed: string[] = []
  for (const entry of entries) {
    const last = name(entry.path)
    if (last === '.wh..wh..opq') opaque.push(up(entry.path))
    else if (`/${entry.path}`.includes('/.wh..wh.'))
      continue // AUFS's own
    else if (last.startsWith('.wh.')) {
      if (['', '.', '..'].includes(last.slice(4))) throw new Refused('names nothing')
      removed.push(join(up(entry.path), last.slice(4)))
    } else if (`/${entry.path}`.includes('/.wh.')) throw new Refused('below a whiteout')
    else {
      let path = join(implied(tree, up(entry.path)), last)
      // "the existing path's attributes MUST be replaced" for two directories, else it is removed and recreated.
      if (entry.type !== 'directory' || tree.get(path)?.type !== 'directory') {
        removeBelow(tree, path)
        tree.delete(path)
        // What was removed may have been a link on the way to it: `a -> .`, then `a/a`.
        path = join(implied(tree, up(entry.path)), last)
      }
      tree.set(path, entry.type === 'hardlink' ? linked(tree, entry.target!) : made(entry))
      if (entry.type === 'file') contentBytes += entry.content!.length
    }
  }
  const layer: ModelLayer = { tree, opaque: new Set(), removed: new Set(), contentBytes }
  // An opaque marker says that its directory is there. What became something else hides what is below by that.
  for (const path of opaque.sort()) attempt(() => layer.opaque.add(implied(tree, path)))
  // "Whiteout files MUST only apply to resources in lower/parent layers": what is here itself stays, alone.
  for (const path of removed.sort()) {
    attempt(() => layer.removed.add(join(real(tree, up(path)), name(path))))
  }
  for (const path of [...layer.removed].sort()) {
    const hidden = [...layer.opaque, ...layer.removed].some(
      (dir) => dir !== path && isIn(path, dir),
    )
    if (!hidden) attempt(() => implied(tree, up(path)))
  }
  return layer
}

function attempt(act: () => void): void {
  try {
    act()
  } catch (error) {
    if (!(error instanceof Refused) || error instanceof Circle) throw error
  }
}

export interface ModelResult {
  readonly tree: ModelTree
  /** Of all files that any layer brings, also those that nobody sees. */
  readonly contentBytes: number
}

/** @param layers base first; @returns undefined where a layer must be refused */
export function specTree(layers: readonly (readonly ModelEntry[])[]): ModelResult | undefined {
  const merged: ModelTree = new Map()
  let contentBytes = 0
  for (const entries of layers) {
    let layer: ModelLayer
    try {
      layer = extract(entries)
    } catch (error) {
      if (error instanceof Refused) return undefined
      throw error
    }
    contentBytes += layer.contentBytes
    // Whiteouts first, whatever the order: they act on what lies below.
    for (const path of layer.opaque) removeBelow(merged, path)
    for (const path of layer.removed) {
      removeBelow(merged, path)
      merged.delete(path)
    }
    for (const [path, node] of layer.tree) {
      if (node.type !== 'directory' || merged.get(path)?.type !== 'directory')
        removeBelow(merged, path)
      merged.set(path, node)
    }
  }
  return { tree: merged, contentBytes }
}
