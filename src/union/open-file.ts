// An open regular file of the merge. Opening for reading never copies up; opening for writing does, whether anything is
// written or not (fs/overlayfs/file.c, ovl_open). A file that was opened in a lower layer and is copied up by somebody
// else reads on in the upper one (ovl_real_fdget), and a removed one lives on until it is closed.

import { copyUp } from './copy-up.ts'
import type { UnionEntry, UnionNode } from './entry.ts'
import { E } from './errno.ts'
import type { LayerNode } from './layer-view.ts'
import type { UnionTree } from './tree.ts'
import type { FileBody, WritableBody } from './upper-layer.ts'

export interface OpenMode {
  readonly write: boolean
  /** O_TRUNC. */
  readonly truncate?: boolean
  /** O_APPEND. */
  readonly appends?: boolean
}

/** @returns -EISDIR, -EROFS, -ELOOP for a symlink, -EINVAL for what has no content, ... */
export function openFile(tree: UnionTree, entry: UnionEntry, mode: OpenMode): OpenFile | number {
  const { node } = entry
  const changes = mode.write || mode.truncate === true
  if (node.type === 'directory') return changes ? -E.ISDIR : -E.INVAL
  if (node.type === 'symlink') return -E.LOOP
  if (node.type !== 'file') return -E.INVAL
  let taken: WritableBody | undefined
  if (changes) {
    const takeOpen = (body: WritableBody): void => void (taken = body)
    const withoutContent = mode.truncate === true
    const copied = copyUp(tree, entry, { withoutContent, ...(mode.write ? { takeOpen } : {}) })
    if (copied < 0) {
      taken?.close()
      return copied
    }
  }
  const body = taken ?? open(tree, entry, mode)
  if (typeof body === 'number') return body
  if (mode.truncate) {
    const truncated = mode.write
      ? (body as WritableBody).truncate(0)
      : tree.upper!.setAttributes(entry.path, { sizeBytes: 0 })
    if (truncated < 0) {
      body.close()
      return truncated
    }
    tree.touch(node)
  }
  return new OpenFile(tree, node, body, mode.write)
}

function open(tree: UnionTree, entry: UnionEntry, mode: OpenMode): FileBody | number {
  const { path, node } = entry
  if (mode.write) return tree.upper!.openBody(path, true, mode.appends)
  return node.upper ? tree.upper!.openBody(path) : tree.lowers[node.lower!.layer]!.openBody(path)
}

export class OpenFile {
  readonly node: UnionNode
  readonly writable: boolean
  readonly #tree: UnionTree
  #body: FileBody
  #fromUpper: boolean
  #closed = false

  constructor(tree: UnionTree, node: UnionNode, body: FileBody, writable: boolean) {
    this.#tree = tree
    this.node = node
    this.#body = body
    this.writable = writable
    this.#fromUpper = node.upper
    node.addFile(this)
    node.remembered = undefined
  }

  /** What it reads from now; another one after a copy-up. */
  get body(): FileBody {
    this.settle()
    return this.#body
  }

  /**
   * The upper layer's file from now on, if it was copied up.
   * @returns a negative errno where it cannot be had now (out of descriptors, perhaps): it is still the lower one
   */
  settle(): number {
    if (this.#fromUpper || !this.node.upper) return 0
    const { entry } = this.node
    const body = entry === undefined ? -E.STALE : open(this.#tree, entry, { write: false })
    if (typeof body === 'number') return body
    this.#fromUpper = true
    this.#body.close()
    this.#body = body
    return 0
  }

  read(into: Uint8Array, offset: number): number {
    return this.#closed ? -E.BADF : this.body.read(into, offset)
  }

  /** All of `bytes`, or a negative errno. */
  write(bytes: Uint8Array, offset: number): number {
    const body = this.#writable
    return typeof body === 'number' ? body : body.write(bytes, offset)
  }

  truncate(sizeBytes: number): number {
    const body = this.#writable
    if (typeof body === 'number') return body === -E.BADF ? -E.INVAL : body
    return body.truncate(sizeBytes)
  }

  /** Also of one that is open for reading: what somebody else wrote (ovl_fsync). Nothing to do for a lower layer's. */
  sync(dataOnly = false): number {
    if (this.#closed) return -E.BADF
    return this.node.upper ? (this.body.sync?.(dataOnly) ?? 0) : 0
  }

  status(): LayerNode | number {
    return this.#closed ? -E.BADF : this.body.status()
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.node.removeFile(this)
    this.node.remembered = undefined
    this.#body.close()
  }

  get #writable(): WritableBody | number {
    return this.#closed || !this.writable ? -E.BADF : (this.#body as WritableBody)
  }
}
