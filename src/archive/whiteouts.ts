// The deletions of one layer, gathered while it is unpacked and settled at its end: a whiteout acts on lower layers
// only, whatever the order of entries, so what it becomes depends on what else the layer holds by then.
//
// - the name exists in this layer as a directory: that directory is opaque (its entries stay, lower ones are hidden);
// - it exists as anything else: nothing, it hides the lower name by being there;
// - it lies in or below a directory that is opaque or gone in this layer: nothing, there is no lower name left to hide
//   (overlayfs would show the whiteout itself in a directory listing);
// - else a whiteout, in a parent that is made if need be.

import type { LayerForm } from '../driver/driver.ts'
import {
  type BytePath,
  basename,
  cleanPath,
  comparePaths,
  dirname,
  joinPath,
} from '../path/byte-path.ts'
import { ERRNO, hostError } from '../sys/errno.ts'
import { O, close, openAt, readlinkAt } from '../sys/file-calls.ts'
import { statusAt } from '../sys/file-status.ts'
import { openInRoot } from '../sys/open-in-root.ts'
import type { DirectoryCache } from './directory-cache.ts'
import { type WhiteoutOwner, writeOpaque, writeWhiteout } from './whiteout-form.ts'

export class Whiteouts {
  readonly #removed = new Map<BytePath, WhiteoutOwner>()
  readonly #opaque = new Set<BytePath>()
  readonly #directories = new Set<BytePath>()
  #rootOpaque = false

  remove(path: BytePath, owner: WhiteoutOwner): void {
    // Not the whole header, which may hold a megabyte of attributes.
    this.#removed.set(path, { uid: owner.uid, gid: owner.gid })
  }

  makeOpaque(directory: BytePath): void {
    this.#opaque.add(directory)
  }

  has(path: BytePath): boolean {
    return this.#removed.has(path)
  }

  get isEmpty(): boolean {
    return this.#removed.size === 0 && this.#opaque.size === 0
  }

  /** Settled: a marker may have come to the root through a symlink. */
  get rootOpaque(): boolean {
    return this.#rootOpaque
  }

  /** Where whiteouts were written, settled: each directory once. */
  get directories(): readonly BytePath[] {
    return [...this.#directories]
  }

  /** Writes them all. Call once, when every other entry is on disk and before directory times are set. */
  settle(directories: DirectoryCache, form: LayerForm): void {
    const opaque = new Set<BytePath>()
    const mark = (path: BytePath): void => {
      const { fd } = directories.ensure(path)
      writeOpaque(fd, form)
      const place = realPath(directories, path)
      opaque.add(place)
      if (place === '') this.#rootOpaque = true
    }
    // Parents first, so that a marker below a whited-out directory finds it made by then, whoever comes first in the tar.
    for (const path of [...this.#opaque].sort(comparePaths)) {
      if (!isBlocked(directories, path)) mark(path)
    }

    const open: { path: BytePath; owner: WhiteoutOwner }[] = []
    for (const [path, owner] of this.#removed) {
      const parent = directories.find(dirname(path))
      const status = parent ? statusAt(parent.fd, basename(path)) : -ERRNO.ENOENT
      if (typeof status !== 'number') {
        if (status.type === 'directory') mark(path)
      } else if (!isBlocked(directories, dirname(path))) {
        open.push({ path: joinPath(realPath(directories, dirname(path)), basename(path)), owner })
      }
    }

    const gone = opaque
    for (const { path, owner } of open.sort((a, b) => comparePaths(a.path, b.path))) {
      if (gone.has(path) || isBelow(path, gone)) continue
      const { fd } = directories.ensure(dirname(path))
      writeWhiteout({ root: directories.root, dir: fd, name: basename(path) }, form, owner)
      gone.add(path)
      this.#directories.add(dirname(path))
    }
  }
}

function isBelow(path: BytePath, tops: ReadonlySet<BytePath>): boolean {
  if (tops.size === 0) return false
  for (let above = dirname(path); ; above = dirname(above)) {
    if (tops.has(above)) return true
    if (above === '') return false
  }
}

/** A file or the like stands where a directory of this path should be: it hides all that lies below by itself. */
function isBlocked(directories: DirectoryCache, path: BytePath): boolean {
  if (path === '') return false
  const fd = openInRoot(directories.root, path, O.PATH | O.DIRECTORY)
  if (fd >= 0) close(fd)
  return fd === -ERRNO.ENOTDIR
}

/**
 * The path without symlinks, those that lead to nothing yet included: `lib/x` and `usr/lib/x` must be known as one
 * place. Where the links go in a circle, `find` has said so.
 */
function realPath(directories: DirectoryCache, path: BytePath): BytePath {
  if (path === '') return path
  const found = directories.find(path)
  if (!found) {
    const parent = realPath(directories, dirname(path))
    const dir = directories.find(parent)
    const target = dir ? readlinkAt(dir.fd, basename(path)) : -ERRNO.ENOENT
    if (typeof target === 'number') return joinPath(parent, basename(path))
    const base = target.startsWith('/') ? '' : parent
    return realPath(directories, cleanPath(`${base}/${target}` as BytePath).path)
  }
  if (!found.throughLink) return path
  const root = placeOf(directories.root)
  const place = placeOf(found.fd)
  if (place === root) return '' as BytePath
  return place.slice(root === '/' ? 1 : root.length + 1) as BytePath
}

function placeOf(fd: number): BytePath {
  const dir = openAt(-100, '/proc/self/fd', O.PATH | O.DIRECTORY)
  if (dir < 0) throw hostError('read /proc/self/fd', -dir, 'openat', '/proc/self/fd')
  const target = readlinkAt(dir, String(fd))
  close(dir)
  if (typeof target === 'number')
    throw hostError('read /proc/self/fd', -target, 'readlinkat', '/proc/self/fd')
  return target
}
