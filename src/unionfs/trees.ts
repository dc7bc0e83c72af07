// What node:fs does with whole trees by several system calls: mkdir -p, rm -r, a recursive listing. As Node does
// them: by the plain calls of calls.ts, in Node's order and with its errors. Copying is copy-tree.ts's.

import path from 'node:path'
import { joinPath, pathText, type BytePath } from '../path/byte-path.ts'
import { E } from '../union/errno.ts'
import { checkBoolean, retryOptions, type RetryOptions } from './argument-checks.ts'
import type { UnionCalls } from './calls.ts'
import { nodeError, systemError } from './node-error.ts'
import {
  encodeName,
  parentOf,
  pathArgument,
  shownPath,
  type Encoding,
  type PathArgument,
} from './path-argument.ts'
import { UnionDirent, type UnionStats } from './stats.ts'

/**
 * As MKDirpAsync of node_file.cc: the path as it was asked for, then what is missing above it, unchanged, so that `.` and
 * `..` mean what they mean to mkdir(2). Another errno than EEXIST is told as it is, where Node says what stat(2) has then
 * (ENOENT on a read-only file system).
 * @returns the first directory that was made; undefined where all were there
 */
export function makeDirectories(
  calls: UnionCalls,
  at: PathArgument,
  mode: number,
): string | undefined {
  const missing = [pathArgument(at)]
  let first: BytePath | undefined
  while (missing.length > 0) {
    const each = missing.pop()!
    const place = { syscall: 'mkdir', path: pathText(each) }
    const errno = failed(() => calls.mkdir(bytes(each), mode))
    const parent = aboveOf(each)
    if (errno === undefined) {
      first ??= each
    } else if (errno === -E.NOENT && parent !== each) {
      missing.push(each, parent)
    } else if (errno !== -E.EXIST) {
      throw nodeError(errno, place)
    } else {
      const refused = inTheWay(calls, each, missing.length > 0)
      if (refused !== undefined) throw nodeError(refused, place)
    }
  }
  return first === undefined ? undefined : pathText(first)
}

function bytes(path: BytePath): Buffer {
  return Buffer.from(path, 'latin1')
}

/** Of a name that is taken. @returns undefined where it is by a directory */
function inTheWay(calls: UnionCalls, at: BytePath, isBelow: boolean): number | undefined {
  let isDirectory = false
  const errno = failed(() => void (isDirectory = calls.stat(bytes(at)).isDirectory()))
  if (isDirectory) return undefined
  return isBelow ? -E.NOTDIR : (errno ?? -E.EXIST)
}

/** Without a slash: itself. */
function aboveOf(at: BytePath): BytePath {
  const slash = at.lastIndexOf('/')
  return slash < 0 ? at : (at.slice(0, slash) as BytePath)
}

function failed(call: () => void): number | undefined {
  try {
    call()
    return undefined
  } catch (error) {
    const { errno } = error as NodeJS.ErrnoException
    if (errno === undefined) throw error
    return errno
  }
}

export interface RemoveOptions extends RetryOptions {
  /** What is not there is no error. */
  readonly force?: boolean
}

export function removeTree(calls: UnionCalls, at: PathArgument, options: RemoveOptions = {}): void {
  const shown = shownPath(at)
  const { force, recursive } = { force: false, ...retryOptions(options) }
  checkBoolean('options.force', force)
  let stats: UnionStats
  try {
    stats = calls.lstat(at)
  } catch (error) {
    if (force && (error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  if (stats.isDirectory() && !recursive) {
    throw systemError('ERR_FS_EISDIR', 'is a directory', { syscall: 'rm', path: shown })
  }
  removeAll(calls, at, stats.isDirectory())
}

/** rmdir's own `recursive`, which older libraries ask for: it wants something to be there. */
export function removeDirectory(
  calls: UnionCalls,
  at: PathArgument,
  options: RetryOptions = {},
): void {
  shownPath(at)
  const { recursive } = retryOptions(options)
  if (recursive && calls.stat(at).isDirectory()) {
    removeAll(calls, at, calls.lstat(at).isDirectory())
  } else calls.rmdir(at)
}

/** As rimraf of Node: what is gone by now is no error. */
function removeAll(calls: UnionCalls, at: PathArgument, isDirectory: boolean): void {
  if (!isDirectory) {
    unlessGone(() => calls.unlink(at))
    return
  }
  // Before anything below is touched: what cannot be removed at all (EINVAL, EBUSY, EROFS) keeps its content.
  try {
    calls.rmdir(at)
    return
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return
    if (code !== 'ENOTEMPTY') throw error
  }
  const { entry, names } = calls.names(at)
  // Each removal is a call of its own, before which the tree forgets what nobody holds.
  entry.node.holds++
  try {
    for (const name of names) {
      const child = calls.child(entry, name)
      if (child === undefined) continue
      removeAll(calls, childPath(at, name), child.node.type === 'directory')
    }
  } finally {
    entry.node.holds--
  }
  unlessGone(() => calls.rmdir(at))
}

function unlessGone(remove: () => void): void {
  try {
    remove()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

/** Bytes where the name is no text. */
export function childPath(dir: PathArgument, name: BytePath): PathArgument {
  const text = pathText(name)
  const shown = shownPath(dir)
  if (!text.includes('\ufffd') && typeof dir !== 'object') return path.posix.join(shown, text)
  return Buffer.concat([
    Buffer.from(dir instanceof Uint8Array ? dir : shown),
    Buffer.from('/'),
    Buffer.from(name, 'latin1'),
  ])
}

/** As readdir's `recursive`: paths relative to `at`, a directory's content after its siblings. No link is followed. */
export function listTree(
  calls: UnionCalls,
  at: PathArgument,
  encoding?: Encoding,
): { path: string | Buffer; dirent: UnionDirent }[] {
  const out: { path: string | Buffer; dirent: UnionDirent }[] = []
  const open: { place: PathArgument; relative: BytePath }[] = [
    { place: at, relative: '' as BytePath },
  ]
  for (let dir = open.shift(); dir !== undefined; dir = open.shift()) {
    const { entry, names } = calls.names(dir.place)
    const parentPath = parentOf(dir.place)
    for (const name of names) {
      const child = calls.child(entry, name)
      if (child === undefined) continue
      const { type } = child.node
      const relative = joinPath(dir.relative, name)
      const dirent: UnionDirent = new UnionDirent(encodeName(name, encoding), type, parentPath)
      out.push({ path: encodeName(relative, encoding), dirent })
      if (type === 'directory') open.push({ place: childPath(dir.place, name), relative })
    }
  }
  return out
}
