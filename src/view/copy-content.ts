// The bytes of one open file into another, by the cheapest way that this pair of file systems allows: shared blocks,
// then a copy inside the kernel, then read and write. Knows file descriptors only.

import { ERRNO } from '../sys/errno.ts'
import {
  SEEK,
  cloneFile,
  copyFileRange,
  read,
  seek,
  truncate,
  writeAll,
} from '../sys/file-calls.ts'

/** The kernel copies at most 2 GiB less a page at once. */
const RANGE_BYTES = 1 << 30
let buffer: Buffer | undefined

/** Below this a reflink costs more than it saves, and most files of an image are below it. */
const CLONE_BYTES_MIN = 64 << 10

/**
 * From the start of `from` to the start of the empty `to`. Holes stay holes: a layer can say a file of terabytes in a few
 * bytes, and whoever looks at it must not need the disk for it.
 * @param sizeBytes of `from`; one that is shorter is copied to where it ends
 * @returns bytes copied, or a negative errno
 */
export function copyContent(from: number, to: number, sizeBytes: number): number {
  if (sizeBytes < CLONE_BYTES_MIN) return copyPiece(from, to, sizeBytes)
  if (cloneFile(from, to) === 0) return sizeBytes
  const first = seek(from, 0, SEEK.DATA)
  // A file system that knows no holes says EINVAL.
  if (first < 0 && first !== -ERRNO.ENXIO) return copyPiece(from, to, sizeBytes)
  const end = Math.min(sizeBytes, seek(from, 0, SEEK.END))
  let copied = 0
  for (let data = first; data >= 0 && data < end; data = seek(from, data, SEEK.DATA)) {
    const hole = seek(from, data, SEEK.HOLE)
    if (hole < 0) return hole
    for (const fd of [from, to]) {
      const at = seek(fd, data, SEEK.SET)
      if (at < 0) return at
    }
    const length = Math.min(hole, end) - data
    const n = copyPiece(from, to, length, length)
    if (n < 0) return n
    if (n === 0) break
    copied += n
    data += n
  }
  const result = truncate(to, end)
  return result < 0 ? result : copied
}

/** From the offset of the one to that of the other. */
function copyPiece(from: number, to: number, sizeBytes: number, byHandMax = Infinity): number {
  let copied = 0
  while (copied < sizeBytes) {
    const n = copyFileRange(from, to, Math.min(sizeBytes - copied, RANGE_BYTES))
    // Two file systems, one without the call, an old kernel: then by hand. 0 at the start is procfs's way to say so.
    if (copied === 0 && (n === 0 || isRefusal(-n))) return copyByHand(from, to, byHandMax)
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

function copyByHand(from: number, to: number, bytesMax: number): number {
  buffer ??= Buffer.allocUnsafe(1 << 20)
  let copied = 0
  while (copied < bytesMax) {
    const n = read(from, buffer.subarray(0, Math.min(buffer.length, bytesMax - copied)))
    if (n <= 0) return n < 0 ? n : copied
    const written = writeAll(to, buffer.subarray(0, n))
    if (written < 0) return written
    copied += n
  }
  return copied
}
