// From a path as a user or a program inside the image writes it to the node that it means: symlinks followed, `..` taken
// back, and never out of the image, since an absolute target or a `..` too many starts again at the image's root
// (path_resolution(7) under chroot). Lexical cleaning would be wrong here: `a/..` is the parent of what `a` points to.

import { NotFoundError } from '../errors.ts'
import { dirname, joinPath, pathText, type BytePath } from '../path/byte-path.ts'
import type { MergedNode, MergedView } from './merge.ts'

/** As the kernel: 40 links may be followed, the 41st is ELOOP. */
export const SYMLINKS_MAX = 40

export interface ResolveOptions {
  /** Follow a symlink in the last component (default true), as open does; false as lstat. A trailing slash follows anyway. */
  readonly followLast?: boolean
}

/**
 * @param path absolute or relative to the image's root; need not be clean
 * @throws NotFoundError ERR_PATH_NOT_FOUND with details path, at (the component that failed) and reason
 */
export function resolvePath(
  view: MergedView,
  path: BytePath,
  options: ResolveOptions = {},
): MergedNode {
  const followLast = options.followLast ?? true
  const pending = path.split('/').reverse()
  let hops = 0
  let current = view.lookup('' as BytePath)
  if (current === undefined) throw notFound(path, path, 'the image has no layers')
  while (pending.length > 0) {
    const part = pending.pop()!
    if (part === '' || part === '.') continue
    if (part === '..') {
      current = view.lookup(dirname(current.path))
    } else {
      const next = view.lookup(joinPath(current.path, part as BytePath))
      if (next === undefined) {
        throw notFound(path, joinPath(current.path, part as BytePath), 'there is no such file')
      }
      if (next.type === 'symlink' && (pending.length > 0 || followLast)) {
        if (hops++ >= SYMLINKS_MAX) {
          throw notFound(path, next.path, `more than ${SYMLINKS_MAX} symbolic links on the way`)
        }
        if (next.linkTarget === '') throw notFound(path, next.path, 'a symbolic link to nothing')
        pending.push(...next.linkTarget.split('/').reverse())
        if (next.linkTarget.startsWith('/')) current = view.lookup('' as BytePath)
      } else if (next.type !== 'directory' && pending.length > 0) {
        throw notFound(path, next.path, 'it is not a directory')
      } else {
        current = next
      }
    }
    if (current === undefined) throw notFound(path, path, 'it went away while it was read')
  }
  return current
}

function notFound(path: BytePath, at: BytePath, reason: string): NotFoundError {
  const shown = `/${pathText(path).replace(/^\/+/, '')}`
  const failed = `/${pathText(at)}`
  const where = failed === shown ? reason : `${failed}: ${reason}`
  return new NotFoundError('ERR_PATH_NOT_FOUND', `cannot find ${shown} in the image: ${where}`, {
    details: { path: shown, at: failed, reason },
  })
}
