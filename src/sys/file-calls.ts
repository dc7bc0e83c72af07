// File calls relative to an open directory, for names that are bytes. The name is always one step below `dirfd` or an
// answer of open_in_root: a path that was checked as text can be another path by the time the kernel walks it.
// Every call returns its result, or a negative errno; none throws and none follows a final symlink.

import fs from 'node:fs'
import type { BytePath } from '../path/byte-path.ts'
import { ERRNO } from './errno.ts'
import { readLatin1 } from './latin1.ts'
import { CString, SYS, checked, libc, unusable } from './libc.ts'
import { wideSecondsOf } from './wide-numbers.ts'

export const AT_FDCWD = -100
export const AT_SYMLINK_NOFOLLOW = 0x100
export const AT_REMOVEDIR = 0x200
const AT_SYMLINK_FOLLOW = 0x400
export const AT_EMPTY_PATH = 0x1000

interface OpenFlags {
  readonly RDONLY: number
  readonly WRONLY: number
  readonly RDWR: number
  readonly CREAT: number
  readonly EXCL: number
  readonly TRUNC: number
  readonly APPEND: number
  readonly NOFOLLOW: number
  readonly DIRECTORY: number
  readonly NONBLOCK: number
  readonly CLOEXEC: number
  readonly PATH: number
  readonly TMPFILE: number
}

/** Those that differ between architectures come from node:fs; those that it lacks do not differ. */
export const O: OpenFlags = {
  RDONLY: fs.constants.O_RDONLY,
  WRONLY: fs.constants.O_WRONLY,
  RDWR: fs.constants.O_RDWR,
  CREAT: fs.constants.O_CREAT,
  EXCL: fs.constants.O_EXCL,
  TRUNC: fs.constants.O_TRUNC,
  APPEND: fs.constants.O_APPEND,
  NOFOLLOW: fs.constants.O_NOFOLLOW,
  DIRECTORY: fs.constants.O_DIRECTORY,
  NONBLOCK: fs.constants.O_NONBLOCK,
  CLOEXEC: 0o2000000,
  PATH: 0o10000000,
  TMPFILE: 0o20000000 | fs.constants.O_DIRECTORY,
}

const first = new CString()
const second = new CString()

type DirFd = number
type Name = BytePath | string

export function openAt(dir: DirFd, name: Name, flags: number, mode = 0): number {
  const path = first.set(name)
  return path ? checked(libc().openat(dir, path, flags | O.CLOEXEC, mode)) : unusable(name)
}

export function close(fd: number): void {
  libc().close(fd)
}

export function mkdirAt(dir: DirFd, name: Name, mode: number): number {
  const path = first.set(name)
  return path ? checked(libc().mkdirat(dir, path, mode)) : unusable(name)
}

/** @param mode with its type bits: S_IFCHR, S_IFBLK, S_IFIFO, S_IFREG */
export function mknodAt(dir: DirFd, name: Name, mode: number, device: bigint = 0n): number {
  const path = first.set(name)
  return path ? checked(libc().mknodat(dir, path, mode, device)) : unusable(name)
}

/** dev_t as Linux's C libraries pack it. */
export function makeDevice(major: number, minor: number): bigint {
  const a = BigInt(major)
  const b = BigInt(minor)
  return (
    ((a & 0xfffff000n) << 32n) | ((a & 0xfffn) << 8n) | ((b & 0xffffff00n) << 12n) | (b & 0xffn)
  )
}

export function symlinkAt(target: Name, dir: DirFd, name: Name): number {
  const content = first.set(target)
  if (!content) return unusable(target)
  const path = second.set(name)
  return path ? checked(libc().symlinkat(content, dir, path)) : unusable(name)
}

export function linkAt(fromDir: DirFd, fromName: Name, dir: DirFd, name: Name, flags = 0): number {
  const from = first.set(fromName)
  if (!from) return unusable(fromName)
  const path = second.set(name)
  return path ? checked(libc().linkat(fromDir, from, dir, path, flags)) : unusable(name)
}

/** A name for an open file that has none (O_TMPFILE), by its link in /proc: without CAP_DAC_READ_SEARCH the only way. */
export function linkOpen(fd: number, dir: DirFd, name: Name): number {
  return linkAt(AT_FDCWD, `/proc/self/fd/${fd}`, dir, name, AT_SYMLINK_FOLLOW)
}

export function unlinkAt(dir: DirFd, name: Name, flags = 0): number {
  const path = first.set(name)
  return path ? checked(libc().unlinkat(dir, path, flags)) : unusable(name)
}

/** @param flags 0, RENAME_NOREPLACE 1, RENAME_EXCHANGE 2 */
export function renameAt(
  fromDir: DirFd,
  fromName: Name,
  dir: DirFd,
  name: Name,
  flags = 0,
): number {
  const from = first.set(fromName)
  if (!from) return unusable(fromName)
  const path = second.set(name)
  return path ? checked(libc().renameat2(fromDir, from, dir, path, flags)) : unusable(name)
}

const linkBuffer = Buffer.alloc(4097)

/** The content of a symlink, or a negative errno. With an O_PATH fd of the link itself, name is ''. */
export function readlinkAt(dir: DirFd, name: Name): BytePath | number {
  const path = first.set(name)
  if (!path) return unusable(name)
  const length = checked(libc().readlinkat(dir, path, linkBuffer, linkBuffer.length))
  return length < 0 ? length : (readLatin1(linkBuffer, 0, length) as BytePath)
}

export function chownAt(dir: DirFd, name: Name, uid: number, gid: number): number {
  const path = first.set(name)
  if (!path) return unusable(name)
  return checked(libc().fchownat(dir, path, uid, gid, AT_SYMLINK_NOFOLLOW))
}

/** Of uid and gid. */
export const STAYS = 0xffff_ffff

export function chown(fd: number, uid: number, gid: number): number {
  return checked(libc().fchown(fd, uid, gid))
}

export function chmod(fd: number, mode: number): number {
  return checked(libc().fchmod(fd, mode))
}

/** For an O_PATH fd, where fchmod says EBADF: by the fd's own link in /proc, which cannot be swapped. Not for symlinks. */
export function chmodPath(fd: number, mode: number): number {
  return checked(libc().chmod(first.set(`/proc/self/fd/${fd}`)!, mode))
}

const times = new BigInt64Array(4)
const BILLION = 1_000_000_000n

const UTIME_OMIT = (1n << 30n) - 2n

function setTimes(atimeNs: bigint | undefined, mtimeNs: bigint | undefined): BigInt64Array {
  setTime(2, mtimeNs)
  if (atimeNs === mtimeNs) times.copyWithin(0, 2)
  else setTime(0, atimeNs)
  return times
}

function setTime(at: number, ns: bigint | undefined): void {
  const seconds = ns === undefined ? 0n : wideSecondsOf(ns)
  times[at] = seconds
  times[at + 1] = ns === undefined ? UTIME_OMIT : ns - seconds * BILLION
}

/** A time that is undefined stays as it is. */
export function setTimesOf(
  fd: number,
  atimeNs: bigint | undefined,
  mtimeNs: bigint | undefined,
): number {
  return checked(libc().futimens(fd, setTimes(atimeNs, mtimeNs)))
}

/** A time that is undefined stays as it is. */
export function setTimesAt(
  dir: DirFd,
  name: Name,
  atimeNs: bigint | undefined,
  mtimeNs: bigint | undefined,
): number {
  const path = first.set(name)
  if (!path) return unusable(name)
  return checked(libc().utimensat(dir, path, setTimes(atimeNs, mtimeNs), AT_SYMLINK_NOFOLLOW))
}

/** All of `bytes`, or a negative errno. */
export function writeAll(fd: number, bytes: Uint8Array): number {
  const call = libc().write
  for (let done = 0; done < bytes.length;) {
    const n = checked(call(fd, done === 0 ? bytes : bytes.subarray(done), bytes.length - done))
    if (n === -ERRNO.EINTR) continue
    if (n < 0) return n
    done += n
  }
  return bytes.length
}

export function pwriteAll(fd: number, bytes: Uint8Array, offset: number): number {
  const call = libc().pwrite
  for (let done = 0; done < bytes.length;) {
    const n = checked(call(fd, bytes.subarray(done), bytes.length - done, offset + done))
    if (n === -ERRNO.EINTR) continue
    if (n < 0) return n
    done += n
  }
  return bytes.length
}

/** Bytes read (0 at the end of the file), or a negative errno. */
export function pread(fd: number, into: Uint8Array, offset: number): number {
  for (;;) {
    const n = checked(libc().pread(fd, into, into.length, offset))
    if (n !== -ERRNO.EINTR) return n
  }
}

/** Bytes read from the fd's own position (0 at the end), or a negative errno. */
export function read(fd: number, into: Uint8Array): number {
  for (;;) {
    const n = checked(libc().read(fd, into, into.length))
    if (n !== -ERRNO.EINTR) return n
  }
}

export function truncate(fd: number, sizeBytes: number): number {
  return checked(libc().ftruncate(fd, sizeBytes))
}

export const SEEK = { SET: 0, END: 2, DATA: 3, HOLE: 4 } as const

/** The new offset; -ENXIO where `SEEK.DATA` finds none any more. */
export function seek(fd: number, offset: number, whence: number): number {
  return checked(libc().lseek(fd, offset, whence))
}

/** @param mode FALLOC_FL_*: keep the size 1, punch a hole 2, zeros 16 */
export function allocate(fd: number, mode: number, offset: number, length: number): number {
  return checked(libc().fallocate(fd, mode, offset, length))
}

/** Bytes copied inside the kernel, from both fds' positions; a negative errno (EXDEV, EINVAL, ENOSYS: copy by hand). */
export function copyFileRange(from: number, to: number, length: number): number {
  return checked(libc().copyFileRange(from, null, to, null, length, 0))
}

/** Of an open file, from there on. */
export interface FileRange {
  readonly fd: number
  readonly offset: number
}

const fromOffset = new BigInt64Array(1)
const toOffset = new BigInt64Array(1)

/** The same, wherever both fds stand. */
export function copyRange(from: FileRange, to: FileRange, length: number): number {
  fromOffset[0] = BigInt(from.offset)
  toOffset[0] = BigInt(to.offset)
  return checked(libc().copyFileRange(from.fd, fromOffset, to.fd, toOffset, length, 0))
}

const FICLONE = 0x40049409

/** Makes `to` share all blocks of `from` (btrfs, xfs, bcachefs); a negative errno elsewhere. */
export function cloneFile(from: number, to: number): number {
  return checked(libc().ioctl(to, FICLONE, from))
}

export interface DirectoryEntry {
  readonly name: BytePath
  /** DT_* of dirent: 4 directory, 8 file, 10 symlink, 2 char device ...; 0 where the file system does not say. */
  readonly type: number
}

const entryBuffer = Buffer.alloc(1 << 16)
/** Its methods are V8's own, and Buffer's are JavaScript that checks: see latin1.ts. */
const entryBytes = new Uint8Array(entryBuffer.buffer, entryBuffer.byteOffset, entryBuffer.length)

/**
 * Names in an open directory (O_RDONLY), without `.` and `..`, in no order; from its start whatever was read before.
 * A negative errno on failure.
 */
export function readDirectory(fd: number): DirectoryEntry[] | number {
  // A second open file description of the same directory, so that this one's position stays what it was.
  const own = openAt(fd, '.', O.RDONLY | O.DIRECTORY)
  if (own < 0) return own
  const entries: DirectoryEntry[] = []
  try {
    for (;;) {
      const length = checked(
        libc().getdents64(SYS.getdents64, own, entryBuffer, entryBuffer.length),
      )
      if (length < 0) return length
      if (length === 0) return entries
      for (let at = 0; at < length;) {
        const next = at + entryBytes[at + 16]! + (entryBytes[at + 17]! << 8)
        const end = entryBytes.indexOf(0, at + 19)
        const name = readLatin1(entryBuffer, at + 19, end) as BytePath
        if (name !== '.' && name !== '..') entries.push({ name, type: entryBytes[at + 18]! })
        at = next
      }
    }
  } finally {
    close(own)
  }
}

/**
 * Removes whatever `name` is, and all below it, without following a symlink and without leaving `dir` when someone
 * moves directories meanwhile. `onFile` is told of each non-directory before it goes. 0, or a negative errno.
 */
export function removeTree(
  dir: DirFd,
  name: Name,
  onFile?: (dir: DirFd, name: Name) => void,
): number {
  return removeBelow({ dir, count: 0 }, dir, name, 0, onFile)
}

/** An open directory a level: a tree that is deeper is taken apart first, or it would take all that a process may open. */
const OPEN_LEVELS_MAX = 64

/** An ordinary user's own directory with a mode that shuts its owner out. */
function letIn(dir: DirFd, name: Name): number {
  const fd = openAt(dir, name, O.PATH | O.DIRECTORY | O.NOFOLLOW)
  if (fd < 0) return fd
  const changed = chmodPath(fd, 0o700)
  close(fd)
  return changed
}

function removeBelow(
  top: { readonly dir: DirFd; count: number },
  dir: DirFd,
  given: Name,
  level: number,
  onFile: ((dir: DirFd, name: Name) => void) | undefined,
): number {
  let name = given
  if (level === OPEN_LEVELS_MAX) {
    // To the top, under a name of its own, and removed from there.
    name = `.shale-removing-${process.pid}-${top.count++}`
    const moved = renameAt(dir, given, top.dir, name)
    if (moved < 0) return moved
    return removeBelow(top, top.dir, name, 0, onFile)
  }
  onFile?.(dir, name)
  const plain = unlinkAt(dir, name)
  // POSIX has EPERM for unlink of a directory, Linux EISDIR.
  if (plain !== -ERRNO.EISDIR && plain !== -ERRNO.EPERM) return plain
  const flags = O.RDONLY | O.DIRECTORY | O.NOFOLLOW
  let fd = openAt(dir, name, flags)
  if (fd === -ERRNO.EACCES && letIn(dir, name) === 0) fd = openAt(dir, name, flags)
  if (fd < 0) return plain === -ERRNO.EPERM ? plain : fd
  try {
    const entries = readDirectory(fd)
    if (typeof entries === 'number') return entries
    for (const entry of entries) {
      let result = removeBelow(top, fd, entry.name, level + 1, onFile)
      if (result === -ERRNO.EACCES && chmod(fd, 0o700) === 0) {
        result = removeBelow(top, fd, entry.name, level + 1, onFile)
      }
      if (result < 0) return result
    }
  } finally {
    close(fd)
  }
  return unlinkAt(dir, name, AT_REMOVEDIR)
}
