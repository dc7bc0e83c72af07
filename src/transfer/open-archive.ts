// Opens whatever the user points at as an image archive: decides by content, never by a file's name, what it is.
// A plain tar is read where it lies and a directory too; only a compressed one, or a pipe, is put on disk first.

import fs from 'node:fs'
import path from 'node:path'
import {
  ArchiveError,
  LayerStoreError,
  LimitError,
  NotFoundError,
  type Warning,
} from '../errors.ts'
import { decompressed, sniffCompression } from '../archive/decompress.ts'
import { DEFAULT_LOAD_LIMITS, type LoadLimits } from '../archive/limits.ts'
import { hostPlatform, type Platform } from '../image/platform.ts'
import { pathFromText } from '../path/byte-path.ts'
import { fromNodeError } from '../sys/errno.ts'
import { openPipe } from '../sys/open-pipe.ts'
import { BLOCK_BYTES, checksumMatches } from '../tar/header.ts'
import type { Archive, ArchiveImage } from './archive.ts'
import { DirectoryMembers } from './directory-members.ts'
import { MANIFEST, readDockerArchive, refuseV1Layout } from './docker-archive-source.ts'
import { describeFile, describeMembers, HEAD_BYTES } from './look-alike.ts'
import {
  DocumentReader,
  findFileIfPresent,
  openRegularFile,
  readFully,
  type Members,
} from './members.ts'
import { INDEX, readOCILayout } from './oci-layout-source.ts'
import type { OnProgress } from './progress.ts'
import { spool } from './spool.ts'
import { TarMembers } from './tar-members.ts'

export interface OpenArchiveOptions {
  /** Which image of a multi-platform index, and the only one that is wanted. Default: the host's, where there is a choice. */
  readonly platform?: Platform
  /** Existing; holds what had to be put on disk until `close`. */
  readonly spoolDirectory: string
  /** What the user called it, for messages. Default: the path. */
  readonly label?: string
  readonly limits?: LoadLimits
  readonly signal?: AbortSignal
  readonly onProgress?: OnProgress
}

const REPOSITORIES = pathFromText('repositories')

/**
 * @param input a file, a directory, or a pipe (`/dev/stdin`)
 * @throws NotFoundError ERR_FILE_NOT_FOUND; ArchiveError ERR_NOT_AN_IMAGE saying what it looks like, and others;
 *   IntegrityError; UnsafePathError; UnsupportedError; LimitError; HostError
 */
export async function openArchive(input: string, options: OpenArchiveOptions): Promise<Archive> {
  const label = options.label ?? input
  const inPlace = openInPlace(input, options)
  if (inPlace) return inPlace
  const { file, status } = lookAt(input, label)
  const spooled: string[] = []
  try {
    const plain = await plainTar(file, status, label, options, spooled)
    const { images, warnings, kind } = readImages(
      TarMembers.read(plain, label, options.limits),
      'tar',
      options,
    )
    return { kind, images, warnings, close: () => removeAll(spooled) }
  } catch (error) {
    await removeAll(spooled)
    throw error
  }
}

/**
 * A directory or a plain tar, which is read where it lies.
 * @returns undefined for what has to be put on disk first
 * @throws as openArchive
 */
export function openInPlace(
  input: string,
  options: Omit<OpenArchiveOptions, 'spoolDirectory'>,
): Archive | undefined {
  const label = options.label ?? input
  const { file, status } = lookAt(input, label)
  if (status.isDirectory()) {
    const members = new DirectoryMembers(file, label)
    const { images, warnings, kind } = readImages(members, 'directory', options)
    return { kind: kind === 'docker-archive' ? kind : 'oci-dir', images, warnings, close }
  }
  if (!status.isFile() || !isTar(readHead(file, label))) return undefined
  return { ...readImages(TarMembers.read(file, label, options.limits), 'tar', options), close }
}

async function close(): Promise<void> {}

async function removeAll(files: readonly string[]): Promise<void> {
  for (const file of files) fs.rmSync(file, { force: true })
}

/** The user may point through a link; below that point none is followed. */
function lookAt(input: string, label: string): { file: string; status: fs.Stats } {
  try {
    const status = fs.statSync(input)
    // A pipe behind /dev/stdin has no path of its own to be resolved to.
    const isOnDisk = status.isFile() || status.isDirectory()
    return { file: isOnDisk ? fs.realpathSync(input) : path.resolve(input), status }
  } catch (error) {
    throw inputError(`load ${label}`, input, error)
  }
}

/**
 * To be asked before a root is made for what is not there.
 * @param action how the message begins: `load app.tar`
 * @throws NotFoundError ERR_FILE_NOT_FOUND; HostError
 */
export function checkInput(action: string, input: string): void {
  try {
    fs.accessSync(input, fs.constants.R_OK)
  } catch (error) {
    throw inputError(action, input, error)
  }
}

function inputError(action: string, input: string, error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException
  if (code !== 'ENOENT' && code !== 'ENOTDIR') return fromNodeError(action, error)
  return new NotFoundError(
    'ERR_FILE_NOT_FOUND',
    `cannot ${action}: there is no such file or directory`,
    { cause: error, details: { path: input } },
  )
}

/** @returns a file that begins with a tar header */
async function plainTar(
  file: string,
  status: fs.Stats,
  label: string,
  options: OpenArchiveOptions,
  spooled: string[],
): Promise<string> {
  let plain = file
  if (!status.isFile()) {
    if (status.isBlockDevice()) throw notAnImage(label, 'it is a block device')
    plain = await spool(
      refusingOthers(openPipe(file, options), label),
      options.spoolDirectory,
      options,
    )
    spooled.push(plain)
  }
  const head = readHead(plain, label)
  if (isTar(head)) return plain
  const compression = sniffCompression(head)
  if (compression === 'none') throw notAnImage(label, `it is ${describeFile(head)}`)
  options.onProgress?.({ kind: 'step', text: `unpacking ${label} (${compression})` })
  const blob = { file: plain, offset: 0, sizeBytes: fs.statSync(plain).size }
  const bytes = bounded(
    decompressed(blob, compression, undefined, label),
    blob.sizeBytes,
    label,
    options,
  )
  const unpacked = await spool(bytes, options.spoolDirectory, options)
  // The compressed copy of a pipe is of no more use; the disk may be small.
  await removeAll(spooled.splice(0))
  spooled.push(unpacked)
  const inside = readHead(unpacked, label)
  if (isTar(inside)) return unpacked
  const what = describeFile(inside)
  throw notAnImage(label, `it is ${what} (packed with ${compression})`)
}

/**
 * The same bytes, given up once their beginning shows that they are no archive: what comes through a pipe may have no end,
 * and would fill the disk before it is looked at. What is shorter than a beginning is looked at as a whole, later.
 * @throws ArchiveError ERR_NOT_AN_IMAGE; whatever the source throws
 */
export async function* refusingOthers(
  source: AsyncIterable<Uint8Array>,
  label: string,
): AsyncGenerator<Uint8Array> {
  let beginning: Uint8Array[] | undefined = []
  let bytes = 0
  for await (const chunk of source) {
    if (beginning === undefined) {
      yield chunk
      continue
    }
    // Whoever gives chunks may use their memory again.
    beginning.push(Buffer.from(chunk))
    bytes += chunk.length
    if (bytes < HEAD_BYTES) continue
    const head = Buffer.concat(beginning).subarray(0, HEAD_BYTES)
    if (!isTar(head) && sniffCompression(head) === 'none')
      throw notAnImage(label, `it is ${describeFile(head)}`)
    yield* beginning
    beginning = undefined
  }
  if (beginning !== undefined) yield* beginning
}

/** A bomb of a few kilobytes must not fill the disk. */
async function* bounded(
  plain: AsyncIterable<Uint8Array>,
  compressedBytes: number,
  label: string,
  { limits = DEFAULT_LOAD_LIMITS }: OpenArchiveOptions,
): AsyncGenerator<Uint8Array> {
  const { expansionMax, expansionFromBytes, totalBytesMax } = limits
  const limit = Math.max(expansionFromBytes, compressedBytes * expansionMax)
  let bytes = 0
  for await (const chunk of plain) {
    bytes += chunk.length
    if (bytes > limit) {
      throw new LimitError(
        'ERR_EXPANSION_MAX',
        `cannot load ${label}: its ${compressedBytes} bytes unpack to more than ${limit}, which no real archive does`,
        {
          details: {
            name: 'expansion',
            limit: expansionMax,
            actual: Math.ceil(bytes / compressedBytes),
          },
        },
      )
    }
    if (bytes > totalBytesMax) {
      throw new LimitError(
        'ERR_EXPANSION_MAX',
        `cannot load ${label}: it unpacks to more than ${totalBytesMax} bytes`,
        { details: { name: 'total-bytes', limit: totalBytesMax, actual: bytes } },
      )
    }
    yield chunk
  }
}

/**
 * Of a file that is no tar, what it is; for whoever takes a tar alone. An empty one, and one of nothing but zeros, has no
 * members and is a tar.
 * @returns to stand after `it is `; undefined for a tar, and for what has to be unpacked first
 */
export function otherThanTar(file: string, label: string): string | undefined {
  const head = readHead(file, label)
  // Also where its first member has no name, which a layer may have and an archive of images has not.
  const beginsAsTar = head.length >= BLOCK_BYTES && checksumMatches(head, 0)
  const isTarLike = beginsAsTar || head.every((byte) => byte === 0)
  return isTarLike || sniffCompression(head) !== 'none' ? undefined : describeFile(head)
}

function readHead(file: string, label: string): Buffer {
  const fd = openRegularFile(file, label)
  try {
    const head = Buffer.alloc(HEAD_BYTES)
    return head.subarray(0, readFully(fd, head, 0))
  } finally {
    fs.closeSync(fd)
  }
}

function isTar(head: Buffer): boolean {
  return head.length >= BLOCK_BYTES && head[0] !== 0 && checksumMatches(head, 0)
}

/** manifest.json goes first where there are both, as in docker; an index alone is an OCI layout. */
function readImages(
  members: Members,
  thing: 'tar' | 'directory',
  options: Omit<OpenArchiveOptions, 'spoolDirectory'>,
): {
  kind: 'docker-archive' | 'oci-archive'
  images: readonly ArchiveImage[]
  warnings: readonly Warning[]
} {
  const manifest = findFileIfPresent(members, MANIFEST)
  const index = findFileIfPresent(members, INDEX)
  const documents = new DocumentReader(options.limits ?? DEFAULT_LOAD_LIMITS)
  const choice = {
    preferred: options.platform ?? thisPlatform(),
    required: options.platform !== undefined,
  }
  // skopeo's dir: has a manifest.json too, beside a file `version`; that one is no list of images.
  const isDirTransport = members.get(pathFromText('version')) !== undefined && index === undefined
  if (manifest && !isDirTransport) {
    try {
      const images = readDockerArchive(members, manifest, documents, options.platform)
      return { kind: 'docker-archive', images, warnings: [] }
    } catch (error) {
      // docker's containerd store exports every platform, but manifest.json lists one of them.
      const other = error instanceof LayerStoreError && error.code === 'ERR_PLATFORM'
      if (!other || !index) throw error
    }
  }
  if (index) return { kind: 'oci-archive', ...readOCILayout(members, index, documents, choice) }
  if (!manifest && members.get(REPOSITORIES) !== undefined) refuseV1Layout(members)
  throw notAnImage(members.label, `it ${describeMembers(members, thing)}`)
}

function thisPlatform(): Platform {
  const armVersion = Number((process.config.variables as { arm_version?: string }).arm_version)
  return hostPlatform({ arch: process.arch, ...(armVersion > 0 ? { armVersion } : {}) })
}

function notAnImage(label: string, why: string): ArchiveError {
  return new ArchiveError(
    'ERR_NOT_AN_IMAGE',
    `cannot load ${label}: ${why}; expected an archive of docker save, or an OCI layout`,
    {
      details: { path: label },
    },
  )
}
