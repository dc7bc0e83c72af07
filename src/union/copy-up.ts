// Copy-up: a file or directory of a lower layer comes into the upper one, so that it can be changed there
// (Documentation/filesystems/overlayfs.rst, "Non-directories"; fs/overlayfs/copy_up.c). Parents come first, with the
// lower's owner, mode, times and attributes; a directory brings its attributes and nothing of its content.
// What is changed afterwards is not known here.

import { CAPABILITY, type UnionEntry } from './entry.ts'
import { E } from './errno.ts'
import type { UnionTree } from './tree.ts'
import type { FileBody, NewNode, OpenNode, WritableBody } from './upper-layer.ts'

export interface CopyUpOptions {
  /** Of a file that is truncated next: its bytes need not be copied (O_TRUNC, truncate to 0). */
  readonly withoutContent?: boolean
  /** Who writes to the file next: takes the copy open, where the upper layer has it so in one go. Closes it. */
  readonly takeOpen?: (body: WritableBody) => void
}

const WHOLE: CopyUpOptions = {}

/** @returns 0, -EROFS without an upper layer, -ENOENT for a removed name; what the layers fail with */
export function copyUp(tree: UnionTree, entry: UnionEntry, options: CopyUpOptions = WHOLE): number {
  if (tree.upper === undefined) return -E.ROFS
  if (entry.node.upper) return entry.isRemoved ? -E.NOENT : 0
  const way: UnionEntry[] = []
  for (let at: UnionEntry | undefined = entry; at !== undefined && !at.node.upper; at = at.parent) {
    if (at.isRemoved) return -E.NOENT
    way.push(at)
  }
  for (const each of way.reverse()) {
    const result = copyOne(tree, each, each === entry ? options : WHOLE)
    if (result < 0) return result
  }
  return 0
}

function copyOne(tree: UnionTree, entry: UnionEntry, options: CopyUpOptions): number {
  const { path, parent } = entry
  const upper = tree.upper!
  const lower = entry.node.lower!
  const layer = tree.lowers[lower.layer]!
  const before = parent === undefined ? undefined : tree.layerStatus(parent.node)
  const xattrs = layer.xattrs(path)
  const hasContent = lower.type === 'file' && !options.withoutContent && lower.sizeBytes > 0
  let body: FileBody | undefined
  if (hasContent) {
    const opened = layer.openBody(path)
    if (typeof opened === 'number') return opened
    body = opened
  }
  const take = lower.type === 'file' && upper.makeOpen ? options.takeOpen : undefined
  let result: OpenNode | number
  try {
    const node: NewNode = {
      type: lower.type,
      mode: lower.mode,
      uid: lower.uid,
      gid: lower.gid,
      linkTarget: lower.linkTarget,
      devMajor: lower.devMajor,
      devMinor: lower.devMinor,
      atimeNs: lower.atimeNs ?? lower.mtimeNs,
      mtimeNs: lower.mtimeNs,
      xattrs,
      ...(body === undefined ? {} : { content: { body, sizeBytes: lower.sizeBytes } }),
    }
    result = take ? upper.makeOpen!(parent!.path, entry.name, node) : upper.make(path, node)
  } finally {
    body?.close()
  }
  const made = typeof result === 'number' ? undefined : result
  if (made) take?.(made.body)
  else if (result !== 0) return result as number
  const copied = tree.copiedUp(entry, made?.status)
  if (!xattrs.has(CAPABILITY)) entry.node.lacksCapability = true
  // A copy-up is no change of the parent: the kernel gives it its times back, too, if it can (ovl_link_up).
  if (parent !== undefined && before !== undefined && typeof before !== 'number') {
    const { atimeNs, mtimeNs } = before
    upper.setAttributes(parent.path, { atimeNs: atimeNs ?? mtimeNs, mtimeNs })
    tree.touch(parent.node)
  }
  return copied
}
