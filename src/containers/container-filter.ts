// Which containers a listing shows, by docker's filters. Repeated values of one key widen, but for labels, of which
// all must match; different keys narrow.

import { InvalidArgumentError, NotFoundError } from '../errors.ts'
import { matchesLabels } from '../inspect/image-filter.ts'
import { namePattern } from '../inspect/name-pattern.ts'
import {
  containersByPrefix,
  ZERO_TIME,
  type Container,
  type ContainerStatus,
} from '../store/container-db.ts'
import type { Image, Store } from '../store/store.ts'
import { topChainID } from '../store/store.ts'

export interface ContainerFilter {
  /** Starts of IDs; one that begins several finds none of them. */
  readonly ids?: readonly string[]
  /** Regular expressions on the name. */
  readonly names?: readonly string[]
  readonly labels?: readonly string[]
  readonly statuses?: readonly ContainerStatus[]
  readonly exitCodes?: readonly number[]
  /** Images: containers of them, or of an image that stands on their layers. */
  readonly ancestors?: readonly string[]
  /** Volume names or destinations. */
  readonly volumes?: readonly string[]
  readonly networks?: readonly string[]
  readonly healths?: readonly HealthStatus[]
  /** Ports of the host, of containers that an engine left as running: `80/tcp`. */
  readonly published?: readonly string[]
  /** Ports of the container, likewise. */
  readonly exposed?: readonly string[]
  /** Whether swarm made it. */
  readonly isTask?: boolean
  /** A container: only those made before it. */
  readonly before?: string
  readonly since?: string
}

const STATUSES: readonly ContainerStatus[] = [
  'created',
  'restarting',
  'running',
  'removing',
  'paused',
  'exited',
  'dead',
]
const HEALTHS = ['none', 'starting', 'healthy', 'unhealthy'] as const
export type HealthStatus = (typeof HEALTHS)[number]
const KEYS =
  'id, name, label, status, exited, ancestor, volume, network, health, publish, expose, is-task, before, since'

/** `-f key=value` texts. @throws InvalidArgumentError ERR_OPTION */
export function parseContainerFilters(texts: readonly string[]): ContainerFilter {
  const lists: Record<string, string[]> = Object.create(null) as Record<string, string[]>
  for (const text of texts) {
    const equals = text.indexOf('=')
    if (equals < 0) throw refuse(text, 'expected key=value')
    const key = text.slice(0, equals).trim().toLowerCase()
    ;(lists[key] ??= []).push(text.slice(equals + 1).trim())
  }
  const filter: Record<string, unknown> = {}
  for (const [key, values] of Object.entries(lists)) {
    if (key === 'id') filter['ids'] = values
    else if (key === 'name') {
      values.forEach(namePattern)
      filter['names'] = values
    } else if (key === 'label') filter['labels'] = values
    else if (key === 'status') filter['statuses'] = values.map(parseStatus)
    else if (key === 'exited') filter['exitCodes'] = values.map(parseExitCode)
    else if (key === 'ancestor') filter['ancestors'] = values
    else if (key === 'volume') filter['volumes'] = values
    else if (key === 'network') filter['networks'] = values
    else if (key === 'health') filter['healths'] = values.map(parseHealth)
    else if (key === 'publish') filter['published'] = values.flatMap((at) => parsePorts(key, at))
    else if (key === 'expose') filter['exposed'] = values.flatMap((at) => parsePorts(key, at))
    else if (key === 'is-task') filter['isTask'] = parseTruth(key, values.at(-1)!)
    else if (key === 'before' || key === 'since') filter[key] = values.at(-1)
    else throw refuse(`${key}=${values[0]!}`, `there is no such filter; choose one of ${KEYS}`)
  }
  return filter
}

function parseStatus(value: string): ContainerStatus {
  const status = STATUSES.find((known) => known === value)
  if (status !== undefined) return status
  throw refuse(`status=${value}`, `choose one of ${STATUSES.join(', ')}`)
}

function parseHealth(value: string): HealthStatus {
  const health = HEALTHS.find((known) => known === value)
  if (health !== undefined) return health
  throw refuse(`health=${value}`, `choose one of ${HEALTHS.join(', ')}`)
}

/** `80`, `80/udp` or `8000-8080/tcp`, each port by itself. */
function parsePorts(key: string, value: string): string[] {
  const [, from, to, protocol = 'tcp'] =
    /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/.exec(value) ?? []
  const [first, last] = [Number(from), Number(to ?? from)]
  if (!(first <= last && last <= 65_535))
    throw refuse(`${key}=${value}`, 'expected PORT[-PORT][/tcp|udp|sctp]')
  return Array.from({ length: last - first + 1 }, (_, index) => `${first + index}/${protocol}`)
}

function parseTruth(key: string, value: string): boolean {
  if (/^(1|true)$/i.test(value)) return true
  if (/^(0|false)$/i.test(value)) return false
  throw refuse(`${key}=${value}`, 'expected true or false')
}

function parseExitCode(value: string): number {
  if (/^\d{1,9}$/.test(value)) return Number(value)
  throw refuse(`exited=${value}`, 'expected a whole number')
}

function refuse(text: string, reason: string): InvalidArgumentError {
  return new InvalidArgumentError(
    'ERR_OPTION',
    `cannot filter by ${JSON.stringify(text)}: ${reason}`,
    { details: { filter: text } },
  )
}

/** @throws NotFoundError for a container that `before` or `since` names */
export function containerFilter(
  store: Store,
  filter: ContainerFilter,
): (container: Container) => boolean {
  const { labels, statuses, exitCodes, volumes, networks, healths, published, exposed, isTask } =
    filter
  // As docker: a container with any of either is in.
  const ports =
    published || exposed
      ? new Set([
          ...(published ?? []).map((port) => `host ${port}`),
          ...(exposed ?? []).map((port) => `own ${port}`),
        ])
      : undefined
  const ids = filter.ids && idsByPrefix(store, filter.ids)
  const names = filter.names?.map(namePattern)
  const isDescendant = filter.ancestors && descendantOf(store, filter.ancestors)
  const moment = (name: string | undefined): bigint | undefined =>
    name === undefined ? undefined : createdNs(store.containerDB.resolve(name))
  const before = moment(filter.before)
  const since = moment(filter.since)
  return (container) => {
    const { id, name, config, state, mountPoints } = container
    if (ids && !ids.has(id)) return false
    // docker holds a pattern against the name with and without its slash.
    if (names && !names.some((pattern) => pattern.test(name) || pattern.test(`/${name}`)))
      return false
    if (labels && !matchesLabels(labels, config.Labels ?? {})) return false
    if (statuses && !statuses.includes(state.status)) return false
    // One that was never started has not ended with 0 either.
    const hasEnded = !state.running && state.startedAt !== ZERO_TIME
    if (exitCodes && !(hasEnded && exitCodes.includes(state.exitCode))) return false
    if (healths && !healths.includes(healthOf(container))) return false
    if (ports && !portsOf(container).some((port) => ports.has(port))) return false
    if (isTask !== undefined && isTask !== (container.document['Managed'] === true)) return false
    const places = mountPoints.flatMap((point) => [point.name, point.destination])
    if (volumes && !volumes.some((volume) => places.includes(volume))) return false
    if (networks && !networks.some((network) => hasNetwork(container, network))) return false
    if (before !== undefined && createdNs(container) >= before) return false
    if (since !== undefined && createdNs(container) <= since) return false
    return isDescendant?.(container) ?? true
  }
}

/** docker asks its index (pkg/truncindex) and passes over what that does not find, or finds more than once. */
function idsByPrefix(store: Store, prefixes: readonly string[]): Set<string> {
  const all = store.containerDB.list()
  return new Set(
    prefixes.flatMap((prefix) => {
      const [first, ...others] = containersByPrefix(all, prefix)
      return first === undefined || others.length > 0 ? [] : [first.id]
    }),
  )
}

function hasNetwork({ document }: Container, network: string): boolean {
  const settings = document['NetworkSettings'] as { Networks?: object | null } | null | undefined
  return Object.hasOwn(settings?.Networks ?? {}, network)
}

function healthOf({ document }: Container): HealthStatus {
  const state = document['State'] as { Health?: { Status?: unknown } | null } | null | undefined
  return HEALTHS.find((known) => known === state?.Health?.Status) ?? 'none'
}

/** `own 80/tcp` and `host 8080/tcp`. */
function portsOf({ document }: Container): string[] {
  const settings = document['NetworkSettings'] as { Ports?: object | null } | null | undefined
  return Object.entries(settings?.Ports ?? {}).flatMap(([port, bindings]: [string, unknown]) => {
    const protocol = port.slice(port.indexOf('/') + 1)
    const hosts = Array.isArray(bindings) ? (bindings as { HostPort?: string }[]) : []
    return [`own ${port}`, ...hosts.map(({ HostPort }) => `host ${HostPort}/${protocol}`)]
  })
}

function descendantOf(store: Store, ancestors: readonly string[]): (it: Container) => boolean {
  const images = ancestors.flatMap((name) => imageIfPresent(store, name) ?? [])
  return (container) => {
    const { imageID, layer } = container
    if (images.some(({ id }) => id === imageID)) return true
    const chain = layer?.parent === undefined ? [] : store.layers.chain(layer.parent)
    const chainIDs = new Set(chain.map(({ chainID }) => chainID))
    return images.some((image) => {
      const top = topChainID(image)
      return top !== undefined && chainIDs.has(top)
    })
  }
}

/** An image that is not there has no containers: docker notes it in its log, and lists none. */
function imageIfPresent(store: Store, name: string): Image | undefined {
  try {
    return store.image(name)
  } catch (error) {
    if (error instanceof NotFoundError) return undefined
    throw error
  }
}

/** Nanoseconds since 1970; containers of one script are often less than a second apart. */
export function createdNs({ created }: Pick<Container, 'created'>): bigint {
  const fraction = /\.(\d+)/.exec(created)?.[1] ?? ''
  const seconds = Math.floor(Date.parse(created) / 1000)
  if (Number.isNaN(seconds)) return 0n
  return BigInt(seconds) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0').slice(0, 9))
}
