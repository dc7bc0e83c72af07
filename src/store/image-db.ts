// imagedb: image configs under their own digest, byte for byte as they came, and three optional facts beside each.
// Reads only. A config whose bytes do not hash to its file name is not an image (dockerd skips it as well).

import fs from 'node:fs'
import path from 'node:path'
import { createHash } from 'node:crypto'
import { hexOf, isDigest, type ImageID } from '../digest/digest.ts'
import { NO_JSON_LIMITS } from '../image/json.ts'
import { parseImageConfig, type ImageConfig } from '../image/config.ts'
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
    const configBytes = readIfPresent(this.layout.imageContent(id))
    if (!configBytes) return undefined
    if (createHash('sha256').update(configBytes).digest('hex') !== hexOf(id)) return undefined
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

  private fact(id: ImageID, key: 'parent' | 'lastUpdated'): string | undefined {
    return readIfPresent(path.join(this.layout.imageMetadata(id), key))?.toString('latin1')
  }
}
