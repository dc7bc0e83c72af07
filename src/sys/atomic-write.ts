// One file, replaced as a whole: readers see the old bytes or the new ones, and a crash leaves at most a file whose
// name starts with `.tmp-`, as docker's own atomic writer does.

import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { ConflictError } from '../errors.ts'
import { fromNodeError } from './errno.ts'

/** Names that a crash may leave behind. */
export const TEMPORARY_PREFIX = '.tmp-'

export interface AtomicWriteOptions {
  /** fsync the file before the rename. Default true; false where a syncfs follows or durability was traded away. */
  readonly sync?: boolean
}

/**
 * @param mode exact, the umask does not apply
 * @throws ConflictError ERR_DESTINATION_EXISTS when a symlink, directory or special file is in the place
 */
export function writeFileAtomic(
  file: string,
  bytes: Uint8Array | string,
  mode: number,
  options: AtomicWriteOptions = {},
): void {
  const there = fs.lstatSync(file, { throwIfNoEntry: false })
  if (there && !there.isFile()) {
    throw new ConflictError(
      'ERR_DESTINATION_EXISTS',
      `cannot replace ${file}: it is ${there.isDirectory() ? 'a directory' : there.isSymbolicLink() ? 'a symbolic link' : 'a special file'}, not a plain file`,
      { details: { path: file } },
    )
  }
  const temporary = path.join(
    path.dirname(file),
    `${TEMPORARY_PREFIX}${path.basename(file)}${randomBytes(6).toString('hex')}`,
  )
  try {
    const fd = fs.openSync(temporary, 'wx', 0o600)
    try {
      fs.writeFileSync(fd, bytes)
      fs.fchmodSync(fd, mode)
      if (options.sync ?? true) fs.fsyncSync(fd)
    } finally {
      fs.closeSync(fd)
    }
    fs.renameSync(temporary, file)
  } catch (error) {
    fs.rmSync(temporary, { force: true })
    throw fromNodeError(`write ${file}`, error)
  }
}
