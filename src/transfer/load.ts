// load: every image of an archive into a store, or none of it.
// Knows the order of things; archives are read by archive-source, layers applied by register-layers.

import path from 'node:path'
import { settleLimits, type LoadLimits } from '../archive/limits.ts'
import { type ImageID, shortID } from '../digest/digest.ts'
import { ConflictError, LimitError, type OnWarning } from '../errors.ts'
import { hostPlatform, parsePlatform } from '../image/platform.ts'
import {
  familiarString,
  parseReference,
  withDefaultTag,
  type Reference,
} from '../reference/reference.ts'
import type { Store, WriteOptions } from '../store/store.ts'
import type { Transaction } from '../store/transaction.ts'
import type { Archive, ArchiveImage } from './archive.ts'
import { checkInput, openArchive, openInPlace, refusingOthers } from './open-archive.ts'
import { hasAll } from './present-images.ts'
import type { TransferOptions } from './progress.ts'
import { LayerRegistration } from './register-layers.ts'
import { withRemedy } from './remedy.ts'
import { spool } from './spool.ts'

export interface LoadOptions extends TransferOptions {
  /** `os[/arch[/variant]]`: which image of a multi-platform index. Default: the host's. */
  readonly platform?: string
  readonly onWarning?: OnWarning
  /** Default: as the store was opened. */
  readonly sync?: boolean
  /** What the user calls the input, for messages. Default: its path, or `the stream`. */
  readonly label?: string
  /** Bounds over the defaults; Infinity for none. */
  readonly limits?: Partial<LoadLimits>
}

export interface LoadedImage {
  readonly imageID: ImageID
  /** Familiar form, as `Loaded image: NAME` shows them; empty for an image without a name. */
  readonly names: readonly string[]
  /** Names that another image had until now. */
  readonly replaced: readonly { readonly name: string; readonly previous: ImageID }[]
  readonly newLayers: number
  readonly reusedLayers: number
}

/**
 * Loads a docker-archive (any layout), an OCI layout as a directory or a tar, plain or compressed.
 * A stream, or a compressed archive, is put on disk below the root first: its manifest may be its last member.
 * @param input a file's or directory's path, or the archive's bytes
 * @throws NotFoundError ERR_FILE_NOT_FOUND; ArchiveError, IntegrityError, UnsafePathError, LimitError for a bad archive;
 *   LockedError; HostError.
 *   Whatever is thrown, the store is as it was.
 */
export async function loadArchive(
  store: Store,
  input: string | AsyncIterable<Uint8Array>,
  options: LoadOptions = {},
): Promise<LoadedImage[]> {
  const platform =
    options.platform === undefined
      ? undefined
      : parsePlatform(options.platform, hostPlatform({ arch: process.arch }))
  const limits = settleLimits(options.limits)
  if (typeof input === 'string') checkInput(`load ${options.label ?? input}`, input)
  const label = options.label ?? (typeof input === 'string' ? input : 'the stream')
  const writeOptions: WriteOptions = {
    ...(options.signal ? { signal: options.signal } : {}),
    ...(options.sync === undefined ? {} : { sync: options.sync }),
  }
  const archiveOptions = {
    limits,
    label,
    ...(platform ? { platform } : {}),
    ...(options.signal ? { signal: options.signal } : {}),
    ...(options.onProgress ? { onProgress: options.onProgress } : {}),
  }
  let archive: Archive | undefined
  const take = (opened: Archive): Archive => {
    for (const warning of opened.warnings) store.onWarning(warning)
    checkNames(opened, limits)
    return (archive = opened)
  }
  const present = (file: string): LoadedImage[] | undefined => {
    if (!store.isSettled()) return undefined
    const inPlace = openInPlace(file, archiveOptions)
    if (!inPlace) return undefined
    const isWithin = inPlace.images.every(({ layers }) => layers.length <= limits.layersMax)
    store.layers.refresh()
    return isWithin && hasAll(store, take(inPlace)) ? presentImages(inPlace, options) : undefined
  }
  const loading = async (): Promise<LoadedImage[]> =>
    (typeof input === 'string' && present(input)) ||
    store.writeAside(
      async (transaction) => {
        const file =
          typeof input === 'string'
            ? input
            : await spool(refusingOthers(input, label), transaction.spool, options)
        const { spool: spoolDirectory } = transaction
        archive ??= take(await openArchive(file, { ...archiveOptions, spoolDirectory }))
        const registration = new LayerRegistration(store, transaction, options, limits)
        return { archive, registration, counts: await unpackBeside(store, registration, archive) }
      },
      async (transaction, made) => {
        let { counts } = made
        if (!made.registration.holds()) {
          // Another writer brought or took layers of these meanwhile. Now nobody can, and what it brought is reused.
          await made.registration.startOver()
          counts = await unpack(made.registration, made.archive)
        }
        made.registration.plan()
        return planImages(store, transaction, made.archive, counts)
      },
      writeOptions,
    )
  try {
    return await loading()
  } catch (error) {
    throw withRemedy(error)
  } finally {
    await archive?.close()
  }
}

/** What a load that has nothing to do tells. */
function presentImages(archive: Archive, options: LoadOptions): LoadedImage[] {
  options.signal?.throwIfAborted()
  return archive.images.map(({ imageID, layers, references }) => {
    for (const { diffID, blob } of layers) {
      options.onProgress?.({
        kind: 'layer',
        id: shortID(diffID),
        state: 'exists',
        doneBytes: blob.sizeBytes,
        totalBytes: blob.sizeBytes,
      })
    }
    const names = references.map((text) => familiarString(withDefaultTag(parseReference(text))))
    return { imageID, names, replaced: [], newLayers: 0, reusedLayers: layers.length }
  })
}

type Counts = Awaited<ReturnType<LayerRegistration['add']>>

async function unpack(registration: LayerRegistration, { images }: Archive): Promise<Counts[]> {
  const counts = []
  for (const { layers } of images) counts.push(await registration.add(layers))
  await registration.apply()
  return counts
}

/** Where another writer took a layer away under it, what failed is no error yet: it will be tried again. */
async function unpackBeside(
  store: Store,
  registration: LayerRegistration,
  archive: Archive,
): Promise<Counts[]> {
  try {
    return await unpack(registration, archive)
  } catch (error) {
    store.layers.refresh()
    if (registration.holds()) throw error
    return []
  }
}

function planImages(
  store: Store,
  transaction: Transaction,
  archive: Archive,
  counts: readonly Counts[],
): LoadedImage[] {
  const references = store.references()
  const named = new Map<string, readonly [Reference, ImageID]>()
  const loaded: LoadedImage[] = []
  for (const [index, image] of archive.images.entries()) {
    planImage(store, transaction, image, archive)
    const names: string[] = []
    const replaced: { name: string; previous: ImageID }[] = []
    for (const text of image.references) {
      const reference = withDefaultTag(parseReference(text))
      const name = familiarString(reference)
      const previous = named.get(name)?.[1] ?? references.get(reference)
      if (previous !== undefined && previous !== image.imageID) {
        if (reference.digest !== undefined) {
          throw new ConflictError(
            'ERR_DESTINATION_EXISTS',
            `cannot load ${name}: that digest already names image ${previous}`,
            { details: { name } },
          )
        }
        replaced.push({ name, previous })
      }
      named.set(name, [reference, image.imageID])
      names.push(name)
    }
    loaded.push({ imageID: image.imageID, names, replaced, ...counts[index]! })
  }
  transaction.plan({
    op: 'rename',
    from: transaction.stageFile(references.withAll(named.values()).toJSONText(), 0o600),
    to: store.layout.repositories,
  })
  return loaded
}

function checkNames({ images }: Archive, { namesMax }: LoadLimits): void {
  const actual = images.reduce((sum, { references }) => sum + references.length, 0)
  if (actual <= namesMax) return
  throw new LimitError(
    'ERR_ENTRIES_MAX',
    `cannot load an archive whose images have ${actual} names: the limit is ${namesMax}`,
    { details: { name: 'names', limit: namesMax, actual } },
  )
}

/** The config under its digest, byte for byte; and the parent, where the archive holds that too (docker save of both). */
function planImage(
  store: Store,
  transaction: Transaction,
  image: ArchiveImage,
  archive: Archive,
): void {
  const { layout } = store
  transaction.plan({
    op: 'rename',
    from: transaction.stageFile(image.configBytes, 0o600),
    to: layout.imageContent(image.imageID),
  })
  const { parent } = image
  if (parent === undefined || !archive.images.some((other) => other.imageID === parent)) return
  const metadata = layout.imageMetadata(image.imageID)
  transaction.plan({ op: 'make-directory', path: metadata, mode: 0o700 })
  transaction.plan({
    op: 'rename',
    from: transaction.stageFile(parent, 0o600),
    to: path.join(metadata, 'parent'),
  })
}
