// The files of an archive by name, and the rules by which a manifest's words become one of them: no name and no link
// leads out of the archive, links are followed a bounded number of times, and what is read is a regular file.
// Refuses to know where members live: a tar and a directory each say that in their own file.

import fs from 'node:fs'
import type { ByteRange } from '../archive/layer-job.ts'
import { ArchiveError, UnsafePathError } from '../errors.ts'
import { checkJSONBytes, jsonLimit } from '../image/json.ts'
import type { LoadLimits } from '../archive/limits.ts'
import { cleanPath, dirname, joinPath, pathText, type BytePath } from '../path/byte-path.ts'
import { fromNodeError } from '../sys/errno.ts'

export type Member =
  | { readonly kind: 'file'; readonly range: ByteRange }
  | { readonly kind: 'directory' }
  | { readonly kind: 'symlink' | 'hardlink'; readonly target: BytePath }
  | { readonly kind: 'other'; readonly what: 'a FIFO' | 'a device' | 'a socket' | 'a sparse file' }

export interface Members {
  /** The archive, for messages: the path as the user gave it. */
  readonly label: string
  /** The member with exactly this clean path, no link followed. */
  get(path: BytePath): Member | undefined
  /** Clean paths of the members at the top, for guesses at what this is. */
  top(): readonly BytePath[]
}

/** Whether links may stand between a name and its bytes. OCI blobs are named by digest: a link there is no mistake of a tool. */
export type LinkPolicy = 'follow' | 'refuse'

/** As many as the kernel follows (MAXSYMLINKS). */
const LINKS_MAX = 40

/**
 * The regular file at a path.
 * @param path clean and relative, as `parseArchiveManifest` gives it
 * @param namedBy who says that it is there, for messages: `manifest.json`
 * @throws UnsafePathError ERR_LINK_ESCAPE; ArchiveError ERR_MEMBER_MISSING
 */
export function findFile(
  members: Members,
  path: BytePath,
  namedBy: string,
  links: LinkPolicy = 'follow',
): ByteRange {
  const range = findFileIfPresent(members, path, links)
  if (range) return range
  throw new ArchiveError(
    'ERR_MEMBER_MISSING',
    `cannot read ${members.label}: ${namedBy} names ${quoted(path)}, which is not in it; the archive is incomplete, make it again`,
    { details: { entry: pathText(path), namedBy } },
  )
}

export function findFileIfPresent(
  members: Members,
  path: BytePath,
  links: LinkPolicy = 'follow',
): ByteRange | undefined {
  const member = resolve(members, path, links)
  if (member === undefined || member.kind === 'file') return member?.range
  const what = member.kind === 'other' ? member.what : 'a directory'
  throw new ArchiveError(
    'ERR_MEMBER_MISSING',
    `cannot read ${members.label}: ${quoted(path)} is ${what}, where a regular file is expected`,
    { details: { entry: pathText(path) } },
  )
}

/** Follows links component by component, as the kernel would with the archive as its whole world. */
function resolve(
  members: Members,
  path: BytePath,
  links: LinkPolicy,
): Exclude<Member, { kind: 'symlink' | 'hardlink' }> | undefined {
  let todo = path.split('/')
  let done = '' as BytePath
  let member: Member | undefined
  for (let followed = 0; todo.length > 0;) {
    const here = joinPath(done, todo.shift() as BytePath)
    member = members.get(here)
    if (member?.kind !== 'symlink' && member?.kind !== 'hardlink') {
      // Tars may leave out directories, so a missing one on the way proves nothing.
      done = here
      continue
    }
    // A hardlink in a tar is a second name of a regular file, made by archiving a directory that has two.
    if (links === 'refuse' && member.kind === 'symlink') {
      throw linkError(members, here, member.target, 'a blob must be a regular file')
    }
    if (++followed > LINKS_MAX) {
      throw linkError(members, here, member.target, 'the links lead in a circle')
    }
    const base = member.kind === 'symlink' ? `${dirname(here)}/` : ''
    const target = cleanPath(`${base}${member.target}` as BytePath)
    if (target.escapes || (member.kind === 'symlink' && member.target.startsWith('/'))) {
      throw linkError(members, here, member.target, 'it leads out of the archive')
    }
    todo = [...(target.path === '' ? [] : target.path.split('/')), ...todo]
    done = '' as BytePath
    if (todo.length > 4096)
      throw linkError(members, here, member.target, 'what it leads to grows without end')
    member = { kind: 'directory' }
  }
  return member as Exclude<Member, { kind: 'symlink' | 'hardlink' }> | undefined
}

function linkError(
  members: Members,
  entry: BytePath,
  target: BytePath,
  why: string,
): UnsafePathError {
  return new UnsafePathError(
    'ERR_LINK_ESCAPE',
    `cannot read ${members.label}: ${quoted(entry)} is a link to ${quoted(target)}: ${why}`,
    { details: { entry: pathText(entry), target: pathText(target) } },
  )
}

/**
 * Reads the documents of one archive, and counts them: a few kilobytes of gzip can hold a hundred large configs, all of
 * which are kept until the load is done.
 */
export class DocumentReader {
  readonly limits: LoadLimits
  private totalBytes = 0

  constructor(limits: LoadLimits) {
    this.limits = limits
  }

  /** @throws LimitError ERR_JSON_MAX before a byte is read */
  read(range: ByteRange, label: string): Buffer {
    const { jsonTotalBytesMax } = this.limits
    checkJSONBytes(range.sizeBytes, label, this.limits)
    this.totalBytes += range.sizeBytes
    if (this.totalBytes > jsonTotalBytesMax) {
      const reason = `with it, the archive's manifests and configs have more than ${jsonTotalBytesMax} bytes`
      throw jsonLimit(label, 'json-total', reason, jsonTotalBytesMax, this.totalBytes)
    }
    return readWhole(range, label)
  }
}

function readWhole(range: ByteRange, label: string): Buffer {
  const bytes = Buffer.alloc(range.sizeBytes)
  const fd = openRegularFile(range.file, label)
  try {
    const read = readFully(fd, bytes, range.offset)
    if (read < bytes.length) {
      throw new ArchiveError(
        'ERR_TAR_TRUNCATED',
        `cannot read ${label}: ${range.file} became shorter while it was read`,
        { details: { path: range.file } },
      )
    }
  } catch (error) {
    throw fromNodeError(`read ${label}`, error)
  } finally {
    fs.closeSync(fd)
  }
  return bytes
}

/** O_NOFOLLOW and O_NONBLOCK: a file that was swapped for a link or a FIFO after it was looked at is refused, not waited for. */
export function openRegularFile(file: string, label: string): number {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants
  let fd: number
  try {
    fd = fs.openSync(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  } catch (error) {
    throw fromNodeError(`read ${label}`, error)
  }
  if (fs.fstatSync(fd).isFile()) return fd
  fs.closeSync(fd)
  throw new ArchiveError(
    'ERR_MEMBER_MISSING',
    `cannot read ${label}: ${file} is not a regular file`,
    {
      details: { path: file },
    },
  )
}

/** @returns how many bytes there were; fewer than asked for only at the end of the file */
export function readFully(fd: number, into: Buffer, position: number): number {
  let done = 0
  while (done < into.length) {
    const count = fs.readSync(fd, into, done, into.length - done, position + done)
    if (count === 0) break
    done += count
  }
  return done
}

/** Names come out of archives: quoted, so that no control character reaches a terminal raw, and cut. */
export function quoted(path: BytePath): string {
  const name = pathText(path)
  return JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}...` : name)
}
