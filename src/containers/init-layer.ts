// The init layer: what every container root has whatever its image says, beneath the writable layer, so that neither
// `diff` nor `commit` shows it. Made in the layer's own directory, so it needs no mount and no privilege.
// Source: moby daemon/initlayer.Setup, path by path.

import { joinPath, type BytePath } from '../path/byte-path.ts'
import type { WritableTree } from '../view/writable-tree.ts'

type Placeholder = 'directory' | 'file' | { readonly symlink: BytePath }

const path = (text: string): BytePath => text as BytePath

const PLACEHOLDERS: readonly (readonly [BytePath, Placeholder])[] = [
  [path('dev/pts'), 'directory'],
  [path('dev/shm'), 'directory'],
  [path('proc'), 'directory'],
  [path('sys'), 'directory'],
  [path('.dockerenv'), 'file'],
  [path('etc/resolv.conf'), 'file'],
  [path('etc/hosts'), 'file'],
  [path('etc/hostname'), 'file'],
  [path('dev/console'), 'file'],
  [path('etc/mtab'), { symlink: path('/proc/mounts') }],
]

/** Whatever an image has at those places that is no directory gives way, a link on the way there as well. */
export function fillInitLayer(tree: WritableTree): void {
  for (const [place, kind] of PLACEHOLDERS) {
    const parts = place.split('/')
    let at = '' as BytePath
    for (const part of parts) {
      at = joinPath(at, part as BytePath)
      tree.unlink(at)
    }
    if (tree.view.lookup(place) !== undefined) continue
    tree.makeDirectories(parts.slice(0, -1).join('/') as BytePath)
    if (kind === 'directory') tree.makeDirectories(place)
    else if (kind === 'file') tree.makeFile(place, 0o755)
    else tree.makeSymlink(place, kind.symlink)
  }
}
