// Owner, mode, times and size of what is in an upper directory, put on disk in its form: as they are by root, as a
// record in user.containers.override_stat by an ordinary user, and as far as the disk goes where it takes no attributes.
// Owner comes before mode: chown takes setuid and setgid away (as it should from a file whose mode is not given).

import { OVERRIDE_STAT, overrideStat, type OverrideType } from '../../archive/metadata.ts'
import type { BytePath } from '../../path/byte-path.ts'
import { ERRNO } from '../../sys/errno.ts'
import * as calls from '../../sys/file-calls.ts'
import { below, removeXattr, removeXattrOf, setXattr, setXattrOf } from '../../sys/xattr.ts'
import type { LayerNode } from '../../union/layer-view.ts'
import type { Attributes } from '../../union/upper-layer.ts'
import type { DiskForm } from '../disk-form.ts'

const { O } = calls

/** A name in an open directory. */
export interface Place {
  readonly dir: number
  readonly name: BytePath
}

type Owned = Pick<LayerNode, 'type' | 'mode' | 'uid' | 'gid' | 'devMajor' | 'devMinor'>

/** How the record names a type; the file on disk is an empty one where the type is none that this user can make. */
export function overrideType(node: Owned): OverrideType | undefined {
  if (node.type === 'directory') return 'dir'
  if (node.type === 'fifo') return 'pipe'
  if (node.type === 'char' || node.type === 'block') {
    return `${node.type}-${node.devMajor}-${node.devMinor}`
  }
  return node.type === 'file' ? 'file' : undefined
}

/** What stands on disk for that mode: the caller must be able to read back what it owns. */
export function diskMode(mode: number, isDirectory: boolean, form: DiskForm): number {
  return form === 'trusted' ? mode : (mode & 0o777) | (isDirectory ? 0o700 : 0o600)
}

/** Whether whoever serves the directory can still work with what has that mode. */
export function isOpenTo(mode: number, isDirectory: boolean): boolean {
  const least = isDirectory ? 0o700 : 0o600
  return process.geteuid?.() === 0 || (mode & least) === least
}

/** One file, by name or by descriptor. */
interface Changes {
  chown(uid: number, gid: number): number
  chmod(mode: number): number
  setTimes(atimeNs: bigint, mtimeNs: bigint): number
  resize(sizeBytes: number): number
  record(value: Uint8Array | undefined): number
}

/** @param now as the image has it */
export function changeAt(place: Place, form: DiskForm, now: LayerNode, to: Attributes): number {
  const { dir, name } = place
  return change(form, now, to, {
    chown: (uid, gid) => calls.chownAt(dir, name, uid, gid),
    chmod: (mode) => chmodAt(place, mode, now),
    setTimes: (atimeNs, mtimeNs) => calls.setTimesAt(dir, name, atimeNs, mtimeNs),
    resize: (sizeBytes) => resize(place, sizeBytes),
    record: (value) =>
      value === undefined
        ? removeXattr(below(dir, name), OVERRIDE_STAT)
        : setXattr(below(dir, name), OVERRIDE_STAT, value),
  })
}

/** The same by an open file. */
export function changeOpen(fd: number, form: DiskForm, now: LayerNode, to: Attributes): number {
  return change(form, now, to, {
    chown: (uid, gid) => calls.chown(fd, uid, gid),
    chmod: (mode) => calls.chmod(fd, mode),
    setTimes: (atimeNs, mtimeNs) => calls.setTimesOf(fd, atimeNs, mtimeNs),
    resize: (sizeBytes) => calls.truncate(fd, sizeBytes),
    record: (value) =>
      value === undefined ? removeXattrOf(fd, OVERRIDE_STAT) : setXattrOf(fd, OVERRIDE_STAT, value),
  })
}

/** Owner and times where the disk itself has them: what it is now need not be known. A time that is absent stays. */
export function changeOwnedAt({ dir, name }: Place, to: Attributes): number {
  const isOwner = to.uid !== undefined || to.gid !== undefined
  const owned = isOwner ? calls.chownAt(dir, name, to.uid ?? calls.STAYS, to.gid ?? calls.STAYS) : 0
  if (owned < 0 || (to.atimeNs === undefined && to.mtimeNs === undefined)) return owned
  return calls.setTimesAt(dir, name, to.atimeNs, to.mtimeNs)
}

/** The same where the disk itself has owner and mode: what it is now need not be known. */
export function changeOwnedOpen(fd: number, to: Attributes): number {
  let result = to.sizeBytes === undefined ? 0 : calls.truncate(fd, to.sizeBytes)
  if (result === 0 && (to.uid !== undefined || to.gid !== undefined))
    result = calls.chown(fd, to.uid ?? calls.STAYS, to.gid ?? calls.STAYS)
  if (result === 0 && to.mode !== undefined) result = calls.chmod(fd, to.mode)
  if (result === 0 && (to.atimeNs !== undefined || to.mtimeNs !== undefined))
    result = calls.setTimesOf(fd, to.atimeNs, to.mtimeNs)
  return result
}

function change(form: DiskForm, now: LayerNode, to: Attributes, file: Changes): number {
  if (to.sizeBytes !== undefined) {
    const resized = file.resize(to.sizeBytes)
    if (resized < 0) return resized
  }
  const owned = give(form, now, to, file)
  if (owned < 0) {
    // What a first call did must not stay without what the next one was to do.
    give(form, { ...now, ...to }, { uid: now.uid, gid: now.gid, mode: now.mode }, file)
    return owned
  }
  if (to.atimeNs === undefined && to.mtimeNs === undefined) return 0
  return file.setTimes(to.atimeNs ?? now.atimeNs ?? now.mtimeNs, to.mtimeNs ?? now.mtimeNs)
}

function give(form: DiskForm, now: LayerNode, to: Attributes, file: Changes): number {
  return form === 'plain' ? changePlain(now, to, file) : changeOwner(form, now, to, file)
}

function changeOwner(
  form: Exclude<DiskForm, 'plain'>,
  now: LayerNode,
  to: Attributes,
  file: Changes,
): number {
  if (form === 'trusted') {
    if (to.uid !== undefined || to.gid !== undefined) {
      const owned = file.chown(to.uid ?? now.uid, to.gid ?? now.gid)
      if (owned < 0) return owned
    }
  } else {
    const recorded = record(form, now, to, (value) => file.record(value))
    if (recorded < 0) return recorded
  }
  if (to.mode === undefined) return 0
  return file.chmod(diskMode(to.mode, now.type === 'directory', form))
}

/** As the disk has it, else by the record; a record that is there already goes on telling the truth. */
function changePlain(now: LayerNode, to: Attributes, file: Changes): number {
  const { uid = now.uid, gid = now.gid } = to
  const mode = modeAfter(now, to)
  const isOwner = to.uid !== undefined || to.gid !== undefined
  if (!isOwner && to.mode === undefined) return 0
  const isDirectory = now.type === 'directory'
  const owned = file.chown(uid, gid)
  if (owned < 0 && owned !== -ERRNO.EPERM) return owned
  const type = overrideType(now)
  const isDevice = now.type === 'char' || now.type === 'block'
  if (owned < 0 || !isOpenTo(mode, isDirectory) || (isDevice && process.geteuid?.() !== 0)) {
    if (type === undefined) return owned
    const recorded = file.record(overrideStat({ uid, gid, mode }, type))
    if (recorded < 0 || now.type === 'symlink') return recorded
    return file.chmod(diskMode(mode, isDirectory, 'plain'))
  }
  if (now.type === 'symlink') return to.mode === undefined ? 0 : -ERRNO.EOPNOTSUPP
  const changed = file.chmod(mode)
  if (changed < 0) return changed
  const cleared = file.record(undefined)
  return cleared === -ERRNO.ENODATA || cleared === -ERRNO.EOPNOTSUPP || cleared === -ERRNO.EPERM
    ? 0
    : cleared
}

/** As chown(2) of a file does it on a disk that has owners (fs/open.c, chown_common). */
function modeAfter(now: LayerNode, to: Attributes): number {
  if (to.mode !== undefined) return to.mode
  if ((to.uid === undefined && to.gid === undefined) || now.type === 'directory') return now.mode
  return now.mode & ~(0o4000 | ((now.mode & 0o010) === 0 ? 0 : 0o2000))
}

function record(
  form: DiskForm,
  now: LayerNode,
  to: Attributes,
  write: (value: Uint8Array) => number,
): number {
  const uid = to.uid ?? now.uid
  const gid = to.gid ?? now.gid
  const mode = modeAfter(now, to)
  if (uid === now.uid && gid === now.gid && mode === now.mode) return 0
  const type = overrideType(now)
  if (form === 'user' && type !== undefined) return write(overrideStat({ uid, gid, mode }, type))
  // A symlink takes no user.* attributes, and the form `none` has nowhere to keep an owner.
  return uid === now.uid && gid === now.gid ? 0 : -ERRNO.EPERM
}

function chmodAt({ dir, name }: Place, mode: number, now: LayerNode): number {
  if (now.type === 'symlink') return -ERRNO.EOPNOTSUPP
  const fd = calls.openAt(dir, name, O.PATH | O.NOFOLLOW)
  if (fd < 0) return fd
  try {
    return calls.chmodPath(fd, mode)
  } finally {
    calls.close(fd)
  }
}

function resize({ dir, name }: Place, sizeBytes: number): number {
  const fd = calls.openAt(dir, name, O.WRONLY | O.NOFOLLOW | O.NONBLOCK)
  if (fd < 0) return fd
  try {
    return calls.truncate(fd, sizeBytes)
  } finally {
    calls.close(fd)
  }
}
