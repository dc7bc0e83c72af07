// Which directories hold a materialised merge: the kernel lists mounts, but nobody would remember these. One small file
// each in ROOT/shale/merges, named by the digest of the target's path, written before the first entry is, so that a
// merge whose maker was killed can still be taken away.
// Knows the records and their directories' identity; what is in a merge it does not care.

import fs from 'node:fs'
import path from 'node:path'
import { sha256Of } from '../digest/chain-id.ts'
import { hexOf } from '../digest/digest.ts'
import { ConflictError } from '../errors.ts'
import { writeFileAtomic } from '../sys/atomic-write.ts'
import { fromNodeError, hostError } from '../sys/errno.ts'
import { close } from '../sys/file-calls.ts'
import { syncFileSystemOf } from '../sys/lock-directory.ts'
import { listMounts } from '../sys/mount-table.ts'
import type { DiskForm } from './disk-form.ts'
import { emptyDirectory, openTarget } from './materialise.ts'

export interface MergeRecord {
  /** Real path (no symlinks) at the time. */
  readonly target: string
  /** Of the target directory: another one at the same path is not ours to empty. Decimal. */
  readonly inode: string
  /** When that directory was made, in nanoseconds, where its file system keeps that: inode numbers are used again. */
  readonly born?: string
  readonly topCacheID: string
  /** As the user named it. */
  readonly image: string
  /** RFC 3339. */
  readonly createdAt: string
  /** Absent: of an image. */
  readonly of?: 'container' | 'directories'
  /**
   * Of a writable merge: where what is changed in it belongs. Taken out when that is done, before the first name is
   * removed: what is missing in a merge that is half empty was not removed by its user.
   */
  readonly fold?: FoldPlace
  /** Not all of it is written yet, or its maker was killed: what is missing was never there. */
  readonly unfinished?: true
}

/** Real paths. */
export interface FoldPlace {
  readonly form: DiskForm
  /** Nearest first. */
  readonly lowers: readonly string[]
  readonly upper: string
  readonly work: string
}

export function recordFile(merges: string, target: string): string {
  return path.join(merges, `${hexOf(sha256Of(Buffer.from(target, 'utf8')))}.json`)
}

/** Of the directory that is there now. */
export function inodeOf(target: string): string {
  return String(fs.statSync(target, { bigint: true }).ino)
}

/** @param merges made when missing; its parent must exist or be makeable by the caller */
export function writeRecord(merges: string, record: MergeRecord): void {
  try {
    fs.mkdirSync(merges, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw fromNodeError(`remember the merge in ${merges}`, error)
  }
  writeFileAtomic(recordFile(merges, record.target), JSON.stringify(record), 0o600)
}

/** Unreadable records are left out: one bad file must not hide the others. */
export function readRecords(merges: string): MergeRecord[] {
  let names: string[]
  try {
    names = fs.readdirSync(merges)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw fromNodeError(`list the merges in ${merges}`, error)
  }
  const records: MergeRecord[] = []
  for (const name of names.sort()) {
    if (!/^[0-9a-f]{64}\.json$/.test(name)) continue
    const record = parseRecord(path.join(merges, name))
    if (record !== undefined) records.push(record)
  }
  return records
}

function parseRecord(file: string): MergeRecord | undefined {
  try {
    const value = JSON.parse(fs.readFileSync(file, 'utf8')) as Record<string, unknown> | null
    const keys = ['target', 'inode', 'topCacheID', 'image', 'createdAt']
    if (value === null || keys.some((key) => typeof value[key] !== 'string')) return undefined
    return value as unknown as MergeRecord
  } catch {
    return undefined
  }
}

/**
 * The merge is complete, on the disk as well: after a power cut, too, what is missing in it was removed by its user. The
 * record has the time of now, by the clock that files have.
 */
export function finishRecord(merges: string, record: MergeRecord): void {
  const { target } = record
  const fd = openTarget(target)
  try {
    const synced = syncFileSystemOf(fd)
    if (synced < 0) throw hostError(`write ${target} to disk`, -synced, 'syncfs', target)
  } finally {
    close(fd)
  }
  const { unfinished: _, ...finished } = record
  const { birthtimeNs, ctimeNs } = fs.statSync(target, { bigint: true })
  // Where the kernel cannot say it, Node gives the time of the last change, which does not stay.
  const isKept = birthtimeNs > 0n && birthtimeNs !== ctimeNs
  writeRecord(merges, { ...finished, ...(isKept ? { born: String(birthtimeNs) } : {}) })
}

/** When the merge was complete. */
export function writtenNs(merges: string, target: string): bigint {
  return fs.statSync(recordFile(merges, target), { bigint: true }).mtimeNs
}

export function removeRecord(merges: string, target: string): void {
  fs.rmSync(recordFile(merges, target), { force: true })
}

/**
 * Empties the directory that a merge was written into, and forgets it. A directory that is gone is success.
 * @throws as requireMerge
 */
export function unmaterialise(merges: string, record: MergeRecord): void {
  const { target } = record
  if (requireMerge(merges, record)) {
    const fd = openTarget(target)
    try {
      emptyDirectory(fd, target)
    } finally {
      close(fd)
    }
  }
  removeRecord(merges, target)
}

/**
 * Before a merge is folded and emptied.
 * @returns false where the directory is gone
 * @throws ConflictError ERR_MOUNT_EXISTS when something is mounted inside it, which must not be emptied with it; as
 * requireSame
 */
export function requireMerge(merges: string, record: MergeRecord): boolean {
  const { target } = record
  const inside = listMounts().find((mount) => mount.target.startsWith(`${target}/`))
  if (inside !== undefined) {
    throw new ConflictError(
      'ERR_MOUNT_EXISTS',
      `cannot remove the merge in ${target}: ${inside.target} is mounted in it; unmount that first`,
      { details: { path: target, mount: inside.target } },
    )
  }
  return requireSame(merges, record)
}

/**
 * Before what is in a directory is taken for the merge that was written there.
 * @returns false where the directory is gone
 * @throws ConflictError ERR_DESTINATION_EXISTS when another directory took its place
 */
export function requireSame(merges: string, record: MergeRecord): boolean {
  const { target } = record
  const status = fs.statSync(target, { bigint: true, throwIfNoEntry: false })
  if (!status?.isDirectory()) return false
  const { inode, born } = record
  const isSame = String(status.ino) === inode
  if (isSame && (born === undefined || String(status.birthtimeNs) === born)) return true
  const file = recordFile(merges, target)
  throw new ConflictError(
    'ERR_DESTINATION_EXISTS',
    `cannot remove the merge in ${target}: another directory is there now; if the merge is gone, remove ${file}`,
    { details: { path: target, record: file } },
  )
}
