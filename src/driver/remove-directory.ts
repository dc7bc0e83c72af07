// Removal of a layer's directory, whatever a layer may hold: names that are no UTF-8, directories without permissions,
// paths longer than any call takes.

import fs from 'node:fs'
import path from 'node:path'
import { pathFromText } from '../path/byte-path.ts'
import { ERRNO, hostError } from '../sys/errno.ts'
import { AT_FDCWD, O, close, openAt, removeTree } from '../sys/file-calls.ts'

/**
 * rm -rf; missing is success. The directory is renamed first, so that a removal which is cut short leaves a name that
 * nobody takes for a layer.
 */
export async function removeDirectory(dir: string): Promise<void> {
  const aside = dir.endsWith('-removing') ? dir : `${dir}-removing`
  try {
    if (aside !== dir) fs.renameSync(dir, aside)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOTEMPTY' || code === 'EEXIST') removeNow(dir)
    else if (code !== 'ENOENT') throw error
  }
  removeNow(aside)
}

/** From open directory to open directory: node's own rm passes whole paths, which the kernel refuses from 4096 bytes on. */
function removeNow(dir: string): void {
  const parent = openAt(AT_FDCWD, pathFromText(path.dirname(dir)), O.RDONLY | O.DIRECTORY)
  if (parent === -ERRNO.ENOENT) return
  if (parent < 0) throw hostError(`remove ${dir}`, -parent, 'openat', dir)
  try {
    const result = removeTree(parent, pathFromText(path.basename(dir)))
    if (result < 0 && result !== -ERRNO.ENOENT) {
      throw hostError(`remove ${dir}`, -result, 'unlinkat', dir)
    }
  } finally {
    close(parent)
  }
}
