// imagedb: image configs under their own digest, byte for byte as they came, and three optional facts beside each.
// Reads only. A config whose bytes do not hash to its file name is not an image (dockerd skips it as well).

import fs from 'node:fs'
import path from 'node:path'
import { chainIDs } from '../digest/chain-id.ts'
import { isDigest, type ChainID, type DiffID, type ImageID } from '../digest/digest.ts'
import { NO_JSON_LIMITS } from '../image/json.ts'
import { parseImageConfig, type ImageConfig } from '../image/config.ts'
import { digestOf } from './digest-of.ts'
import type { Layout } from './layout.ts'
import { namesIfPresent, readIfPresent } from './read-file.ts'

export interface ImageFacts {
  readonly id: ImageID
  readonly configBytes: Uint8Array
  readonly config: ImageConfig
  /** The image it was built or committed on, in this store. */
  readonly parent?: ImageID
  /** RFC 3339 with nanoseconds: when it was last tagged, committed or imported here. */
  readonly lastUpdated?: string
}

export class ImageDB {
  private readonly layout: Layout

  constructor(layout: Layout) {
    this.layout = layout
  }

  ids(): ImageID[] {
    return namesIfPresent(this.layout.content)
      .map((name) => `sha256:${name}`)
      .filter((id) => isDigest(id))
      .map((id) => id as ImageID)
  }

  has(id: ImageID): boolean {
    return fs.existsSync(this.layout.imageContent(id))
  }

  get(id: ImageID): ImageFacts | undefined {
    const configBytes = this.bytes(id)
    if (!configBytes) return undefined
    let config: ImageConfig
    try {
      config = parseImageConfig(configBytes, undefined, NO_JSON_LIMITS)
    } catch {
      return undefined
    }
    // Most images have no facts: one look for the folder is cheaper than two failures to open a file.
    const hasFacts = fs.existsSync(this.layout.imageMetadata(id))
    const parent = hasFacts ? this.fact(id, 'parent') : undefined
    const lastUpdated = hasFacts ? this.fact(id, 'lastUpdated') : undefined
    return {
      id,
      configBytes,
      config,
      ...(parent !== undefined && isDigest(parent) ? { parent: parent as ImageID } : {}),
      ...(lastUpdated === undefined ? {} : { lastUpdated }),
    }
  }

  /** Of whatever is whole and names layers, also where another engine alone can read the rest of it. */
  diffIDs(id: ImageID): readonly DiffID[] | undefined {
    const bytes = this.bytes(id)
    return bytes && diffIDsIn(bytes.toString('utf8'))
  }

  /** The images that were built or committed on another, each with that one. No config is read. */
  parents(): Map<ImageID, ImageID> {
    const parents = new Map<ImageID, ImageID>()
    // Only images that have facts have a folder here; those that are gone may have left one.
    for (const name of namesIfPresent(this.layout.metadata)) {
      const id = `sha256:${name}`
      if (!isDigest(id)) continue
      const parent = this.fact(id as ImageID, 'parent')
      if (parent !== undefined && isDigest(parent) && this.has(id as ImageID))
        parents.set(id as ImageID, parent as ImageID)
    }
    return parents
  }

  private bytes(id: ImageID): Buffer | undefined {
    const bytes = readIfPresent(this.layout.imageContent(id))
    if (!bytes) return undefined
    return digestOf(bytes) === id ? bytes : undefined
  }

  private fact(id: ImageID, key: 'parent' | 'lastUpdated'): string | undefined {
    return readIfPresent(path.join(this.layout.imageMetadata(id), key))?.toString('latin1')
  }
}

/** The chain rule with the host's own SHA-256: that of the pure core takes milliseconds to warm up. */
export function chainOf(diffIDs: readonly DiffID[]): ChainID[] {
  return chainIDs(diffIDs, digestOf)
}

function diffIDsIn(text: string): readonly DiffID[] | undefined {
  try {
    const document = JSON.parse(text) as { rootfs?: { diff_ids?: unknown } } | null
    const listed = document?.rootfs?.diff_ids
    if (!Array.isArray(listed) || !listed.every((id) => isDigest(String(id)))) return undefined
    return listed as DiffID[]
  } catch {
    return undefined
  }
}
