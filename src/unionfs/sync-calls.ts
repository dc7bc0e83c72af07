// A merged tree by the calls of node:fs that end in Sync: at once, with descriptors that are numbers. What has callbacks is
// made of them (fs-adapter.ts).

import {
  checkBoolean,
  checkBuffers,
  checkBytesOrText,
  checkInteger,
  ownerArgument,
  readOptions,
  type RetryOptions,
} from './argument-checks.ts'
import {
  bytesOf,
  numberPosition,
  partBytes,
  readArguments,
  textBytes,
  writeArguments,
  type BytePlace,
} from './byte-arguments.ts'
import type { StatOptions, UnionCalls } from './calls.ts'
import { copyFile } from './copy-file.ts'
import { copyTreeSync, type CopySyncOptions } from './copy-tree.ts'
import { UnionDir, type OpendirOptions } from './dir.ts'
import type { OpenHandle } from './handle.ts'
import { nodeError } from './node-error.ts'
import { modeArgument, type Encoding, type PathArgument } from './path-argument.ts'
import { timesArgument, type TimeArgument } from './time-argument.ts'
import { removeDirectory, removeTree, type RemoveOptions } from './trees.ts'
import {
  listDirectory,
  makeDirectory,
  makeTemporary,
  type ReaddirOptions,
  type ReadFileOptions,
  type WriteFileOptions,
} from './union-fs.ts'

const BADF = 9

type StatCallOptions = StatOptions & { readonly throwIfNoEntry?: boolean }

/** Calls of node:fs that there are with a callback and, ending in Sync, without. */
export type CallName =
  | 'access'
  | 'appendFile'
  | 'chmod'
  | 'chown'
  | 'close'
  | 'copyFile'
  | 'cp'
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
  | 'readv'
  | 'realpath'
  | 'rename'
  | 'rm'
  | 'rmdir'
  | 'stat'
  | 'statfs'
  | 'symlink'
  | 'truncate'
  | 'unlink'
  | 'utimes'
  | 'write'
  | 'writeFile'
  | 'writev'

export type SyncCalls = Readonly<Record<`${CallName}Sync`, (...args: never[]) => unknown>>

/** Descriptors are numbers of these calls alone. */
export function syncCalls(calls: UnionCalls): SyncCalls {
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
    syscall: string,
    use: (handle: OpenHandle) => T,
  ): T => {
    if (typeof path === 'number') return use(handleOf(path, syscall))
    const handle = calls.open(path, flags, mode)
    try {
      return use(handle)
    } finally {
      handle.close()
    }
  }
  const encodingOf = (options?: { encoding?: Encoding } | Encoding): Encoding =>
    readOptions<{ encoding?: Encoding }>(options).encoding
  const isAbsent = (error: unknown): boolean => {
    const { code } = error as NodeJS.ErrnoException
    return code === 'ENOENT' || code === 'ENOTDIR'
  }
  const write = (
    path: PathArgument | number,
    data: string | NodeJS.ArrayBufferView,
    usual: string,
    options?: WriteFileOptions | BufferEncoding | null,
  ): void => {
    const { encoding, flag, mode, flush = false } = readOptions<WriteFileOptions>(options)
    checkBoolean('options.flush', flush)
    checkBytesOrText('data', data)
    const bytes = partBytes(data, encoding)
    withFile(path, flag || usual, mode, 'write', (handle) => {
      if (bytes.length > 0) handle.write(bytes)
      if (flush) handle.sync(false)
    })
  }

  return {
    accessSync: (path: PathArgument, mode?: number | null) => calls.access(path, mode),
    appendFileSync: (
      path: PathArgument | number,
      data: string | NodeJS.ArrayBufferView,
      options?: WriteFileOptions | BufferEncoding | null,
    ) => write(path, data, 'a', options),
    chmodSync: (path: PathArgument, mode: number | string) => calls.chmod(path, mode),
    chownSync: (path: PathArgument, uid: number, gid: number) => calls.chown(path, uid, gid),
    closeSync: (fd: number): void => {
      handleOf(fd, 'close').close()
      open.delete(fd)
    },
    cpSync: (from: PathArgument, to: PathArgument, options?: CopySyncOptions) =>
      copyTreeSync(calls, from, to, options),
    copyFileSync: (from: PathArgument, to: PathArgument, flags?: number) =>
      copyFile(calls, from, to, flags),
    existsSync: (path: PathArgument): boolean => {
      try {
        return calls.exists(path)
      } catch {
        return false
      }
    },
    fchmodSync: (fd: number, mode: number | string) =>
      handleOf(fd, 'fchmod').setAttributes('fchmod', { mode: modeArgument(mode) }),
    fchownSync: (fd: number, uid: number, gid: number) =>
      handleOf(fd, 'fchown').setAttributes('fchown', ownerArgument(uid, gid)),
    fdatasyncSync: (fd: number) => handleOf(fd, 'fdatasync').sync(true),
    fstatSync: (fd: number, options?: StatOptions) => handleOf(fd, 'fstat').stat(options),
    fsyncSync: (fd: number) => handleOf(fd, 'fsync').sync(false),
    ftruncateSync: (fd: number, sizeBytes = 0) => {
      checkInteger('len', sizeBytes)
      handleOf(fd, 'ftruncate').truncate(sizeBytes)
    },
    futimesSync: (fd: number, atime: TimeArgument, mtime: TimeArgument) =>
      handleOf(fd, 'futime').setAttributes('futime', timesArgument(atime, mtime)),
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
    mkdtempSync: (prefix: PathArgument, options?: { encoding?: Encoding } | Encoding) =>
      makeTemporary(calls, prefix, options, (_, template) => template),
    opendirSync: (path: PathArgument, options?: OpendirOptions | Encoding) =>
      UnionDir.open(calls, path, options),
    openSync: (path: PathArgument, flags?: string | number, mode?: number | string): number => {
      open.set(++last, calls.open(path, flags, mode))
      return last
    },
    readFileSync: (
      path: PathArgument | number,
      options?: ReadFileOptions | BufferEncoding | null,
    ): Buffer | string => {
      const { encoding, flag } = readOptions<ReadFileOptions>(options)
      return withFile(path, flag || 'r', undefined, 'read', (h) => h.readContent(encoding))
    },
    readSync: (
      fd: number,
      buffer: NodeJS.ArrayBufferView,
      offset?: number | BytePlace | null,
      length?: number | null,
      position?: number | bigint | null,
    ): number => {
      const handle = handleOf(fd, 'read')
      const range = readArguments(buffer, offset, length, position)
      return range.bytes.length === 0 ? 0 : handle.read(range.bytes, range.position)
    },
    readvSync: (
      fd: number,
      buffers: readonly NodeJS.ArrayBufferView[],
      position?: number | null,
    ): number => {
      checkBuffers(buffers)
      return handleOf(fd, 'readv').readv(buffers.map(bytesOf), numberPosition(position))
    },
    readdirSync: (path: PathArgument, options?: ReaddirOptions | Encoding) =>
      listDirectory(calls, path, options),
    readlinkSync: (path: PathArgument, options?: { encoding?: Encoding } | Encoding) =>
      calls.readlink(path, encodingOf(options)),
    realpathSync: (path: PathArgument, options?: { encoding?: Encoding } | Encoding) =>
      calls.realpath(path, encodingOf(options)),
    renameSync: (from: PathArgument, to: PathArgument) => calls.rename(from, to),
    rmSync: (path: PathArgument, options?: RemoveOptions) => removeTree(calls, path, options),
    rmdirSync: (path: PathArgument, options?: RetryOptions) =>
      removeDirectory(calls, path, options),
    statfsSync: (path: PathArgument, options?: { bigint?: boolean }) => calls.statfs(path, options),
    statSync: (path: PathArgument, options?: StatCallOptions) => {
      try {
        return calls.stat(path, options)
      } catch (error) {
        if (options?.throwIfNoEntry === false && isAbsent(error)) return undefined
        throw error
      }
    },
    symlinkSync: (target: PathArgument, path: PathArgument, type?: string | null) =>
      calls.symlink(target, path, type),
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
      first?: number | BytePlace | null,
      second?: number | BufferEncoding | null,
      third?: number | null,
    ): number => {
      const handle = handleOf(fd, 'write')
      checkBytesOrText('buffer', data)
      if (typeof data === 'string') {
        return handle.write(textBytes(data, second), numberPosition(first))
      }
      const { bytes, position } = writeArguments(data, first, second as number | null, third)
      return bytes.length === 0 ? 0 : handle.write(bytes, position)
    },
    writevSync: (
      fd: number,
      buffers: readonly NodeJS.ArrayBufferView[],
      position?: number | null,
    ): number => {
      checkBuffers(buffers)
      return handleOf(fd, 'writev').writev(buffers.map(bytesOf), numberPosition(position))
    },
  }
}
