// A driver keeps directories, keyed by cacheID, that the kernel can stack (overlay2) or that are whole trees (vfs).
// It never hears of chainIDs, images or names: whoever registers a layer says which cacheID it sits on.
//
// A layer comes to be in three steps: `create` makes the empty directory and ties it to its parent; the caller applies
// the layer's tar into `begin().directory` (any number of layers at the same time, if `independent`); `finish` settles
// what only the parent can answer. Until the store publishes the cacheID, `remove` undoes all of it.

import type { CacheID } from '../digest/digest.ts'
import type { BytePath } from '../path/byte-path.ts'

export type DriverName = 'overlay2' | 'vfs'

/**
 * How ownership, devices, whiteouts and opacity are kept on this host:
 * - `trusted`: as docker has it (real owners and devices, char 0:0, trusted.overlay.*): root with CAP_MKNOD.
 * - `user`: files belong to the caller; owner and mode in user.containers.override_stat; whiteouts are empty files with
 *   user.overlay.whiteout in a directory marked user.overlay.opaque=x; user.overlay.opaque=y.
 * - `none`: no xattrs here; whiteouts are `.wh.NAME` files, as fuse-overlayfs reads them; owners only in tar-split.
 */
export type LayerForm = 'trusted' | 'user' | 'none'

/** What to mount, as data; src/view acts on it. Lower directories nearest first. Paths are absolute. */
export type MountSpec =
  | { readonly kind: 'bind'; readonly source: string; readonly writable?: true }
  | {
      readonly kind: 'overlay'
      readonly lowers: readonly string[]
      /** The same lowers relative to `home` (`l/XXXX`), for mount data that must stay under one page. */
      readonly shortLowers: readonly string[]
      readonly home: string
      readonly upper?: string
      readonly work?: string
      readonly userxattr: boolean
    }

export interface FinishOptions {
  readonly parent?: CacheID
  /** The layer hides everything below it (an opaque marker at its top). */
  readonly rootOpaque: boolean
  /** Where the applier wrote whiteouts. */
  readonly whiteoutDirectories: readonly BytePath[]
}

export interface Driver {
  readonly name: DriverName
  readonly form: LayerForm
  /** To be called by a writer before its first layer: decides and records the form. */
  settleForm(): void
  /** Directories that the driver has below the root before its first layer, with docker's modes, parents first. */
  skeleton(): readonly { readonly path: string; readonly mode: number }[]
  /** The directory of all layers: ROOT/overlay2 or ROOT/vfs/dir. */
  readonly home: string
  /** Layers of one image can be applied side by side; else parents first. */
  readonly independent: boolean

  create(id: CacheID, parent?: CacheID): Promise<void>
  /** A directory to be written into by whoever mounts it: a container's, or the init layer beneath. */
  createWritable(id: CacheID, parent?: CacheID): Promise<void>
  /** Where a layer's tar is applied, in overlay form (whiteouts as this host's form has them). */
  begin(id: CacheID): Promise<string>
  finish(id: CacheID, options: FinishOptions): Promise<void>
  /** Missing is success. */
  remove(id: CacheID): Promise<void>
  exists(id: CacheID): Promise<boolean>
  /** File to touch (mode 0600) when a child of this layer is published; dockerd mounts a layer that has one read-only. */
  childMark(id: CacheID): string | undefined
  list(): Promise<CacheID[]>

  /** The directory whose files feed tar-split, and that `ls` of one layer shows. */
  layerDirectory(id: CacheID): string
  /** Directories to merge for this layer, nearest first: itself, parent, ... (vfs: itself only). */
  stack(id: CacheID): Promise<string[]>
  /** Read-only view of the layer and all below. */
  mounts(id: CacheID): Promise<MountSpec>
  /** The same, writable: what `createWritable` made is the upper directory. */
  writableMounts(id: CacheID): Promise<MountSpec>
  /** docker inspect's GraphDriver.Data. */
  metadata(id: CacheID): Promise<Record<string, string>>
  /** The `size` docker records: overlay2 counts the tree, vfs the header sizes. */
  layerSize(applied: { treeBytes: number; headerBytes: number }): number
}
