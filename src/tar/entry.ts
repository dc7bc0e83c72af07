// What a tar says about one member, and the contract between the parser and whoever consumes a tar.
// Pure values: no bytes of the archive are kept but the small ones (names, xattrs).

import type { BytePath } from '../path/byte-path.ts'

export type EntryType = 'file' | 'hardlink' | 'symlink' | 'char' | 'block' | 'directory' | 'fifo'

/** Where the data of a sparse file lies: pieces in ascending order; the rest up to realSizeBytes is holes. */
export interface SparseMap {
  readonly realSizeBytes: number
  readonly pieces: readonly { readonly offset: number; readonly length: number }[]
  /** PAX sparse 1.0: the map stands at the start of the body and `pieces` is empty; `SparseBody` reads it. */
  readonly mapInBody?: true
}

export interface TarHeader {
  /** As the archive has it after PAX and GNU long names: `./etc/`, `etc/x`, `/abs`. Not cleaned, trailing slash kept. For PAX sparse files the real name (GNU.sparse.name). */
  readonly path: BytePath
  /** The name that tar-split records: that of the header, before GNU.sparse.name. Same as path elsewhere. */
  readonly recordName: BytePath
  readonly type: EntryType
  /** The typeflag byte of the main header. */
  readonly typeflag: number
  /** Link target as the archive has it; '' for other types. */
  readonly linkPath: BytePath
  /** The low 12 bits of the mode field. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly uname: BytePath
  readonly gname: BytePath
  /** Payload bytes in the archive; 0 for types that have none whatever the size field says. */
  readonly sizeBytes: number
  readonly mtimeNs: bigint
  readonly atimeNs?: bigint
  readonly ctimeNs?: bigint
  readonly devMajor: number
  readonly devMinor: number
  /** From SCHILY.xattr.*: key (latin1) to raw bytes. */
  readonly xattrs: ReadonlyMap<string, Uint8Array>
  readonly sparse?: SparseMap
  /** Offset in the tar of the member's first byte (extension headers included). */
  readonly offset: number
}

/**
 * Receives a tar in one pass, in this order per member: `raw` (all of its header bytes, possibly in several calls),
 * then `entry`, then `body` calls that add up to header.sizeBytes, then `bodyEnd`; padding comes with the next `raw`.
 * The bytes of all raw and body calls, joined, are exactly the input. Buffers are only valid during the call.
 */
export interface TarHandler {
  raw(bytes: Uint8Array): void
  entry(header: TarHeader): void
  body(bytes: Uint8Array): void
  bodyEnd(): void
  /** A PAX global header was read (its bytes came by `raw`); `name` is that header's own name field. */
  globalHeader(name: BytePath): void
  /** Both zero blocks were read (by `raw`); what still comes by `raw` lies behind the archive's end. */
  archiveEnd?(): void
}

/** Bounds that keep memory and time finite whatever the input; each has a named LimitError. */
export interface TarLimits {
  /** Bytes of one PAX header or GNU long name. Default 1 MiB, as in Go. */
  readonly extensionBytesMax: number
  /** Bytes of the names and values of one entry's extended attributes. Default 256 KiB; Linux keeps 64 KiB of names. */
  readonly xattrBytesMax: number
  /** Bytes of a path or link target. Default 4095 (PATH_MAX less its NUL) for each. */
  readonly pathBytesMax: number
  /** Directories in one path. Default 256. */
  readonly pathDepthMax: number
  /** Members of one tar. Default 2,000,000. */
  readonly entriesMax: number
}

export const DEFAULT_TAR_LIMITS: TarLimits = {
  extensionBytesMax: 1 << 20,
  xattrBytesMax: 256 << 10,
  pathBytesMax: 4095,
  pathDepthMax: 256,
  entriesMax: 2_000_000,
}
