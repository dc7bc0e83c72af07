// What of a store somebody looks at or writes into at this moment, by a mount or by a written-out merge: nothing of it is
// given back. Knows the views of this host; what is removed instead, others decide.

import path from 'node:path'
import type { ImageID } from '../digest/digest.ts'
import { listContainerMerges } from '../containers/container-merges.ts'
import type { Store } from '../store/store.ts'
import { listMounts } from '../sys/mount-table.ts'
import { listViews, listWritableMounts } from '../view/mount-list.ts'
import type { Inventory } from './inventory.ts'

/** Directories of the driver that are mounted, that some writable mount stands on, or whose merge is not folded back. */
export function directoriesInUse(store: Store): Set<string> {
  const names = new Set<string>()
  const { home } = store.driver
  const note = (file: string): void => {
    if (!file.startsWith(`${home}/`)) return
    names.add(file.slice(home.length + 1).split('/')[0]!)
  }
  const mounts = listMounts()
  for (const { target, type, superOptions } of mounts) {
    note(target)
    if (type !== 'overlay') continue
    for (const option of superOptions) {
      const [, value] = /^(?:upperdir|workdir)=(.*)$/.exec(option) ?? []
      if (value !== undefined) note(path.resolve(home, value))
    }
  }
  for (const { mountID } of listWritableMounts(home, mounts)) names.add(mountID)
  for (const { mountID } of listContainerMerges(store)) names.add(mountID)
  return names
}

/** Images whose layers a mount shows: it would lose its files. A merge that was written out stands by itself. */
export function imagesInUse(store: Store, { images, layers }: Inventory): Set<ImageID> {
  const views = listViews({ home: store.driver.home, merges: store.layout.merges })
  const tops = new Set(views.flatMap((view) => (view.view === 'merge' ? [] : [view.topCacheID])))
  if (tops.size === 0) return new Set()
  const found = [...images].filter(([, { chain }]) => {
    const top = chain.at(-1)
    const cacheID = top === undefined ? undefined : layers.get(top)?.cacheID
    return cacheID !== undefined && tops.has(cacheID)
  })
  return new Set(found.map(([id]) => id))
}
