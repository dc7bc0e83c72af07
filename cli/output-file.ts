// A file that a verb writes for its user: made aside under a name of its own, renamed when it is whole, removed when
// it fails. Knows bytes and names only.

import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { Readable } from 'node:stream'
import { HostError, InvalidArgumentError, NotFoundError } from './library/documents.ts'

/**
 * What can be known to fail is refused before anything is read for it.
 * @param action how the message begins: `save to`
 * @param otherwise what else there is for a directory
 * @throws InvalidArgumentError ERR_OPTION; NotFoundError ERR_FILE_NOT_FOUND; HostError
 */
export function checkOutputFile(file: string, action = 'write', otherwise = ''): void {
  const host = new HostCalls(file, action)
  const details = { path: file }
  if (file === '') {
    const message = `cannot ${action} a file without a name: name one, or leave the option out`
    throw new InvalidArgumentError('ERR_OPTION', message, { details })
  }
  checkParent(file, action)
  if (host.call(() => fs.statSync(file, { throwIfNoEntry: false }))?.isDirectory() === true) {
    const message = `cannot ${action} ${file}: it is a directory; name a file${otherwise}`
    throw new InvalidArgumentError('ERR_OPTION', message, { details })
  }
}

/** @throws NotFoundError ERR_FILE_NOT_FOUND; HostError */
export function checkParent(file: string, action = 'write'): void {
  const parent = path.dirname(path.resolve(file))
  const status = new HostCalls(file, action).call(() =>
    fs.statSync(parent, { throwIfNoEntry: false }),
  )
  if (status?.isDirectory()) return
  const why = status === undefined ? 'does not exist' : 'is a file'
  throw new NotFoundError(
    'ERR_FILE_NOT_FOUND',
    `cannot ${action} ${file}: directory ${JSON.stringify(parent)} ${why}`,
    { details: { path: parent } },
  )
}

/**
 * Writes `bytes` to `file`, replacing what is there at the end. A device or FIFO is written to directly: there is
 * nothing to replace. Mode 0600 by default, as docker save has it: an image may hold secrets.
 * @throws what `bytes` throws, signal.reason, or HostError; then `file` is as it was
 */
export async function writeOutputFile(
  file: string,
  bytes: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
  mode?: number,
): Promise<void> {
  await replaceOutputFile(file, (fd) => writeStream(fd, file, bytes, signal), mode)
}

/** A page or a picture, for everybody whom the umask lets read what this user makes. */
export async function writeDocument(
  file: string,
  text: string,
  signal: AbortSignal,
): Promise<void> {
  await writeOutputFile(file, Readable.from([Buffer.from(text)]), signal, 0o666)
}

/**
 * The same for who writes by place what is a stream elsewhere.
 * @param fill given the file to be, open and empty; and false where it cannot be written by place (a device, a FIFO)
 * @throws what `fill` throws, or HostError; then `file` is as it was
 */
export async function replaceOutputFile(
  file: string,
  fill: (fd: number, isSeekable: boolean) => Promise<void>,
  mode = 0o600,
): Promise<void> {
  checkOutputFile(file)
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
  const fd = host.call(() => fs.openSync(aside, 'wx', mode))
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
  private readonly action: string

  constructor(file: string, action = 'write') {
    this.file = file
    this.action = action
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
    const what = `cannot ${this.action} ${this.file}`
    if (cause.code === 'ENOSPC' || cause.code === 'EDQUOT') {
      const message = `${what}: the disk is full (${cause.code}); free some space and try again`
      return new HostError('ERR_DISK_FULL', message, { cause, details })
    }
    if (cause.code === 'EACCES' || cause.code === 'EPERM') {
      const message = `${what}: permission denied (${cause.code}); name a place that you may write to`
      return new HostError('ERR_PERMISSION', message, { cause, details })
    }
    // Node's form is `EISDIR: illegal operation on a directory, open '/x'`, and names the file that was made aside.
    const reason = /^\w+: ([^,]+)/.exec(cause.message)?.[1] ?? cause.message
    return new HostError('ERR_HOST', `${what}: ${reason} (${cause.code})`, { cause, details })
  }
}
