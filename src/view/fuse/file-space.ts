// What is asked of the bytes of an open file but to be read and written: to be allocated or punched out (fallocate(2)),
// where there are any (lseek(2) with SEEK_DATA and SEEK_HOLE), and to be copied without being looked at
// (copy_file_range(2)), which shares them where the layers' file system can. The host's file does it, by its descriptor.

import { ERRNO } from '../../sys/errno.ts'
import { SEEK, allocate, copyRange, seek } from '../../sys/file-calls.ts'
import type { UnionNode } from '../../union/entry.ts'
import type { OpenFile } from '../../union/open-file.ts'
import type { UnionTree } from '../../union/tree.ts'
import type { Message } from './message.ts'
import { killPrivileges, type Handlers, type OpenTable } from './open-table.ts'
import { FILE_BYTES_MAX, IN_HEADER_BYTES as BODY, OP, OUT_HEADER_BYTES as OUT } from './protocol.ts'

/** At once: everybody else waits meanwhile. The caller asks for the rest, as copy_file_range(2) has it. */
const COPIED_BYTES_MAX = 8 << 20

export interface FileSpaceOptions {
  readonly input: Message
  readonly output: Message
  readonly tree: UnionTree
}

export class FileSpace {
  readonly #in: Message
  readonly #out: Message
  readonly #tree: UnionTree
  readonly #open: OpenTable

  constructor(options: FileSpaceOptions, open: OpenTable) {
    this.#in = options.input
    this.#out = options.output
    this.#tree = options.tree
    this.#open = open
  }

  get handlers(): [number, Handlers<UnionNode>[number]][] {
    return [
      [OP.FALLOCATE, () => this.#allocate()],
      [OP.LSEEK, () => this.#seek()],
      [OP.COPY_FILE_RANGE, () => this.#copy()],
    ]
  }

  #descriptor(file: OpenFile | undefined): number {
    return file?.body.fd ?? -ERRNO.EBADF
  }

  #writable(handle: number): OpenFile | undefined {
    const file = this.#open.file(handle)
    return file?.writable === true ? file : undefined
  }

  #allocate(): number {
    const file = this.#writable(this.#in.number(BODY))
    const fd = this.#descriptor(file)
    if (fd < 0) return fd
    const offset = this.#in.number(BODY + 8)
    const length = this.#in.number(BODY + 16)
    // vfs_fallocate of fs/open.c: whether that would grow the file or not.
    if (offset + length > FILE_BYTES_MAX) return -ERRNO.EFBIG
    const result = allocate(fd, this.#in.word(BODY + 24), offset, length)
    if (result === 0) this.#changed(file!)
    return result
  }

  /** The request does not say whether its caller may leave setuid there: whoever is not root may not. */
  #changed({ node }: OpenFile): void {
    if (this.#in.word(24) !== 0) killPrivileges(this.#tree, node)
  }

  #seek(): number {
    const whence = this.#in.word(BODY + 16)
    // All others the kernel knows by itself.
    if (whence !== SEEK.DATA && whence !== SEEK.HOLE) return -ERRNO.EINVAL
    const fd = this.#descriptor(this.#open.file(this.#in.number(BODY)))
    if (fd < 0) return fd
    const offset = this.#in.number(BODY + 8)
    // Negative ones, too: behind the end of the file, as lseek(2) has it.
    if (offset > FILE_BYTES_MAX) return -ERRNO.ENXIO
    const found = seek(fd, offset, whence)
    if (found < 0) return found
    // Of a lower file that is larger.
    if (found > FILE_BYTES_MAX) return -ERRNO.EOVERFLOW
    this.#out.setNumber(OUT, found)
    return 8
  }

  #copy(): number {
    const from = this.#descriptor(this.#open.file(this.#in.number(BODY)))
    const target = this.#writable(this.#in.number(BODY + 24))
    const to = this.#descriptor(target)
    if (from < 0 || to < 0) return -ERRNO.EBADF
    const source = { fd: from, offset: this.#in.number(BODY + 8) }
    const place = { fd: to, offset: this.#in.number(BODY + 32) }
    const length = Math.min(this.#in.number(BODY + 40), COPIED_BYTES_MAX)
    if (Math.max(source.offset, place.offset) + length > FILE_BYTES_MAX) return -ERRNO.EFBIG
    const copied = copyRange(source, place, length)
    if (copied < 0) return copied
    this.#changed(target!)
    this.#out.setWord(OUT, copied)
    this.#out.setWord(OUT + 4, 0)
    return 8
  }
}
