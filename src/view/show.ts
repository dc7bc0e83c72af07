// Shows an image in a directory by the best view that this host allows, and says which and why. `auto` takes the
// kernel's mount where it shows the image as it is, else a FUSE server of our own, else the merge written out; a view
// asked for by name is that view or an error.

import fs from 'node:fs'
import type { CacheID } from '../digest/digest.ts'
import type { LayerForm, MountSpec } from '../driver/driver.ts'
import { ConflictError, InvalidArgumentError, NotFoundError, UnsupportedError } from '../errors.ts'
import { fromNodeError } from '../sys/errno.ts'
import type { StartedServer } from '../sys/start-server.ts'
import { mountKernel } from './kernel.ts'
import { materialise, type MaterialiseOptions } from './materialise.ts'
import { mountByFuse } from './fuse/mount-fuse.ts'
import {
  finishRecord,
  inodeOf,
  removeRecord,
  writeRecord,
  type MergeRecord,
} from './merge-records.ts'
import { clearDeadMount, listViews, realPath, type ViewPlace } from './mount-list.ts'
import type { LayerStack } from './stack.ts'

export type ViewChoice = 'auto' | 'kernel' | 'fuse' | 'merge'
export const VIEW_CHOICES: readonly ViewChoice[] = ['auto', 'kernel', 'fuse', 'merge']

/** Why the kernel comes after FUSE where a store is not in the form `trusted`. */
export const KEPT_ASIDE: string =
  'owners and devices of this store are kept beside the files, where the kernel does not look'

export interface ShowRequest extends Pick<MaterialiseOptions, 'signal' | 'onWarning'> {
  readonly place: ViewPlace
  readonly form: LayerForm
  /** Driver.mounts of the top layer. */
  readonly spec: MountSpec
  /** Opened only for a merge, and closed by showView. */
  readonly openStack: () => LayerStack | Promise<LayerStack>
  readonly topCacheID: CacheID
  /** As the user named it; for the list of merges. */
  readonly image: string
  /** An existing directory of the host; empty for a merge. */
  readonly target: string
  readonly view?: ViewChoice
  /** The FUSE server belongs to this process, which waits for it. */
  readonly foreground?: boolean
}

export interface Shown {
  readonly view: 'kernel' | 'fuse' | 'merge'
  /** Real path. */
  readonly target: string
  /** Why not a view before it, when `auto` took FUSE or the merge. */
  readonly reason?: string
  /** With `foreground`. */
  readonly server?: StartedServer
}

/**
 * @throws NotFoundError ERR_FILE_NOT_FOUND, InvalidArgumentError ERR_OPTION, ConflictError ERR_MOUNT_EXISTS or
 * ERR_DESTINATION_EXISTS, UnsupportedError ERR_OVERLAY_UNAVAILABLE, HostError; signal.reason
 */
export async function showView(request: ShowRequest): Promise<Shown> {
  const { spec, form, view = 'auto' } = request
  const target = checkTarget(request)
  request.signal?.throwIfAborted()
  let reason: string | undefined
  if (request.foreground) refuseForeground(view)
  if (view === 'kernel' || (view === 'auto' && form === 'trusted' && !request.foreground)) {
    try {
      await mountKernel(spec, target, form)
      return { view: 'kernel', target }
    } catch (error) {
      if (view === 'kernel' || !(error instanceof UnsupportedError)) throw error
      const stated = error.details['reason']
      reason = typeof stated === 'string' ? stated : error.message
    }
  } else if (view === 'auto') {
    // The kernel would show the caller as owner of everything, and devices as empty files.
    reason = KEPT_ASIDE
  }
  if (view === 'fuse' || view === 'auto') {
    try {
      return { ...(await showByFuse(request, target)), ...(reason === undefined ? {} : { reason }) }
    } catch (error) {
      if (view === 'fuse' || request.foreground || !(error instanceof UnsupportedError)) throw error
      const stated = error.details['reason']
      reason = `${reason}; ${typeof stated === 'string' ? stated : error.message}`
    }
  }
  await showMerge(request, target)
  return { view: 'merge', target, ...(reason === undefined ? {} : { reason }) }
}

async function showByFuse(request: ShowRequest, target: string): Promise<Shown> {
  const { spec, form, foreground = false } = request
  const lowers = spec.kind === 'bind' ? [spec.source] : spec.lowers
  const server = await mountByFuse({ target, form, lowers, foreground })
  return { view: 'fuse', target, ...(foreground ? { server } : {}) }
}

/** The other views have no process that could stay. */
export function refuseForeground(view: ViewChoice): void {
  if (view === 'auto' || view === 'fuse') return
  throw new InvalidArgumentError(
    'ERR_OPTION',
    `cannot stay in the foreground: the ${view} view has no server; use the fuse view`,
    { details: { view } },
  )
}

async function showMerge(request: ShowRequest, target: string): Promise<void> {
  const { place, topCacheID, image, signal, onWarning, openStack } = request
  await showMergeOf({
    record: { target, topCacheID, image },
    merges: place.merges,
    openStack,
    ...(signal === undefined ? {} : { signal }),
    ...(onWarning === undefined ? {} : { onWarning }),
  })
}

export interface MergeRequest extends Pick<MaterialiseOptions, 'signal' | 'onWarning' | 'form'> {
  readonly merges: string
  readonly record: Omit<MergeRecord, 'inode' | 'createdAt'>
  /** Closed when the merge is written. */
  readonly openStack: () => LayerStack | Promise<LayerStack>
}

/** Writes a merge into an empty directory, and remembers it. */
export async function showMergeOf(request: MergeRequest): Promise<void> {
  const { merges, record, openStack, ...how } = request
  const { target } = record
  // materialise looks again; but a record must not be written for a directory that is not going to be ours.
  refuseFull(target)
  const full = { ...record, inode: inodeOf(target), createdAt: new Date().toISOString() }
  const isWritable = record.fold !== undefined
  writeRecord(merges, isWritable ? { ...full, unfinished: true } : full)
  try {
    using stack = await openStack()
    await materialise(stack, target, how)
    // What changes in the merge from now on is its user's doing.
    if (isWritable) finishRecord(merges, full)
  } catch (error) {
    removeRecord(merges, target)
    throw error
  }
}

function refuseFull(target: string): void {
  try {
    if (fs.readdirSync(target).length === 0) return
  } catch (error) {
    throw fromNodeError(`list ${target}`, error)
  }
  throw new ConflictError(
    'ERR_DESTINATION_EXISTS',
    `cannot write the merged image into ${target}: the directory is not empty`,
    { details: { path: target } },
  )
}

function checkTarget({ target, place }: ShowRequest): string {
  let status: fs.Stats | undefined
  try {
    status = fs.statSync(target, { throwIfNoEntry: false })
  } catch (error) {
    if (!clearDeadMount(target)) throw fromNodeError(`look at ${target}`, error)
    status = fs.statSync(target, { throwIfNoEntry: false })
  }
  if (status === undefined) {
    throw new NotFoundError(
      'ERR_FILE_NOT_FOUND',
      `cannot show the image in ${target}: there is no such directory; make it first`,
      { details: { path: target } },
    )
  }
  const real = realPath(target)
  const home = realPath(place.home)
  const refusal = !status.isDirectory()
    ? 'it is not a directory'
    : `${home}/`.startsWith(real === '/' ? '/' : `${real}/`) || real.startsWith(`${home}/`)
      ? `the store's layers are in ${home}, and would be covered or changed`
      : undefined
  if (refusal !== undefined) {
    throw new InvalidArgumentError('ERR_OPTION', `cannot show the image in ${target}: ${refusal}`, {
      details: { path: target },
    })
  }
  const shown = listViews(place).findLast((view) => view.target === real)
  if (shown !== undefined) {
    throw new ConflictError(
      'ERR_MOUNT_EXISTS',
      `cannot show the image in ${target}: ${shown.image ?? 'an image'} of this store is shown there already`,
      { details: { path: target } },
    )
  }
  return real
}
