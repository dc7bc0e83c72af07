// The files of an unpacked layer, opened by the names that its tar has. Names are resolved by the kernel with the
// layer's directory as root, so no link in a layer, and no `..` in a name, reaches a file of the host.

import { NotFoundError } from '../errors.ts'
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
    if (this.#root < 0) throw hostError(`open ${directory}`, -this.#root, 'openat', directory)
  }

  /** @throws NotFoundError ERR_FILE_NOT_FOUND, when there is no such file or it is no plain file */
  open(name: BytePath): FileBody {
    const body = this.tryOpen(name)
    if (typeof body !== 'number') return body
    const entry = pathText(name)
    if (body === -ERRNO.ENOENT || body === -ERRNO.ENOTDIR || body === -ERRNO.ELOOP) {
      throw new NotFoundError(
        'ERR_FILE_NOT_FOUND',
        `cannot rebuild the layer's tar: ${JSON.stringify(entry)} is missing from ${this.#directory}`,
        { details: { entry, path: this.#directory } },
      )
    }
    throw hostError(`read ${JSON.stringify(entry)} in ${this.#directory}`, -body, 'openat2', entry)
  }

  /** The same with a negative errno for an answer; ENOENT for what is there and no plain file. */
  tryOpen(name: BytePath): FileBody | number {
    const { path } = cleanPath(name)
    // O_NONBLOCK: a FIFO in a file's place must not make us wait for a writer.
    const flags = O.RDONLY | O.NONBLOCK
    const fd = openInRoot(this.#root, path, flags, {
      noSymlinks: this.#options.noSymlinks ?? false,
    })
    if (fd < 0) return fd
    const status = statusOf(fd)
    if (typeof status === 'number' || status.type !== 'file') {
      close(fd)
      return typeof status === 'number' ? status : -ERRNO.ENOENT
    }
    return {
      sizeBytes: status.sizeBytes,
      read(into) {
        const length = read(fd, into)
        if (length < 0) throw hostError(`read ${pathText(name)}`, -length, 'read', pathText(name))
        return length
      },
      close: () => close(fd),
    }
  }

  [Symbol.dispose](): void {
    if (this.#root >= 0) close(this.#root)
    this.#root = -1
  }
}
