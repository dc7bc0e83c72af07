// The two record kinds of tar-split: raw bytes between file bodies, and a pointer to a file body with its checksum.
// Knows the JSON lines of tar-split.json; knows neither gzip nor where files are.

import type { BytePath } from '../path/byte-path.ts'

export type SplitRecord = SegmentRecord | FileRecord

/** type 2: bytes to emit as they are. */
export interface SegmentRecord {
  readonly kind: 'segment'
  readonly bytes: Uint8Array
}

/** type 1: emit the body of `name` (nothing when sizeBytes is 0). */
export interface FileRecord {
  readonly kind: 'file'
  readonly name: BytePath
  readonly sizeBytes: number
  /** 8 bytes, CRC-64/GO-ISO big-endian; absent when sizeBytes is 0. */
  readonly checksum?: Uint8Array
}
