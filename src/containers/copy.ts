// cp: files out of a container or an image, and into a container, as docker cp has it. Nothing is mounted: files are
// read from the layers and written into the writable one. Where a container's root is mounted, it is written through
// that mount, since the kernel does not look for changes behind its back.

import os from 'node:os'
import { InvalidArgumentError, type OnWarning } from '../errors.ts'
import type { BytePath } from '../path/byte-path.ts'
import type { Container } from '../store/container-db.ts'
import type { Store } from '../store/store.ts'
import type { MergedView } from '../union/merge.ts'
import { mergeForm } from '../view/fold-merge.ts'
import { LayerStack } from '../view/stack.ts'
import { WritableTree } from '../view/writable-tree.ts'
import { mergeOf, settleForReading } from './container-merges.ts'
import { containerOf, layerOf, openContainerStack } from './container-stack.ts'
import { plainTar, subtreeTar } from './copy-archive.ts'
import { extractCopy, type ExtractOptions } from './copy-extract.ts'
import { hostDestination, openHostSource } from './copy-host.ts'
import { destinationInside, mustBeDirectory, openSource } from './copy-ends.ts'
import { resolveInside, type Inside } from './copy-inside.ts'
import { DirectoryPlace, LayerPlace, type CopyPlace } from './copy-place.ts'
import { landingOf, type Landing } from './copy-rules.ts'
import { refuseReadOnly, volumeOf, type VolumePath } from './copy-volume.ts'
import { mountsOf } from './mount-container.ts'
import { inScope } from './working-directory.ts'

export interface CopyOptions {
  /** Of a link as source: what it leads to. Default: the link. */
  readonly followLink?: boolean
  /** Onto the host: owners as in the container. Default: the caller's. Into a container they are kept always. */
  readonly archive?: boolean
  readonly signal?: AbortSignal
  /** Default: as the store was opened. */
  readonly onWarning?: OnWarning
}

export interface CopyResult {
  /** Of the tar that went from one side to the other, as docker counts. */
  readonly sizeBytes: number
}

/**
 * Copies a file or directory onto the host.
 * @param source `CONTAINER:PATH` or `IMAGE:PATH`
 * @param destination a path of the host
 * @throws NotFoundError ERR_PATH_NOT_FOUND, ERR_FILE_NOT_FOUND; ConflictError ERR_DESTINATION_EXISTS;
 *   InvalidArgumentError ERR_OPTION; HostError. What was copied before stays.
 */
export async function copyFrom(
  store: Store,
  source: string,
  destination: string,
  options: CopyOptions = {},
): Promise<CopyResult> {
  const end = hostDestination(destination)
  const inside = resolveInside(store, source)
  using found = await openSource(store, inside, { ...options, ...reports(store, options) })
  const { stack, node, name } = found
  const landing = landingOf({ isDirectory: node.type === 'directory', name }, end)
  using place = new DirectoryPlace(Buffer.from(landing.directory, 'latin1').toString('utf8'))
  const tar = new CountedTar(subtreeTar(stack, node, landing.name, reports(store, options)))
  await extractCopy(tar, place, {
    form: 'trusted',
    owners: options.archive === true && isRoot(),
    self: self(),
    ...reports(store, options),
  })
  return { sizeBytes: tar.sizeBytes }
}

/**
 * The same as a tar, as docker's archive API gives it: names below the last component of the path.
 * @throws as copyFrom, before the first byte; HostError and signal.reason while it is read
 */
export async function archiveFrom(
  store: Store,
  source: string,
  options: CopyOptions = {},
): Promise<AsyncGenerator<Uint8Array, void, undefined>> {
  const { stack, node, name } = await openSource(store, resolveInside(store, source), {
    ...options,
    ...reports(store, options),
  })
  return closing(stack, subtreeTar(stack, node, name, reports(store, options)))
}

/** A path of the host, or a tar whose members go into a directory that is there. */
export type CopyInput = string | AsyncIterable<Uint8Array>

/**
 * Copies into a container, owners as they are on the host or in the tar.
 * @param destination `CONTAINER:PATH`
 * @throws NotFoundError ERR_PATH_NOT_FOUND, ERR_FILE_NOT_FOUND; ConflictError ERR_DESTINATION_EXISTS; ArchiveError and
 *   UnsafePathError for a bad tar; LockedError; HostError. What was copied before stays.
 */
export async function copyInto(
  store: Store,
  source: CopyInput,
  destination: string,
  options: CopyOptions = {},
): Promise<CopyResult> {
  const { container, name } = containerInside(resolveInside(store, destination), destination)
  const shared = { store, source, destination, options }
  // Through a mount nothing of the store's own changes, and a dockerd that has it open does the same.
  const [mounted] = mountsOf(store, container)
  if (mounted !== undefined) {
    await settleForReading(store, container, options.signal)
    using stack = await openContainerStack(store, container)
    return await copyTo({ ...shared, scratch: os.tmpdir() }, stack.view, (at) => ({
      place: new DirectoryPlace(mounted, { at }),
      form: mergeOf(store, container) === undefined ? 'trusted' : mergeForm(store.form),
    }))
  }
  return store.write(
    async (transaction) => {
      const current = containerOf(store, name)
      const { mountID } = layerOf(current)
      using stack = await openContainerStack(store, current)
      const { driver, form } = store
      const job = { ...shared, scratch: transaction.spool }
      return await copyTo(job, stack.view, (at) => ({
        place: new LayerPlace(
          new WritableTree(driver.layerDirectory(mountID), { form, lower: stack.layers.slice(1) }),
          at,
        ),
        form,
      }))
    },
    options.signal ? { signal: options.signal } : {},
  )
}

interface CopyJob {
  readonly store: Store
  readonly source: CopyInput
  readonly destination: string
  readonly options: CopyOptions
  /** Where a compressed tar may be put down. */
  readonly scratch: string
}

type OpenPlace = (at: BytePath) => { place: CopyPlace; form: ExtractOptions['form'] }

async function copyTo(job: CopyJob, view: MergedView, open: OpenPlace): Promise<CopyResult> {
  const { store, source, options } = job
  const inside = resolveInside(store, job.destination)
  const end = destinationInside(store, inside, view)
  const extract = async (
    tar: AsyncIterable<Uint8Array>,
    directory: BytePath,
  ): Promise<CopyResult> => {
    const at = inScope(view, directory)
    const volume = volumeOf(store, inside, view, at)
    if (volume) refuseReadOnly(volume)
    else mustBeDirectory(inside, view, { at, directory })
    const { place, form, owners } = volume
      ? {
          place: volumePlace(inside, volume, directory),
          form: 'trusted' as const,
          owners: isRoot(),
        }
      : { ...open(at), owners: true }
    using _ = place
    const counted = new CountedTar(tar)
    await extractCopy(counted, place, { form, owners, self: self(), ...reports(store, options) })
    return { sizeBytes: counted.sizeBytes }
  }
  if (typeof source !== 'string') {
    if (end.isDirectory) return await extract(plainTar(source, job.scratch, options), end.path)
    throw new InvalidArgumentError(
      'ERR_OPTION',
      `destination "${inside.name}:${inside.path}" must be a directory`,
      { details: { destination: job.destination } },
    )
  }
  using host = openHostSource(source, options.followLink ?? false)
  const isDirectory = host.node.type === 'directory'
  const landing: Landing = landingOf({ isDirectory, name: host.name }, end)
  const tar = subtreeTar(host.stack, host.node, landing.name, reports(store, options))
  return await extract(tar, landing.directory)
}

function containerInside(
  inside: Inside,
  destination: string,
): { container: Container; name: string } {
  if (inside.kind === 'container') return inside
  throw new InvalidArgumentError(
    'ERR_OPTION',
    `cannot copy into ${destination}: ${inside.name} is an image, and images do not change; create a container of it`,
    { details: { destination } },
  )
}

function volumePlace(inside: Inside, volume: VolumePath, directory: BytePath): CopyPlace {
  using stack = new LayerStack([volume.directory])
  const at = inScope(stack.view, volume.rest)
  mustBeDirectory(inside, stack.view, { at, directory })
  return new DirectoryPlace(volume.directory, { at })
}

function self(): { uid: number; gid: number } {
  return { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 }
}

function isRoot(): boolean {
  return self().uid === 0
}

function reports(
  store: Store,
  { signal, onWarning }: CopyOptions,
): { signal?: AbortSignal; onWarning: OnWarning } {
  return { onWarning: onWarning ?? store.onWarning, ...(signal ? { signal } : {}) }
}

class CountedTar implements AsyncIterable<Uint8Array> {
  sizeBytes = 0
  readonly #tar: AsyncIterable<Uint8Array>

  constructor(tar: AsyncIterable<Uint8Array>) {
    this.#tar = tar
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const bytes of this.#tar) {
      this.sizeBytes += bytes.length
      yield bytes
    }
  }
}

async function* closing(
  stack: LayerStack,
  tar: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* tar
  } finally {
    stack.close()
  }
}
