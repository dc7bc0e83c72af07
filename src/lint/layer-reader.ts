// What one layer's tar says that tools read differently, entry by entry, and the tree that comes of it.
// Knows one layer at a time; what needs those below is image-lint.ts's.

import {
  basename,
  cleanPath,
  comparePaths,
  dirname,
  pathFromText,
  pathText,
} from '../path/byte-path.ts'
import type { BytePath } from '../path/byte-path.ts'
import type { TarHandler, TarHeader } from '../tar/entry.ts'
import { isPossibleDevice, isPossibleOwner } from '../tar/possible-numbers.ts'
import { classifyWhiteout, WHITEOUT_PREFIX } from '../union/whiteout.ts'
import type { Findings } from './findings.ts'
import { globalAmbiguity, headerAmbiguity, RawHeaders } from './header-form.ts'
import { LayerTree, NODE_BYTES, pathCost, type FileBody, type NodeBudget } from './layer-tree.ts'

export interface LayerMoment {
  /** Nanoseconds since 1970. */
  readonly nowNs: bigint
  /** As the config has it; absent where it says nothing or 1970. */
  readonly createdNs?: bigint
}

const DAY_NS = 86_400_000_000_000n
const USTAR_BYTES_MAX = 8 * 2 ** 30
const SPARSE_RATIO_MAX = 100
const SPARSE_BYTES_MIN = 2 ** 30
/** Of all values together: what ext4 without ea_inode keeps in its one block a file. */
const XATTR_BYTES_MAX = 4096
const NAME_BYTES_MAX = 255

/** As src/archive/metadata.ts leaves them out. */
const FORGED =
  /^(?:(?:trusted|user)\.overlay\.|user\.fuseoverlayfs\.|(?:user|trusted)\.containers\.override_stat$)/

/** Controls, DEL, and what makes text read otherwise than it is. */
const CONFUSING =
  // oxlint-disable-next-line no-control-regex
  /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/

/** A hardlink that found no target in its own layer. */
export interface MissingTarget {
  readonly path: BytePath
  readonly target: BytePath
}

/** Counted over a layer, and said once. */
type Trait = 'owner-names' | 'other-times' | 'fractions' | 'order' | 'build-time' | 'after-image'

export class LayerReader implements TarHandler {
  readonly tree: LayerTree
  readonly missingTargets: MissingTarget[] = []
  readonly #findings: Findings
  readonly #raw = new RawHeaders()
  readonly #layer: number
  readonly #moment: LayerMoment
  readonly #budget: NodeBudget
  readonly #traits = new Map<Trait, { count: number; first: BytePath }>()
  #previous = '' as BytePath
  #rootEntries = 0

  /** @param layer base is 0 */
  constructor(layer: number, findings: Findings, budget: NodeBudget, moment: LayerMoment) {
    this.#layer = layer
    this.#findings = findings
    this.#moment = moment
    this.#budget = budget
    this.tree = new LayerTree(budget)
  }

  raw(bytes: Uint8Array): void {
    this.#raw.add(bytes)
  }
  body(): void {}
  bodyEnd(): void {}

  archiveEnd(): void {
    this.#raw.end()
  }

  globalHeader(): void {
    const raw = this.#raw.take(0)
    const message = globalAmbiguity(raw)
    this.#raw.skipPaddingOf(raw.length)
    if (message !== undefined) this.#findings.add('ambiguous-header', { message })
  }

  entry(header: TarHeader): void {
    const ambiguity = headerAmbiguity(this.#raw.take(header.sizeBytes), header)
    if (ambiguity !== undefined) {
      this.#findings.add('ambiguous-header', { path: header.path, message: ambiguity })
    }
    this.#name(header)
    this.#metadata(header)
    const { path, escapes } = cleanPath(header.path)
    if (escapes) {
      this.#bytes(header, header.path)
      this.#findings.add('escaping-name', {
        path: header.path,
        message: 'its .. leads out of the image',
      })
    } else if (path === '') {
      if (this.#rootEntries++ > 0) this.#duplicate(path)
      if (header.type !== 'directory') {
        this.#findings.add('unclean-name', {
          path: header.path,
          message: `it means the top of the image, and is a ${header.type}`,
        })
      }
    } else if (!this.#whiteout(header, path)) this.#place(header, path)
  }

  /** To be called when the last entry was read. */
  finish(): void {
    this.tree.settle({
      recreated: (path) =>
        this.#findings.add('whiteout-and-recreate', {
          path,
          message: 'removed and made again in this layer',
        }),
      inOpaque: (path) =>
        this.#findings.add('whiteout-in-opaque', {
          path,
          message: 'removed in a directory that hides everything below anyway',
        }),
      inCircle: (path) =>
        this.#findings.add('below-a-file', {
          path,
          message: 'symbolic links on the way to it lead in a circle',
        }),
      inReserved: (path) =>
        this.#findings.add('bad-whiteout', {
          path,
          message: 'symbolic links on the way to it lead below a whiteout',
        }),
    })
    if (this.tree.rootOpaque) {
      this.#findings.add('root-opaque', {
        path: '' as BytePath,
        message: 'this layer hides all layers below',
      })
    }
    for (const [trait, seen] of this.#traits) this.#tellTrait(trait, seen)
  }

  #whiteout(header: TarHeader, path: BytePath): boolean {
    if (!path.includes(WHITEOUT_PREFIX)) return false
    const parts = path.split('/') as BytePath[]
    const kinds = parts.map(classifyWhiteout)
    const last = kinds.at(-1)!
    const above = kinds.slice(0, -1)
    const isAufs = (kind: string): boolean => kind === 'aufs' || kind === 'opaque'
    if (last.kind === 'plain' && above.every(({ kind }) => kind === 'plain')) return false
    this.#bytes(header, path)
    if (last.kind === 'aufs' || above.some(({ kind }) => isAufs(kind))) {
      this.#findings.add('aufs-leftover', {
        path,
        message: 'a record of AUFS, no file of the image',
      })
    } else if (above.some(({ kind }) => kind !== 'plain')) {
      this.#findings.add('bad-whiteout', { path, message: 'it lies below a whiteout' })
    } else if (last.kind === 'bad') {
      this.#findings.add('bad-whiteout', { path, message: last.reason })
    } else {
      if (header.type !== 'file' || header.sizeBytes > 0) {
        const what = header.type === 'file' ? `${header.sizeBytes} bytes` : `a ${header.type}`
        this.#findings.add('odd-whiteout', { path, message: `the marker is ${what}` })
      }
      const parent = dirname(path)
      if (last.kind === 'opaque') this.tree.makeOpaque(parent)
      else if (last.kind === 'whiteout') {
        this.tree.remove((parent === '' ? last.name : `${parent}/${last.name}`) as BytePath)
      }
    }
    return true
  }

  #place(header: TarHeader, path: BytePath): void {
    const { type } = header
    if (type === 'char' && header.devMajor === 0 && header.devMinor === 0) {
      this.#findings.add('forged-overlay', {
        path,
        message: 'a character device 0:0, which the kernel takes for a whiteout',
      })
      return
    }
    if (type === 'hardlink') {
      this.#hardlink(header, path)
      return
    }
    if (type === 'symlink' && header.linkPath === '') {
      this.#findings.add('empty-link', { path, message: 'it has no target' })
      return
    }
    const body = this.#bytes(header, path)
    this.#put(path, {
      type,
      ...(body ? { body } : {}),
      ...(type === 'symlink' ? { target: header.linkPath } : {}),
    })
  }

  #hardlink(header: TarHeader, path: BytePath): void {
    const target = cleanPath(header.linkPath)
    if (target.escapes) {
      this.#findings.add('escaping-name', {
        path,
        message: `the .. of its target ${quoted(header.linkPath)} leads out of the image`,
      })
      return
    }
    const replaced = this.tree.makeRoom(path)
    const node = this.tree.find(target.path)
    if (node === undefined || node.type === 'directory') {
      this.#budget.spend(NODE_BYTES + pathCost(path) + pathCost(target.path))
      this.missingTargets.push({ path, target: target.path })
      return
    }
    if (node.body) {
      this.#budget.spend(pathCost(path))
      node.body.names.push(path)
    }
    if (replaced) this.#duplicate(path)
    this.#put(path, {
      type: node.type,
      ...(node.body ? { body: node.body } : {}),
      ...(node.target === undefined ? {} : { target: node.target }),
    })
  }

  #put(path: BytePath, node: Parameters<LayerTree['place']>[1]): void {
    const placed = this.tree.place(path, node)
    if (placed.kind === 'reserved') {
      const message = `symbolic links on the way to it lead below ${quoted(placed.at)}`
      this.#findings.add('bad-whiteout', { path, message })
      return
    }
    if (placed.kind !== 'placed') {
      const what = placed.kind === 'circle' ? 'leads in a circle' : 'is no directory in this layer'
      this.#findings.add('below-a-file', { path, message: `${quoted(placed.at)} ${what}` })
      return
    }
    // Bodies know where they really are, since a later layer hides them by that name.
    if (placed.path !== path && node.body) node.body.names[node.body.names.length - 1] = placed.path
    if (placed.replaced) this.#duplicate(path)
  }

  #bytes(header: TarHeader, path: BytePath): FileBody | undefined {
    if (header.sizeBytes === 0 || header.type !== 'file') return undefined
    this.#budget.spend(NODE_BYTES + pathCost(path))
    const body = { sizeBytes: header.sizeBytes, layer: this.#layer, names: [path] }
    this.tree.bodies.push(body)
    return body
  }

  #duplicate(path: BytePath): void {
    this.#findings.add('duplicate-entry', { path, message: 'not the first entry of that name' })
  }

  #name({ path, type, linkPath }: TarHeader): void {
    const text = pathText(path)
    const reason = path.startsWith('/')
      ? 'it is absolute'
      : path.includes('//')
        ? 'it has a doubled slash'
        : /(^|\/)\.\.(\/|$)/.test(path)
          ? 'it has .. in it'
          : /\/\.(\/|$)/.test(path)
            ? 'it has . in it'
            : path.endsWith('/') && type !== 'directory'
              ? `it ends in a slash, and is a ${type}`
              : CONFUSING.test(text)
                ? 'it has control characters, which a terminal would obey'
                : undefined
    if (reason !== undefined) this.#findings.add('unclean-name', { path, message: reason })
    if (pathFromText(text) !== path) {
      this.#findings.add('non-utf8-name', { path, message: 'not UTF-8' })
    } else if (pathFromText(pathText(linkPath)) !== linkPath) {
      this.#findings.add('non-utf8-name', { path, message: 'its target is not UTF-8' })
    }
    const longest = Math.max(...path.split('/').map((part) => part.length))
    if (longest > NAME_BYTES_MAX) {
      this.#findings.add('name-too-long', { path, message: `${longest} bytes between two slashes` })
    }
    this.#checkOrder(path)
  }

  /** Siblings out of byte order: the order in which a directory happened to list them. */
  #checkOrder(path: BytePath): void {
    const clean = path.replace(/^\.\//, '').replace(/\/$/, '') as BytePath
    const previous = this.#previous
    this.#previous = clean
    if (dirname(previous) !== dirname(clean) || basename(clean).startsWith(WHITEOUT_PREFIX)) return
    if (comparePaths(previous, clean) > 0) this.#count('order', path)
  }

  #metadata(header: TarHeader): void {
    const { path, sparse } = header
    for (const name of header.xattrs.keys()) {
      if (FORGED.test(name)) {
        this.#findings.add('forged-overlay', { path, message: `carries the attribute ${name}` })
      } else if (name === 'security.capability') {
        this.#findings.add('capability-file', { path, message: 'has file capabilities' })
      }
    }
    if (header.type === 'file' && (header.mode & 0o6000) !== 0) {
      const bits = [header.mode & 0o4000 ? 'setuid' : '', header.mode & 0o2000 ? 'setgid' : '']
      this.#findings.add('setuid-file', {
        path,
        message: `${bits.filter((bit) => bit !== '').join(' and ')}, owner ${header.uid}:${header.gid}`,
      })
    }
    for (const field of ['uid', 'gid'] as const) {
      if (isPossibleOwner(header[field])) continue
      this.#findings.add('impossible-number', { path, message: `its ${field} is ${header[field]}` })
    }
    if ((header.type === 'char' || header.type === 'block') && !isPossibleDevice(header)) {
      const number = `${header.devMajor}:${header.devMinor}`
      this.#findings.add('impossible-number', { path, message: `it is the device ${number}` })
    }
    this.#sizes(header)
    if (sparse) {
      this.#findings.add('sparse-file', {
        path,
        message: `${header.sizeBytes} bytes in the layer stand for ${sparse.realSizeBytes}`,
      })
    }
    this.#times(header)
    if (header.uname !== '' || header.gname !== '') this.#count('owner-names', path)
  }

  #sizes({ path, sizeBytes, sparse, xattrs }: TarHeader): void {
    const real = sparse?.realSizeBytes ?? sizeBytes
    let xattrBytes = 0
    for (const [name, value] of xattrs) xattrBytes += name.length + value.length
    if (sizeBytes >= USTAR_BYTES_MAX) {
      this.#findings.add('absurd-size', { path, message: `${sizeBytes} bytes` })
    } else if (real >= SPARSE_BYTES_MIN && real > sizeBytes * SPARSE_RATIO_MAX) {
      this.#findings.add('absurd-size', {
        path,
        message: `${real} bytes out of ${sizeBytes}, which fills the disk of who copies it`,
      })
    }
    if (xattrBytes > XATTR_BYTES_MAX) {
      this.#findings.add('absurd-size', {
        path,
        message: `${xattrBytes} bytes of extended attributes`,
      })
    }
  }

  #times({ path, mtimeNs, atimeNs, ctimeNs }: TarHeader): void {
    const { nowNs, createdNs } = this.#moment
    if (mtimeNs > nowNs + DAY_NS) {
      this.#findings.add('future-time', { path, message: `changed at ${timeText(mtimeNs)}` })
    } else if (createdNs !== undefined && mtimeNs > createdNs + DAY_NS) {
      this.#count('after-image', path)
    }
    if (createdNs !== undefined && mtimeNs > createdNs - DAY_NS && mtimeNs <= createdNs) {
      this.#count('build-time', path)
    }
    if (mtimeNs % 1_000_000_000n !== 0n) this.#count('fractions', path)
    if (atimeNs !== undefined || ctimeNs !== undefined) this.#count('other-times', path)
  }

  #count(trait: Trait, path: BytePath): void {
    const seen = this.#traits.get(trait)
    if (seen) seen.count++
    else this.#traits.set(trait, { count: 1, first: path })
  }

  #tellTrait(trait: Trait, { count, first }: { count: number; first: BytePath }): void {
    const entries = count === 1 ? '1 entry' : `${count} entries`
    const such = `${entries}, first ${quoted(first)}`
    if (trait === 'after-image') {
      this.#findings.add('future-time', {
        message: `newer than the image itself: ${such}`,
        level: 'note',
      })
      return
    }
    const what: Readonly<Record<typeof trait, string>> = {
      'owner-names': 'owner names of the machine that built it',
      'other-times': 'access or change times, which every build changes',
      fractions: 'times with fractions of a second, as a file system has them',
      order: 'siblings out of order, as a directory happened to list them',
      'build-time': 'times of the day of the build',
    }
    this.#findings.add('non-reproducible', { message: `${what[trait]}: ${such}` })
  }
}

function quoted(path: BytePath): string {
  const text = pathText(path)
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}...` : text)
}

function timeText(ns: bigint): string {
  const date = new Date(Number(ns / 1_000_000n))
  return Number.isNaN(date.getTime()) ? `${ns / 1_000_000_000n} s after 1970` : date.toISOString()
}
