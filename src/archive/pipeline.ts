// One layer from its blob to its directory and its tar-split, in one pass: read, hash, inflate, hash, parse, unpack,
// record. Digests are checked before it answers; what was unpacked of a wrong layer is the caller's to remove.
//
// A second pass over the blob happens for one kind of layer alone: where a later entry took the place of an earlier
// file, so that a record points at bytes that are gone. Those bodies then stand in the tar-split itself.

import { createHash } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import type { DiffID, Digest } from '../digest/digest.ts'
import { ArchiveError, IntegrityError, LimitError, UnsafePathError } from '../errors.ts'
import { type BytePath, cleanPath } from '../path/byte-path.ts'
import { NameSet } from '../path/name-set.ts'
import { Sha256 } from '../sys/sha256.ts'
import { Crc64 } from '../tar-split/crc64.ts'
import { Disassembler } from '../tar-split/disassemble.ts'
import type { TarHandler, TarHeader } from '../tar/entry.ts'
import { TarParser } from '../tar/parser.ts'
import { LayerApplier } from './apply.ts'
import { CHUNK_BYTES, readRange } from './byte-range.ts'
import { compressionOf, decompressed } from './decompress.ts'
import { LayerFiles } from './layer-files.ts'
import type { LayerJob, LayerResult } from './layer-job.ts'
import { SplitWriter, readSplit } from './split-file.ts'

export interface ApplyJobOptions {
  readonly signal?: AbortSignal
  /** Told how many bytes of the blob have been read. */
  readonly onProgress?: (bytesDone: number) => void
}

/**
 * @throws IntegrityError ERR_DIGEST_MISMATCH; ArchiveError, UnsafePathError and LimitError about the archive; HostError;
 * the signal's reason
 */
export async function applyLayerJob(
  job: LayerJob,
  options: ApplyJobOptions = {},
): Promise<LayerResult> {
  options.signal?.throwIfAborted()
  const compression = await compressionOf(job.blob)
  const split = job.splitPath === undefined ? undefined : new SplitWriter(job.splitPath)
  const applier = openApplier(job, split)
  const embedded = new NameSet()
  const disassembler =
    split &&
    new Disassembler(split, {
      embed: (header) => {
        if (applier.bodyIsReadable) return false
        embedded.add(cleanPath(header.recordName).path)
        return true
      },
    })
  const parser = new TarParser(new LayerHandler(job, applier, disassembler), job.limits)
  const blobHash = new Sha256()
  const tarHash = new Sha256()
  const overlap = coresAreFree(job)
  const total = job.totalBytes && new BigInt64Array(job.totalBytes)
  let blobBytes = 0
  let tarBytes = 0
  const onCompressed = (bytes: Uint8Array): Promise<void> | undefined => {
    blobBytes += bytes.length
    options.onProgress?.(blobBytes)
    return compression === 'none' ? undefined : blobHash.update(bytes, overlap())
  }
  try {
    const isDigested = job.diffID !== undefined
    const plain = decompressed(job.blob, compression, onCompressed, job.label, {
      overlap,
      isDigested,
      ...(job.windowBytesMax !== undefined && { windowBytesMax: job.windowBytesMax }),
    })
    for await (const chunk of plain) {
      options.signal?.throwIfAborted()
      tarBytes += chunk.length
      checkExpansion(job, tarBytes, blobBytes)
      checkTotal(job, total, chunk.length)
      const hashed = tarHash.update(chunk, overlap())
      parser.write(chunk)
      await hashed
    }
    const { entries } = parser.end()
    disassembler?.end()
    split?.end()
    const applied = applier.finish()
    const diffID = digestOf(tarHash) as DiffID
    const blobDigest = compression === 'none' ? diffID : digestOf(blobHash)
    checkDigests(job, blobDigest, diffID)
    if (job.splitPath !== undefined && (applied.displaced || disassembler!.replaced.size > 0)) {
      await rewriteSplit(
        job,
        job.splitPath,
        compression,
        [embedded, disassembler!.replaced],
        options,
      )
    }
    const { treeBytes, headerBytes, rootOpaque, whiteoutDirectories, warnings } = applied
    return {
      diffID,
      blobDigest,
      compression,
      tarBytes,
      entries,
      treeBytes,
      headerBytes,
      rootOpaque,
      whiteoutDirectories,
      warnings,
    }
  } catch (error) {
    if (error instanceof ArchiveError) await preferDigestError(job, error, options)
    throw aboutLayer(job, error)
  } finally {
    applier.close()
    split?.close()
    await tarHash.close()
    await blobHash.close()
  }
}

/**
 * While fewer layers than cores are at work, the stages of one overlap: inflating and hashing go to other threads. Else
 * each core does all of a layer's stages on what is in its cache.
 */
function coresAreFree(job: LayerJob): () => boolean {
  if (job.running === undefined) return () => true
  const running = new Int32Array(job.running)
  const cores = os.availableParallelism()
  return () => Atomics.load(running, 0) < cores
}

/** Parser and applier know an entry or an offset; which of an archive's layers that is in, only the job knows. */
function aboutLayer(job: LayerJob, error: unknown): unknown {
  const isAboutInput =
    error instanceof ArchiveError || error instanceof UnsafePathError || error instanceof LimitError
  if (!isAboutInput || error.message.includes(job.label)) return error
  const Class = error.constructor as typeof ArchiveError
  return new Class(error.code, `cannot ${job.action ?? 'load'} ${job.label}: ${error.message}`, {
    cause: error,
    details: error.details,
  })
}

function openApplier(job: LayerJob, split: SplitWriter | undefined): LayerApplier {
  try {
    return new LayerApplier(job.directory, job.form, job.limits)
  } catch (error) {
    split?.close()
    throw error
  }
}

/** Every event to the applier, which decides where a body is, and then to the recorder, which asks. */
class LayerHandler implements TarHandler {
  readonly #job: LayerJob
  readonly #applier: LayerApplier
  readonly #disassembler: Disassembler | undefined

  constructor(job: LayerJob, applier: LayerApplier, disassembler: Disassembler | undefined) {
    this.#job = job
    this.#applier = applier
    this.#disassembler = disassembler
  }

  raw(bytes: Uint8Array): void {
    this.#disassembler?.raw(bytes)
  }

  entry(header: TarHeader): void {
    const { layerBytesMax } = this.#job.limits
    const real = header.sparse?.realSizeBytes ?? 0
    if (real > layerBytesMax)
      throw overLimit(this.#job, 'layer-bytes', 'the bytes of a sparse file:', real, layerBytesMax)
    this.#applier.entry(header)
    this.#disassembler?.entry(header)
  }

  body(bytes: Uint8Array): void {
    this.#applier.body(bytes)
    this.#disassembler?.body(bytes)
  }

  bodyEnd(): void {
    this.#applier.bodyEnd()
    this.#disassembler?.bodyEnd()
  }

  globalHeader(name: BytePath): void {
    this.#disassembler?.globalHeader(name)
  }

  archiveEnd(): void {
    this.#disassembler?.archiveEnd()
  }
}

function digestOf(hash: Sha256): Digest {
  return `sha256:${hash.digest()}`
}

function checkDigests(job: LayerJob, blobDigest: Digest, diffID: DiffID): void {
  if (job.blobDigest !== undefined && job.blobDigest !== blobDigest) {
    throw mismatch(job, 'its bytes', job.blobDigest, blobDigest)
  }
  if (job.diffID !== undefined && job.diffID !== diffID)
    throw mismatch(job, 'its uncompressed tar', job.diffID, diffID)
}

function mismatch(job: LayerJob, what: string, expected: Digest, actual: Digest): IntegrityError {
  return new IntegrityError(
    'ERR_DIGEST_MISMATCH',
    `cannot ${job.action ?? 'load'} ${job.label}: ${what} should have digest ${expected} and has ${actual}; the archive is damaged or was changed`,
    { details: { expected, actual, path: job.blob.file } },
  )
}

/** Of a blob that is not what it claims to be, that is the thing to say, and not where its tar stopped making sense. */
async function preferDigestError(
  job: LayerJob,
  cause: ArchiveError,
  options: ApplyJobOptions,
): Promise<void> {
  // A file that ends early has been named already, and cannot be read again either.
  if (job.blobDigest === undefined || cause.details['missing'] !== undefined) return
  const hash = createHash('sha256')
  for await (const chunk of readRange(job.blob, job.label)) {
    options.signal?.throwIfAborted()
    hash.update(chunk)
  }
  const actual: Digest = `sha256:${hash.digest('hex')}`
  if (actual === job.blobDigest) return
  const error = mismatch(job, 'its bytes', job.blobDigest, actual)
  throw new IntegrityError(error.code, error.message, { cause, details: error.details })
}

function checkExpansion(job: LayerJob, tarBytes: number, blobBytes: number): void {
  const { layerBytesMax, expansionMax, expansionFromBytes } = job.limits
  if (tarBytes > layerBytesMax)
    throw overLimit(job, 'layer-bytes', 'its uncompressed bytes:', tarBytes, layerBytesMax)
  if (tarBytes > expansionFromBytes && tarBytes > blobBytes * expansionMax) {
    throw overLimit(
      job,
      'expansion',
      'its expansion:',
      Math.ceil(tarBytes / Math.max(blobBytes, 1)),
      expansionMax,
    )
  }
}

/** The count is exact, whichever thread it is that goes over. */
function checkTotal(job: LayerJob, total: BigInt64Array | undefined, bytes: number): void {
  if (total === undefined) return
  const actual = Number(Atomics.add(total, 0, BigInt(bytes))) + bytes
  const { totalBytesMax } = job.limits
  if (actual > totalBytesMax)
    throw overLimit(
      job,
      'total-bytes',
      'the uncompressed bytes of all layers:',
      actual,
      totalBytesMax,
    )
}

function overLimit(
  job: LayerJob,
  name: string,
  what: string,
  actual: number,
  limit: number,
): LimitError {
  return new LimitError(
    'ERR_EXPANSION_MAX',
    `cannot ${job.action ?? 'load'} ${job.label}: ${what} ${actual} is over the limit of ${limit}`,
    {
      details: { name, actual, limit },
    },
  )
}

/** Disassembles the blob once more, with the bodies in segments that the directory cannot give back. */
async function rewriteSplit(
  job: LayerJob,
  splitPath: string,
  compression: LayerResult['compression'],
  embed: readonly NameSet[],
  options: ApplyJobOptions,
): Promise<void> {
  const lost = await lostBodies(splitPath, job.directory)
  if (lost.size === 0) return
  const sets = [...embed, lost]
  fs.unlinkSync(splitPath)
  const split = new SplitWriter(splitPath)
  try {
    const disassembler = new Disassembler(split, {
      embed: (header) => {
        const { path } = cleanPath(header.recordName)
        return sets.some((names) => names.has(path))
      },
    })
    const parser = new TarParser(disassembler, job.limits)
    for await (const chunk of decompressed(job.blob, compression, undefined, job.label)) {
      options.signal?.throwIfAborted()
      parser.write(chunk)
    }
    parser.end()
    disassembler.end()
    split.end()
  } finally {
    split.close()
  }
}

/** Names of records whose file is not there, is reached through a symlink, or has other bytes. */
async function lostBodies(splitPath: string, directory: string): Promise<NameSet> {
  const lost = new NameSet()
  const crc = new Crc64()
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES)
  using files = new LayerFiles(directory, { noSymlinks: true })
  for await (const record of readSplit(splitPath)) {
    if (record.kind !== 'file' || record.sizeBytes === 0) continue
    const { path } = cleanPath(record.name)
    const body = files.tryOpen(path)
    if (typeof body === 'number') {
      lost.add(path)
      continue
    }
    try {
      crc.reset()
      let left = body.sizeBytes === record.sizeBytes ? record.sizeBytes : -1
      while (left > 0) {
        const length = body.read(buffer)
        if (length === 0) break
        crc.update(buffer.subarray(0, length))
        left -= length
      }
      if (left !== 0 || Buffer.compare(crc.digest(), record.checksum!) !== 0) lost.add(path)
    } finally {
      body.close()
    }
  }
  return lost
}
