// Whether two files of layers hold the same bytes: asked only where `diff --why` must know, of files that both layers
// have. Reads, compares, remembers nothing.

import { close, read } from '../sys/file-calls.ts'
import type { BytePath } from '../path/byte-path.ts'

interface Opens {
  openFile(path: BytePath): number
}

const CHUNK_BYTES = 1 << 18
let first: Buffer | undefined
let second: Buffer | undefined

/** Files that cannot be read count as different: nobody can say that they are the same. */
export function sameContent(a: Opens, b: Opens, path: BytePath): boolean {
  first ??= Buffer.allocUnsafe(CHUNK_BYTES)
  second ??= Buffer.allocUnsafe(CHUNK_BYTES)
  const x = a.openFile(path)
  if (x < 0) return false
  const y = b.openFile(path)
  if (y < 0) {
    close(x)
    return false
  }
  try {
    for (;;) {
      const n = readFully(x, first)
      const m = readFully(y, second)
      if (n !== m || n < 0) return false
      if (first.compare(second, 0, n, 0, n) !== 0) return false
      if (n < CHUNK_BYTES) return true
    }
  } finally {
    close(x)
    close(y)
  }
}

/** Less than the buffer only at the end of the file; -errno on failure. */
function readFully(fd: number, into: Buffer): number {
  let done = 0
  while (done < into.length) {
    const n = read(fd, into.subarray(done))
    if (n < 0) return n
    if (n === 0) break
    done += n
  }
  return done
}
