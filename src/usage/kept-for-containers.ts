// Directories of the driver that no file of layerdb names, and that a container loses all the same if they go: its own
// writable one, whose name only layerdb knows, and those that it stands on. A power cut takes such small files first.

import path from 'node:path'
import { readIfPresent } from '../store/read-file.ts'
import type { Store } from '../store/store.ts'
import type { Inventory } from './inventory.ts'

/** @returns for a directory without an owner, whether some container may have it */
export function keptForContainers(store: Store, inventory: Inventory): (name: string) => boolean {
  const { containers, mounts, directories } = inventory
  const present = new Set(directories)
  // Which of the writable directories is whose nothing tells: all of those without an owner may be.
  const isOneLost = [...containers.keys()].some((id) => !mounts.has(id))
  let links: Set<string> | undefined
  const stoodOn = (): Set<string> => {
    const texts = [...mounts.values()].map(({ mountID }) =>
      readIfPresent(path.join(store.driver.home, mountID, 'lower'))?.toString('latin1'),
    )
    return new Set(texts.flatMap((text) => (text ?? '').trim().split(':')))
  }
  return (name) => {
    const base = name.replace(/-init$/, '')
    if (isOneLost && present.has(base) && present.has(`${base}-init`)) return true
    // Here and no sooner: all links are read for it, and nearly no store has a directory without an owner.
    const own = inventory.linksOf.get(name) ?? []
    return own.some((link) => (links ??= stoodOn()).has(`l/${link}`))
  }
}
