// A layer as it lies on disk (`diff` of an overlay2 directory, or a whole vfs tree), seen as the union rules want it. All
// forms of "removed", "opaque" and "owned by" that a store can be in end here.
// Never leaves the directory: a path is opened from the layer's own top with symlinks refused, and the name in it is
// asked by the open directory. Redirects and metacopy marks, which the kernel leaves when it is told to, are not followed:
// what stands behind one is refused, as the kernel itself does without those options, and never shown as empty.
//
// Speed matters most for `ls -R` without stat: a directory costs an open and its names, nothing per file. Opaque marks
// are read when the merge asks, which it does only where something lies below.

import { OVERRIDE_STAT } from '../archive/metadata.ts'
import { UnsupportedError } from '../errors.ts'
import { basename, dirname, joinPath, pathText, type BytePath } from '../path/byte-path.ts'
import { ERRNO, hostError } from '../sys/errno.ts'
import { AT_FDCWD, O, close, openAt, readDirectory, readlinkAt } from '../sys/file-calls.ts'
import { statusAt, statusOf, type FileStatus } from '../sys/file-status.ts'
import { below, listXattrs } from '../sys/xattr.ts'
import type { LayerEntry, LayerNode, LayerView, NodeType } from '../union/layer-view.ts'
import { OPAQUE_NAME, classifyWhiteout, whiteoutOf } from '../union/whiteout.ts'
import type { DiskForm } from './disk-form.ts'
import { OpenDirectories, isNoDirectory, type OpenDirectory } from './open-directories.ts'
import {
  directoryMark,
  findXattr,
  isImpure,
  isMetacopy,
  isStoreMark,
  isThere,
  isXattrWhiteout,
  type DirectoryMark,
} from './layer-marks.ts'
import { parseOverrideStat } from './override-stat.ts'

const DT_UNKNOWN = 0
const DT_CHR = 2
const DT_DIR = 4
const DT_REG = 8

const TOP = '' as BytePath
/** In place of a name: the directory itself. */
const SELF = '.' as BytePath
const NO_TARGET = '' as BytePath

/** Put together only where somebody asks for it: nearly nobody does. */
function pathOf({ path }: Directory, name: BytePath): BytePath {
  return name === SELF ? path : joinPath(path, name)
}

/** What the layer's tar says of a path where the disk could not take it (tar-split keeps the headers). */
export interface HeaderSupplement {
  readonly type?: NodeType
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly devMajor?: number
  readonly devMinor?: number
  readonly xattrs?: ReadonlyMap<string, Uint8Array>
}

export interface DirectoryLayerOptions {
  /** As the store's driver has it; `trusted` when absent. */
  readonly form?: DiskForm
  /** Asked in the forms `user` and `none` where the file itself tells no owner. */
  readonly headers?: (path: BytePath) => HeaderSupplement | undefined
  /** For whoever counts what lies there and shows none of it: redirects and metacopy marks are passed over. */
  readonly asItLies?: boolean
  /**
   * Removals are also names of the image spec (.wh.NAME, .wh..wh..opq), as containers-storage unpacks layers for a
   * mount_program; in the form `none` they always are.
   */
  readonly whiteoutNames?: boolean
  /** How many directories it keeps open at most, where there are many layers: `openShare`. */
  readonly openMax?: number
}

type Directory = OpenDirectory<DirectoryMark>

/** One directory of the host as a layer: for DiskLayer, and for whoever walks it. The caller closes it. */
export class DirectoryLayer implements LayerView, Disposable {
  /** The host directory, for messages. */
  readonly directory: string
  readonly form: DiskForm
  /** Which one it lies on: layers with one value share one space of inode numbers. */
  readonly fileSystem: string
  readonly #root: number
  readonly #headers: DirectoryLayerOptions['headers']
  readonly #directories: OpenDirectories<DirectoryMark>
  readonly #whiteoutNames: boolean
  #xattrWhiteouts: boolean
  /** The kernel has copied something up into it: then there may be marks that say where the rest lies. */
  readonly #mayPointBelow: boolean

  /** @throws HostError where the directory cannot be opened */
  constructor(directory: string, options: DirectoryLayerOptions = {}) {
    this.directory = directory
    this.form = options.form ?? 'trusted'
    this.#headers = options.headers
    this.#whiteoutNames = this.form === 'none' || options.whiteoutNames === true
    const path = Buffer.from(directory, 'utf8').toString('latin1')
    const fd = openAt(AT_FDCWD, path, O.PATH | O.DIRECTORY)
    if (fd < 0) throw hostError(`open layer directory ${directory}`, -fd, 'openat', directory)
    this.#root = fd
    this.#directories = new OpenDirectories(fd, options.openMax)
    try {
      const status = statusOf(fd)
      this.fileSystem = String(this.#known(status, TOP).device)
      this.#mayPointBelow =
        this.form === 'trusted' && options.asItLies !== true && this.#known(isImpure(fd), TOP)
      // Whoever writes whiteouts as xattrs marks the top as well (the kernel wants it), so that one question spares a
      // layer with device whiteouts all others. In the form `user` other writers are given the benefit of the doubt.
      this.#xattrWhiteouts =
        this.form === 'user' || this.form === 'plain' || this.#markOf(fd, TOP) === 'has whiteouts'
    } catch (error) {
      close(fd)
      throw error
    }
  }

  lookup(path: BytePath): LayerNode | 'whiteout' | undefined {
    const dir = this.#open(path === '' ? path : dirname(path))
    if (typeof dir === 'number') return undefined
    return this.#node(dir, path === '' ? SELF : basename(path))
  }

  child(directory: BytePath, name: BytePath): LayerNode | 'whiteout' | undefined {
    const dir = this.#open(directory)
    return typeof dir === 'number' ? undefined : this.#node(dir, name)
  }

  /** By its own descriptor, which is open while names in it change, and not by its name in another one. */
  directoryStatus(path: BytePath): LayerNode | undefined {
    if (this.form !== 'trusted') {
      const found = this.lookup(path)
      return found === 'whiteout' ? undefined : found
    }
    const dir = this.#open(path)
    if (typeof dir === 'number') return undefined
    const status = statusOf(dir.fd)
    return this.#asInImage(dir, SELF, this.#known(status, path))
  }

  list(path: BytePath): LayerEntry[] {
    const dir = this.#open(path)
    if (typeof dir === 'number') return []
    const found = readDirectory(dir.fd)
    if (typeof found === 'number') throw this.#failed('list', path, found)
    const xattrWhiteouts = this.#xattrWhiteouts && this.#mark(dir) === 'has whiteouts'
    const out: LayerEntry[] = []
    const named = this.#whiteoutNames ? new Set(found.map((entry) => entry.name)) : undefined
    for (const { name, type } of found) {
      if (named !== undefined) {
        const marker = classifyWhiteout(name)
        if (marker.kind !== 'plain') {
          // Marked as removed and there again: the new one counts, as the image spec has it for one layer.
          if (marker.kind === 'whiteout' && !named.has(marker.name)) {
            out.push({ name: marker.name, kind: 'whiteout' })
          }
          continue
        }
      }
      if (type === DT_DIR) {
        out.push({ name, kind: 'directory' })
      } else if (type === DT_CHR || type === DT_UNKNOWN || (xattrWhiteouts && type === DT_REG)) {
        const kind = this.#kindOf(dir, name)
        if (kind !== undefined) out.push({ name, kind })
      } else {
        out.push({ name, kind: 'leaf' })
      }
    }
    return out
  }

  opaque(path: BytePath): boolean {
    const dir = this.#open(path)
    if (typeof dir === 'number') return false
    if (this.#whiteoutNames && this.#known(isThere(dir.fd, OPAQUE_NAME), path)) return true
    return this.#mark(dir) === 'opaque'
  }

  xattrs(path: BytePath): ReadonlyMap<string, Uint8Array> {
    const headers = this.form === 'trusted' ? undefined : this.#headers?.(path)
    const out = new Map<string, Uint8Array>(headers?.xattrs ?? [])
    const dir = this.#open(path === '' ? path : dirname(path))
    if (typeof dir === 'number') return out
    const own = path === '' ? ('.' as BytePath) : basename(path)
    const names = listXattrs(below(dir.fd, own))
    if (typeof names === 'number') {
      if (names === -ERRNO.ENOENT || names === -ERRNO.EOPNOTSUPP) return out
      throw this.#failed('list the extended attributes of', path, names)
    }
    for (const name of names) {
      if (isStoreMark(name)) continue
      const value = this.#known(findXattr(dir.fd, own, name), path)
      if (value !== undefined) out.set(name, value)
    }
    return out
  }

  /** @throws UnsupportedError ERR_OVERLAY_MARK where this file is the head of one whose content lies in another layer */
  requireContent(path: BytePath): void {
    const dir = this.#open(dirname(path))
    if (typeof dir !== 'number') this.#refuseMetacopy(path, dir)
  }

  /** An fd on a regular file for reading; -errno, ELOOP for a symlink. The caller closes it. */
  openFile(path: BytePath): number {
    const dir = this.#open(dirname(path))
    // NONBLOCK: should it be a FIFO in the meantime, the open must not hang.
    if (typeof dir === 'number') return dir
    this.#refuseMetacopy(path, dir)
    return openAt(dir.fd, basename(path), O.RDONLY | O.NOFOLLOW | O.NONBLOCK)
  }

  /** Of the file that stands for a whiteout: who removed the path, and when. */
  whiteoutStatus(path: BytePath): { uid: number; gid: number; mtimeNs: bigint } | undefined {
    const dir = this.#open(dirname(path))
    if (typeof dir === 'number') return undefined
    const name = this.form === 'none' ? whiteoutOf(basename(path)) : basename(path)
    const status = statusAt(dir.fd, name)
    if (typeof status === 'number') return undefined
    const { mtimeNs } = status
    // Without the right to give files away, the owner on disk is the caller's account, never the image's.
    if (this.form !== 'trusted') return { uid: 0, gid: 0, mtimeNs }
    return { uid: status.uid, gid: status.gid, mtimeNs }
  }

  /** An fd on that directory for calls relative to it, which stays this layer's; -errno. See OpenDirectories.open. */
  descriptor(path: BytePath): number {
    const directory = this.#directories.open(path)
    return typeof directory === 'number' ? directory : directory.fd
  }

  /** For whoever changes the directory: marks that were read may be others by now. */
  forgetMarks(): void {
    this.#directories.forgetFacts()
  }

  /** And what was a directory of that path is one no longer, or another one. */
  forgetBelow(path: BytePath): void {
    this.#directories.forgetBelow(path)
  }

  close(): void {
    this.#directories.close()
    close(this.#root)
  }

  [Symbol.dispose](): void {
    this.close()
  }

  /** -errno where this layer has no directory there. */
  #open(path: BytePath): Directory | number {
    const directory = this.#directories.open(path)
    if (typeof directory !== 'number') {
      if (this.#mayPointBelow && this.#mark(directory) === 'redirected') {
        throw this.#pointsBelow(path, 'this directory was renamed with redirect_dir=on')
      }
      return directory
    }
    if (isNoDirectory(directory)) return directory
    throw this.#failed('open', path, directory)
  }

  #refuseMetacopy(path: BytePath, dir: Directory): void {
    if (!this.#mayPointBelow) return
    if (!this.#known(isMetacopy(dir.fd, basename(path)), path)) return
    throw this.#pointsBelow(path, 'this file was copied up with metacopy=on')
  }

  #pointsBelow(path: BytePath, what: string): Error {
    const place = this.#placeOf(path)
    return new UnsupportedError(
      'ERR_OVERLAY_MARK',
      `cannot read ${place}: ${what}, and where its content lies only the kernel reads; mount it with --view kernel`,
      { details: { path: place } },
    )
  }

  #node(dir: Directory, name: BytePath): LayerNode | 'whiteout' | undefined {
    if (this.#whiteoutNames && classifyWhiteout(name).kind !== 'plain') return undefined
    const status = statusAt(dir.fd, name)
    if (typeof status === 'number') {
      if (!isNoDirectory(status)) throw this.#failed('read', pathOf(dir, name), status)
      if (!this.#whiteoutNames) return undefined
      const isRemoved = this.#known(isThere(dir.fd, whiteoutOf(name)), pathOf(dir, name))
      return isRemoved ? 'whiteout' : undefined
    }
    if (this.#isWhiteout(dir, name, status)) return 'whiteout'
    return this.#asInImage(dir, name, status)
  }

  #asInImage(dir: Directory, name: BytePath, status: FileStatus): LayerNode {
    const linked = status.nlink > 1 && status.type !== 'directory'
    const override = this.form === 'trusted' ? undefined : this.#override(dir, name, status)
    const type = override?.type ?? status.type
    const linkTarget = status.type === 'symlink' ? this.#linkTarget(dir, name) : NO_TARGET
    const node: LayerNode = {
      type,
      // Linux has one mode for all symbolic links, whatever a tar says of them.
      mode: (type === 'symlink' ? undefined : override?.mode) ?? status.mode,
      uid: override?.uid ?? status.uid,
      gid: override?.gid ?? status.gid,
      sizeBytes: type === 'file' || type === 'symlink' ? status.sizeBytes : 0,
      directoryBytes: type === 'directory' ? status.sizeBytes : undefined,
      blocks: type === status.type ? status.blocks : undefined,
      mtimeNs: status.mtimeNs,
      linkTarget,
      devMajor: override?.devMajor ?? status.devMajor,
      devMinor: override?.devMinor ?? status.devMinor,
      ino: status.ino,
      nlink: status.nlink,
      atimeNs: status.atimeNs,
      ctimeNs: status.ctimeNs,
    }
    return linked ? { ...node, hardlinkKey: String(status.ino) } : node
  }

  #linkTarget(dir: Directory, name: BytePath): BytePath {
    return this.#known(readlinkAt(dir.fd, name), pathOf(dir, name))
  }

  #override(dir: Directory, name: BytePath, status: FileStatus): HeaderSupplement | undefined {
    const path = pathOf(dir, name)
    if (this.form !== 'none' && status.type !== 'symlink') {
      const value = this.#known(findXattr(dir.fd, name, OVERRIDE_STAT), path)
      const own = value && parseOverrideStat(value)
      if (own !== undefined && fits(own.type, status.type)) return own
    }
    if (this.form === 'plain') return undefined
    const header = this.#headers?.(path)
    // The disk's owner is whoever loaded the image, never the image's. What no header names (the root, a parent that
    // the archive leaves out) is root's, as appliers make it.
    if (header === undefined) return { mode: status.mode, uid: 0, gid: 0 }
    return fits(header.type, status.type) ? header : undefined
  }

  #isWhiteout(dir: Directory, name: BytePath, status: FileStatus): boolean {
    if (status.type === 'char') return status.devMajor === 0 && status.devMinor === 0
    if (!this.#xattrWhiteouts || status.type !== 'file' || status.sizeBytes > 0) return false
    if (this.#mark(dir) !== 'has whiteouts') return false
    return this.#known(isXattrWhiteout(dir.fd, name), pathOf(dir, name))
  }

  #kindOf(dir: Directory, name: BytePath): LayerEntry['kind'] | undefined {
    const status = statusAt(dir.fd, name)
    if (typeof status !== 'number') {
      if (this.#isWhiteout(dir, name, status)) return 'whiteout'
      return status.type === 'directory' ? 'directory' : 'leaf'
    }
    // Gone since the directory was read.
    if (isNoDirectory(status)) return undefined
    throw this.#failed('read', pathOf(dir, name), status)
  }

  #mark(dir: Directory): DirectoryMark {
    const { path, fd } = dir
    // That of the top is asked for so rarely that nothing is gained by remembering it.
    return path === '' ? this.#markOf(fd, path) : (dir.fact ??= this.#markOf(fd, path))
  }

  #markOf(dir: number, path: BytePath): DirectoryMark {
    return this.#known(directoryMark(dir, this.#mayPointBelow), path)
  }

  /** What was asked of the disk, which may have failed. @throws HostError */
  #known<T>(answer: T | number, path: BytePath): T {
    if (typeof answer === 'number') throw this.#failed('read', path, answer)
    return answer
  }

  #failed(what: string, path: BytePath, errno: number): Error {
    const place = this.#placeOf(path)
    return hostError(`${what} ${place}`, -errno, '', place)
  }

  #placeOf(path: BytePath): string {
    return `${this.directory}/${pathText(path)}`
  }
}

/** Only an empty regular file stands for something else; a symlink or directory that claims to be a device is forged. */
function fits(claimed: NodeType | undefined, onDisk: NodeType): boolean {
  return (
    claimed === undefined || claimed === onDisk || (onDisk === 'file' && claimed !== 'directory')
  )
}
