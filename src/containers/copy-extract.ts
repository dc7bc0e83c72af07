// Puts the members of a tar into a place that has files already, as docker's Untar does for cp: directories merge and
// take the tar's metadata, files replace files, and neither ever takes the other's place. A name that leads out of the
// place is refused.

import { DEFAULT_APPLY_LIMITS } from '../archive/limits.ts'
import { MetadataWriter, timesOf, type Times } from '../archive/metadata.ts'
import { WarningLog } from '../archive/warnings.ts'
import type { LayerForm } from '../driver/driver.ts'
import { ArchiveError, LimitError, UnsafePathError, type OnWarning } from '../errors.ts'
import { cleanPath, pathText, type BytePath } from '../path/byte-path.ts'
import { ERRNO, hostError } from '../sys/errno.ts'
import * as calls from '../sys/file-calls.ts'
import type { TarHeader } from '../tar/entry.ts'
import { checkNumbers } from '../tar/possible-numbers.ts'
import { readTar } from '../tar/reader.ts'
import { SparseBody } from '../tar/sparse.ts'
import type { CopyPlace } from './copy-place.ts'
import { refuseReplacement } from './copy-rules.ts'

const { O } = calls
const CREATE = O.WRONLY | O.CREAT | O.EXCL | O.NOFOLLOW
/** Of a name in a Map with its times, beside its bytes. */
const NAME_OVERHEAD_BYTES = 32
const S_IF = { char: 0o020000, block: 0o060000, fifo: 0o010000 } as const

export interface ExtractOptions {
  /** How the place keeps owners and devices. A directory of the host is `trusted`. */
  readonly form: LayerForm
  /** Owners, setuid and attributes as the tar has them; else the caller's, without setuid. Default true. */
  readonly owners?: boolean
  /** Whose the copy is, with `owners` false. */
  readonly self?: { readonly uid: number; readonly gid: number }
  readonly signal?: AbortSignal
  readonly onWarning?: OnWarning
}

/** @throws ArchiveError, UnsafePathError, ConflictError ERR_DESTINATION_EXISTS, HostError; signal.reason */
export async function extractCopy(
  tar: AsyncIterable<Uint8Array>,
  place: CopyPlace,
  options: ExtractOptions,
): Promise<void> {
  const extraction = new Extraction(place, options)
  for await (const { header, body } of readTar(tar)) {
    options.signal?.throwIfAborted()
    const file = extraction.entry(header)
    if (file === undefined) continue
    try {
      for await (const bytes of body) file.write(bytes)
      file.end()
    } finally {
      file.close()
    }
  }
  extraction.finish()
}

interface OpenFile {
  write(bytes: Uint8Array): void
  end(): void
  close(): void
}

class Extraction {
  readonly #place: CopyPlace
  readonly #options: ExtractOptions
  readonly #warnings = new WarningLog()
  readonly #metadata: MetadataWriter
  /** Set at the end, when nothing more is put into them. Not the headers, which may hold a quarter of a megabyte each. */
  readonly #directories = new Map<BytePath, Times>()
  #nameBytes = 0

  constructor(place: CopyPlace, options: ExtractOptions) {
    this.#place = place
    this.#options = options
    this.#metadata = new MetadataWriter(options.form, this.#warnings)
  }

  /** @returns the file that wants its body */
  entry(given: TarHeader): OpenFile | undefined {
    const { path, escapes } = cleanPath(given.path)
    const entry = pathText(given.path)
    if (escapes) {
      throw new UnsafePathError(
        'ERR_PATH_ESCAPE',
        `cannot copy ${entry}: its .. leads out of the destination`,
        { details: { entry } },
      )
    }
    if (path === '') return undefined // the destination stays what it is
    checkNumbers(given, 'copy')
    const header = this.#owned(given)
    this.#place.makeParents(path)
    const there = this.#place.typeOf(path)
    const isDirectory = header.type === 'directory'
    if (there !== undefined && (there === 'directory') !== isDirectory) {
      const shown = { path: this.#place.shown(path), directory: this.#place.shown('' as BytePath) }
      throw refuseReplacement(shown, there === 'directory')
    }
    if (isDirectory) {
      if (there === undefined) this.#place.makeDirectory(path)
      const fd = this.#place.openDirectory(path)
      try {
        this.#metadata.directory(fd, header)
      } finally {
        calls.close(fd)
      }
      this.#remember(path, timesOf(header))
      return undefined
    }
    if (header.type === 'file') return this.#file(path, header)
    if (header.type === 'hardlink') this.#hardlink(path, header)
    else if (header.type === 'symlink') {
      this.#place.replace(path, (dir, name) => {
        this.#must(calls.symlinkAt(header.linkPath, dir, name), 'symlinkat', header)
        this.#metadata.symlink(dir, name, header)
      })
    } else this.#node(path, header)
    return undefined
  }

  finish(): void {
    for (const [path, { atimeNs, mtimeNs }] of [...this.#directories].reverse()) {
      const fd = this.#place.openDirectory(path)
      this.#must(calls.setTimesOf(fd, atimeNs, mtimeNs), 'futimens', { path })
      calls.close(fd)
    }
    for (const warning of this.#warnings.list()) this.#options.onWarning?.(warning)
  }

  #remember(path: BytePath, times: Times): void {
    if (!this.#directories.has(path)) this.#nameBytes += path.length + NAME_OVERHEAD_BYTES
    this.#directories.set(path, times)
    const { nameBytesMax: limit } = DEFAULT_APPLY_LIMITS
    if (this.#nameBytes <= limit) return
    const entry = pathText(path)
    throw new LimitError(
      'ERR_ENTRIES_MAX',
      `cannot copy ${JSON.stringify(entry)}: the names of the archive's directories have more than ${limit} bytes`,
      { details: { name: 'name-bytes', entry, limit } },
    )
  }

  /** A file that changes hands keeps no right to act as its owner, as cp(1) has it. */
  #owned(header: TarHeader): TarHeader {
    const { owners = true, self } = this.#options
    if (owners || self === undefined) return header
    const same = header.uid === self.uid && header.gid === self.gid
    const mode = same || header.type === 'directory' ? header.mode : header.mode & ~0o6000
    return { ...header, ...self, mode, xattrs: self.uid === 0 ? header.xattrs : new Map() }
  }

  #file(path: BytePath, header: TarHeader): OpenFile {
    this.#checkSize(header)
    let fd = -1
    this.#place.replace(path, (dir, name) => {
      fd = this.#must(calls.openAt(dir, name, CREATE, 0o600), 'openat', header)
    })
    const sparse = header.sparse ? new SparseBody(header) : undefined
    return {
      write: (bytes) => {
        if (sparse) {
          sparse.push(bytes, (offset, piece) =>
            this.#must(calls.pwriteAll(fd, piece, offset), 'pwrite', header),
          )
        } else this.#must(calls.writeAll(fd, bytes), 'write', header)
      },
      end: () => {
        if (sparse) {
          sparse.end()
          this.#must(calls.truncate(fd, sparse.realSizeBytes), 'ftruncate', header)
        }
        this.#metadata.file(fd, header)
      },
      close: () => calls.close(fd),
    }
  }

  /** A sparse file takes nothing here, and all that it claims wherever it is copied to, exported or committed. */
  #checkSize({ path, sparse }: TarHeader): void {
    const { layerBytesMax: limit } = DEFAULT_APPLY_LIMITS
    const actual = sparse?.realSizeBytes ?? 0
    if (actual <= limit) return
    const entry = pathText(path)
    throw new LimitError(
      'ERR_EXPANSION_MAX',
      `cannot copy ${entry}: the bytes of a sparse file: ${actual} is over the limit of ${limit}`,
      { details: { name: 'layer-bytes', entry, actual, limit } },
    )
  }

  /** The target is a name in the destination, as tar and docker have it. */
  #hardlink(path: BytePath, header: TarHeader): void {
    const target = cleanPath(header.linkPath)
    const entry = pathText(header.path)
    const shown = pathText(header.linkPath)
    const details = { entry, target: shown }
    if (target.escapes) {
      const message = `cannot link ${entry} to ${shown}: its .. leads out of the destination`
      throw new UnsafePathError('ERR_LINK_ESCAPE', message, { details })
    }
    const there = target.path === '' ? 'directory' : this.#place.typeOf(target.path)
    if (there === undefined || there === 'directory') {
      const reason = there ? 'that is a directory' : 'there is no such file'
      throw new ArchiveError('ERR_LINK_TARGET', `cannot link ${entry} to ${shown}: ${reason}`, {
        details,
      })
    }
    if (target.path === path) return
    this.#place.existing(target.path, (from, fromName) => {
      this.#place.replace(path, (dir, name) => {
        this.#must(calls.linkAt(from, fromName, dir, name), 'linkat', header)
        this.#metadata.linked(dir, name, header)
      })
    })
  }

  #node(path: BytePath, header: TarHeader): void {
    const { type, devMajor, devMinor } = header
    const { form } = this.#options
    if (type === 'char' && devMajor === 0 && devMinor === 0) {
      this.#warnings.add(
        'forged-overlay-metadata',
        'a character device 0:0 would be read as a whiteout; it was not made',
        header.path,
      )
      return
    }
    if (form !== 'trusted' && !(type === 'fifo' && form === 'none')) {
      const device: `${number}-${number}` = `${devMajor}-${devMinor}`
      this.#place.replace(path, (dir, name) => {
        const fd = this.#must(calls.openAt(dir, name, CREATE, 0o600), 'openat', header)
        const stands =
          type === 'fifo'
            ? 'pipe'
            : type === 'char'
              ? (`char-${device}` as const)
              : (`block-${device}` as const)
        this.#metadata.file(fd, header, stands)
        calls.close(fd)
      })
      return
    }
    this.#place.replace(path, (dir, name) => {
      const kind = S_IF[type as keyof typeof S_IF]
      const device = type === 'fifo' ? 0n : calls.makeDevice(devMajor, devMinor)
      const made = calls.mknodAt(dir, name, kind | 0o600, device)
      if (made === -ERRNO.EPERM) {
        this.#warnings.add(
          'device-skipped',
          'device nodes need root, and were left out of the copy',
          header.path,
        )
        return
      }
      this.#must(made, 'mknodat', header)
      this.#metadata.node(dir, name, header)
    })
  }

  #must(result: number, syscall: string, header: Pick<TarHeader, 'path'>): number {
    if (result >= 0) return result
    const entry = pathText(header.path)
    throw hostError(`copy ${entry}`, -result, syscall, entry)
  }
}
