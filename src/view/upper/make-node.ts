// One new file, directory, link or device in an open directory of an upper layer, complete with content, owner, attributes and
// times. In which form is known here; whether it may stand there is not.

import { writeOpaque } from '../../archive/whiteout-form.ts'
import { OVERRIDE_STAT, overrideStat } from '../../archive/metadata.ts'
import { ERRNO } from '../../sys/errno.ts'
import * as calls from '../../sys/file-calls.ts'
import { statusAt, statusOf, type FileStatus } from '../../sys/file-status.ts'
import { currentUmask } from '../../sys/umask.ts'
import { below, isRefusedXattr, isUnsupportedXattr, setXattr } from '../../sys/xattr.ts'
import type { NewNode } from '../../union/upper-layer.ts'
import { copyContent } from '../copy-content.ts'
import { keepsXattr, markForm, type DiskForm } from '../disk-form.ts'
import { diskMode, isOpenTo, overrideType, type Place } from './change-attributes.ts'
import { DiskBody } from './file-body.ts'
import { attempt } from './leave-whiteout.ts'

const { O } = calls
const S_IFIFO = 0o010000
const S_IFCHR = 0o020000
const S_IFBLK = 0o060000
const S_IFSOCK = 0o140000
const CHUNK_BYTES = 1 << 20

/** What the disk gives to whatever this process makes. */
export interface Maker {
  readonly uid: number
  readonly gid: number
  readonly umask: number
}

export function thisMaker(): Maker {
  return { uid: process.geteuid!(), gid: process.getegid!(), umask: currentUmask() }
}

/** Whether `maker` has it complete by the call that makes it, but for what a setgid directory of the disk says. */
export function isOneCall(form: DiskForm, node: NewNode, maker: Maker): boolean {
  const { type, mode, uid, gid } = node
  if (type === 'symlink' && (form === 'user' || form === 'none')) return true
  if (form !== 'trusted' || uid !== maker.uid || gid !== maker.gid) return false
  if (type === 'symlink') return true
  if (type !== 'file' && type !== 'directory') return false
  return (mode & (0o7000 | maker.umask)) === 0 && !node.opaque && node.xattrs === undefined
}

/** @returns 0, or a negative errno; then nothing is left, or part of it in the caller's work directory */
export function makeNode(place: Place, form: DiskForm, node: NewNode): number {
  const isPlain = node.type === 'file' && form === 'trusted' && (node.xattrs?.size ?? 0) === 0
  if (isPlain) return makeFile(place, node)
  const made = create(place, form, node)
  if (made < 0) return made
  const described = isComplete(place, form, node) ? 0 : describe(place, form, node)
  if (described < 0) {
    calls.unlinkAt(place.dir, place.name, node.type === 'directory' ? calls.AT_REMOVEDIR : 0)
    return described
  }
  return 0
}

/** The same in fewer calls for what is made most: all of it by the one descriptor. */
function makeFile(place: Place, node: NewNode): number {
  const isEmpty = node.content === undefined && node.mtimeNs === undefined
  const made = isEmpty ? makeOpenFile(place, node) : makeFilled(place, node)
  const fd = typeof made === 'number' ? made : made.fd
  if (fd < 0) return fd
  calls.close(fd)
  return 0
}

/**
 * A file with content, owner, mode and times, in the form `trusted`; attributes have no place in it.
 * @returns an fd, for reading and writing; or a negative errno, and nothing is left
 */
export function makeFilled({ dir, name }: Place, node: NewNode): number {
  const fd = calls.openAt(dir, name, O.RDWR | O.CREAT | O.EXCL | O.NOFOLLOW, 0o600)
  if (fd < 0) return fd
  const filled = node.content === undefined ? 0 : fill(fd, node.content)
  const owned = filled < 0 ? filled : calls.chown(fd, node.uid, node.gid)
  const changed = owned < 0 ? owned : calls.chmod(fd, node.mode)
  const made =
    changed < 0 || node.mtimeNs === undefined
      ? changed
      : calls.setTimesOf(fd, node.atimeNs ?? node.mtimeNs, node.mtimeNs)
  if (made >= 0) return fd
  calls.close(fd)
  calls.unlinkAt(dir, name)
  return made
}

/**
 * An empty file that its maker writes to next. Its owner and mode are set only where the disk did not give them: the
 * process is who it is for, nearly always.
 * @returns an fd, for reading and writing, and its status; or a negative errno, and nothing is left
 */
export function makeOpenFile(
  { dir, name }: Place,
  node: NewNode,
): { readonly fd: number; readonly status: FileStatus } | number {
  const flags = O.RDWR | O.CREAT | O.EXCL | O.NOFOLLOW
  // Without the special bits: they are for the owner that it has not got yet.
  const fd = calls.openAt(dir, name, flags, node.mode & 0o777)
  if (fd < 0) return fd
  let status = statusOf(fd)
  let result = typeof status === 'number' ? status : 0
  if (typeof status !== 'number' && !isAsWanted(status, node)) {
    const isOwned = status.uid === node.uid && status.gid === node.gid
    result = isOwned ? 0 : calls.chown(fd, node.uid, node.gid)
    if (result === 0) result = calls.chmod(fd, node.mode)
    if (result === 0) status = statusOf(fd)
    if (typeof status === 'number') result = status
  }
  if (result === 0 && typeof status !== 'number') return { fd, status }
  calls.close(fd)
  calls.unlinkAt(dir, name)
  return result
}

/** O_TMPFILE: empty, and gone with its descriptor where it is given no name. @returns an fd for both ways, or -errno */
export function makeNameless(dir: number, form: DiskForm, node: NewNode): number {
  const fd = calls.openAt(dir, '.', O.RDWR | O.TMPFILE, 0o600)
  if (fd < 0) return fd
  const { mode, uid, gid } = node
  // The form `none` has nowhere to keep an owner.
  const to = form === 'none' ? { mode } : { mode, uid, gid }
  const body = new DiskBody(fd, form)
  let described = body.setAttributes(to)
  for (const [key, value] of node.xattrs ?? []) {
    if (described >= 0 && keepsXattr(form, key)) described = body.setXattr(key, value)
  }
  if (described >= 0) return fd
  calls.close(fd)
  return described
}

/** A new directory, as most often: the disk has given it its owner and mode, and it has nothing else. */
function isComplete({ dir, name }: Place, form: DiskForm, node: NewNode): boolean {
  if (form !== 'trusted' || node.type !== 'directory') return false
  if (node.opaque || node.mtimeNs !== undefined || (node.xattrs?.size ?? 0) > 0) return false
  const status = statusAt(dir, name)
  return typeof status !== 'number' && isAsWanted(status, node)
}

function isAsWanted(status: FileStatus, node: NewNode): boolean {
  return status.uid === node.uid && status.gid === node.gid && status.mode === node.mode
}

function create({ dir, name }: Place, form: DiskForm, node: NewNode): number {
  const { type, linkTarget, devMajor = 0, devMinor = 0 } = node
  if (type === 'directory')
    return calls.mkdirAt(dir, name, form === 'trusted' ? node.mode & 0o777 : 0o700)
  if (type === 'symlink') return calls.symlinkAt(linkTarget ?? '', dir, name)
  if (type === 'fifo' && form !== 'user') return calls.mknodAt(dir, name, S_IFIFO | 0o600)
  if (type === 'socket') return calls.mknodAt(dir, name, S_IFSOCK | 0o600)
  if (type === 'char' || type === 'block') {
    // A device 0:0 would be a whiteout (ovl_mknod refuses it as well).
    if (type === 'char' && devMajor === 0 && devMinor === 0) return -ERRNO.EPERM
    if (form === 'trusted' || form === 'plain') {
      const kind = type === 'char' ? S_IFCHR : S_IFBLK
      const device = calls.makeDevice(devMajor, devMinor)
      const made = calls.mknodAt(dir, name, kind | 0o600, device)
      if (made !== -ERRNO.EPERM || form === 'trusted') return made
    }
    if (form === 'none') return -ERRNO.EPERM
  }
  const fd = calls.openAt(dir, name, O.WRONLY | O.CREAT | O.EXCL | O.NOFOLLOW, 0o600)
  if (fd < 0) return fd
  try {
    return node.content === undefined ? 0 : fill(fd, node.content)
  } finally {
    calls.close(fd)
  }
}

function fill(to: number, content: NonNullable<NewNode['content']>): number {
  const { body, sizeBytes } = content
  if (body.fd !== undefined) return Math.min(0, copyContent(body.fd, to, sizeBytes))
  const buffer = new Uint8Array(Math.min(CHUNK_BYTES, Math.max(1, sizeBytes)))
  for (let done = 0; done < sizeBytes;) {
    const n = body.read(buffer, done)
    if (n <= 0) return n
    const written = calls.writeAll(to, buffer.subarray(0, n))
    if (written < 0) return written
    done += n
  }
  return 0
}

/** Owner, attributes, mode, times: in that order, since each of the first clears what a later one sets. */
function describe(place: Place, form: DiskForm, node: NewNode): number {
  const { dir, name } = place
  const isDirectory = node.type === 'directory'
  let recorded = form === 'user'
  const isNew = node.mtimeNs === undefined
  if (form === 'trusted' || form === 'plain') {
    const owned = calls.chownAt(dir, name, node.uid, node.gid)
    if (owned < 0 && (form === 'trusted' || owned !== -ERRNO.EPERM)) return owned
    recorded = owned < 0 || (form === 'plain' && !isHeld(place, node))
  }
  for (const [key, value] of node.xattrs ?? []) {
    if (!keepsXattr(form, key)) continue
    const set = setXattr(below(dir, name), key, value)
    // What a layer says of a file, and no disk holds, must not keep the file from being changed. But a new one without
    // the ACL that its directory gives it would be open to others than that says.
    if (set < 0 && (isNew || (!isUnsupportedXattr(-set) && !isRefusedXattr(-set)))) return set
  }
  const type = overrideType({ ...node, devMajor: node.devMajor ?? 0, devMinor: node.devMinor ?? 0 })
  if (recorded && type !== undefined) {
    const set = setXattr(below(dir, name), OVERRIDE_STAT, overrideStat(node, type))
    if (set < 0) return set
  }
  if (node.type !== 'symlink') {
    const fd = calls.openAt(dir, name, O.PATH | O.NOFOLLOW)
    if (fd < 0) return fd
    try {
      const changed = calls.chmodPath(
        fd,
        recorded ? diskMode(node.mode, isDirectory, form) : node.mode,
      )
      if (changed < 0) return changed
    } finally {
      calls.close(fd)
    }
  }
  if (node.opaque) {
    const marked = markOpaque(place, form)
    if (marked < 0) return marked
  }
  if (node.mtimeNs === undefined) return 0
  return calls.setTimesAt(dir, name, node.atimeNs ?? node.mtimeNs, node.mtimeNs)
}

/** Whether the disk itself can tell what it is, to us as well. */
function isHeld({ dir, name }: Place, node: NewNode): boolean {
  if (!isOpenTo(node.mode, node.type === 'directory')) return false
  if (node.type !== 'char' && node.type !== 'block') return true
  const status = statusAt(dir, name)
  return typeof status !== 'number' && status.type === node.type
}

function markOpaque({ dir, name }: Place, form: DiskForm): number {
  const fd = calls.openAt(dir, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW)
  if (fd < 0) return fd
  try {
    return attempt(() => writeOpaque(fd, markForm(form)))
  } finally {
    calls.close(fd)
  }
}
