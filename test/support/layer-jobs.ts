// Jobs for the layer pipeline: a tar made of members, compressed or not, as a blob in a file, to be put below a directory.

import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { DEFAULT_APPLY_LIMITS } from '../../src/archive/limits.ts'
import type { ApplyLimits, LayerJob } from '../../src/archive/layer-job.ts'
import type { Digest, DiffID } from '../../src/digest/digest.ts'
import { probeForm } from '../../src/sys/probe.ts'
import { type TarEntryInit, writeTar } from '../../src/tar/writer.ts'
import { collect } from './tars.ts'

export const LIMITS: ApplyLimits = {
  ...DEFAULT_APPLY_LIMITS,
  layerBytesMax: 1 << 30,
  expansionMax: 1000,
  expansionFromBytes: 64 << 20,
}

export function digestOf(bytes: Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

export async function tarOf(entries: readonly TarEntryInit[]): Promise<Buffer> {
  return collect(writeTar(entries))
}

/** In `directory`: the blob, an empty layer directory, and the name for the tar-split. */
export function jobFor(
  directory: string,
  blob: Uint8Array,
  options: Partial<LayerJob> & { tar?: Uint8Array; padding?: number } = {},
): LayerJob & { splitPath: string } {
  const { tar, padding = 0, ...rest } = options
  const file = path.join(directory, `blob-${fs.readdirSync(directory).length}`)
  // Something before and behind: a range is not a file.
  fs.writeFileSync(
    file,
    Buffer.concat([Buffer.alloc(padding, 0xaa), blob, Buffer.alloc(padding, 0xbb)]),
  )
  const layer = `${file}-layer`
  fs.mkdirSync(layer)
  return {
    label: 'a test layer',
    blob: { file, offset: padding, sizeBytes: blob.length },
    directory: layer,
    splitPath: `${file}-split.json.gz`,
    form: probeForm(directory),
    limits: LIMITS,
    ...(tar ? { diffID: digestOf(tar) as DiffID } : {}),
    ...rest,
  }
}
