// The system calls of a merged tree by path: each as node:fs has it, at once, failing with Node's errors. What shape a
// caller wants it in (promises, callbacks) is the other files' work; what a call does to the layers is src/union's.

import fs from 'node:fs'
import type { BytePath } from '../path/byte-path.ts'
import {
  getXattr,
  removeXattr,
  setAttributes,
  setXattr,
  status,
  xattrs,
  type UnionStatus,
} from '../union/attributes.ts'
import { create, createNameless, link, type Creation, type Creator } from '../union/create.ts'
import type { UnionEntry } from '../union/entry.ts'
import { E } from '../union/errno.ts'
import { openFile } from '../union/open-file.ts'
import { removeDirectory, unlink } from '../union/remove.ts'
import { rename, type RenameFlags } from '../union/rename.ts'
import type { UnionTree } from '../union/tree.ts'
import type { Attributes } from '../union/upper-layer.ts'
import { checkInteger, checkLinkType, ownerArgument, smallMode } from './argument-checks.ts'
import { OpenHandle } from './handle.ts'
import { must, nodeError, throwNodeErrors, type NodeErrorPlace } from './node-error.ts'
import {
  encodeName,
  modeArgument,
  parentOf,
  pathArgument,
  shownPath,
  type Encoding,
  type PathArgument,
} from './path-argument.ts'
import { openFlags, openRequest, type OpenRequest } from './open-flags.ts'
import { spaceOf, type BigStatFs, type StatFs } from './stat-fs.ts'
import { UnionBigStats, UnionDirent, UnionStats } from './stats.ts'
import { timesArgument, type TimeArgument } from './time-argument.ts'
import { PATH_BYTES_MAX, walk, walkToName, type Walked } from './walk.ts'

const { W_OK, X_OK } = fs.constants

export interface UnionCallsOptions {
  /** Owner of what is made; default root's. */
  readonly creator?: Creator
  /** Default 022. */
  readonly umask?: number
  /** st_dev. */
  readonly device?: bigint
  /** A path of the host whose file system takes the changes, for statfs; absent: memory does. */
  readonly space?: string
}

export interface StatOptions {
  readonly bigint?: boolean | undefined
}

export class UnionCalls {
  readonly tree: UnionTree
  readonly #creator: Creator
  readonly device: bigint
  readonly #space: string | undefined

  constructor(tree: UnionTree, options: UnionCallsOptions = {}) {
    this.tree = tree
    this.#creator = { umask: options.umask ?? 0o022, ...(options.creator ?? { uid: 0, gid: 0 }) }
    this.device = options.device ?? 0n
    this.#space = options.space
  }

  open(
    path: PathArgument,
    flags: string | number | null | undefined,
    givenMode?: number | string | null,
  ): OpenHandle {
    const place = { syscall: 'open', path: shownPath(path) }
    const asked = openFlags(flags)
    const mode = modeArgument(givenMode, 0o666)
    const request = must(openRequest(asked), place)
    const { tree } = this
    tree.trim()
    const at = pathArgument(path)
    if (request.creates && at.endsWith('/')) {
      // Before anybody looks what is there (open_last_lookups of fs/namei.c).
      must(walkToName(tree, at), place)
      throw nodeError(E.ISDIR, place)
    }
    const { dir, name, entry } = must(walk(tree, at, request.follows), place)
    if (entry === undefined) {
      if (!request.creates) throw nodeError(E.NOENT, place)
      const made = this.#make(dir, name, { type: 'file', mode })
      return this.#opened(must(made, place), { ...request, truncates: false }, place)
    }
    if (request.isExclusive) throw nodeError(E.EXIST, place)
    if (request.wantsDirectory && entry.node.type !== 'directory') throw nodeError(E.NOTDIR, place)
    if (!request.isNameless) return this.#opened(entry, request, place)
    const nameless = createNameless(tree, entry, mode, this.#creator)
    const { node, file } = must(nameless, place)
    return new OpenHandle(this, node, file, request)
  }

  #opened(entry: UnionEntry, request: OpenRequest, place: NodeErrorPlace): OpenHandle {
    const { node } = entry
    const { writes: write, truncates: truncate, appends } = request
    if (request.isPlace) return new OpenHandle(this, node, undefined, request)
    if (node.type === 'directory') {
      if (request.changes || request.creates) throw nodeError(E.ISDIR, place)
      return new OpenHandle(this, node, undefined, request)
    }
    if (request.changes && this.tree.upper === undefined) throw nodeError(E.ROFS, place)
    const file = must(openFile(this.tree, entry, { write, truncate, appends }), place)
    return new OpenHandle(this, node, file, request)
  }

  stat(path: PathArgument, options: StatOptions & { bigint: true }): UnionBigStats
  stat(path: PathArgument, options?: StatOptions & { bigint?: false }): UnionStats
  stat(path: PathArgument, options?: StatOptions): UnionStats | UnionBigStats
  stat(path: PathArgument, options: StatOptions = {}): UnionStats | UnionBigStats {
    return this.#stats(path, true, 'stat', options)
  }

  lstat(path: PathArgument, options: StatOptions & { bigint: true }): UnionBigStats
  lstat(path: PathArgument, options?: StatOptions & { bigint?: false }): UnionStats
  lstat(path: PathArgument, options?: StatOptions): UnionStats | UnionBigStats
  lstat(path: PathArgument, options: StatOptions = {}): UnionStats | UnionBigStats {
    return this.#stats(path, false, 'lstat', options)
  }

  exists(path: PathArgument): boolean {
    this.tree.trim()
    return this.find(path, true) !== undefined
  }

  /**
   * undefined where there is no such path, without the cost of an error. Forgets nothing: whoever asks twice compares
   * the nodes, and what was forgotten in between would come back as another one.
   */
  find(path: PathArgument, followLast: boolean): UnionEntry | undefined {
    const walked = walk(this.tree, pathArgument(path), followLast)
    return typeof walked === 'number' ? undefined : walked.entry
  }

  statusOf(entry: UnionEntry): UnionStatus | number {
    return status(this.tree, entry.node)
  }

  statsOf(found: UnionStatus, options: StatOptions = {}): UnionStats | UnionBigStats {
    return options.bigint === true
      ? new UnionBigStats(found, this.device)
      : new UnionStats(found, this.device)
  }

  /** In byte order. */
  names(path: PathArgument, syscall = 'scandir'): { entry: UnionEntry; names: BytePath[] } {
    const place = { syscall, path: shownPath(path) }
    const entry = this.#existing(path, true, place)
    return { entry, names: must(this.tree.list(entry), place).map(({ name }) => name) }
  }

  /** Of a name that was listed: undefined where it is gone since. */
  child(entry: UnionEntry, name: BytePath): UnionEntry | undefined {
    const found = this.tree.lookup(entry, name)
    return typeof found === 'number' ? undefined : found
  }

  readdir(path: PathArgument, encoding?: Encoding): (string | Buffer)[] {
    return this.names(path).names.map((name) => encodeName(name, encoding))
  }

  readdirTypes(path: PathArgument, encoding?: Encoding): UnionDirent[] {
    const { entry, names } = this.names(path)
    const parentPath = parentOf(path)
    const out: UnionDirent[] = []
    for (const name of names) {
      const child = this.child(entry, name)
      if (child === undefined) continue
      out.push(new UnionDirent(encodeName(name, encoding), child.node.type, parentPath))
    }
    return out
  }

  mkdir(path: PathArgument, mode: number): void {
    const place = { syscall: 'mkdir', path: shownPath(path) }
    const { dir, name, entry } = this.#last(path, place)
    if (entry !== undefined) throw nodeError(E.EXIST, place)
    must(this.#make(dir, name, { type: 'directory', mode }), place)
  }

  symlink(target: PathArgument, path: PathArgument, type?: string | null): void {
    const place = { syscall: 'symlink', path: shownPath(target, 'target'), dest: shownPath(path) }
    checkLinkType(type)
    const linkTarget = pathArgument(target)
    if (linkTarget === '') throw nodeError(E.NOENT, place)
    if (linkTarget.length > PATH_BYTES_MAX) throw nodeError(E.NAMETOOLONG, place)
    const { dir, name, entry, wantsDirectory } = this.#last(path, place)
    if (entry !== undefined) throw nodeError(E.EXIST, place)
    if (wantsDirectory) throw nodeError(E.NOENT, place)
    must(this.#make(dir, name, { type: 'symlink', mode: 0o777, linkTarget }), place)
  }

  readlink(path: PathArgument, encoding?: Encoding): string | Buffer {
    const place = { syscall: 'readlink', path: shownPath(path, 'oldPath') }
    const entry = this.#existing(path, false, place)
    if (entry.node.type !== 'symlink') throw nodeError(E.INVAL, place)
    return encodeName(must(this.statusOf(entry), place).linkTarget, encoding)
  }

  link(from: PathArgument, to: PathArgument): void {
    const path = shownPath(from, 'existingPath')
    const place = { syscall: 'link', path, dest: shownPath(to, 'newPath') }
    const source = this.#existing(from, false, place)
    const { dir, name, entry, wantsDirectory } = this.#second(to, place)
    if (entry !== undefined) throw nodeError(E.EXIST, place)
    if (wantsDirectory) throw nodeError(E.NOENT, place)
    must(link(this.tree, source, dir, name), place)
  }

  unlink(path: PathArgument): void {
    const place = { syscall: 'unlink', path: shownPath(path) }
    const { dir, name, entry, wantsDirectory } = this.#last(path, place)
    if (this.tree.upper === undefined) throw nodeError(E.ROFS, place)
    if (entry === undefined) throw nodeError(E.NOENT, place)
    if (entry.node.type === 'directory') throw nodeError(E.ISDIR, place)
    if (wantsDirectory) throw nodeError(E.NOTDIR, place)
    must(unlink(this.tree, dir, name), place)
  }

  rmdir(path: PathArgument): void {
    const place = { syscall: 'rmdir', path: shownPath(path) }
    const { dir, name } = this.#last(path, place)
    // `/a/..` is no entry that could be removed (LAST_DOTDOT of fs/namei.c): only `/` is the root by name.
    if (name === '') throw nodeError(E.BUSY, place)
    must(removeDirectory(this.tree, dir, name), place)
  }

  rename(from: PathArgument, to: PathArgument, flags: RenameFlags = {}): void {
    const path = shownPath(from, 'oldPath')
    const place = { syscall: 'rename', path, dest: shownPath(to, 'newPath') }
    this.tree.trim()
    const [old, fresh] = [this.#toName(from), this.#toName(to)]
    // Both directories are walked before either name is looked up (do_renameat2 of fs/namei.c).
    if (!old.isTooLong) must(old.walked, place)
    if (!fresh.isTooLong) must(fresh.walked, place)
    if ((old.isTooLong && isDots(fresh.walked)) || (fresh.isTooLong && isDots(old.walked)))
      throw nodeError(E.BUSY, place)
    const source = must(old.walked, place)
    if (fresh.isTooLong && source.entry === undefined) throw nodeError(E.NOENT, place)
    const target = must(fresh.walked, place)
    const isDirectory = source.entry?.node.type === 'directory'
    const isName = source.name !== '' && !/^\.\.?$/.test(target.name)
    if (
      source.entry &&
      !isDirectory &&
      isName &&
      (source.wantsDirectory || target.wantsDirectory)
    ) {
      throw nodeError(E.NOTDIR, place)
    }
    must(rename(this.tree, source, target, flags), place)
  }

  access(path: PathArgument, given?: number | null): void {
    const place = { syscall: 'access', path: shownPath(path) }
    const mode = smallMode(given)
    const entry = this.#existing(path, true, place)
    if ((mode & W_OK) !== 0 && this.tree.upper === undefined) throw nodeError(E.ROFS, place)
    // As root has it: everything is allowed, but to run what nobody may run.
    if ((mode & X_OK) !== 0 && entry.node.type === 'file') {
      if ((must(this.statusOf(entry), place).mode & 0o111) === 0) throw nodeError(13, place)
    }
  }

  chmod(path: PathArgument, mode: number | string): void {
    const place = { syscall: 'chmod', path: shownPath(path) }
    this.#change(path, true, place, { mode: modeArgument(mode) })
  }

  lchown(path: PathArgument, uid: number, gid: number): void {
    this.#change(path, false, { syscall: 'lchown', path: shownPath(path) }, ownerArgument(uid, gid))
  }

  chown(path: PathArgument, uid: number, gid: number): void {
    this.#change(path, true, { syscall: 'chown', path: shownPath(path) }, ownerArgument(uid, gid))
  }

  utimes(path: PathArgument, atime: TimeArgument, mtime: TimeArgument): void {
    const place = { syscall: 'utime', path: shownPath(path) }
    this.#change(path, true, place, timesArgument(atime, mtime))
  }

  lutimes(path: PathArgument, atime: TimeArgument, mtime: TimeArgument): void {
    const place = { syscall: 'lutime', path: shownPath(path) }
    this.#change(path, false, place, timesArgument(atime, mtime))
  }

  /** Nanoseconds, which no call of node:fs takes. */
  setTimes(path: PathArgument, atimeNs: bigint, mtimeNs: bigint): void {
    this.#change(path, false, { syscall: 'lutime', path: shownPath(path) }, { atimeNs, mtimeNs })
  }

  truncate(path: PathArgument, sizeBytes = 0): void {
    const place = { syscall: 'open', path: shownPath(path) }
    const entry = this.#existing(path, true, place)
    if (entry.node.type === 'directory') throw nodeError(E.ISDIR, place)
    if (this.tree.upper === undefined) throw nodeError(E.ROFS, place)
    checkInteger('len', sizeBytes)
    const result = setAttributes(this.tree, entry, { sizeBytes: Math.max(0, sizeBytes) })
    // Node opens it and truncates what is open: what the size is to blame for knows no path.
    if (result === -E.FBIG || result === -E.NOSPC) throw nodeError(result, { syscall: 'ftruncate' })
    must(result, place)
  }

  statfs(path: PathArgument, options: { readonly bigint: true }): BigStatFs
  statfs(path: PathArgument, options?: { readonly bigint?: boolean | undefined }): StatFs
  statfs(
    path: PathArgument,
    options: { readonly bigint?: boolean | undefined } = {},
  ): StatFs | BigStatFs {
    const place = { syscall: 'statfs', path: shownPath(path) }
    const isBig = options.bigint === true
    this.#existing(path, true, place)
    return spaceOf(this.#space, isBig)
  }

  /** A final symlink is not followed, here and in the next three. */
  listXattrs(path: PathArgument): string[] {
    const place = { syscall: 'llistxattr', path: shownPath(path) }
    const { node } = this.#existing(path, false, place)
    return [...must<ReadonlyMap<string, Uint8Array>>(xattrs(this.tree, node), place).keys()]
  }

  getXattr(path: PathArgument, name: string): Uint8Array {
    const place = { syscall: 'lgetxattr', path: shownPath(path) }
    const { node } = this.#existing(path, false, place)
    return must<Uint8Array>(getXattr(this.tree, node, name), place)
  }

  setXattr(path: PathArgument, name: string, value: Uint8Array): void {
    const place = { syscall: 'lsetxattr', path: shownPath(path) }
    must(setXattr(this.tree, this.#existing(path, false, place).node, name, value), place)
  }

  removeXattr(path: PathArgument, name: string): void {
    const place = { syscall: 'lremovexattr', path: shownPath(path) }
    must(removeXattr(this.tree, this.#existing(path, false, place).node, name), place)
  }

  realpath(path: PathArgument, encoding?: Encoding): string | Buffer {
    const place = { syscall: 'realpath', path: shownPath(path) }
    const entry = this.#existing(path, true, place)
    return encodeName(`/${entry.path}` as BytePath, encoding)
  }

  #stats(
    path: PathArgument,
    followLast: boolean,
    syscall: string,
    options: StatOptions,
  ): UnionStats | UnionBigStats {
    const place = { syscall, path: shownPath(path) }
    const bigint = options.bigint === true
    const entry = this.#existing(path, followLast, place)
    return this.statsOf(must(this.statusOf(entry), place), { bigint })
  }

  #existing(
    path: PathArgument,
    followLast: boolean,
    place: { syscall: string; path: string },
  ): UnionEntry {
    this.tree.trim()
    const { entry } = must(walk(this.tree, pathArgument(path), followLast), place)
    if (entry === undefined) throw nodeError(E.NOENT, place)
    return entry
  }

  #last(path: PathArgument, place: { syscall: string; path: string }): Walked {
    this.tree.trim()
    return this.#second(path, place)
  }

  /** The last name alone may be too long: then all before it is there. */
  #toName(path: PathArgument): { readonly walked: Walked | number; readonly isTooLong: boolean } {
    const at = pathArgument(path)
    const walked = walkToName(this.tree, at)
    return { walked, isTooLong: walked === -E.NAMETOOLONG && /[^/]{256}\/*$/.test(at) }
  }

  /** Of a call that has what the first of its paths led to in hand: nothing is forgotten now. */
  #second(path: PathArgument, place: { syscall: string; path: string }): Walked {
    return must(walkToName(this.tree, pathArgument(path)), place)
  }

  #change(
    path: PathArgument,
    followLast: boolean,
    place: { syscall: string; path: string },
    to: Attributes | number,
  ): void {
    const entry = this.#existing(path, followLast, place)
    must(setAttributes(this.tree, entry, must(to, place)), place)
  }

  #make(dir: UnionEntry, name: BytePath, what: Creation): UnionEntry | number {
    return create(this.tree, dir, name, what, this.#creator)
  }
}

throwNodeErrors(UnionCalls)

/** No name that could be taken or given: the root's, or one that leads to a directory that has another. */
function isDots(walked: Walked | number): boolean {
  return typeof walked !== 'number' && /^\.{0,2}$/.test(walked.name)
}
