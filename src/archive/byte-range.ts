// Reads a range of a file in large pieces, one ahead of whoever consumes them.

import fs from 'node:fs/promises'
import { ArchiveError } from '../errors.ts'
import { fromNodeError } from '../sys/errno.ts'
import type { ByteRange } from './layer-job.ts'

export const CHUNK_BYTES: number = 1 << 20

/**
 * Pieces of up to 1 MiB. Each is valid until the next is asked for: two buffers take turns, so that the disk is read
 * while the consumer works on the other.
 * @throws ArchiveError ERR_TAR_TRUNCATED when the file ends inside the range
 */
export async function* readRange(
  range: ByteRange,
  label: string = range.file,
): AsyncGenerator<Uint8Array> {
  const file = await fs.open(range.file, 'r').catch((error: unknown) => {
    throw fromNodeError(`read ${label}`, error)
  })
  try {
    const size = Math.min(CHUNK_BYTES, range.sizeBytes)
    let [current, spare] = [Buffer.allocUnsafeSlow(size), Buffer.allocUnsafeSlow(size)]
    const end = range.offset + range.sizeBytes
    const read = async (into: Buffer, at: number): Promise<Uint8Array> => {
      const { bytesRead } = await file.read(into, 0, Math.min(into.length, end - at), at)
      return into.subarray(0, bytesRead)
    }
    let at = range.offset
    let next = at < end ? read(current, at) : undefined
    while (next !== undefined) {
      const chunk = await next
      if (chunk.length === 0) {
        throw new ArchiveError(
          'ERR_TAR_TRUNCATED',
          `cannot read ${label}: ${range.file} ends ${end - at} bytes early`,
          {
            details: { path: range.file, missing: end - at },
          },
        )
      }
      at += chunk.length
      ;[current, spare] = [spare, current]
      next = at < end ? read(current, at) : undefined
      // A read that fails while the consumer works must not count as unhandled; it is thrown when its turn comes.
      next?.catch(() => {})
      yield chunk
    }
  } finally {
    await file.close()
  }
}
