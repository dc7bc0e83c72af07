// A layer's exact tar, from its directory and its tar-split: works for every form that a layer can be on disk in, since
// owners, modes, devices and whiteouts all stand in the tar-split's own headers.

import type { DiffID } from '../digest/digest.ts'
import { IntegrityError } from '../errors.ts'
import { hostError } from '../sys/errno.ts'
import { pwriteAll } from '../sys/file-calls.ts'
import { Sha256 } from '../sys/sha256.ts'
import { Assembly, assemble } from '../tar-split/assemble.ts'
import { LayerFiles } from './layer-files.ts'
import { readSplit, splitBatches } from './split-file.ts'

export interface LayerTarSource {
  /** tar-split.json.gz */
  readonly splitPath: string
  readonly directory: string
  readonly diffID: DiffID
}

export interface LayerTarOptions {
  /** A chunk's memory is used again once the next but one is asked for. Default no. */
  readonly reuseChunks?: boolean
  /** Asked for each chunk: hash it on another thread, while this one reads on? Default no. */
  readonly hashElsewhere?: () => boolean
}

/** Where a layer's tar goes in a file that others write to as well, each its own part. */
export interface TarTarget {
  readonly fd: number
  /** For messages. */
  readonly path: string
  readonly offset: number
  /** The room: as long as the tar was measured to be. */
  readonly tarBytes: number
}

/**
 * The tar in chunks of a MiB, verified while it passes: by its diffID, which every byte counts for. Only if that fails
 * are the files gone through one by one, to name the one that changed.
 * @throws IntegrityError ERR_FILE_CHECKSUM or ERR_DIGEST_MISMATCH after the last chunk, ERR_SPLIT_CORRUPT
 * @throws IntegrityError ERR_STORE_CORRUPT
 */
export async function* layerTar(
  source: LayerTarSource,
  { reuseChunks = false, hashElsewhere = () => false }: LayerTarOptions = {},
): AsyncGenerator<Uint8Array> {
  using files = new LayerFiles(source.directory)
  const hash = new Sha256()
  let hashed: Promise<void> | undefined
  try {
    const assembly = new Assembly(files, { checksums: false, chunks: reuseChunks ? 2 : undefined })
    // A chunk is hashed at the latest when the next one is full, so two chunks that take turns are enough.
    const digested = async (chunk: Uint8Array): Promise<Uint8Array> => {
      if (hashed) await hashed
      hashed = hash.update(chunk, hashElsewhere())
      hashed?.catch(() => {})
      return chunk
    }
    for await (const records of splitBatches(source.splitPath)) {
      for (const record of records) {
        if (assembly.tryAdd(record)) continue
        for (const chunk of assembly.add(record)) yield await digested(chunk)
      }
    }
    for (const chunk of assembly.end()) yield await digested(chunk)
    await hashed
    const actual = `sha256:${hash.digest()}`
    if (actual !== source.diffID) await nameTheChange(source, files, actual)
  } finally {
    await hash.close()
  }
}

async function nameTheChange(
  { splitPath, diffID, directory }: LayerTarSource,
  files: LayerFiles,
  actual: string,
): Promise<never> {
  for await (const chunk of assemble(readSplit(splitPath), files, { chunks: 1 })) void chunk
  throw new IntegrityError(
    'ERR_DIGEST_MISMATCH',
    `cannot rebuild the layer's tar: it comes out as ${actual}, not as the ${diffID} that was loaded`,
    { details: { expected: diffID, actual, path: directory } },
  )
}

/**
 * Writes the tar to its place, and never beyond.
 * @throws as layerTar and placeTar
 */
export function writeLayerTar(
  source: LayerTarSource,
  target: TarTarget,
  options: Pick<LayerTarOptions, 'hashElsewhere'> & { onProgress?: (bytes: number) => void } = {},
): Promise<void> {
  return placeTar(
    layerTar(source, { ...options, reuseChunks: true }),
    source.diffID,
    target,
    options.onProgress,
  )
}

/**
 * @param onProgress bytes of the tar that are written
 * @throws IntegrityError ERR_SIZE_MISMATCH; HostError; whatever the chunks throw
 */
export async function placeTar(
  chunks: AsyncIterable<Uint8Array>,
  diffID: DiffID,
  { fd, path, offset, tarBytes }: TarTarget,
  onProgress?: (bytes: number) => void,
): Promise<void> {
  let done = 0
  for await (const chunk of chunks) {
    if (done + chunk.length > tarBytes) throw wrongSize(path, diffID, tarBytes, 'more')
    const written = pwriteAll(fd, chunk, offset + done)
    if (written < 0) throw hostError(`write ${path}`, -written, 'pwrite', path)
    done += chunk.length
    onProgress?.(done)
  }
  if (done < tarBytes) throw wrongSize(path, diffID, tarBytes, done)
}

function wrongSize(
  path: string,
  diffID: DiffID,
  expected: number,
  actual: number | 'more',
): IntegrityError {
  return new IntegrityError(
    'ERR_SIZE_MISMATCH',
    `cannot write ${path}: the tar of layer ${diffID} has ${actual} bytes, and ${expected} were announced`,
    { details: { path, expected, actual } },
  )
}
