// An archive written into a file by place: where each member stands is known before a layer is read, so layers are
// written side by side, each from a thread of its own. The bytes are those of writeTar over the same members.

import { hostError } from '../sys/errno.ts'
import { pwriteAll } from '../sys/file-calls.ts'
import { bodyPadding, encodeHeader, END_BLOCKS } from '../tar/writer.ts'
import type { SaveLayer } from './archive.ts'
import type { ArchiveMember } from './image-documents.ts'

/** A regular file, open for writing; nothing else writes to it, and it is empty. */
export interface OutputFile {
  readonly fd: number
  /** For messages: as the user knows it. */
  readonly path: string
}

/** @throws HostError; whatever a layer's writing throws; the signal's reason. When it settles nobody writes any more. */
export async function writePlaced(
  members: readonly ArchiveMember[],
  file: OutputFile,
  signal?: AbortSignal,
): Promise<void> {
  let offset = 0
  const put = (bytes: Uint8Array): void => {
    const written = bytes.length === 0 ? 0 : pwriteAll(file.fd, bytes, offset)
    if (written < 0) throw hostError(`write ${file.path}`, -written, 'pwrite', file.path)
    offset += bytes.length
  }
  const layers: PlacedLayer[] = []
  for (const member of members) {
    put(encodeHeader(member))
    if (member.layer) {
      const { layer } = member
      layers.push({ layer, offset })
      offset += layer.tarBytes
      put(bodyPadding(layer.tarBytes))
    } else if (member.body instanceof Uint8Array) {
      put(member.body)
      put(bodyPadding(member.body.length))
    }
  }
  put(END_BLOCKS)
  await sideBySide(layers, ({ layer, offset }, stop) => layer.writeAt(file, offset, stop), signal)
}

export interface PlacedLayer {
  readonly layer: SaveLayer
  readonly offset: number
}

/** More than any pool of threads takes at once, and few enough to hold a file open for each. */
const AT_ONCE = 16

/** The longest first, so that none is left alone at the end. After a failure the others are stopped, then it is thrown. */
export async function sideBySide<T extends PlacedLayer>(
  layers: readonly T[],
  write: (layer: T, stop: AbortSignal) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  signal?.throwIfAborted()
  const queue = [...layers].sort((a, b) => b.layer.tarBytes - a.layer.tarBytes)
  const stop = new AbortController()
  const onAbort = (): void => stop.abort(signal?.reason)
  signal?.addEventListener('abort', onAbort)
  const hand = async (): Promise<void> => {
    for (let next; !stop.signal.aborted && (next = queue.shift()) !== undefined;) {
      try {
        await write(next, stop.signal)
      } catch (error) {
        stop.abort(error)
      }
    }
  }
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, hand))
    stop.signal.throwIfAborted()
  } finally {
    signal?.removeEventListener('abort', onAbort)
  }
}
