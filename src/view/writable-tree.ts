// A writable layer changed as a mount of it would be, without a mount: parents are copied up with the lower's owner,
// mode and attributes, what is removed and lies below leaves a whiteout, a directory in a removed name's place is
// opaque (Documentation/filesystems/overlayfs.rst). Without layers below it is a plain tree: vfs.
// Knows one upper directory and the stack beneath; which changes are wanted is the caller's. Never follows a symlink:
// a path through one is no path here.

import type { ReadableLayer } from '../archive/diff.ts'
import { OVERRIDE_STAT, overrideStat, type OverrideType } from '../archive/metadata.ts'
import { writeOpaque, writeWhiteout } from '../archive/whiteout-form.ts'
import type { LayerForm } from '../driver/driver.ts'
import { ConflictError } from '../errors.ts'
import { basename, dirname, joinPath, pathText, type BytePath } from '../path/byte-path.ts'
import { ERRNO, hostError } from '../sys/errno.ts'
import * as calls from '../sys/file-calls.ts'
import { statusOf } from '../sys/file-status.ts'
import { openInRoot } from '../sys/open-in-root.ts'
import { below, isRefusedXattr, isUnsupportedXattr, setXattr } from '../sys/xattr.ts'
import { mergeLayers, type MergedNode, type MergedView } from '../union/merge.ts'
import { whiteoutOf } from '../union/whiteout.ts'
import { copyContent } from './copy-content.ts'
import { DirectoryLayer } from './directory-layer.ts'
import { openTarget } from './materialise.ts'

const { O } = calls
const DIRECTORY = O.RDONLY | O.DIRECTORY | O.NOFOLLOW

/** Of what is made anew; root's, as a runtime makes it. */
interface NewNode {
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

export class WritableTree implements Disposable {
  readonly #directory: string
  readonly #form: LayerForm
  readonly #lower: readonly ReadableLayer[]
  readonly #root: number
  #upper: DirectoryLayer | undefined
  #view: MergedView | undefined

  /**
   * @param directory the upper directory
   * @param lower layers beneath, nearest first; they stay the caller's
   */
  constructor(
    directory: string,
    options: { readonly form: LayerForm; readonly lower?: readonly ReadableLayer[] },
  ) {
    this.#directory = directory
    this.#form = options.form
    this.#lower = options.lower ?? []
    this.#root = openTarget(directory)
  }

  /** The merge as it is now; good until the next change. */
  get view(): MergedView {
    this.#upper ??= new DirectoryLayer(this.#directory, { form: this.#form })
    return (this.#view ??= mergeLayers([this.#upper, ...this.#lower]))
  }

  /** mkdir -p. @throws ConflictError ERR_DESTINATION_EXISTS where something else is in the way */
  makeDirectories(path: BytePath, mode = 0o755): void {
    const missing: BytePath[] = []
    for (let at = path; at !== ''; at = dirname(at)) {
      const node = this.view.lookup(at)
      if (node?.type === 'directory') break
      if (node !== undefined) {
        throw new ConflictError(
          'ERR_DESTINATION_EXISTS',
          `Cannot mkdir: /${pathText(path)} is not a directory`,
          { details: { path: `/${pathText(path)}`, at: `/${pathText(at)}` } },
        )
      }
      missing.unshift(at)
    }
    for (const at of missing) this.#makeDirectory(at, mode)
  }

  /** An empty file where there is nothing; its directory must exist. */
  makeFile(path: BytePath, mode: number): void {
    this.at(path, (dir, name) => {
      this.clearWhiteout(dir, name)
      const flags = O.WRONLY | O.CREAT | O.EXCL | O.NOFOLLOW
      calls.close(this.#must(calls.openAt(dir, name, flags, 0o600), 'openat', path))
      this.#own(dir, name, { mode, uid: 0, gid: 0 }, 'file')
    })
  }

  makeSymlink(path: BytePath, target: BytePath): void {
    this.at(path, (dir, name) => {
      this.clearWhiteout(dir, name)
      this.#must(calls.symlinkAt(target, dir, name), 'symlinkat', path)
      if (this.#form === 'trusted') this.#chown(dir, name, { uid: 0, gid: 0 }, path)
    })
  }

  /** unlink(2) of anything but a directory. @returns false where there is no such thing */
  unlink(path: BytePath): boolean {
    const node = this.view.lookup(path)
    if (node === undefined || node.type === 'directory') return false
    this.at(path, (dir, name) => {
      const gone = calls.unlinkAt(dir, name)
      if (gone < 0 && gone !== -ERRNO.ENOENT) this.#must(gone, 'unlinkat', path)
      this.#changed()
      if (this.view.lookup(path) === undefined) return
      writeWhiteout({ root: this.#root, dir, name }, this.#form)
    })
    return true
  }

  [Symbol.dispose](): void {
    this.#changed()
    calls.close(this.#root)
  }

  /**
   * Runs `change` on the open parent directory of a path, in the upper; made there first where only lower layers have
   * it. `change` takes nothing away that lies below without leaving a mark.
   */
  at(path: BytePath, change: (dir: number, name: BytePath) => void): void {
    const dir = this.copyUp(dirname(path))
    try {
      change(dir, basename(path))
    } finally {
      calls.close(dir)
      this.#changed()
    }
  }

  /** What was read is out of date. */
  #changed(): void {
    this.#upper?.close()
    this.#upper = undefined
    this.#view = undefined
  }

  #makeDirectory(path: BytePath, mode: number): void {
    this.at(path, (dir, name) => {
      const replaces = this.clearWhiteout(dir, name)
      this.#must(calls.mkdirAt(dir, name, 0o700), 'mkdirat', path)
      const fd = this.#must(calls.openAt(dir, name, DIRECTORY), 'openat', path)
      try {
        // What a removed directory of that name had below must not come back in it.
        if (replaces) writeOpaque(fd, this.#form)
      } finally {
        calls.close(fd)
      }
      this.#own(dir, name, { mode, uid: 0, gid: 0 }, 'dir')
    })
  }

  /** An fd on that directory of the upper, made first where only lower layers have it. The caller closes it. */
  copyUp(path: BytePath): number {
    const there = openInRoot(this.#root, path, DIRECTORY, { noSymlinks: true })
    if (there >= 0) return there
    if (there !== -ERRNO.ENOENT) this.#must(there, 'openat2', path)
    const node = this.view.lookup(path)
    if (node?.type !== 'directory') throw this.#failed(ERRNO.ENOTDIR, 'openat2', path)
    const xattrs = this.view.layers[node.layer]!.xattrs(path)
    const dir = this.copyUp(dirname(path))
    try {
      const before = statusOf(dir)
      this.#must(calls.mkdirAt(dir, basename(path), 0o700), 'mkdirat', path)
      this.#describe(dir, node, xattrs, 'dir')
      // A copy-up is no change of the parent: the kernel gives it its times back, too.
      if (typeof before !== 'number') calls.setTimesOf(dir, before.atimeNs, before.mtimeNs)
      this.#changed()
      return this.#must(calls.openAt(dir, basename(path), DIRECTORY), 'openat', path)
    } finally {
      calls.close(dir)
    }
  }

  /** Before a file gets another name: brings it into the upper, where only lower layers have it. */
  copyUpFile(path: BytePath): void {
    const node = this.view.lookup(path)
    if (node === undefined || node.layer === 0) return
    if (node.type !== 'file') throw this.#failed(ERRNO.EOPNOTSUPP, 'linkat', path)
    const layer = this.#lower[node.layer - 1]!
    const xattrs = layer.xattrs(path)
    const from = this.#must(layer.openFile(path), 'openat', path)
    try {
      this.at(path, (dir, name) => {
        const before = statusOf(dir)
        const flags = O.WRONLY | O.CREAT | O.EXCL | O.NOFOLLOW
        const to = this.#must(calls.openAt(dir, name, flags, 0o600), 'openat', path)
        try {
          this.#must(copyContent(from, to, node.sizeBytes), 'write', path)
        } finally {
          calls.close(to)
        }
        this.#describe(dir, node, xattrs, 'file')
        if (typeof before !== 'number') calls.setTimesOf(dir, before.atimeNs, before.mtimeNs)
      })
    } finally {
      calls.close(from)
    }
  }

  #describe(
    dir: number,
    node: MergedNode,
    xattrs: ReadonlyMap<string, Uint8Array>,
    type: OverrideType,
  ): void {
    const name = basename(node.path)
    for (const [key, value] of xattrs) {
      const result = setXattr(below(dir, name), key, value)
      // What a layer says of a file, and no disk holds, must not keep the file from being changed.
      const isLeftOut = isUnsupportedXattr(-result) || isRefusedXattr(-result)
      if (result < 0 && !isLeftOut) this.#must(result, 'setxattr', node.path)
    }
    this.#own(dir, name, node, type)
    this.#must(calls.setTimesAt(dir, name, node.mtimeNs, node.mtimeNs), 'utimensat', node.path)
  }

  /** Owner, then mode: chown would take setuid and setgid away. */
  #own(dir: number, name: BytePath, node: NewNode, type: OverrideType): void {
    if (this.#form === 'trusted') this.#chown(dir, name, node, name)
    if (this.#form === 'user') {
      const record = overrideStat(node, type)
      this.#must(setXattr(below(dir, name), OVERRIDE_STAT, record), 'setxattr', name)
    }
    // The caller must be able to read back what it owns.
    const least = type === 'dir' ? 0o700 : 0o600
    const mode = this.#form === 'trusted' ? node.mode : (node.mode & 0o777) | least
    const fd = this.#must(calls.openAt(dir, name, O.PATH | O.NOFOLLOW), 'openat', name)
    try {
      this.#must(calls.chmodPath(fd, mode), 'chmod', name)
    } finally {
      calls.close(fd)
    }
  }

  #chown(dir: number, name: BytePath, to: Pick<NewNode, 'uid' | 'gid'>, path: BytePath): void {
    this.#must(calls.chownAt(dir, name, to.uid, to.gid), 'fchownat', path)
  }

  /** Before something new takes a removed name. @returns whether there was a mark */
  clearWhiteout(dir: number, name: BytePath): boolean {
    const onDisk = this.#form === 'none' ? whiteoutOf(name) : name
    const gone = calls.unlinkAt(dir, onDisk)
    if (gone < 0 && gone !== -ERRNO.ENOENT) this.#must(gone, 'unlinkat', joinPath(onDisk, name))
    return gone === 0
  }

  #must(result: number, syscall: string, path: BytePath): number {
    if (result < 0) throw this.#failed(-result, syscall, path)
    return result
  }

  #failed(errno: number, syscall: string, path: BytePath): Error {
    const place = `${this.#directory}/${pathText(path)}`
    return hostError(`change ${place}`, errno, syscall, place)
  }
}
