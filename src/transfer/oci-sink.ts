// Images as an OCI image layout, packed into a tar or as a directory. Layers are uncompressed blobs, so that their
// digests are the diffIDs and nothing depends on a compressor's version.

import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { ensureDirSync, removeSync } from 'fs-extra/esm'
import { ConflictError } from '../errors.ts'
import { OCI_LAYOUT_FILE, OCI_LAYOUT_TEXT } from '../image/archive-manifest.ts'
import { fromNodeError } from '../sys/errno.ts'
import type { SaveImage } from './archive.ts'
import {
  blobEntries,
  blobPath,
  describeImages,
  documentEntry,
  type ArchiveMember,
  type Blob,
} from './image-documents.ts'
import { sideBySide } from './placed-archive.ts'

/** The layout's own two files first, so that who reads a stream knows what comes. */
export function ociArchive(images: readonly SaveImage[]): ArchiveMember[] {
  const { blobs, indexJSON } = describeImages(images)
  return [
    documentEntry(OCI_LAYOUT_FILE, OCI_LAYOUT_TEXT),
    documentEntry('index.json', indexJSON),
    ...blobEntries(blobs),
  ]
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
  const fileOf = ({ digest }: Blob): string => path.join(directory, blobPath(digest))
  const layers = []
  for (const blob of blobs) {
    if ('layer' in blob) layers.push({ layer: blob.layer, offset: 0, file: fileOf(blob) })
    else fs.writeFileSync(fileOf(blob), blob.bytes, { flag: 'wx', mode: 0o644 })
  }
  await sideBySide(
    layers,
    async ({ layer, file }, stop) => {
      const fd = fs.openSync(file, 'wx', 0o644)
      try {
        await layer.writeAt({ fd, path: file }, 0, stop)
      } finally {
        fs.closeSync(fd)
      }
    },
    signal,
  )
  fs.writeFileSync(path.join(directory, OCI_LAYOUT_FILE), OCI_LAYOUT_TEXT)
  fs.writeFileSync(path.join(directory, 'index.json'), indexJSON)
  signal?.throwIfAborted()
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
