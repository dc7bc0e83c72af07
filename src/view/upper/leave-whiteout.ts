// The mark of a removal, put where a name was or is, in an upper directory's form.

import { markHasWhiteouts, writeWhiteout } from '../../archive/whiteout-form.ts'
import { HostError } from '../../errors.ts'
import { ERRNO } from '../../sys/errno.ts'
import * as calls from '../../sys/file-calls.ts'
import { markForm, type DiskForm } from '../disk-form.ts'
import type { Place } from './change-attributes.ts'

const S_IFCHR = 0o020000

/** Errors of the host as a negative errno: a file system has no use for sentences. */
export function attempt(action: () => void): number {
  try {
    action()
    return 0
  } catch (error) {
    const name = error instanceof HostError ? error.details['errno'] : undefined
    if (typeof name !== 'string') throw error
    return -((ERRNO as Readonly<Record<string, number>>)[name] ?? ERRNO.EIO)
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

function isRefused(errno: number): boolean {
  return errno === -ERRNO.EPERM || errno === -ERRNO.EOPNOTSUPP || errno === -ERRNO.EINVAL
}

/** @param root of the upper layer: where the kernel looks first for whether there are whiteouts of this form */
export function leaveWhiteout(root: number, place: Place, form: DiskForm): number {
  if (form === 'trusted') return makeDevice(place)
  if (markForm(form) === 'user') {
    const made = makeDevice(place)
    if (!isRefused(made)) return made
  }
  return attempt(() => writeWhiteout({ root, dir: place.dir, name: place.name }, markForm(form)))
}

/** In place of a file, at once; in the form `none` beside it, and first, so that a crash removes rather than brings back. */
export function placeWhiteout(root: number, place: Place, aside: Place, form: DiskForm): number {
  if (form === 'none') {
    const left = leaveWhiteout(root, place, form)
    return left < 0 ? left : calls.unlinkAt(place.dir, place.name)
  }
  const device = makeDevice(aside)
  if (device < 0 && (form === 'trusted' || !isRefused(device))) return device
  if (device < 0) {
    const made = attempt(() => writeWhiteout({ root: aside.dir, ...aside }, markForm(form)))
    if (made < 0) return made
  }
  if (device < 0) {
    // The directory must say that it has such marks, or they would be read as files.
    const marked = markDirectories(root, place.dir)
    if (marked < 0) return marked
  }
  const placed = calls.renameAt(aside.dir, aside.name, place.dir, place.name)
  if (placed < 0) calls.unlinkAt(aside.dir, aside.name)
  return placed
}

function markDirectories(root: number, dir: number): number {
  return attempt(() => {
    for (const fd of dir === root ? [root] : [dir, root]) markHasWhiteouts(fd)
  })
}
