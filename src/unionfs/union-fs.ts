// A merged tree in the process, without a mount, in the shape of node:fs/promises: read-only, or copy-on-write into an
// upper layer. Everything is done at once and handed out as promises, so calls take effect in the order in which they
// are made.
// Acts as root of the image does: no permissions are checked.

import fs from 'node:fs'
import { systemNow } from '../sys/clock.ts'
import { E } from '../union/errno.ts'
import { UnionTree, type UnionLayers } from '../union/tree.ts'
import { UnionCalls, type StatOptions, type UnionCallsOptions } from './calls.ts'
import { checkBoolean, checkSignal, readOptions, type RetryOptions } from './argument-checks.ts'
import { dataArgument, type WriteData } from './byte-arguments.ts'
import { FileHandle } from './file-handle.ts'
import { nodeError } from './node-error.ts'
import { pathText, type BytePath } from '../path/byte-path.ts'
import {
  encodeName,
  modeArgument,
  pathArgument,
  shownPath,
  type Encoding,
  type PathArgument,
} from './path-argument.ts'
import { UnionDir, type OpendirOptions } from './dir.ts'
import { argumentError } from './refusals.ts'
import type { BigStatFs, StatFs } from './stat-fs.ts'
import type { UnionBigStats, UnionDirent, UnionStats } from './stats.ts'
import { copyFile } from './copy-file.ts'
import { copyTree, type CopyOptions } from './copy-tree.ts'
import type { TimeArgument } from './time-argument.ts'
import {
  listTree,
  makeDirectories,
  removeDirectory,
  removeTree,
  type RemoveOptions,
} from './trees.ts'

export interface UnionFsOptions extends UnionCallsOptions {
  /** Nanoseconds; default: the system's clock. */
  readonly now?: () => bigint
  /** Run by `close`, after everything open is closed. */
  readonly onClose?: () => void
}

export interface ReadFileOptions {
  readonly encoding?: Encoding
  readonly flag?: string | number
  readonly signal?: AbortSignal
}

export interface WriteFileOptions {
  readonly encoding?: BufferEncoding | null
  readonly mode?: number | string
  readonly flag?: string | number
  readonly signal?: AbortSignal
  /** fsync before it resolves. */
  readonly flush?: boolean
}

export interface ReaddirOptions {
  readonly encoding?: Encoding
  readonly withFileTypes?: boolean
  readonly recursive?: boolean
}

type BufferOption = 'buffer' | { readonly encoding: 'buffer' }
type TextOption = BufferEncoding | null | { readonly encoding?: BufferEncoding | null }

let devices = 0n

/** A made-up st_dev, another for each union: two unions must not look like one disk to cp and its kin. */
function nextDevice(): bigint {
  return 0x5348_0000n + ++devices
}

/**
 * A merged tree in the shape of `node:fs/promises`, with Node's own errors (`ENOENT`, `EROFS`, ...). Paths are absolute
 * inside of the union. `openUnion` makes one of directories.
 */
export class UnionFs implements AsyncDisposable {
  /** The same calls at once, for adapters. */
  readonly calls: UnionCalls
  /** Node's own: `O_EXCL`, `COPYFILE_EXCL`, `R_OK` and the rest. */
  readonly constants: typeof fs.constants = fs.constants
  readonly #onClose: (() => void) | undefined
  #closed = false

  constructor(layers: UnionLayers, options: UnionFsOptions = {}) {
    const tree = new UnionTree(layers, options.now ?? systemNow)
    this.calls = new UnionCalls(tree, { device: nextDevice(), ...options })
    this.#onClose = options.onClose
  }

  /** False: every change is EROFS. */
  get writable(): boolean {
    return this.calls.tree.upper !== undefined
  }

  async open(
    path: PathArgument,
    flags?: string | number,
    mode?: number | string,
  ): Promise<FileHandle> {
    return new FileHandle(this.calls.open(path, flags, mode))
  }

  readFile(
    path: PathArgument | FileHandle,
    options: BufferEncoding | (ReadFileOptions & { encoding: BufferEncoding }),
  ): Promise<string>
  readFile(
    path: PathArgument | FileHandle,
    options?: (ReadFileOptions & { encoding?: null }) | null,
  ): Promise<Buffer>
  readFile(
    path: PathArgument | FileHandle,
    options?: ReadFileOptions | BufferEncoding | null,
  ): Promise<Buffer | string>
  async readFile(
    path: PathArgument | FileHandle,
    options?: ReadFileOptions | BufferEncoding | null,
  ): Promise<Buffer | string> {
    const { encoding, flag, signal } = readOptions<ReadFileOptions>(options)
    if (path instanceof FileHandle) return path.readFile(options ?? undefined)
    checkSignal(signal)
    const handle = this.calls.open(path, flag || 'r')
    try {
      return handle.readContent(encoding)
    } finally {
      handle.close()
    }
  }

  async writeFile(
    path: PathArgument | FileHandle,
    data: WriteData,
    options?: WriteFileOptions | BufferEncoding | null,
  ): Promise<void> {
    const { encoding, flag, mode, signal, flush } = readOptions<WriteFileOptions>(options)
    checkBoolean('options.flush', flush ?? false)
    // Before the file is opened, which would empty it.
    const bytes = dataArgument(data, encoding)
    if (path instanceof FileHandle) return path.writeFile(bytes, options ?? undefined)
    checkSignal(signal)
    await using handle = await this.open(path, flag || 'w', mode ?? 0o666)
    await handle.writeFile(bytes, options ?? undefined)
    if (flush) await handle.sync()
  }

  async appendFile(
    path: PathArgument | FileHandle,
    data: WriteData,
    options?: WriteFileOptions | BufferEncoding | null,
  ): Promise<void> {
    const known = readOptions<WriteFileOptions>(options)
    // Of options that are inherited, none gets lost.
    const all: unknown = Object.create(known, { flag: { value: known.flag || 'a' } })
    await this.writeFile(path, data, all as WriteFileOptions)
  }

  stat(path: PathArgument, options: StatOptions & { bigint: true }): Promise<UnionBigStats>
  stat(path: PathArgument, options?: StatOptions & { bigint?: false }): Promise<UnionStats>
  async stat(path: PathArgument, options?: StatOptions): Promise<UnionStats | UnionBigStats> {
    return this.calls.stat(path, options)
  }

  lstat(path: PathArgument, options: StatOptions & { bigint: true }): Promise<UnionBigStats>
  lstat(path: PathArgument, options?: StatOptions & { bigint?: false }): Promise<UnionStats>
  async lstat(path: PathArgument, options?: StatOptions): Promise<UnionStats | UnionBigStats> {
    return this.calls.lstat(path, options)
  }

  readdir(
    path: PathArgument,
    options: ReaddirOptions & { encoding: 'buffer'; withFileTypes: true },
  ): Promise<UnionDirent<Buffer>[]>
  readdir(
    path: PathArgument,
    options: ReaddirOptions & { withFileTypes: true },
  ): Promise<UnionDirent[]>
  readdir(
    path: PathArgument,
    options: 'buffer' | (ReaddirOptions & { encoding: 'buffer'; withFileTypes?: false }),
  ): Promise<Buffer[]>
  readdir(
    path: PathArgument,
    options?:
      | BufferEncoding
      | null
      | (ReaddirOptions & { encoding?: BufferEncoding | null; withFileTypes?: false }),
  ): Promise<string[]>
  async readdir(
    path: PathArgument,
    options?: ReaddirOptions | Encoding,
  ): Promise<UnionDirent[] | UnionDirent<Buffer>[] | (string | Buffer)[]> {
    return listDirectory(this.calls, path, options)
  }

  async opendir(path: PathArgument, options?: OpendirOptions | Encoding): Promise<UnionDir> {
    return UnionDir.open(this.calls, path, options)
  }

  async mkdir(
    path: PathArgument,
    options?:
      number | string | { readonly recursive?: boolean; readonly mode?: number | string } | null,
  ): Promise<string | undefined> {
    return makeDirectory(this.calls, path, options)
  }

  mkdtemp(prefix: PathArgument, options: BufferOption): Promise<Buffer>
  mkdtemp(prefix: PathArgument, options?: TextOption): Promise<string>
  async mkdtemp(
    prefix: PathArgument,
    options?: { encoding?: Encoding } | Encoding,
  ): Promise<string | Buffer> {
    return makeTemporary(this.calls, prefix, options, (tried) => tried)
  }

  /** @param options `recursive` as Node had it before rm */
  async rmdir(path: PathArgument, options?: RetryOptions): Promise<void> {
    removeDirectory(this.calls, path, options)
  }

  async rm(path: PathArgument, options?: RemoveOptions): Promise<void> {
    removeTree(this.calls, path, options)
  }

  async unlink(path: PathArgument): Promise<void> {
    this.calls.unlink(path)
  }

  async rename(from: PathArgument, to: PathArgument): Promise<void> {
    this.calls.rename(from, to)
  }

  async link(existing: PathArgument, path: PathArgument): Promise<void> {
    this.calls.link(existing, path)
  }

  async symlink(target: PathArgument, path: PathArgument, type?: string | null): Promise<void> {
    this.calls.symlink(target, path, type)
  }

  readlink(path: PathArgument, options: BufferOption): Promise<Buffer>
  readlink(path: PathArgument, options?: TextOption): Promise<string>
  async readlink(
    path: PathArgument,
    options?: { encoding?: Encoding } | Encoding,
  ): Promise<string | Buffer> {
    return this.calls.readlink(path, readOptions(options).encoding)
  }

  realpath(path: PathArgument, options: BufferOption): Promise<Buffer>
  realpath(path: PathArgument, options?: TextOption): Promise<string>
  async realpath(
    path: PathArgument,
    options?: { encoding?: Encoding } | Encoding,
  ): Promise<string | Buffer> {
    return this.calls.realpath(path, readOptions(options).encoding)
  }

  statfs(path: PathArgument, options: { readonly bigint: true }): Promise<BigStatFs>
  statfs(path: PathArgument, options?: { readonly bigint?: false }): Promise<StatFs>
  async statfs(
    path: PathArgument,
    options?: { readonly bigint?: boolean },
  ): Promise<StatFs | BigStatFs> {
    return this.calls.statfs(path, options)
  }

  async access(path: PathArgument, mode?: number | null): Promise<void> {
    this.calls.access(path, mode)
  }

  async exists(path: PathArgument): Promise<boolean> {
    return this.calls.exists(path)
  }

  async chmod(path: PathArgument, mode: number | string): Promise<void> {
    this.calls.chmod(path, mode)
  }

  /** As on every Linux: symbolic links have no mode. */
  async lchmod(_path: PathArgument, _mode: number | string): Promise<never> {
    throw argumentError(
      'ERR_METHOD_NOT_IMPLEMENTED',
      'The lchmod() method is not implemented',
      Error,
    )
  }

  async chown(path: PathArgument, uid: number, gid: number): Promise<void> {
    this.calls.chown(path, uid, gid)
  }

  async lchown(path: PathArgument, uid: number, gid: number): Promise<void> {
    this.calls.lchown(path, uid, gid)
  }

  async utimes(path: PathArgument, atime: TimeArgument, mtime: TimeArgument): Promise<void> {
    this.calls.utimes(path, atime, mtime)
  }

  async lutimes(path: PathArgument, atime: TimeArgument, mtime: TimeArgument): Promise<void> {
    this.calls.lutimes(path, atime, mtime)
  }

  async truncate(path: PathArgument, sizeBytes?: number): Promise<void> {
    this.calls.truncate(path, sizeBytes)
  }

  async copyFile(from: PathArgument, to: PathArgument, flags?: number): Promise<void> {
    copyFile(this.calls, from, to, flags)
  }

  async cp(from: PathArgument, to: PathArgument, options?: CopyOptions): Promise<void> {
    await copyTree(this.calls, from, to, options)
  }

  /** Extended attributes, which node:fs has no calls for; a final symlink is not followed. */
  async listXattrs(path: PathArgument): Promise<string[]> {
    return this.calls.listXattrs(path)
  }

  async getXattr(path: PathArgument, name: string): Promise<Uint8Array> {
    return this.calls.getXattr(path, name)
  }

  async setXattr(path: PathArgument, name: string, value: Uint8Array): Promise<void> {
    this.calls.setXattr(path, name, value)
  }

  async removeXattr(path: PathArgument, name: string): Promise<void> {
    this.calls.removeXattr(path, name)
  }

  /** The layers are let go; an upper directory can be mounted by others from now on. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.calls.tree.upper?.close()
    this.#onClose?.()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

export function listDirectory(
  calls: UnionCalls,
  path: PathArgument,
  options?: ReaddirOptions | Encoding,
): UnionDirent[] | (string | Buffer)[] {
  const { encoding, withFileTypes, recursive } = readOptions<ReaddirOptions>(options)
  if (recursive) {
    const all = listTree(calls, path, encoding)
    return withFileTypes ? all.map(({ dirent }) => dirent) : all.map((each) => each.path)
  }
  return withFileTypes ? calls.readdirTypes(path, encoding) : calls.readdir(path, encoding)
}

export function makeDirectory(
  calls: UnionCalls,
  path: PathArgument,
  options?:
    number | string | { readonly recursive?: boolean; readonly mode?: number | string } | null,
): string | undefined {
  const isMode = typeof options === 'number' || typeof options === 'string'
  const known: { recursive?: boolean; mode?: number | string } = isMode
    ? { mode: options }
    : (options ?? {})
  const { recursive = false } = known
  shownPath(path)
  checkBoolean('options.recursive', recursive)
  const mode = modeArgument(known.mode, 0o777)
  if (recursive) return makeDirectories(calls, path, mode)
  calls.mkdir(path, mode)
  return undefined
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'

/**
 * mkdtemp(3).
 * @param shownTry the path that an error tells: libuv writes each try over the template, which the Sync call has a copy of
 */
export function makeTemporary(
  calls: UnionCalls,
  prefix: PathArgument,
  options: { encoding?: Encoding } | Encoding,
  shownTry: (tried: string, template: string) => string,
): string | Buffer {
  const { encoding } = readOptions(options)
  const shown = shownPath(prefix, 'prefix')
  const start = pathArgument(prefix)
  // Node 20 loses an X there, and is refused.
  if (start === '') throw nodeError(E.INVAL, { syscall: 'mkdtemp', path: 'XXXXX' })
  for (let tries = 0; ; tries++) {
    let name: string = start
    for (let i = 0; i < 6; i++) name += LETTERS[Math.floor(Math.random() * LETTERS.length)]
    try {
      calls.mkdir(Buffer.from(name, 'latin1'), 0o700)
      return encodeName(name as BytePath, encoding)
    } catch (error) {
      const { code, errno } = error as NodeJS.ErrnoException
      if (code === 'EEXIST' && tries < 100) continue
      if (typeof errno !== 'number') throw error
      const path = shownTry(pathText(name as BytePath), `${shown}XXXXXX`)
      throw nodeError(errno, { syscall: 'mkdtemp', path })
    }
  }
}
