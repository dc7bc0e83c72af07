// layerdb/mounts: which writable layers there are, by the container that each belongs to, and on what each stands.
// Reads only; one comes and goes by a transaction. What a container is, and what was changed in it, is not known here.

import path from 'node:path'
import { isDigest, type CacheID, type ChainID } from '../digest/digest.ts'
import type { Layout } from './layout.ts'
import { namesIfPresent, readIfPresent } from './read-file.ts'

/** A writable layer and the init layer beneath it, which keeps what a runtime puts into every root out of the diff. */
export interface WritableLayer {
  /** 64 hex digits: the container's ID, and the folder's name in layerdb/mounts. */
  readonly containerID: string
  /** Driver directory of the writable layer. */
  readonly mountID: CacheID
  /** `<mount-id>-init`; absent where a layer was made without. */
  readonly initID?: CacheID
  /** chainID of the image's top layer; absent for a container of an image without layers. */
  readonly parent?: ChainID
}

/** As docker's reader takes it: what does not match is no mount. */
const MOUNT_ID = /^[0-9a-f]{64}(-init)?$/
const CONTAINER_ID = /^[0-9a-f]{64}$/

export class MountDB {
  private readonly layout: Layout

  constructor(layout: Layout) {
    this.layout = layout
  }

  get(containerID: string): WritableLayer | undefined {
    if (!CONTAINER_ID.test(containerID)) return undefined
    const text = (name: string): string | undefined =>
      readIfPresent(path.join(this.layout.layerMounts, containerID, name))
        ?.toString('latin1')
        .trim()
    const mountID = text('mount-id')
    if (mountID === undefined || !MOUNT_ID.test(mountID)) return undefined
    const initID = text('init-id')
    const parent = text('parent')
    return {
      containerID,
      mountID: mountID as CacheID,
      ...(initID !== undefined && MOUNT_ID.test(initID) ? { initID: initID as CacheID } : {}),
      ...(parent !== undefined && isDigest(parent) ? { parent: parent as ChainID } : {}),
    }
  }

  list(): WritableLayer[] {
    return namesIfPresent(this.layout.layerMounts).flatMap((id) => this.get(id) ?? [])
  }
}
