// Takes away the mounts that an engine leaves below a directory of ours, so that the directory can go.

import fs from 'node:fs'
import { listMounts } from '../sys/mount-table.ts'
import { unmount } from '../sys/mount.ts'

/** The directory's own mount included; the newest first. */
export function unmountBelow(directory: string): void {
  if (!fs.existsSync(directory)) return
  const real = fs.realpathSync(directory)
  const targets = listMounts()
    .map((mount) => mount.target)
    .filter((target) => target === real || target.startsWith(`${real}/`))
  for (const target of targets.reverse()) unmount(target, { lazy: true })
}
