// Unpacks one layer's entries into a directory, in the form that overlay file systems stack. Synchronous, and safe
// against whoever wrote the archive and whoever moves things in the directory meanwhile: a name is always one step
// below an open directory, and that directory was resolved by the kernel with the layer as its root.
//
// Knows entries and their bytes; knows neither compression, digests nor other layers.

import type { LayerForm } from '../driver/driver.ts'
import { ArchiveError, LimitError, UnsafePathError, type Warning } from '../errors.ts'
import { type BytePath, basename, cleanPath, dirname, pathText } from '../path/byte-path.ts'
import { NameSet } from '../path/name-set.ts'
import { ERRNO, hostError, must } from '../sys/errno.ts'
import * as calls from '../sys/file-calls.ts'
import { O } from '../sys/file-calls.ts'
import { statusAt } from '../sys/file-status.ts'
import { setXattrOf } from '../sys/xattr.ts'
import type { TarHeader } from '../tar/entry.ts'
import { checkNumbers } from '../tar/possible-numbers.ts'
import { SparseBody } from '../tar/sparse.ts'
import { DirectoryCache, nameTooLong, type OpenDirectory } from './directory-cache.ts'
import { DirectoryTimes } from './directory-times.ts'
import {
  MetadataWriter,
  OVERRIDE_STAT,
  type OverrideType,
  overrideStat,
  timesOf,
} from './metadata.ts'
import type { ApplyLimits } from './layer-job.ts'
import { WarningLog } from './warnings.ts'
import { OPAQUE_MARKER, WHITEOUT_PREFIX } from './whiteout-form.ts'
import { Whiteouts } from './whiteouts.ts'

const S_IFIFO = 0o010000
const S_IFCHR = 0o020000
const S_IFBLK = 0o060000
const CREATE = O.WRONLY | O.CREAT | O.EXCL | O.NOFOLLOW
const AUFS_PREFIX = '.wh..wh.'
/** Of a name in a Map with its times, beside its bytes. */
const NAME_OVERHEAD_BYTES = 32
const PARENT = { uid: 0, gid: 0, mode: 0o755 }

export interface ApplyResult {
  readonly entries: number
  /** Docker's overlay2 rule: st_size of every non-directory, each inode once, symlinks their target length. */
  readonly treeBytes: number
  /** Docker's vfs rule: the sum of the header sizes. */
  readonly headerBytes: number
  readonly rootOpaque: boolean
  /** That hold whiteouts on disk. */
  readonly whiteoutDirectories: readonly BytePath[]
  /** A later entry took the place of a file: what was said of that file's body may not hold any more. */
  readonly displaced: boolean
  readonly warnings: readonly Warning[]
}

export class LayerApplier {
  readonly #form: LayerForm
  readonly #directories: DirectoryCache
  readonly #metadata: MetadataWriter
  readonly #whiteouts = new Whiteouts()
  readonly #warnings = new WarningLog()
  readonly #directoryTimes = new DirectoryTimes()
  /** Names that are in the archive and deliberately not on disk. */
  readonly #leftOut = new NameSet()
  readonly #nameBytesMax: number
  readonly #entriesMax: number
  #parentsMade = 0
  #nameBytes = 0

  #entries = 0
  #treeBytes = 0
  #headerBytes = 0
  #rootEntries = 0
  #displaced = false
  #replaced = false
  #readable = true

  #header: TarHeader | undefined
  #fd = -1
  #sparse: SparseBody | undefined

  /** @param directory existing and empty */
  constructor(directory: string, form: LayerForm, limits: Partial<ApplyLimits> = {}) {
    this.#form = form
    this.#nameBytesMax = limits.nameBytesMax ?? Infinity
    this.#entriesMax = limits.entriesMax ?? Infinity
    this.#metadata = new MetadataWriter(form, this.#warnings)
    this.#directories = new DirectoryCache(directory, (dir, name) => this.#finishParent(dir, name))
    // fuse-overlayfs looks at a layer's top directory to learn whether the layer keeps such records at all.
    if (form === 'user') {
      must(
        setXattrOf(this.#directories.root, OVERRIDE_STAT, overrideStat(PARENT, 'dir')),
        'fsetxattr',
        directory,
      )
    }
  }

  entry(header: TarHeader): void {
    this.#header = header
    this.#readable = true
    this.#entries++
    this.#headerBytes += header.sparse ? header.sparse.realSizeBytes : header.sizeBytes
    checkNumbers(header, 'unpack')
    const { path, escapes } = cleanPath(header.path)
    if (escapes) {
      const entry = pathText(header.path)
      throw new UnsafePathError(
        'ERR_PATH_ESCAPE',
        `cannot unpack ${entry}: its .. leads out of the layer`,
        {
          details: { entry, offset: header.offset },
        },
      )
    }
    // Docker drops the root entry: the top of an image is always 0755 and root's, whatever a layer says.
    if (path === '') this.#leaveOut(path, this.#rootEntries++ > 0)
    else if (path.includes(WHITEOUT_PREFIX) && this.#isWhiteout(header, path)) return
    else if (header.type === 'file') this.#createFile(header, path, 'file')
    else if (header.type === 'directory') this.#createDirectory(header, path)
    else if (header.type === 'symlink') this.#createSymlink(header, path)
    else if (header.type === 'hardlink') this.#createHardlink(header, path)
    else this.#createNode(header, path)
  }

  /** Of the current entry: whether its body will be a file that can be read back by the entry's own name. */
  get bodyIsReadable(): boolean {
    return this.#readable
  }

  body(bytes: Uint8Array): void {
    if (this.#fd < 0) return
    if (this.#sparse) {
      this.#sparse.push(bytes, this.#writePiece)
      return
    }
    const result = calls.writeAll(this.#fd, bytes)
    if (result < 0) this.#fail(result, 'write')
  }

  readonly #writePiece = (offset: number, piece: Uint8Array): void => {
    const result = calls.pwriteAll(this.#fd, piece, offset)
    if (result < 0) this.#fail(result, 'pwrite')
  }

  bodyEnd(): void {
    const header = this.#header
    if (this.#fd < 0 || header === undefined) return
    if (this.#sparse) {
      this.#sparse.end()
      // Also where the file ends in a hole.
      const result = calls.truncate(this.#fd, this.#sparse.realSizeBytes)
      if (result < 0) this.#fail(result, 'ftruncate')
    }
    this.#metadata.file(this.#fd, header)
    this.#closeFile()
  }

  /** Settles deletions and directory times, and lets go of the directory. */
  finish(): ApplyResult {
    try {
      this.#whiteouts.settle(this.#directories, this.#form)
      this.#directoryTimes.apply((path) => this.#parentOfTimes(path))
    } finally {
      this.close()
    }
    return {
      entries: this.#entries,
      treeBytes: this.#treeBytes,
      headerBytes: this.#headerBytes,
      rootOpaque: this.#whiteouts.rootOpaque,
      whiteoutDirectories: this.#whiteouts.directories,
      displaced: this.#displaced,
      warnings: this.#warnings.list(),
    }
  }

  /** Under another name, through a symlink, a later entry may have replaced the directory or the way to it. */
  #parentOfTimes(path: BytePath): OpenDirectory | undefined {
    if (!this.#replaced) return this.#directories.find(dirname(path))
    const parent = this.#directories.findUsable(dirname(path))
    const status = parent ? statusAt(parent.fd, basename(path)) : -ERRNO.ENOENT
    return typeof status !== 'number' && status.type === 'directory' ? parent : undefined
  }

  /** Lets go of everything that is open; what was unpacked stays for the caller to remove. Idempotent. */
  close(): void {
    this.#closeFile()
    this.#directories.close()
  }

  /** True when the entry was taken care of as a whiteout, an opaque marker or an AUFS leftover. */
  #isWhiteout(header: TarHeader, path: BytePath): boolean {
    const name = basename(path)
    const parent = dirname(path)
    if (name === OPAQUE_MARKER && !isLeftover(parent)) {
      this.#leaveOut(path)
      this.#remember(parent)
      this.#whiteouts.makeOpaque(parent)
      return true
    }
    if (isLeftover(path)) {
      this.#leaveOut(path)
      this.#warnings.add(
        'aufs-leftover',
        'entries named .wh..wh.* belong to the AUFS file system; they are kept in tar-split alone',
        header.path,
      )
      return true
    }
    const inWhiteout = parent.startsWith(WHITEOUT_PREFIX) || parent.includes(`/${WHITEOUT_PREFIX}`)
    if (!inWhiteout && !name.startsWith(WHITEOUT_PREFIX)) return false
    const removed = name.slice(WHITEOUT_PREFIX.length) as BytePath
    if (inWhiteout || removed === '' || removed === '.' || removed === '..') {
      const entry = pathText(header.path)
      const reason = inWhiteout
        ? 'a whiteout cannot hold other entries'
        : 'it names nothing that could be removed'
      throw new ArchiveError('ERR_WHITEOUT_NAME', `cannot apply whiteout ${entry}: ${reason}`, {
        details: { entry, offset: header.offset },
      })
    }
    this.#leaveOut(path)
    this.#remember(path)
    this.#whiteouts.remove((parent === '' ? removed : `${parent}/${removed}`) as BytePath, header)
    return true
  }

  #createFile(header: TarHeader, path: BytePath, type: OverrideType): void {
    const [, fd] = this.#place(path, 'openat', (dir, name) =>
      calls.openAt(dir, name, CREATE, 0o600),
    )
    this.#fd = fd
    if (type !== 'file') {
      this.#metadata.file(fd, header, type)
      this.#closeFile()
    } else if (header.sparse) {
      this.#readable = false
      this.#sparse = new SparseBody(header)
      this.#treeBytes += header.sparse.realSizeBytes
    } else {
      this.#treeBytes += header.sizeBytes
    }
  }

  #createDirectory(header: TarHeader, path: BytePath): void {
    const name = basename(path)
    const [parent] = this.#place(path, 'mkdirat', (dir) => {
      const made = calls.mkdirAt(dir, name, 0o700)
      if (made !== -ERRNO.EEXIST) return made
      const status = statusAt(dir, name)
      if (typeof status === 'number' || status.type !== 'directory') return made
      // Made as the parent of an earlier entry: no duplicate. Named before: one.
      if (this.#directoryTimes.has(path)) this.#noteDuplicate(path)
      return 0
    })
    const fd = calls.openAt(parent, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW)
    if (fd < 0) this.#fail(fd, 'openat')
    // From here on the cache closes it, also when a call on it fails. Through a symlink it has another name as well.
    if (this.#directories.find(dirname(path))?.throughLink) {
      try {
        this.#metadata.directory(fd, header)
      } finally {
        calls.close(fd)
      }
    } else {
      this.#directories.adopt(path, fd)
      this.#metadata.directory(fd, header)
    }
    if (this.#directoryTimes.set(path, timesOf(header))) this.#remember(path)
  }

  #createSymlink(header: TarHeader, path: BytePath): void {
    if (header.linkPath === '') {
      const entry = pathText(header.path)
      throw new ArchiveError(
        'ERR_LINK_TARGET',
        `cannot unpack symbolic link ${entry}: it has no target`,
        {
          details: { entry, offset: header.offset },
        },
      )
    }
    const name = basename(path)
    const [parent] = this.#place(path, 'symlinkat', (dir) =>
      calls.symlinkAt(header.linkPath, dir, name),
    )
    this.#treeBytes += header.linkPath.length
    this.#metadata.symlink(parent, name, header)
  }

  /** The target is a name in what this layer has unpacked so far, as if the layer were `/`; the link itself if it is a symlink. */
  #createHardlink(header: TarHeader, path: BytePath): void {
    const target = cleanPath(header.linkPath)
    if (target.escapes) {
      const entry = pathText(header.path)
      const text = pathText(header.linkPath)
      throw new UnsafePathError(
        'ERR_LINK_ESCAPE',
        `cannot link ${entry} to ${text}: its .. leads out of the layer`,
        {
          details: { entry, target: text, offset: header.offset },
        },
      )
    }
    const name = basename(path)
    const [parent] = this.#place(path, 'linkat', (dir) => {
      const from = target.path === '' ? undefined : this.#directories.find(dirname(target.path))
      const made = from ? calls.linkAt(from.fd, basename(target.path), dir, name) : -ERRNO.ENOENT
      if (made !== -ERRNO.ENOENT && made !== -ERRNO.EPERM) return made
      const entry = pathText(header.path)
      const text = pathText(header.linkPath)
      const reason =
        made === -ERRNO.ENOENT
          ? 'this layer has no such file before it'
          : 'that is not a file that can be linked'
      throw new ArchiveError('ERR_LINK_TARGET', `cannot link ${entry} to ${text}: ${reason}`, {
        details: { entry, target: text, offset: header.offset },
      })
    })
    this.#metadata.linked(parent, name, header)
  }

  #createNode(header: TarHeader, path: BytePath): void {
    const { type, devMajor, devMinor } = header
    if (type === 'char' && devMajor === 0 && devMinor === 0) {
      this.#leaveOut(path)
      this.#warnings.add(
        'forged-overlay-metadata',
        'a character device 0:0 would be read as a whiteout; it was not made',
        header.path,
      )
      return
    }
    if (this.#form !== 'trusted' && !(type === 'fifo' && this.#form === 'none')) {
      if (this.#form === 'none') {
        this.#warnings.add(
          'device-as-file',
          'devices cannot be made here; an empty file stands for each',
          header.path,
        )
      }
      const device: `${number}-${number}` = `${devMajor}-${devMinor}`
      this.#createFile(
        header,
        path,
        type === 'fifo' ? 'pipe' : type === 'char' ? `char-${device}` : `block-${device}`,
      )
      return
    }
    const name = basename(path)
    const kind = type === 'fifo' ? S_IFIFO : type === 'char' ? S_IFCHR : S_IFBLK
    const device = type === 'fifo' ? 0n : calls.makeDevice(devMajor, devMinor)
    const [parent] = this.#place(path, 'mknodat', (dir) =>
      calls.mknodAt(dir, name, kind | 0o600, device),
    )
    this.#metadata.node(parent, name, header)
  }

  /**
   * Makes the entry in its parent directory, in place of what an earlier entry left there.
   * @returns the open parent and what `make` answered
   */
  #place(
    path: BytePath,
    syscall: string,
    make: (dir: number, name: BytePath) => number,
  ): [parent: number, result: number] {
    const name = basename(path)
    let parent = this.#directories.ensure(dirname(path))
    let result = make(parent.fd, name)
    if (result === -ERRNO.EEXIST) {
      this.#displace(parent, name, path)
      // That may have closed the parent as well, if the way to it goes through a symlink.
      parent = this.#directories.ensure(dirname(path))
      result = make(parent.fd, name)
    }
    if (result < 0) this.#fail(result, syscall)
    // Docker reads bodies back with the symlinks of the mounted image, where this one may be another or absolute.
    if (parent.throughLink) this.#readable = false
    return [parent.fd, result]
  }

  /** A parent directory that the archive does not name (yet). */
  #finishParent(dir: number, name: string): void {
    // A header of a kilobyte can ask for two hundred of them.
    if (++this.#parentsMade + this.#entries > this.#entriesMax) {
      const entry = pathText(this.#header!.path)
      throw new LimitError(
        'ERR_ENTRIES_MAX',
        `cannot unpack ${JSON.stringify(entry)}: with the directories that it leaves out, the layer has more than ${this.#entriesMax} entries`,
        { details: { name: 'entries', entry, limit: this.#entriesMax } },
      )
    }
    const fd = must(calls.openAt(dir, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW), 'openat', name)
    try {
      must(calls.chmod(fd, PARENT.mode), 'fchmod', name)
      if (this.#form === 'trusted') must(calls.chown(fd, 0, 0), 'fchown', name)
      if (this.#form === 'user')
        must(setXattrOf(fd, OVERRIDE_STAT, overrideStat(PARENT, 'dir')), 'fsetxattr', name)
    } finally {
      calls.close(fd)
    }
  }

  /** The last entry of a name wins. Docker refuses such layers when it reads them back, hence the warning. */
  #displace(parent: OpenDirectory, name: BytePath, path: BytePath): void {
    let isDirectory = false
    const result = calls.removeTree(parent.fd, name, (dir, each) => {
      const status = statusAt(dir, each)
      if (typeof status === 'number') return
      if (status.type === 'directory') {
        isDirectory = true
        return
      }
      if (status.type === 'file') this.#displaced = true
      if (status.nlink === 1) this.#treeBytes -= status.sizeBytes
    })
    if (result < 0) this.#fail(result, 'unlinkat')
    this.#replaced = true
    if (parent.throughLink) this.#directories.forgetAll()
    else this.#directories.forget(path)
    if (isDirectory && this.#directoryTimes.replaced(path)) this.#remember(path)
    this.#noteDuplicate(path)
  }

  #noteDuplicate(path: BytePath): void {
    this.#warnings.add(
      'duplicate-entry',
      'the layer has several entries of one name; the last one counts',
      path,
    )
  }

  /** What must be known at the layer's end is held in memory, so there is an end to it. */
  #remember(path: BytePath): void {
    this.#nameBytes += path.length + NAME_OVERHEAD_BYTES
    if (this.#nameBytes <= this.#nameBytesMax) return
    const entry = pathText(this.#header!.path)
    throw new LimitError(
      'ERR_ENTRIES_MAX',
      `cannot unpack ${JSON.stringify(entry)}: the names of the layer's directories and whiteouts have more than ${this.#nameBytesMax} bytes`,
      { details: { name: 'name-bytes', entry, limit: this.#nameBytesMax } },
    )
  }

  #leaveOut(path: BytePath, again = !this.#leftOut.add(path)): void {
    if (again) this.#noteDuplicate(path)
    this.#readable = false
  }

  #closeFile(): void {
    if (this.#fd >= 0) calls.close(this.#fd)
    this.#fd = -1
    this.#sparse = undefined
  }

  #fail(result: number, syscall: string): never {
    const path = pathText(this.#header!.path)
    if (result === -ERRNO.ENAMETOOLONG) throw nameTooLong(this.#header!.path)
    throw hostError(`unpack ${path}`, -result, syscall, path)
  }
}

function isLeftover(path: BytePath): boolean {
  return path.startsWith(AUFS_PREFIX) || path.includes(`/${AUFS_PREFIX}`)
}
