// Owner, xattrs, mode and times of an entry, put on disk in this host's form. In that order: chown clears setuid and
// file capabilities, and every other call touches ctime only (as docker's own unpacker has it).
// Knows open files and names below an open directory; knows nothing of how they came to be.

import type { LayerForm } from '../driver/driver.ts'
import { type BytePath, pathText } from '../path/byte-path.ts'
import { hostError } from '../sys/errno.ts'
import {
  O,
  chmod,
  chmodPath,
  chown,
  chownAt,
  close,
  openAt,
  setTimesAt,
  setTimesOf,
} from '../sys/file-calls.ts'
import { statusOf } from '../sys/file-status.ts'
import {
  below,
  getXattrOf,
  isRefusedXattr,
  isUnsupportedXattr,
  setXattr,
  setXattrOf,
} from '../sys/xattr.ts'
import type { TarHeader } from '../tar/entry.ts'
import type { WarningLog } from './warnings.ts'

/** Where containers/storage and fuse-overlayfs keep owner, mode and type that the disk cannot: `uid:gid:0755:dir`. */
export const OVERRIDE_STAT = 'user.containers.override_stat'

/** 2262-04-11: the last moment in 64-bit nanoseconds. Docker writes 1970 for what lies outside. */
const TIME_MAX_NS = (1n << 63n) - 1n

/** A layer that could set these could forge whiteouts, redirects, or another file's owner. */
const FORGED =
  /^(?:(?:trusted|user)\.overlay\.|user\.fuseoverlayfs\.|(?:user|trusted)\.containers\.override_stat$)/

/** As the kernel has them: a layer that makes up others must not make up as many kinds of warning. */
const NAMESPACES: readonly string[] = ['security.', 'system.', 'trusted.', 'user.']

export interface Times {
  readonly atimeNs: bigint
  readonly mtimeNs: bigint
}

/** Docker's rule: the access time is never before the modification time. */
export function timesOf(header: TarHeader): Times {
  const mtimeNs = boundTime(header.mtimeNs)
  const atimeNs = boundTime(header.atimeNs ?? 0n)
  return { mtimeNs, atimeNs: atimeNs > mtimeNs ? atimeNs : mtimeNs }
}

function boundTime(ns: bigint): bigint {
  return ns < 0n || ns > TIME_MAX_NS ? 0n : ns
}

export type OverrideType =
  'file' | 'dir' | 'pipe' | `char-${number}-${number}` | `block-${number}-${number}`

export function overrideStat(
  owner: { readonly uid: number; readonly gid: number; readonly mode: number },
  type: OverrideType,
): Buffer {
  return Buffer.from(
    `${owner.uid >>> 0}:${owner.gid >>> 0}:${owner.mode.toString(8).padStart(4, '0')}:${type}`,
    'latin1',
  )
}

export class MetadataWriter {
  readonly #form: LayerForm
  readonly #warnings: WarningLog

  constructor(form: LayerForm, warnings: WarningLog) {
    this.#form = form
    this.#warnings = warnings
  }

  /** An open regular file (or the empty file that stands for a device). The bytes are written already. */
  file(fd: number, header: TarHeader, type: OverrideType = 'file'): void {
    this.#open(fd, header, type, 0o600)
    const { atimeNs, mtimeNs } = timesOf(header)
    this.#must(setTimesOf(fd, atimeNs, mtimeNs), 'futimens', header)
  }

  /** An open directory; its times come when nothing more is put into it. */
  directory(fd: number, header: TarHeader): void {
    this.#open(fd, header, 'dir', 0o700)
  }

  #open(fd: number, header: TarHeader, type: OverrideType, ownerBits: number): void {
    const form = this.#form
    if (form === 'trusted') this.#must(chown(fd, header.uid, header.gid), 'fchown', header)
    if (header.xattrs.size > 0) this.#xattrs(header, (name, value) => setXattrOf(fd, name, value))
    if (form === 'user') {
      this.#must(setXattrOf(fd, OVERRIDE_STAT, overrideStat(header, type)), 'fsetxattr', header)
    }
    // The caller must be able to read back what it owns; setuid of the caller's own account helps nobody.
    const mode = form === 'trusted' ? header.mode : (header.mode & 0o777) | ownerBits
    this.#must(chmod(fd, mode), 'fchmod', header)
  }

  symlink(dir: number, name: BytePath, header: TarHeader): void {
    if (this.#form === 'trusted') {
      this.#must(chownAt(dir, name, header.uid, header.gid), 'fchownat', header)
    }
    if (header.xattrs.size > 0)
      this.#xattrs(header, (key, value) => setXattr(below(dir, name), key, value))
    this.#timesAt(dir, name, header)
  }

  /** A device or FIFO that is really one. */
  node(dir: number, name: BytePath, header: TarHeader): void {
    const fd = this.#must(openAt(dir, name, O.PATH | O.NOFOLLOW), 'openat', header)
    try {
      if (this.#form === 'trusted') {
        this.#must(chownAt(dir, name, header.uid, header.gid), 'fchownat', header)
      }
      if (header.xattrs.size > 0)
        this.#xattrs(header, (key, value) => setXattr(below(dir, name), key, value))
      this.#must(chmodPath(fd, header.mode), 'chmod', header)
    } finally {
      close(fd)
    }
    this.#timesAt(dir, name, header)
  }

  /** A hardlink's header speaks for the inode that it shares, as docker has it; for a shared symlink, owner alone. */
  linked(dir: number, name: BytePath, header: TarHeader): void {
    const fd = this.#must(openAt(dir, name, O.PATH | O.NOFOLLOW), 'openat', header)
    try {
      const status = statusOf(fd)
      if (typeof status === 'number')
        throw hostError(`stat ${pathText(header.path)}`, -status, 'statx', name)
      if (this.#form !== 'trusted') {
        if (status.type === 'file') this.#linkedFile(dir, name, header)
        return
      }
      this.#must(chownAt(dir, name, header.uid, header.gid), 'fchownat', header)
      if (header.xattrs.size > 0)
        this.#xattrs(header, (key, value) => setXattr(below(dir, name), key, value))
      if (status.type === 'symlink') return
      this.#must(chmodPath(fd, header.mode), 'chmod', header)
    } finally {
      close(fd)
    }
    this.#timesAt(dir, name, header)
  }

  #linkedFile(dir: number, name: BytePath, header: TarHeader): void {
    const fd = this.#must(openAt(dir, name, O.RDONLY | O.NOFOLLOW), 'openat', header)
    try {
      // What the shared inode stands for (a device, say) is in its record, and a link cannot change it.
      this.file(fd, header, this.#form === 'user' ? recordedType(fd) : 'file')
    } finally {
      close(fd)
    }
  }

  #timesAt(dir: number, name: BytePath, header: TarHeader): void {
    const { atimeNs, mtimeNs } = timesOf(header)
    this.#must(setTimesAt(dir, name, atimeNs, mtimeNs), 'utimensat', header)
  }

  #xattrs(header: TarHeader, set: (name: string, value: Uint8Array) => number): void {
    for (const [name, value] of header.xattrs) {
      if (FORGED.test(name)) {
        this.#warnings.add(
          'forged-overlay-metadata',
          'an entry carries extended attributes by which the overlay file system keeps its own records; they were not set',
          header.path,
        )
        continue
      }
      // An ordinary user could set system.posix_acl_access, and would open the file to accounts of this host.
      const allowed = this.#form === 'trusted' || name.startsWith('user.')
      const result = allowed ? set(name, value) : undefined
      if (result === 0) continue
      const namespace = NAMESPACES.find((known) => name.startsWith(known)) ?? 'of an unknown kind, '
      if (result === undefined || isUnsupportedXattr(-result)) {
        this.#warnings.add(
          'xattr-skipped',
          `extended attributes ${namespace}* cannot be set here; they are kept in tar-split alone`,
          header.path,
        )
      } else if (isRefusedXattr(-result)) {
        this.#warnings.add(
          'xattr-refused',
          `values of extended attributes ${namespace}* were refused as malformed or too large; they are kept in tar-split alone`,
          header.path,
        )
      } else {
        this.#must(result, 'setxattr', header)
      }
    }
  }

  #must(result: number, syscall: string, header: TarHeader): number {
    if (result >= 0) return result
    const path = pathText(header.path)
    throw hostError(`unpack ${path}`, -result, syscall, path)
  }
}

function recordedType(fd: number): OverrideType {
  const value = getXattrOf(fd, OVERRIDE_STAT)
  if (!(value instanceof Uint8Array)) return 'file'
  return (Buffer.from(value).toString('latin1').split(':')[3] ?? 'file') as OverrideType
}
