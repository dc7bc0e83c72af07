// A merged tree as libraries want it that are given an `fs`: callbacks, the Sync calls and `promises` in one object, with
// descriptors that are numbers. Only what UnionFs has; what is missing here is missing for good (watch, for one).

import fs from 'node:fs'
import { callbackify } from 'node:util'
import { copyFile, removeTree, type RemoveOptions } from './trees.ts'
import type { StatOptions, TimeArgument } from './calls.ts'
import { UnionDir } from './dir.ts'
import { positionOf, rangeOf } from './file-handle.ts'
import type { OpenHandle } from './handle.ts'
import { nodeError } from './node-error.ts'
import {
  modeArgument,
  openFlags,
  timeArgument,
  type Encoding,
  type PathArgument,
} from './path-argument.ts'
import {
  listDirectory,
  makeDirectory,
  makeTemporary,
  type ReaddirOptions,
  type ReadFileOptions,
  type UnionFs,
  type WriteFileOptions,
} from './union-fs.ts'

const BADF = 9

type StatCallOptions = StatOptions & { readonly throwIfNoEntry?: boolean }

/** The calls at once; those with callbacks are made of them. */
function syncCalls(union: UnionFs) {
  const { calls } = union
  const open = new Map<number, OpenHandle>()
  let last = 2
  const handleOf = (fd: number, syscall: string): OpenHandle => {
    const handle = open.get(fd)
    if (handle === undefined) throw nodeError(BADF, { syscall })
    return handle
  }
  const withFile = <T>(
    path: PathArgument | number,
    flags: string | number,
    mode: number | string | null | undefined,
    use: (handle: OpenHandle) => T,
  ): T => {
    if (typeof path === 'number') return use(handleOf(path, 'read'))
    const handle = calls.open(path, openFlags(flags), modeArgument(mode, 0o666))
    try {
      return use(handle)
    } finally {
      handle.close()
    }
  }
  const bytesOf = (data: string | NodeJS.ArrayBufferView, encoding?: Encoding): Uint8Array =>
    typeof data === 'string'
      ? Buffer.from(data, encoding && encoding !== 'buffer' ? encoding : 'utf8')
      : rangeOf(data)
  const encodingOf = (options?: { encoding?: Encoding } | Encoding): Encoding =>
    typeof options === 'string' ? options : options?.encoding
  const isAbsent = (error: unknown): boolean => {
    const { code } = error as NodeJS.ErrnoException
    return code === 'ENOENT' || code === 'ENOTDIR'
  }
  const write = (
    path: PathArgument | number,
    data: string | NodeJS.ArrayBufferView,
    flag: string,
    options?: WriteFileOptions | BufferEncoding | null,
  ): void => {
    const known = typeof options === 'object' ? options : undefined
    withFile(path, known?.flag ?? flag, known?.mode, (handle) => {
      handle.write(bytesOf(data, encodingOf(options)))
    })
  }

  return {
    accessSync: (path: PathArgument, mode?: number) => calls.access(path, mode),
    appendFileSync: (
      path: PathArgument | number,
      data: string | NodeJS.ArrayBufferView,
      options?: WriteFileOptions | BufferEncoding | null,
    ) => write(path, data, 'a', options),
    chmodSync: (path: PathArgument, mode: number | string) =>
      calls.chmod(path, modeArgument(mode, 0)),
    chownSync: (path: PathArgument, uid: number, gid: number) => calls.chown(path, uid, gid),
    closeSync: (fd: number): void => {
      handleOf(fd, 'close').close()
      open.delete(fd)
    },
    copyFileSync: (from: PathArgument, to: PathArgument, flags?: number) =>
      copyFile(calls, from, to, flags),
    existsSync: (path: PathArgument): boolean => {
      try {
        return calls.find(path, true) !== undefined
      } catch {
        return false
      }
    },
    fchmodSync: (fd: number, mode: number | string) =>
      handleOf(fd, 'fchmod').setAttributes('fchmod', { mode: modeArgument(mode, 0) }),
    fchownSync: (fd: number, uid: number, gid: number) =>
      handleOf(fd, 'fchown').setAttributes('fchown', { uid, gid }),
    fdatasyncSync: (fd: number) => handleOf(fd, 'fdatasync').sync(true),
    fstatSync: (fd: number, options?: StatOptions) => handleOf(fd, 'fstat').stat(options),
    fsyncSync: (fd: number) => handleOf(fd, 'fsync').sync(false),
    ftruncateSync: (fd: number, sizeBytes = 0) => handleOf(fd, 'ftruncate').truncate(sizeBytes),
    futimesSync: (fd: number, atime: TimeArgument, mtime: TimeArgument) =>
      handleOf(fd, 'futime').setAttributes('futime', {
        atimeNs: timeArgument(atime),
        mtimeNs: timeArgument(mtime),
      }),
    lchownSync: (path: PathArgument, uid: number, gid: number) => calls.lchown(path, uid, gid),
    linkSync: (from: PathArgument, to: PathArgument) => calls.link(from, to),
    lstatSync: (path: PathArgument, options?: StatCallOptions) => {
      try {
        return calls.lstat(path, options)
      } catch (error) {
        if (options?.throwIfNoEntry === false && isAbsent(error)) return undefined
        throw error
      }
    },
    lutimesSync: (path: PathArgument, atime: TimeArgument, mtime: TimeArgument) =>
      calls.lutimes(path, atime, mtime),
    mkdirSync: (
      path: PathArgument,
      options?: number | string | { recursive?: boolean; mode?: number | string } | null,
    ) => makeDirectory(calls, path, options),
    mkdtempSync: (prefix: string) => makeTemporary(calls, prefix),
    opendirSync: (path: PathArgument, options?: { recursive?: boolean }) =>
      UnionDir.open(calls, path, options),
    openSync: (path: PathArgument, flags?: string | number, mode?: number | string): number => {
      open.set(++last, calls.open(path, openFlags(flags), modeArgument(mode, 0o666)))
      return last
    },
    readFileSync: (
      path: PathArgument | number,
      options?: ReadFileOptions | BufferEncoding | null,
    ): Buffer | string => {
      const flag = typeof options === 'object' ? (options?.flag ?? 'r') : 'r'
      const bytes = withFile(path, flag, undefined, (handle) => handle.readAll())
      const encoding = encodingOf(options)
      return encoding && encoding !== 'buffer' ? bytes.toString(encoding) : bytes
    },
    readSync: (
      fd: number,
      buffer: NodeJS.ArrayBufferView,
      offset?: number | null,
      length?: number | null,
      position?: number | bigint | null,
    ): number => handleOf(fd, 'read').read(rangeOf(buffer, offset, length), positionOf(position)),
    readdirSync: (path: PathArgument, options?: ReaddirOptions | Encoding) =>
      listDirectory(calls, path, options),
    readlinkSync: (path: PathArgument, options?: { encoding?: Encoding } | Encoding) =>
      calls.readlink(path, encodingOf(options)),
    realpathSync: (path: PathArgument, options?: { encoding?: Encoding } | Encoding) =>
      calls.realpath(path, encodingOf(options)),
    renameSync: (from: PathArgument, to: PathArgument) => calls.rename(from, to),
    rmSync: (path: PathArgument, options?: RemoveOptions) => removeTree(calls, path, options),
    rmdirSync: (path: PathArgument) => calls.rmdir(path),
    statSync: (path: PathArgument, options?: StatCallOptions) => {
      try {
        return calls.stat(path, options)
      } catch (error) {
        if (options?.throwIfNoEntry === false && isAbsent(error)) return undefined
        throw error
      }
    },
    symlinkSync: (target: PathArgument, path: PathArgument, _type?: string | null) =>
      calls.symlink(target, path),
    truncateSync: (path: PathArgument, sizeBytes?: number) => calls.truncate(path, sizeBytes),
    unlinkSync: (path: PathArgument) => calls.unlink(path),
    utimesSync: (path: PathArgument, atime: TimeArgument, mtime: TimeArgument) =>
      calls.utimes(path, atime, mtime),
    writeFileSync: (
      path: PathArgument | number,
      data: string | NodeJS.ArrayBufferView,
      options?: WriteFileOptions | BufferEncoding | null,
    ) => write(path, data, 'w', options),
    writeSync: (
      fd: number,
      data: string | NodeJS.ArrayBufferView,
      first?: number | null,
      second?: number | BufferEncoding | null,
      third?: number | null,
    ): number => {
      const handle = handleOf(fd, 'write')
      if (typeof data === 'string') {
        return handle.write(bytesOf(data, second as Encoding), positionOf(first))
      }
      return handle.write(rangeOf(data, first, second as number | null), positionOf(third))
    },
  }
}

type Callback = (error: NodeJS.ErrnoException | null, ...results: unknown[]) => void

/** Calls of node:fs that there are with a callback and, ending in Sync, without. */
type CallName =
  | 'access'
  | 'appendFile'
  | 'chmod'
  | 'chown'
  | 'close'
  | 'copyFile'
  | 'exists'
  | 'fchmod'
  | 'fchown'
  | 'fdatasync'
  | 'fstat'
  | 'fsync'
  | 'ftruncate'
  | 'futimes'
  | 'lchown'
  | 'link'
  | 'lstat'
  | 'lutimes'
  | 'mkdir'
  | 'mkdtemp'
  | 'open'
  | 'opendir'
  | 'read'
  | 'readFile'
  | 'readdir'
  | 'readlink'
  | 'realpath'
  | 'rename'
  | 'rm'
  | 'rmdir'
  | 'stat'
  | 'symlink'
  | 'truncate'
  | 'unlink'
  | 'utimes'
  | 'write'
  | 'writeFile'

/** That part of node:fs, as a type: what takes an `fs` takes this. `promises` is bound, so it can be taken apart. */
export type UnionFsAdapter = Pick<
  typeof fs,
  CallName | `${CallName}Sync` | 'constants' | 'createReadStream' | 'createWriteStream'
> & { readonly promises: UnionFs }

/** @example glob('**', { fs: fsAdapter(union), cwd: '/' }) */
export function fsAdapter(union: UnionFs): UnionFsAdapter {
  const sync = syncCalls(union)
  const adapter: Record<string, unknown> = {
    ...sync,
    promises: bound(union),
    constants: fs.constants,
  }
  for (const [name, call] of Object.entries(sync)) {
    if (name === 'existsSync') continue
    adapter[name.slice(0, -'Sync'.length)] = withCallback(call as (...args: unknown[]) => unknown)
  }
  // These three have callbacks of another shape than (error, result).
  adapter['exists'] = (path: PathArgument, callback: (exists: boolean) => void): void => {
    queueMicrotask(() => callback(sync.existsSync(path)))
  }
  adapter['read'] = threeResults(sync.readSync, 1)
  adapter['write'] = threeResults(sync.writeSync, 1)
  const native = <T extends (...args: unknown[]) => unknown>(call: T): T =>
    Object.assign(call, { native: call })
  adapter['realpath'] = native(adapter['realpath'] as (...args: unknown[]) => unknown)
  adapter['realpathSync'] = native(sync.realpathSync as (...args: unknown[]) => unknown)
  const options = (given?: object | BufferEncoding): object => ({
    ...(typeof given === 'string' ? { encoding: given } : given),
    fs: adapter,
  })
  adapter['createReadStream'] = (path: fs.PathLike, given?: object | BufferEncoding) =>
    fs.createReadStream(path, options(given))
  adapter['createWriteStream'] = (path: fs.PathLike, given?: object | BufferEncoding) =>
    fs.createWriteStream(path, options(given))
  return adapter as unknown as UnionFsAdapter
}

/** Methods that a library may take out of the object (`const { stat } = fs.promises`). */
function bound(union: UnionFs): object {
  const out: Record<string, unknown> = { constants: fs.constants }
  for (const name of Object.getOwnPropertyNames(Object.getPrototypeOf(union))) {
    const value: unknown = (union as unknown as Record<string, unknown>)[name]
    if (name !== 'constructor' && typeof value === 'function') {
      out[name] = (...args: unknown[]): unknown => Reflect.apply(value, union, args) as unknown
    }
  }
  return out
}

function withCallback(call: (...args: unknown[]) => unknown): (...args: unknown[]) => void {
  const later = callbackify(async (...args: unknown[]) => call(...args)) as (
    ...args: unknown[]
  ) => void
  return (...args) => {
    // Arguments that were left out stand before the callback as undefined.
    const callback = args.pop()
    if (typeof callback !== 'function') {
      throw Object.assign(
        new TypeError(`The "cb" argument must be of type function. Received ${String(callback)}`),
        { code: 'ERR_INVALID_ARG_TYPE' },
      )
    }
    later(...args, (error: NodeJS.ErrnoException | null, result: unknown) => {
      if (error) (callback as Callback)(error)
      else (callback as Callback)(null, result)
    })
  }
}

/** read and write tell the buffer as well. */
function threeResults(
  call: (...args: never[]) => number,
  bufferAt: number,
): (...args: unknown[]) => void {
  return (...args) => {
    const callback = args.pop() as Callback
    queueMicrotask(() => {
      let count: number
      try {
        count = Reflect.apply(call, undefined, args) as number
      } catch (error) {
        callback(error as NodeJS.ErrnoException)
        return
      }
      callback(null, count, args[bufferAt])
    })
  }
}
