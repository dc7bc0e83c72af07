// One tree out of many layers, by the rules of Linux overlayfs (Documentation/filesystems/overlayfs.rst): the topmost
// layer that has a name decides; a whiteout or a non-directory ends the search; directories merge downward until an
// opaque one. The root always merges, as the kernel has it: an opaque mark there does nothing, so whoever stores a layer
// that hides everything must write it as whiteouts.
// Knows layers by the LayerView interface only; follows no symlinks (resolve.ts does).
//
// What makes 125 layers bearable is that a merged directory remembers which layers take part in it: a name is asked
// only of those, and a directory of one layer (most of them, in real images) is not merged at all.

import { basename, comparePaths, dirname, joinPath, type BytePath } from '../path/byte-path.ts'
import type { LayerEntry, LayerNode, LayerView } from './layer-view.ts'

export interface MergedNode extends LayerNode {
  readonly path: BytePath
  /** Index into the layers given, 0 the nearest: whose file it is; for a merged directory, whose owner, mode and times. */
  readonly layer: number
}

export interface MergedEntry {
  readonly path: BytePath
  readonly name: BytePath
  readonly directory: boolean
  /** As in MergedNode. */
  readonly layer: number
}

export interface MergedView {
  readonly layers: readonly LayerView[]
  /** Without following symlinks, in any component. '' is the root. */
  lookup(path: BytePath): MergedNode | undefined
  /** As `lookup` of both joined. */
  child(directory: BytePath, name: BytePath): MergedNode | undefined
  /** In byte order; undefined where there is no directory of that path. */
  list(path: BytePath): MergedEntry[] | undefined
  /** Everything below `path`, a directory before its content, siblings in byte order; not `path` itself. */
  walk(path?: BytePath): IterableIterator<MergedEntry>
  /** Whether more than one layer has a part in that directory. */
  isMerged(path: BytePath): boolean
  /** The node of an entry that `list` or `walk` gave, asked of its layer alone. Gone in the meantime: undefined. */
  node(entry: MergedEntry): MergedNode | undefined
}

/** Remembered directories; at some 200 bytes each this bounds memory whatever the image's size. */
const DIRECTORIES_MAX = 32_768
/** And of their paths, which may have four kilobytes each. */
const DIRECTORY_PATHS_BYTES_MAX = 8 << 20
/** Listings that are remembered: whoever lists a directory asks for each of its names next. */
const LISTINGS_MAX = 8

/** A merged directory: the layers in which it is a directory that still counts, nearest first. */
class Directory {
  readonly path: BytePath
  #layers: readonly number[]
  /** Layers further down that may have it, and have not been asked yet. */
  #below: readonly number[]
  #settled = false

  /** @param layers may hold too many: below an opaque one none counts */
  constructor(path: BytePath, layers: readonly number[], below: readonly number[] = []) {
    this.path = path
    this.#layers = layers
    this.#below = below
  }

  /** Whose owner, mode and times it has. */
  get deciding(): number {
    return this.#layers[0]!
  }

  /** Opaque marks are looked at only here: most directories are never opened, or lie in one layer. */
  contributors(views: readonly LayerView[]): readonly number[] {
    if (this.#settled) return this.#layers
    if (this.path !== '') this.#layers = this.#counting(views)
    // Not before: a layer that cannot be read now is to be asked again.
    this.#settled = true
    this.#below = []
    return this.#layers
  }

  #counting(views: readonly LayerView[]): readonly number[] {
    const layers = [...this.#layers]
    for (const layer of this.#below) {
      const node = views[layer]!.lookup(this.path)
      if (node === undefined) continue
      if (node === 'whiteout' || node.type !== 'directory') break
      layers.push(layer)
    }
    const last = layers.length - 1
    const end = layers.findIndex((layer, i) => i < last && views[layer]!.opaque(this.path))
    return end >= 0 ? layers.slice(0, end + 1) : layers
  }
}

/**
 * A listing is in memory until all of it was looked at, and of its names the paths may be most: each is made when it is
 * asked for, and held by whoever asks.
 */
class ListedEntry implements MergedEntry {
  readonly name: BytePath
  readonly directory: boolean
  readonly layer: number
  readonly #parent: BytePath

  constructor(parent: BytePath, name: BytePath, directory: boolean, layer: number) {
    this.name = name
    this.directory = directory
    this.layer = layer
    this.#parent = parent
  }

  get path(): BytePath {
    return joinPath(this.#parent, this.name)
  }
}

/** A name while a directory is being merged. */
interface Slot {
  readonly kind: LayerEntry['kind']
  /** First the layer that decides; for a directory also those below in which it goes on. */
  readonly layers: number[]
  ended: boolean
}

class LayerMerge implements MergedView {
  readonly layers: readonly LayerView[]
  readonly #directories = new Map<BytePath, Directory>()
  #pathsBytes = 0
  /** directory -> name -> the layer that decides */
  readonly #listings = new Map<BytePath, ReadonlyMap<BytePath, number>>()

  constructor(layers: readonly LayerView[]) {
    this.layers = layers
  }

  lookup(path: BytePath): MergedNode | undefined {
    if (path === '') return this.#root()
    const known = this.#directories.get(path)
    if (known !== undefined) return this.#of(path, known.deciding)
    return this.child(dirname(path), basename(path))
  }

  child(directory: BytePath, name: BytePath): MergedNode | undefined {
    const listing = this.#listings.get(directory)
    if (listing !== undefined) {
      const layer = listing.get(name)
      const node = layer === undefined ? undefined : askLayer(this.layers[layer]!, directory, name)
      if (node === undefined || node === 'whiteout') return undefined
      return merged(node, joinPath(directory, name), layer!)
    }
    const contributors = this.#directory(directory)?.contributors(this.layers)
    if (contributors === undefined) return undefined
    for (let index = 0; index < contributors.length; index++) {
      const layer = contributors[index]!
      const node = askLayer(this.layers[layer]!, directory, name)
      if (node === undefined) continue
      if (node === 'whiteout') return undefined
      const path = joinPath(directory, name)
      if (node.type === 'directory') {
        const below = contributors.slice(index + 1)
        if (!this.#directories.has(path)) this.#remember(new Directory(path, [layer], below))
      }
      return merged(node, path, layer)
    }
    return undefined
  }

  list(path: BytePath): MergedEntry[] | undefined {
    const directory = this.#directory(path)
    return directory === undefined ? undefined : this.#entries(directory)
  }

  *walk(path: BytePath = '' as BytePath): IterableIterator<MergedEntry> {
    const top = this.list(path)
    if (top === undefined) return
    // A stack of our own: image paths can be thousands of levels deep, generators within generators cannot.
    const open: { entries: MergedEntry[]; next: number }[] = [{ entries: top, next: 0 }]
    for (let level = open.at(-1); level !== undefined; level = open.at(-1)) {
      const entry = level.entries[level.next++]
      if (entry === undefined) {
        open.pop()
        continue
      }
      yield entry
      if (entry.directory) open.push({ entries: this.list(entry.path) ?? [], next: 0 })
    }
  }

  isMerged(path: BytePath): boolean {
    return (this.#directory(path)?.contributors(this.layers).length ?? 0) > 1
  }

  node(entry: MergedEntry): MergedNode | undefined {
    return this.#of(entry.path, entry.layer)
  }

  #of(path: BytePath, layer: number): MergedNode | undefined {
    const node = this.layers[layer]!.lookup(path)
    return node === undefined || node === 'whiteout' ? undefined : merged(node, path, layer)
  }

  #root(): MergedNode | undefined {
    for (const [layer, view] of this.layers.entries()) {
      const node = view.lookup('' as BytePath)
      if (node !== undefined && node !== 'whiteout') {
        return merged(node, '' as BytePath, layer)
      }
    }
    return undefined
  }

  #entries(directory: Directory): MergedEntry[] {
    const contributors = directory.contributors(this.layers)
    const entries =
      contributors.length === 1
        ? this.#entriesOfOne(directory.path, contributors[0]!)
        : this.#entriesOfMany(directory.path, contributors)
    if (contributors.length > 1) {
      this.#listings.delete(directory.path)
      this.#listings.set(directory.path, new Map(entries.map(({ name, layer }) => [name, layer])))
      if (this.#listings.size > LISTINGS_MAX) {
        this.#listings.delete(this.#listings.keys().next().value!)
      }
    }
    return entries.sort((a, b) => comparePaths(a.name, b.name))
  }

  #entriesOfOne(path: BytePath, layer: number): MergedEntry[] {
    const out: MergedEntry[] = []
    for (const { name, kind } of this.layers[layer]!.list(path)) {
      if (kind === 'whiteout') continue
      const directory = kind === 'directory'
      if (directory) this.#remember(new Directory(joinPath(path, name), [layer]))
      out.push(new ListedEntry(path, name, directory, layer))
    }
    return out
  }

  #entriesOfMany(path: BytePath, contributors: readonly number[]): MergedEntry[] {
    const slots = new Map<BytePath, Slot>()
    for (const layer of contributors) {
      for (const { name, kind } of this.layers[layer]!.list(path)) {
        const slot = slots.get(name)
        if (slot === undefined) {
          slots.set(name, { kind, layers: [layer], ended: kind !== 'directory' })
        } else if (!slot.ended) {
          if (kind === 'directory') slot.layers.push(layer)
          else slot.ended = true
        }
      }
    }
    const out: MergedEntry[] = []
    for (const [name, { kind, layers }] of slots) {
      if (kind === 'whiteout') continue
      const directory = kind === 'directory'
      if (directory) this.#remember(new Directory(joinPath(path, name), layers))
      out.push(new ListedEntry(path, name, directory, layers[0]!))
    }
    return out
  }

  #directory(path: BytePath): Directory | undefined {
    const known = this.#directories.get(path)
    if (known !== undefined) return known
    if (path === '') {
      return this.#remember(new Directory(path, [...this.layers.keys()]))
    }
    // From the nearest remembered ancestor downward, without recursion: depth is the image's to choose.
    let end = path.length
    let directory: Directory | undefined
    while (end > 0 && directory === undefined) {
      end = Math.max(path.lastIndexOf('/', end - 1), 0)
      directory = this.#directories.get(path.slice(0, end) as BytePath)
    }
    directory ??= this.#directory('' as BytePath)
    while (directory !== undefined && directory.path.length < path.length) {
      const from: number = directory.path === '' ? 0 : directory.path.length + 1
      const slash = path.indexOf('/', from)
      directory = this.#child(directory, path.slice(0, slash < 0 ? path.length : slash) as BytePath)
    }
    return directory
  }

  #child(parent: Directory, path: BytePath): Directory | undefined {
    if (basename(path) === '') return undefined
    const contributors = parent.contributors(this.layers)
    for (const [index, layer] of contributors.entries()) {
      const node = this.layers[layer]!.lookup(path)
      if (node === undefined) continue
      if (node === 'whiteout' || node.type !== 'directory') return undefined
      return this.#remember(new Directory(path, [layer], contributors.slice(index + 1)))
    }
    return undefined
  }

  #remember(directory: Directory): Directory {
    const { path } = directory
    if (!this.#directories.has(path)) this.#pathsBytes += path.length
    this.#directories.set(path, directory)
    while (
      this.#directories.size > DIRECTORIES_MAX ||
      this.#pathsBytes > DIRECTORY_PATHS_BYTES_MAX
    ) {
      const oldest: BytePath = this.#directories.keys().next().value!
      this.#directories.delete(oldest)
      this.#pathsBytes -= oldest.length
    }
    return directory
  }
}

/** What a layer says of a name in one of its directories. */
export function askLayer(
  layer: LayerView,
  directory: BytePath,
  name: BytePath,
): LayerNode | 'whiteout' | undefined {
  return layer.child === undefined
    ? layer.lookup(joinPath(directory, name))
    : layer.child(directory, name)
}

function merged(node: LayerNode, path: BytePath, layer: number): MergedNode {
  const { ino, nlink, atimeNs, ctimeNs } = node
  const isOfDisk =
    ino !== undefined && nlink !== undefined && atimeNs !== undefined && ctimeNs !== undefined
  if (!isOfDisk || node.hardlinkKey !== undefined) return { ...node, path, layer }
  // One by one: to spread the object takes as long as the rest of a lookup, and nearly all that is found is such a one.
  return {
    type: node.type,
    mode: node.mode,
    uid: node.uid,
    gid: node.gid,
    sizeBytes: node.sizeBytes,
    directoryBytes: node.directoryBytes,
    blocks: node.blocks,
    mtimeNs: node.mtimeNs,
    linkTarget: node.linkTarget,
    devMajor: node.devMajor,
    devMinor: node.devMinor,
    ino,
    nlink,
    atimeNs,
    ctimeNs,
    path,
    layer,
  }
}

/** @param layers nearest (topmost) first */
export function mergeLayers(layers: readonly LayerView[]): MergedView {
  return new LayerMerge(layers)
}
