// What a FUSE server is told: from the process that mounts to the server's, and on to its thread.

import type { LayerForm } from '../../driver/driver.ts'

export interface FuseConfig {
  /** Real path of the mount point. */
  readonly target: string
  /** The topmost layer's directory: mount tables show it, and `umount` knows the mount by it. */
  readonly source: string
  readonly form: LayerForm
  /** Nearest first. */
  readonly lowers: readonly string[]
  /** Absent: read-only. */
  readonly upper?: { readonly directory: string; readonly work: string }
  /** Mounted by root, for all, with the kernel's permission checks; else for the caller alone. */
  readonly forAll: boolean
}

export interface FuseWorkerData {
  readonly config: FuseConfig
  /** /dev/fuse, open and mounted. */
  readonly device: number
}

export type FuseWorkerMessage = { readonly ready: true } | { readonly failed: unknown }
