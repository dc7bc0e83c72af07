// A name is taken away: a whiteout stays where something of that name lies below, and nothing where it does not
// (fs/overlayfs/dir.c, ovl_do_remove). A directory must be empty as merged, whatever marks it holds.

import { joinPath, type BytePath } from '../path/byte-path.ts'
import { copyUp } from './copy-up.ts'
import type { UnionEntry } from './entry.ts'
import { E } from './errno.ts'
import type { UnionTree } from './tree.ts'

/** unlink(2). @returns 0, -ENOENT, -EISDIR, -EROFS ... */
export function unlink(tree: UnionTree, dir: UnionEntry, name: BytePath): number {
  if (tree.upper === undefined) return -E.ROFS
  const entry = tree.lookup(dir, name)
  if (typeof entry === 'number') return entry
  if (entry.node.type === 'directory') return -E.ISDIR
  return remove(tree, dir, entry)
}

/** rmdir(2). @returns 0, -ENOENT, -ENOTDIR, -ENOTEMPTY, -EROFS ... */
export function removeDirectory(tree: UnionTree, dir: UnionEntry, name: BytePath): number {
  if (tree.upper === undefined) return -E.ROFS
  if (name === '.') return -E.INVAL
  if (name === '..') return -E.NOTEMPTY
  const entry = tree.lookup(dir, name)
  if (typeof entry === 'number') return entry
  if (entry.node.type !== 'directory') return -E.NOTDIR
  if (!tree.isEmpty(entry)) return -E.NOTEMPTY
  return remove(tree, dir, entry)
}

function remove(tree: UnionTree, dir: UnionEntry, entry: UnionEntry): number {
  const { name, node } = entry
  // What is not in the upper layer was found below.
  const whiteout = !node.upper || tree.hasBelow(dir, name)
  const copied = copyUp(tree, dir)
  if (copied < 0) return copied
  const last = tree.parting(node)
  if (typeof last === 'number' && node.isOpen) return last
  const removed = tree.upper!.remove(joinPath(dir.path, name), { whiteout })
  if (removed < 0) return removed
  tree.touch(dir.node)
  tree.removed(entry, last)
  return 0
}
