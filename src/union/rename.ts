// rename(2) and renameat2(2) in a merge (fs/overlayfs/dir.c, ovl_rename): a file is copied up, moved, and leaves a
// whiteout where something of its name lies below; a directory with a lower part cannot move, since its content would
// have to be copied or redirected, and EXDEV tells mv(1) to copy it.
// The order of refusals is the kernel's (fs/namei.c, do_renameat2 and vfs_rename), so that the same mistake is the same
// errno.

import { joinPath, type BytePath } from '../path/byte-path.ts'
import { copyUp } from './copy-up.ts'
import { refuseName } from './create.ts'
import type { UnionEntry } from './entry.ts'
import { E } from './errno.ts'
import type { UnionTree } from './tree.ts'

export interface RenameFlags {
  /** RENAME_NOREPLACE: EEXIST where the new name is taken. */
  readonly noReplace?: boolean
  /** RENAME_EXCHANGE: both names change places. */
  readonly exchange?: boolean
}

export interface Name {
  readonly dir: UnionEntry
  readonly name: BytePath
}

/** @returns 0, or -ENOENT, -EEXIST, -EINVAL, -ENOTDIR, -EISDIR, -ENOTEMPTY, -EXDEV, -EROFS ... */
export function rename(tree: UnionTree, from: Name, to: Name, flags: RenameFlags = {}): number {
  if (flags.noReplace && flags.exchange) return -E.INVAL
  if (tree.upper === undefined) return -E.ROFS
  const isDot = (name: BytePath): boolean => name === '' || name === '.' || name === '..'
  if (isDot(from.name) || isDot(to.name)) return flags.noReplace ? -E.EXIST : -E.BUSY
  const source = tree.lookup(from.dir, from.name)
  if (typeof source === 'number') return source
  const found = tree.lookup(to.dir, to.name)
  if (typeof found === 'number' && found !== -E.NOENT) return found
  const target = typeof found === 'number' ? undefined : found
  if (target === undefined) {
    if (flags.exchange) return -E.NOENT
    const refused = refuseName(tree, to.name)
    if (refused < 0) return refused
  } else if (flags.noReplace) {
    return -E.EXIST
  }
  if (to.dir.isWithin(source)) return -E.INVAL
  if (target !== undefined && from.dir.isWithin(target)) {
    return flags.exchange ? -E.INVAL : -E.NOTEMPTY
  }
  if (target?.node === source.node) return 0
  const refused = refuseTypes(tree, source, target, flags)
  if (refused < 0) return refused
  return flags.exchange && target !== undefined
    ? exchange(tree, from, to, source, target)
    : move(tree, from, to, source, target)
}

function refuseTypes(
  tree: UnionTree,
  source: UnionEntry,
  target: UnionEntry | undefined,
  flags: RenameFlags,
): number {
  const isDirectory = source.node.type === 'directory'
  const ontoDirectory = target?.node.type === 'directory'
  if (target !== undefined && !flags.exchange) {
    if (isDirectory && !ontoDirectory) return -E.NOTDIR
    if (!isDirectory && ontoDirectory) return -E.ISDIR
  }
  if (isDirectory && hasLowerPart(source)) return -E.XDEV
  if (flags.exchange && target !== undefined && ontoDirectory && hasLowerPart(target)) {
    return -E.XDEV
  }
  if (ontoDirectory && !flags.exchange && !tree.isEmpty(target)) return -E.NOTEMPTY
  return 0
}

/** Merged with a lower directory, or one of a lower layer alone (OVL_TYPE_MERGE_OR_LOWER). */
function hasLowerPart(entry: UnionEntry): boolean {
  return !entry.node.upper || entry.node.mergesLower
}

function move(
  tree: UnionTree,
  from: Name,
  to: Name,
  source: UnionEntry,
  target: UnionEntry | undefined,
): number {
  const upper = tree.upper!
  const copied = copyUpAll(tree, source, from.dir, to.dir)
  if (copied < 0) return copied
  // Below the new name something may lie, which this directory must not show as its own.
  const hidden = source.node.type === 'directory' ? hideBelow(tree, source, to.dir) : 0
  if (hidden < 0) return hidden
  const whiteout = tree.hasBelow(from.dir, from.name)
  const isFile = source.node.type !== 'directory'
  const newPath = joinPath(to.dir.path, to.name)
  const last = target === undefined ? -E.NOENT : tree.parting(target.node)
  if (typeof last === 'number' && target?.node.isOpen) return last
  const settle = unsettle(tree, from, to)
  const moved = upper.rename(source.path, newPath, { whiteout, isFile })
  if (moved < 0) return moved
  if (target !== undefined) {
    tree.touch(target.node)
    tree.removed(target, last)
  }
  tree.move(source, to.dir, to.name)
  tree.touch(from.dir.node)
  tree.touch(to.dir.node)
  settle()
  return 0
}

function exchange(
  tree: UnionTree,
  from: Name,
  to: Name,
  source: UnionEntry,
  target: UnionEntry,
): number {
  const copied = copyUpAll(tree, source, target, from.dir, to.dir)
  if (copied < 0) return copied
  for (const [entry, dir] of [
    [source, to.dir],
    [target, from.dir],
  ] as const) {
    const hidden = entry.node.type === 'directory' ? hideBelow(tree, entry, dir) : 0
    if (hidden < 0) return hidden
  }
  const settle = unsettle(tree, from, to)
  const swapped = tree.upper!.rename(source.path, target.path, { exchange: true })
  if (swapped < 0) return swapped
  tree.move(source, to.dir, to.name)
  tree.move(target, from.dir, from.name)
  tree.touch(from.dir.node)
  tree.touch(to.dir.node)
  settle()
  return 0
}

/** @returns for when both names are what they shall be */
function unsettle(tree: UnionTree, from: Name, to: Name): () => void {
  const wasFromWhole = tree.unsettle(from.dir, from.name)
  const wasToWhole = tree.unsettle(to.dir, to.name)
  return () => {
    // In this order: of one directory the first answer is the true one.
    to.dir.isWhole = wasToWhole
    from.dir.isWhole = wasFromWhole
  }
}

function copyUpAll(tree: UnionTree, ...entries: readonly UnionEntry[]): number {
  for (const entry of entries) {
    const result = copyUp(tree, entry)
    if (result < 0) return result
  }
  return 0
}

/** As the kernel, which does it for each directory that moves into a merged one. */
function hideBelow(tree: UnionTree, entry: UnionEntry, dir: UnionEntry): number {
  if (!dir.node.mergesLower || tree.upper!.opaque(entry.path)) return 0
  return tree.upper!.setOpaque(entry.path)
}
