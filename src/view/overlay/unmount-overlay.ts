// Takes away what show-overlay.ts showed. A mount is found in the kernel's table, a merge in the records.

import { NotFoundError } from '../../errors.ts'
import { listMounts } from '../../sys/mount-table.ts'
import { closeMerge, findMerge } from '../close-merge.ts'
import { FUSE_TYPE } from '../fuse/mount-fuse.ts'
import { realPath, unmountTarget } from '../mount-list.ts'

export interface UnmountedOverlay {
  /** Real path. */
  readonly target: string
  readonly view: 'kernel' | 'fuse' | 'merge'
}

/**
 * @param merges as showOverlay was given them
 * @throws NotFoundError ERR_MOUNT_NOT_FOUND; HostError (EBUSY: somebody is in it)
 */
export async function unmountOverlay(merges: string, directory: string): Promise<UnmountedOverlay> {
  const target = realPath(directory)
  const mount = listMounts().findLast((each) => each.target === target)
  if (mount?.type === FUSE_TYPE || mount?.type === 'overlay') {
    unmountTarget(target)
    return { target, view: mount?.type === FUSE_TYPE ? 'fuse' : 'kernel' }
  }
  const record = findMerge(merges, target, 'directories')
  if (record === undefined) {
    throw new NotFoundError(
      'ERR_MOUNT_NOT_FOUND',
      `cannot unmount ${directory}: no union of directories is shown there`,
      { details: { path: directory } },
    )
  }
  await closeMerge(merges, record)
  return { target, view: 'merge' }
}
