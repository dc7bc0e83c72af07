// bundle: a folder that any OCI runtime takes: config.json beside rootfs. A container's rootfs is its own root, mounted;
// an image's is a mount of its layers under a writable layer in the bundle. Where that cannot be had, or is not wanted,
// the merge is written out.

import fs from 'node:fs'
import path from 'node:path'
import {
  ConflictError,
  NotFoundError,
  UnsupportedError,
  type OnWarning,
  type Warning,
} from '../errors.ts'
import { indentGoJSON } from '../image/go-json.ts'
import { isObject, ownField, type JsonObject } from '../image/json.ts'
import { openImageStack } from '../inspect/image-stack.ts'
import type { Store } from '../store/store.ts'
import { fromNodeError } from '../sys/errno.ts'
import { fuseUnavailable, usersMayAllowOthers } from '../sys/fuse-device.ts'
import { mountByFuse } from '../view/fuse/mount-fuse.ts'
import { mountKernelWritable } from '../view/kernel.ts'
import { materialise } from '../view/materialise.ts'
import { bundleSource } from '../view/mount-list.ts'
import { KEPT_ASIDE, type ViewChoice } from '../view/show.ts'
import type { LayerStack } from '../view/stack.ts'
import { bundleDevices, type BundleDevices } from './bundle-devices.ts'
import { hostFacts, type HostFacts } from './bundle-host.ts'
import { userMappings } from './bundle-mappings.ts'
import { refuseUnsayable } from './bundle-security.ts'
import { bundleSpec, unheldBounds, type BundleFacts, type UserMappings } from './bundle-spec.ts'
import { resolveUser, type ProcessUser } from './bundle-user.ts'
import { bundleVolumes } from './bundle-volumes.ts'
import { commandOf } from './container-settings.ts'
import { settleForReading } from './container-merges.ts'
import { openContainerStack } from './container-stack.ts'
import { containerOrImage, type TreeSource } from './export-tree.ts'
import { hostConfigOf, inOrder } from './inspect-container.ts'
import { mountContainer } from './mount-container.ts'
import { processEnvironment } from './process-environment.ts'
import { configOf, overlayOf } from './run-in.ts'
import { servedRoot, shutOut, unmapped, type ServedRoot, type ShutOut } from './served-root.ts'

export interface BundleOptions {
  /** Write the merge out, and mount nothing. Default: only where it cannot be mounted. */
  readonly copy?: boolean
  /**
   * How rootfs is shown; `merge` is a copy. Default auto: the kernel's mount where it shows what the image says, else
   * FUSE where the whole container may look at it, else a copy.
   */
  readonly view?: ViewChoice
  readonly signal?: AbortSignal
  /** Default: as the store was opened. */
  readonly onWarning?: OnWarning
}

export interface Bundle {
  /** Absolute. */
  readonly directory: string
  readonly rootfs: 'mount' | 'copy'
  /** Why it is a copy where none was asked for. */
  readonly reason?: string
}

/**
 * Writes a bundle into a folder, which is made where it is missing and must else be empty. A mounted rootfs goes by
 * `unmountContainer` or `unmountImage` of `DIRECTORY/rootfs`.
 * @param name of a container, or else of an image
 * @throws NotFoundError ERR_CONTAINER_NOT_FOUND; ConflictError ERR_DESTINATION_EXISTS, ERR_MOUNT_EXISTS;
 *   InvalidArgumentError ERR_OPTION for a user that the image does not know; HostError; signal.reason. After a failure
 *   the folder is as it was.
 */
export async function writeBundle(
  store: Store,
  name: string,
  directory: string,
  options: BundleOptions = {},
): Promise<Bundle> {
  const source = containerOrImage(store, name)
  options.signal?.throwIfAborted()
  if ('container' in source) await settleForReading(store, source.container, options.signal)
  const target = path.resolve(directory)
  const isNew = takeDirectory(target)
  try {
    using stack = await openStack(store, source)
    const user = await resolveUser(stack, configOf(source).User ?? '')
    const mappings = userMappings()
    const refusal = mappings && unmapped(mappings, user)
    if (refusal !== undefined) warn(store, options, { code: 'user-unmapped', message: refusal })
    const { host, devices } = hostOf(store, source)
    const unheld = mappings ? unheldBounds(host, devices).join(', ') : ''
    const message = `the container's bounds (${unheld}) are not in config.json: they need a cgroup, and an ordinary user's bundle has none`
    if (unheld !== '') warn(store, options, { code: 'bounds-left-out', message })
    const config = configText(store, source, { user, host, devices, mappings })
    fs.writeFileSync(path.join(target, 'config.json'), config)
    const rootfs = path.join(target, 'rootfs')
    fs.mkdirSync(rootfs, { mode: 0o755 })
    const { view = 'auto' } = options
    const isCopy = options.copy === true || view === 'merge'
    const place = { store, source, directory: target, rootfs, options }
    const reason = isCopy ? undefined : await mountRootfs(place, view, rootFor(user, mappings))
    if (!isCopy && reason === undefined) return { directory: target, rootfs: 'mount' }
    await materialise(stack, rootfs, {
      onWarning: options.onWarning ?? store.onWarning,
      ...(options.signal ? { signal: options.signal } : {}),
    })
    const why = reason === undefined ? {} : { reason }
    return { directory: target, rootfs: 'copy', ...why }
  } catch (error) {
    clearDirectory(target, isNew)
    throw error
  }
}

function warn(
  store: Store,
  { onWarning = store.onWarning }: BundleOptions,
  what: Pick<Warning, 'code' | 'message'>,
): void {
  onWarning?.({ ...what, count: 1 })
}

/** @returns whether it was made. @throws ConflictError ERR_DESTINATION_EXISTS */
function takeDirectory(directory: string): boolean {
  try {
    fs.mkdirSync(directory)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EEXIST') throw fromNodeError(`make the bundle ${directory}`, error)
  }
  if (!fs.statSync(directory).isDirectory() || fs.readdirSync(directory).length > 0) {
    throw new ConflictError(
      'ERR_DESTINATION_EXISTS',
      `cannot make a bundle of ${directory}: it is there already, and is no empty directory`,
      { details: { path: directory } },
    )
  }
  return false
}

/** Nothing is mounted there: a mount is the last that can fail. */
function clearDirectory(directory: string, isNew: boolean): void {
  for (const name of fs.readdirSync(directory))
    fs.rmSync(path.join(directory, name), { recursive: true, force: true })
  if (isNew) fs.rmdirSync(directory)
}

function openStack(store: Store, source: TreeSource): Promise<LayerStack> {
  return 'container' in source
    ? openContainerStack(store, source.container)
    : openImageStack(store, source.image)
}

function configText(
  store: Store,
  source: TreeSource,
  {
    user,
    host,
    devices,
    mappings,
  }: Pick<BundleFacts, 'user' | 'host'> & {
    readonly devices: BundleDevices
    readonly mappings: UserMappings | undefined
  },
): string {
  const config = configOf(source)
  const hostname = config.Hostname || shortName(source)
  const { path: program, args } = 'container' in source ? source.container : commandOf(config)
  const spec = bundleSpec({
    config,
    args: program === '' ? ['sh'] : [program, ...args],
    env: processEnvironment(config, { home: user.home, hostname }),
    hostname,
    user,
    volumes: 'container' in source ? bundleVolumes(store, source.container) : [],
    host,
    devices,
    ...(mappings === undefined ? {} : { mappings }),
  })
  return `${indentGoJSON(inOrder(spec as JsonObject), '  ', { escapeHTML: false })}\n`
}

function hostOf(
  store: Store,
  source: TreeSource,
): { readonly host: HostFacts; readonly devices: BundleDevices } {
  if ('image' in source) return { host: hostFacts({}), devices: { nodes: [], rules: [] } }
  const { container } = source
  const hostConfig = hostConfigOf(store, container)
  refuseUnsayable(hostConfig, container.name)
  const points = ownField(container.document, 'MountPoints')
  return {
    host: hostFacts(hostConfig, isObject(points) ? points : {}),
    devices: bundleDevices(hostConfig, container.name),
  }
}

function shortName(source: TreeSource): string {
  return 'container' in source ? source.container.id.slice(0, 12) : source.image.id.slice(7, 19)
}

interface Place {
  readonly store: Store
  readonly source: TreeSource
  /** Of the bundle. */
  readonly directory: string
  readonly rootfs: string
  readonly options: BundleOptions
}

/** Of an ordinary user's container, whose root only FUSE can show. */
interface UserRoot {
  readonly served: ServedRoot
  readonly shutOut: ShutOut | undefined
}

function rootFor(user: ProcessUser, mappings: UserMappings | undefined): UserRoot | undefined {
  if (mappings === undefined) return undefined
  // The root of a namespace mounts by itself, and asks nobody.
  const forOthers = process.geteuid?.() === 0 || usersMayAllowOthers()
  return {
    served: servedRoot(mappings, forOthers),
    shutOut: shutOut(mappings, user, forOthers),
  }
}

/** @returns why it cannot be mounted here */
async function mountRootfs(
  place: Place,
  view: ViewChoice,
  root: UserRoot | undefined,
): Promise<string | undefined> {
  const isAside = place.store.form !== 'trusted'
  const chosen = view === 'auto' && (root !== undefined || isAside) ? 'fuse' : view
  const unavailable = fuseUnavailable(process.geteuid?.() === 0)
  if (chosen === 'fuse' && view === 'auto' && unavailable !== undefined) {
    return `${isAside ? KEPT_ASIDE : 'the kernel mounts for root alone'}; ${unavailable}`
  }
  // Where there is no FUSE at all, that is what is said.
  if (chosen === 'fuse' && unavailable === undefined && root?.shutOut !== undefined) {
    const { starts, reason } = root.shutOut
    if (view === 'auto') return reason
    if (starts) throw cannotServe(place.rootfs, reason)
    warn(place.store, place.options, { code: 'root-shut', message: reason })
  }
  try {
    await mountBy(chosen, place, root?.served)
    return undefined
  } catch (error) {
    if (!(error instanceof UnsupportedError) || view !== 'auto') throw error
    const stated = error.details['reason']
    return typeof stated === 'string' ? stated : error.message
  }
}

function cannotServe(rootfs: string, reason: string): UnsupportedError {
  return new UnsupportedError(
    'ERR_HOST_UNSUPPORTED',
    `cannot mount ${rootfs} by FUSE: ${reason}; --view merge writes it out instead`,
    { details: { path: rootfs, reason } },
  )
}

async function mountBy(
  view: ViewChoice,
  place: Place,
  served: ServedRoot | undefined,
): Promise<void> {
  const { store, source, rootfs } = place
  if ('image' in source) return mountImageUnder(place, source, { view, served })
  const how = served === undefined ? { view } : { view, served }
  await mountContainer(store, source.container.id, rootfs, how)
}

async function mountImageUnder(
  { store, directory, rootfs }: Place,
  { image }: Extract<TreeSource, { image: unknown }>,
  { view, served = {} }: { readonly view: ViewChoice; readonly served: ServedRoot | undefined },
): Promise<void> {
  const top = image.layers.at(-1)
  if (top === undefined) {
    throw new NotFoundError(
      'ERR_LAYER_NOT_FOUND',
      `cannot make a bundle of image ${image.id}: it has no layers, so there is nothing to run`,
      { details: { imageID: image.id } },
    )
  }
  const [upper, work] = ['upper', 'work'].map((name) => {
    const made = path.join(directory, name)
    fs.mkdirSync(made)
    fs.chmodSync(made, 0o755)
    return made
  }) as [string, string]
  const spec = overlayOf(store, await store.driver.mounts(top.cacheID))
  if (view !== 'fuse') {
    try {
      await mountKernelWritable({ ...spec, upper, work }, rootfs, store.form)
      return
    } catch (error) {
      const goesOn = view === 'auto' && error instanceof UnsupportedError
      if (!goesOn || fuseUnavailable(process.geteuid?.() === 0) !== undefined) throw error
    }
  }
  const { form } = store
  await mountByFuse({
    target: rootfs,
    form,
    lowers: spec.lowers,
    upper: { directory: upper, work },
    // By which the store knows that its image is in use.
    source: bundleSource(spec.lowers[0]!),
    ...served,
  })
}
