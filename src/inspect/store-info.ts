// What a store is and what this host can do for it: the storage rows of `docker info`, found out by trying.
// Probes make and remove one temporary directory below the root; where that cannot or must not be, the answer is
// unknown, never a guess. Prints nothing.

import fs from 'node:fs'
import path from 'node:path'
import type { DriverName, LayerForm } from '../driver/driver.ts'
import { LockedError } from '../errors.ts'
import type { Store } from '../store/store.ts'
import { refuseRunningDockerd } from '../store/write-lock.ts'
import { filesystemName } from '../sys/filesystem-name.ts'
import { probeOverlay, supportsDirectoryTypes, type OverlaySupport } from '../sys/probe.ts'

export interface StoreInfo {
  readonly root: string
  /** A root that is not there yet is an empty store. */
  readonly exists: boolean
  readonly driver: DriverName
  /** How owners, devices and whiteouts are kept; before the first write, how they would be. */
  readonly form: LayerForm
  readonly images: number
  readonly names: number
  readonly layers: number
  /** Every layer once, as recorded. */
  readonly layersBytes: number
  readonly containers: { readonly total: number; readonly running: number }
  /** `extfs`, `xfs`, `tmpfs` ... of the root, or of the folder that it would be made in. */
  readonly backingFilesystem: string
  /** The dockerd that has the root open: shale reads, and does not write. */
  readonly dockerd?: { readonly pid?: number }
  readonly probes?: HostProbes
  /** Why there are no probes. */
  readonly probesReason?: string
}

export interface HostProbes {
  readonly supportsDirectoryTypes: boolean
  /** Only for overlay2. */
  readonly overlay?: {
    /** The kernel mounts layers of this store for this user. */
    readonly available: boolean
    readonly reason?: string
    readonly nativeDiff: boolean
    readonly metacopy: boolean
    readonly userxattr: boolean
  }
}

/**
 * The storage rows of `docker info`. What the kernel can do is tried in a folder of its own below the root, where this
 * user may write there.
 * @throws HostError; IntegrityError ERR_STORE_CORRUPT
 */
export async function storeInfo(store: Store): Promise<StoreInfo> {
  const layers = store.layers.list()
  const containers = store.containers.list()
  const dockerd = runningDockerd(store)
  const exists = fs.existsSync(store.root)
  return {
    root: store.root,
    exists,
    driver: store.driver.name,
    form: store.form,
    images: store.imageDB.ids().filter((id) => store.imageDB.get(id) !== undefined).length,
    names: store.references().list().length,
    layers: layers.length,
    layersBytes: layers.reduce((sum, layer) => sum + layer.sizeBytes, 0),
    containers: {
      total: containers.length,
      running: containers.filter((container) => container.running).length,
    },
    backingFilesystem: filesystemName(nearestExisting(store.root)),
    ...(dockerd === undefined ? {} : { dockerd }),
    ...(await probes(store, { exists, dockerd: dockerd !== undefined })),
  }
}

function runningDockerd(store: Store): { pid?: number } | undefined {
  try {
    refuseRunningDockerd(store.layout)
    return undefined
  } catch (error) {
    if (!(error instanceof LockedError)) throw error
    const { pid } = error.details
    return typeof pid === 'number' ? { pid } : {}
  }
}

async function probes(
  store: Store,
  state: { readonly exists: boolean; readonly dockerd: boolean },
): Promise<{ probes: HostProbes } | { probesReason: string }> {
  if (!state.exists) return { probesReason: 'the root does not exist yet' }
  if (state.dockerd) return { probesReason: 'a running dockerd has the root open' }
  const directory = fs.existsSync(store.layout.state) ? store.layout.state : store.root
  try {
    fs.accessSync(directory, fs.constants.W_OK)
  } catch {
    return { probesReason: 'the root is not writable for this user' }
  }
  const userxattr = store.form !== 'trusted'
  return {
    probes: {
      supportsDirectoryTypes: supportsDirectoryTypes(directory),
      ...(store.driver.name === 'overlay2'
        ? { overlay: { ...(await overlaySupport(directory, userxattr)), userxattr } }
        : {}),
    },
  }
}

/** Where the probe's own directory was is of no use to anybody, and differs every time. */
async function overlaySupport(directory: string, userxattr: boolean): Promise<OverlaySupport> {
  const support = await probeOverlay(directory, { userxattr })
  const reason = support.reason?.replace(/^cannot mount \S*\.shale-probe-[^:]*: /, '')
  return { ...support, ...(reason === undefined ? {} : { reason }) }
}

function nearestExisting(file: string): string {
  for (let at = file; ; at = path.dirname(at)) if (fs.existsSync(at)) return at
}
