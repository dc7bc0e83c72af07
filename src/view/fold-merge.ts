// A writable merge folded back: what was changed in a written-out tree since it was written goes into the upper
// directory that it stands for, found by comparing it, name by name, with the union of the layers. The changes are made
// by the rules of src/union, so that the upper directory is what a mount would have left.
// The merge itself is only read, and can be folded again.

import fs from 'node:fs'
import type { LayerForm } from '../driver/driver.ts'
import { UnsupportedError } from '../errors.ts'
import { basename, dirname, joinPath, pathText, type BytePath } from '../path/byte-path.ts'
import { systemNow } from '../sys/clock.ts'
import { ERRNO, hostError } from '../sys/errno.ts'
import * as attributes from '../union/attributes.ts'
import { create, link } from '../union/create.ts'
import type { UnionEntry } from '../union/entry.ts'
import type { LayerNode } from '../union/layer-view.ts'
import { openFile } from '../union/open-file.ts'
import { removeDirectory, unlink } from '../union/remove.ts'
import { UnionTree } from '../union/tree.ts'
import type { Attributes } from '../union/upper-layer.ts'
import { copyContent } from './copy-content.ts'
import { DirectoryLayer } from './directory-layer.ts'
import type { DiskForm } from './disk-form.ts'
import type { FoldPlace } from './merge-records.ts'
import { LayerStack } from './stack.ts'
import { DirectoryUpper } from './upper/directory-upper.ts'
import { diskMode } from './upper/change-attributes.ts'
import { DiskLayer } from './upper/disk-layer.ts'

const CHUNK_BYTES = 1 << 20
const NAMES_PER_TURN = 256

/** In which form a merge is written so that nothing is lost when it is folded. */
export function mergeForm(form: DiskForm): LayerForm {
  return form === 'trusted' || process.geteuid?.() === 0 ? 'trusted' : 'user'
}

/** @throws UnsupportedError ERR_OVERLAY_UNAVAILABLE where owners and devices could not be kept in the merge */
export function refuseFold(target: string, form: DiskForm): void {
  if (form !== 'none' || process.geteuid?.() === 0) return
  const reason =
    'a writable merge keeps owners in extended attributes, which this disk does not take'
  throw new UnsupportedError(
    'ERR_OVERLAY_UNAVAILABLE',
    `cannot write the merge into ${target}: ${reason}`,
    { details: { path: target, reason } },
  )
}

export interface Folded {
  /** Names that were made, changed or removed. */
  readonly changes: number
}

/** A directory that the merge and the union both have. */
interface MergedDirectory {
  readonly path: BytePath
  /** Renamed since it was written, or something in it made, renamed or removed. */
  readonly isTouched: boolean
  /**
   * It, or one above it, may be another than was written here: both were touched, it and the one that it is in. Renaming
   * a directory touches nothing in it, so that what is in it must be read.
   */
  readonly isMoved: boolean
}

export interface FoldOptions {
  /** When the merge was written, by the clock of file times: what has not changed since need not be read. */
  readonly writtenNs: bigint
  readonly signal?: AbortSignal
}

/** @throws ConflictError ERR_MOUNT_EXISTS where the upper directory is open elsewhere; HostError; signal.reason */
export async function foldMerge(
  target: string,
  place: FoldPlace,
  options: FoldOptions,
): Promise<Folded> {
  const { form, lowers } = place
  using stack = new LayerStack(lowers, { form })
  const upper = new DirectoryUpper(place.upper, { form, work: place.work })
  try {
    const readForm = mergeForm(form) === 'trusted' ? 'trusted' : form
    using merge = new DirectoryLayer(target, { form: readForm })
    const layers = stack.layers.map((layer) => new DiskLayer(layer))
    const tree = new UnionTree({ lowers: layers, upper }, systemNow)
    const folder = new Folder(tree, merge, target, options)
    try {
      await folder.run()
    } finally {
      folder.close()
    }
    upper.sync()
    return { changes: folder.changes }
  } finally {
    upper.close()
  }
}

class Folder {
  changes = 0
  readonly #tree: UnionTree
  readonly #merge: DirectoryLayer
  readonly #target: string
  readonly #options: FoldOptions
  /** Of files that the merge has several names of: the first that was settled. */
  readonly #linked = new Map<string, UnionEntry>()
  readonly #isPrivileged = process.geteuid?.() === 0
  /** Modes that shut us out, an ordinary user, while we look: given back at the end. By file, whatever its names are. */
  readonly #opened = new Map<string, { readonly path: BytePath; readonly mode: number }>()
  #seen = 0

  constructor(tree: UnionTree, merge: DirectoryLayer, target: string, options: FoldOptions) {
    this.#tree = tree
    this.#merge = merge
    this.#target = target
    this.#options = options
  }

  /** The directory itself is the caller's, as materialise has it: only what is in it is compared. */
  async run(): Promise<void> {
    const { ctimeNs } = fs.statSync(this.#target, { bigint: true })
    const root = { path: '' as BytePath, isTouched: this.#isTouched({ ctimeNs }), isMoved: false }
    const open: (MergedDirectory | { readonly done: BytePath })[] = [root]
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      if ('done' in at) {
        this.#describe(at.done)
        continue
      }
      if (at.path !== '') open.push({ done: at.path })
      open.push(...this.#compareDirectory(at))
      if (++this.#seen % NAMES_PER_TURN === 0) {
        await new Promise(setImmediate)
        this.#options.signal?.throwIfAborted()
      }
    }
  }

  /** @returns the directories in it, which both have now */
  #compareDirectory(merged: MergedDirectory): MergedDirectory[] {
    const { path } = merged
    const dir = this.#entry(path)
    const here = this.#merge.list(path)
    const names = new Set(here.map(({ name }) => name))
    const before = this.#tree.list(dir)
    if (typeof before === 'number') throw this.#failed('list', path, before)
    for (const { name } of before) if (!names.has(name)) this.#remove(dir, name)
    const directories: MergedDirectory[] = []
    for (const { name } of here) {
      const at = joinPath(path, name)
      const node = this.#merge.lookup(at)
      // Removed meanwhile, or a device 0:0, which nobody can have meant as a file.
      if (node === undefined || node === 'whiteout') continue
      this.#open(at, node)
      this.#settle(dir, name, at, node, merged.isMoved)
      if (node.type !== 'directory') continue
      const isTouched = this.#isTouched(node)
      const isMoved = merged.isMoved || (merged.isTouched && isTouched)
      directories.push({ path: at, isTouched, isMoved })
    }
    return directories
  }

  #open(path: BytePath, node: LayerNode): void {
    const { type } = node
    if (this.#isPrivileged || (type !== 'file' && type !== 'directory')) return
    if (this.#opened.has(fileKey(path, node))) return
    const place = this.#place(path)
    const mode = fs.lstatSync(place).mode & 0o7777
    const least = type === 'directory' ? 0o700 : 0o400
    if ((mode & least) === least) return
    this.#opened.set(fileKey(path, node), { path, mode })
    fs.chmodSync(place, mode | least)
  }

  #place(path: BytePath): Buffer {
    return Buffer.concat([Buffer.from(`${this.#target}/`), Buffer.from(path, 'latin1')])
  }

  /** From the leaves up. */
  close(): void {
    for (const { path, mode } of [...this.#opened.values()].reverse()) {
      fs.chmodSync(this.#place(path), mode)
    }
  }

  #settle(
    dir: UnionEntry,
    name: BytePath,
    path: BytePath,
    node: LayerNode,
    isMoved: boolean,
  ): void {
    let entry = this.#find(dir, name)
    let status = entry && this.#status(entry)
    const isOther = status !== undefined && !isSameKind(status, node)
    if (isOther || (entry !== undefined && this.#belongsTo(entry, node))) {
      this.#remove(dir, name)
      entry = status = undefined
    }
    if (entry === undefined || status === undefined) {
      entry = this.#make(dir, name, path, node)
    } else if (node.type === 'file' && !this.#hasContent(entry, status, path, node, isMoved)) {
      this.#write(entry, path)
    }
    if (node.hardlinkKey !== undefined) this.#linked.set(node.hardlinkKey, entry)
    if (node.type !== 'directory') this.#describe(path)
  }

  /** Another name of a file that is in the upper layer already, and not yet of this entry. */
  #belongsTo(entry: UnionEntry, { hardlinkKey }: LayerNode): boolean {
    const known = hardlinkKey === undefined ? undefined : this.#linked.get(hardlinkKey)
    return known !== undefined && known.node.upper && known.node !== entry.node
  }

  #make(dir: UnionEntry, name: BytePath, path: BytePath, node: LayerNode): UnionEntry {
    this.changes++
    const known = node.hardlinkKey === undefined ? undefined : this.#linked.get(node.hardlinkKey)
    const { uid, gid, type, mode, linkTarget, devMajor, devMinor } = node
    const made =
      known === undefined
        ? create(
            this.#tree,
            dir,
            name,
            { type, mode, linkTarget, devMajor, devMinor },
            { uid, gid },
          )
        : link(this.#tree, known, dir, name)
    if (typeof made === 'number') throw this.#failed('make', path, made)
    if (known === undefined && type === 'file' && node.sizeBytes > 0) this.#write(made, path)
    return made
  }

  #remove(dir: UnionEntry, name: BytePath): void {
    const entry = this.#find(dir, name)
    if (entry === undefined) return
    this.changes++
    const { path } = entry
    if (entry.node.type !== 'directory') {
      this.#must(unlink(this.#tree, dir, name), 'remove', path)
      return
    }
    const inside = this.#tree.list(entry)
    if (typeof inside === 'number') throw this.#failed('list', path, inside)
    for (const child of inside) this.#remove(entry, child.name)
    this.#must(removeDirectory(this.#tree, dir, name), 'remove', path)
  }

  /** A file that neither grew nor was touched is the same; one with another time is read. */
  #hasContent(
    entry: UnionEntry,
    status: LayerNode,
    path: BytePath,
    node: LayerNode,
    isMoved: boolean,
  ): boolean {
    if (status.sizeBytes !== node.sizeBytes) return false
    if (status.mtimeNs === node.mtimeNs && !isMoved && !this.#isTouched(node)) return true
    const theirs = openFile(this.#tree, entry, { write: false })
    if (typeof theirs === 'number') throw this.#failed('read', path, theirs)
    const ours = this.#openMerge(path)
    try {
      const a = Buffer.allocUnsafe(CHUNK_BYTES)
      const b = Buffer.allocUnsafe(CHUNK_BYTES)
      for (let at = 0; ;) {
        const n = fs.readSync(ours, a, 0, CHUNK_BYTES, at)
        const m = this.#must(theirs.read(b.subarray(0, Math.max(1, n)), at), 'read', path)
        if (n === 0) return true
        if (m < n || a.compare(b, 0, n, 0, n) !== 0) return false
        at += n
      }
    } finally {
      fs.closeSync(ours)
      theirs.close()
    }
  }

  /** Times can be set back; the time of the last change of any kind cannot. */
  #isTouched({ ctimeNs }: Pick<LayerNode, 'ctimeNs'>): boolean {
    return ctimeNs === undefined || ctimeNs >= this.#options.writtenNs
  }

  #write(entry: UnionEntry, path: BytePath): void {
    this.changes++
    const file = openFile(this.#tree, entry, { write: true, truncate: true })
    if (typeof file === 'number') throw this.#failed('write', path, file)
    const from = this.#openMerge(path)
    try {
      const { fd } = file.body
      if (fd === undefined) throw new Error('an upper directory has its files on the disk')
      // By shared blocks where the disk can, and holes stay holes.
      const { size } = fs.fstatSync(from)
      this.#must(copyContent(from, fd, size), 'write', path)
    } finally {
      fs.closeSync(from)
      file.close()
    }
  }

  #openMerge(path: BytePath): number {
    return this.#must(this.#merge.openFile(path), 'read', path)
  }

  /** Owner, mode, times and attributes, last: each of the steps before has changed some. */
  #describe(path: BytePath): void {
    const entry = this.#entry(path)
    const node = this.#merge.lookup(path)
    const status = this.#status(entry)
    if (node === undefined || node === 'whiteout' || status === undefined) return
    const xattrs = this.#describeXattrs(entry, path)
    const to = this.#difference(status, node, path)
    if (Object.keys(to).length === 0) return
    if (!xattrs) this.changes++
    this.#must(attributes.setAttributes(this.#tree, entry, to), 'change', path)
  }

  #difference(status: LayerNode, node: LayerNode, path: BytePath): Attributes {
    const isSymlink = node.type === 'symlink'
    const mode = isSymlink ? status.mode : this.#modeOf(node, path)
    // An ordinary user's links are that user's, and nothing can be recorded of them.
    const hasOwner = this.#isPrivileged || !isSymlink
    return {
      ...(mode === status.mode ? {} : { mode }),
      ...(!hasOwner || node.uid === status.uid ? {} : { uid: node.uid }),
      ...(!hasOwner || node.gid === status.gid ? {} : { gid: node.gid }),
      ...(node.mtimeNs === status.mtimeNs ? {} : { mtimeNs: node.mtimeNs }),
    }
  }

  /** A record keeps the mode that was written; chmod(1) in the merge changes the disk's alone. */
  #modeOf(node: LayerNode, path: BytePath): number {
    if (this.#isPrivileged) return node.mode
    const opened = this.#opened.get(fileKey(path, node))
    const onDisk = (opened ?? fs.lstatSync(this.#place(path))).mode & 0o7777
    return onDisk === diskMode(node.mode, node.type === 'directory', 'user') ? node.mode : onDisk
  }

  #describeXattrs(entry: UnionEntry, path: BytePath): boolean {
    const now = this.#merge.xattrs(path)
    const { node } = entry
    const before = this.#must<ReadonlyMap<string, Uint8Array>>(
      attributes.xattrs(this.#tree, node),
      'read',
      path,
    )
    let changed = false
    for (const [name, value] of now) {
      const old = before.get(name)
      if (old !== undefined && Buffer.compare(old, value) === 0) continue
      const set = attributes.setXattr(this.#tree, node, name, value)
      if (set === -ERRNO.EOPNOTSUPP) continue
      this.#must(set, 'change', path)
      changed = true
    }
    for (const name of before.keys()) {
      if (now.has(name) || (!this.#isPrivileged && !name.startsWith('user.'))) continue
      this.#must(attributes.removeXattr(this.#tree, node, name), 'change', path)
      changed = true
    }
    if (changed) this.changes++
    return changed
  }

  #find(dir: UnionEntry, name: BytePath): UnionEntry | undefined {
    const found = this.#tree.lookup(dir, name)
    if (typeof found !== 'number') return found
    if (found === -ERRNO.ENOENT) return undefined
    throw this.#failed('look up', joinPath(dir.path, name), found)
  }

  #entry(path: BytePath): UnionEntry {
    if (path === '') return this.#tree.root
    const entry = this.#find(this.#entry(dirname(path)), basename(path))
    if (entry === undefined) throw this.#failed('look up', path, -ERRNO.ENOENT)
    return entry
  }

  #status(entry: UnionEntry): LayerNode | undefined {
    const status = this.#tree.layerStatus(entry.node)
    if (typeof status === 'number') throw this.#failed('look up', entry.path, status)
    return status
  }

  #must<T>(result: T | number, what: string, path: BytePath): T {
    if (typeof result === 'number' && result < 0) throw this.#failed(what, path, result)
    return result as T
  }

  #failed(what: string, path: BytePath, errno: number): Error {
    const place = `${this.#target}/${pathText(path)}`
    return hostError(`fold the merge: ${what} ${place}`, -errno, '', place)
  }
}

function fileKey(path: BytePath, { hardlinkKey }: LayerNode): string {
  // No path has a NUL.
  return hardlinkKey === undefined ? path : `\0${hardlinkKey}`
}

function isSameKind(a: LayerNode, b: LayerNode): boolean {
  return (
    a.type === b.type &&
    a.linkTarget === b.linkTarget &&
    a.devMajor === b.devMajor &&
    a.devMinor === b.devMinor
  )
}
