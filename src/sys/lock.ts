// Locks by flock(2): they belong to an open file, so they end with the process, crash or not, and no stale lock needs
// an opinion about pids. The pid inside a lock file is for people; nothing is decided by it.

import fs from 'node:fs'
import { ERRNO, fromNodeError, hostError } from './errno.ts'
import { checked, libc } from './libc.ts'

const LOCK_SH = 1
const LOCK_EX = 2
const LOCK_NB = 4
const LOCK_UN = 8

export interface Lock extends Disposable {
  readonly path: string
  /** Idempotent. The file stays: removing it would let two processes lock two files of one name. */
  release(): void
}

/**
 * Does not wait: undefined when another holds it. An exclusive holder writes its pid into the file.
 * @param options.exclusive default true; shared locks exclude exclusive ones only
 */
export function acquireLock(path: string, options: { exclusive?: boolean } = {}): Lock | undefined {
  const exclusive = options.exclusive ?? true
  let fd: number
  try {
    fd = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_CREAT, 0o600)
  } catch (error) {
    throw fromNodeError(`lock ${path}`, error)
  }
  const result = tryLock(fd, exclusive ? LOCK_EX : LOCK_SH)
  if (result < 0) {
    fs.closeSync(fd)
    if (result === -ERRNO.EWOULDBLOCK) return undefined
    throw hostError(`lock ${path}`, -result, 'flock', path)
  }
  if (exclusive) {
    fs.ftruncateSync(fd)
    fs.writeSync(fd, `${process.pid}\n`, 0)
  }
  let held = true
  const release = (): void => {
    if (!held) return
    held = false
    // Closing alone would do, unless a child process inherited the open file.
    libc().flock(fd, LOCK_UN)
    fs.closeSync(fd)
  }
  return { path, release, [Symbol.dispose]: release }
}

function tryLock(fd: number, kind: number): number {
  for (;;) {
    const result = checked(libc().flock(fd, kind | LOCK_NB))
    if (result !== -ERRNO.EINTR) return result
  }
}

/**
 * Whether someone holds a flock on a file: undefined when not (or when there is no such file).
 * `pid` only where /proc/locks shows it, which it does not across pid namespaces. Reading that takes the kernel some
 * 10 ms: ask isLocked where the pid is not wanted.
 */
export function probeLock(path: string): { pid?: number } | undefined {
  return tryAside(path, (fd) => {
    const pid = holderOf(fs.fstatSync(fd, { bigint: true }).ino)
    return pid === undefined ? {} : { pid }
  })
}

/** Whether someone holds a flock on a file; false where there is no such file. */
export function isLocked(path: string): boolean {
  return tryAside(path, () => true) ?? false
}

/** What `whenHeld` says of a file that someone has locked; undefined where nobody has. */
function tryAside<T>(path: string, whenHeld: (fd: number) => T): T | undefined {
  let fd: number
  try {
    fd = fs.openSync(path, fs.constants.O_RDONLY)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw fromNodeError(`look for a lock on ${path}`, error)
  }
  try {
    const result = tryLock(fd, LOCK_EX)
    if (result === 0) {
      libc().flock(fd, LOCK_UN)
      return undefined
    }
    if (result !== -ERRNO.EWOULDBLOCK)
      throw hostError(`look for a lock on ${path}`, -result, 'flock', path)
    return whenHeld(fd)
  } finally {
    fs.closeSync(fd)
  }
}

/**
 * /proc/locks: `1: FLOCK  ADVISORY  WRITE 1234 fd:00:5678 0 EOF`. Matched by inode alone: the device there is that of
 * the superblock, which on btrfs and overlay is not what stat says.
 */
function holderOf(ino: bigint): number | undefined {
  let text
  try {
    text = fs.readFileSync('/proc/locks', 'latin1')
  } catch {
    return undefined
  }
  for (const line of text.split('\n')) {
    const found = /^\d+: FLOCK +\S+ +\S+ +(\d+) [0-9a-f]+:[0-9a-f]+:(\d+) /.exec(line)
    if (found && BigInt(found[2]!) === ino && found[1] !== '0') return Number(found[1])
  }
  return undefined
}
