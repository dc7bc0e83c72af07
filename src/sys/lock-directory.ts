// An exclusive flock(2) on a directory itself: nothing is left in it, and the lock ends with its process.

import { checked, libc } from './libc.ts'

const LOCK_EX = 2
const LOCK_NB = 4

/** Does not wait. @param fd opened for reading (O_PATH cannot be locked) @returns 0, or -EWOULDBLOCK and its kin */
export function lockDirectory(fd: number): number {
  return checked(libc().flock(fd, LOCK_EX | LOCK_NB))
}

/** Until everything written to the file system of that fd is on the disk. @returns 0, or a negative errno */
export function syncFileSystemOf(fd: number): number {
  return checked(libc().syncfs(fd))
}
