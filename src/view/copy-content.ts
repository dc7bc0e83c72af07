// The bytes of one open file into another, by the cheapest way that this pair of file systems allows: shared blocks,
// then a copy inside the kernel, then read and write. Knows file descriptors only.

import { ERRNO } from '../sys/errno.ts'
import { cloneFile, copyFileRange, read, writeAll } from '../sys/file-calls.ts'

/** As much as one call may copy, so that an abort is heard in between files of ordinary size. */
const RANGE_BYTES = 1 << 30
let buffer: Buffer | undefined

/** Below this a reflink costs more than it saves, and most files of an image are below it. */
const CLONE_BYTES_MIN = 64 << 10

/**
 * From the start of `from` to the start of the empty `to`.
 * @param sizeBytes what is expected; a file that grew is copied to its end, one that shrank to where it ends
 * @returns bytes copied, or a negative errno
 */
export function copyContent(from: number, to: number, sizeBytes: number): number {
  if (sizeBytes >= CLONE_BYTES_MIN && cloneFile(from, to) === 0) return sizeBytes
  let copied = 0
  while (sizeBytes > 0) {
    const n = copyFileRange(from, to, RANGE_BYTES)
    // Other file systems, special file systems, old kernels: what is left goes by hand.
    if (n < 0 && copied === 0 && isRefusal(-n)) return copyByHand(from, to)
    if (n < 0) return n
    if (n === 0) return copied > 0 ? copied : copyByHand(from, to)
    copied += n
  }
  return copied
}

function isRefusal(errno: number): boolean {
  return (
    errno === ERRNO.EXDEV ||
    errno === ERRNO.EINVAL ||
    errno === ERRNO.ENOSYS ||
    errno === ERRNO.EOPNOTSUPP ||
    errno === ERRNO.EPERM
  )
}

function copyByHand(from: number, to: number): number {
  buffer ??= Buffer.allocUnsafe(1 << 20)
  let copied = 0
  for (;;) {
    const n = read(from, buffer)
    if (n <= 0) return n < 0 ? n : copied
    const written = writeAll(to, buffer.subarray(0, n))
    if (written < 0) return written
    copied += n
  }
}
