// Getting names and data onto the disk: fsync of a directory for the names in it, one syncfs for all data of a load.

import fs from 'node:fs'
import { fromNodeError, hostError } from './errno.ts'
import { checked, libc } from './libc.ts'

/** Makes the names in a directory survive a power cut. */
export function syncDirectory(directory: string): void {
  let fd
  try {
    fd = fs.openSync(directory, 'r')
    fs.fsyncSync(fd)
  } catch (error) {
    throw fromNodeError(`flush directory ${directory}`, error)
  } finally {
    if (fd !== undefined) fs.closeSync(fd)
  }
}

/** Everything written to the file system that holds `path`, in one go: cheaper than an fsync for each of 20,000 files. */
export function syncFilesystem(path: string): void {
  const fd = fs.openSync(path, 'r')
  try {
    const result = checked(libc().syncfs(fd))
    if (result < 0) throw hostError(`flush the file system of ${path}`, -result, 'syncfs', path)
  } finally {
    fs.closeSync(fd)
  }
}
