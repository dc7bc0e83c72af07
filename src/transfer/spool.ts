// Puts a stream on disk, because an archive is read by place, not in order: its manifest may be its last member.

import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { fromNodeError } from '../sys/errno.ts'

/** Between two turns of the event loop: some milliseconds of work. A chunk may be a header alone, and costs its calls. */
const TURN_BYTES = 8 << 20
const CHUNK_COST_BYTES = 16 << 10

/**
 * @param directory existing; the file in it gets a name that is new, and mode 0600
 * @returns the file's path; it is the caller's to remove. After a failure there is none.
 * @throws HostError ERR_DISK_FULL and others; whatever the source throws; the signal's reason
 */
export async function spool(
  source: AsyncIterable<Uint8Array>,
  directory: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<string> {
  const file = path.join(directory, `spool-${randomBytes(8).toString('hex')}`)
  let fd: number
  try {
    fd = fs.openSync(file, 'wx', 0o600)
  } catch (error) {
    throw fromNodeError(`create ${file}`, error)
  }
  try {
    let sinceTurn = 0
    for await (const chunk of source) {
      options.signal?.throwIfAborted()
      writeFully(fd, chunk, file)
      sinceTurn += CHUNK_COST_BYTES + chunk.length
      if (sinceTurn < TURN_BYTES) continue
      sinceTurn = 0
      // A source that never waits (a directory that is packed) would keep Ctrl-C from being heard until its end.
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
    options.signal?.throwIfAborted()
    fs.closeSync(fd)
    return file
  } catch (error) {
    fs.closeSync(fd)
    fs.rmSync(file, { force: true })
    throw error
  }
}

/** write(2) may take less than all of it, on a disk that is about to be full for one. */
export function writeFully(fd: number, bytes: Uint8Array, file: string): void {
  try {
    for (let done = 0; done < bytes.length;) done += fs.writeSync(fd, bytes, done)
  } catch (error) {
    throw fromNodeError(`write ${file}`, error)
  }
}
