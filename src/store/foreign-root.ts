// Roots of other stores, told by what lies at their top: read as one of ours they would seem empty, and a write would
// put a second store in among the first. Knows names only; opens none of them.

import fs from 'node:fs'
import path from 'node:path'

/** Of docker's classic store, those that shale has. */
const DRIVERS = ['overlay2', 'vfs']

/**
 * @returns to stand after `cannot open the store X: `; undefined for a store, for what may become one, and for what this
 *   user may not look at
 */
export function foreignRoot(root: string): string | undefined {
  const top = new Set(namesIn(root))
  const has = (...names: readonly string[]): boolean => names.some((name) => top.has(name))
  if (has('image')) {
    const drivers = namesIn(path.join(root, 'image'))
    if (drivers.length === 0 || DRIVERS.some((name) => drivers.includes(name))) return undefined
    return `its images are of docker's ${drivers.join(' and ')} driver, and shale knows ${DRIVERS.join(' and ')}; use docker save`
  }
  if (has('overlay-images', 'overlay-layers', 'vfs-images', 'vfs-layers'))
    return "it is podman's storage, which shale does not read; use podman save"
  if ([...top].some((name) => name.startsWith('io.containerd.')))
    return "it is containerd's root, which shale does not read; use ctr images export"
  // Since version 23 every dockerd leaves this; one with the classic store makes image/ at its first start.
  if (has('engine-id'))
    return "its images are in docker's containerd image store, which shale does not read; use docker save"
  return undefined
}

function namesIn(directory: string): string[] {
  try {
    return fs.readdirSync(directory)
  } catch {
    return []
  }
}
