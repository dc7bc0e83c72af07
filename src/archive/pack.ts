// A directory of the host as a layer tar: for images made from a directory, not for layers of a store (those have their
// exact tar). Names in byte order, so that equal directories give equal tars; hardlinks, xattrs and devices kept.
// Walks below open directories, so a directory that is swapped for a link meanwhile leads nowhere else.

import { HostError, IntegrityError, type Warning } from '../errors.ts'
import {
  type BytePath,
  cleanPath,
  comparePaths,
  dirname,
  joinPath,
  pathFromText,
  pathText,
} from '../path/byte-path.ts'
import { hostError } from '../sys/errno.ts'
import { AT_FDCWD, O, close, openAt, read, readDirectory, readlinkAt } from '../sys/file-calls.ts'
import { type FileStatus, type FileType, statusAt, statusOf } from '../sys/file-status.ts'
import { below, getXattr, listXattrs } from '../sys/xattr.ts'
import { END_BLOCKS, type TarEntryInit, bodyPadding, encodeHeader } from '../tar/writer.ts'
import { CHUNK_BYTES } from './byte-range.ts'
import { WarningLog } from './warnings.ts'

export interface PackOptions {
  /** Where in the layer the directory's content goes: `opt/app`. Default its top. */
  readonly prefix?: string
  /** Seconds; no entry is younger (https://reproducible-builds.org/specs/source-date-epoch). */
  readonly sourceDateEpoch?: number
  /** Keep nanoseconds, in PAX records. Default false: whole seconds, as docker writes them. */
  readonly nanoseconds?: boolean
  /** Instead of the owners on disk. */
  readonly owner?: { readonly uid: number; readonly gid: number }
  /** False leaves an entry out, a directory with all below it. The path is relative to the directory. */
  readonly filter?: (path: BytePath, type: FileType) => boolean
  /** Told at the end, once a kind. */
  readonly onWarning?: (warning: Warning) => void
}

/** Labels of this host's security modules, and what overlay file systems keep for themselves. */
const LEFT_OUT =
  /^(?:security\.(?:selinux|ima|evm|apparmor)$|(?:trusted|user)\.overlay\.|user\.fuseoverlayfs\.|user\.containers\.override_stat$)/

/** @throws HostError; IntegrityError ERR_SIZE_MISMATCH when a file changes while it is read */
export async function* packDirectory(
  directory: string,
  options: PackOptions = {},
): AsyncGenerator<Uint8Array> {
  const root = openAt(AT_FDCWD, pathFromText(directory), O.RDONLY | O.DIRECTORY)
  if (root < 0) throw hostError(`read ${directory}`, -root, 'openat', directory)
  const packer = new Packer(options)
  try {
    yield* packer.prefix(root)
    yield* packer.content(root, '' as BytePath)
  } catch (error) {
    throw within(directory, error)
  } finally {
    close(root)
  }
  yield END_BLOCKS
  for (const warning of packer.warnings.list()) options.onWarning?.(warning)
}

/** The packer knows paths from the directory on; whoever reads the message has to know which directory. */
function within(directory: string, error: unknown): unknown {
  if (!(error instanceof HostError)) return error
  const remedy = error.code === 'ERR_PERMISSION' ? '; make it readable, or run as its owner' : ''
  return new HostError(error.code, `cannot pack ${directory}: ${error.message}${remedy}`, {
    cause: error,
    details: error.details,
  })
}

class Packer {
  readonly warnings: WarningLog = new WarningLog()
  readonly #options: PackOptions
  readonly #prefix: BytePath
  /** First name of each inode that has several. */
  readonly #linked = new Map<string, BytePath>()

  constructor(options: PackOptions) {
    this.#options = options
    this.#prefix = cleanPath(pathFromText(options.prefix ?? '')).path
  }

  /** The directories on the way to the prefix; the last stands for the packed directory itself. */
  *prefix(root: number): Generator<Uint8Array> {
    if (this.#prefix === '') return
    const status = known(statusOf(root), this.#prefix)
    const parents: BytePath[] = []
    for (let path = dirname(this.#prefix); path !== ''; path = dirname(path)) parents.unshift(path)
    for (const path of parents) {
      yield encodeHeader({
        path: `${path}/` as BytePath,
        type: 'directory',
        mode: 0o755,
        mtimeNs: this.#time(status.mtimeNs),
      })
    }
    yield encodeHeader({ ...this.#init(this.#prefix, status, root, '.'), type: 'directory' })
  }

  *content(dir: number, path: BytePath): Generator<Uint8Array> {
    const entries = readDirectory(dir)
    if (typeof entries === 'number')
      throw hostError(`read directory ${pathText(path) || '.'}`, -entries, 'getdents64', path)
    const names = entries.map((entry) => entry.name).sort(comparePaths)
    for (const name of names) yield* this.#entry(dir, name, joinPath(path, name))
  }

  *#entry(dir: number, name: BytePath, path: BytePath): Generator<Uint8Array> {
    const status = known(statusAt(dir, name), path)
    const { type } = status
    if (this.#options.filter && !this.#options.filter(path, type)) return
    if (type === 'socket') {
      this.warnings.add('socket-skipped', 'a tar cannot hold sockets; they were left out', path)
      return
    }
    const init = this.#init(joinPath(this.#prefix, path), status, dir, name)
    if (type === 'directory') {
      yield encodeHeader({ ...init, type })
      const fd = fdOf(openAt(dir, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW), path)
      try {
        yield* this.content(fd, path)
      } finally {
        close(fd)
      }
      return
    }
    const first = this.#firstOf(status, init.path)
    if (first !== undefined) yield encodeHeader({ ...init, type: 'hardlink', linkPath: first })
    else if (type === 'file') yield* this.#file(dir, name, path, init)
    else if (type === 'symlink') {
      const target = readlinkAt(dir, name)
      if (typeof target === 'number')
        throw hostError(`read link ${pathText(path)}`, -target, 'readlinkat', path)
      yield encodeHeader({ ...init, type, linkPath: target })
    } else {
      const { devMajor, devMinor } = status
      yield encodeHeader({ ...init, type, ...(type === 'fifo' ? {} : { devMajor, devMinor }) })
    }
  }

  *#file(dir: number, name: BytePath, path: BytePath, init: TarEntryInit): Generator<Uint8Array> {
    const fd = fdOf(openAt(dir, name, O.RDONLY | O.NOFOLLOW | O.NONBLOCK), path)
    try {
      const { sizeBytes } = known(statusOf(fd), path)
      yield encodeHeader({ ...init, type: 'file', sizeBytes })
      for (let left = sizeBytes; left > 0;) {
        const chunk = Buffer.allocUnsafe(Math.min(left, CHUNK_BYTES))
        const length = fdOf(read(fd, chunk), path)
        if (length === 0) {
          const entry = pathText(path)
          throw new IntegrityError(
            'ERR_SIZE_MISMATCH',
            `cannot pack ${entry}: it became ${left} bytes shorter while it was read`,
            {
              details: { entry, expected: sizeBytes, actual: sizeBytes - left },
            },
          )
        }
        left -= length
        yield chunk.subarray(0, length)
      }
      yield bodyPadding(sizeBytes)
    } finally {
      close(fd)
    }
  }

  #firstOf(status: FileStatus, path: BytePath): BytePath | undefined {
    if (status.nlink < 2) return undefined
    const inode = `${status.device} ${status.ino}`
    const first = this.#linked.get(inode)
    if (first === undefined) this.#linked.set(inode, path)
    return first
  }

  #init(path: BytePath, status: FileStatus, dir: number, name: BytePath | '.'): TarEntryInit {
    const { uid, gid } = this.#options.owner ?? status
    const xattrs = this.#xattrs(below(dir, name), path)
    return {
      path: status.type === 'directory' ? (`${path}/` as BytePath) : path,
      mode: status.mode,
      uid,
      gid,
      mtimeNs: this.#time(status.mtimeNs),
      ...(xattrs.size === 0 ? {} : { xattrs }),
    }
  }

  #time(mtimeNs: bigint): bigint {
    const { sourceDateEpoch, nanoseconds } = this.#options
    const exact = nanoseconds
      ? mtimeNs
      : mtimeNs - (((mtimeNs % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n)
    if (sourceDateEpoch === undefined) return exact
    const latest = BigInt(sourceDateEpoch) * 1_000_000_000n
    return exact < latest ? exact : latest
  }

  #xattrs(place: string, path: BytePath): Map<string, Uint8Array> {
    const found = new Map<string, Uint8Array>()
    const names = listXattrs(place)
    // No xattrs on this file system is no failure.
    if (typeof names === 'number') return found
    for (const name of names.sort(comparePaths)) {
      if (LEFT_OUT.test(name)) continue
      const value = getXattr(place, name)
      if (value instanceof Uint8Array) found.set(name, value)
      else this.warnings.add('xattr-skipped', 'an extended attribute could not be read', path)
    }
    return found
  }
}

function fdOf(result: number, path: BytePath): number {
  if (result < 0) throw failed(result, path)
  return result
}

function known(status: FileStatus | number, path: BytePath): FileStatus {
  if (typeof status === 'number') throw failed(status, path)
  return status
}

function failed(result: number, path: BytePath): Error {
  return hostError(`read ${pathText(path) || '.'}`, -result, 'openat', pathText(path))
}
