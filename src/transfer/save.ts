// save: images of a store as one archive. The layers' bytes come back from tar-split, verified as they pass.

import path from 'node:path'
import { shortID, type ImageID } from '../digest/digest.ts'
import { IntegrityError } from '../errors.ts'
import { ReassemblyPool } from '../archive/reassembly-pool.ts'
import {
  familiarName,
  familiarString,
  parseReference,
  type Reference,
} from '../reference/reference.ts'
import { writeTar } from '../tar/writer.ts'
import type { Layer } from '../store/layer-db.ts'
import type { Image, Store } from '../store/store.ts'
import type { SaveImage, SaveLayer } from './archive.ts'
import { dockerArchive } from './docker-archive-sink.ts'
import type { ArchiveMember } from './image-documents.ts'
import { ociArchive, writeOciDirectory } from './oci-sink.ts'
import { writePlaced, type OutputFile } from './placed-archive.ts'
import type { TransferOptions } from './progress.ts'

export type SaveFormat = 'docker-archive' | 'oci-archive'

export interface SaveOptions extends TransferOptions {
  /** Default docker-archive: the shape of docker 25 and later, which older dockers, podman and skopeo read too. */
  readonly format?: SaveFormat
}

/**
 * @param names as `docker save` takes them: a name saves that name, a repository all of its tags, an ID no name
 * @throws NotFoundError ERR_IMAGE_NOT_FOUND before the first byte; IntegrityError while streaming if the store is damaged
 */
export async function saveArchive(
  store: Store,
  names: readonly string[],
  options: SaveOptions = {},
): Promise<AsyncIterable<Uint8Array>> {
  const pool = new ReassemblyPool()
  try {
    return closing(writeTar(await archiveMembers(store, names, pool, options)), pool)
  } catch (error) {
    await pool.close()
    throw error
  }
}

/**
 * The same bytes into a regular file that is open and empty: layers are written side by side there.
 * @throws as saveArchive; HostError. Then the file holds part of an archive.
 */
export async function saveArchiveTo(
  store: Store,
  names: readonly string[],
  file: OutputFile,
  options: SaveOptions = {},
): Promise<void> {
  await using pool = new ReassemblyPool()
  const members = await archiveMembers(store, names, pool, options)
  await writePlaced(members, file, options.signal)
}

async function archiveMembers(
  store: Store,
  names: readonly string[],
  pool: ReassemblyPool,
  options: SaveOptions,
): Promise<ArchiveMember[]> {
  const images = await imagesToSave(store, names, pool, options)
  return options.format === 'oci-archive' ? ociArchive(images) : dockerArchive(images)
}

/** The stream, and an end of the pool's thread with it, however it ends. */
async function* closing(
  chunks: AsyncIterable<Uint8Array>,
  pool: ReassemblyPool,
): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks
  } finally {
    await pool.close()
  }
}

/** An OCI layout as a directory that must be absent or empty; made aside and renamed, so a failure leaves nothing. */
export async function saveDirectory(
  store: Store,
  names: readonly string[],
  directory: string,
  options: TransferOptions = {},
): Promise<void> {
  await using pool = new ReassemblyPool()
  const images = await imagesToSave(store, names, pool, options)
  await writeOciDirectory(images, path.resolve(directory), options)
}

async function imagesToSave(
  store: Store,
  names: readonly string[],
  pool: ReassemblyPool,
  options: TransferOptions,
): Promise<SaveImage[]> {
  const wanted = new Map<ImageID, { image: Image; references: Map<string, Reference> }>()
  for (const name of names) {
    for (const { image, references } of selectedBy(store, name)) {
      const entry = wanted.get(image.id) ?? { image, references: new Map<string, Reference>() }
      for (const [text, reference] of references) entry.references.set(text, reference)
      wanted.set(image.id, entry)
    }
  }
  // Each layer once, and all measured side by side.
  const layers = new Map<string, Promise<SaveLayer>>()
  for (const { image } of wanted.values()) {
    for (const layer of image.layers) {
      if (layers.has(layer.diffID)) continue
      const made = saveLayer(store, layer, pool, options)
      // Of several failures the first is told below.
      made.catch(() => {})
      layers.set(layer.diffID, made)
    }
  }
  const images: SaveImage[] = []
  for (const { image, references } of wanted.values()) {
    const parent = image.parent !== undefined && wanted.has(image.parent) ? image.parent : undefined
    const own: SaveLayer[] = []
    for (const { diffID } of image.layers) own.push(await layers.get(diffID)!)
    images.push({
      imageID: image.id,
      configBytes: image.configBytes,
      references: [...references.values()],
      ...(parent === undefined ? {} : { parent }),
      layers: own,
    })
  }
  return images
}

/** docker's rule: a bare repository means all of its tags, anything else what it resolves to. */
function selectedBy(
  store: Store,
  name: string,
): { image: Image; references: Map<string, Reference> }[] {
  const all = store
    .references()
    .list()
    .filter((stored) => !stored.isDigest)
  const ofRepository = bareRepository(name)
  const tags =
    ofRepository === undefined ? [] : all.filter((stored) => stored.repository === ofRepository)
  if (tags.length > 0) {
    return tags.map((stored) => ({
      image: store.imageOf(stored.imageID),
      references: new Map([[stored.name, parseReference(stored.name)]]),
    }))
  }
  const { id, reference } = store.resolve(name)
  const image = store.imageOf(id)
  const references = new Map<string, Reference>()
  // A tag beside a digest was not looked at: it may be another image's.
  if (reference?.tag !== undefined && reference.digest === undefined)
    references.set(familiarString(reference), reference)
  return [{ image, references }]
}

/** The familiar repository name, if that is all that the text is. */
function bareRepository(name: string): string | undefined {
  try {
    const reference = parseReference(name)
    return reference.tag === undefined && reference.digest === undefined
      ? familiarName(reference)
      : undefined
  } catch {
    return undefined
  }
}

async function saveLayer(
  store: Store,
  layer: Layer,
  pool: ReassemblyPool,
  options: TransferOptions,
): Promise<SaveLayer> {
  const { splitPath, diffID } = layer
  if (splitPath === undefined) {
    throw new IntegrityError(
      'ERR_STORE_CORRUPT',
      `cannot save layer ${layer.chainID}: it has no tar-split.json.gz in ${layer.path}, so its tar cannot be given back; remove the images that have it, and load them again`,
      { details: { chainID: layer.chainID, path: layer.path } },
    )
  }
  const damaged = (error: unknown): never => {
    throw withLayer(error, layer)
  }
  const { tarBytes } = await pool.measure(splitPath).catch(damaged)
  const source = { splitPath, directory: store.driver.layerDirectory(layer.cacheID), diffID }
  return {
    diffID,
    tarBytes,
    open: () => told(pool.open(source, tarBytes), layer, tarBytes, options),
    writeAt: async ({ fd, path }, offset, signal) => {
      const { onProgress } = options
      const tell = (state: 'saving' | 'done', doneBytes: number): void =>
        onProgress?.({ kind: 'layer', id: shortID(diffID), state, doneBytes, totalBytes: tarBytes })
      tell('saving', 0)
      await pool
        .write(
          source,
          { fd, path, offset, tarBytes },
          { ...(signal ? { signal } : {}), onProgress: (doneBytes) => tell('saving', doneBytes) },
        )
        .catch(damaged)
      tell('done', tarBytes)
    },
  }
}

/** What is damaged in the store can only be had anew: which layer it is, and how to get it. */
function withLayer(error: unknown, { diffID, chainID }: Layer): unknown {
  if (!(error instanceof IntegrityError)) return error
  const remedy = `remove the images that have layer ${shortID(diffID)}, and load them again`
  return new IntegrityError(error.code, `${error.message}; ${remedy}`, {
    cause: error,
    details: { ...error.details, chainID },
  })
}

/** The layer's chunks, each a moment to hear of a cancellation and to tell how far it is. */
async function* told(
  chunks: AsyncIterable<Uint8Array>,
  layer: Layer,
  totalBytes: number,
  { signal, onProgress }: TransferOptions,
): AsyncGenerator<Uint8Array> {
  const id = shortID(layer.diffID)
  let doneBytes = 0
  try {
    for await (const chunk of chunks) {
      signal?.throwIfAborted()
      onProgress?.({ kind: 'layer', id, state: 'saving', doneBytes, totalBytes })
      yield chunk
      doneBytes += chunk.length
    }
  } catch (error) {
    throw withLayer(error, layer)
  }
  onProgress?.({ kind: 'layer', id, state: 'done', doneBytes, totalBytes })
}
