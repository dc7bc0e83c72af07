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

/** @returns the first directory that was made; undefined where all were there */
export function makeDirectories(
  calls: UnionCalls,
  at: PathArgument,
  mode: number,
): string | undefined {
  const shown = shownPath(at)
  const place = { syscall: 'mkdir', path: shown }
  const missing: string[] = []
  const full = path.posix.normalize(shown).replace(/(?<=.)\/+$/, '')
  for (let each = full; ; each = path.posix.dirname(each)) {
    const entry = calls.find(each, true)
    if (entry?.node.type === 'directory') break
    if (entry !== undefined) {
      const isIt = each === full && !/\/\.?$/.test(shown)
      throw nodeError(isIt ? E.EXIST : E.NOTDIR, place)
    }
    const errno = missingTarget(calls, each)
    if (errno !== -E.NOENT && errno !== -E.NOTDIR) throw nodeError(errno, { ...place, path: each })
    missing.push(each)
    if (each === '/' || each === '.') break
  }
  for (const each of [...missing].reverse()) {
    // A link to nothing is in the way: its target is what is missing, or what goes round in circles.
    if (calls.find(each, false) === undefined) calls.mkdir(each, mode)
    else if (each === full) throw nodeError(missingTarget(calls, each), place)
    else throw nodeError(E.NOTDIR, { ...place, path: each })
  }
  // As it was asked for, where that is the first that was missing.
  return missing.length === 1 ? shown.replace(/\/\.$/, '') : missing.at(-1)
}

function missingTarget(calls: UnionCalls, at: string): number {
  try {
    calls.stat(at)
    return E.EXIST
  } catch (error) {
    return (error as NodeJS.ErrnoException).errno ?? E.NOENT
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
  for (const name of names) {
    const child = calls.tree.lookup(entry, name)
    if (typeof child === 'number') continue
    removeAll(calls, childPath(at, name), child.node.type === 'directory')
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
      const child = calls.tree.lookup(entry, name)
      if (typeof child === 'number') continue
      const { type } = child.node
      const relative = joinPath(dir.relative, name)
      const dirent: UnionDirent = new UnionDirent(encodeName(name, encoding), type, parentPath)
      out.push({ path: encodeName(relative, encoding), dirent })
      if (type === 'directory') open.push({ place: childPath(dir.place, name), relative })
    }
  }
  return out
}
