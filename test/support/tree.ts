// A directory tree as plain facts, to be compared with another: read by lstat and getfattr, not by shale's own eyes.

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import fs from 'node:fs'

export interface TreeEntry {
  readonly type: string
  readonly mode: string
  readonly uid: number
  readonly gid: number
  /** Of everything but directories, whose size and link count belong to the file system. */
  readonly sizeBytes?: number
  readonly mtimeNs?: string
  readonly device?: number
  readonly target?: string
  readonly sha256?: string
  /** First path, in byte order, of the same inode. */
  readonly linkedTo?: string
  readonly xattrs: Readonly<Record<string, string>>
}

export interface TreeOptions {
  /** Directories' mtimes too; default true. */
  readonly directoryTimes?: boolean
  /** Times of all else; default true. */
  readonly times?: boolean
  /** Whether an attribute counts; default all do. */
  readonly xattr?: (name: string) => boolean
  /** Whether a file's content is read; default true. */
  readonly content?: boolean
}

const TYPES: readonly (readonly [number, string])[] = [
  [fs.constants.S_IFREG, 'file'],
  [fs.constants.S_IFDIR, 'directory'],
  [fs.constants.S_IFLNK, 'symlink'],
  [fs.constants.S_IFCHR, 'char'],
  [fs.constants.S_IFBLK, 'block'],
  [fs.constants.S_IFIFO, 'fifo'],
  [fs.constants.S_IFSOCK, 'socket'],
]

/** Keys are paths below `root`, latin1 so that names that are no UTF-8 stay apart; the root itself is ''. */
export function readTree(root: string, options: TreeOptions = {}): Map<string, TreeEntry> {
  const xattrs = readXattrs(root)
  const entries = new Map<string, TreeEntry>()
  const inodes = new Map<bigint, string>()

  const visit = (relative: string): void => {
    const absolute = Buffer.from(relative === '' ? root : `${root}/${relative}`, 'latin1')
    const stat = fs.lstatSync(absolute, { bigint: true })
    const format = Number(stat.mode) & fs.constants.S_IFMT
    const type = TYPES.find(([bits]) => bits === format)![1]
    const isDirectory = type === 'directory'
    const isDevice = type === 'char' || type === 'block'
    const isTimed = options.times !== false && (!isDirectory || options.directoryTimes !== false)
    const linkedTo = isDirectory ? undefined : inodes.get(stat.ino)
    if (linkedTo === undefined) inodes.set(stat.ino, relative)
    const kept = Object.entries(xattrs.get(relative) ?? {}).filter(
      ([name]) => options.xattr?.(name) ?? true,
    )
    entries.set(relative, {
      type,
      mode: (Number(stat.mode) & 0o7777).toString(8),
      uid: Number(stat.uid),
      gid: Number(stat.gid),
      ...(isDirectory ? {} : { sizeBytes: Number(stat.size) }),
      ...(isTimed ? { mtimeNs: String(stat.mtimeNs) } : {}),
      ...(isDevice ? { device: Number(stat.rdev) } : {}),
      ...(type === 'symlink'
        ? { target: fs.readlinkSync(absolute, 'buffer').toString('latin1') }
        : {}),
      ...(type === 'file' && options.content !== false ? { sha256: hashFile(absolute) } : {}),
      // Whiteouts share an inode as the kernel pleases.
      ...(linkedTo === undefined || isDevice ? {} : { linkedTo }),
      xattrs: Object.fromEntries(kept.sort(([a], [b]) => (a < b ? -1 : 1))),
    })
    if (!isDirectory) return
    const names = fs.readdirSync(absolute, 'buffer').map((name) => name.toString('latin1'))
    for (const name of names.sort()) visit(relative === '' ? name : `${relative}/${name}`)
  }
  visit('')
  return entries
}

function hashFile(file: Buffer): string {
  const hash = createHash('sha256')
  const chunk = Buffer.allocUnsafe(1 << 20)
  const fd = fs.openSync(file, 'r')
  try {
    for (let read = 1; read > 0;) {
      read = fs.readSync(fd, chunk, 0, chunk.length, null)
      hash.update(chunk.subarray(0, read))
    }
  } finally {
    fs.closeSync(fd)
  }
  return hash.digest('hex')
}

/** All xattrs below a directory by one getfattr, path to name to hex value. Empty where getfattr is missing. */
function readXattrs(root: string): Map<string, Record<string, string>> {
  const found = new Map<string, Record<string, string>>()
  const flags = ['-R', '-P', '-h', '-d', '-m', '-', '-e', 'hex', '.']
  const done = spawnSync('getfattr', flags, { cwd: root, maxBuffer: 1 << 30 })
  if (done.error) return found
  let current: Record<string, string> = {}
  for (const line of done.stdout.toString('latin1').split('\n')) {
    const file = /^# file: (.*)$/.exec(line)?.[1]
    if (file !== undefined) {
      const name = file.replace(/\\([0-7]{3})/g, (_, digits: string) =>
        String.fromCharCode(parseInt(digits, 8)),
      )
      found.set(name === '.' ? '' : name.replace(/^\.\//, ''), (current = {}))
    } else if (line !== '') {
      const equals = line.indexOf('=')
      if (equals < 0) current[line] = ''
      else current[line.slice(0, equals)] = line.slice(equals + 1)
    }
  }
  return found
}

/** Each difference as one line, at most `max` of them: a tree of thousands is no message. */
export function compareTrees(
  found: ReadonlyMap<string, object>,
  wanted: ReadonlyMap<string, object>,
  max = 20,
): string[] {
  const lines: string[] = []
  for (const name of new Set([...found.keys(), ...wanted.keys()])) {
    const a = found.get(name)
    const b = wanted.get(name)
    const shown = JSON.stringify(name)
    if (!a) lines.push(`${shown} is missing`)
    else if (!b) lines.push(`${shown} is too much`)
    else if (JSON.stringify(a) !== JSON.stringify(b))
      lines.push(`${shown}: found ${JSON.stringify(a)}, wanted ${JSON.stringify(b)}`)
    if (lines.length === max) return [...lines, '...']
  }
  return lines
}
