// The one door to the kernel: the C library's functions, bound with koffi when the first of them is needed.
// Knows signatures and how to hand over bytes; knows nothing about layers. Nothing here throws on a failed call.
//
// koffi is loaded lazily and synchronously: listing images must not pay for a native module, and the hot path of an
// applier cannot await.

import { createRequire } from 'node:module'
import type * as Koffi from 'koffi'
import { ERRNO } from './errno.ts'
import { writeLatin1 } from './latin1.ts'

type Pointer = Uint8Array | BigInt64Array | null
type Call<Args extends unknown[]> = (...args: Args) => number

/** C functions as they are; -1 means failure and errno() tells why. */
export interface Libc {
  errno(): number
  openat: Call<[number, Pointer, number, number]>
  close: Call<[number]>
  mkdirat: Call<[number, Pointer, number]>
  mknodat: Call<[number, Pointer, number, bigint | number]>
  symlinkat: Call<[Pointer, number, Pointer]>
  linkat: Call<[number, Pointer, number, Pointer, number]>
  unlinkat: Call<[number, Pointer, number]>
  renameat2: Call<[number, Pointer, number, Pointer, number]>
  readlinkat: Call<[number, Pointer, Pointer, number]>
  fchownat: Call<[number, Pointer, number, number, number]>
  fchown: Call<[number, number, number]>
  chmod: Call<[Pointer, number]>
  fchmod: Call<[number, number]>
  utimensat: Call<[number, Pointer, Pointer, number]>
  futimens: Call<[number, Pointer]>
  statx: Call<[number, Pointer, number, number, Pointer]>
  read: Call<[number, Pointer, number]>
  write: Call<[number, Pointer, number]>
  pread: Call<[number, Pointer, number, number]>
  pwrite: Call<[number, Pointer, number, number]>
  ftruncate: Call<[number, number]>
  lseek: Call<[number, number, number]>
  fallocate: Call<[number, number, number, number]>
  copyFileRange: Call<[number, BigInt64Array | null, number, BigInt64Array | null, number, number]>
  ioctl: Call<[number, number, number]>
  /** The same, where the argument is a place in memory. */
  ioctlBytes: Call<[number, number, Pointer]>
  fcntl: Call<[number, number, number]>
  pipe2: Call<[Pointer, number]>
  splice: Call<[number, Pointer, number, Pointer, number, number]>
  syncfs: Call<[number]>
  flock: Call<[number, number]>
  lgetxattr: Call<[Pointer, Pointer, Pointer, number]>
  fgetxattr: Call<[number, Pointer, Pointer, number]>
  lsetxattr: Call<[Pointer, Pointer, Pointer, number, number]>
  fsetxattr: Call<[number, Pointer, Pointer, number, number]>
  llistxattr: Call<[Pointer, Pointer, number]>
  flistxattr: Call<[number, Pointer, number]>
  lremovexattr: Call<[Pointer, Pointer]>
  fremovexattr: Call<[number, Pointer]>
  mount: Call<[Pointer, Pointer, Pointer, number, Pointer]>
  umount2: Call<[Pointer, number]>
  unshare: Call<[number]>
  chdir: Call<[Pointer]>
  fchdir: Call<[number]>
  chroot: Call<[Pointer]>
  /** syscall(number, fd, pointer, pointer, size) and the other shapes that have no wrapper in every C library. */
  openat2: Call<[number, number, Pointer, Pointer, number]>
  getdents64: Call<[number, number, Pointer, number]>
  openTree: Call<[number, number, Pointer, number]>
  mountSetattr: Call<[number, number, Pointer, number, Pointer, number]>
  fsopen: Call<[number, Pointer, number]>
  fsconfig: Call<[number, number, number, Pointer, Pointer, number]>
  fsmount: Call<[number, number, number, number]>
  moveMount: Call<[number, number, Pointer, number, Pointer, number]>
}

const SIGNATURES: Readonly<
  Record<Exclude<keyof Libc, 'errno'>, readonly [string, string, string[]]>
> = {
  openat: ['openat', 'int', ['int', 'void *', 'int', 'uint']],
  close: ['close', 'int', ['int']],
  mkdirat: ['mkdirat', 'int', ['int', 'void *', 'uint']],
  mknodat: ['mknodat', 'int', ['int', 'void *', 'uint', 'uint64']],
  symlinkat: ['symlinkat', 'int', ['void *', 'int', 'void *']],
  linkat: ['linkat', 'int', ['int', 'void *', 'int', 'void *', 'int']],
  unlinkat: ['unlinkat', 'int', ['int', 'void *', 'int']],
  renameat2: ['renameat2', 'int', ['int', 'void *', 'int', 'void *', 'uint']],
  readlinkat: ['readlinkat', 'long', ['int', 'void *', 'void *', 'size_t']],
  fchownat: ['fchownat', 'int', ['int', 'void *', 'uint', 'uint', 'int']],
  fchown: ['fchown', 'int', ['int', 'uint', 'uint']],
  chmod: ['chmod', 'int', ['void *', 'uint']],
  fchmod: ['fchmod', 'int', ['int', 'uint']],
  utimensat: ['utimensat', 'int', ['int', 'void *', 'void *', 'int']],
  futimens: ['futimens', 'int', ['int', 'void *']],
  statx: ['statx', 'int', ['int', 'void *', 'int', 'uint', 'void *']],
  read: ['read', 'long', ['int', 'void *', 'size_t']],
  write: ['write', 'long', ['int', 'void *', 'size_t']],
  pread: ['pread', 'long', ['int', 'void *', 'size_t', 'int64']],
  pwrite: ['pwrite', 'long', ['int', 'void *', 'size_t', 'int64']],
  ftruncate: ['ftruncate', 'int', ['int', 'int64']],
  lseek: ['lseek', 'int64', ['int', 'int64', 'int']],
  fallocate: ['fallocate', 'int', ['int', 'int', 'int64', 'int64']],
  copyFileRange: ['copy_file_range', 'long', ['int', 'void *', 'int', 'void *', 'size_t', 'uint']],
  ioctl: ['ioctl', 'int', ['int', 'ulong', 'long']],
  ioctlBytes: ['ioctl', 'int', ['int', 'ulong', 'void *']],
  fcntl: ['fcntl', 'int', ['int', 'int', 'long']],
  pipe2: ['pipe2', 'int', ['void *', 'int']],
  splice: ['splice', 'long', ['int', 'void *', 'int', 'void *', 'size_t', 'uint']],
  syncfs: ['syncfs', 'int', ['int']],
  flock: ['flock', 'int', ['int', 'int']],
  lgetxattr: ['lgetxattr', 'long', ['void *', 'void *', 'void *', 'size_t']],
  fgetxattr: ['fgetxattr', 'long', ['int', 'void *', 'void *', 'size_t']],
  lsetxattr: ['lsetxattr', 'int', ['void *', 'void *', 'void *', 'size_t', 'int']],
  fsetxattr: ['fsetxattr', 'int', ['int', 'void *', 'void *', 'size_t', 'int']],
  llistxattr: ['llistxattr', 'long', ['void *', 'void *', 'size_t']],
  flistxattr: ['flistxattr', 'long', ['int', 'void *', 'size_t']],
  lremovexattr: ['lremovexattr', 'int', ['void *', 'void *']],
  fremovexattr: ['fremovexattr', 'int', ['int', 'void *']],
  mount: ['mount', 'int', ['void *', 'void *', 'void *', 'ulong', 'void *']],
  umount2: ['umount2', 'int', ['void *', 'int']],
  unshare: ['unshare', 'int', ['int']],
  chdir: ['chdir', 'int', ['void *']],
  fchdir: ['fchdir', 'int', ['int']],
  chroot: ['chroot', 'int', ['void *']],
  openat2: ['syscall', 'long', ['long', 'long', 'void *', 'void *', 'size_t']],
  getdents64: ['syscall', 'long', ['long', 'long', 'void *', 'size_t']],
  openTree: ['syscall', 'long', ['long', 'long', 'void *', 'ulong']],
  mountSetattr: ['syscall', 'long', ['long', 'long', 'void *', 'ulong', 'void *', 'size_t']],
  fsopen: ['syscall', 'long', ['long', 'void *', 'ulong']],
  fsconfig: ['syscall', 'long', ['long', 'long', 'ulong', 'void *', 'void *', 'long']],
  fsmount: ['syscall', 'long', ['long', 'long', 'ulong', 'ulong']],
  moveMount: ['syscall', 'long', ['long', 'long', 'void *', 'long', 'void *', 'ulong']],
}

let bound: Libc | undefined

export function libc(): Libc {
  return (bound ??= bind())
}

function bind(): Libc {
  const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi
  // The process itself already holds its C library, whichever it is (glibc, musl): no file name to guess.
  const library = koffi.load(null)
  const calls: Record<string, unknown> = { errno: () => koffi.errno() }
  for (const [name, [symbol, result, args]] of Object.entries(SIGNATURES)) {
    calls[name] = library.func(symbol, result, args)
  }
  return between()(calls as unknown as Libc)
}

/** Where tests stand between shale and the kernel: they count its calls, stop at one, or let one fail. */
function between(): (calls: Libc) => Libc {
  const key = Symbol.for('shale.test.libc')
  return (
    (globalThis as unknown as Record<symbol, ((calls: Libc) => Libc) | undefined>)[key] ??
    ((calls): Libc => calls)
  )
}

/** A call's result, with -errno in place of -1. */
export function checked(result: number): number {
  return result < 0 ? -libc().errno() : result
}

/** Syscalls without a C library wrapper everywhere. Those from 424 on have one number on all architectures. */
export const SYS: Readonly<Record<string, number>> & {
  readonly getdents64: number
  readonly openTree: number
  readonly moveMount: number
  readonly fsopen: number
  readonly fsconfig: number
  readonly fsmount: number
  readonly openat2: number
  readonly mountSetattr: number
} = {
  getdents64: process.arch === 'x64' ? 217 : 61,
  openTree: 428,
  moveMount: 429,
  fsopen: 430,
  fsconfig: 431,
  fsmount: 432,
  openat2: 437,
  mountSetattr: 442,
}

/** PATH_MAX counts the NUL. */
const PATH_BYTES_MAX = 4096

/**
 * A reusable place for one C string: an encoder per argument position, so that two paths of one call do not share
 * bytes, and no allocation per call.
 */
export class CString {
  readonly #bytes = Buffer.alloc(PATH_BYTES_MAX)

  /** The path's bytes and a NUL; undefined where no C string can hold them (the kernel would see another name). */
  set(path: string): Buffer | undefined {
    if (path.length >= PATH_BYTES_MAX || path.includes('\0')) return undefined
    this.#bytes[writeLatin1(this.#bytes, path, 0)] = 0
    return this.#bytes
  }
}

/** Why CString.set refused: -ENAMETOOLONG or -EINVAL. */
export function unusable(path: string): number {
  return path.includes('\0') ? -ERRNO.EINVAL : -ERRNO.ENAMETOOLONG
}

/** Ordinary text (a host path) as a fresh C string, of any length. */
export function cText(text: string): Buffer {
  return Buffer.from(`${text}\0`, 'utf8')
}
