// What a layer's whiteouts need to know of the layers below, settled once those are known: overlayfs reads whiteouts in
// directories that it merges and nowhere else, and it merges roots whatever their opaque mark says.
// Knows directories in overlay form; how the marks are written, src/archive knows.

import { writeOpaque, writeWhiteout } from '../archive/whiteout-form.ts'
import { comparePaths, type BytePath } from '../path/byte-path.ts'
import { hostError, must } from '../sys/errno.ts'
import { AT_FDCWD, O, close, openAt, setTimesOf, unlinkAt } from '../sys/file-calls.ts'
import { statusOf } from '../sys/file-status.ts'
import { openInRoot } from '../sys/open-in-root.ts'
import { LayerStack } from '../view/stack.ts'
import type { LayerForm } from './driver.ts'

const DIRECTORY = O.RDONLY | O.DIRECTORY | O.NOFOLLOW

/**
 * A layer that hides everything below it, written as what it means: a whiteout for each name in the root below that the
 * layer does not have itself, and an opaque mark on each directory that both have.
 * @param lowers nearest first
 */
export function hideLowerRoots(own: string, lowers: readonly string[], form: LayerForm): void {
  using stack = new LayerStack([own, ...lowers], { form })
  using below = new LayerStack(lowers, { form })
  const root = openDirectory(own)
  try {
    for (const { name } of below.view.list('' as BytePath) ?? []) {
      const node = stack.layers[0]!.lookup(name)
      if (node === undefined) writeWhiteout({ root, dir: root, name }, form)
      else if (node !== 'whiteout' && node.type === 'directory') {
        const dir = must(openAt(root, name, DIRECTORY), 'openat', name)
        try {
          writeOpaque(dir, form)
        } finally {
          close(dir)
        }
      }
    }
  } finally {
    close(root)
  }
}

/**
 * Removes whiteouts in directories that nothing below has: the kernel does not merge such a directory, and would list
 * the whiteouts in it as files that are not there (a base layer, shown alone, even as devices). Times stay as they were.
 * @param lowers nearest first
 */
export function removeIdleWhiteouts(
  own: string,
  lowers: readonly string[],
  options: { readonly form: LayerForm; readonly whiteoutDirectories: readonly BytePath[] },
): void {
  const { form, whiteoutDirectories } = options
  // In the form `none` they are files that no kernel reads.
  if (whiteoutDirectories.length === 0 || form === 'none') return
  using below = new LayerStack(lowers, { form })
  const idle = [...whiteoutDirectories]
    .sort(comparePaths)
    .filter((path) => below.view.lookup(path)?.type !== 'directory')
  if (idle.length === 0) return
  using stack = new LayerStack([own], { form })
  const root = openDirectory(own)
  try {
    for (const path of idle) {
      const entries = stack.layers[0]!.list(path).filter(({ kind }) => kind === 'whiteout')
      const names = entries.map(({ name }) => name)
      const dir = must(openInRoot(root, path, DIRECTORY, { noSymlinks: true }), 'openat2', path)
      try {
        unlinkAll(dir, names, own)
      } finally {
        close(dir)
      }
    }
  } finally {
    close(root)
  }
}

function unlinkAll(dir: number, names: readonly BytePath[], own: string): void {
  const status = statusOf(dir)
  if (typeof status === 'number') throw hostError(`stat ${own}`, -status, 'statx', own)
  for (const name of names) must(unlinkAt(dir, name), 'unlinkat', name)
  must(setTimesOf(dir, status.atimeNs, status.mtimeNs), 'futimens', own)
}

function openDirectory(directory: string): number {
  const path = Buffer.from(directory, 'utf8').toString('latin1')
  return must(openAt(AT_FDCWD, path, O.RDONLY | O.DIRECTORY), 'openat', directory)
}
