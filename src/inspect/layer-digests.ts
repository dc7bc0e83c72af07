// Who a layer is, from its bytes alone: the diffID of the tar, and the digest of the blob as it stands.
// Knows compressions by their first bytes; does not look whether the bytes are a tar. Needs no store.

import { createHash } from 'node:crypto'
import fs from 'node:fs'
import { writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { decompressed, sniffCompression, type Compression } from '../archive/decompress.ts'
import type { DiffID, Digest } from '../digest/digest.ts'
import { InvalidArgumentError, NotFoundError } from '../errors.ts'
import { fromNodeError } from '../sys/errno.ts'
import { openPipe } from '../sys/open-pipe.ts'

export interface LayerDigests {
  readonly diffID: DiffID
  /** Bytes of the uncompressed tar. */
  readonly tarBytes: number
  readonly compression: Compression
  /** Of the bytes as given; equals the diffID where nothing is compressed. */
  readonly blobDigest: Digest
  readonly blobBytes: number
}

export interface LayerDigestsOptions {
  /** For messages; default the path, or `standard input`. */
  readonly label?: string
  readonly signal?: AbortSignal
}

/**
 * @param source a file, or bytes; compressed bytes that are no file are put aside in the host's temporary folder
 * @throws NotFoundError ERR_FILE_NOT_FOUND; InvalidArgumentError ERR_NOT_A_FILE; ArchiveError ERR_COMPRESSION; HostError
 */
export async function layerDigests(
  source: string | AsyncIterable<Uint8Array>,
  options: LayerDigestsOptions = {},
): Promise<LayerDigests> {
  if (typeof source === 'string') {
    const labelled = { ...options, label: options.label ?? source }
    return isPipe(source)
      ? layerDigests(openPipe(source, options), labelled)
      : digestsOfFile(source, labelled)
  }
  const { head, all } = await peek(source)
  if (sniffCompression(head) !== 'none') return digestsOfStream(all, options)
  const { digest, sizeBytes } = await digestOf(all, options.signal)
  return {
    diffID: digest as DiffID,
    tarBytes: sizeBytes,
    compression: 'none',
    blobDigest: digest,
    blobBytes: sizeBytes,
  }
}

/** What has no places to be read by: `diffid <(zcat layer.gz)`. What cannot be looked at is told when it is opened. */
function isPipe(file: string): boolean {
  try {
    const status = fs.statSync(file)
    return status.isFIFO() || status.isCharacterDevice()
  } catch {
    return false
  }
}

async function digestsOfStream(
  bytes: AsyncIterable<Uint8Array>,
  options: LayerDigestsOptions,
): Promise<LayerDigests> {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'shale-diffid-'))
  try {
    const file = path.join(directory, 'layer')
    await writeFile(
      file,
      bytes,
      options.signal === undefined ? {} : { signal: options.signal },
    ).catch((error: unknown) => {
      throw fromNodeError(`put the layer aside in ${file}`, error)
    })
    return await digestsOfFile(file, { ...options, label: options.label ?? 'standard input' })
  } finally {
    fs.rmSync(directory, { recursive: true, force: true })
  }
}

async function digestsOfFile(
  file: string,
  options: LayerDigestsOptions & { readonly label: string },
): Promise<LayerDigests> {
  const { sizeBytes, head } = readHead(file, options.label)
  const compression = sniffCompression(head)
  const blob = createHash('sha256')
  const range = { file, offset: 0, sizeBytes }
  const plain = decompressed(range, compression, (bytes) => void blob.update(bytes), options.label)
  const tar = await digestOf(plain, options.signal)
  return {
    diffID: tar.digest as DiffID,
    tarBytes: tar.sizeBytes,
    compression,
    blobDigest: `sha256:${blob.digest('hex')}`,
    blobBytes: sizeBytes,
  }
}

function readHead(file: string, label: string): { sizeBytes: number; head: Buffer } {
  let fd: number
  try {
    fd = fs.openSync(file, 'r')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw fromNodeError(`read ${label}`, error)
    throw new NotFoundError('ERR_FILE_NOT_FOUND', `cannot read ${label}: there is no such file`, {
      cause: error,
      details: { path: file },
    })
  }
  try {
    const head = Buffer.alloc(8)
    const status = fs.fstatSync(fd)
    if (status.isDirectory()) {
      throw new InvalidArgumentError(
        'ERR_NOT_A_FILE',
        `cannot read ${label}: it is a directory; name the file of a layer`,
        { details: { path: file } },
      )
    }
    return {
      sizeBytes: status.size,
      head: head.subarray(0, fs.readSync(fd, head, 0, 8, 0)),
    }
  } catch (error) {
    throw fromNodeError(`read ${label}`, error)
  } finally {
    fs.closeSync(fd)
  }
}

/** The first bytes, which a pipe may give one by one, and an iteration that still has them. */
async function peek(
  source: AsyncIterable<Uint8Array>,
): Promise<{ head: Uint8Array; all: AsyncIterable<Uint8Array> }> {
  const iterator = source[Symbol.asyncIterator]()
  const first: Uint8Array[] = []
  let held = 0
  while (held < 8) {
    const next = await iterator.next()
    if (next.done) break
    first.push(next.value)
    held += next.value.length
  }
  const all = (async function* (): AsyncGenerator<Uint8Array> {
    yield* first
    for (;;) {
      const next = await iterator.next()
      if (next.done) return
      yield next.value
    }
  })()
  return { head: Buffer.concat(first).subarray(0, 8), all }
}

async function digestOf(
  bytes: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<{ digest: Digest; sizeBytes: number }> {
  const hash = createHash('sha256')
  let sizeBytes = 0
  for await (const chunk of bytes) {
    signal?.throwIfAborted()
    hash.update(chunk)
    sizeBytes += chunk.length
  }
  return { digest: `sha256:${hash.digest('hex')}`, sizeBytes }
}
