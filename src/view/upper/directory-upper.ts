// An upper layer in a directory of the host, in the forms that the kernel's overlay (trusted, user) and fuse-overlayfs
// (none) read. Carries out what the rules of src/union decide, each step complete or not at all: what takes several
// calls is put together in the work directory and renamed into place, as the kernel does it.
// Nobody else may change the directory meanwhile; a lock on the work directory keeps other processes of this library out.

import { writeOpaque } from '../../archive/whiteout-form.ts'
import { basename, dirname, joinPath, type BytePath } from '../../path/byte-path.ts'
import { ERRNO } from '../../sys/errno.ts'
import * as calls from '../../sys/file-calls.ts'
import { statusOf, type FileStatus } from '../../sys/file-status.ts'
import { syncFileSystemOf, unlockDirectory } from '../../sys/lock-directory.ts'
import { below, removeXattr, setXattr, xattrBits } from '../../sys/xattr.ts'
import type { LayerEntry, LayerNode } from '../../union/layer-view.ts'
import type {
  Attributes,
  FileBody,
  NewNode,
  OpenNode,
  RenameOptions,
  UpperLayer,
  WritableBody,
  XattrFlags,
} from '../../union/upper-layer.ts'
import { DEFAULT_ACL } from '../../union/posix-acl.ts'
import { WHITEOUT_PREFIX, whiteoutOf } from '../../union/whiteout.ts'
import { DirectoryLayer } from '../directory-layer.ts'
import { keepsXattr, markForm, type DiskForm } from '../disk-form.ts'
import { isThere } from '../layer-marks.ts'
import { changeAt, changeOwnedAt, type Place } from './change-attributes.ts'
import { DiskBody, asOnDisk } from './file-body.ts'
import {
  isOneCall,
  makeFilled,
  makeNameless,
  makeNode,
  makeOpenFile,
  thisMaker,
  type Maker,
} from './make-node.ts'
import {
  attempt,
  exchangeWhiteout,
  isRefused,
  keepWhiteout,
  leaveWhiteout,
  placeWhiteout,
  type WhiteoutPlace,
} from './leave-whiteout.ts'
import { openHost, openWork, type UpperNames } from './work-directory.ts'

const { O } = calls
const DIRECTORY = O.RDONLY | O.DIRECTORY | O.NOFOLLOW
const RENAME_NOREPLACE = 1
const RENAME_EXCHANGE = 2
const RENAME_WHITEOUT = 4

export interface DirectoryUpperOptions {
  readonly form: DiskForm
  /** An empty directory on the same file system, as overlay's workdir. */
  readonly work: string
  /** For messages, where the places are paths that tell nobody anything. */
  readonly called?: UpperNames
}

/** A directory of the host that takes a union's changes, in the form that overlay mounts read; closed with it. */
export class DirectoryUpper implements UpperLayer {
  readonly directory: string
  readonly fileSystem: string
  readonly keepsAcls: boolean
  readonly #form: DiskForm
  readonly #layer: DirectoryLayer
  readonly #root: number
  readonly #maker: Maker = thisMaker()
  #work: number
  #temporary = 0

  /** @throws ConflictError ERR_MOUNT_EXISTS where it is open already; HostError */
  constructor(directory: string, options: DirectoryUpperOptions) {
    this.directory = directory
    this.#form = options.form
    this.keepsAcls = keepsXattr(options.form, DEFAULT_ACL)
    this.#layer = new DirectoryLayer(directory, { form: options.form })
    this.fileSystem = this.#layer.fileSystem
    let root = -1
    try {
      root = openHost(directory)
      this.#root = root
      this.#work = openWork(options.work, options.called ?? { directory, work: options.work })
    } catch (error) {
      this.#layer.close()
      if (root >= 0) calls.close(root)
      throw error
    }
  }

  lookup(path: BytePath): LayerNode | 'whiteout' | undefined {
    return this.#layer.lookup(path)
  }

  child(directory: BytePath, name: BytePath): LayerNode | 'whiteout' | undefined {
    return this.#layer.child(directory, name)
  }

  directoryStatus(path: BytePath): LayerNode | undefined {
    return this.#layer.directoryStatus(path)
  }

  list(path: BytePath): LayerEntry[] {
    return this.#layer.list(path)
  }

  opaque(path: BytePath): boolean {
    return this.#layer.opaque(path)
  }

  xattrs(path: BytePath): ReadonlyMap<string, Uint8Array> {
    return this.#layer.xattrs(path)
  }

  openBody(path: BytePath, write?: false): FileBody | number
  openBody(path: BytePath, write: true, appends?: boolean): WritableBody | number
  openBody(path: BytePath, write = false, appends = false): WritableBody | number {
    return this.#at(path, ({ dir, name }) => {
      const flags = (write ? O.RDWR : O.RDONLY) | O.NOFOLLOW | O.NONBLOCK
      let fd = calls.openAt(dir, name, flags)
      // chattr +a. Others need no such descriptor: whoever appends says where the end is.
      if (fd === -ERRNO.EPERM && appends) fd = calls.openAt(dir, name, flags | O.APPEND)
      return fd < 0 ? fd : new DiskBody(fd, this.#form)
    })
  }

  make(path: BytePath, node: NewNode): number {
    return this.#at(path, (place) => {
      // Where a whiteout has the name itself there is none nearly always, and the disk says so.
      const isNew = !isCopied(node)
      let whiteout = isNew && this.#form === 'none' && this.#layer.lookup(path) === 'whiteout'
      if (!whiteout && this.#isOneCall(node)) {
        const made = makeNode(place, this.#form, node)
        if (made !== -ERRNO.EEXIST) return made
      }
      const aside = this.#aside()
      const made = makeNode(aside, this.#form, node)
      const isDirectory = node.type === 'directory'
      let placed = made < 0 ? made : this.#place(aside, place, whiteout, isDirectory)
      // Something shows through from below a copy: so there is no whiteout in its way.
      if (placed === -ERRNO.EEXIST && isNew && this.#layer.lookup(path) === 'whiteout') {
        whiteout = true
        placed = this.#place(aside, place, whiteout, isDirectory)
      }
      if (placed < 0) this.#discard(aside)
      if (whiteout) this.#layer.forgetMarks()
      return placed
    })
  }

  makeOpen(dir: BytePath, name: BytePath, node: NewNode): OpenNode | number {
    const isNew = !isCopied(node)
    if (isNew && this.#isOneCall(node)) {
      const fd = this.#open(dir)
      const made = fd < 0 ? fd : makeOpenFile({ dir: fd, name }, node)
      // A whiteout of this form has the name itself.
      if (made !== -ERRNO.EEXIST) {
        return typeof made === 'number' ? made : this.#openNode(made.fd, made.status)
      }
    }
    const path = joinPath(dir, name)
    if (this.#form === 'trusted' && (node.xattrs?.size ?? 0) === 0) {
      const made = this.#fillOpen(path, node)
      if (made !== -ERRNO.EEXIST || !isNew) return made
    }
    const made = this.make(path, node)
    if (made < 0) return made
    const status = this.lookup(path)
    if (status === undefined || status === 'whiteout') return -ERRNO.ENOENT
    const body = this.openBody(path, true)
    return typeof body === 'number' ? body : { body, status }
  }

  makeNameless(directory: BytePath, node: NewNode): OpenNode | number {
    const dir = this.#open(directory)
    const fd = dir < 0 ? dir : makeNameless(dir, this.#form, node)
    if (fd < 0) return fd
    const body = new DiskBody(fd, this.#form)
    const status = body.status()
    if (typeof status !== 'number') return { body, status }
    body.close()
    return status
  }

  linkOpen(body: FileBody, to: BytePath): number {
    const { fd } = body
    if (fd === undefined) return -ERRNO.EOPNOTSUPP
    return this.#link(to, ({ dir, name }) => calls.linkOpen(fd, dir, name))
  }

  /** @param linkAs gives the file that name */
  #link(to: BytePath, linkAs: (place: Place) => number): number {
    return this.#at(to, (place) => {
      if (this.#layer.lookup(to) !== 'whiteout') return linkAs(place)
      const aside = this.#aside()
      const linked = linkAs(aside)
      const placed = linked < 0 ? linked : this.#place(aside, place, true, false)
      if (placed < 0) this.#discard(aside)
      return placed
    })
  }

  /** @returns -EEXIST where a whiteout is in the way */
  #fillOpen(path: BytePath, node: NewNode): OpenNode | number {
    return this.#at(path, (place) => {
      const aside = this.#aside()
      const fd = makeFilled(aside, node)
      if (fd < 0) return fd
      const placed = this.#place(aside, place, false, false)
      const status = placed < 0 ? placed : statusOf(fd)
      if (typeof status !== 'number') return this.#openNode(fd, status)
      calls.close(fd)
      if (placed < 0) this.#discard(aside)
      return status
    })
  }

  #openNode(fd: number, status: FileStatus): OpenNode {
    return { body: new DiskBody(fd, this.#form), status: asOnDisk(status) }
  }

  link(from: BytePath, to: BytePath): number {
    return this.#at(from, (source) =>
      this.#link(to, ({ dir, name }) => calls.linkAt(source.dir, source.name, dir, name)),
    )
  }

  rename(from: BytePath, to: BytePath, options: RenameOptions = {}): number {
    const renamed = this.#at(from, (source) =>
      this.#at(to, (place) => this.#rename(source, place, from, to, options)),
    )
    if (options.isFile !== true) {
      this.#layer.forgetBelow(from)
      this.#layer.forgetBelow(to)
    }
    this.#layer.forgetMarks()
    return renamed
  }

  remove(path: BytePath, options: { readonly whiteout: boolean }): number {
    return this.#at(path, (place) => {
      const { dir, name } = place
      if (options.whiteout && this.#form === 'trusted') {
        // Where nothing is in the way, as most often, the one call is all.
        const left = leaveWhiteout(this.#whiteout(place), this.#form)
        if (left !== -ERRNO.EEXIST) return left
      }
      const node = this.#layer.lookup(path)
      const there = node !== undefined && node !== 'whiteout'
      // Also where nothing is taken away: its directory is now marked as one that has whiteouts.
      this.#layer.forgetMarks()
      if (!there) return options.whiteout ? leaveWhiteout(this.#whiteout(place), this.#form) : 0
      if (node.type !== 'directory') {
        if (!options.whiteout) return calls.unlinkAt(dir, name)
        return placeWhiteout(this.#whiteout(place), this.#form)
      }
      this.#layer.forgetBelow(path)
      const where = this.#whiteout(place)
      const moved = options.whiteout
        ? exchangeWhiteout(where, this.#form)
        : rename(place, where.aside, RENAME_NOREPLACE)
      if (moved === 0) this.#discard(where.aside)
      return moved
    })
  }

  setOpaque(path: BytePath): number {
    return this.#at(path, ({ dir, name }) => {
      const fd = calls.openAt(dir, name, DIRECTORY)
      if (fd < 0) return fd
      try {
        return attempt(() => writeOpaque(fd, markForm(this.#form)))
      } finally {
        calls.close(fd)
        this.#layer.forgetMarks()
      }
    })
  }

  setAttributes(path: BytePath, attributes: Attributes): number {
    const { mode, sizeBytes } = attributes
    if (this.#form === 'trusted' && mode === undefined && sizeBytes === undefined)
      return this.#at(path, (place) => changeOwnedAt(place, attributes))
    const now = this.#layer.lookup(path)
    if (now === undefined || now === 'whiteout') return -ERRNO.ENOENT
    return this.#at(path, (place) => changeAt(place, this.#form, now, attributes))
  }

  setXattr(path: BytePath, name: string, value: Uint8Array, flags: XattrFlags = {}): number {
    if (!keepsXattr(this.#form, name)) return -ERRNO.EOPNOTSUPP
    const bits = xattrBits(flags)
    return this.#at(path, (place) => setXattr(below(place.dir, place.name), name, value, bits))
  }

  removeXattr(path: BytePath, name: string): number {
    return this.#at(path, (place) => removeXattr(below(place.dir, place.name), name))
  }

  reservesName(name: BytePath): boolean {
    return this.#form === 'none' && name.startsWith(WHITEOUT_PREFIX)
  }

  sync(): number {
    return syncFileSystemOf(this.#root)
  }

  /** Nothing is changed from here on: lets the next one in, who need not wait until all is on the disk. */
  release(): void {
    if (this.#work < 0) return
    unlockDirectory(this.#work)
    calls.close(this.#work)
    this.#work = -1
  }

  close(): void {
    this.release()
    this.#layer.close()
    calls.close(this.#root)
  }

  #rename(
    source: Place,
    place: Place,
    from: BytePath,
    to: BytePath,
    options: RenameOptions,
  ): number {
    if (options.exchange) return rename(source, place, RENAME_EXCHANGE)
    let isDirectory = false
    if (options.isFile !== true) {
      const node = this.#layer.lookup(from)
      if (node === undefined || node === 'whiteout') return -ERRNO.ENOENT
      isDirectory = node.type === 'directory'
    }
    const target = isDirectory ? this.#layer.lookup(to) : undefined
    if (this.#form === 'none') return this.#renameMarked(source, place, isDirectory, options)
    if (isDirectory && target === 'whiteout') return this.#ontoWhiteout(source, place, options)
    if (isDirectory && target !== undefined) return this.#ontoDirectory(source, place, to, options)
    return this.#move(source, place, options)
  }

  /** Over a file or nothing; a whiteout at the old name comes with it, where the file system knows how. */
  #move(source: Place, place: Place, options: RenameOptions): number {
    if (!options.whiteout) return rename(source, place)
    const moved = rename(source, place, RENAME_WHITEOUT)
    if (!isRefused(moved)) return moved
    // In steps that can be taken back: what it replaces changes places with it first.
    const alone = rename(source, place, RENAME_NOREPLACE)
    if (alone === 0) {
      const left = leaveWhiteout(this.#whiteout(source), this.#form)
      if (left < 0) rename(place, source)
      return left
    }
    if (alone !== -ERRNO.EEXIST) return alone
    const swapped = rename(source, place, RENAME_EXCHANGE)
    if (swapped < 0) return swapped
    const left = placeWhiteout(this.#whiteout(source), this.#form)
    if (left < 0) rename(source, place, RENAME_EXCHANGE)
    return left
  }

  /** The whiteout changes places with the directory, and stays at the old name if one is wanted. */
  #ontoWhiteout(source: Place, place: Place, options: RenameOptions): number {
    const swapped = rename(source, place, RENAME_EXCHANGE)
    if (swapped < 0) return swapped
    const settled = options.whiteout
      ? keepWhiteout(this.#root, source, this.#form)
      : calls.unlinkAt(source.dir, source.name)
    if (settled < 0) rename(source, place, RENAME_EXCHANGE)
    return settled
  }

  /**
   * Over a directory in which marks are left, perhaps. One without them that is opaque takes its place first, as empty as
   * it (ovl_clear_empty of fs/overlayfs/dir.c): without either, for a moment, the lower directory would be back with all
   * that was removed from it.
   */
  #ontoDirectory(source: Place, place: Place, to: BytePath, options: RenameOptions): number {
    const now = this.#layer.lookup(to)
    if (now === undefined || now === 'whiteout') return -ERRNO.ENOENT
    if (this.#layer.list(to).length === 0) return this.#move(source, place, options)
    const { type, mode, uid, gid, atimeNs = now.mtimeNs, mtimeNs } = now
    const aside = this.#aside()
    const xattrs = this.#layer.xattrs(to)
    const empty: NewNode = { type, mode, uid, gid, atimeNs, mtimeNs, xattrs, opaque: true }
    const made = makeNode(aside, this.#form, empty)
    const swapped = made < 0 ? made : rename(aside, place, RENAME_EXCHANGE)
    const moved = swapped < 0 ? swapped : this.#move(source, place, options)
    if (moved < 0 && swapped === 0) rename(aside, place, RENAME_EXCHANGE)
    this.#discard(aside)
    return moved
  }

  /** The form `none`: the mark of its removal comes first, beside it, and says nothing once there is another one. */
  #ontoMarked(source: Place, place: Place): number {
    const where = this.#whiteout(place)
    const away = exchangeWhiteout(where, this.#form)
    if (away < 0) return away
    const moved = rename(source, place)
    if (moved < 0) rename(where.aside, place)
    else this.#discard(where.aside)
    calls.unlinkAt(place.dir, whiteoutOf(place.name))
    return moved
  }

  /**
   * The form `none`: a mark is a name of its own, and says nothing where what it removes is there again. So the one at
   * the old name comes before the move, and the one at the new name goes after it.
   */
  #renameMarked(source: Place, place: Place, isDirectory: boolean, options: RenameOptions): number {
    const isReplaced = isThere(place.dir, place.name)
    if (typeof isReplaced === 'number') return isReplaced
    const left = options.whiteout ? leaveWhiteout(this.#whiteout(source), this.#form) : 0
    if (left < 0) return left
    const ontoDirectory = isDirectory && isReplaced
    let result = ontoDirectory ? this.#ontoMarked(source, place) : rename(source, place)
    // Beside what was there a mark says nothing, and what was replaced would not come back.
    if (result === 0 && !isReplaced) {
      const cleared = calls.unlinkAt(place.dir, whiteoutOf(place.name))
      if (cleared < 0 && cleared !== -ERRNO.ENOENT) {
        result = cleared
        rename(place, source)
      }
    }
    if (result < 0 && options.whiteout) calls.unlinkAt(source.dir, whiteoutOf(source.name))
    return result
  }

  /** From the work directory to its place, over a whiteout if there is one. */
  #place(aside: Place, place: Place, whiteout: boolean, isDirectory: boolean): number {
    if (whiteout && this.#form !== 'none') {
      if (!isDirectory) return rename(aside, place)
      const swapped = rename(aside, place, RENAME_EXCHANGE)
      if (swapped === 0) this.#discard(aside)
      return swapped
    }
    const placed = this.#putWhereNothingIs(aside, place)
    if (placed < 0 || !whiteout) return placed
    const cleared = calls.unlinkAt(place.dir, whiteoutOf(place.name))
    if (cleared < 0) rename(place, aside)
    return cleared
  }

  /** Not every file system has RENAME_NOREPLACE (EINVAL, by NFS and CIFS): then it is looked first. Nobody else is here. */
  #putWhereNothingIs(aside: Place, place: Place): number {
    const placed = rename(aside, place, RENAME_NOREPLACE)
    if (placed !== -ERRNO.EINVAL && placed !== -ERRNO.EOPNOTSUPP) return placed
    const there = isThere(place.dir, place.name)
    if (typeof there === 'number') return there
    return there ? -ERRNO.EEXIST : rename(aside, place)
  }

  /** A new one that one call makes as it shall be. What takes more is put together aside: this process may be killed. */
  #isOneCall(node: NewNode): boolean {
    return !isCopied(node) && isOneCall(this.#form, node, this.#maker)
  }

  #aside(): Place {
    return { dir: this.#work, name: `#${(this.#temporary++).toString(16)}` as BytePath }
  }

  #whiteout(place: Place): WhiteoutPlace {
    return { root: this.#root, place, aside: this.#aside() }
  }

  #discard({ dir, name }: Place): void {
    calls.removeTree(dir, name)
  }

  /**
   * The directory stays open through one more of these, as long as the layer keeps at least two.
   * @returns what `action` does, or -errno where the upper layer has no such directory
   */
  #at<T>(path: BytePath, action: (place: Place) => T | number): T | number {
    if (path === '') return action({ dir: this.#root, name: '.' as BytePath })
    const dir = this.#open(dirname(path))
    return dir < 0 ? dir : action({ dir, name: basename(path) })
  }

  #open(path: BytePath): number {
    return path === '' ? this.#root : this.#layer.descriptor(path)
  }
}

function rename(from: Place, to: Place, flags = 0): number {
  return calls.renameAt(from.dir, from.name, to.dir, to.name, flags)
}

/** Made after a file of a lower layer: to be complete before anybody can see it. */
function isCopied(node: NewNode): boolean {
  return node.mtimeNs !== undefined
}
