// What the copy-on-write rules ask of the layers: of each, its files' bytes; of the upper one, also to change. An upper
// layer carries single steps out (make, link, rename, remove), each as one, and knows no rule: what must be whited out,
// opaque or copied up is decided in this folder, so that memory and disk cannot differ in it.
//
// Every call answers with its result or with a negative errno. Paths are clean; the parent directory of whatever is made
// is in the upper layer already.

import type { BytePath } from '../path/byte-path.ts'
import type { LayerNode, LayerView, NodeType } from './layer-view.ts'

/** An open regular file: of any layer for reading. */
export interface FileBody {
  /** The host's file descriptor, where there is one: bytes can then go by way of the kernel. */
  readonly fd?: number
  /** @returns bytes read, 0 at the end */
  read(into: Uint8Array, offset: number): number
  status(): LayerNode | number
  close(): void
  /** Of the upper layer: until its bytes are on the disk, whoever wrote them and whatever this one is open for. */
  sync?(dataOnly: boolean): number
  // Of the upper layer, for a file whose last name is gone:
  setAttributes?(attributes: Attributes): number
  /** Once more, for reading or also for writing, whatever this one is open for. */
  reopen?(write: boolean): WritableBody | number
  xattrs?(): ReadonlyMap<string, Uint8Array> | number
  setXattr?(name: string, value: Uint8Array, flags?: XattrFlags): number
  removeXattr?(name: string): number
}

/** Of the upper layer, and open for writing; goes on after its last name is gone. */
export interface WritableBody extends FileBody {
  /** All of `bytes`, or a negative errno. */
  write(bytes: Uint8Array, offset: number): number
  truncate(sizeBytes: number): number
}

export interface ReadableLayer extends LayerView {
  /** Layers with one value here have one space of inode numbers. */
  readonly fileSystem: string
  /** A regular file for reading. */
  openBody(path: BytePath): FileBody | number
}

/** What is to be changed; an absent field stays as it is. */
export interface Attributes {
  /** The low 12 bits. */
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
  readonly sizeBytes?: number
  readonly atimeNs?: bigint
  readonly mtimeNs?: bigint
}

export interface NewNode {
  readonly type: NodeType
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly linkTarget?: BytePath
  readonly devMajor?: number
  readonly devMinor?: number
  /** Absent: now. */
  readonly atimeNs?: bigint
  readonly mtimeNs?: bigint
  readonly xattrs?: ReadonlyMap<string, Uint8Array>
  /** Of a regular file; absent: empty. */
  readonly content?: { readonly body: FileBody; readonly sizeBytes: number }
  /** A directory that hides what lies below. */
  readonly opaque?: boolean
}

export interface RenameOptions {
  /** Both names are there and change places. */
  readonly exchange?: boolean
  /** The old name is removed, not only moved: something of that name lies below. */
  readonly whiteout?: boolean
  /** `from` is no directory: nothing need be looked up to know what is in the way. */
  readonly isFile?: boolean
}

/** A new file that is open. */
export interface OpenNode {
  readonly body: WritableBody
  readonly status: LayerNode
}

export interface UpperLayer extends ReadableLayer {
  /** POSIX ACLs: what has nowhere to keep them gives a directory's default ACL to nothing. */
  readonly keepsAcls: boolean
  /**
   * Files for writing, too, where `write`.
   * @param appends only at the end, whatever the offset: what the disk lets be written only so is open then
   */
  openBody(path: BytePath, write?: false): FileBody | number
  openBody(path: BytePath, write: true, appends?: boolean): WritableBody | number
  /**
   * Of a directory that this layer has and that was changed: asked for after each new name in it. Absent where `lookup`
   * costs as little.
   */
  directoryStatus?(path: BytePath): LayerNode | undefined
  /** Complete or not at all; a whiteout of that name is replaced. */
  make(path: BytePath, node: NewNode): number
  /**
   * A regular file, and open for writing at once; absent where it costs as much as `make` and `openBody`.
   * @param dir and the name in it apart: what is made most is not put together to be taken apart again
   */
  makeOpen?(dir: BytePath, name: BytePath, node: NewNode): OpenNode | number
  /** A regular file without a name, in that directory's file system; absent where there is no such thing. */
  makeNameless?(directory: BytePath, node: NewNode): OpenNode | number
  /** Its first name; a whiteout there is replaced. */
  linkOpen?(body: FileBody, to: BytePath): number
  /** Another name for the same file; a whiteout there is replaced. */
  link(from: BytePath, to: BytePath): number
  /**
   * Replaces what is at `to`: a whiteout, a file, or a directory in which only marks are left. All that `from` was,
   * it is at `to`.
   */
  rename(from: BytePath, to: BytePath, options?: RenameOptions): number
  /** A file, or a directory in which only marks are left. With `whiteout`, or where there was nothing, leaves one. */
  remove(path: BytePath, options: { readonly whiteout: boolean }): number
  setOpaque(path: BytePath): number
  setAttributes(path: BytePath, attributes: Attributes): number
  setXattr(path: BytePath, name: string, value: Uint8Array, flags?: XattrFlags): number
  removeXattr(path: BytePath, name: string): number
  /** Names that this layer's own marks have on disk: they cannot be made. */
  reservesName(name: BytePath): boolean
  /** Everything written so far, on the disk. */
  sync(): number
  close(): void
}

/** XATTR_CREATE and XATTR_REPLACE of setxattr(2). */
export interface XattrFlags {
  readonly create?: boolean
  readonly replace?: boolean
}
