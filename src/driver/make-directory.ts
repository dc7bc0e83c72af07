// Directories with the exact mode that docker gives them.

import fs from 'node:fs'

/**
 * mkdir, parent must exist; an existing directory is left as it is. mkdir(2) applies the umask, so the mode is set again.
 * @returns whether it was made
 */
export function makeDirectory(dir: string, mode: number): boolean {
  try {
    fs.mkdirSync(dir, { mode })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
  fs.chmodSync(dir, mode)
  return true
}
