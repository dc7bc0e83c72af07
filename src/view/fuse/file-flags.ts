// FS_IOC_GETFLAGS and its kin, by which lsattr(1) asks and chattr(1) changes. A change copies up first, as any other
// (fs/overlayfs/inode.c, ovl_fileattr_set); the copy has no flags of the lower file's.

import { ERRNO } from '../../sys/errno.ts'
import { FILE_FLAGS_CALLS, callFileFlags, type FileFlagsCall } from '../../sys/file-flags.ts'
import { copyUp } from '../../union/copy-up.ts'
import type { UnionNode } from '../../union/entry.ts'
import { changeNameless, reopenToRead } from '../../union/nameless.ts'
import type { UnionTree } from '../../union/tree.ts'
import type { FileBody } from '../../union/upper-layer.ts'
import type { Message } from './message.ts'
import { IN_HEADER_BYTES as BODY, OUT_HEADER_BYTES as OUT } from './protocol.ts'

/** fuse_ioctl_in and fuse_ioctl_out. */
const IOCTL_IN_BYTES = 32
const IOCTL_OUT_BYTES = 16

export class FileFlags {
  readonly #in: Message
  readonly #out: Message
  readonly #tree: UnionTree

  constructor(options: {
    readonly input: Message
    readonly output: Message
    readonly tree: UnionTree
  }) {
    this.#in = options.input
    this.#out = options.output
    this.#tree = options.tree
  }

  /** @returns -ENOTTY for every other ioctl(2) */
  run(node: UnionNode): number {
    const request = this.#in.word(BODY + 12)
    const call = FILE_FLAGS_CALLS.find((each) => each.request === request)
    if (call === undefined || (node.type !== 'file' && node.type !== 'directory'))
      return -ERRNO.ENOTTY
    const given = this.#in.word(BODY + (call.changes ? 24 : 28))
    if (given < call.sizeBytes) return -ERRNO.EINVAL
    const ready = call.changes ? this.#prepare(node) : 0
    const body = ready < 0 ? ready : this.#open(node)
    if (typeof body === 'number') return body
    try {
      return body.fd === undefined ? -ERRNO.ENOTTY : this.#call(call, body.fd)
    } finally {
      body.close()
      if (call.changes) this.#tree.touch(node)
    }
  }

  #call(call: FileFlagsCall, fd: number): number {
    const { sizeBytes, changes } = call
    const [from, at] = changes
      ? [this.#in, BODY + IOCTL_IN_BYTES]
      : [this.#out, OUT + IOCTL_OUT_BYTES]
    const result = callFileFlags(fd, call, from.bytes.subarray(at, at + sizeBytes))
    if (result < 0) return result
    this.#out.clear(OUT, OUT + IOCTL_OUT_BYTES)
    return IOCTL_OUT_BYTES + (changes ? 0 : sizeBytes)
  }

  #prepare(node: UnionNode): number {
    const { entry } = node
    return entry === undefined
      ? changeNameless(this.#tree, node, () => 0)
      : copyUp(this.#tree, entry)
  }

  #open(node: UnionNode): FileBody | number {
    const { entry } = node
    return node.upper && entry !== undefined
      ? this.#tree.upper!.openBody(entry.path)
      : reopenToRead(this.#tree, node)
  }
}
