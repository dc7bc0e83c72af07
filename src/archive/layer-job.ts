// One layer's way from an archive to disk, as data: what a worker is told, and what it answers.
// Structured-clone safe: no class instances, no functions.

import type { DiffID, Digest } from '../digest/digest.ts'
import type { LayerForm } from '../driver/driver.ts'
import type { Warning } from '../errors.ts'
import type { BytePath } from '../path/byte-path.ts'
import type { TarLimits } from '../tar/entry.ts'

/** Bytes inside a file on disk: a member of an outer tar, a blob file, a spooled stream. */
export interface ByteRange {
  readonly file: string
  readonly offset: number
  readonly sizeBytes: number
}

export interface ApplyLimits extends TarLimits {
  /** Uncompressed bytes of one layer, and of one sparse file. Default 256 GiB. */
  readonly layerBytesMax: number
  /** Uncompressed bytes of all layers that one load unpacks. Default 1 TiB. */
  readonly totalBytesMax: number
  /** Uncompressed : compressed. Default 200; deflate can do 1032, zstd 30,000. */
  readonly expansionMax: number
  /** Uncompressed bytes from which on that counts: below, it is a file of zeros and no attack. Default 256 MiB. */
  readonly expansionFromBytes: number
  /** Bytes of the names that must be remembered till a layer's end: directories, whiteouts; and of members. Default 16 MiB. */
  readonly nameBytesMax: number
}

export interface LayerJob {
  /** For messages: `layer 3 of app.tar (sha256:...)`. */
  readonly label: string
  /** What is being done with it, for messages. Default load. */
  readonly action?: 'load' | 'import'
  readonly blob: ByteRange
  /** Compared with the blob's bytes as they stand, when the archive declares it. */
  readonly blobDigest?: Digest
  readonly diffID?: DiffID
  /** An existing empty directory to fill. */
  readonly directory: string
  /** tar-split.json.gz to be written (must not exist); none when absent. */
  readonly splitPath?: string
  readonly form: LayerForm
  readonly limits: ApplyLimits
  /** What a zstd frame may make the decoder hold: less where other layers are unpacked at the same time. */
  readonly windowBytesMax?: number
  /** One 64-bit count of uncompressed bytes, shared by all jobs of a load wherever they run. */
  readonly totalBytes?: SharedArrayBuffer
  /** One 32-bit count of the layers that are being unpacked at this moment; the pool keeps it. */
  readonly running?: SharedArrayBuffer
}

export interface LayerResult {
  readonly diffID: DiffID
  /** Of the blob as it stands in the archive. */
  readonly blobDigest: Digest
  readonly compression: 'none' | 'gzip' | 'zstd' | 'bzip2' | 'xz'
  /** Bytes of the uncompressed tar. */
  readonly tarBytes: number
  readonly entries: number
  /** Docker's overlay2 rule: st_size of every non-directory, each inode once, symlinks their target length. */
  readonly treeBytes: number
  /** Docker's vfs rule: sum of the header sizes. */
  readonly headerBytes: number
  readonly rootOpaque: boolean
  /** That hold whiteouts on disk. */
  readonly whiteoutDirectories: readonly BytePath[]
  readonly warnings: readonly Warning[]
}
