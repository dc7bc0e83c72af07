// What a FUSE server is told: from the process that mounts to the server's, and on to its thread.

import type { DiskForm } from '../disk-form.ts'
import type { UpperNames } from '../upper/work-directory.ts'
import type { OwnerMapping } from './owner-map.ts'

export interface FuseConfig {
  /** Real path of the mount point. */
  readonly target: string
  /** The topmost layer's directory: mount tables show it, and `umount` knows the mount by it. */
  readonly source: string
  readonly form: DiskForm
  /** Nearest first. */
  readonly lowers: readonly string[]
  /** In the lower layers: see DirectoryLayerOptions. */
  readonly whiteoutNames?: boolean
  /** Absent: read-only. */
  readonly upper?: UpperNames & { readonly called?: UpperNames }
  /** By mount(2) as root, else by fusermount3. */
  readonly asRoot: boolean
  /** Others than the caller may look. */
  readonly forOthers: boolean
  /** The kernel asks owner and mode of each file; else the caller may do everything. */
  readonly checked: boolean
  /** nosuid, noatime and the like. */
  readonly flags?: readonly string[]
  /** fsync(2) is taken back at once, and nothing is flushed at the end: as overlay's option of that name. */
  readonly volatile?: boolean
  /** Whom files are shown as belonging to. Absent: to whom they do. */
  readonly owners?: OwnerMapping
}

export interface FuseWorkerData {
  readonly config: FuseConfig
  /** /dev/fuse, open and mounted. */
  readonly device: number
}
