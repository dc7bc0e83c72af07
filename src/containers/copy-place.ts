// Where a copied tree is put: a directory of the host, a container's root that is mounted, or a writable layer that is
// not. Each answers the same few questions by name; all keep inside of their root whatever lies there, and whoever
// changes it meanwhile.

import { DEFAULT_APPLY_LIMITS } from '../archive/limits.ts'
import { ConflictError, LimitError, UnsafePathError } from '../errors.ts'
import { basename, dirname, joinPath, pathText, type BytePath } from '../path/byte-path.ts'
import { ERRNO, hostError } from '../sys/errno.ts'
import * as calls from '../sys/file-calls.ts'
import { statusAt } from '../sys/file-status.ts'
import { openInRoot } from '../sys/open-in-root.ts'
import type { NodeType } from '../union/layer-view.ts'
import { openTarget } from '../view/materialise.ts'
import type { WritableTree } from '../view/writable-tree.ts'
import { inScope } from './working-directory.ts'

const { O } = calls
const DIRECTORY = O.RDONLY | O.DIRECTORY

/** Paths are clean and relative to the place. */
export interface CopyPlace extends Disposable {
  /** For messages. */
  shown(path: BytePath): BytePath
  typeOf(path: BytePath): NodeType | undefined
  /** mkdir -p, of what the tar does not name. */
  makeParents(path: BytePath): void
  makeDirectory(path: BytePath): void
  /** An fd, which the caller closes, on an existing directory that may be changed. */
  openDirectory(path: BytePath): number
  /** Runs `make` in the open parent directory, once nothing is in the way; there is no directory of that name. */
  replace(path: BytePath, make: (dir: number, name: BytePath) => void): void
  /** Runs `use` with the place of a file that may be changed. */
  existing(path: BytePath, use: (dir: number, name: BytePath) => void): void
}

/** Below an open directory. Symlinks on the way are refused, or followed as in a root file system. */
export class DirectoryPlace implements CopyPlace {
  readonly #directory: string
  readonly #base: BytePath
  readonly #root: number
  readonly #inScope: boolean

  /**
   * @param directory of the host
   * @param scope where `directory` is a root file system: the place in it, symlinks followed inside
   */
  constructor(directory: string, scope?: { readonly at: BytePath }) {
    this.#directory = directory
    this.#base = scope?.at ?? ('' as BytePath)
    this.#inScope = scope !== undefined
    this.#root = openTarget(directory)
  }

  shown(path: BytePath): BytePath {
    const inside = joinPath(this.#base, path)
    if (this.#inScope) return `/${inside.replace(/\/$/, '')}` as BytePath
    const directory = Buffer.from(this.#directory, 'utf8').toString('latin1')
    return (path === '' ? directory : `${directory}/${path}`) as BytePath
  }

  typeOf(path: BytePath): NodeType | undefined {
    const dir = this.#open(dirname(path), O.PATH | O.DIRECTORY)
    if (dir === -ERRNO.ENOENT) return undefined
    this.#must(dir, 'openat2', path)
    try {
      const status = statusAt(dir, basename(path))
      if (typeof status !== 'number') return status.type
      if (status !== -ERRNO.ENOENT) this.#must(status, 'statx', path)
      return undefined
    } finally {
      calls.close(dir)
    }
  }

  makeParents(path: BytePath): void {
    const parent = dirname(path)
    if (parent === '' || this.typeOf(parent) !== undefined) return
    this.makeParents(parent)
    this.#at(parent, (dir, name) => this.#must(calls.mkdirAt(dir, name, 0o755), 'mkdirat', path))
  }

  makeDirectory(path: BytePath): void {
    this.#at(path, (dir, name) => this.#must(calls.mkdirAt(dir, name, 0o700), 'mkdirat', path))
  }

  openDirectory(path: BytePath): number {
    let fd = -1
    this.#at(path, (dir, name) => {
      fd = this.#must(calls.openAt(dir, name, DIRECTORY | O.NOFOLLOW), 'openat', path)
    })
    return fd
  }

  replace(path: BytePath, make: (dir: number, name: BytePath) => void): void {
    this.#at(path, (dir, name) => {
      const gone = calls.unlinkAt(dir, name)
      if (gone < 0 && gone !== -ERRNO.ENOENT) this.#must(gone, 'unlinkat', path)
      make(dir, name)
    })
  }

  existing(path: BytePath, use: (dir: number, name: BytePath) => void): void {
    this.#at(path, use)
  }

  [Symbol.dispose](): void {
    calls.close(this.#root)
  }

  #at(path: BytePath, use: (dir: number, name: BytePath) => void): void {
    const dir = this.#must(this.#open(dirname(path), DIRECTORY), 'openat2', path)
    try {
      use(dir, basename(path))
    } finally {
      calls.close(dir)
    }
  }

  #open(path: BytePath, flags: number): number {
    const noSymlinks = !this.#inScope
    return openInRoot(this.#root, joinPath(this.#base, path), flags, { noSymlinks })
  }

  #must(result: number, syscall: string, path: BytePath): number {
    if (result >= 0) return result
    const shown = pathText(this.shown(path))
    if (result === -ERRNO.ENOTDIR) throw notADirectory(shown)
    if (result !== -ERRNO.ELOOP) throw hostError(`copy to ${shown}`, -result, syscall, shown)
    if (this.#inScope) {
      throw new LimitError('ERR_PATH_MAX', `cannot copy to ${shown}: too many symbolic links`, {
        details: { path: shown },
      })
    }
    throw new UnsafePathError(
      'ERR_LINK_ESCAPE',
      `cannot copy to ${shown}: a symbolic link stands where the copy has a directory`,
      { details: { path: shown } },
    )
  }
}

/** In a writable layer and what lies below it, as a mount of them would do it. */
export class LayerPlace implements CopyPlace {
  readonly #tree: WritableTree
  readonly #base: BytePath

  /** @param at an existing directory of the merge, links resolved */
  constructor(tree: WritableTree, at: BytePath) {
    this.#tree = tree
    this.#base = at
  }

  shown(path: BytePath): BytePath {
    return `/${joinPath(this.#base, path).replace(/\/$/, '')}` as BytePath
  }

  typeOf(path: BytePath): NodeType | undefined {
    return this.#tree.view.lookup(this.#inside(path))?.type
  }

  makeParents(path: BytePath): void {
    const parent = dirname(path)
    if (parent === '' || this.typeOf(parent) !== undefined) return
    // After each change the merge is looked at anew, from the top, and a tar may leave out hundreds: all are made in one
    // go, from the first that is missing on. Below what is missing nothing is there, so that one is found by halves.
    const names = parent.split('/')
    let there = 0
    for (let missing = names.length; missing - there > 1;) {
      const middle = (there + missing) >> 1
      if (this.typeOf(names.slice(0, middle).join('/') as BytePath) === undefined) missing = middle
      else there = middle
    }
    const first = this.#inDirectory(names.slice(0, there + 1).join('/') as BytePath)
    const missing = [first, ...names.slice(there + 1)].join('/')
    this.#tree.makeDirectories(missing as BytePath)
  }

  makeDirectory(path: BytePath): void {
    this.#tree.makeDirectories(this.#inDirectory(path), 0o700)
  }

  openDirectory(path: BytePath): number {
    return this.#tree.copyUp(this.#inside(path))
  }

  replace(path: BytePath, make: (dir: number, name: BytePath) => void): void {
    this.#tree.at(this.#inDirectory(path), (dir, name) => {
      this.#tree.clearWhiteout(dir, name)
      const gone = calls.unlinkAt(dir, name)
      if (gone < 0 && gone !== -ERRNO.ENOENT) {
        const shown = pathText(this.shown(path))
        throw hostError(`replace ${shown}`, -gone, 'unlinkat', shown)
      }
      make(dir, name)
    })
  }

  existing(path: BytePath, use: (dir: number, name: BytePath) => void): void {
    const inside = this.#inDirectory(path)
    this.#tree.copyUpFile(inside)
    this.#tree.at(inside, use)
  }

  [Symbol.dispose](): void {
    this.#tree[Symbol.dispose]()
  }

  /** Links on the way lead where they would in the container; a link at the end is meant itself. */
  #inside(path: BytePath): BytePath {
    const { view } = this.#tree
    const parent = joinPath(this.#base, dirname(path)).replace(/\/$/, '') as BytePath
    const inside = joinPath(inScope(view, parent), basename(path))
    this.#checkDepth(inside)
    return inside
  }

  /** Short names make deep paths by way of links; each look at one costs as many calls as it has directories. */
  #checkDepth(inside: BytePath): void {
    const { pathDepthMax: limit } = DEFAULT_APPLY_LIMITS
    if (inside.length <= 2 * limit) return
    const actual = inside.split('/').length - 1
    if (actual <= limit) return
    const shown = JSON.stringify(pathText(inside.slice(0, 80) as BytePath))
    throw new LimitError(
      'ERR_PATH_MAX',
      `cannot copy to ${shown}...: it has ${actual} directories, over the limit of ${limit}`,
      { details: { name: 'path-depth', actual, limit } },
    )
  }

  /** The same, once it is known that something can be made there. */
  #inDirectory(path: BytePath): BytePath {
    const inside = this.#inside(path)
    const parent = this.#tree.view.lookup(dirname(inside))
    if (parent?.type === 'directory') return inside
    const shown = pathText(this.shown(path))
    if (parent) throw notADirectory(shown)
    throw hostError(`copy to ${shown}`, ERRNO.ENOENT, 'openat2', shown)
  }
}

function notADirectory(shown: string): ConflictError {
  return new ConflictError(
    'ERR_DESTINATION_EXISTS',
    `cannot copy to ${shown}: something on the way there is not a directory`,
    { details: { path: shown } },
  )
}
