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

/** By the high four bits of st_mode: in an object, numbers as large as the whole would be looked up by a hash table. */
const TYPES: readonly (FileType | undefined)[] = [
  ...[undefined, 'fifo', 'char', undefined, 'directory', undefined, 'block', undefined],
  ...['file', undefined, 'symlink', undefined, 'socket'],
] as const

const STATX_BASIC_STATS = 0x7ff
/** Where the times begin, by words. */
const ATIME = 16
const CTIME = 24
const MTIME = 28
const path = new CString()
/** The open file itself. */
const SELF = new Uint8Array(1)
const WORD = 2 ** 32
/** By words: Buffer's methods cost five times as much until V8 has optimised them. */
const words = new Uint32Array(64)
const buffer = new Uint8Array(words.buffer)

/** Of `name` in an open directory, itself if it is a symlink; a negative errno on failure. */
export function statusAt(dir: number, name: BytePath | string): FileStatus | number {
  const isSelf = name === ''
  const bytes = isSelf ? SELF : path.set(name)
  if (!bytes) return unusable(name)
  const flags = AT_SYMLINK_NOFOLLOW | (isSelf ? AT_EMPTY_PATH : 0)
  const result = checked(libc().statx(dir, bytes, flags, STATX_BASIC_STATS, buffer))
  return result < 0 ? result : decode()
}

/** @param mode st_mode, whole */
export function fileType(mode: number): FileType {
  return TYPES[mode >>> 12] ?? 'file'
}

/** Of an open file, O_PATH included; a negative errno on failure. */
export function statusOf(fd: number): FileStatus | number {
  return statusAt(fd, '')
}

/** struct statx of linux/stat.h; one layout on all architectures, in native byte order (both of ours are little). */
function decode(): FileStatus {
  const mode = words[7]! & 0xffff
  const mtimeNs = time(MTIME)
  return {
    type: fileType(mode),
    mode: mode & 0o7777,
    nlink: words[4]!,
    uid: words[5]!,
    gid: words[6]!,
    ino: joinWords(words[8]!, words[9]!),
    sizeBytes: words[10]! + words[11]! * WORD,
    blocks: words[12]! + words[13]! * WORD,
    atimeNs: isSameTime(ATIME, MTIME) ? mtimeNs : time(ATIME),
    ctimeNs: isSameTime(CTIME, MTIME) ? mtimeNs : time(CTIME),
    mtimeNs,
    devMajor: words[32]!,
    devMinor: words[33]!,
    device: words[34]! * WORD + words[35]!,
  }
}

/** As most often: of what was made and not changed since. */
function isSameTime(a: number, b: number): boolean {
  return words[a + 2] === words[b + 2] && words[a] === words[b] && words[a + 1] === words[b + 1]
}

/** struct statx_timestamp. @param index of its first word */
function time(index: number): bigint {
  return nanoseconds((words[index + 1]! | 0) * WORD + words[index]!, words[index + 2]!)
}
