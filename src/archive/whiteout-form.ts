// How "removed" and "hides everything below" are written on disk, in each form that a host allows. The kernel reads the
// first two (the second with `userxattr`, Linux 6.7 and later), fuse-overlayfs reads the third.
// Knows one name in one open directory; which names are whited out is decided by whoever calls.

import type { LayerForm } from '../driver/driver.ts'
import type { BytePath } from '../path/byte-path.ts'
import { hostError, must } from '../sys/errno.ts'
import { O, chownAt, close, mknodAt, openAt } from '../sys/file-calls.ts'
import { setXattr, setXattrOf } from '../sys/xattr.ts'

/** Prefix of a whiteout's name in a tar, and on disk in the form `none`. */
export const WHITEOUT_PREFIX = '.wh.'
/** Name of an opaque marker in a tar, and on disk in the form `none`. */
export const OPAQUE_MARKER = '.wh..wh..opq'

const S_IFCHR = 0o020000
export const YES: Uint8Array = new Uint8Array([0x79])
/** "Look for whiteouts in here": without it the kernel takes xattr whiteouts for plain files. */
const HAS_WHITEOUTS = new Uint8Array([0x78])

export interface WhiteoutOwner {
  readonly uid: number
  readonly gid: number
}

/**
 * In an existing directory that has no such name yet.
 * @param root the layer's own top directory, as an fd; the kernel looks for `x` there before it looks anywhere
 */
export function writeWhiteout(
  place: { readonly root: number; readonly dir: number; readonly name: BytePath },
  form: LayerForm,
  owner: WhiteoutOwner = { uid: 0, gid: 0 },
): void {
  const { root, dir, name } = place
  if (form === 'trusted') {
    must(mknodAt(dir, name, S_IFCHR, 0n), 'mknodat', name)
    if (owner.uid !== 0 || owner.gid !== 0) {
      must(chownAt(dir, name, owner.uid, owner.gid), 'fchownat', name)
    }
    return
  }
  const onDisk = form === 'none' ? `${WHITEOUT_PREFIX}${name}` : name
  const fd = must(
    openAt(dir, onDisk, O.WRONLY | O.CREAT | O.EXCL | O.NOFOLLOW, 0o600),
    'openat',
    name,
  )
  try {
    if (form === 'user') must(setXattrOf(fd, 'user.overlay.whiteout', YES), 'fsetxattr', name)
  } finally {
    close(fd)
  }
  if (form === 'user') {
    for (const each of dir === root ? [root] : [dir, root]) markHasWhiteouts(each)
  }
}

/** Of an open directory: whiteouts of the form `user` in it count. */
export function markHasWhiteouts(dir: number): void {
  const place = `/proc/self/fd/${dir}/.`
  must(setXattr(place, 'user.overlay.opaque', HAS_WHITEOUTS), 'setxattr', place)
}

/** Makes an open directory hide all that lower layers have in it. */
export function writeOpaque(dir: number, form: LayerForm): void {
  if (form === 'none') {
    const fd = openAt(dir, OPAQUE_MARKER, O.WRONLY | O.CREAT | O.NOFOLLOW, 0o600)
    close(must(fd, 'openat', OPAQUE_MARKER))
    return
  }
  const name = form === 'trusted' ? 'trusted.overlay.opaque' : 'user.overlay.opaque'
  must(setXattr(`/proc/self/fd/${dir}/.`, name, YES), 'setxattr', name)
}

/** A whiteout at the top of a layer's directory, which must not have that name. */
export function makeWhiteout(layerDirectory: string, name: BytePath, form: LayerForm): void {
  const path = Buffer.from(layerDirectory, 'utf8').toString('latin1')
  const root = openAt(-100, path, O.RDONLY | O.DIRECTORY)
  if (root < 0) throw hostError(`open ${layerDirectory}`, -root, 'openat', layerDirectory)
  try {
    writeWhiteout({ root, dir: root, name }, form)
  } finally {
    close(root)
  }
}
