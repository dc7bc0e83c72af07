// The bytes of one file of an image, straight from the layer that decides it: no mount, no copy. The path is resolved
// inside the image, so that a link to /etc/shadow reads the image's and never the host's.
// Refuses what has no content of its own: opening an image's device or FIFO would reach the host's, or hang.

import fs from 'node:fs'
import { promisify } from 'node:util'
import { InvalidArgumentError } from '../errors.ts'
import { pathText, type BytePath } from '../path/byte-path.ts'
import { hostError } from '../sys/errno.ts'
import { statusOf } from '../sys/file-status.ts'
import type { NodeType } from '../union/layer-view.ts'
import type { MergedNode } from '../union/merge.ts'
import { resolvePath } from '../union/resolve.ts'
import type { LayerStack } from './stack.ts'

const CHUNK_BYTES = 1 << 20

const WORDS: Readonly<Record<NodeType, string>> = {
  file: 'a regular file',
  directory: 'a directory',
  symlink: 'a symbolic link',
  char: 'a character device',
  block: 'a block device',
  fifo: 'a named pipe',
  socket: 'a socket',
}

export interface FileContent extends AsyncIterable<Uint8Array>, Disposable {
  readonly node: MergedNode
  /** For who stops before the first chunk; iterating to the end, or leaving the loop, closes as well. */
  close(): void
}

/**
 * Opens at once, so that every error but a failing disk comes before the first byte. Can be iterated once; each chunk
 * is its own memory. The stack may be closed meanwhile.
 * @throws NotFoundError ERR_PATH_NOT_FOUND, InvalidArgumentError ERR_NOT_A_FILE, HostError
 */
export function openContent(stack: LayerStack, path: BytePath): FileContent {
  const node = resolvePath(stack.view, path)
  const shown = `/${pathText(node.path)}`
  if (node.type !== 'file') throw notAFile(shown, node.type)
  const fd = stack.layers[node.layer]!.openFile(node.path)
  if (fd < 0) throw hostError(`read ${shown} of the image`, -fd, 'openat', shown)
  const status = statusOf(fd)
  if (typeof status === 'number' || status.type !== 'file') {
    fs.closeSync(fd)
    if (typeof status === 'number') throw hostError(`read ${shown}`, -status, 'statx', shown)
    throw notAFile(shown, status.type)
  }
  return new OpenContent(node, fd, shown)
}

function notAFile(shown: string, type: NodeType): InvalidArgumentError {
  return new InvalidArgumentError(
    'ERR_NOT_A_FILE',
    `cannot read ${shown} of the image: it is ${WORDS[type]}, and only regular files have content`,
    { details: { path: shown, type } },
  )
}

const read = promisify(fs.read)

class OpenContent implements FileContent {
  readonly node: MergedNode
  readonly #shown: string
  #fd: number | undefined

  constructor(node: MergedNode, fd: number, shown: string) {
    this.node = node
    this.#fd = fd
    this.#shown = shown
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      while (this.#fd !== undefined) {
        const chunk = Buffer.allocUnsafe(CHUNK_BYTES)
        const { bytesRead } = await read(this.#fd, chunk, 0, CHUNK_BYTES, null)
        if (bytesRead === 0) return
        yield chunk.subarray(0, bytesRead)
      }
    } catch (error) {
      const { errno, code } = error as NodeJS.ErrnoException
      if (typeof errno !== 'number' || code === undefined) throw error
      throw hostError(`read ${this.#shown} of the image`, Math.abs(errno), 'read', this.#shown)
    } finally {
      this.close()
    }
  }

  close(): void {
    if (this.#fd !== undefined) fs.closeSync(this.#fd)
    this.#fd = undefined
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
