// An exclusive flock(2) on a directory itself: nothing is left in it, and the lock ends with its process.

import { ERRNO } from './errno.ts'
import { checked, libc } from './libc.ts'

const LOCK_EX = 2
const LOCK_NB = 4
const LOCK_UN = 8

/** Two seconds: who has it may be on its way out, as a server is whose mount was taken away a moment ago. */
const TRIES = 100
const PAUSE_MS = 20

const pause = new Int32Array(new SharedArrayBuffer(4))

/**
 * Waits a moment where another has it, and this thread with it.
 * @param fd opened for reading (O_PATH cannot be locked)
 * @returns 0, or -EWOULDBLOCK and its kin
 */
export function lockDirectory(fd: number): number {
  for (let left = TRIES; ; left--) {
    const result = checked(libc().flock(fd, LOCK_EX | LOCK_NB))
    if (result === -ERRNO.EINTR) continue
    if (result !== -ERRNO.EWOULDBLOCK || left <= 0) return result
    Atomics.wait(pause, 0, 0, PAUSE_MS)
  }
}

/** To be called before the fd is closed: a child that was forked meanwhile has a copy of it until its exec. */
export function unlockDirectory(fd: number): void {
  libc().flock(fd, LOCK_UN)
}

/** Until everything written to the file system of that fd is on the disk. @returns 0, or a negative errno */
export function syncFileSystemOf(fd: number): number {
  return checked(libc().syncfs(fd))
}
