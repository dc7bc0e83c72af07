// Both ends of a copy inside of a container or an image, found: what is copied, and where a copy lands. Volumes are seen
// where the container has them; refusals have docker's words.

import { InvalidArgumentError, type OnWarning, type Warning } from '../errors.ts'
import { pathText, type BytePath } from '../path/byte-path.ts'
import type { Store } from '../store/store.ts'
import type { MergedNode, MergedView } from '../union/merge.ts'
import { LayerStack } from '../view/stack.ts'
import {
  linkTarget,
  lookInside,
  mustExist,
  openInside,
  textOf,
  type Inside,
  type PathInside,
} from './copy-inside.ts'
import { noSuchPath, splitEntry, type CopyDestination } from './copy-rules.ts'
import { volumeOf, volumesBelow } from './copy-volume.ts'

export interface OpenSource extends Disposable {
  readonly stack: LayerStack
  readonly node: MergedNode
  readonly name: BytePath
}

/** @throws NotFoundError ERR_PATH_NOT_FOUND in docker's words */
export async function openSource(
  store: Store,
  inside: Inside,
  options: { readonly followLink?: boolean; readonly onWarning: OnWarning },
): Promise<OpenSource> {
  let stack = await openInside(store, inside)
  try {
    const { view } = stack
    let found = lookInside(view, textOf(inside))
    const { base } = splitEntry(found.path)
    const name = (base === '/' ? '' : base) as BytePath
    if (options.followLink && found.node?.type === 'symlink') {
      found = lookInside(view, linkTarget(view, found.path))
    }
    const shown = found.node || !options.followLink ? inside.path : pathText(found.path)
    const volume = volumeOf(store, inside, view, found.resolved)
    if (volume) {
      const asked = found.path.endsWith('/') ? '/' : ''
      stack.close()
      stack = new LayerStack([volume.directory])
      found = lookInside(stack.view, `/${volume.rest}${asked}` as BytePath)
    } else if (found.node) {
      const below = volumesBelow(store, inside, view, found.resolved)
      if (below[0] !== undefined) options.onWarning(leftOut(below))
    }
    const node = mustExist(inside, found, shown)
    const open = stack
    return { stack, node, name, [Symbol.dispose]: () => open.close() }
  } catch (error) {
    stack.close()
    throw error
  }
}

function leftOut(volumes: readonly BytePath[]): Warning {
  return {
    code: 'volume-left-out',
    message:
      'what is mounted in a container is no part of its files; copy a volume by its own path',
    entry: `/${pathText(volumes[0]!)}`,
    count: volumes.length,
  }
}

/** A link at the end means what it leads to, there or not. */
export function destinationInside(store: Store, inside: Inside, view: MergedView): CopyDestination {
  const found = present(() => lookInside(view, textOf(inside)))
  if (found?.node?.type !== 'symlink') {
    return destinationOf(inside, textOf(inside), inVolume(store, inside, view, found))
  }
  const target = linkTarget(view, found.path)
  const end = present(() => lookInside(view, target))
  return destinationOf(inside, target, inVolume(store, inside, view, end))
}

/** What is there where the path leads into a volume. */
function inVolume(
  store: Store,
  inside: Inside,
  view: MergedView,
  found: PathInside | undefined,
): PathInside | undefined {
  const volume = found && volumeOf(store, inside, view, found.resolved)
  if (!volume) return found
  using stack = new LayerStack([volume.directory])
  return present(() => lookInside(stack.view, `/${volume.rest}` as BytePath))
}

/** docker's client takes whatever goes wrong here for "is not there", and lets the copy itself fail. */
function present(look: () => PathInside): PathInside | undefined {
  try {
    return look()
  } catch (error) {
    if (error instanceof InvalidArgumentError) return undefined
    throw error
  }
}

function destinationOf(
  inside: Inside,
  path: BytePath,
  found: PathInside | undefined,
): CopyDestination {
  const node = found?.node
  if (node?.type === 'char' || node?.type === 'block') {
    throw new InvalidArgumentError(
      'ERR_OPTION',
      `destination "${inside.name}:${inside.path}" must be a directory or a regular file: got a device`,
      { details: { path: inside.path } },
    )
  }
  const absolute = (path.startsWith('/') ? path : `/${path}`) as BytePath
  return {
    path: absolute,
    exists: node !== undefined,
    isDirectory: node?.type === 'directory',
  }
}

/** moby containerExtractToDir: every link followed, and a directory at the end. */
export function mustBeDirectory(
  inside: Inside,
  view: MergedView,
  place: { readonly at: BytePath; readonly directory: BytePath },
): void {
  const type = view.lookup(place.at)?.type
  if (type === 'directory') return
  const shown = pathText(place.directory)
  if (type === undefined) throw noSuchPath(inside.kind, inside.name, shown)
  throw new InvalidArgumentError(
    'ERR_OPTION',
    `extraction point is not a directory: ${inside.name}:${shown}`,
    { details: { path: shown } },
  )
}
