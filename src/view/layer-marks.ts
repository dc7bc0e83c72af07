// The marks by which a directory of a layer says what its names mean to the layers below: opaque, whiteouts that are
// attributes, and what the kernel leaves when it is told to (redirects, metacopy). Reads them by an open directory.
// A mark that cannot be read is a failure (a negative errno), and never "no mark": what it hides would show again.

import { OVERRIDE_STAT } from '../archive/metadata.ts'
import type { BytePath } from '../path/byte-path.ts'
import { ERRNO } from '../sys/errno.ts'
import { statusAt } from '../sys/file-status.ts'
import { below, getXattr, isUnsupportedXattr } from '../sys/xattr.ts'

export type DirectoryMark = 'opaque' | 'has whiteouts' | 'redirected' | 'none'

const SELF = '.' as BytePath

/** @returns undefined also where there can be none: see isNoXattr */
export function findXattr(
  dir: number,
  name: BytePath,
  key: string,
): Uint8Array | number | undefined {
  const value = getXattr(below(dir, name), key)
  return typeof value === 'number' && isNoXattr(value) ? undefined : value
}

/** Negative: the file system has no attributes, this caller may read none, or the name is gone. */
export function isNoXattr(errno: number): boolean {
  const positive = -errno
  return isUnsupportedXattr(positive) || positive === ERRNO.EACCES || isGone(errno)
}

function isGone(errno: number): boolean {
  return errno === -ERRNO.ENOENT || errno === -ERRNO.ENOTDIR
}

function has(dir: number, name: BytePath, keys: readonly string[]): boolean | number {
  for (const key of keys) {
    const value = findXattr(dir, name, key)
    if (value !== undefined) return typeof value === 'number' ? value : true
  }
  return false
}

/** @param mayPointBelow whether it may be one that was renamed with redirect_dir=on: see `isImpure` */
export function directoryMark(dir: number, mayPointBelow: boolean): DirectoryMark | number {
  for (const key of ['trusted.overlay.opaque', 'user.overlay.opaque']) {
    const value = findXattr(dir, SELF, key)
    if (typeof value === 'number') return value
    if (value?.length !== 1) continue
    if (value[0] === 0x79) return 'opaque'
    if (value[0] === 0x78) return 'has whiteouts'
  }
  if (!mayPointBelow) return 'none'
  const redirected = has(dir, SELF, ['trusted.overlay.redirect'])
  return typeof redirected === 'number' ? redirected : redirected ? 'redirected' : 'none'
}

/** Of an empty regular file. */
export function isXattrWhiteout(dir: number, name: BytePath): boolean | number {
  return has(dir, name, ['user.overlay.whiteout', 'trusted.overlay.whiteout'])
}

/** The head of a file whose content lies in another layer. */
export function isMetacopy(dir: number, name: BytePath): boolean | number {
  return has(dir, name, ['trusted.overlay.metacopy'])
}

/** Not an attribute of the image. */
export function isStoreMark(name: string): boolean {
  return (
    name.startsWith('trusted.overlay.') ||
    name.startsWith('user.overlay.') ||
    name === OVERRIDE_STAT
  )
}

/** Of a layer's top: whatever the kernel copies up, the first directory of its path is marked so (ovl_set_impure). */
export function isImpure(top: number): boolean | number {
  return has(top, SELF, ['trusted.overlay.impure'])
}

/** Marks that are names of their own. */
export function isThere(dir: number, name: BytePath): boolean | number {
  const status = statusAt(dir, name)
  if (typeof status !== 'number') return true
  return isGone(status) ? false : status
}
