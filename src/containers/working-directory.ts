// The directory that a container starts in: made at its creation where the image has none, as docker does, through
// links that lead inside the image and never out of it.

import { LimitError } from '../errors.ts'
import { cleanPath, dirname, joinPath, pathFromText, type BytePath } from '../path/byte-path.ts'
import type { MergedView } from '../union/merge.ts'
import { SYMLINKS_MAX } from '../union/resolve.ts'
import type { WritableTree } from '../view/writable-tree.ts'

/** @throws ConflictError ERR_DESTINATION_EXISTS where something else is there */
export function makeWorkingDirectory(tree: WritableTree, directory: string): void {
  if (directory !== '') tree.makeDirectories(inScope(tree.view, pathFromText(directory)))
}

/** Where a path leads with `view` as root, although its end may not exist yet: moby pkg/symlink.FollowSymlinkInScope. */
export function inScope(view: MergedView, path: BytePath): BytePath {
  const pending = cleanPath(path).path.split('/').reverse()
  let current = '' as BytePath
  let followed = 0
  while (pending.length > 0) {
    const part = pending.pop()!
    if (part === '' || part === '.') continue
    if (part === '..') {
      current = dirname(current)
      continue
    }
    const next = joinPath(current, part as BytePath)
    const node = view.lookup(next)
    if (node?.type !== 'symlink') {
      current = next
      continue
    }
    if (++followed > SYMLINKS_MAX) {
      throw new LimitError(
        'ERR_PATH_MAX',
        `cannot follow /${path} in the image: more than ${SYMLINKS_MAX} symbolic links on the way`,
        { details: { path: `/${path}`, limit: SYMLINKS_MAX } },
      )
    }
    pending.push(...node.linkTarget.split('/').reverse())
    if (node.linkTarget.startsWith('/')) current = '' as BytePath
  }
  return current
}
