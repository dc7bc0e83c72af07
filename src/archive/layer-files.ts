// The files of an unpacked layer, opened by the names that its tar has. Names are resolved by the kernel with the
// layer's directory as root, so no link in a layer, and no `..` in a name, reaches a file of the host.

import { IntegrityError } from '../errors.ts'
import { type BytePath, cleanPath, pathText } from '../path/byte-path.ts'
import { ERRNO, hostError } from '../sys/errno.ts'
import { AT_FDCWD, O, close, openAt, read } from '../sys/file-calls.ts'
import { statusOf } from '../sys/file-status.ts'
import { openInRoot } from '../sys/open-in-root.ts'
import type { FileBody, FileSource } from '../tar-split/assemble.ts'

export interface LayerFilesOptions {
  /** Refuse names that lead through a symlink. Default false: docker's own tar-split has such names. */
  readonly noSymlinks?: boolean
}

export class LayerFiles implements FileSource, Disposable {
  readonly #directory: string
  readonly #options: LayerFilesOptions
  #root: number

  constructor(directory: string, options: LayerFilesOptions = {}) {
    this.#directory = directory
    this.#options = options
    this.#root = openAt(
      AT_FDCWD,
      Buffer.from(directory, 'utf8').toString('latin1'),
      O.PATH | O.DIRECTORY,
    )
    if (this.#root === -ERRNO.ENOENT || this.#root === -ERRNO.ENOTDIR) {
      throw new IntegrityError(
        'ERR_STORE_CORRUPT',
        `cannot rebuild the layer's tar: its directory ${directory} is missing`,
        { details: { path: directory } },
      )
    }
    if (this.#root < 0) throw hostError(`open ${directory}`, -this.#root, 'openat', directory)
  }

  /**
   * What it is and how long is looked up when it is asked for, or when a read fails: a read that finds what it expects
   * has told both.
   * @throws IntegrityError ERR_STORE_CORRUPT, when there is no such file or it is no plain file; its methods as well
   */
  open(name: BytePath): FileBody {
    const fd = this.#open(name)
    if (fd < 0) throw this.#refusal(name, fd)
    return new LayerFile(fd, name, (errno) => this.#refusal(name, errno))
  }

  /** The same, looked at now, with a negative errno for an answer; ENOENT for what is there and no plain file. */
  tryOpen(name: BytePath): FileBody | number {
    const fd = this.#open(name)
    if (fd < 0) return fd
    const file = new LayerFile(fd, name, (errno) => this.#refusal(name, errno))
    const size = file.look()
    if (size < 0) {
      file.close()
      return size
    }
    return file
  }

  #open(name: BytePath): number {
    const { path } = cleanPath(name)
    // O_NONBLOCK: a FIFO in a file's place must not make us wait for a writer.
    return openInRoot(this.#root, path, O.RDONLY | O.NONBLOCK, {
      noSymlinks: this.#options.noSymlinks ?? false,
    })
  }

  #refusal(name: BytePath, errno: number): Error {
    const entry = pathText(name)
    if (errno === -ERRNO.ENOENT || errno === -ERRNO.ENOTDIR || errno === -ERRNO.ELOOP) {
      return new IntegrityError(
        'ERR_STORE_CORRUPT',
        `cannot rebuild the layer's tar: ${JSON.stringify(entry)} is missing from ${this.#directory}`,
        { details: { entry, path: this.#directory } },
      )
    }
    return hostError(
      `read ${JSON.stringify(entry)} in ${this.#directory}`,
      -errno,
      'openat2',
      entry,
    )
  }

  [Symbol.dispose](): void {
    if (this.#root >= 0) close(this.#root)
    this.#root = -1
  }
}

class LayerFile implements FileBody {
  readonly #fd: number
  readonly #name: BytePath
  readonly #refusal: (errno: number) => Error
  #size: number | undefined

  constructor(fd: number, name: BytePath, refusal: (errno: number) => Error) {
    this.#fd = fd
    this.#name = name
    this.#refusal = refusal
  }

  get sizeBytes(): number {
    const size = this.look()
    if (size < 0) throw this.#refusal(size)
    return size
  }

  /** Its size, or a negative errno: ENOENT for no plain file. */
  look(): number {
    if (this.#size !== undefined) return this.#size
    const status = statusOf(this.#fd)
    if (typeof status === 'number') this.#size = status
    else this.#size = status.type === 'file' ? status.sizeBytes : -ERRNO.ENOENT
    return this.#size
  }

  read(into: Uint8Array): number {
    const length = read(this.#fd, into)
    if (length >= 0) return length
    const size = this.look()
    if (size < 0) throw this.#refusal(size)
    const entry = pathText(this.#name)
    throw hostError(`read ${entry}`, -length, 'read', entry)
  }

  close(): void {
    close(this.#fd)
  }
}
