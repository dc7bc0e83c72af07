// Owner, mode, times and size of what is in an upper directory, put on disk in its form: as they are by root, as a
// record in user.containers.override_stat by an ordinary user, and as far as the disk goes where it takes no attributes.
// Owner comes before mode: chown takes setuid and setgid away (as it should from a file whose mode is not given).

import { OVERRIDE_STAT, overrideStat, type OverrideType } from '../../archive/metadata.ts'
import type { LayerForm } from '../../driver/driver.ts'
import type { BytePath } from '../../path/byte-path.ts'
import { ERRNO } from '../../sys/errno.ts'
import * as calls from '../../sys/file-calls.ts'
import { below, setXattr, setXattrOf } from '../../sys/xattr.ts'
import type { LayerNode } from '../../union/layer-view.ts'
import type { Attributes } from '../../union/upper-layer.ts'

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
export function diskMode(mode: number, isDirectory: boolean, form: LayerForm): number {
  return form === 'trusted' ? mode : (mode & 0o777) | (isDirectory ? 0o700 : 0o600)
}

/** @param now as the image has it */
export function changeAt(place: Place, form: LayerForm, now: LayerNode, to: Attributes): number {
  const { dir, name } = place
  if (to.sizeBytes !== undefined) {
    const resized = resize(place, to.sizeBytes)
    if (resized < 0) return resized
  }
  if (form === 'trusted') {
    if (to.uid !== undefined || to.gid !== undefined) {
      const owned = calls.chownAt(dir, name, to.uid ?? now.uid, to.gid ?? now.gid)
      if (owned < 0) return owned
    }
  } else {
    const recorded = record(form, now, to, (value) =>
      setXattr(below(dir, name), OVERRIDE_STAT, value),
    )
    if (recorded < 0) return recorded
  }
  if (to.mode !== undefined) {
    const changed = chmodAt(place, diskMode(to.mode, now.type === 'directory', form), now)
    if (changed < 0) return changed
  }
  if (to.atimeNs === undefined && to.mtimeNs === undefined) return 0
  const atimeNs = to.atimeNs ?? now.atimeNs ?? now.mtimeNs
  return calls.setTimesAt(dir, name, atimeNs, to.mtimeNs ?? now.mtimeNs)
}

/** The same by an open file. */
export function changeOpen(fd: number, form: LayerForm, now: LayerNode, to: Attributes): number {
  if (to.sizeBytes !== undefined) {
    const resized = calls.truncate(fd, to.sizeBytes)
    if (resized < 0) return resized
  }
  if (form === 'trusted') {
    if (to.uid !== undefined || to.gid !== undefined) {
      const owned = calls.chown(fd, to.uid ?? now.uid, to.gid ?? now.gid)
      if (owned < 0) return owned
    }
  } else {
    const recorded = record(form, now, to, (value) => setXattrOf(fd, OVERRIDE_STAT, value))
    if (recorded < 0) return recorded
  }
  if (to.mode !== undefined) {
    const changed = calls.chmod(fd, diskMode(to.mode, now.type === 'directory', form))
    if (changed < 0) return changed
  }
  if (to.atimeNs === undefined && to.mtimeNs === undefined) return 0
  const atimeNs = to.atimeNs ?? now.atimeNs ?? now.mtimeNs
  return calls.setTimesOf(fd, atimeNs, to.mtimeNs ?? now.mtimeNs)
}

/** As chown(2) of a file does it on a disk that has owners (fs/open.c, chown_common). */
function modeAfter(now: LayerNode, to: Attributes): number {
  if (to.mode !== undefined) return to.mode
  if ((to.uid === undefined && to.gid === undefined) || now.type === 'directory') return now.mode
  return now.mode & ~(0o4000 | ((now.mode & 0o010) === 0 ? 0 : 0o2000))
}

function record(
  form: LayerForm,
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
