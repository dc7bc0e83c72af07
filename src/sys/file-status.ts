// What the kernel says about a file, by statx(2), with nanoseconds as bigint: node:fs has dirfd-relative stat in no
// form, and its number API rounds times. Fields that nobody asked for are not computed.

import type { BytePath } from '../path/byte-path.ts'
import { AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW } from './file-calls.ts'
import { CString, checked, libc, unusable } from './libc.ts'
import { joinWords, nanoseconds } from './wide-numbers.ts'

export type FileType = 'file' | 'directory' | 'symlink' | 'char' | 'block' | 'fifo' | 'socket'

export interface FileStatus {
  readonly type: FileType
  /** The low 12 bits. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly nlink: number
  readonly sizeBytes: number
  /** Of 512 bytes, on the disk: fewer than the size has where there are holes. */
  readonly blocks: number
  readonly ino: bigint
  /** Which file system: a number for each. */
  readonly device: number
  /** Of a device node. */
  readonly devMajor: number
  readonly devMinor: number
  readonly atimeNs: bigint
  readonly mtimeNs: bigint
  readonly ctimeNs: bigint
}

const TYPES: Readonly<Record<number, FileType>> = {
  0o100000: 'file',
  0o040000: 'directory',
  0o120000: 'symlink',
  0o020000: 'char',
  0o060000: 'block',
  0o010000: 'fifo',
  0o140000: 'socket',
}

const STATX_BASIC_STATS = 0x7ff
const path = new CString()
const buffer = Buffer.alloc(256)

/** Of `name` in an open directory, itself if it is a symlink; a negative errno on failure. */
export function statusAt(dir: number, name: BytePath | string): FileStatus | number {
  const bytes = path.set(name)
  if (!bytes) return unusable(name)
  const flags = AT_SYMLINK_NOFOLLOW | (name === '' ? AT_EMPTY_PATH : 0)
  const result = checked(libc().statx(dir, bytes, flags, STATX_BASIC_STATS, buffer))
  return result < 0 ? result : decode()
}

/** Of an open file, O_PATH included; a negative errno on failure. */
export function statusOf(fd: number): FileStatus | number {
  return statusAt(fd, '')
}

/** struct statx of linux/stat.h; one layout on all architectures, in native byte order (both of ours are little). */
function decode(): FileStatus {
  const mode = buffer.readUInt16LE(28)
  return {
    type: TYPES[mode & 0o170000] ?? 'file',
    mode: mode & 0o7777,
    nlink: buffer.readUInt32LE(16),
    uid: buffer.readUInt32LE(20),
    gid: buffer.readUInt32LE(24),
    ino: joinWords(buffer.readUInt32LE(32), buffer.readUInt32LE(36)),
    sizeBytes: buffer.readUInt32LE(40) + buffer.readUInt32LE(44) * 2 ** 32,
    blocks: buffer.readUInt32LE(48) + buffer.readUInt32LE(52) * 2 ** 32,
    atimeNs: time(64),
    ctimeNs: time(96),
    mtimeNs: time(112),
    devMajor: buffer.readUInt32LE(128),
    devMinor: buffer.readUInt32LE(132),
    device: buffer.readUInt32LE(136) * 2 ** 32 + buffer.readUInt32LE(140),
  }
}

function time(at: number): bigint {
  const seconds = buffer.readInt32LE(at + 4) * 2 ** 32 + buffer.readUInt32LE(at)
  return nanoseconds(seconds, buffer.readUInt32LE(at + 8))
}
