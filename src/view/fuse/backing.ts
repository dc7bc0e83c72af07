// Passthrough: an open file whose reads, writes and mappings the kernel does on the layer's own file, without asking
// the server (Documentation/filesystems/fuse-passthrough.rst). All openings of one node must have one backing file, so
// it is kept as long as any of them is open, and an opening without it is refused (EIO). So a lower file that a writer may
// copy up is read through the page cache: its reader would keep the writer out.

import { ERRNO } from '../../sys/errno.ts'
import { closeBacking, openBacking } from '../../sys/fuse-device.ts'
import type { UnionNode } from '../../union/entry.ts'
import { reopenToWrite } from '../../union/nameless.ts'
import type { UnionTree } from '../../union/tree.ts'

interface Backing {
  readonly id: number
  opens: number
}

export type BackingAnswer =
  | { readonly kind: 'backing'; readonly id: number }
  /** It could not be set up this time: past the page cache, so that the next one may. */
  | { readonly kind: 'direct' }
  /** By the server, through the page cache. */
  | { readonly kind: 'none' }

/** What was opened. */
interface Opening {
  readonly fd: number | undefined
  readonly writable: boolean
  /** Writes must come to the server, which takes setuid away. */
  readonly isPrivileged: boolean
  /** Not worth a backing file. */
  readonly isSmall: boolean
}

const NONE: BackingAnswer = { kind: 'none' }

export class BackingFiles {
  readonly #device: number
  readonly #tree: UnionTree
  /** By the node's id. */
  readonly #byNode = new Map<number, Backing>()
  /** Open through the page cache, and how often: the kernel (EIO) takes no other way to it meanwhile. */
  readonly #cached = new Map<number, number>()
  #available: boolean

  constructor(device: number, tree: UnionTree, available: boolean) {
    this.#device = device
    this.#tree = tree
    this.#available = available
  }

  open(node: UnionNode, file: Opening): BackingAnswer {
    const known = this.#byNode.get(node.id)
    if (known !== undefined) {
      known.opens++
      return { kind: 'backing', id: known.id }
    }
    if (!this.#available) return NONE
    const answer = this.#choose(node, file)
    if (answer.kind === 'none') this.#cached.set(node.id, (this.#cached.get(node.id) ?? 0) + 1)
    return answer
  }

  #choose(node: UnionNode, file: Opening): BackingAnswer {
    const { fd, writable, isPrivileged, isSmall } = file
    const mayBeCopiedUp = !node.upper && this.#tree.upper !== undefined
    if (mayBeCopiedUp || isPrivileged || isSmall || this.#cached.has(node.id)) return NONE
    // Readers and writers of one node share one file: that of the upper layer must be open for both.
    const mustReopen = node.upper && !writable
    const id = mustReopen ? this.#backUpper(node) : fd && openBacking(this.#device, fd)
    if (id === undefined) return NONE
    if (id > 0) {
      this.#byNode.set(node.id, { id, opens: 1 })
      return { kind: 'backing', id }
    }
    if (isForGood(id)) this.#available = false
    return this.#available ? { kind: 'direct' } : NONE
  }

  /** @param kind as `open` answered */
  release(node: UnionNode, kind: BackingAnswer['kind']): void {
    if (kind === 'none') {
      const others = (this.#cached.get(node.id) ?? 1) - 1
      if (others === 0) this.#cached.delete(node.id)
      else this.#cached.set(node.id, others)
    }
    if (kind !== 'backing') return
    const known = this.#byNode.get(node.id)
    if (known === undefined || --known.opens > 0) return
    this.#byNode.delete(node.id)
    closeBacking(this.#device, known.id)
  }

  /** @returns undefined for what nobody can write to (chattr +i, a program that runs): such a file has readers alone */
  #backUpper(node: UnionNode): number | undefined {
    const { entry } = node
    const body =
      entry === undefined
        ? reopenToWrite(this.#tree, node)
        : this.#tree.upper!.openBody(entry.path, true)
    if (typeof body === 'number') return undefined
    try {
      return body.fd && openBacking(this.#device, body.fd)
    } finally {
      body.close()
    }
  }
}

/** No right to it, or a file system on which the kernel does not stack, as an overlay: it will not change its mind. */
function isForGood(errno: number): boolean {
  return [ERRNO.EPERM, ERRNO.ENOTTY, ERRNO.EINVAL, ERRNO.ELOOP].includes(-errno)
}
