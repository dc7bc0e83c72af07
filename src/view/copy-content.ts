// The bytes of one open file into another, by the cheapest way that this pair of file systems allows: shared blocks,
// then a copy inside the kernel, then read and write. Knows file descriptors only.

import { ERRNO } from '../sys/errno.ts'
import { cloneFile, copyFileRange, read, writeAll } from '../sys/file-calls.ts'

/** The kernel copies at most 2 GiB less a page at once. */
const RANGE_BYTES = 1 << 30
let buffer: Buffer | undefined

/** Below this a reflink costs more than it saves, and most files of an image are below it. */
const CLONE_BYTES_MIN = 64 << 10

/**
 * From the start of `from` to the start of the empty `to`.
 * @param sizeBytes of `from`; one that is shorter is copied to where it ends
 * @returns bytes copied, or a negative errno
 */
export function copyContent(from: number, to: number, sizeBytes: number): number {
  if (sizeBytes >= CLONE_BYTES_MIN && cloneFile(from, to) === 0) return sizeBytes
  let copied = 0
  while (copied < sizeBytes) {
    const n = copyFileRange(from, to, Math.min(sizeBytes - copied, RANGE_BYTES))
    // Two file systems, one without the call, an old kernel: then by hand. 0 at the start is procfs's way to say so.
    if (copied === 0 && (n === 0 || isRefusal(-n))) return copyByHand(from, to)
    if (n < 0) return n
    if (n === 0) break
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
