// What files take on the disk: blocks, not lengths, so that sparse files count what they hold; a file with several names
// once. Walks by getdents and statx below open directories and stays on the file system that it starts on: what is
// mounted inside (a container's merged root, a volume) is somebody else's space.
// Knows nothing of stores; a caller says at which paths another account begins.

import type { BytePath } from '../path/byte-path.ts'
import { errnoName, ERRNO } from './errno.ts'
import { AT_FDCWD, AT_SYMLINK_NOFOLLOW, O, close, openAt, readDirectory } from './file-calls.ts'
import { CString, checked, libc, unusable } from './libc.ts'

/** st_blocks counts in these, whatever the block size of the file system (stat(2)). */
const BLOCK_BYTES = 512

/** STATX_TYPE, STATX_NLINK, STATX_INO, STATX_BLOCKS */
const MASK = 0x1 | 0x4 | 0x100 | 0x400
const ONLY_DEVICE = 0
const S_IFMT = 0o170000
const S_IFDIR = 0o040000

export interface Unreadable {
  readonly path: string
  /** `EACCES` ... */
  readonly errno: string
}

/** A file of several names, as far as they were seen. */
interface Linked {
  readonly bytes: number
  readonly nlink: number
  seen: number
}

/** An account that walks are booked on. */
export class BlockCount {
  entries = 0
  /** Of all that has one name, and of directories. */
  plainBytes = 0
  readonly linked: Map<string, Linked> = new Map<string, Linked>()
  readonly unreadable: Unreadable[] = []

  add(other: BlockCount): void {
    this.entries += other.entries
    this.plainBytes += other.plainBytes
    for (const [key, { bytes, nlink, seen }] of other.linked) this.link(key, bytes, nlink, seen)
    this.unreadable.push(...other.unreadable)
  }

  link(key: string, bytes: number, nlink: number, seen: number): void {
    const known = this.linked.get(key)
    if (known === undefined) this.linked.set(key, { bytes, nlink, seen })
    else known.seen += seen
  }

  /** What it takes: each file once, however many of its names are here. */
  get bytes(): number {
    let sum = this.plainBytes
    for (const { bytes } of this.linked.values()) sum += bytes
    return sum
  }

  /** What its removal gives back: a file that has a name elsewhere stays. */
  get freedBytes(): number {
    let sum = this.plainBytes
    for (const { bytes, nlink, seen } of this.linked.values()) if (seen >= nlink) sum += bytes
    return sum
  }
}

interface Status {
  isDirectory: boolean
  bytes: number
  nlink: number
  device: number
  key: string
}

const path = new CString()
const buffer = Buffer.alloc(256)
/** One object for all calls: a walk asks hundreds of thousands of times. */
const status: Status = { isDirectory: false, bytes: 0, nlink: 0, device: 0, key: '' }

function readStatus(dir: number, name: string, mask = MASK): number {
  const bytes = path.set(name)
  if (!bytes) return unusable(name)
  const result = checked(libc().statx(dir, bytes, AT_SYMLINK_NOFOLLOW, mask, buffer))
  if (result < 0) return result
  status.isDirectory = (buffer.readUInt16LE(28) & S_IFMT) === S_IFDIR
  status.nlink = buffer.readUInt32LE(16)
  status.bytes = (buffer.readUInt32LE(48) + buffer.readUInt32LE(52) * 2 ** 32) * BLOCK_BYTES
  status.device = buffer.readUInt32LE(136) * 2 ** 20 + buffer.readUInt32LE(140)
  // Empty files of several names (overlay's whiteouts are one inode) have nothing to count once.
  if (!status.isDirectory && status.nlink > 1 && status.bytes > 0)
    status.key = `${status.device}:${buffer.readBigUInt64LE(32)}`
  else status.key = ''
  return 0
}

function book(count: BlockCount): void {
  count.entries++
  if (status.key === '') count.plainBytes += status.bytes
  else count.link(status.key, status.bytes, status.nlink, 1)
}

/**
 * Books a file or a whole tree; missing is nothing. What goes away meanwhile is passed over, what may not be read is
 * noted.
 * @param switches at these absolute paths another account begins, for all that is below
 */
export function countBlocks(
  place: string,
  count: BlockCount,
  switches: ReadonlyMap<string, BlockCount> = new Map(),
): void {
  const at = Buffer.from(place, 'utf8').toString('latin1')
  const result = readStatus(AT_FDCWD, at)
  if (result < 0) {
    note(count, at, result)
    return
  }
  const account = switches.get(at) ?? count
  book(account)
  if (!status.isDirectory) return
  const inSwitch = account !== count
  new Walk(status.device, switches).directory(AT_FDCWD, at, at, account, inSwitch)
}

/** Keys are compared with paths as bytes. */
export function asSwitches(
  accounts: Iterable<readonly [string, BlockCount]>,
): Map<string, BlockCount> {
  const map = new Map<string, BlockCount>()
  for (const [place, count] of accounts)
    map.set(Buffer.from(place, 'utf8').toString('latin1'), count)
  return map
}

function note(count: BlockCount, at: string, result: number): void {
  if (result === -ERRNO.ENOENT || result === -ERRNO.ENOTDIR) return
  count.unreadable.push({
    path: Buffer.from(at, 'latin1').toString('utf8'),
    errno: errnoName(-result),
  })
}

class Walk {
  private readonly device: number
  private readonly switches: ReadonlyMap<string, BlockCount>

  constructor(device: number, switches: ReadonlyMap<string, BlockCount>) {
    this.device = device
    this.switches = switches
  }

  /** @param settled no other account can begin below: then no path is put together for each entry */
  directory(dir: number, name: string, at: string, count: BlockCount, settled: boolean): void {
    const fd = openAt(dir, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW)
    if (fd < 0) {
      note(count, at, fd)
      return
    }
    try {
      const entries = readDirectory(fd)
      if (typeof entries === 'number') note(count, at, entries)
      else for (const entry of entries) this.entry(fd, entry.name, at, count, settled)
    } finally {
      close(fd)
    }
  }

  private entry(
    fd: number,
    name: BytePath,
    parent: string,
    count: BlockCount,
    settled: boolean,
  ): void {
    const result = readStatus(fd, name)
    if (result < 0) {
      if (!this.isElsewhere(fd, name, result)) note(count, `${parent}/${name}`, result)
      return
    }
    if (status.device !== this.device) return
    const { isDirectory } = status
    const other = settled ? undefined : this.switches.get(`${parent}/${name}`)
    const account = other ?? count
    book(account)
    if (isDirectory)
      this.directory(fd, name, `${parent}/${name}`, account, settled || other !== undefined)
  }

  /** A user's FUSE mount tells others, and root too, nothing but its device (fs/fuse/dir.c, fuse_getattr). */
  private isElsewhere(fd: number, name: BytePath, result: number): boolean {
    return (
      result === -ERRNO.EACCES &&
      readStatus(fd, name, ONLY_DEVICE) === 0 &&
      status.device !== this.device
    )
  }
}
