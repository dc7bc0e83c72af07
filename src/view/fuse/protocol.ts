// The words of the FUSE protocol as far as this server speaks it: numbers and layouts of linux/fuse.h (7.31 to 7.45).
// Knows what stands where in a message, and nothing of what is done about it. What is in every answer is written word by
// word and not by calls: until V8 has optimised them, those are half of what an answer costs.

import type { UnionNode } from '../../union/entry.ts'
import type { LayerNode, NodeType } from '../../union/layer-view.ts'
import type { Message } from './message.ts'

export const OP = {
  LOOKUP: 1,
  FORGET: 2,
  GETATTR: 3,
  SETATTR: 4,
  READLINK: 5,
  SYMLINK: 6,
  MKNOD: 8,
  MKDIR: 9,
  UNLINK: 10,
  RMDIR: 11,
  RENAME: 12,
  LINK: 13,
  OPEN: 14,
  READ: 15,
  WRITE: 16,
  STATFS: 17,
  RELEASE: 18,
  FSYNC: 20,
  SETXATTR: 21,
  GETXATTR: 22,
  LISTXATTR: 23,
  REMOVEXATTR: 24,
  FLUSH: 25,
  INIT: 26,
  OPENDIR: 27,
  READDIR: 28,
  RELEASEDIR: 29,
  FSYNCDIR: 30,
  ACCESS: 34,
  CREATE: 35,
  INTERRUPT: 36,
  DESTROY: 38,
  IOCTL: 39,
  BATCH_FORGET: 42,
  FALLOCATE: 43,
  READDIRPLUS: 44,
  RENAME2: 45,
  LSEEK: 46,
  COPY_FILE_RANGE: 47,
  SYNCFS: 50,
  TMPFILE: 51,
} as const

/** Of INIT; those above bit 31 are in the second word. */
export const INIT = {
  ASYNC_READ: 0x1,
  ATOMIC_O_TRUNC: 0x8,
  BIG_WRITES: 0x20,
  DONT_MASK: 0x40,
  DO_READDIRPLUS: 0x2000,
  READDIRPLUS_AUTO: 0x4000,
  PARALLEL_DIROPS: 0x40000,
  POSIX_ACL: 0x100000,
  MAX_PAGES: 0x400000,
  CACHE_SYMLINKS: 0x800000,
  HANDLE_KILLPRIV_V2: 0x10000000,
  INIT_EXT: 0x40000000,
  DIRECT_IO_ALLOW_MMAP: 0x10,
  PASSTHROUGH: 0x20,
} as const

export const FOPEN = {
  DIRECT_IO: 0x1,
  KEEP_CACHE: 0x2,
  CACHE_DIR: 0x8,
  NOFLUSH: 0x20,
  PASSTHROUGH: 0x80,
} as const

export const FATTR = {
  MODE: 0x1,
  UID: 0x2,
  GID: 0x4,
  SIZE: 0x8,
  ATIME: 0x10,
  MTIME: 0x20,
  ATIME_NOW: 0x80,
  MTIME_NOW: 0x100,
  KILL_SUIDGID: 0x800,
} as const

/** Of fuse_open_in, fuse_create_in and fuse_write_in: the caller may not leave setuid on what it changes. */
export const OPEN_KILL_SUIDGID = 0x1
export const WRITE_KILL_SUIDGID = 0x4

export const IN_HEADER_BYTES = 40
export const OUT_HEADER_BYTES = 16
export const ENTRY_BYTES = 128
export const ATTR_OUT_BYTES = 104
export const OPEN_BYTES = 16
/** fuse_read_in and fuse_write_in. */
export const IO_BYTES = 40
/**
 * How large files get here: the kernel asks for up to 2^63 - 1, of which a number would be another one. What ends further
 * away is EFBIG, as at the end of any file system (generic_write_checks of fs/read_write.c).
 */
export const FILE_BYTES_MAX: number = Number.MAX_SAFE_INTEGER
/** The largest number below 2^63: a lower file may have 2^63 - 1 bytes, and one more is EIO (fuse_valid_size). */
const SHOWN_BYTES_MAX = 2 ** 63 - 1024
/** In place of an errno, of an answer that nobody asked for: what was told of a node is out of date. */
export const NOTIFY_INVALIDATE = 2
/** fuse_notify_inval_inode_out. */
export const INVALIDATE_BYTES = 24
/** Bytes for the page cache, behind a fuse_notify_store_out. */
export const NOTIFY_STORE = 4
export const STORE_BYTES = 24
const DIRENT_BYTES = 24
const WORD = 2 ** 32

const MODE_BITS: Readonly<Record<NodeType, number>> = {
  file: 0o100000,
  directory: 0o040000,
  symlink: 0o120000,
  char: 0o020000,
  block: 0o060000,
  fifo: 0o010000,
  socket: 0o140000,
}

/** Of what there is most, without looking it up by name. */
function modeBits(type: NodeType): number {
  return type === 'file' ? 0o100000 : type === 'directory' ? 0o040000 : MODE_BITS[type]
}

/** The kernel's 32-bit dev_t. */
function encodeDevice(major: number, minor: number): number {
  return ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0
}

export function decodeDevice(device: number): { devMajor: number; devMinor: number } {
  return {
    devMajor: (device & 0xfff00) >>> 8,
    devMinor: ((device & 0xff) | ((device >>> 12) & 0xfff00)) >>> 0,
  }
}

/** fuse_out_header of the answer to `request`. @returns the length of header and body */
export function writeHead(
  out: Message,
  request: Message,
  bodyBytes: number,
  errno: number,
): number {
  const { words } = out
  const asked = request.words
  const length = OUT_HEADER_BYTES + bodyBytes
  words[0] = length
  words[1] = errno
  words[2] = asked[2]!
  words[3] = asked[3]!
  return length
}

/** fuse_entry_out as far as its attributes. @param validSeconds of the name and of the attributes */
export function writeEntryHead(out: Message, at: number, id: number, validSeconds: number): void {
  const { words } = out
  const index = at >>> 2
  words[index] = id
  words[index + 1] = Math.floor(id / WORD)
  // The generation of the number: none is used twice.
  words[index + 2] = 0
  words[index + 3] = 0
  words[index + 4] = validSeconds
  words[index + 5] = 0
  words[index + 6] = validSeconds
  words[index + 7] = 0
  // Nanoseconds of both.
  words[index + 8] = 0
  words[index + 9] = 0
}

/** struct fuse_attr. @param nlink what the union counts */
export function writeAttr(
  out: Message,
  at: number,
  node: UnionNode,
  status: LayerNode,
  nlink: number,
): void {
  const { words } = out
  const { mtimeNs } = status
  const sizeBytes = Math.min(status.directoryBytes ?? status.sizeBytes, SHOWN_BYTES_MAX)
  const blocks = status.blocks ?? Math.ceil(sizeBytes / 512)
  const index = at >>> 2
  out.setWide(at, node.ino)
  words[index + 2] = sizeBytes
  words[index + 3] = Math.floor(sizeBytes / WORD)
  words[index + 4] = blocks
  words[index + 5] = Math.floor(blocks / WORD)
  out.setTime(at + 32, at + 52, mtimeNs)
  const { atimeNs = mtimeNs, ctimeNs = mtimeNs } = status
  // To take a bigint apart takes longer than to see that it is the same as the one before.
  if (atimeNs === mtimeNs) {
    words[index + 6] = words[index + 8]!
    words[index + 7] = words[index + 9]!
    words[index + 12] = words[index + 13]!
  } else {
    out.setTime(at + 24, at + 48, atimeNs)
  }
  if (ctimeNs === mtimeNs) {
    words[index + 10] = words[index + 8]!
    words[index + 11] = words[index + 9]!
    words[index + 14] = words[index + 13]!
  } else {
    out.setTime(at + 40, at + 56, ctimeNs)
  }
  words[index + 15] = modeBits(status.type) | status.mode
  words[index + 16] = nlink
  words[index + 17] = status.uid
  words[index + 18] = status.gid
  words[index + 19] = encodeDevice(status.devMajor, status.devMinor)
  words[index + 20] = 4096
  words[index + 21] = 0
}

/** Into a struct fuse_attr that is written. */
export function writeOwner(out: Message, at: number, uid: number, gid: number): void {
  out.setWord(at + 68, uid)
  out.setWord(at + 72, gid)
}

/** What a directory entry takes with its name, padded. */
export function direntBytes(nameBytes: number): number {
  return DIRENT_BYTES + ((nameBytes + 7) & ~7)
}

/** @param next where a reader goes on. @returns where the next one is written */
export function writeDirent(
  out: Message,
  at: number,
  entry: {
    readonly ino: bigint
    readonly next: number
    readonly type: number
    readonly name: string
  },
): number {
  const { name } = entry
  out.setWide(at, entry.ino)
  out.setNumber(at + 8, entry.next)
  out.setWord(at + 16, name.length)
  out.setWord(at + 20, entry.type)
  return out.setName(at + DIRENT_BYTES, name)
}

/** DT_* of dirent.h. */
export function direntType(type: NodeType): number {
  return modeBits(type) >> 12
}
