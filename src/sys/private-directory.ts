// A directory as it lies on its own file system, with nothing mounted in it, now or later: as the kernel's overlay takes
// its layers (clone_private_mount of fs/namespace.c). Else a server that looks into the place of its own mount waits for
// itself, and what others mount below a layer would be shown in it.

import { AT_FDCWD } from './file-calls.ts'
import { SYS, cText, checked, libc } from './libc.ts'

const OPEN_TREE_CLONE = 1
const OPEN_TREE_CLOEXEC = 0o2000000

/**
 * @returns a descriptor by which paths below it are found (`/proc/self/fd/N/...`), to be kept as long as they are used;
 *   -EPERM for whoever may not mount, -EINVAL where others' mounts are locked in it, -ENOSYS before Linux 5.2
 */
export function openPrivately(directory: string): number {
  const path = cText(directory)
  return checked(libc().openTree(SYS.openTree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC))
}
