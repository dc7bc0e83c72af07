// Extended attributes with binary values. By fd where a real fd is at hand, else by `/proc/self/fd/N/name`, which
// reaches a name below an open directory without walking a path again and without following a final symlink.
// Each call answers with a negative errno on failure; ENODATA (no such attribute) reads as undefined.

import type { BytePath } from '../path/byte-path.ts'
import { ERRNO } from './errno.ts'
import { CString, checked, libc, unusable } from './libc.ts'

const path = new CString()
const key = new CString()
/** XATTR_SIZE_MAX and XATTR_LIST_MAX of the kernel. */
const buffer = Buffer.alloc(1 << 16)

/** A place for xattr calls: `name` in an open directory (O_PATH will do), not followed. */
export function below(dir: number, name: BytePath | string): string {
  return `/proc/self/fd/${dir}/${name}`
}

/** Of setxattr(2). CREATE: EEXIST where there is one; REPLACE: ENODATA where there is none. */
export const XATTR = { CREATE: 1, REPLACE: 2 } as const

export function xattrBits(flags: {
  readonly create?: boolean
  readonly replace?: boolean
}): number {
  return (flags.create ? XATTR.CREATE : 0) | (flags.replace ? XATTR.REPLACE : 0)
}

/** @param flags of XATTR */
export function setXattrOf(fd: number, name: string, value: Uint8Array, flags = 0): number {
  const k = key.set(name)
  return k ? checked(libc().fsetxattr(fd, k, value, value.length, flags)) : unusable(name)
}

/**
 * @param place `below(...)` or an absolute path; a final symlink is not followed
 * @param flags of XATTR
 */
export function setXattr(place: string, name: string, value: Uint8Array, flags = 0): number {
  const p = path.set(place)
  const k = key.set(name)
  return p && k
    ? checked(libc().lsetxattr(p, k, value, value.length, flags))
    : unusable(p ? name : place)
}

export function getXattrOf(fd: number, name: string): Uint8Array | number | undefined {
  const k = key.set(name)
  if (!k) return unusable(name)
  return value(checked(libc().fgetxattr(fd, k, buffer, buffer.length)))
}

export function getXattr(place: string, name: string): Uint8Array | number | undefined {
  const p = path.set(place)
  const k = key.set(name)
  if (!p || !k) return unusable(p ? name : place)
  return value(checked(libc().lgetxattr(p, k, buffer, buffer.length)))
}

function value(length: number): Uint8Array | number | undefined {
  if (length === -ERRNO.ENODATA) return undefined
  return length < 0 ? length : new Uint8Array(buffer.subarray(0, length))
}

/** Names of all attributes that the caller may see. */
export function listXattrs(place: string): string[] | number {
  const p = path.set(place)
  return p ? names(checked(libc().llistxattr(p, buffer, buffer.length))) : unusable(place)
}

export function listXattrsOf(fd: number): string[] | number {
  return names(checked(libc().flistxattr(fd, buffer, buffer.length)))
}

function names(length: number): string[] | number {
  if (length <= 0) return length === 0 ? [] : length
  return buffer.toString('latin1', 0, length - 1).split('\0')
}

export function removeXattrOf(fd: number, name: string): number {
  const k = key.set(name)
  return k ? checked(libc().fremovexattr(fd, k)) : unusable(name)
}

export function removeXattr(place: string, name: string): number {
  const p = path.set(place)
  const k = key.set(name)
  return p && k ? checked(libc().lremovexattr(p, k)) : unusable(p ? name : place)
}

/** EOPNOTSUPP: the file system has none; EPERM: not this namespace, not on this kind of file, or not for this user. */
export function isUnsupportedXattr(errno: number): boolean {
  return errno === ERRNO.EOPNOTSUPP || errno === ERRNO.ENOTSUP || errno === ERRNO.EPERM
}

/**
 * The file system has attributes, and not this one: a capability or ACL that the kernel cannot read, no name or one over
 * 255 bytes, a value over 64 KiB, or one that does not fit where they are kept: ext4 has one block a file, and says
 * ENOSPC when that one is full.
 */
export function isRefusedXattr(errno: number): boolean {
  return (
    errno === ERRNO.EINVAL ||
    errno === ERRNO.E2BIG ||
    errno === ERRNO.ERANGE ||
    errno === ERRNO.ENOSPC
  )
}
