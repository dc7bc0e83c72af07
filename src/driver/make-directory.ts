// Directories with the exact mode that docker gives them.

import fs from 'node:fs'

/** mkdir, parent must exist; an existing directory is left as it is. mkdir(2) applies the umask, so the mode is set again. */
export function makeDirectory(dir: string, mode: number): void {
  try {
    fs.mkdirSync(dir, { mode })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return
    throw error
  }
  fs.chmodSync(dir, mode)
}
