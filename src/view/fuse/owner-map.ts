// Owners as a FUSE mount shows them, where those on disk are not what its users are to see: fuse-overlayfs's uidmapping,
// gidmapping and squash_to_*. Arithmetic on numbers; what they are written into, and who asks, is not known here.

/** Of `count` IDs in a row: the first as it is on disk, and as it is shown. */
export interface IDRange {
  readonly disk: number
  readonly shown: number
  readonly count: number
}

export interface OwnerMapping {
  /** Absent: as they are. What is in none of them is shown as nobody, and cannot be written. */
  readonly uids?: readonly IDRange[]
  readonly gids?: readonly IDRange[]
  /** Everybody is shown as this one; what is written keeps its owner. */
  readonly squashUid?: number
  readonly squashGid?: number
  /** What this user makes is root's of the tree, as in a user namespace of theirs, or in a merge that is folded back. */
  readonly rootUid?: number
}

/** The kernel's overflowuid and overflowgid. */
const NOBODY = 65534

export class OwnerMap {
  readonly #mapping: OwnerMapping

  constructor(mapping: OwnerMapping) {
    this.#mapping = mapping
  }

  shownUid(disk: number): number {
    return this.#mapping.squashUid ?? shown(this.#mapping.uids, disk)
  }

  shownGid(disk: number): number {
    return this.#mapping.squashGid ?? shown(this.#mapping.gids, disk)
  }

  /** Whose the files of a maker are on disk. @returns undefined as below */
  creator(uid: number, gid: number): { uid: number; gid: number } | undefined {
    if (uid === this.#mapping.rootUid) return { uid: 0, gid: 0 }
    const onDisk = { uid: this.diskUid(uid), gid: this.diskGid(gid) }
    return onDisk.uid === undefined || onDisk.gid === undefined
      ? undefined
      : { uid: onDisk.uid, gid: onDisk.gid }
  }

  /** undefined: no file on this disk can be that one's. */
  diskUid(uid: number): number | undefined {
    return disk(this.#mapping.uids, uid)
  }

  diskGid(gid: number): number | undefined {
    return disk(this.#mapping.gids, gid)
  }
}

function shown(ranges: readonly IDRange[] | undefined, id: number): number {
  if (ranges === undefined) return id
  const range = ranges.find(({ disk: first, count }) => id >= first && id < first + count)
  return range === undefined ? NOBODY : id - range.disk + range.shown
}

function disk(ranges: readonly IDRange[] | undefined, id: number): number | undefined {
  if (ranges === undefined) return id
  const range = ranges.find(({ shown: first, count }) => id >= first && id < first + count)
  return range && id - range.shown + range.disk
}
