// create: an image becomes a container that has not run. All of it appears at once: the writable layer with its init
// layer, the claim in layerdb/mounts, and the two documents by which dockerd knows a container.

import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { CacheID } from '../digest/digest.ts'
import { newCacheID } from '../driver/cache-id.ts'
import { ConflictError, NotFoundError } from '../errors.ts'
import type { ContainerConfig } from '../image/container-config.ts'
import { openImageStack } from '../inspect/image-stack.ts'
import { pathFromText } from '../path/byte-path.ts'
import type { Image, Store } from '../store/store.ts'
import { timestampNow } from '../store/timestamp.ts'
import type { Transaction } from '../store/transaction.ts'
import { DirectoryLayer } from '../view/directory-layer.ts'
import { WritableTree } from '../view/writable-tree.ts'
import { planVolume } from '../volumes/create-volume.ts'
import { populateVolume } from '../volumes/populate-volume.ts'
import { readVolume, refuseDockerdVolumes } from '../volumes/volume-db.ts'
import { parseBind, parseVolumesFrom } from './bind.ts'
import { containerDocument } from './container-document.ts'
import { freeName, parseContainerName, refuseTakenName } from './container-name.ts'
import { settleConfig } from './container-settings.ts'
import { containerOf } from './container-stack.ts'
import { hostDocument } from './host-document.ts'
import { hostWarnings, settleHost, type HostOptions, type HostSettings } from './host-settings.ts'
import { fillInitLayer } from './init-layer.ts'
import { mountPointsOf, type OwnVolume } from './mount-points.ts'
import { parseMountSpec } from './mount-spec.ts'
import { sharedContainer } from './network-mode.ts'
import { inScope, makeWorkingDirectory } from './working-directory.ts'

export interface CreateOptions extends HostOptions {
  /** Default: drawn as docker draws them. */
  readonly name?: string
  /** Instead of the image's CMD. */
  readonly command?: readonly string[]
  /** Instead of the image's; `['']` is none at all. */
  readonly entrypoint?: readonly string[]
  /** `NAME=VALUE` */
  readonly env?: readonly string[]
  readonly labels?: Readonly<Record<string, string>>
  readonly user?: string
  /** Default: the first 12 digits of its ID. */
  readonly hostname?: string
  /** Its standard input is kept for whoever starts it: `docker start -i`. */
  readonly interactive?: boolean
  /** Its process has a terminal. */
  readonly tty?: boolean
  /** Absolute. */
  readonly workingDirectory?: string
  /** `VOLUME:PATH[:MODE]`, `/HOST:PATH[:MODE]`, `PATH`; a HOST that begins with a dot is seen from the working directory. */
  readonly volumes?: readonly string[]
  /** `type=bind|volume|tmpfs,source=...,target=...` and what else `docker create --mount` takes. */
  readonly mounts?: readonly string[]
  /** `CONTAINER[:ro]`: what that one sees besides its layers, this one sees as well. */
  readonly volumesFrom?: readonly string[]
  /** Of signal(7), by name or number. */
  readonly stopSignal?: string
  /** Seconds until a container that was told to stop is killed; negative for never. */
  readonly stopTimeout?: number
  readonly signal?: AbortSignal
}

export interface CreatedContainer {
  /** 64 hex digits. */
  readonly id: string
  readonly name: string
}

/**
 * @param imageName a name, an ID or the start of one; kept as typed, for listings
 * @throws NotFoundError ERR_IMAGE_NOT_FOUND; ConflictError ERR_CONTAINER_NAME_IN_USE, ERR_DESTINATION_EXISTS;
 *   InvalidArgumentError ERR_OPTION; HostError. Whatever is thrown, the store is as it was.
 */
export async function createContainer(
  store: Store,
  imageName: string,
  options: CreateOptions = {},
): Promise<CreatedContainer> {
  const asked = options.name === undefined ? undefined : parseContainerName(options.name)
  const settings = withNetworkOf(store, settleHost(options))
  const volumes = (options.volumes ?? []).map(parseBind)
  const binds = volumes.flatMap((bind) => ('anonymous' in bind ? [] : [bind]))
  const anonymous = volumes.flatMap((bind) => ('anonymous' in bind ? [bind.anonymous] : []))
  const mounts = (options.mounts ?? []).map(parseMountSpec)
  const volumesFrom = (options.volumesFrom ?? []).map(parseVolumesFrom)
  store.resolve(imageName) // a wrong name is refused before anything is locked or made
  for (const warning of hostWarnings(settings)) store.onWarning(warning)
  return store.write(
    async (transaction) => {
      const image = store.image(imageName)
      const id = newContainerID(store)
      const config = settleConfig(
        askedConfig(id, imageName, options, settings, anonymous),
        image.config.config ?? {},
      )
      if (asked !== undefined) refuseTakenName(store, asked)
      const name = asked ?? freeName(store)
      const tmpfs = Object.keys(settings.tmpfs)
      const wanted = { volumesFrom, binds, mounts, tmpfs, anonymous: config.Volumes ?? [] }
      const { records, volumes } = mountPointsOf(store, wanted)
      const layer = await makeLayers(store, transaction, image, config, volumes)
      options.signal?.throwIfAborted()
      planLayer(store, transaction, id, layer, image)
      planVolumes(store, transaction, volumes)
      await populateVolumes(store, transaction, image, volumes, options.signal)
      const folder = transaction.stageDirectory(0o710)
      const checkpoints = path.join(folder, 'checkpoints')
      fs.mkdirSync(checkpoints)
      fs.chmodSync(checkpoints, 0o700)
      const { layout, driver } = store
      writeFile(
        path.join(folder, 'config.v2.json'),
        containerDocument({
          id,
          name,
          created: timestampNow(),
          imageID: image.id,
          os: image.config.os || 'linux',
          driver: driver.name,
          config,
          mountPoints: records,
          network: settings,
          security: settings.security,
          isAnonymous: asked === undefined,
        }),
        0o600,
      )
      const host = { settings, binds, mounts, volumesFrom: options.volumesFrom ?? [] }
      writeFile(path.join(folder, 'hostconfig.json'), hostDocument(host), 0o644)
      transaction.plan({ op: 'make-directory', path: layout.containers, mode: 0o710 })
      transaction.plan({ op: 'rename', from: folder, to: layout.container(id) })
      return { id, name }
    },
    options.signal ? { signal: options.signal } : {},
  )
}

/** As dockerd: a container that is there is known by its ID, so that it may be renamed; another may come to be. */
function withNetworkOf(store: Store, settings: HostSettings): HostSettings {
  const name = sharedContainer(settings.networkMode)
  if (name === undefined) return settings
  try {
    return { ...settings, networkMode: `container:${containerOf(store, name).id}` }
  } catch (error) {
    if (error instanceof NotFoundError) return settings
    throw error
  }
}

function newContainerID(store: Store): string {
  for (;;) {
    const id: string = newCacheID()
    if (!fs.existsSync(store.layout.container(id))) return id
  }
}

/** What `docker create` sends: output attached, and input where it is kept (docker/cli, container/opts.go). */
function askedConfig(
  id: string,
  image: string,
  options: CreateOptions,
  { networkMode, exposed, macAddress }: HostSettings,
  anonymous: readonly string[],
): ContainerConfig {
  const { command, entrypoint, env, hostname, labels, user, workingDirectory } = options
  const { interactive = false, tty = false, stopSignal, stopTimeout } = options
  // In the host's network there is one name, the host's.
  const drawn = networkMode === 'host' ? os.hostname() : id.slice(0, 12)
  return {
    Hostname: hostname || drawn,
    ...(interactive ? { AttachStdin: true, OpenStdin: true, StdinOnce: true } : {}),
    AttachStdout: true,
    AttachStderr: true,
    ...(tty ? { Tty: true } : {}),
    Image: image,
    Labels: { ...labels },
    ...(user === undefined ? {} : { User: user }),
    ...(env === undefined ? {} : { Env: env }),
    ...(command === undefined || command.length === 0 ? {} : { Cmd: command }),
    ...(entrypoint === undefined ? {} : { Entrypoint: entrypoint }),
    ...(workingDirectory === undefined ? {} : { WorkingDir: workingDirectory }),
    ...(anonymous.length === 0 ? {} : { Volumes: anonymous }),
    ...(exposed.length === 0 ? {} : { ExposedPorts: exposed }),
    ...(macAddress === '' ? {} : { MacAddress: macAddress }),
    ...(stopSignal ? { StopSignal: stopSignal } : {}),
    ...(stopTimeout === undefined ? {} : { StopTimeout: stopTimeout }),
  }
}

interface Layers {
  readonly mountID: CacheID
  readonly initID: CacheID
}

async function makeLayers(
  store: Store,
  transaction: Transaction,
  image: Image,
  config: ContainerConfig,
  volumes: readonly OwnVolume[],
): Promise<Layers> {
  const { driver, form } = store
  const { mountID, initID, createMount } = await transaction.newWritableLayer(
    image.layers.at(-1)?.cacheID,
  )
  using stack = await openImageStack(store, image)
  // vfs starts both as whole copies: there is nothing beneath.
  const isStacked = driver.name === 'overlay2'
  {
    using init = new WritableTree(driver.layerDirectory(initID), {
      form,
      lower: isStacked ? stack.layers : [],
    })
    fillInitLayer(init)
  }
  await createMount()
  using initLayer = new DirectoryLayer(driver.layerDirectory(initID), { form })
  using tree = new WritableTree(driver.layerDirectory(mountID), {
    form,
    lower: isStacked ? [initLayer, ...stack.layers] : [],
  })
  makeWorkingDirectory(tree, config.WorkingDir ?? '')
  for (const { destination } of volumes) refuseFileInPlace(tree, destination)
  return { mountID, initID }
}

function refuseFileInPlace(tree: WritableTree, destination: string): void {
  const node = tree.view.lookup(inScope(tree.view, pathFromText(destination)))
  if (node === undefined || node.type === 'directory') return
  throw new ConflictError(
    'ERR_DESTINATION_EXISTS',
    `cannot mount volume over existing file, file exists ${destination}`,
    { details: { path: destination } },
  )
}

function planLayer(
  store: Store,
  transaction: Transaction,
  id: string,
  { mountID, initID }: Layers,
  image: Image,
): void {
  const { layout, driver } = store
  const top = image.layers.at(-1)
  const folder = transaction.stageDirectory(0o755)
  writeFile(path.join(folder, 'mount-id'), mountID, 0o644)
  writeFile(path.join(folder, 'init-id'), initID, 0o644)
  if (top) writeFile(path.join(folder, 'parent'), top.chainID, 0o644)
  transaction.plan({ op: 'make-directory', path: layout.layerMounts, mode: 0o755 })
  transaction.plan({ op: 'rename', from: folder, to: layout.layerMount(id) })
  for (const parent of [top?.cacheID, initID]) {
    const mark = parent && driver.childMark(parent)
    if (mark !== undefined) transaction.plan({ op: 'touch', path: mark, mode: 0o600 })
  }
}

/**
 * The local driver's own folders; dockerd finds a volume by them. Of two mentions of a volume the first says how it is
 * made, and one that is there already stays as it is.
 */
function planVolumes(store: Store, transaction: Transaction, volumes: readonly OwnVolume[]): void {
  const { layout } = store
  const make = (directory: string, mode: number): void =>
    transaction.plan({ op: 'make-directory', path: directory, mode })
  if (volumes.length > 0) make(layout.volumes, 0o701)
  const planned = new Set<string>()
  for (const { spec } of volumes) {
    const { name, driver, labels, options } = spec
    if (planned.has(name)) continue
    planned.add(name)
    const isThere = readVolume(store, name) !== undefined
    if (driver !== undefined || (!isThere && (labels ?? options) !== undefined)) {
      if (!isThere && labels !== undefined) refuseDockerdVolumes(store, `label the volume ${name}`)
      planVolume(store, transaction, isThere ? { name, driver: driver! } : spec)
      continue
    }
    make(path.join(layout.volumes, name), 0o701)
    make(path.join(layout.volumes, name, '_data'), 0o755)
  }
}

/** What the image has where an empty volume is put shows through it: docker copies it in at the first use. */
async function populateVolumes(
  store: Store,
  transaction: Transaction,
  image: Image,
  volumes: readonly OwnVolume[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const wanted = volumes.filter(({ fills }) => fills)
  if (wanted.length === 0 || image.layers.length === 0) return
  using stack = await openImageStack(store, image)
  const filled = new Set<string>()
  for (const { spec, destination } of wanted) {
    // At two places, a volume is filled by the first that has anything.
    if (filled.has(spec.name)) continue
    const volume = { volume: spec.name, stack, path: destination }
    if (await populateVolume(store, transaction, volume, signal ? { signal } : {}))
      filled.add(spec.name)
  }
}

function writeFile(file: string, text: string, mode: number): void {
  fs.writeFileSync(file, text, { mode })
  fs.chmodSync(file, mode)
}
