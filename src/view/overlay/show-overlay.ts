// The union of directories that no store knows, by the best view that this host allows: the kernel's overlay, a FUSE
// server of our own, or the merge written out. What the options ask for and a view has not is an error of that view,
// never passed over; `auto` then goes on to the next.

import fs from 'node:fs'
import path from 'node:path'
import {
  ConflictError,
  HostError,
  InvalidArgumentError,
  LayerStoreError,
  NotFoundError,
  UnsupportedError,
} from '../../errors.ts'
import { pathFromText } from '../../path/byte-path.ts'
import { isWithin } from '../../path/within.ts'
import { fromNodeError } from '../../sys/errno.ts'
import { AT_FDCWD, O, close, openAt } from '../../sys/file-calls.ts'
import { lockDirectory, unlockDirectory } from '../../sys/lock-directory.ts'
import { mountDirectories } from '../../sys/mount-directories.ts'
import { asksFor } from '../../sys/mount-flags.ts'
import { listMounts } from '../../sys/mount-table.ts'
import { inUserNamespace, probeForm } from '../../sys/probe.ts'
import type { DiskForm } from '../disk-form.ts'
import { mountByFuse } from '../fuse/mount-fuse.ts'
import { refusesKernel } from '../kernel.ts'
import { clearDeadMount, realPath, upperDirectory } from '../mount-list.ts'
import { refuseForeground, showMergeOf, type Shown, type ViewChoice } from '../show.ts'
import { mergeForm, refuseFold } from '../fold-merge.ts'
import { readRecords } from '../merge-records.ts'
import { LayerStack } from '../stack.ts'
import { DirectoryUpper } from '../upper/directory-upper.ts'
import type { OverlayOptions } from './overlay-options.ts'

export interface OverlayRequest {
  readonly options: OverlayOptions
  /** An existing directory; empty for a merge. */
  readonly target: string
  readonly view?: ViewChoice
  readonly foreground?: boolean
  /** Where merges are remembered: Layout.merges of any root. */
  readonly merges: string
  /** As mount tables show it. */
  readonly source?: string
  readonly signal?: AbortSignal
}

interface Ready extends OverlayRequest {
  readonly form: DiskForm
}

/**
 * @throws NotFoundError ERR_FILE_NOT_FOUND; InvalidArgumentError ERR_OPTION; UnsupportedError ERR_OVERLAY_UNAVAILABLE,
 *   ERR_HOST_UNSUPPORTED; ConflictError ERR_MOUNT_EXISTS, ERR_DESTINATION_EXISTS; HostError; signal.reason
 */
export async function showOverlay(request: OverlayRequest): Promise<Shown> {
  const { view = 'auto', foreground = false } = request
  if (foreground) refuseForeground(view)
  const options = checkDirectories(request.options)
  const target = checkTarget(request.target)
  request.signal?.throwIfAborted()
  refuseShared(request.merges, options)
  const ready: Ready = { ...request, options, target, form: formOf(options) }
  const views = [
    ['kernel', showByKernel],
    ['fuse', showByFuse],
    ['merge', showByMerge],
  ] as const
  const reasons: string[] = []
  for (const [name, show] of views) {
    if (view !== name && (view !== 'auto' || (foreground && name !== 'fuse'))) continue
    try {
      const shown = await show(ready)
      return { ...shown, ...(reasons.length === 0 ? {} : { reason: reasons.join('; ') }) }
    } catch (error) {
      if (view === name || foreground || !(error instanceof UnsupportedError))
        throw withReasons(error, reasons)
      const stated = error.details['reason']
      reasons.push(typeof stated === 'string' ? stated : error.message)
    }
  }
  const reason = reasons.join('; ')
  throw new UnsupportedError(
    'ERR_OVERLAY_UNAVAILABLE',
    `cannot show the union in ${target}: ${reason}`,
    { details: { path: target, reason } },
  )
}

/** Of the last view that `auto` tried: why it came to that one at all. */
function withReasons(error: unknown, reasons: readonly string[]): unknown {
  if (reasons.length === 0 || !(error instanceof LayerStoreError)) return error
  const Class = error.constructor as typeof LayerStoreError
  const message = `${error.message}; and there is no other view: ${reasons.join('; ')}`
  return new Class(error.code, message, { cause: error, details: error.details })
}

async function showByKernel({ options, target, source }: Ready): Promise<Shown> {
  const { lowers, upper, work, features, flags, readOnly } = options
  refuseOwners('kernel', target, options)
  if (features.get('whiteouts') === 'names')
    throw lacks('kernel', target, 'whiteouts=names', 'only FUSE has it')
  if (upper !== undefined && work !== undefined && !readOnly) refuseServed(upper, work)
  try {
    await mountDirectories(
      {
        lowers,
        ...(upper === undefined || work === undefined ? {} : { upper, work }),
        features: [...features].filter(([name]) => name !== 'whiteouts'),
        flags: [...flags, ...(readOnly ? ['ro'] : [])],
        source: source || 'overlay',
      },
      target,
    )
  } catch (error) {
    // The kernel says EINVAL, and why only in its log.
    const reason =
      error instanceof HostError ? kernelReason(error.details['errno'], options) : undefined
    if (reason === undefined) throw refusesKernel(error, target)
    throw new UnsupportedError(
      'ERR_OVERLAY_UNAVAILABLE',
      `cannot show the union in ${target}: ${reason}`,
      { cause: error, details: { path: target, reason } },
    )
  }
  return { view: 'kernel', target }
}

/** What the kernel writes into its log alone (ovl_fs_params_verify and ovl_check_layer of fs/overlayfs). */
function kernelReason(errno: unknown, { work, features }: OverlayOptions): string | undefined {
  if (errno === 'ELOOP') {
    return 'the kernel takes no directory twice, and none that lies in another one of the lower directories or of upperdir and workdir'
  }
  if (errno !== 'EINVAL') return undefined
  const mark = work === undefined ? undefined : path.join(work, 'work/incompat/volatile')
  if (mark !== undefined && fs.existsSync(mark)) {
    return `${work} is of a volatile mount, whose changes a crash may have cut short; the kernel takes it again when ${path.dirname(mark)} is removed`
  }
  const text = (name: string): string => {
    const value = features.get(name)
    return value === '' ? name : `${name}=${value}`
  }
  for (const [name, values, other, others] of CONFLICTS) {
    if (!values.includes(features.get(name) ?? 'absent')) continue
    if (!others.includes(features.get(other) ?? 'absent')) continue
    return `the kernel does not take ${text(name)} together with ${text(other)}`
  }
  return undefined
}

/** A value of the one option beside a value of the other. */
const CONFLICTS: readonly (readonly [string, readonly string[], string, readonly string[]])[] = [
  ['userxattr', [''], 'redirect_dir', ['on', 'off', 'follow']],
  ['userxattr', [''], 'metacopy', ['on']],
  ['metacopy', ['on'], 'redirect_dir', ['off', 'follow', 'nofollow']],
  ['nfs_export', ['on'], 'index', ['off']],
  ['nfs_export', ['on'], 'metacopy', ['on']],
]

async function showByFuse(request: Ready): Promise<Shown> {
  const { options, target, form, foreground = false, source } = request
  refuseFeatures('fuse', target, options, {
    redirect_dir: ['off', 'nofollow'],
    index: ['off'],
    metacopy: ['off'],
    nfs_export: ['off'],
    xino: ['on', 'auto'],
    uuid: [],
    verity: ['off'],
    volatile: [''],
    userxattr: [''],
    whiteouts: ['marks', 'names'],
  })
  const { lowers, upper, work, flags, readOnly, features, owners } = options
  refuseFlags(target, flags)
  const writable = upper !== undefined && work !== undefined && !readOnly
  const isRoot = process.geteuid?.() === 0
  if (writable) refuseMounted(upper)
  const server = await mountByFuse({
    target,
    form,
    lowers: upper === undefined || writable ? lowers : [upper, ...lowers],
    ...(writable ? { upper: { directory: upper, work } } : {}),
    flags,
    volatile: features.has('volatile'),
    whiteoutNames: features.get('whiteouts') === 'names',
    ...(owners === undefined ? {} : { owners }),
    forOthers: isRoot || options.forOthers,
    checked: true,
    foreground,
    ...(source === undefined ? {} : { source }),
  })
  return { view: 'fuse', target, ...(foreground ? { server } : {}) }
}

async function showByMerge(request: Ready): Promise<Shown> {
  const { options, target, form, merges, signal } = request
  refuseFeatures('merge', target, options, {
    redirect_dir: ['off', 'nofollow'],
    index: ['off'],
    metacopy: ['off'],
    nfs_export: ['off'],
    xino: ['auto', 'off'],
    uuid: [],
    verity: ['off'],
    volatile: [''],
    userxattr: [''],
    whiteouts: ['marks'],
  })
  refuseOwners('merge', target, options)
  // Words that ask for what every file system does anyway take nothing away from a merge.
  const flag = options.flags.find((word) => word !== 'silent' && asksFor(options.flags, word))
  if (flag !== undefined) throw lacks('merge', target, flag, 'it is no mount, so it has no flags')
  const { lowers, upper, work, readOnly } = options
  refuseOwnLayer(target, options)
  const isWritable = upper !== undefined && work !== undefined && !readOnly
  if (isWritable) {
    refuseFold(target, form)
    refuseMounted(upper)
    // Whoever has it open now, a FUSE server for one, holds its lock.
    new DirectoryUpper(upper, { form, work }).close()
  }
  const top = upper ?? lowers[0]!
  const directories = upper === undefined ? lowers : [upper, ...lowers]
  await showMergeOf({
    merges,
    record: {
      target,
      topCacheID: top,
      image: top,
      of: 'directories',
      ...(isWritable ? { fold: { form, lowers, upper, work } } : {}),
    },
    openStack: () => new LayerStack(directories, { form }),
    ...(isWritable ? { form: mergeForm(form) } : {}),
    ...(signal === undefined ? {} : { signal }),
  })
  return { view: 'merge', target }
}

/** What is changed below a merge that is still to be folded would be taken for removed in it. */
function refuseShared(merges: string, { upper, work, readOnly }: OverlayOptions): void {
  if (upper === undefined || readOnly) return
  const other = readRecords(merges).find(
    ({ fold, target }) =>
      fold !== undefined && (fold.upper === upper || fold.work === work) && fs.existsSync(target),
  )
  if (other !== undefined) throw inUse(upper, `its union is written out in ${other.target}`)
}

/** A mount covers what it shows; a merge would be written into what it is read from, and never be done. */
function refuseOwnLayer(target: string, { lowers, upper, work }: OverlayOptions): void {
  for (const layer of [...lowers, upper, work]) {
    if (layer === undefined || !isWithin(target, layer)) continue
    const reason = `it lies in ${layer}, and a merge is not written out into its own layers`
    throw refused('the mount point', target, reason)
  }
}

/** The kernel lets a second mount of one upperdir pass; a merge would undo what was changed by the first. */
function refuseMounted(upper: string): void {
  const other = listMounts().find(
    (mount) => mount.type === 'overlay' && upperDirectory(mount, '/') === upper,
  )
  if (other !== undefined) throw inUse(upper, `it is mounted in ${other.target}`)
}

/**
 * Nor does it look whether a FUSE server has it: it makes WORK/work anew, and takes the server's from under it.
 * @throws ConflictError ERR_MOUNT_EXISTS
 */
function refuseServed(upper: string, work: string): void {
  const fd = openAt(
    AT_FDCWD,
    pathFromText(path.join(work, 'work')),
    O.RDONLY | O.DIRECTORY | O.NOFOLLOW,
  )
  // Not made yet, or by the kernel, without permissions: no server of ours has it.
  if (fd < 0) return
  const locked = lockDirectory(fd)
  if (locked === 0) unlockDirectory(fd)
  close(fd)
  if (locked < 0) throw inUse(upper, 'a FUSE server of shale has it open')
}

function inUse(upper: string, reason: string): ConflictError {
  return new ConflictError(
    'ERR_MOUNT_EXISTS',
    `cannot take ${upper} for upperdir: ${reason}; unmount that first`,
    { details: { path: upper } },
  )
}

function refuseOwners(view: 'kernel' | 'merge', target: string, { owners }: OverlayOptions): void {
  if (owners === undefined) return
  throw lacks(view, target, 'other owners than those on disk', 'only FUSE has them')
}

/** Of the file system's own flags; `sync` has its effect: the kernel's FUSE asks for an fsync after each write. */
const NOT_SERVED: readonly string[] = ['dirsync', 'lazytime', 'mand', 'iversion']

function refuseFlags(target: string, flags: readonly string[]): void {
  const flag = NOT_SERVED.find((word) => asksFor(flags, word))
  if (flag !== undefined) throw lacks('fuse', target, flag, 'nothing of it comes to a FUSE server')
}

/** What a merge lacks, and not the kernel alone has. */
const NOT_WRITTEN: Readonly<Record<string, string>> = {
  xino: 'only a mount has it',
  whiteouts: 'only FUSE has it',
}

/** Of what it is asked for, a view must have all. */
function refuseFeatures(
  view: 'fuse' | 'merge',
  target: string,
  options: OverlayOptions,
  has: Readonly<Record<string, readonly string[]>>,
): void {
  for (const [name, value] of options.features) {
    if (has[name]?.includes(value)) continue
    const text = value === '' ? name : `${name}=${value}`
    throw lacks(
      view,
      target,
      text,
      (view === 'merge' && NOT_WRITTEN[name]) || 'only the kernel has it',
    )
  }
}

function lacks(view: string, target: string, option: string, why: string): UnsupportedError {
  const reason = `the ${view} view has no ${option}: ${why}`
  return new UnsupportedError(
    'ERR_OVERLAY_UNAVAILABLE',
    `cannot show the union in ${target}: ${reason}`,
    {
      details: { path: target, option, reason },
    },
  )
}

/** Root's marks are trusted.*, as the kernel's without userxattr; nobody else may set them. */
function formOf({ features, work, readOnly }: OverlayOptions): DiskForm {
  const isRoot = process.geteuid?.() === 0 && !inUserNamespace()
  if (work === undefined || readOnly)
    return isRoot && !features.has('userxattr') ? 'trusted' : 'plain'
  const best = probeForm(work)
  if (best === 'none') return 'none'
  return best === 'trusted' && !features.has('userxattr') ? 'trusted' : 'plain'
}

function checkDirectories(options: OverlayOptions): OverlayOptions {
  const lowers = options.lowers.map((lower) => checkDirectory('lowerdir', lower))
  if (options.upper === undefined || options.work === undefined) return { ...options, lowers }
  const upper = checkDirectory('upperdir', options.upper)
  const work = checkDirectory('workdir', options.work)
  if (isWithin(work, upper) || isWithin(upper, work)) {
    throw refused('workdir', work, 'it must be apart from upperdir, not in it or above it')
  }
  if (fs.statSync(upper).dev !== fs.statSync(work).dev) {
    throw refused('workdir', work, 'it must be on the same file system as upperdir')
  }
  for (const lower of lowers) {
    for (const own of [upper, work]) refuseOverlap(lower, own)
  }
  return { ...options, lowers, upper, work }
}

/** What is changed in the one would be in the other at once, whiteouts over what they remove (ovl_check_overlapping_layers). */
function refuseOverlap(lower: string, own: string): void {
  if (!isWithin(lower, own) && !isWithin(own, lower)) return
  // Mounted in it, it is no part of it.
  if (fs.statSync(lower).dev !== fs.statSync(own).dev) return
  throw refused('lowerdir', lower, `it must be apart from ${own}, not the same, in it or above it`)
}

/** @returns its real path */
function checkDirectory(option: string, directory: string): string {
  const status = fs.statSync(directory, { throwIfNoEntry: false })
  if (status === undefined) throw missing(option, directory)
  if (!status.isDirectory()) throw refused(option, directory, 'it is not a directory')
  return realPath(directory)
}

function checkTarget(directory: string): string {
  try {
    const target = checkDirectory('the mount point', directory)
    return target
  } catch (error) {
    if (!clearDeadMount(path.resolve(directory))) throw fromNodeError(`look at ${directory}`, error)
    return checkDirectory('the mount point', directory)
  }
}

function missing(option: string, directory: string): NotFoundError {
  return new NotFoundError(
    'ERR_FILE_NOT_FOUND',
    `cannot take ${directory} for ${option}: there is no such directory`,
    { details: { path: directory, option } },
  )
}

function refused(option: string, directory: string, reason: string): InvalidArgumentError {
  return new InvalidArgumentError(
    'ERR_OPTION',
    `cannot take ${directory} for ${option}: ${reason}`,
    { details: { path: directory, option } },
  )
}
