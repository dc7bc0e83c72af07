// Where a verb reads from: standard input, a file (also a FIFO, a shell's `<(...)`), a directory, or a device. A name that leads nowhere is refused here, before a store is opened for it.

import fs from 'node:fs'
import { HostError, InvalidArgumentError, NotFoundError } from './library/documents.ts'
import type { Context } from './context.ts'

export type Input =
  | { readonly kind: 'file' | 'directory'; readonly path: string }
  | { readonly kind: 'stream'; readonly stream: AsyncIterable<Uint8Array> }

const CHUNK_BYTES = 1 << 20

/** @throws InvalidArgumentError ERR_OPTION where standard input is a terminal, in docker's words */
export function standardInput(context: Context, verb: string): Input {
  if (context.stdin.isTTY) {
    throw new InvalidArgumentError(
      'ERR_OPTION',
      `requested ${verb} from stdin, but stdin is empty: give a file, or pipe the archive in`,
    )
  }
  return { kind: 'stream', stream: context.stdin }
}

/** @throws NotFoundError ERR_FILE_NOT_FOUND; HostError ERR_PERMISSION */
export function openInput(path: string, verb: string): Input {
  let status: fs.Stats
  try {
    status = fs.statSync(path)
    fs.accessSync(path, fs.constants.R_OK)
  } catch (error) {
    throw inputError(path, verb, error as NodeJS.ErrnoException)
  }
  if (status.isDirectory()) return { kind: 'directory', path }
  // The library reads a FIFO so that Ctrl-C is heard while nobody writes to it.
  if (status.isFile() || status.isFIFO()) return { kind: 'file', path }
  const stream = fs.createReadStream(path, { highWaterMark: CHUNK_BYTES })
  // A socket, or a device without a medium, fails at once, and nobody listens before the store is open. Whoever reads
  // is told of it then.
  stream.on('error', () => {})
  return { kind: 'stream', stream }
}

function inputError(path: string, verb: string, cause: NodeJS.ErrnoException): Error {
  const details = { path }
  const what = `cannot ${verb} ${path === '' ? 'from a name that is empty' : path}`
  if (cause.code === 'ENOENT' || cause.code === 'ENOTDIR') {
    const message = `${what}: no such file or directory`
    return new NotFoundError('ERR_FILE_NOT_FOUND', message, { cause, details })
  }
  if (cause.code === 'EACCES' || cause.code === 'EPERM') {
    const message = `${what}: permission denied; make it readable, or run as its owner`
    return new HostError('ERR_PERMISSION', message, { cause, details })
  }
  return new HostError('ERR_HOST', `${what}: ${cause.message}`, { cause, details })
}
