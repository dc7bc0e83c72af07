// The mark of a removal, put where a name was or is, in an upper directory's form.

import { markHasWhiteouts, writeWhiteout } from '../../archive/whiteout-form.ts'
import { ERRNO, errnoOf } from '../../sys/errno.ts'
import * as calls from '../../sys/file-calls.ts'
import { whiteoutOf } from '../../union/whiteout.ts'
import type { DiskForm } from '../disk-form.ts'
import type { Place } from './change-attributes.ts'

const S_IFCHR = 0o020000
const RENAME_NOREPLACE = 1
const RENAME_EXCHANGE = 2

/** Errors of the host as a negative errno: a file system has no use for sentences. */
export function attempt(action: () => void): number {
  try {
    action()
    return 0
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === undefined) throw error
    return -errno
  }
}

/**
 * Where an ordinary user may make a device 0:0 (Linux 5.8 and later allow this one), it is made in the form `user` too:
 * the kernel takes whiteouts that are attributes from lower layers only, so that another kind would come back to life
 * in listings as soon as it mounts this directory as an upper one.
 * @returns 0, or -EPERM and its kin where it takes an attribute
 */
function makeDevice({ dir, name }: Place): number {
  return calls.mknodAt(dir, name, S_IFCHR, 0n)
}

/** By a kernel or file system that does not know such whiteouts, or not for this user. */
export function isRefused(errno: number): boolean {
  return errno === -ERRNO.EPERM || errno === -ERRNO.EOPNOTSUPP || errno === -ERRNO.EINVAL
}

export interface WhiteoutPlace {
  /** Of the upper layer: where the kernel looks first for whether there are whiteouts that are attributes. */
  readonly root: number
  readonly place: Place
  /** A free name in the work directory: a whiteout is one from the first moment on that anybody can see it. */
  readonly aside: Place
}

/**
 * @returns 0, or a negative errno, and then there is none: EEXIST where something has that name, but in the form `none`,
 * where a whiteout has one of its own
 */
export function leaveWhiteout(where: WhiteoutPlace, form: DiskForm): number {
  const { place } = where
  if (form === 'none') {
    const left = attempt(() => writeWhiteout({ root: -1, ...place }, form))
    // Left by a crash beside what it was to remove.
    return left === -ERRNO.EEXIST ? 0 : left
  }
  const made = makeDevice(place)
  if (form === 'trusted' || !isRefused(made)) return made
  return placeAttribute(where, RENAME_NOREPLACE)
}

/** In place of a file, at once; in the form `none` beside it, and first, so that a crash removes rather than brings back. */
export function placeWhiteout(where: WhiteoutPlace, form: DiskForm): number {
  const { place } = where
  if (form !== 'none') return replaceBy(where, form, 0)
  const left = leaveWhiteout(where, form)
  return left < 0 ? left : calls.unlinkAt(place.dir, place.name)
}

/**
 * In place of a directory, which is at `aside` afterwards: no moment without either, in which the lower directory would
 * be back with all that was removed from it.
 */
export function exchangeWhiteout(where: WhiteoutPlace, form: DiskForm): number {
  const { place, aside } = where
  if (form !== 'none') return replaceBy(where, form, RENAME_EXCHANGE)
  const left = leaveWhiteout(where, form)
  if (left < 0) return left
  const moved = calls.renameAt(place.dir, place.name, aside.dir, aside.name, RENAME_NOREPLACE)
  if (moved < 0) calls.unlinkAt(place.dir, whiteoutOf(place.name))
  return moved
}

function replaceBy(where: WhiteoutPlace, form: DiskForm, flags: number): number {
  const made = makeDevice(where.aside)
  if (made === 0) return putInPlace(where, flags)
  return form === 'trusted' || !isRefused(made) ? made : placeAttribute(where, flags)
}

function placeAttribute(where: WhiteoutPlace, flags: number): number {
  const { root, place, aside } = where
  const made = attempt(() => writeWhiteout({ root: aside.dir, ...aside }, 'user'))
  // The directory must say that it has such marks, or they would be read as files.
  const marked = made < 0 ? made : markDirectories(root, place.dir)
  if (marked === 0) return putInPlace(where, flags)
  calls.unlinkAt(aside.dir, aside.name)
  return marked
}

function putInPlace({ place, aside }: WhiteoutPlace, flags: number): number {
  const placed = calls.renameAt(aside.dir, aside.name, place.dir, place.name, flags)
  if (placed < 0) calls.unlinkAt(aside.dir, aside.name)
  return placed
}

/** Of one that was moved there: what is an attribute counts only where the directory says that it has such ones. */
export function keepWhiteout(root: number, { dir }: Place, form: DiskForm): number {
  return form === 'trusted' ? 0 : markDirectories(root, dir)
}

function markDirectories(root: number, dir: number): number {
  return attempt(() => {
    for (const fd of dir === root ? [root] : [dir, root]) markHasWhiteouts(fd)
  })
}
