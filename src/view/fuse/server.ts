// Answers the kernel's questions about one merged tree: reads a request from /dev/fuse, asks the rules of src/union,
// writes the reply. One thread, one request at a time, one buffer in and one out; nothing is awaited.
// Knows the protocol's order of things (INIT first, a lookup counted until it is forgotten); which layers there are, and
// who started the server, is not known here.

import { systemNow } from '../../sys/clock.ts'
import { ERRNO, errnoOf } from '../../sys/errno.ts'
import { libc, type Libc } from '../../sys/libc.ts'
import { SplicePipe } from '../../sys/splice-pipe.ts'
import { BackingFiles } from './backing.ts'
import { Message } from './message.ts'
import { Operations } from './operations.ts'
import type { OwnerMap } from './owner-map.ts'
import { INIT, IN_HEADER_BYTES, OP, OUT_HEADER_BYTES, writeHead } from './protocol.ts'
import { RequestReader } from './request-reader.ts'
import { WalkAhead } from './walk-ahead.ts'
import type { UnionTree } from '../../union/tree.ts'

const MAJOR = 7
const MINOR = 40
/** Below this there is no max_pages, and a request has at most 128 KiB. */
const MINOR_MIN = 31
/** Linux 5.14: the one before knows who may change a file's flags, and has no number of its own. */
const MINOR_CHECKS_FLAGS = 34
/** Linux 6.1; from 6.0 on the kernel strips setgid before any file system is asked (mode_strip_sgid). */
const MINOR_CHECKS_GROUPS = 37
export const IO_BYTES_MAX: number = 1 << 20
const PAGE_BYTES = 4096

export interface ServeOptions {
  readonly device: number
  readonly tree: UnionTree
  /** A path on the file system that statfs tells of. */
  readonly place: string
  /** Passthrough needs CAP_SYS_ADMIN. */
  readonly passthrough: boolean
  /** The kernel asks owner, mode and ACL of each file (default_permissions). */
  readonly checked: boolean
  /** Nobody's fsync(2) is waited for. */
  readonly volatile?: boolean
  readonly owners?: OwnerMap
  /** The kernel has greeted: the mount can be used. */
  readonly onReady: () => void
}

/** Returns when the mount is gone. */
export function serve(options: ServeOptions): void {
  new Server(options).run()
}

class Server {
  readonly #device: number
  readonly #options: ServeOptions
  readonly #input: Message = new Message(IO_BYTES_MAX + PAGE_BYTES)
  readonly #output: Message = new Message(IO_BYTES_MAX + PAGE_BYTES)
  readonly #pipe: SplicePipe = new SplicePipe(IO_BYTES_MAX)
  readonly #write: Libc['write'] = libc().write
  readonly #ahead: WalkAhead
  #operations: Operations | undefined

  constructor(options: ServeOptions) {
    this.#device = options.device
    this.#options = options
    this.#ahead = new WalkAhead(options.tree)
  }

  run(): void {
    const requests = new RequestReader(this.#device, this.#input)
    const ahead = this.#ahead
    const step = (): boolean => ahead.step()
    for (;;) {
      const length = ahead.hasWork ? requests.readBeside(step) : requests.read()
      if (length >= IN_HEADER_BYTES) this.#answer(length)
      // ENOENT: the request was interrupted before it could be read.
      else if (length !== -ERRNO.EINTR && length !== -ERRNO.EAGAIN && length !== -ERRNO.ENOENT)
        break
    }
    this.#pipe.close()
  }

  #answer(length: number): void {
    const operations = this.#operations
    if (operations === undefined) return this.#greet()
    let result: number | undefined
    try {
      result = operations.run(length)
    } catch (error) {
      // Of a layer that cannot be read, or of a bug: whoever asked gets an error, and everybody else goes on.
      result = -(errnoOf(error) ?? ERRNO.EIO)
    }
    if (result !== undefined) this.#reply(result)
  }

  #greet(): void {
    if (this.#input.word(4) !== OP.INIT) return this.#reply(-ERRNO.EIO)
    this.#reply(this.#init())
    this.#options.onReady()
  }

  /** @param result bytes behind the header, or a negative errno */
  #reply(result: number): void {
    const out = this.#output
    const length =
      result < 0 ? writeHead(out, this.#input, 0, result) : writeHead(out, this.#input, result, 0)
    // Where the asker is gone meanwhile the kernel says ENOENT, and there is nobody to tell.
    this.#write(this.#device, out.bytes, length)
  }

  /** @returns whether it has: see SplicePipe.send */
  #replyFrom(fd: number, offset: number, sizeBytes: number): boolean {
    writeHead(this.#output, this.#input, sizeBytes, 0)
    const header = this.#output.bytes.subarray(0, OUT_HEADER_BYTES)
    return this.#pipe.send(header, { fd, offset, sizeBytes }, this.#device)
  }

  /** Unique 0 says that it is no reply. The kernel may refuse it (a node that it has just forgotten): it asks then. */
  #notify(code: number, length: number): void {
    const out = this.#output
    out.setWord(0, OUT_HEADER_BYTES + length)
    out.setWord(4, code)
    out.clear(8, OUT_HEADER_BYTES)
    this.#write(this.#device, out.bytes, OUT_HEADER_BYTES + length)
  }

  #init(): number {
    const input = this.#input
    const out = this.#output
    const minor = input.word(IN_HEADER_BYTES + 4)
    if (input.word(IN_HEADER_BYTES) !== MAJOR || minor < MINOR_MIN) return -ERRNO.EPROTO
    const readahead = input.word(IN_HEADER_BYTES + 8)
    const offered = input.word(IN_HEADER_BYTES + 12)
    const isExtended = (offered & INIT.INIT_EXT) !== 0
    const offered2 = isExtended ? input.word(IN_HEADER_BYTES + 16) : 0
    const wanted =
      INIT.ASYNC_READ |
      INIT.ATOMIC_O_TRUNC |
      INIT.BIG_WRITES |
      // A default ACL takes the place of the umask: which of them there is, is known here.
      INIT.DONT_MASK |
      INIT.DO_READDIRPLUS |
      INIT.READDIRPLUS_AUTO |
      INIT.PARALLEL_DIROPS |
      INIT.MAX_PAGES |
      INIT.CACHE_SYMLINKS |
      // Else the kernel asks for security.capability before every write.
      INIT.HANDLE_KILLPRIV_V2 |
      // It makes the kernel ask for permissions also where the mount does not.
      (this.#options.checked ? INIT.POSIX_ACL : 0) |
      INIT.INIT_EXT
    const passthrough = this.#options.passthrough ? INIT.PASSTHROUGH : 0
    const flags2 = offered2 & (INIT.DIRECT_IO_ALLOW_MMAP | passthrough)
    const at = OUT_HEADER_BYTES
    out.clear(at, at + 64)
    out.setWord(at, MAJOR)
    out.setWord(at + 4, Math.min(MINOR, minor))
    out.setWord(at + 8, readahead)
    out.setWord(at + 12, (offered & wanted) >>> 0)
    // How many requests may wait in the background, and from how many on the kernel calls that crowded: 16 bits each.
    out.setWord(at + 16, 64 | (48 << 16))
    out.setWord(at + 20, IO_BYTES_MAX)
    out.setWord(at + 24, 1)
    out.setWord(at + 28, IO_BYTES_MAX / PAGE_BYTES)
    out.setWord(at + 32, flags2)
    const passes = (flags2 & INIT.PASSTHROUGH) !== 0
    out.setWord(at + 36, passes ? 1 : 0)
    const { tree, place, volatile = false, owners } = this.#options
    this.#operations = new Operations({
      input,
      output: out,
      tree,
      place,
      volatile,
      owners,
      now: systemNow,
      checksFlags: minor >= MINOR_CHECKS_FLAGS,
      checksGroups: minor >= MINOR_CHECKS_GROUPS,
      ahead: this.#ahead,
      backing: new BackingFiles(this.#device, tree, passes),
      notify: (code, length) => this.#notify(code, length),
      replyFrom: (fd, offset, sizeBytes) => this.#replyFrom(fd, offset, sizeBytes),
    })
    return 64
  }
}
