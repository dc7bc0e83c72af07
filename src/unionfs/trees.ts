// What node:fs does with whole trees by several system calls: mkdir -p, rm -r, a recursive listing. As Node does
// them: by the plain calls of calls.ts, in Node's order and with its errors. Copying is copy-tree.ts's.

import path from 'node:path'
import { joinPath, pathText, type BytePath } from '../path/byte-path.ts'
import { E } from '../union/errno.ts'
import { checkBoolean, checkRetryOptions, type RetryOptions } from './argument-checks.ts'
import type { UnionCalls } from './calls.ts'
import { nodeError, systemError } from './node-error.ts'
import { encodeName, shownPath, type Encoding, type PathArgument } from './path-argument.ts'
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
  const missing = [shownPath(at)]
  let first: string | undefined
  while (missing.length > 0) {
    const each = missing.pop()!
    const errno = failed(() => calls.mkdir(each, mode))
    const parent = parentOf(each)
    if (errno === undefined) {
      first ??= each
    } else if (errno === -E.NOENT && parent !== each) {
      missing.push(each, parent)
    } else if (errno !== -E.EXIST) {
      throw nodeError(errno, { syscall: 'mkdir', path: each })
    } else {
      const refused = inTheWay(calls, each, missing.length > 0)
      if (refused !== undefined) throw nodeError(refused, { syscall: 'mkdir', path: each })
    }
  }
  return first
}

/** Of a name that is taken. @returns undefined where it is by a directory */
function inTheWay(calls: UnionCalls, at: string, isBelow: boolean): number | undefined {
  let isDirectory = false
  const errno = failed(() => void (isDirectory = calls.stat(at).isDirectory()))
  if (isDirectory) return undefined
  return isBelow ? -E.NOTDIR : (errno ?? -E.EXIST)
}

/** Without a slash: itself. */
function parentOf(at: string): string {
  const slash = at.lastIndexOf('/')
  return slash < 0 ? at : at.slice(0, slash)
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
  checkRetryOptions(options)
  const { force = false, recursive = false } = options
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
  checkRetryOptions(options)
  if (options.recursive && calls.stat(at).isDirectory()) {
    removeAll(calls, at, calls.lstat(at).isDirectory())
  } else calls.rmdir(at)
}

function removeAll(calls: UnionCalls, at: PathArgument, isDirectory: boolean): void {
  if (!isDirectory) {
    calls.unlink(at)
    return
  }
  // Before anything below is touched: what cannot be removed at all (EINVAL, EBUSY, EROFS) keeps its content.
  try {
    calls.rmdir(at)
    return
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw error
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
  calls.rmdir(at)
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
    const parentPath = shownPath(dir.place)
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
