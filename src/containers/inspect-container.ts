// `docker inspect` of a container: the same fields in the same order, out of its two documents and the store.
// Knows docker's API document (moby api/types.ContainerJSON of 20.10); prints nothing.

import path from 'node:path'
import { goContainerConfig } from '../image/container-config.ts'
import { encodeGoJSON, type GoJson } from '../image/go-json.ts'
import { isObject, ownField, type JsonObject, type JsonValue } from '../image/json.ts'
import type { Container, MountPoint } from '../store/container-db.ts'
import { readIfPresent } from '../store/read-file.ts'
import type { Store } from '../store/store.ts'
import { imageBytes, writableBytes } from './container-size.ts'
import { containerOf } from './container-stack.ts'
import { objectAt, textAt } from './document-fields.ts'

/** Docker's document; keys stand in docker's order. */
export interface ContainerInspection {
  readonly Id: string
  readonly Created: string
  readonly Path: string
  readonly Args: readonly string[]
  readonly State: JsonObject
  /** The image's ID. */
  readonly Image: string
  readonly Name: string
  readonly Driver: string
  readonly HostConfig: JsonObject
  readonly GraphDriver: {
    readonly Data: Readonly<Record<string, string>> | null
    readonly Name: string
  }
  readonly Mounts: readonly JsonObject[]
  readonly Config: JsonObject
  readonly NetworkSettings: JsonObject
  readonly SizeRw?: number
  readonly SizeRootFs?: number
  readonly [key: string]: unknown
}

/** @throws NotFoundError ERR_CONTAINER_NOT_FOUND; InvalidArgumentError ERR_AMBIGUOUS_ID */
export async function inspectContainer(
  store: Store,
  name: string,
  options: { readonly size?: boolean } = {},
): Promise<ContainerInspection> {
  const container = containerOf(store, name)
  const { document, layer } = container
  const text = (key: string): string => textAt(document, key)
  const own = options.size ? await writableBytes(store, container) : undefined
  return {
    Id: container.id,
    Created: container.created,
    Path: container.path,
    Args: container.args,
    State: stateOf(container),
    Image: container.imageID ?? '',
    ResolvConfPath: text('ResolvConfPath'),
    HostnamePath: text('HostnamePath'),
    HostsPath: text('HostsPath'),
    LogPath: text('LogPath'),
    Name: `/${container.name}`,
    RestartCount: ownField(document, 'RestartCount') ?? 0,
    Driver: text('Driver') || store.driver.name,
    Platform: text('OS') || 'linux',
    MountLabel: text('MountLabel'),
    ProcessLabel: text('ProcessLabel'),
    AppArmorProfile: text('AppArmorProfile'),
    ExecIDs: null,
    HostConfig: hostConfigOf(store, container),
    GraphDriver: {
      Data: layer === undefined ? null : await store.driver.metadata(layer.mountID),
      Name: store.driver.name,
    },
    ...(own === undefined ? {} : { SizeRw: own, SizeRootFs: own + imageBytes(store, container) }),
    Mounts: container.mountPoints.map((point) => mountOf(store, container, point)),
    Config: plain(goContainerConfig(container.config)) as JsonObject,
    NetworkSettings: networkSettingsOf(document),
  }
}

/** One line, with docker's order of keys; for `inspect -f json` and what is built on it. */
export function containerInspectionLine(inspection: ContainerInspection): string {
  return encodeGoJSON(inOrder(inspection as unknown as JsonValue), { escapeHTML: false })
}

function stateOf({ document, state }: Container): JsonObject {
  const stored = objectAt(document, 'State')
  const { StartedAt, FinishedAt, Health, RemovalInProgress: _removal, ...flags } = stored
  return {
    Status: state.status,
    ...flags,
    StartedAt: StartedAt ?? state.startedAt,
    FinishedAt: FinishedAt ?? state.finishedAt,
    ...(Health === null || Health === undefined ? {} : { Health }),
  }
}

/** hostconfig.json; empty where there is none to read. */
export function hostConfigOf(store: Store, { id }: Container): JsonObject {
  const bytes = readIfPresent(path.join(store.layout.container(id), 'hostconfig.json'))
  if (!bytes) return {}
  try {
    const value = JSON.parse(bytes.toString('utf8')) as JsonValue
    return isObject(value) ? value : {}
  } catch {
    return {} // dockerd goes on without it as well
  }
}

function mountOf(store: Store, { document }: Container, point: MountPoint): JsonObject {
  const stored = objectAt(objectAt(document, 'MountPoints'), point.destination)
  const isVolume = point.type === 'volume'
  // An unnamed volume is recorded without its place, which follows from its name.
  const source =
    point.source === '' && isVolume && point.driver === 'local'
      ? path.join(store.layout.volumes, point.name, '_data')
      : point.source
  const mode = ownField(stored, 'Relabel')
  const propagation = ownField(stored, 'Propagation')
  return {
    Type: point.type,
    ...(point.name === '' ? {} : { Name: point.name }),
    Source: source,
    Destination: point.destination,
    ...(point.driver === '' ? {} : { Driver: point.driver }),
    Mode: mode ?? '',
    RW: point.writable,
    Propagation: propagation ?? '',
  }
}

const NETWORK_ORDER = [
  'Bridge',
  'SandboxID',
  'HairpinMode',
  'LinkLocalIPv6Address',
  'LinkLocalIPv6PrefixLen',
  'Ports',
  'SandboxKey',
  'SecondaryIPAddresses',
  'SecondaryIPv6Addresses',
]

/** Of the default network, said again at the top. */
const ENDPOINT_ORDER = [
  'EndpointID',
  'Gateway',
  'GlobalIPv6Address',
  'GlobalIPv6PrefixLen',
  'IPAddress',
  'IPPrefixLen',
  'IPv6Gateway',
  'MacAddress',
]

function networkSettingsOf(document: JsonObject): JsonObject {
  const stored = objectAt(document, 'NetworkSettings')
  const networks = objectAt(stored, 'Networks')
  const out: Record<string, JsonValue> = {}
  for (const key of NETWORK_ORDER) {
    const value = ownField(stored, key)
    if (value !== undefined) out[key] = value
  }
  out['Ports'] = ownField(stored, 'Ports') ?? {}
  const bridge = objectAt(networks, 'bridge')
  for (const key of ENDPOINT_ORDER) {
    const isNumber = key.endsWith('PrefixLen') || key.endsWith('PrefixLength')
    out[key] = ownField(bridge, key) ?? (isNumber ? 0 : '')
  }
  const shown: Record<string, JsonValue> = Object.create(null) as Record<string, JsonValue>
  for (const [name, network] of Object.entries(networks)) {
    if (!isObject(network)) continue
    const { IPAMOperational: _operational, ...rest } = network
    shown[name] = rest
  }
  out['Networks'] = shown
  return out
}

function plain(value: GoJson): JsonValue {
  if (!(value instanceof Map)) return value as JsonValue
  const entries = [...value].map(([key, item]) => [key, plain(item as GoJson)] as const)
  return Object.fromEntries<JsonValue>(entries)
}

/** As Go structs, so that keys stay where they are. */
export function inOrder(value: JsonValue): GoJson {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return (value as readonly JsonValue[]).map(inOrder)
  return new Map(Object.entries(value).map(([key, item]) => [key, inOrder(item)]))
}
