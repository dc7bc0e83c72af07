// A container's root mounted writable, as an engine mounts it, and taken away again. What is mounted where, the kernel
// remembers; where the root is written out instead, a record does (container-merges.ts).

import fs from 'node:fs'
import path from 'node:path'
import type { MountSpec } from '../driver/driver.ts'
import {
  ConflictError,
  HostError,
  InvalidArgumentError,
  NotFoundError,
  UnsupportedError,
} from '../errors.ts'
import type { Container } from '../store/container-db.ts'
import type { Store } from '../store/store.ts'
import { ERRNO, errnoName, fromNodeError } from '../sys/errno.ts'
import { mountSpec, mountWritable, setReadOnly } from '../sys/mount.ts'
import type { StartedServer } from '../sys/start-server.ts'
import { mountByFuse } from '../view/fuse/mount-fuse.ts'
import { unreadableForm } from '../view/kernel.ts'
import { clearDeadMount, listWritableMounts, realPath, unmountTarget } from '../view/mount-list.ts'
import { KEPT_ASIDE, refuseForeground, type ViewChoice } from '../view/show.ts'
import { closeContainerMerge, listContainerMerges, showContainerMerge } from './container-merges.ts'
import { containerOf, layerOf } from './container-stack.ts'
import type { ServedRoot } from './served-root.ts'

export interface MountContainerOptions {
  /**
   * Default auto: the kernel's overlay, else a FUSE server of our own, else a merge that is folded back; where a store
   * keeps owners beside the files, FUSE comes before the kernel.
   */
  readonly view?: ViewChoice
  /** The FUSE server belongs to this process: `server` tells when it ends. */
  readonly foreground?: boolean
  /** Of a FUSE mount: whom files are shown as belonging to, and to whom. Default: to its user, as root of the container. */
  readonly served?: ServedRoot
  readonly signal?: AbortSignal
}

type ShownContainer = Pick<MountedContainer, 'view' | 'reason' | 'server'>

export interface MountedContainer {
  readonly id: string
  readonly name: string
  /** Real path. */
  readonly target: string
  readonly view: 'kernel' | 'fuse' | 'merge'
  /** Why not a view before it, when `auto` took another than the kernel's. */
  readonly reason?: string
  /** With `foreground`. */
  readonly server?: StartedServer
}

/**
 * Mounts a container's root on an existing directory; without one, where engines have it: `<mount-id>/merged`.
 * @throws NotFoundError ERR_CONTAINER_NOT_FOUND, ERR_FILE_NOT_FOUND; ConflictError ERR_MOUNT_EXISTS: it is mounted;
 *   UnsupportedError ERR_OVERLAY_UNAVAILABLE; InvalidArgumentError ERR_OPTION; HostError
 */
export async function mountContainer(
  store: Store,
  name: string,
  directory?: string,
  options: MountContainerOptions = {},
): Promise<MountedContainer> {
  containerOf(store, name)
  // Under the write lock, so that two of us do not mount one writable layer twice.
  return store.write(
    async () => {
      const container = containerOf(store, name)
      const { mountID } = layerOf(container)
      // A mount whose server was killed is nobody's: it goes, and its directory can be used again.
      const mounted = mountsOf(store, container).find((target) => !clearDeadMount(target))
      if (mounted !== undefined) {
        throw new ConflictError(
          'ERR_MOUNT_EXISTS',
          `cannot mount container ${container.name}: it is mounted on ${mounted} already; bind that to have it in two places`,
          { details: { container: container.id, path: mounted } },
        )
      }
      const own = mergedDirectory(store, container)
      const target = directory === undefined ? own : checkTarget(store, directory)
      if (target === own) fs.mkdirSync(own, { recursive: true, mode: 0o700 })
      let shown: ShownContainer
      try {
        const spec = await store.driver.writableMounts(mountID)
        shown = await mountOn({ store, container, spec, target }, options)
      } catch (error) {
        if (target === own) removeEmpty(own)
        throw error
      }
      return { id: container.id, name: container.name, target, ...shown }
    },
    options.signal ? { signal: options.signal } : {},
  )
}

/**
 * @param name of a container, or a directory on which one is mounted
 * @returns where it was mounted
 * @throws NotFoundError ERR_MOUNT_NOT_FOUND; HostError (EBUSY: somebody is in it)
 */
export async function unmountContainer(store: Store, name: string): Promise<MountedContainer> {
  const found = findMounted(store, name)
  if (found === undefined) {
    throw new NotFoundError(
      'ERR_MOUNT_NOT_FOUND',
      `cannot unmount ${name}: no container of this store is mounted there, or by that name`,
      { details: { path: name } },
    )
  }
  if (found.view === 'merge') {
    // Folding changes the writable layer: nobody else may meanwhile.
    await store.write(() => closeContainerMerge(store, found.target))
  } else {
    unmountTarget(found.target)
  }
  removeEmpty(found.target, store)
  return found
}

function findMounted(store: Store, name: string): MountedContainer | undefined {
  const target = realPath(name)
  const mounted = listMountedContainers(store)
  const here = mounted.findLast((each) => each.target === target)
  if (here) return here
  try {
    const { id } = containerOf(store, name)
    return mounted.findLast((each) => each.id === id)
  } catch (error) {
    if (error instanceof NotFoundError || error instanceof InvalidArgumentError) return undefined
    throw error
  }
}

/** Every container of this store that is mounted somewhere on this host, whoever mounted it; in mount order. */
export function listMountedContainers(store: Store): MountedContainer[] {
  const merges = listContainerMerges(store).map((merge) => ({ ...merge, view: 'merge' as const }))
  const mounts = [...merges, ...listWritableMounts(store.driver.home)]
  if (mounts.length === 0) return []
  const byMount = new Map(
    store.containerDB
      .list()
      .flatMap((each) => (each.layer ? [[each.layer.mountID as string, each] as const] : [])),
  )
  return mounts.flatMap(({ target, mountID, view }) => {
    const container = byMount.get(mountID)
    return container ? [{ id: container.id, name: container.name, target, view }] : []
  })
}

/** Directories on which a container's root is mounted now. */
export function mountsOf(store: Store, container: Container): string[] {
  const { layer } = container
  if (!layer) return []
  return [...listContainerMerges(store), ...listWritableMounts(store.driver.home)]
    .filter(({ mountID }) => mountID === layer.mountID)
    .map(({ target }) => target)
}

/**
 * Runs `action` while nobody can write through a mount of the container.
 * @throws ConflictError ERR_CONTAINER_IN_USE when a file is open for writing in it
 */
export async function withoutWriters<T>(
  store: Store,
  container: Container,
  action: () => Promise<T>,
): Promise<T> {
  const paused: string[] = []
  try {
    for (const target of mountsOf(store, container)) {
      const result = setReadOnly(target, true)
      if (result === 0) paused.push(target)
      // Without the right to pause a mount, somebody else's it is: read what is there, as with --pause=false.
      else if (result === -ERRNO.EBUSY) throw busy(container, target)
    }
    return await action()
  } finally {
    for (const target of paused) setReadOnly(target, false)
  }
}

function busy(container: Container, target: string): ConflictError {
  return new ConflictError(
    'ERR_CONTAINER_IN_USE',
    `cannot pause container ${container.name}: a file is open for writing in ${target}; end that program, or commit with --pause=false`,
    { details: { container: container.id, path: target } },
  )
}

function mergedDirectory(store: Store, container: Container): string {
  return path.join(realPath(store.driver.home), layerOf(container).mountID, 'merged')
}

function checkTarget(store: Store, directory: string): string {
  const status = fs.statSync(directory, { throwIfNoEntry: false })
  if (status === undefined) {
    throw new NotFoundError(
      'ERR_FILE_NOT_FOUND',
      `cannot mount the container on ${directory}: there is no such directory; make it first`,
      { details: { path: directory } },
    )
  }
  const target = realPath(directory)
  const home = realPath(store.driver.home)
  const covers = `${home}/`.startsWith(target === '/' ? '/' : `${target}/`)
  const reason = !status.isDirectory()
    ? 'it is not a directory'
    : covers || target.startsWith(`${home}/`)
      ? `the store's layers are in ${home}, and would be covered or changed`
      : undefined
  if (reason === undefined) return target
  throw new InvalidArgumentError(
    'ERR_OPTION',
    `cannot mount the container on ${directory}: ${reason}`,
    { details: { path: directory } },
  )
}

interface Wanted {
  readonly store: Store
  readonly container: Container
  readonly spec: MountSpec
  readonly target: string
}

async function mountOn(wanted: Wanted, options: MountContainerOptions): Promise<ShownContainer> {
  const { store, spec } = wanted
  const { view = 'auto', foreground = false } = options
  if (foreground) refuseForeground(view)
  const reasons: string[] = []
  // What is kept beside the files the kernel does not see: it comes second there, where FUSE cannot be had.
  const isAside = store.form !== 'trusted'
  if (isAside && view === 'auto') reasons.push(KEPT_ASIDE)
  const order = isAside
    ? (['fuse', 'kernel', 'merge'] as const)
    : (['kernel', 'fuse', 'merge'] as const)
  for (const kind of order) {
    if (view !== kind && (view !== 'auto' || (foreground && kind !== 'fuse'))) continue
    try {
      const server = await mountAs(kind, wanted, options)
      const reason = kind === 'kernel' || reasons.length === 0 ? {} : { reason: reasons.join('; ') }
      return { view: kind, ...reason, ...(server && foreground ? { server } : {}) }
    } catch (error) {
      const isRefusal =
        error instanceof UnsupportedError || (kind === 'kernel' && isPermission(error))
      const isLast = kind === 'merge' || (kind === 'kernel' && spec.kind === 'bind')
      if (view === kind || foreground || !isRefusal || isLast) throw error
      reasons.push(reasonOf(error))
    }
  }
  throw new Error('a merge is made, or says why not')
}

async function mountAs(
  kind: 'kernel' | 'fuse' | 'merge',
  wanted: Wanted,
  { foreground = false, served, signal }: MountContainerOptions,
): Promise<StartedServer | undefined> {
  const { store, spec, target } = wanted
  if (kind === 'fuse') return mountServed(wanted, foreground, served)
  if (kind === 'kernel') await mountByKernel(store, spec, target)
  else await mountMerge(wanted, signal)
  return undefined
}

function reasonOf(error: unknown): string {
  const stated = error instanceof UnsupportedError ? error.details['reason'] : undefined
  return typeof stated === 'string' ? stated : (error as Error).message
}

async function mountMerge(
  { store, container, spec, target }: Wanted,
  signal?: AbortSignal,
): Promise<void> {
  const parts = overlayParts(spec, target, 'as a merge')
  await showContainerMerge(store, container, parts, target, signal)
}

function isPermission(error: unknown): boolean {
  return error instanceof HostError && error.code === 'ERR_PERMISSION'
}

function mountServed(
  { store, spec, target }: Wanted,
  foreground: boolean,
  served: ServedRoot | undefined,
): Promise<StartedServer> {
  const { upper: directory, work, lowers } = overlayParts(spec, target, 'by FUSE')
  const upper = { directory, work }
  const { form } = store
  const uid = process.geteuid?.() ?? 0
  // Else what is committed would belong to whatever number this user happens to have here.
  const how = served ?? (uid === 0 ? {} : { owners: { rootUid: uid } })
  return mountByFuse({ target, form, lowers, upper, foreground, ...how })
}

type OverlaySpec = Extract<MountSpec, { kind: 'overlay' }>

function overlayParts(
  spec: MountSpec,
  target: string,
  how: string,
): Pick<OverlaySpec, 'lowers'> & { readonly upper: string; readonly work: string } {
  if (spec.kind === 'overlay' && spec.upper !== undefined && spec.work !== undefined) {
    return { lowers: spec.lowers, upper: spec.upper, work: spec.work }
  }
  const reason = 'it stands on no layers, so there is nothing to merge; use the kernel view'
  throw new UnsupportedError(
    'ERR_HOST_UNSUPPORTED',
    `cannot mount the container on ${target} ${how}: ${reason}`,
    { details: { path: target, reason } },
  )
}

async function mountByKernel(store: Store, spec: MountSpec, target: string): Promise<void> {
  const reason = spec.kind === 'overlay' ? unreadableForm(store.form) : undefined
  if (reason !== undefined) throw unavailable(target, reason)
  try {
    if (spec.kind === 'overlay') await mountWritable(spec, target)
    else await mountSpec(spec, target)
  } catch (error) {
    if (error instanceof UnsupportedError) {
      throw unavailable(target, error.message.replace(/^[^:]*: /, ''), error)
    }
    if (error instanceof HostError && error.details['errno'] === errnoName(ERRNO.EINVAL)) {
      throw unavailable(target, `the kernel refuses these layers: ${error.message}`, error)
    }
    throw error
  }
}

function unavailable(target: string, reason: string, cause?: unknown): UnsupportedError {
  return new UnsupportedError(
    'ERR_OVERLAY_UNAVAILABLE',
    `cannot mount the container on ${target}: ${reason}; without a mount, shale diff, cp, export and commit work on it all the same, and unshare -rm gives an ordinary user a namespace to mount in`,
    { ...(cause === undefined ? {} : { cause }), details: { path: target, reason } },
  )
}

/** `merged` is there only while something is mounted on it. */
function removeEmpty(target: string, store?: Store): void {
  const isOwn = store === undefined || target.startsWith(`${realPath(store.driver.home)}/`)
  if (!isOwn || path.basename(target) !== 'merged') return
  try {
    fs.rmdirSync(target)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT' && code !== 'EBUSY' && code !== 'ENOTEMPTY') {
      throw fromNodeError(`remove ${target}`, error)
    }
  }
}
