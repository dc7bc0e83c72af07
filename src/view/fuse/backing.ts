// Passthrough: an open file whose reads, writes and mappings the kernel does on the layer's own file, without asking
// the server (Documentation/filesystems/fuse-passthrough.rst). All openings of one node must have one backing file, so
// it is kept as long as any of them is open; a node that was copied up meanwhile goes on by direct I/O until the lower
// file's readers are gone.

import { ERRNO } from '../../sys/errno.ts'
import { closeBacking, openBacking } from '../../sys/fuse-device.ts'
import type { UnionNode } from '../../union/entry.ts'
import type { UnionTree } from '../../union/tree.ts'

interface Backing {
  readonly id: number
  readonly fromUpper: boolean
  opens: number
}

export type BackingAnswer =
  | { readonly kind: 'backing'; readonly id: number }
  /** Another file of the same node is passed through: neither it nor the page cache can serve this one. */
  | { readonly kind: 'direct' }
  /** By the server, through the page cache. */
  | { readonly kind: 'none' }

const NONE: BackingAnswer = { kind: 'none' }

export class BackingFiles {
  readonly #device: number
  readonly #tree: UnionTree
  readonly #byNode = new Map<UnionNode, Backing>()
  #available: boolean

  constructor(device: number, tree: UnionTree, available: boolean) {
    this.#device = device
    this.#tree = tree
    this.#available = available
  }

  /**
   * @param file that was opened; `asksServer`: each write must come to the server
   */
  open(
    node: UnionNode,
    file: {
      readonly fd: number | undefined
      readonly writable: boolean
      readonly asksServer: boolean
    },
  ): BackingAnswer {
    const { fd, writable, asksServer } = file
    if (!this.#available) return NONE
    const known = this.#byNode.get(node)
    if (asksServer) return known === undefined ? NONE : { kind: 'direct' }
    if (known !== undefined) {
      if (known.fromUpper !== node.upper) return { kind: 'direct' }
      known.opens++
      return { kind: 'backing', id: known.id }
    }
    // Readers and writers of one node share one file: that of the upper layer must be open for both.
    const id =
      node.upper && !writable
        ? this.#openUpper(node)
        : fd === undefined
          ? -ERRNO.EBADF
          : openBacking(this.#device, fd)
    if (id <= 0) {
      // No right to it, or a file system on which the kernel does not stack: it will not change its mind.
      if (id === -ERRNO.EPERM || id === -ERRNO.ENOTTY || id === -ERRNO.EINVAL)
        this.#available = false
      return this.#available ? { kind: 'direct' } : NONE
    }
    this.#byNode.set(node, { id, fromUpper: node.upper, opens: 1 })
    return { kind: 'backing', id }
  }

  release(node: UnionNode): void {
    const known = this.#byNode.get(node)
    if (known === undefined || --known.opens > 0) return
    this.#byNode.delete(node)
    closeBacking(this.#device, known.id)
  }

  /** Readers and writers share it, whoever comes first. */
  #openUpper(node: UnionNode): number {
    const { entry } = node
    const body = entry === undefined ? undefined : this.#tree.upper!.openBody(entry.path, true)
    if (body === undefined || typeof body === 'number') return body ?? -ERRNO.ESTALE
    try {
      return body.fd === undefined ? -ERRNO.EPERM : openBacking(this.#device, body.fd)
    } finally {
      body.close()
    }
  }
}
