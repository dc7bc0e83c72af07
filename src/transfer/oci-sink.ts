// Images as an OCI image layout, packed into a tar or as a directory. Layers are uncompressed blobs, so that their
// digests are the diffIDs and nothing depends on a compressor's version.

import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { ensureDirSync, removeSync } from 'fs-extra/esm'
import { ConflictError, IntegrityError } from '../errors.ts'
import { OCI_LAYOUT_FILE, OCI_LAYOUT_TEXT } from '../image/archive-manifest.ts'
import { fromNodeError } from '../sys/errno.ts'
import { writeTar } from '../tar/writer.ts'
import type { SaveImage } from './archive.ts'
import {
  blobEntries,
  blobPath,
  describeImages,
  documentEntry,
  type Blob,
} from './image-documents.ts'
import { writeFully } from './spool.ts'

/** The layout's own two files first, so that who reads a stream knows what comes. */
export function ociArchive(images: readonly SaveImage[]): AsyncGenerator<Uint8Array> {
  const { blobs, indexJSON } = describeImages(images)
  return writeTar([
    documentEntry(OCI_LAYOUT_FILE, OCI_LAYOUT_TEXT),
    documentEntry('index.json', indexJSON),
    ...blobEntries(blobs),
  ])
}

/**
 * Writes the layout aside and puts it in place when it is whole: a new directory by one rename; into an empty one, which
 * may be a mount point, entry by entry and index.json last. A failure leaves what was there before.
 * @param directory absolute; absent or empty
 * @throws ConflictError ERR_DESTINATION_EXISTS; HostError; IntegrityError; the signal's reason
 */
export async function writeOciDirectory(
  images: readonly SaveImage[],
  directory: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  const isNew = !isEmptyDirectory(directory)
  const aside = `.shale-${randomBytes(8).toString('hex')}`
  const staging = isNew ? path.join(path.dirname(directory), aside) : path.join(directory, aside)
  try {
    await writeLayout(images, staging, options.signal)
    if (isNew) fs.renameSync(staging, directory)
    else moveInto(staging, directory)
  } catch (error) {
    removeSync(staging)
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOTEMPTY' || code === 'EEXIST' || code === 'ENOTDIR')
      throw occupied(directory, error)
    throw fromNodeError(`write ${directory}`, error)
  }
}

/** @returns false if there is nothing at all */
function isEmptyDirectory(directory: string): boolean {
  let names: string[]
  try {
    names = fs.readdirSync(directory)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // A dangling link is there, and is no directory: it would be replaced.
    if (code === 'ENOENT' && !fs.lstatSync(directory, { throwIfNoEntry: false })) return false
    if (code === 'ENOENT' || code === 'ENOTDIR') throw occupied(directory, error)
    throw fromNodeError(`read ${directory}`, error)
  }
  if (names.length > 0) throw occupied(directory)
  return true
}

function occupied(directory: string, cause?: unknown): ConflictError {
  return new ConflictError(
    'ERR_DESTINATION_EXISTS',
    `cannot save to ${directory}: it exists and is no empty directory; name a new one, or empty it`,
    { cause, details: { path: directory } },
  )
}

async function writeLayout(
  images: readonly SaveImage[],
  directory: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { blobs, indexJSON } = describeImages(images)
  fs.mkdirSync(directory) // its parent is the caller's to make: a mistyped path must not grow a tree
  ensureDirSync(path.join(directory, 'blobs/sha256'))
  for (const blob of blobs)
    await writeBlob(blob, path.join(directory, blobPath(blob.digest)), signal)
  fs.writeFileSync(path.join(directory, OCI_LAYOUT_FILE), OCI_LAYOUT_TEXT)
  fs.writeFileSync(path.join(directory, 'index.json'), indexJSON)
  signal?.throwIfAborted()
}

async function writeBlob(blob: Blob, file: string, signal: AbortSignal | undefined): Promise<void> {
  const fd = fs.openSync(file, 'wx', 0o644)
  try {
    if ('bytes' in blob) return writeFully(fd, blob.bytes, file)
    let actual = 0
    for await (const chunk of blob.layer.open()) {
      signal?.throwIfAborted()
      writeFully(fd, chunk, file)
      actual += chunk.length
    }
    const expected = blob.layer.tarBytes
    if (actual === expected) return
    throw new IntegrityError(
      'ERR_SIZE_MISMATCH',
      `cannot write ${file}: the layer has ${actual} bytes, and ${expected} were announced`,
      { details: { path: file, expected, actual } },
    )
  } finally {
    fs.closeSync(fd)
  }
}

/** rename(2) could replace the empty directory, but not where it is a mount point, nor keep its owner and mode. */
function moveInto(staging: string, directory: string): void {
  const moved: string[] = []
  try {
    for (const name of ['blobs', OCI_LAYOUT_FILE, 'index.json']) {
      fs.renameSync(path.join(staging, name), path.join(directory, name))
      moved.push(name)
    }
    fs.rmdirSync(staging)
  } catch (error) {
    for (const name of moved)
      fs.rmSync(path.join(directory, name), { recursive: true, force: true })
    throw error
  }
}
