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
const WORD = 2 ** 32
/** By words: Buffer's methods cost five times as much until V8 has optimised them. */
const words = new Uint32Array(64)
const buffer = new Uint8Array(words.buffer)

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
  const mode = words[7]! & 0xffff
  return {
    type: TYPES[mode & 0o170000] ?? 'file',
    mode: mode & 0o7777,
    nlink: words[4]!,
    uid: words[5]!,
    gid: words[6]!,
    ino: joinWords(words[8]!, words[9]!),
    sizeBytes: words[10]! + words[11]! * WORD,
    blocks: words[12]! + words[13]! * WORD,
    atimeNs: time(16),
    ctimeNs: time(24),
    mtimeNs: time(28),
    devMajor: words[32]!,
    devMinor: words[33]!,
    device: words[34]! * WORD + words[35]!,
  }
}

/** struct statx_timestamp. @param index of its first word */
function time(index: number): bigint {
  return nanoseconds((words[index + 1]! | 0) * WORD + words[index]!, words[index + 2]!)
}
