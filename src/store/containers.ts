// Containers as far as images care: who keeps a layer or an image alive. Reads what dockerd left; changes nothing.

import path from 'node:path'
import { isDigest, type ChainID, type ImageID } from '../digest/digest.ts'
import type { Layout } from './layout.ts'
import { namesIfPresent, readIfPresent } from './read-file.ts'

export interface ContainerClaim {
  readonly id: string
  readonly name: string
  readonly imageID?: ImageID
  readonly running: boolean
}

export class Containers {
  private readonly layout: Layout

  constructor(layout: Layout) {
    this.layout = layout
  }

  /**
   * chainIDs that a writable layer stands on (layerdb/mounts).
   * @param but containers that are not asked
   */
  mountedParents(but: ReadonlySet<string> = new Set()): ChainID[] {
    const parents: ChainID[] = []
    for (const id of namesIfPresent(this.layout.layerMounts)) {
      if (but.has(id)) continue
      const parent = readIfPresent(path.join(this.layout.layerMounts, id, 'parent'))
        ?.toString('latin1')
        .trim()
      if (parent !== undefined && isDigest(parent)) parents.push(parent as ChainID)
    }
    return parents
  }

  list(): ContainerClaim[] {
    const claims: ContainerClaim[] = []
    for (const id of namesIfPresent(this.layout.containers)) {
      const bytes = readIfPresent(path.join(this.layout.containers, id, 'config.v2.json'))
      if (!bytes) continue
      let config: { Name?: unknown; Image?: unknown; State?: { Running?: unknown } | null } | null
      try {
        config = JSON.parse(bytes.toString('utf8')) as typeof config
      } catch {
        continue // dockerd logs and ignores such a container; its layer claim in layerdb/mounts still counts
      }
      const image = config?.Image
      claims.push({
        id,
        name: typeof config?.Name === 'string' ? config.Name.replace(/^\//, '') : id.slice(0, 12),
        ...(typeof image === 'string' && isDigest(image) ? { imageID: image as ImageID } : {}),
        running: config?.State?.Running === true,
      })
    }
    return claims
  }
}
