// How an ordinary user's FUSE mount must be made to serve as a container's root: with the numbers that the container's
// user namespace maps, and open to the container's other users where fusermount3 grants that.
// What the kernel asks (fs/fuse/dir.c, fuse_allow_current_process): each ID of the process is the mounter's, or the mount
// has allow_other and the process's user namespace lies in the mount's. The container's root is the mounter.

import type { MountFuseOptions } from '../view/fuse/mount-fuse.ts'
import type { IDRange } from '../view/fuse/owner-map.ts'
import type { IDMapping, UserMappings } from './bundle-spec.ts'
import type { ProcessUser } from './bundle-user.ts'

export type ServedRoot = Pick<MountFuseOptions, 'owners' | 'forOthers' | 'checked'>

/** @param forOthers whether fusermount3 grants allow_other; then the kernel holds everybody to owners and modes */
export function servedRoot({ uids, gids }: UserMappings, forOthers: boolean): ServedRoot {
  return {
    owners: { uids: uids.map(shownAs), gids: gids.map(shownAs) },
    forOthers,
    checked: forOthers,
  }
}

/** What the image calls `containerID` is `hostID` out here, and that again inside of the namespace. */
function shownAs({ containerID, hostID, size }: IDMapping): IDRange {
  return { disk: containerID, shown: hostID, count: size }
}

export interface ShutOut {
  /** The first program itself: such a container cannot be started. */
  readonly starts: boolean
  readonly reason: string
}

/** Why a container cannot start as its user, however its root is shown; undefined where it can. */
export function unmapped({ uids, gids }: UserMappings, user: ProcessUser): string | undefined {
  const has = (ranges: readonly IDMapping[], id: number): boolean =>
    ranges.some(({ containerID, size }) => id >= containerID && id < containerID + size)
  if (has(uids, user.uid) && has(gids, user.gid)) return undefined
  return `the container starts as user ${user.uid}:${user.gid}, and this user may map no such IDs: that takes newuidmap, newgidmap, and ranges in /etc/subuid and /etc/subgid`
}

/** Who of a container could not look at its own root; undefined where everybody can. */
export function shutOut(
  { uids, gids }: UserMappings,
  user: ProcessUser,
  forOthers: boolean,
): ShutOut | undefined {
  if (forOthers) return undefined
  const isRoot = user.uid === 0 && user.gid === 0
  const isAlone = uids.length === 1 && gids.length === 1
  if (isAlone) return undefined
  const who = isRoot ? 'users other than root' : `user ${user.uid}:${user.gid}, as whom it starts,`
  const reason = `${who} could not look at the container's root: a FUSE mount is for its mounter alone (allow_other), unless /etc/fuse.conf says user_allow_other`
  return { starts: !isRoot, reason }
}
