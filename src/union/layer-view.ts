// What one layer says about its own paths: the only thing that the union rules ever see of a layer, so that they hold
// for a directory on disk, a tar in memory or a test alike. A layer knows nothing of the layers below it: it says
// "removed" (whiteout) and "hide what is below" (opaque), and what that does is merge.ts's work.
//
// Worked example: upper has `etc/` (opaque) with `hosts`, and a whiteout for `srv`; then upper.lookup('srv') is
// 'whiteout', upper.list('') is [etc, srv as whiteout], upper.opaque('etc') is true.

import type { BytePath } from '../path/byte-path.ts'

export type NodeType = 'file' | 'directory' | 'symlink' | 'char' | 'block' | 'fifo' | 'socket'

/** One file, directory, link or device as the image has it: owner and mode are the image's, whoever holds the disk. */
export interface LayerNode {
  readonly type: NodeType
  /** The low 12 bits. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Of a regular file; the target's length for a symlink; 0 for the rest. */
  readonly sizeBytes: number
  /** Of a directory: what its names take on the disk, as stat(2) shows it; no part of an image. */
  readonly directoryBytes?: number | undefined
  /** Of 512 bytes, on the disk; absent where there is none, and where a size stands for something else. */
  readonly blocks?: number | undefined
  readonly mtimeNs: bigint
  /** As stored; '' for other types. */
  readonly linkTarget: BytePath
  readonly devMajor: number
  readonly devMinor: number
  /** Names of this layer with an equal key are one file (hardlinks). Absent where there is one name only. */
  readonly hardlinkKey?: string
  /** What stat(2) tells besides; absent where a layer does not know it (a tar). */
  readonly ino?: bigint
  readonly nlink?: number
  readonly atimeNs?: bigint
  readonly ctimeNs?: bigint
}

/** A name in one directory of one layer. */
export interface LayerEntry {
  readonly name: BytePath
  /** What the merge rules must know; which sort of leaf it is, `lookup` tells. */
  readonly kind: 'directory' | 'leaf' | 'whiteout'
}

/**
 * Paths are clean (no leading slash, '' is the root) and are never followed through a symlink: `a/b` where `a` is a
 * symlink in this layer is absent.
 */
export interface LayerView {
  /** undefined: this layer says nothing about that path. */
  lookup(path: BytePath): LayerNode | 'whiteout' | undefined
  /** As `lookup` of both joined, `name` being one component: for a layer that would take them apart again. */
  child?(directory: BytePath, name: BytePath): LayerNode | 'whiteout' | undefined
  /** Names in any order, each once; empty where the path is no directory of this layer. */
  list(path: BytePath): readonly LayerEntry[]
  /** Does that directory hide what lies below it? Asked of directories only; dear, so asked only where something lies below. */
  opaque(path: BytePath): boolean
  /** Extended attributes of the image; those in which the store keeps its own marks are left out. */
  xattrs(path: BytePath): ReadonlyMap<string, Uint8Array>
}
