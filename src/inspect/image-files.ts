// The files of an image, from its layers, without mounting: what `ls` lists and `cat` reads.
// Knows store and view; prints nothing. Paths go in as text and come out as text and, where that loses bytes, as bytes.

import type { DiffID } from '../digest/digest.ts'
import { InvalidArgumentError } from '../errors.ts'
import { pathBytes, pathFromText, pathText, type BytePath } from '../path/byte-path.ts'
import type { Image, Store } from '../store/store.ts'
import type { NodeType } from '../union/layer-view.ts'
import type { MergedNode } from '../union/merge.ts'
import { resolvePath } from '../union/resolve.ts'
import { openContent, type FileContent } from '../view/file-content.ts'
import { openImageStack } from './image-stack.ts'

export interface ImageFile {
  /** Absolute, `/` for the root; U+FFFD where the name is no UTF-8. */
  readonly path: string
  /** The exact bytes, only where `path` cannot tell them. */
  readonly pathBase64?: string
  readonly type: NodeType
  /** The low 12 bits. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly sizeBytes: number
  /** Nanoseconds since 1970. */
  readonly mtimeNs: bigint
  /** Of a symlink, as stored. */
  readonly linkTarget?: string
  readonly linkTargetBase64?: string
  /** Of a device. */
  readonly device?: { readonly major: number; readonly minor: number }
  /** Whose file it is; absent with a driver that keeps whole trees. */
  readonly layer?: { readonly number: number; readonly diffID: DiffID }
}

/** A name without what a look at the file would tell: the cheap half of an ImageFile. */
export type ImageFileName = Pick<ImageFile, 'path' | 'pathBase64' | 'layer'>

export interface ListFilesOptions {
  /** Everything below, a directory before its content. */
  readonly recursive?: boolean
  readonly signal?: AbortSignal
}

/** `name:tag:/etc/passwd` is split at the first `:/`, which no image name can hold. */
export function splitImagePath(text: string): { readonly image: string; readonly path?: string } {
  const at = text.indexOf(':/')
  return at < 0 ? { image: text } : { image: text.slice(0, at), path: text.slice(at + 1) }
}

/**
 * What `ls` shows of a path: the content of a directory in byte order, anything else itself. A symlink in the path is
 * followed inside the image, also in its last component.
 * @throws NotFoundError ERR_IMAGE_NOT_FOUND, ERR_PATH_NOT_FOUND; HostError
 */
export async function* listImageFiles(
  store: Store,
  name: string,
  path = '/',
  options: ListFilesOptions = {},
): AsyncGenerator<ImageFile, void, undefined> {
  const image = store.image(name)
  if (image.layers.length === 0) return
  const stack = await openImageStack(store, image)
  try {
    const { view } = stack
    const layerOf = layerNames(image, stack.layers.length)
    const node = resolvePath(view, absolute(path))
    if (node.type !== 'directory') {
      yield fileOf(node, layerOf)
      return
    }
    const entries = options.recursive ? view.walk(node.path) : (view.list(node.path) ?? [])
    let count = 0
    for (const entry of entries) {
      // The walk never waits, so that a signal would only be heard at its end.
      if (++count % 1024 === 0) await new Promise<void>((resolve) => setImmediate(resolve))
      options.signal?.throwIfAborted()
      const found = view.node(entry)
      if (found !== undefined) yield fileOf(found, layerOf)
    }
  } finally {
    stack.close()
  }
}

/** Names between two looks at the signal, and in one batch; fewer where they are long. */
const NAMES_PER_BATCH = 1024
const LETTERS_PER_BATCH = 1 << 18

/**
 * The same paths in the same order, without a look at each file: directories are read and nothing is stat'ed, which is
 * most of the time of a listing. In batches, since a promise a name would be the rest of it.
 * @throws as listImageFiles
 */
export async function* listImageFileNames(
  store: Store,
  name: string,
  path = '/',
  options: ListFilesOptions = {},
): AsyncGenerator<readonly ImageFileName[], void, undefined> {
  const image = store.image(name)
  if (image.layers.length === 0) return
  const stack = await openImageStack(store, image)
  try {
    const { view } = stack
    const layerOf = layerNames(image, stack.layers.length)
    const node = resolvePath(view, absolute(path))
    const listed = node.type === 'directory'
    const below = options.recursive ? view.walk(node.path) : (view.list(node.path) ?? [])
    let batch: ImageFileName[] = []
    let letters = 0
    for (const entry of listed ? below : [node]) {
      const name = nameOf(entry, layerOf)
      batch.push(name)
      letters += name.path.length
      if (batch.length < NAMES_PER_BATCH && letters < LETTERS_PER_BATCH) continue
      yield batch
      batch = []
      letters = 0
      await new Promise<void>((resolve) => setImmediate(resolve))
      options.signal?.throwIfAborted()
    }
    if (batch.length > 0) yield batch
  } finally {
    stack.close()
  }
}

/**
 * A regular file of an image, streamed from the layer that has it. Opened when the promise resolves.
 * @throws NotFoundError ERR_IMAGE_NOT_FOUND, ERR_PATH_NOT_FOUND; InvalidArgumentError ERR_NOT_A_FILE; HostError
 */
export async function openImageFile(
  store: Store,
  name: string,
  path: string,
): Promise<FileContent> {
  const image = store.image(name)
  const stack = await openImageStack(store, image)
  try {
    return openContent(stack, absolute(path))
  } finally {
    stack.close()
  }
}

function absolute(path: string): BytePath {
  if (path.startsWith('/')) return pathFromText(path)
  throw new InvalidArgumentError(
    'ERR_OPTION',
    `cannot look up ${JSON.stringify(path)} in an image: the path must start with /`,
    { details: { path } },
  )
}

type LayerOf = (node: { readonly layer: number }) => Pick<ImageFile, 'layer'>

function layerNames(image: Image, directories: number): LayerOf {
  const { layers } = image
  if (directories !== layers.length) return () => ({})
  return (node) => {
    const index = layers.length - 1 - node.layer
    return { layer: { number: index + 1, diffID: layers[index]!.diffID } }
  }
}

function nameOf(
  entry: { readonly path: BytePath; readonly layer: number },
  layerOf: LayerOf,
): ImageFileName {
  const { path } = entry
  return {
    path: `/${pathText(path)}`,
    ...(isExact(path) ? {} : { pathBase64: base64(`/${path}` as BytePath) }),
    ...layerOf(entry),
  }
}

function fileOf(node: MergedNode, layerOf: LayerOf): ImageFile {
  const target = pathText(node.linkTarget)
  const isDevice = node.type === 'char' || node.type === 'block'
  return {
    ...nameOf(node, layerOf),
    type: node.type,
    mode: node.mode,
    uid: node.uid,
    gid: node.gid,
    sizeBytes: node.sizeBytes,
    mtimeNs: node.mtimeNs,
    ...(node.type === 'symlink' ? { linkTarget: target } : {}),
    ...(isExact(node.linkTarget) ? {} : { linkTargetBase64: base64(node.linkTarget) }),
    ...(isDevice ? { device: { major: node.devMajor, minor: node.devMinor } } : {}),
  }
}

function isExact(path: BytePath): boolean {
  if (!/[\x80-\xff]/.test(path)) return true
  const text = pathText(path)
  return text === path || pathFromText(text) === path
}

function base64(path: BytePath): string {
  return pathBytes(path).toString('base64')
}
