// Opens a path as if a directory were `/`: absolute symlinks and `..` stay inside it, magic links are refused. This is
// openat2(2) with RESOLVE_IN_ROOT, which the kernel checks at each step and against renames; where it is missing
// (before Linux 5.6, or hidden by an old seccomp filter, which says EPERM or ENOSYS) the same walk is done by hand.

import type { BytePath } from '../path/byte-path.ts'
import { ERRNO } from './errno.ts'
import { O, close, openAt, readlinkAt } from './file-calls.ts'
import { statusOf } from './file-status.ts'
import { CString, SYS, checked, libc, unusable } from './libc.ts'

const RESOLVE_NO_MAGICLINKS = 0x02
const RESOLVE_NO_SYMLINKS = 0x04
const RESOLVE_IN_ROOT = 0x10
/** As many symlinks as the kernel follows (MAXSYMLINKS). */
const SYMLINKS_MAX = 40
/** The kernel answers EAGAIN when a rename went on meanwhile and it could not be sure. */
const TRIES = 64

const bytes = new CString()
const how = new BigUint64Array(3)
const howBytes = new Uint8Array(how.buffer)

let available: boolean | undefined

export interface OpenInRootOptions {
  /** Any symlink on the way is ELOOP. */
  readonly noSymlinks?: boolean
  /** For O_CREAT. */
  readonly mode?: number
}

/**
 * @param root an open directory
 * @param path relative or absolute, `..` allowed; '' is the root itself
 * @returns an fd, or a negative errno
 */
export function openInRoot(
  root: number,
  path: BytePath | string,
  flags: number,
  options: OpenInRootOptions = {},
): number {
  if (available !== false) {
    const p = bytes.set(path === '' ? '.' : path)
    if (!p) return unusable(path)
    how[0] = BigInt(flags | O.CLOEXEC)
    how[1] = BigInt(options.mode ?? 0)
    how[2] = BigInt(
      RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | (options.noSymlinks ? RESOLVE_NO_SYMLINKS : 0),
    )
    for (let tries = 0; tries < TRIES; tries++) {
      const fd = checked(libc().openat2(SYS.openat2, root, p, howBytes, 24))
      if (fd === -ERRNO.EAGAIN || fd === -ERRNO.EINTR) continue
      const doubtful = available === undefined && (fd === -ERRNO.ENOSYS || fd === -ERRNO.EPERM)
      if (!doubtful) {
        if (fd >= 0) available = true
        return fd
      }
      available = probe(root)
      if (available) return fd
      break
    }
  }
  return walkInRoot(root, path, flags, options)
}

/** EPERM can be an honest answer about that path; asked about the root itself it is a seccomp filter's. */
function probe(root: number): boolean {
  how[0] = BigInt(O.PATH | O.DIRECTORY | O.CLOEXEC)
  how[1] = 0n
  const fd = checked(libc().openat2(SYS.openat2, root, bytes.set('.')!, howBytes, 24))
  if (fd >= 0) close(fd)
  return fd >= 0
}

/**
 * The walk by hand: one component at a time with O_NOFOLLOW, a stack of directories for `..`, symlinks read and put
 * back in front of what is left. A directory that is moved out of the root meanwhile is walked where it went, but `..`
 * never leaves the stack. Exported for its tests.
 */
export function walkInRoot(
  root: number,
  path: BytePath | string,
  flags: number,
  options: OpenInRootOptions = {},
): number {
  const stack: number[] = []
  const top = (): number => stack.at(-1) ?? root
  const todo = path.split('/').reverse()
  let symlinks = 0
  try {
    for (;;) {
      const name = todo.pop()
      if (name === undefined) return openAt(top(), '.', flags & ~(O.CREAT | O.EXCL))
      if (name === '' || name === '.') continue
      if (name === '..') {
        const fd = stack.pop()
        if (fd !== undefined) close(fd)
        continue
      }
      // Not last with a slash or a dot behind it: that asks for a directory, symlink or not.
      const last = todo.length === 0
      const fd = openAt(top(), name, O.PATH | O.NOFOLLOW)
      if (fd < 0) {
        const create = last && fd === -ERRNO.ENOENT && (flags & O.CREAT) !== 0
        return create ? openAt(top(), name, flags | O.NOFOLLOW, options.mode ?? 0) : fd
      }
      const status = statusOf(fd)
      if (typeof status === 'number') {
        close(fd)
        return status
      }
      if (status.type === 'symlink') {
        if (last && (flags & O.NOFOLLOW) !== 0 && (flags & O.PATH) !== 0) return fd
        const target = readlinkAt(fd, '')
        close(fd)
        if (typeof target === 'number') return target
        if (options.noSymlinks || ++symlinks > SYMLINKS_MAX) return -ERRNO.ELOOP
        if (last && (flags & (O.NOFOLLOW | O.EXCL)) !== 0) return -ERRNO.ELOOP
        if (target.startsWith('/')) while (stack.length > 0) close(stack.pop()!)
        for (const part of target.split('/').reverse()) todo.push(part)
        continue
      }
      if (status.type === 'directory') {
        stack.push(fd)
        continue
      }
      close(fd)
      if (!last) return -ERRNO.ENOTDIR
      return openAt(top(), name, flags | O.NOFOLLOW, options.mode ?? 0)
    }
  } finally {
    for (const fd of stack) close(fd)
  }
}
