// A file that a verb writes for its user: made aside under a name of its own, renamed when it is whole, removed when
// it fails. Knows bytes and names only.

import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { HostError } from './library/documents.ts'

/**
 * Writes `bytes` to `file`, replacing what is there at the end. A device or FIFO is written to directly: there is
 * nothing to replace. Mode 0600, as docker save has it: an image may hold secrets.
 * @throws what `bytes` throws, signal.reason, or HostError; then `file` is as it was
 */
export async function writeOutputFile(
  file: string,
  bytes: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  await replaceOutputFile(file, (fd) => writeStream(fd, file, bytes, signal))
}

/**
 * The same for who writes by place what is a stream elsewhere.
 * @param fill given the file to be, open and empty; and false where it cannot be written by place (a device, a FIFO)
 * @throws what `fill` throws, or HostError; then `file` is as it was
 */
export async function replaceOutputFile(
  file: string,
  fill: (fd: number, isSeekable: boolean) => Promise<void>,
): Promise<void> {
  const host = new HostCalls(file)
  const status = fs.statSync(file, { throwIfNoEntry: false })
  if (status && !status.isFile()) {
    const fd = host.call(() => fs.openSync(file, 'w'))
    try {
      await fill(fd, false)
    } finally {
      fs.closeSync(fd)
    }
    return
  }
  // Through a symbolic link: the file that it names is replaced, not the link.
  const target = status ? fs.realpathSync(file) : path.resolve(file)
  const name = `.${path.basename(target).slice(0, 100)}.${randomBytes(6).toString('hex')}`
  const aside = path.join(path.dirname(target), name)
  const fd = host.call(() => fs.openSync(aside, 'wx', 0o600))
  try {
    try {
      await fill(fd, true)
      // Renamed before its data is on disk, the file could come out of a power cut empty.
      host.call(() => fs.fsyncSync(fd))
    } finally {
      fs.closeSync(fd)
    }
    host.call(() => fs.renameSync(aside, target))
  } catch (error) {
    fs.rmSync(aside, { force: true })
    throw error
  }
}

export async function writeStream(
  fd: number,
  file: string,
  bytes: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  const host = new HostCalls(file)
  for await (const chunk of bytes) {
    signal.throwIfAborted()
    for (let done = 0; done < chunk.length;) {
      const from = done
      done += host.call(() => fs.writeSync(fd, chunk, from))
    }
  }
  signal.throwIfAborted()
}

/** Says of each refusal which file of the user's it is about, not which file was made aside. */
class HostCalls {
  private readonly file: string

  constructor(file: string) {
    this.file = file
  }

  call<T>(action: () => T): T {
    try {
      return action()
    } catch (error) {
      throw this.describe(error as NodeJS.ErrnoException)
    }
  }

  private describe(cause: NodeJS.ErrnoException): HostError {
    const details = { path: this.file, errno: cause.code, syscall: cause.syscall }
    const what = `cannot write ${this.file}`
    if (cause.code === 'ENOSPC' || cause.code === 'EDQUOT') {
      const message = `${what}: the disk is full (${cause.code}); free some space and try again`
      return new HostError('ERR_DISK_FULL', message, { cause, details })
    }
    if (cause.code === 'EACCES' || cause.code === 'EPERM') {
      const message = `${what}: permission denied (${cause.code}); name a place that you may write to`
      return new HostError('ERR_PERMISSION', message, { cause, details })
    }
    return new HostError('ERR_HOST', `${what}: ${cause.message}`, { cause, details })
  }
}
