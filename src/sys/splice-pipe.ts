// Bytes of a file, behind a few of our own, from one descriptor to another without passing through this process's
// memory: splice(2) puts the page cache's pages into a pipe and takes them out again. Saves one of the two copies that
// read(2) and write(2) make.

import { close, O } from './file-calls.ts'
import { checked, libc } from './libc.ts'

const F_SETPIPE_SZ = 1031
const F_GETPIPE_SZ = 1032
const SPLICE_F_NONBLOCK = 2
const PAGE_BYTES = 4096

export class SplicePipe {
  readonly #wantedBytes: number
  readonly #offset: BigInt64Array = new BigInt64Array(1)
  #reader = -1
  #writer = -1
  #capacityBytes = 0

  /** @param wantedBytes how much it should hold; a user who has many large ones gets a small one (pipe(7)) */
  constructor(wantedBytes: number) {
    this.#wantedBytes = wantedBytes
  }

  /**
   * All of it, or nothing: where the file ends before, or the pipe cannot hold it, nothing has been sent.
   * @param header what goes before the file's bytes; less than a page
   */
  send(
    header: Uint8Array,
    from: { readonly fd: number; readonly offset: number; readonly sizeBytes: number },
    to: number,
  ): boolean {
    if (this.#writer < 0 && !this.#open()) return false
    // A page each for the header and for the ends of a range that is not aligned.
    if (from.sizeBytes + 3 * PAGE_BYTES > this.#capacityBytes) return false
    const { write, splice } = libc()
    this.#offset[0] = BigInt(from.offset)
    let left = from.sizeBytes
    let isWhole = write(this.#writer, header, header.length) === header.length
    while (isWhole && left > 0) {
      const moved = splice(from.fd, this.#offset, this.#writer, null, left, SPLICE_F_NONBLOCK)
      if (moved <= 0) isWhole = false
      else left -= moved
    }
    const length = header.length + from.sizeBytes
    if (isWhole && splice(this.#reader, null, to, null, length, 0) === length) return true
    // What is in it would be taken for the next one's.
    this.close()
    return false
  }

  close(): void {
    if (this.#writer < 0) return
    close(this.#reader)
    close(this.#writer)
    this.#reader = -1
    this.#writer = -1
  }

  #open(): boolean {
    const ends = Buffer.alloc(8)
    const { pipe2, fcntl } = libc()
    if (checked(pipe2(ends, O.CLOEXEC)) < 0) return false
    this.#reader = ends.readInt32LE(0)
    this.#writer = ends.readInt32LE(4)
    const set = fcntl(this.#writer, F_SETPIPE_SZ, this.#wantedBytes)
    this.#capacityBytes = set > 0 ? set : fcntl(this.#writer, F_GETPIPE_SZ, 0)
    return true
  }
}
