// What a new container sees besides its layers: out of `-v`, `--mount`, `--volumes-from` and the places that its image
// wants kept, in docker's order of precedence, as config.v2.json records each. Which volumes that needs, it says; it
// makes none.
// Source: moby daemon/volumes.go registerMountPoints, daemon/volumes_unix.go, daemon/create_unix.go.

import fs from 'node:fs'
import { newCacheID } from '../driver/cache-id.ts'
import { ConflictError, InvalidArgumentError } from '../errors.ts'
import type { GoJson } from '../image/go-json.ts'
import { isObject, ownField, type JsonObject, type JsonValue } from '../image/json.ts'
import type { Container, MountPoint } from '../store/container-db.ts'
import type { Store } from '../store/store.ts'
import { requireVolumeName, type VolumeSpec } from '../volumes/create-volume.ts'
import { requireVolume } from '../volumes/volume-db.ts'
import type { Bind, VolumesFrom } from './bind.ts'
import { containerOf } from './container-stack.ts'
import { inOrder } from './inspect-container.ts'
import { cleanPlace } from './mount-place.ts'
import { mountSpecJson, type MountSpec } from './mount-spec.ts'
import { refuseOtherDriver } from './volume-driver.ts'
import { wrongOption } from './wrong-option.ts'

/** A volume that the container brings along, made where it is missing. */
export interface OwnVolume {
  readonly destination: string
  readonly spec: VolumeSpec & { readonly name: string }
  /** What the image has there is copied in, where the volume is empty. */
  readonly fills: boolean
}

export interface MountPoints {
  /** By destination, as config.v2.json has them. */
  readonly records: Readonly<Record<string, GoJson>>
  readonly volumes: readonly OwnVolume[]
}

export interface WantedMounts {
  readonly volumesFrom: readonly VolumesFrom[]
  readonly binds: readonly Bind[]
  readonly mounts: readonly MountSpec[]
  /** Places of `--tmpfs`: dockerd mounts them by itself, and nothing else goes there. */
  readonly tmpfs: readonly string[]
  /** Of the settled config: kept in volumes that nobody named. */
  readonly anonymous: readonly string[]
}

/**
 * @throws ConflictError ERR_DESTINATION_EXISTS; NotFoundError ERR_CONTAINER_NOT_FOUND, ERR_VOLUME_NOT_FOUND;
 *   InvalidArgumentError ERR_OPTION; UnsupportedError ERR_HOST_UNSUPPORTED
 */
export function mountPointsOf(store: Store, wanted: WantedMounts): MountPoints {
  const records = Object.create(null) as Record<string, GoJson>
  const volumes = new Map<string, OwnVolume>()
  const taken = new Set(wanted.tmpfs)
  const put = (destination: string, record: GoJson, volume?: OwnVolume): void => {
    records[destination] = record
    if (volume) volumes.set(destination, volume)
  }
  for (const from of wanted.volumesFrom)
    for (const [destination, record] of inherited(store, from)) put(destination, record)
  for (const bind of wanted.binds) {
    take(taken, bind.destination)
    put(bind.destination, bindRecord(store, bind), bindVolume(bind))
  }
  // docker lets a `--tmpfs` and a `--mount` of one place be, and the former is what is seen.
  for (const place of wanted.tmpfs) taken.delete(place)
  for (const { destination } of wanted.binds) taken.add(destination)
  for (const mount of wanted.mounts) {
    take(taken, mount.destination)
    const name = mount.source === '' ? (newCacheID() as string) : mount.source
    put(mount.destination, mountRecord(store, mount, name), mountVolume(mount, name))
  }
  for (const destination of wanted.anonymous.map((place) => cleanPlace(`/${place}`))) {
    if (destination in records || wanted.tmpfs.includes(destination)) continue
    const name = newCacheID() as string
    put(destination, anonymousRecord(destination, name), {
      destination,
      spec: { name },
      fills: true,
    })
  }
  return { records, volumes: [...volumes.values()] }
}

function take(taken: Set<string>, place: string): void {
  if (taken.has(place))
    throw new ConflictError('ERR_DESTINATION_EXISTS', `Duplicate mount point: ${place}`, {
      details: { path: place },
    })
  taken.add(place)
}

interface Facts {
  readonly source: string
  readonly destination: string
  readonly writable: boolean
  readonly name?: string
  readonly type: string
  readonly relabel?: string
  readonly propagation?: string
  readonly spec: GoJson
  /** What lies there on the host is there already: dockerd does not make it. */
  readonly isMade?: boolean
}

/** In the order of docker's struct. */
function record(facts: Facts): GoJson {
  const { relabel = '', propagation = '' } = facts
  return new Map<string, GoJson>([
    ['Source', facts.source],
    ['Destination', facts.destination],
    ['RW', facts.writable],
    ['Name', facts.name ?? ''],
    ['Driver', facts.type === 'volume' ? 'local' : ''],
    ['Type', facts.type],
    ...(relabel === '' ? [] : [['Relabel', relabel] as const]),
    ...(propagation === '' ? [] : [['Propagation', propagation] as const]),
    ['Spec', facts.spec],
    ['SkipMountpointCreation', facts.isMade ?? false],
  ])
}

function dataOf(store: Store, volume: string): string {
  return `${store.layout.volumes}/${volume}/_data`
}

function bindRecord(store: Store, bind: Bind): GoJson {
  const { source, destination, mode, writable, propagation, noCopy } = bind
  const isVolume = bind.kind === 'volume'
  const type = isVolume ? 'volume' : 'bind'
  const spec = mountSpecJson({
    type,
    source: bind.asGiven[0],
    target: bind.asGiven[1],
    destination,
    readOnly: !writable,
    ...(propagation === '' ? {} : { bind: { propagation } }),
    ...(noCopy ? { volume: { noCopy } } : {}),
  })
  return record({
    source: isVolume ? dataOf(store, source) : source,
    destination,
    writable,
    type,
    ...(isVolume
      ? { name: source }
      : { propagation: propagationOf(store, 'volume', source, propagation) }),
    relabel: isVolume && mode === '' ? 'z' : mode,
    spec,
  })
}

function bindVolume({ kind, source, destination, noCopy }: Bind): OwnVolume | undefined {
  return kind === 'volume' ? { destination, spec: { name: source }, fills: !noCopy } : undefined
}

function mountRecord(store: Store, mount: MountSpec, volume: string): GoJson {
  const { type, source, destination } = mount
  const facts = { destination, writable: !mount.readOnly, type, spec: mountSpecJson(mount) }
  if (type === 'tmpfs') return record({ ...facts, source: '' })
  if (type === 'volume')
    return record({ ...facts, source: dataOf(store, volume), name: volume, relabel: 'z' })
  if (!fs.existsSync(source))
    throw wrongOption(
      'mount',
      source,
      `invalid mount config for type "bind": bind source path does not exist: ${source}`,
    )
  const propagation = propagationOf(store, 'mount', source, mount.bind?.propagation ?? '')
  return record({ ...facts, source: cleanPlace(source), propagation, isMade: true })
}

function mountVolume(
  { type, source, destination, volume }: MountSpec,
  name: string,
): OwnVolume | undefined {
  if (type !== 'volume') return undefined
  if (source !== '') requireVolumeName(source)
  const { labels, driver = '', options, noCopy = false } = volume ?? {}
  return {
    destination,
    spec: {
      name,
      ...(driver === '' ? {} : { driver }),
      ...(labels === undefined ? {} : { labels }),
      ...(options === undefined ? {} : { options }),
    },
    // A device hides what would be copied below it.
    fills: !noCopy && options?.['device'] === undefined,
  }
}

function anonymousRecord(destination: string, name: string): GoJson {
  return record({ source: '', destination, writable: true, name, type: 'volume', spec: {} })
}

/**
 * A container that sees its own root on the host would else keep what is mounted there busy. dockerd refuses a `-v` in
 * the words of a `--mount`.
 */
function propagationOf(
  store: Store,
  option: 'volume' | 'mount',
  source: string,
  asked: string,
): string {
  const { root } = store
  if (!source.startsWith(root) && !root.startsWith(source)) return asked || 'rprivate'
  if (asked === '' || asked === 'rslave' || asked === 'rshared') return asked || 'rslave'
  throw new InvalidArgumentError(
    'ERR_OPTION',
    `invalid mount config: must use either propagation mode "rslave" or "rshared" when mount source is within the daemon root, daemon root: ${JSON.stringify(root)}, bind mount source: ${JSON.stringify(source)}, propagation: ${JSON.stringify(asked)}`,
    { details: { option, value: source, source, propagation: asked } },
  )
}

/** All that another container sees, by its own records; a volume that nobody named must still be there. */
function inherited(store: Store, from: VolumesFrom): [string, GoJson][] {
  const container = containerOf(store, from.container)
  return container.mountPoints.map((point) => {
    refuseOtherDriver(container, point, {
      act: 'take over',
      remedy: 'mount it on the host, and give that directory with -v',
      option: 'volumes-from',
    })
    if (point.source === '') requireSource(store, container, point)
    const stored = mountPointRecord(container, point)
    const propagation = ownField(stored, 'Propagation')
    return [
      point.destination,
      record({
        source: point.source,
        destination: point.destination,
        writable: point.writable && from.writable,
        name: point.name,
        type: point.type,
        propagation: typeof propagation === 'string' ? propagation : '',
        spec: inOrder(ownField(stored, 'Spec') ?? {}),
      }),
    ]
  })
}

/** All that config.v2.json has of it; `{}` where that is no object. */
export function mountPointRecord({ document }: Container, { destination }: MountPoint): JsonObject {
  const all: JsonValue | undefined = ownField(document, 'MountPoints')
  const stored = isObject(all) ? ownField(all, destination) : undefined
  return isObject(stored) ? stored : {}
}

function requireSource(store: Store, { name }: Container, { type, ...point }: MountPoint): void {
  if (type === 'volume') {
    requireVolume(store, point.name)
    return
  }
  throw wrongOption(
    'volumes-from',
    name,
    `cannot take over what ${name} sees at ${point.destination}: a ${type} is its own, and no volume`,
  )
}
