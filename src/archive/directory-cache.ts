// Open directories of a layer that is being unpacked, by the path that the archive uses for them. A tar names hundreds
// of entries below one directory; opening it once keeps the safe way (never a path, always one step below an fd) fast.
// Knows symlinks in the layer, resolved as if its directory were `/`; makes the parents that an archive leaves out.

import { ArchiveError, LimitError } from '../errors.ts'
import { type BytePath, dirname, pathText } from '../path/byte-path.ts'
import { ERRNO, hostError } from '../sys/errno.ts'
import { AT_FDCWD, O, close, mkdirAt, openAt, readlinkAt } from '../sys/file-calls.ts'
import { openInRoot } from '../sys/open-in-root.ts'
import { WHITEOUT_PREFIX } from '../union/whiteout.ts'

/** Below the usual limit of 1024 open files, with several appliers in one process. */
const OPEN_MAX = 128
const SYMLINKS_MAX = 40
/** So that a name of 255 bytes in it is still within PATH_MAX. */
const PLACE_BYTES_MAX = 4095 - 256
const OPEN_DIRECTORY = O.PATH | O.DIRECTORY

export interface OpenDirectory {
  readonly fd: number
  /** The way to it goes through a symlink. */
  readonly throughLink: boolean
}

export class DirectoryCache {
  readonly root: number
  readonly #open = new Map<BytePath, OpenDirectory>()
  readonly #onCreate: (dir: number, name: string) => void
  #last: { path: BytePath; directory: OpenDirectory } | undefined
  #closed = false

  /** @param onCreate told of each parent directory that is made here, to finish its metadata */
  constructor(root: string, onCreate: (dir: number, name: string) => void) {
    const bytes = Buffer.from(root, 'utf8').toString('latin1')
    const fd = openAt(AT_FDCWD, bytes, O.RDONLY | O.DIRECTORY)
    if (fd < 0) throw hostError(`open layer directory ${root}`, -fd, 'openat', root)
    this.root = fd
    this.#onCreate = onCreate
  }

  /** An existing directory; undefined when there is none of that name (or it is something else). */
  find(path: BytePath): OpenDirectory | undefined {
    if (path === '') return { fd: this.root, throughLink: false }
    if (this.#last?.path === path) return this.#last.directory
    const known = this.#open.get(path)
    if (known) {
      // Map order is age: what is used again becomes young.
      this.#open.delete(path)
      this.#open.set(path, known)
      this.#last = { path, directory: known }
      return known
    }
    let fd = openInRoot(this.root, path, OPEN_DIRECTORY, { noSymlinks: true })
    const throughLink = fd === -ERRNO.ELOOP || fd === -ERRNO.ENOTDIR
    // A symlink as last component is ENOTDIR with O_DIRECTORY, before the kernel thinks of following it.
    if (throughLink) fd = openInRoot(this.root, path, OPEN_DIRECTORY)
    if (fd === -ERRNO.ENOENT || fd === -ERRNO.ENOTDIR) return undefined
    if (fd < 0) throw unusablePath(path, fd)
    if (throughLink) this.#checkPlace(path, fd)
    return this.#keep(path, { fd, throughLink })
  }

  /** As `find`; also undefined where the path cannot be followed at all (links in a circle). */
  findUsable(path: BytePath): OpenDirectory | undefined {
    try {
      return this.find(path)
    } catch (error) {
      if (error instanceof ArchiveError) return undefined
      throw error
    }
  }

  /** The directory, made with all its parents (0755, owned by root) where it is missing. */
  ensure(path: BytePath): OpenDirectory {
    const found = this.find(path)
    if (found) return found
    this.#make(path, path, 0)
    const made = this.find(path)
    if (made) return made
    throw unusablePath(path, -ERRNO.ENOTDIR)
  }

  /** Something at this path, or below it, was removed or replaced: no fd for it is right any more. */
  forget(path: BytePath): void {
    this.#last = undefined
    for (const [key, { fd, throughLink }] of this.#open) {
      // What a symlink led through cannot be told from its path.
      if (throughLink || key === path || key.startsWith(`${path}/`)) {
        close(fd)
        this.#open.delete(key)
      }
    }
  }

  /** The same, where a symlink on the way hides which path that really is. */
  forgetAll(): void {
    this.#last = undefined
    for (const { fd } of this.#open.values()) close(fd)
    this.#open.clear()
  }

  /** Takes over an fd that the caller opened for a directory it just made. */
  adopt(path: BytePath, fd: number): void {
    this.#keep(path, { fd, throughLink: false })
  }

  /** Idempotent: a second close of the same number would close what another thread has opened meanwhile. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const { fd } of this.#open.values()) close(fd)
    this.#open.clear()
    this.#last = undefined
    close(this.root)
  }

  /**
   * Symlinks make short names of long ones, again and again, until no call can take the whole path and nobody can list
   * or remove what lies there. /proc tells a place of up to PATH_MAX, and of a longer one ENAMETOOLONG.
   */
  #checkPlace(path: BytePath, fd: number): void {
    const place = placeOf(fd)
    const root = placeOf(this.root)
    if (typeof place !== 'number' && typeof root !== 'number') {
      if (place.length - root.length <= PLACE_BYTES_MAX) return
    }
    close(fd)
    throw nameTooLong(path)
  }

  #keep(path: BytePath, directory: OpenDirectory): OpenDirectory {
    if (this.#open.size >= OPEN_MAX) {
      const [oldest, { fd }] = this.#open.entries().next().value!
      this.#open.delete(oldest)
      close(fd)
    }
    const before = this.#open.get(path)
    if (before) close(before.fd)
    this.#open.set(path, directory)
    this.#last = { path, directory }
    return directory
  }

  /**
   * Component by component through the kernel's own resolution, so that `..` in a symlink means what it means there.
   * A dangling symlink on the way gets the directory that it points to, inside the root.
   */
  #make(path: string, wanted: BytePath, symlinks: number): void {
    let prefix = ''
    for (const part of path.split('/')) {
      if (part === '' || part === '.') continue
      const parent = prefix
      prefix = prefix === '' ? part : `${prefix}/${part}`
      const fd = openInRoot(this.root, prefix, OPEN_DIRECTORY)
      if (fd >= 0) {
        close(fd)
        continue
      }
      if (fd !== -ERRNO.ENOENT) throw unusablePath(wanted, fd)
      if (part.startsWith(WHITEOUT_PREFIX)) throw reservedName(wanted, part)
      const dir = openInRoot(this.root, parent, OPEN_DIRECTORY)
      if (dir < 0) throw unusablePath(wanted, dir)
      try {
        const made = mkdirAt(dir, part, 0o755)
        if (made === 0) {
          this.#onCreate(dir, part)
          continue
        }
        const target = made === -ERRNO.EEXIST ? readlinkAt(dir, part) : made
        if (typeof target === 'number') throw unusablePath(wanted, made)
        if (symlinks >= SYMLINKS_MAX) throw unusablePath(wanted, -ERRNO.ELOOP)
        this.#make(target.startsWith('/') ? target : `${parent}/${target}`, wanted, symlinks + 1)
      } finally {
        close(dir)
      }
    }
  }
}

/** Nothing that an option could raise: the kernel's and the file system's own bounds. */
export function nameTooLong(path: BytePath): LimitError {
  const entry = pathText(path)
  return new LimitError(
    'ERR_PATH_MAX',
    `cannot unpack ${JSON.stringify(entry.length > 300 ? `${entry.slice(0, 300)}...` : entry)}: a name in it has more than 255 bytes, or the whole path more than 4095`,
    { details: { entry } },
  )
}

/**
 * No entry has such a parent, but a symlink can lead to one. A directory of that name would be a removal, or hide all
 * that lies below, to whoever keeps removals as names: the form `none`, fuse-overlayfs, and every tar made of the tree.
 */
function reservedName(path: BytePath, name: string): ArchiveError {
  const entry = pathText(path)
  return new ArchiveError(
    'ERR_WHITEOUT_NAME',
    `cannot unpack into ${entry}: a symbolic link on the way leads to ${pathText(name as BytePath)}, and a whiteout cannot hold other entries`,
    { details: { entry } },
  )
}

function placeOf(fd: number): BytePath | number {
  const dir = openAt(AT_FDCWD, '/proc/self/fd', O.PATH | O.DIRECTORY)
  if (dir < 0) return dir
  const target = readlinkAt(dir, String(fd))
  close(dir)
  return target
}

function unusablePath(path: BytePath, result: number): Error {
  const text = pathText(path)
  const reason =
    result === -ERRNO.ENOTDIR
      ? 'a part of it is not a directory'
      : result === -ERRNO.ELOOP
        ? 'its symbolic links lead in a circle'
        : undefined
  if (result === -ERRNO.ENAMETOOLONG) return nameTooLong(path)
  if (reason === undefined) return hostError(`open directory ${text}`, -result, 'openat2', text)
  return new ArchiveError('ERR_TAR_HEADER', `cannot unpack into ${text || '/'}: ${reason}`, {
    details: { entry: text, parent: pathText(dirname(path)) },
  })
}
