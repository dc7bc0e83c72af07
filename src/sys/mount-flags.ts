// The words of mount(8) for what holds on any file system (nosuid, noatime, sync ...), as the bits that mount(2) takes, and
// as what the mount API has in their place: attributes of the mount, and options of the file system in it.

/** The options of mount(2) are one page with its NUL. */
export const OPTIONS_BYTES_MAX = 4095

const MS_RDONLY = 1
const MS_NOATIME = 1024
const MS_STRICTATIME = 1 << 24

/** Bits to set, and bits to take away. */
const FLAGS: Readonly<Record<string, readonly [on: number, off: number]>> = {
  ro: [MS_RDONLY, 0],
  rw: [0, MS_RDONLY],
  nosuid: [2, 0],
  suid: [0, 2],
  nodev: [4, 0],
  dev: [0, 4],
  noexec: [8, 0],
  exec: [0, 8],
  sync: [16, 0],
  async: [0, 16],
  mand: [64, 0],
  nomand: [0, 64],
  dirsync: [128, 0],
  nosymfollow: [256, 0],
  symfollow: [0, 256],
  noatime: [MS_NOATIME, 0],
  atime: [0, MS_NOATIME],
  nodiratime: [2048, 0],
  diratime: [0, 2048],
  silent: [1 << 15, 0],
  loud: [0, 1 << 15],
  relatime: [1 << 21, 0],
  norelatime: [0, 1 << 21],
  iversion: [1 << 23, 0],
  noiversion: [0, 1 << 23],
  strictatime: [MS_STRICTATIME, 0],
  nostrictatime: [0, MS_STRICTATIME],
  lazytime: [1 << 25, 0],
  nolazytime: [0, 1 << 25],
}

export const MOUNT_FLAGS: ReadonlySet<string> = new Set(
  Object.keys(FLAGS).filter((word) => word !== 'ro' && word !== 'rw'),
)

/** Bits of mount(2) that are of the file system. Of iversion and silent fsconfig(2) knows nothing. */
const OF_SUPERBLOCK: readonly string[] = ['ro', 'sync', 'dirsync', 'mand', 'lazytime']

/** Bits of mount(2), and MOUNT_ATTR_* of fsmount(2). */
const ATTRIBUTES: readonly (readonly [flag: number, attribute: number])[] = [
  [MS_RDONLY, 1],
  [2, 2],
  [4, 4],
  [8, 8],
  [2048, 0x80],
  [256, 0x20_0000],
]
const MOUNT_ATTR_NOATIME = 0x10
const MOUNT_ATTR_STRICTATIME = 0x20

/** A later word wins over an earlier one. */
export function mountFlags(words: readonly string[]): number {
  let bits = 0
  for (const word of words) {
    const [on, off] = FLAGS[word] ?? [0, 0]
    bits = (bits & ~off) | on
  }
  return bits
}

/** For fsmount(2), whose access times are one choice of three, where mount(2) lets strictatime win (path_mount). */
export function mountAttributes(words: readonly string[]): number {
  const bits = mountFlags(words)
  let attributes = 0
  for (const [flag, attribute] of ATTRIBUTES) if ((bits & flag) !== 0) attributes |= attribute
  if ((bits & MS_STRICTATIME) !== 0) return attributes | MOUNT_ATTR_STRICTATIME
  return (bits & MS_NOATIME) !== 0 ? attributes | MOUNT_ATTR_NOATIME : attributes
}

/** Whether a word is said, and no later one takes it back. */
export function asksFor(words: readonly string[], word: string): boolean {
  return (mountFlags(words) & mountFlags([word])) !== 0
}

/** For fsconfig(2), each a flag of its own. */
export function superblockWords(words: readonly string[]): string[] {
  return OF_SUPERBLOCK.filter((word) => asksFor(words, word))
}
