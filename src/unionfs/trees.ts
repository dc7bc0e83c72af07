// What node:fs does with whole trees by several system calls: mkdir -p, rm -r, cp -r, a recursive listing. As Node does
// them: by the plain calls of calls.ts, in Node's order and with its errors.

import fs from 'node:fs'
import path from 'node:path'
import { pathText, type BytePath } from '../path/byte-path.ts'
import type { UnionEntry } from '../union/entry.ts'
import { E } from '../union/errno.ts'
import type { UnionCalls } from './calls.ts'
import { checkSmallMode } from './argument-checks.ts'
import { nodeError } from './node-error.ts'
import { shownPath, type PathArgument } from './path-argument.ts'
import type { UnionDirent } from './stats.ts'
import { type UnionStats } from './stats.ts'

const { COPYFILE_EXCL, O_CREAT, O_EXCL, O_RDONLY, O_TRUNC, O_WRONLY } = fs.constants
const CHUNK_BYTES = 1 << 20

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

export interface RemoveOptions {
  readonly recursive?: boolean
  /** What is not there is no error. */
  readonly force?: boolean
}

export function removeTree(calls: UnionCalls, at: PathArgument, options: RemoveOptions = {}): void {
  const shown = shownPath(at)
  let stats: UnionStats
  try {
    stats = calls.lstat(at)
  } catch (error) {
    if (options.force && (error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  if (!stats.isDirectory()) {
    calls.unlink(at)
    return
  }
  if (!options.recursive) {
    const error = new Error(`Path is a directory: rm returned EISDIR (is a directory) ${shown}`)
    throw Object.assign(error, {
      name: 'SystemError',
      code: 'ERR_FS_EISDIR',
      errno: E.ISDIR,
      syscall: 'rm',
      path: shown,
    })
  }
  // Before anything below is touched: what cannot be removed at all (EINVAL, EBUSY, EROFS) keeps its content.
  try {
    calls.rmdir(at)
    return
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw error
  }
  const { names } = calls.names(at)
  for (const name of names) {
    removeTree(calls, childPath(at, name), { recursive: true, force: true })
  }
  calls.rmdir(at)
}

/** Bytes where the name is no text. */
function childPath(dir: PathArgument, name: BytePath): PathArgument {
  const text = pathText(name)
  const shown = shownPath(dir)
  if (!text.includes('\ufffd') && typeof dir !== 'object') return path.posix.join(shown, text)
  return Buffer.concat([
    Buffer.from(dir instanceof Uint8Array ? dir : shown),
    Buffer.from('/'),
    Buffer.from(name, 'latin1'),
  ])
}

export interface CopyOptions {
  readonly recursive?: boolean
  /** Default true: overwrite. */
  readonly force?: boolean
  readonly errorOnExist?: boolean
  readonly preserveTimestamps?: boolean
  readonly dereference?: boolean
  /** Default false: a relative target is made absolute, as Node has it. */
  readonly verbatimSymlinks?: boolean
  readonly filter?: (from: string, to: string) => boolean | Promise<boolean>
}

/** @param flags COPYFILE_EXCL; the cloning ones are wishes */
export function copyFile(calls: UnionCalls, from: PathArgument, to: PathArgument, flags = 0): void {
  checkSmallMode(flags)
  const place = { syscall: 'copyfile', path: shownPath(from), dest: shownPath(to) }
  try {
    const source = calls.open(from, O_RDONLY, 0)
    try {
      const stats = source.stat() as UnionStats
      // What is wrong with the target is said first, and nothing is left in its place.
      if (stats.isDirectory()) {
        if (calls.find(to, true) === undefined) {
          calls.open(to, O_WRONLY | O_CREAT, 0o600).close()
          calls.unlink(to)
        }
        throw nodeError(E.ISDIR, place)
      }
      const exclusive = (flags & COPYFILE_EXCL) !== 0 ? O_EXCL : 0
      const same = calls.find(to, true)
      if (same !== undefined && same.node === source.entry.node) {
        if (exclusive) throw nodeError(E.EXIST, place)
        return
      }
      const target = calls.open(to, O_WRONLY | O_CREAT | O_TRUNC | exclusive, stats.mode & 0o7777)
      try {
        const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, Math.max(1, stats.size)))
        for (let n = source.read(chunk); n > 0; n = source.read(chunk)) {
          target.write(chunk.subarray(0, n))
        }
        target.setAttributes('fchmod', { mode: stats.mode & 0o7777 })
      } finally {
        target.close()
      }
    } finally {
      source.close()
    }
  } catch (error) {
    const { errno, syscall } = error as NodeJS.ErrnoException
    if (typeof errno !== 'number' || syscall === 'copyfile') throw error
    throw nodeError(errno, place)
  }
}

export async function copyTree(
  calls: UnionCalls,
  from: string,
  to: string,
  options: CopyOptions = {},
): Promise<void> {
  if (options.filter && !(await options.filter(from, to))) return
  const source = options.dereference ? calls.stat(from) : calls.lstat(from)
  const found = existing(calls, to, options.dereference === true)
  if (found && calls.find(from, options.dereference === true)?.node === found.node) {
    throw copyError('ERR_FS_CP_EINVAL', 'src and dest cannot be the same', E.INVAL, to)
  }
  if (source.isDirectory()) {
    if (found && found.node.type !== 'directory') {
      throw copyError(
        'ERR_FS_CP_DIR_TO_NON_DIR',
        `Cannot overwrite non-directory ${to} with directory ${from}`,
        E.ISDIR,
        to,
      )
    }
    if (`${path.posix.resolve('/', to)}/`.startsWith(`${path.posix.resolve('/', from)}/`)) {
      throw copyError(
        'ERR_FS_CP_EINVAL',
        `cannot copy ${from} to a subdirectory of self ${to}`,
        E.INVAL,
        to,
      )
    }
    if (!found) makeDirectories(calls, path.posix.dirname(to), 0o777)
    if (!options.recursive) {
      throw copyError(
        'ERR_FS_EISDIR',
        `Recursive option not enabled, cannot copy a directory: ${from}`,
        E.ISDIR,
        from,
      )
    }
    if (!found) calls.mkdir(to, 0o777)
    for (const name of calls.names(from).names) {
      const text = pathText(name)
      await copyTree(calls, path.posix.join(from, text), path.posix.join(to, text), options)
    }
    if (!found) calls.chmod(to, source.mode & 0o7777)
    return
  }
  if (found?.node.type === 'directory') {
    throw copyError(
      'ERR_FS_CP_NON_DIR_TO_DIR',
      `Cannot overwrite directory ${to} with non-directory ${from}`,
      E.NOTDIR,
      to,
    )
  }
  if (found && !source.isSymbolicLink()) {
    const force = options.force ?? true
    if (!force && options.errorOnExist) {
      throw copyError('ERR_FS_CP_EEXIST', `Target already exists: ${to}`, E.EXIST, to)
    }
    if (!force) return
    calls.unlink(to)
  }
  if (!found) makeDirectories(calls, path.posix.dirname(to), 0o777)
  copyLeaf(calls, from, to, source, options)
}

function existing(calls: UnionCalls, at: string, follow: boolean): UnionEntry | undefined {
  try {
    if (follow) calls.stat(at)
    else calls.lstat(at)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  return calls.find(at, follow)
}

function copyLeaf(
  calls: UnionCalls,
  from: string,
  to: string,
  source: UnionStats,
  options: CopyOptions,
): void {
  if (source.isSymbolicLink()) {
    copyLink(calls, from, to, options)
    return
  }
  if (!source.isFile()) {
    throw copyError('ERR_FS_CP_UNKNOWN', `cannot copy an unknown file type: ${to}`, E.INVAL, to)
  }
  copyFile(calls, from, to)
  if (!options.preserveTimestamps) return
  const { atimeNs, mtimeNs } = calls.stat(from, { bigint: true })
  calls.setTimes(to, atimeNs, mtimeNs)
}

/** Over a link, whatever `force` says; over anything else it is EEXIST. */
function copyLink(calls: UnionCalls, from: string, to: string, options: CopyOptions): void {
  const read = calls.readlink(from) as string
  const isKept = options.verbatimSymlinks === true
  const target = isKept ? read : path.posix.resolve('/', path.posix.dirname(from), read)
  if (calls.find(to, false)?.node.type === 'symlink') {
    const there = path.posix.resolve('/', path.posix.dirname(to), calls.readlink(to) as string)
    const isWithin = (inner: string, outer: string): boolean =>
      `${inner}/`.startsWith(`${outer === '/' ? '' : outer}/`)
    if (!isKept && isWithin(there, target)) {
      const reason = `cannot copy ${target} to a subdirectory of self ${there}`
      throw copyError('ERR_FS_CP_EINVAL', reason, E.INVAL, to)
    }
    if (calls.stat(from).isDirectory() && !isKept && isWithin(target, there)) {
      const reason = `cannot overwrite ${there} with ${target}`
      throw copyError('ERR_FS_CP_SYMLINK_TO_SUBDIRECTORY', reason, E.INVAL, to)
    }
    calls.unlink(to)
  }
  calls.symlink(target, to)
}

function copyError(code: string, reason: string, errno: number, at: string): Error {
  const error = new Error(`${reason} ${at}`)
  return Object.assign(error, { name: 'SystemError', code, errno, syscall: 'cp', path: at })
}

/** As readdir's `recursive`: paths relative to `at`, a directory's content after its siblings. */
export function listTree(
  calls: UnionCalls,
  at: PathArgument,
): { path: string; dirent: UnionDirent }[] {
  const out: { path: string; dirent: UnionDirent }[] = []
  const root = shownPath(at)
  const open = ['']
  for (let dir = open.shift(); dir !== undefined; dir = open.shift()) {
    for (const dirent of calls.readdirTypes(dir === '' ? at : path.posix.join(root, dir))) {
      const relative = dir === '' ? dirent.name : `${dir}/${dirent.name}`
      out.push({ path: relative, dirent })
      if (dirent.isDirectory()) open.push(relative)
    }
  }
  return out
}
