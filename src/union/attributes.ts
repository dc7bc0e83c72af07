// What stat(2) shows of a merged node, and what changes it: owner, mode, times, size, extended attributes. Each change
// copies up first (fs/overlayfs/inode.c and xattrs.c); reading never does.

import { copyUp } from './copy-up.ts'
import { CAPABILITY, type UnionEntry, type UnionNode } from './entry.ts'
import { E } from './errno.ts'
import type { LayerNode } from './layer-view.ts'
import { changeNameless, namelessXattrs } from './nameless.ts'
import type { UnionTree } from './tree.ts'
import type { Attributes, XattrFlags } from './upper-layer.ts'

export interface UnionStatus extends LayerNode {
  readonly ino: bigint
  readonly nlink: number
  readonly atimeNs: bigint
  readonly ctimeNs: bigint
}

/** In which overlayfs and fuse-overlayfs keep their own records; nobody else may see or set them. */
const MARKS =
  /^(?:(?:trusted|user)\.overlay\.|user\.fuseoverlayfs\.|(?:user|trusted)\.containers\.override_stat$)/

export function status(tree: UnionTree, node: UnionNode): UnionStatus | number {
  const found = tree.layerStatus(node)
  if (typeof found === 'number') return found
  const { mtimeNs, hardlinkKey } = found
  // One by one: to spread the object costs more than the rest of a lookup.
  return {
    type: found.type,
    mode: found.mode,
    uid: found.uid,
    gid: found.gid,
    sizeBytes: found.directoryBytes ?? found.sizeBytes,
    blocks: found.blocks,
    mtimeNs,
    linkTarget: found.linkTarget,
    devMajor: found.devMajor,
    devMinor: found.devMinor,
    ino: node.ino,
    nlink: linkCount(tree, node, found),
    atimeNs: found.atimeNs ?? mtimeNs,
    ctimeNs: found.ctimeNs ?? mtimeNs,
    ...(hardlinkKey === undefined ? undefined : { hardlinkKey }),
  }
}

/** The subdirectories of several layers are not counted: 1 tells find(1) and its kin that nobody knows (ovl_getattr). */
export function linkCount(tree: UnionTree, node: UnionNode, found: LayerNode): number {
  if (node.type === 'directory' && tree.isMerged(node)) return 1
  // A lower layer's file keeps its count when it is removed (without index=on): it is still there.
  return found.nlink ?? (node.hasNames ? 1 : 0)
}

/** chmod, chown, utimes, truncate. @returns 0, -EROFS, -EISDIR or -EINVAL for a size, ... */
export function setAttributes(tree: UnionTree, entry: UnionEntry, attributes: Attributes): number {
  const { node } = entry
  const { sizeBytes } = attributes
  if (sizeBytes !== undefined) {
    if (node.type === 'directory') return -E.ISDIR
    if (node.type !== 'file' || sizeBytes < 0) return -E.INVAL
  }
  const copied = copyUp(tree, entry, { withoutContent: sizeBytes === 0 })
  if (copied < 0) return copied
  const result = changeOpen(node, attributes) ?? tree.upper!.setAttributes(entry.path, attributes)
  tree.touch(node)
  return result
}

/** By a descriptor that is there already: archivers set everything before they close. */
function changeOpen(node: UnionNode, attributes: Attributes): number | undefined {
  if (!node.isOpen) return undefined
  for (const { writable, body } of node.files()) {
    if (writable && body.setAttributes) return body.setAttributes(attributes)
  }
  return undefined
}

/** The same for a node that may have lost its last name while it is open. */
export function setNodeAttributes(
  tree: UnionTree,
  node: UnionNode,
  attributes: Attributes,
): number {
  const { entry } = node
  if (entry !== undefined) return setAttributes(tree, entry, attributes)
  const result = changeNameless(tree, node, (open) => open.setAttributes?.(attributes))
  if (result !== -E.STALE || node.remembered === undefined) return result
  node.remembered = { ...node.remembered, ...attributes }
  return 0
}

export function xattrs(tree: UnionTree, node: UnionNode): ReadonlyMap<string, Uint8Array> | number {
  if (!node.upper) return tree.lowers[node.lower!.layer]!.xattrs(node.lower!.path)
  const { entry } = node
  return entry === undefined ? namelessXattrs(node) : tree.upper!.xattrs(entry.path)
}

/** user.* belongs to files and directories (xattr_permission of fs/xattr.c): refused before anything is copied up. */
function refuseXattr(tree: UnionTree, { type }: UnionNode, name: string): number {
  if (tree.upper === undefined) return -E.ROFS
  if (MARKS.test(name)) return -E.OPNOTSUPP
  return name.startsWith('user.') && type !== 'file' && type !== 'directory' ? -E.PERM : 0
}

export function getXattr(tree: UnionTree, node: UnionNode, name: string): Uint8Array | number {
  if (name === CAPABILITY && node.lacksCapability) return -E.NODATA
  if (MARKS.test(name)) return -E.OPNOTSUPP
  const found = xattrs(tree, node)
  if (typeof found === 'number') return found
  const value = found.get(name)
  if (name === CAPABILITY && value === undefined) node.lacksCapability = true
  return value ?? -E.NODATA
}

/** @returns 0, -EOPNOTSUPP (the union's own records), -EEXIST, -ENODATA, ... */
export function setXattr(
  tree: UnionTree,
  node: UnionNode,
  name: string,
  value: Uint8Array,
  flags: XattrFlags = {},
): number {
  const refused = refuseXattr(tree, node, name)
  if (refused < 0) return refused
  const { entry } = node
  if (entry === undefined) {
    node.lacksCapability = node.lacksDefaultAcl = false
    return changeNameless(tree, node, (open) => open.setXattr?.(name, value, flags))
  }
  const copied = copyUp(tree, entry)
  if (copied < 0) return copied
  node.lacksCapability = node.lacksDefaultAcl = false
  const result = tree.upper!.setXattr(entry.path, name, value, flags)
  tree.touch(node)
  return result
}

export function removeXattr(tree: UnionTree, node: UnionNode, name: string): number {
  const refused = refuseXattr(tree, node, name)
  if (refused < 0) return refused
  // What is not there needs no copy to be missing in.
  const found = xattrs(tree, node)
  if (typeof found === 'number') return found
  if (!found.has(name)) return -E.NODATA
  const { entry } = node
  if (entry === undefined) return changeNameless(tree, node, (open) => open.removeXattr?.(name))
  const copied = copyUp(tree, entry)
  if (copied < 0) return copied
  const result = tree.upper!.removeXattr(entry.path, name)
  tree.touch(node)
  return result
}
