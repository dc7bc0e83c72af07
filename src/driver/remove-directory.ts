// Removal of a layer's directory, whatever a layer may hold: names that are no UTF-8, directories without permissions.

import fs from 'node:fs'

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
    if (code === 'ENOTEMPTY' || code === 'EEXIST') fs.rmSync(dir, { recursive: true, force: true })
    else if (code !== 'ENOENT') throw error
  }
  fs.rmSync(aside, { recursive: true, force: true })
}
