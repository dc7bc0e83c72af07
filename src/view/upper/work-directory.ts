// The work directory of a changing union, `WORK/work`, as the kernel has it: one process has it at a time, and what a crash
// left in there is nobody's.

import { ConflictError } from '../../errors.ts'
import { pathFromText } from '../../path/byte-path.ts'
import { ERRNO, hostError } from '../../sys/errno.ts'
import * as calls from '../../sys/file-calls.ts'
import { lockDirectory } from '../../sys/lock-directory.ts'
import { removeXattrOf } from '../../sys/xattr.ts'
import { ACCESS_ACL, DEFAULT_ACL } from '../../union/posix-acl.ts'

const { O } = calls
const DIRECTORY = O.RDONLY | O.DIRECTORY | O.NOFOLLOW

/** Places of the host. */
export interface UpperNames {
  readonly directory: string
  readonly work: string
}

/** @throws HostError */
export function openHost(directory: string): number {
  const fd = calls.openAt(calls.AT_FDCWD, pathFromText(directory), O.RDONLY | O.DIRECTORY)
  if (fd < 0) throw hostError(`open upper directory ${directory}`, -fd, 'openat', directory)
  return fd
}

/** @throws ConflictError ERR_MOUNT_EXISTS where another has it; HostError */
export function openWork(work: string, called: UpperNames): number {
  const outer = openHost(work)
  try {
    const made = calls.mkdirAt(outer, 'work', 0o700)
    if (made < 0 && made !== -ERRNO.EEXIST)
      throw hostError(`make ${work}/work`, -made, 'mkdirat', work)
    let fd = calls.openAt(outer, 'work', DIRECTORY)
    if (fd === -ERRNO.EACCES) {
      // The kernel makes it with no permissions at all, which are its owner's to change.
      const path = calls.openAt(outer, 'work', O.PATH | O.NOFOLLOW)
      if (path >= 0) {
        calls.chmodPath(path, 0o700)
        calls.close(path)
      }
      fd = calls.openAt(outer, 'work', DIRECTORY)
    }
    if (fd < 0) throw hostError(`open ${work}/work`, -fd, 'openat', work)
    if (lockDirectory(fd) < 0) {
      calls.close(fd)
      throw new ConflictError(
        'ERR_MOUNT_EXISTS',
        `cannot open ${called.directory} for writing: another process, or another view of this one, has it open; end that one first, or give another upper directory`,
        { details: { path: called.directory } },
      )
    }
    const left = calls.readDirectory(fd)
    if (Array.isArray(left)) {
      if (left.some(({ name }) => name === 'incompat')) refuseIncompatible(fd, called)
      for (const { name } of left) calls.removeTree(fd, name)
    }
    const bare = removeAcls(fd)
    if (bare === 0) return fd
    calls.close(fd)
    throw hostError(`take the ACLs of ${work}/work away`, -bare, 'fremovexattr', work)
  } finally {
    calls.close(outer)
  }
}

/**
 * What is made there would have a default ACL of its own from it, and bring it along to where it is put: the directory that
 * it is put into says what it inherits (ovl_workdir_create).
 */
function removeAcls(fd: number): number {
  for (const name of [DEFAULT_ACL, ACCESS_ACL]) {
    const removed = removeXattrOf(fd, name)
    if (removed < 0 && removed !== -ERRNO.ENODATA && removed !== -ERRNO.EOPNOTSUPP) return removed
  }
  return 0
}

/** What the kernel leaves there of a volatile mount, and takes for a reason not to mount it again (ovl_make_workdir). */
function refuseIncompatible(fd: number, { directory, work }: UpperNames): void {
  calls.close(fd)
  throw new ConflictError(
    'ERR_MOUNT_EXISTS',
    `cannot open ${directory} for writing: ${work} is of a volatile mount, which is still there or whose changes a crash may have cut short; remove ${work}/work/incompat if they are to be kept`,
    { details: { path: directory } },
  )
}
