// One end of a copy that lies in a container or an image: which one the user means, and what is at the path there,
// with every link followed inside. Reads only.

import { InvalidArgumentError, NotFoundError } from '../errors.ts'
import { openImageStack } from '../inspect/image-stack.ts'
import { splitImagePath } from '../inspect/image-files.ts'
import { joinPath, pathFromText, pathText, type BytePath } from '../path/byte-path.ts'
import type { Container } from '../store/container-db.ts'
import type { Image, Store } from '../store/store.ts'
import type { MergedNode, MergedView } from '../union/merge.ts'
import type { LayerStack } from '../view/stack.ts'
import { settleForReading } from './container-merges.ts'
import { openContainerStack } from './container-stack.ts'
import { absolutePath, noSuchPath, notADirectory } from './copy-rules.ts'
import { inScope } from './working-directory.ts'

/** Something with a root file system, and a path in it. */
export type Inside = {
  /** As the user named it. */
  readonly name: string
  /** As the user wrote it. */
  readonly path: string
} & (
  | { readonly kind: 'container'; readonly container: Container }
  | { readonly kind: 'image'; readonly image: Image }
)

/**
 * `NAME:PATH` as docker splits it where there is such a container, else `NAME:TAG:/PATH` of an image.
 * @throws NotFoundError, InvalidArgumentError ERR_AMBIGUOUS_ID, ERR_OPTION
 */
export function resolveInside(store: Store, text: string): Inside {
  const colon = text.indexOf(':')
  if (colon <= 0) {
    throw new InvalidArgumentError(
      'ERR_OPTION',
      `cannot tell container and path apart in ${JSON.stringify(text)}: expected CONTAINER:PATH`,
      { details: { argument: text } },
    )
  }
  const name = text.slice(0, colon)
  const path = text.slice(colon + 1)
  try {
    return { kind: 'container', name, path, container: store.containerDB.resolve(name) }
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error
  }
  const split = splitImagePath(text)
  const asked = split.path === undefined ? { name, path } : { name: split.image, path: split.path }
  try {
    return { kind: 'image', ...asked, image: store.image(asked.name) }
  } catch (error) {
    // docker's words: whether the container or the path is missing it does not say.
    if (error instanceof NotFoundError) throw noSuchPath('container', name, path)
    throw error
  }
}

export async function openInside(store: Store, inside: Inside): Promise<LayerStack> {
  if (inside.kind === 'image') return openImageStack(store, inside.image)
  await settleForReading(store, inside.container)
  return openContainerStack(store, inside.container)
}

export interface PathInside {
  /** As asked, absolute; a trailing slash or `/.` kept. */
  readonly path: BytePath
  /** Links on the way followed; a link at the end only where the path asserts a directory. */
  readonly resolved: BytePath
  readonly node: MergedNode | undefined
}

/** moby container.ResolvePath and StatPath. @throws InvalidArgumentError where a file is asked for as a directory */
export function lookInside(view: MergedView, text: BytePath): PathInside {
  const path = absolutePath(text)
  const slash = path.lastIndexOf('/')
  const base = path.slice(slash + 1)
  const directory = inScope(view, path.slice(0, slash) as BytePath)
  const isWhole = base === '' || base === '.'
  const resolved = isWhole ? directory : joinPath(directory, base as BytePath)
  const node = view.lookup(resolved)
  if (isWhole && node !== undefined && node.type !== 'directory') {
    throw notADirectory(pathText(path))
  }
  return { path, resolved, node }
}

/** What a link at the end leads to, absolute. */
export function linkTarget(view: MergedView, path: BytePath): BytePath {
  return `/${inScope(view, path)}` as BytePath
}

/** @throws NotFoundError ERR_PATH_NOT_FOUND in docker's words */
export function mustExist(inside: Inside, found: PathInside, shown: string): MergedNode {
  if (found.node) return found.node
  throw noSuchPath(inside.kind, inside.name, shown)
}

export function textOf(inside: Inside): BytePath {
  return pathFromText(inside.path)
}
