// A layer's exact tar, from its directory and its tar-split: works for every form that a layer can be on disk in, since
// owners, modes, devices and whiteouts all stand in the tar-split's own headers.

import { createHash } from 'node:crypto'
import type { DiffID } from '../digest/digest.ts'
import { IntegrityError } from '../errors.ts'
import { assemble } from '../tar-split/assemble.ts'
import { LayerFiles } from './layer-files.ts'
import { readSplit } from './split-file.ts'

export interface LayerTarSource {
  /** tar-split.json.gz */
  readonly splitPath: string
  readonly directory: string
  readonly diffID: DiffID
}

/**
 * The tar in chunks of a MiB, verified while it passes: by its diffID, which every byte counts for. Only if that fails
 * are the files gone through one by one, to name the one that changed.
 * @throws IntegrityError ERR_FILE_CHECKSUM or ERR_DIGEST_MISMATCH after the last chunk, ERR_SPLIT_CORRUPT
 * @throws NotFoundError ERR_FILE_NOT_FOUND
 */
export async function* layerTar(source: LayerTarSource): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256')
  using files = new LayerFiles(source.directory)
  for await (const chunk of assemble(readSplit(source.splitPath), files, { checksums: false })) {
    hash.update(chunk)
    yield chunk
  }
  const actual = `sha256:${hash.digest('hex')}`
  if (actual === source.diffID) return
  const again = assemble(readSplit(source.splitPath), files, { reuseChunk: true })
  for await (const chunk of again) void chunk
  throw new IntegrityError(
    'ERR_DIGEST_MISMATCH',
    `cannot rebuild the layer's tar: it comes out as ${actual}, not as the ${source.diffID} that was loaded`,
    { details: { expected: source.diffID, actual, path: source.directory } },
  )
}
