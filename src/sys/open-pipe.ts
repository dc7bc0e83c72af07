// What can be read only once, and may keep its reader waiting for ever: a FIFO that nobody writes to. Read without a
// blocking call: one of those, once begun in a thread of Node's pool, cannot be taken back, and even exit waits for it.

import fs from 'node:fs'
import net from 'node:net'
import type { Readable } from 'node:stream'
import { fromNodeError } from './errno.ts'

const { O_RDONLY, O_NONBLOCK } = fs.constants
const CHUNK_BYTES = 1 << 20

/**
 * @param options.signal aborted, the stream fails with its reason, also while it waits for a writer
 * @throws HostError where it cannot be opened
 */
export function openPipe(
  file: string,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Readable {
  const { signal } = options
  let stream: Readable
  try {
    stream = fs.statSync(file).isFIFO()
      ? new net.Socket({
          // Opens at once, and the kernel tells of an end only when a writer has been there and gone.
          fd: fs.openSync(file, O_RDONLY | O_NONBLOCK),
          readable: true,
          writable: false,
        })
      : fs.createReadStream(file, { highWaterMark: CHUNK_BYTES })
  } catch (error) {
    throw fromNodeError(`open ${file}`, error)
  }
  if (signal === undefined) return stream
  const stop = (): void => {
    stream.destroy(signal.reason as Error)
  }
  if (signal.aborted) stop()
  else signal.addEventListener('abort', stop, { once: true })
  stream.once('close', () => signal.removeEventListener('abort', stop))
  return stream
}
