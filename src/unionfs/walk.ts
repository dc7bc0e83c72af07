// From a path to a name in the merged tree, as path_resolution(7) has it under chroot: symlinks followed, never out of
// the tree. Answers with the directory and the name even where nothing is there yet: whoever creates needs both.

import type { BytePath } from '../path/byte-path.ts'
import type { UnionEntry } from '../union/entry.ts'
import { E } from '../union/errno.ts'
import type { UnionTree } from '../union/tree.ts'

/** As the kernel: 40 links may be followed, the 41st is ELOOP. */
const SYMLINKS_MAX = 40
/** Without the NUL that ends it. */
export const PATH_BYTES_MAX = 4095

export interface Walked {
  /** Of the last component; the root's is the root. */
  readonly dir: UnionEntry
  /** '' for the root, `.` or `..` where the path ends so. */
  readonly name: BytePath
  readonly entry: UnionEntry | undefined
  /** The path ends in a slash: only a directory will do. */
  readonly wantsDirectory: boolean
}

/**
 * The name itself, for calls that make, move or remove it: no link in its place is followed, and what a slash behind it
 * means is for the call to say (filename_create and filename_parentat of fs/namei.c).
 */
export function walkToName(tree: UnionTree, path: BytePath): Walked | number {
  return resolve(tree, path, 'name')
}

/** @returns -ENOENT where a directory on the way is missing, -ENOTDIR, -ELOOP, -ENAMETOOLONG */
export function walk(tree: UnionTree, path: BytePath, followLast: boolean): Walked | number {
  return resolve(tree, path, followLast ? 'target' : 'entry')
}

function resolve(
  tree: UnionTree,
  path: BytePath,
  want: 'target' | 'entry' | 'name',
): Walked | number {
  if (path === '') return -E.NOENT
  if (path.length > PATH_BYTES_MAX) return -E.NAMETOOLONG
  const { root } = tree
  const pending = path.split('/').reverse()
  const wantsDirectory = path.endsWith('/')
  let links = 0
  let dir = root
  let at: UnionEntry = root
  let name = '' as BytePath
  while (pending.length > 0) {
    const part = pending.pop()! as BytePath
    if (part === '') continue
    if (at.node.type !== 'directory') return -E.NOTDIR
    if (part === '.' || part === '..') {
      if (part === '..') at = at.parent ?? root
      dir = at.parent ?? root
      name = part
      continue
    }
    const isLast = pending.every((rest) => rest === '')
    const found = tree.lookup(at, part)
    dir = at
    name = part
    if (typeof found === 'number') {
      if (found === -E.NOENT && isLast) {
        return { dir, name, entry: undefined, wantsDirectory: wantsDirectory || pending.length > 0 }
      }
      return found
    }
    const follows = want === 'target' || (want === 'entry' && pending.length > 0)
    if (found.node.type === 'symlink' && (!isLast || follows)) {
      if (links++ >= SYMLINKS_MAX) return -E.LOOP
      const status = tree.layerStatus(found.node)
      if (typeof status === 'number') return status
      const { linkTarget } = status
      if (linkTarget === '') return -E.NOENT
      pending.push(...linkTarget.split('/').reverse())
      if (linkTarget.startsWith('/')) at = root
      // Until the target is walked the link itself is what is here: its directory.
      continue
    }
    at = found
  }
  if (wantsDirectory && want !== 'name' && at.node.type !== 'directory') return -E.NOTDIR
  return { dir, name, entry: at, wantsDirectory }
}
