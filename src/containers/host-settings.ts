// How a new container is to be run, as far as its image has no part in it: what `docker create` is asked for, held
// against each other, as hostconfig.json records it. Nothing of it is done here.
// Source: docker/cli container/opts.go, moby daemon/container.go and daemon_unix.go.

import { availableParallelism } from 'node:os'
import type { Warning } from '../errors.ts'
import type { PortMapping } from '../image/port-spec.ts'
import { settleCapabilities } from './capabilities.ts'
import { parseDevice, parseDeviceRule, type DeviceMapping } from './devices.ts'
import { whyNoPlace } from './mount-place.ts'
import { settleNetwork, type EndpointOptions, type NetworkSettings } from './network-endpoint.ts'
import { parseDNS, parseDNSSearch, parseExtraHost, sharedContainer } from './network-mode.ts'
import { parseExposed, parsePublished } from './published-ports.ts'
import { parseBytes, parseCPUs } from './quantity.ts'
import {
  isRestarted,
  NO_RESTART,
  parseRestartPolicy,
  type RestartPolicy,
} from './restart-policy.ts'
import { settleSecurity, type SecuritySettings } from './security-options.ts'
import { parseUlimits, type Ulimit } from './ulimits.ts'
import { wrongArgument, wrongOption } from './wrong-option.ts'

/** Each is one of docker's flags, with its syntax. */
export interface HostOptions extends EndpointOptions {
  /** Whoever runs the container removes it at its end. */
  readonly autoRemove?: boolean
  /** `HOST_PORT:PORT[/PROTOCOL]` and what else `docker create -p` takes. */
  readonly publish?: readonly string[]
  /** Every exposed port gets a port of the host. */
  readonly publishAll?: boolean
  /** `PORT[-PORT][/PROTOCOL]` */
  readonly expose?: readonly string[]
  /** `no`, `always`, `unless-stopped`, `on-failure[:TIMES]`. */
  readonly restart?: string
  /** `HOST:IP`, where `host-gateway` may be the IP. */
  readonly extraHosts?: readonly string[]
  readonly dns?: readonly string[]
  readonly dnsSearch?: readonly string[]
  readonly dnsOptions?: readonly string[]
  readonly capAdd?: readonly string[]
  readonly capDrop?: readonly string[]
  readonly privileged?: boolean
  /** `/HOST[:/PATH][:ACCESS]`, where ACCESS is some of `rwm`. */
  readonly device?: readonly string[]
  /** `TYPE MAJOR:MINOR ACCESS` */
  readonly deviceCgroupRule?: readonly string[]
  /** `no-new-privileges`, `apparmor=PROFILE`, `seccomp=FILE` and what else `docker create --security-opt` takes. */
  readonly securityOpt?: readonly string[]
  /** `NAME=SOFT[:HARD]` */
  readonly ulimit?: readonly string[]
  /** Its root cannot be written. */
  readonly readOnly?: boolean
  /** A small init is its first process. */
  readonly init?: boolean
  /** `PATH[:OPTIONS]`, a file system in memory. */
  readonly tmpfs?: readonly string[]
  /** `512m`: bytes, with b, k, m, g, t or p. */
  readonly memory?: string
  /** Memory and swap together; `-1` for no bound. */
  readonly memorySwap?: string
  /** `1.5` */
  readonly cpus?: string
  readonly hostname?: string
}

export interface HostSettings extends NetworkSettings {
  readonly autoRemove: boolean
  readonly ports: readonly PortMapping[]
  readonly publishAll: boolean
  /** What was asked for, and all that is published. */
  readonly exposed: readonly string[]
  readonly restart: RestartPolicy
  readonly extraHosts: readonly string[]
  readonly dns: readonly string[]
  readonly dnsSearch: readonly string[]
  readonly dnsOptions: readonly string[]
  readonly capAdd: readonly string[]
  readonly capDrop: readonly string[]
  readonly privileged: boolean
  readonly devices: readonly DeviceMapping[]
  readonly deviceRules: readonly string[]
  readonly security: SecuritySettings
  readonly ulimits: readonly Ulimit[]
  readonly readOnly: boolean
  readonly init: boolean | undefined
  /** Options by path, as given. */
  readonly tmpfs: Readonly<Record<string, string>>
  readonly memory: number
  readonly memorySwap: number
  readonly nanoCPUs: number
}

/** @throws InvalidArgumentError ERR_OPTION in docker's words */
export function settleHost(options: HostOptions): HostSettings {
  const ports = (options.publish ?? []).flatMap(parsePublished)
  const asked = [...ports.map(({ port }) => port), ...(options.expose ?? []).flatMap(parseExposed)]
  const settings: HostSettings = {
    autoRemove: options.autoRemove ?? false,
    ...settleNetwork(options),
    ports,
    publishAll: options.publishAll ?? false,
    exposed: [...new Set(asked)],
    restart: options.restart === undefined ? NO_RESTART : parseRestartPolicy(options.restart),
    extraHosts: (options.extraHosts ?? []).map(parseExtraHost),
    dns: (options.dns ?? []).map(parseDNS),
    dnsSearch: (options.dnsSearch ?? []).map(parseDNSSearch),
    dnsOptions: options.dnsOptions ?? [],
    capAdd: settleCapabilities('cap-add', options.capAdd ?? []),
    capDrop: settleCapabilities('cap-drop', options.capDrop ?? []),
    privileged: options.privileged ?? false,
    devices: (options.device ?? []).map(parseDevice),
    deviceRules: (options.deviceCgroupRule ?? []).map(parseDeviceRule),
    security: settleSecurity(options.securityOpt ?? [], options.privileged ?? false),
    ulimits: parseUlimits(options.ulimit ?? []),
    readOnly: options.readOnly ?? false,
    init: options.init,
    tmpfs: tmpfsOf(options.tmpfs ?? []),
    ...memoryOf(options),
    nanoCPUs: options.cpus === undefined ? 0 : nanoCPUs(options.cpus),
  }
  if (settings.autoRemove && isRestarted(settings.restart))
    throw wrongOption(
      'restart',
      options.restart!,
      'conflicting options: cannot specify both --restart and --rm',
    )
  if (sharedContainer(settings.networkMode) !== undefined) refuseOwnNetwork(settings, options)
  return settings
}

/** What another container's network says already. */
function refuseOwnNetwork(settings: HostSettings, { hostname = '' }: HostOptions): void {
  const { networkMode, dns, extraHosts, ports, publishAll, exposed } = settings
  const conflicts: readonly (readonly [boolean, string])[] = [
    [hostname !== '', 'hostname and the network mode'],
    [dns.length > 0, 'dns and the network mode'],
    [extraHosts.length > 0, 'custom host-to-IP mapping and the network mode'],
    [ports.length > 0 || publishAll, 'port publishing and the container type network mode'],
    [exposed.length > 0, 'port exposing and the container type network mode'],
  ]
  const conflict = conflicts.find(([is]) => is)
  if (conflict) throw wrongOption('network', networkMode, `conflicting options: ${conflict[1]}`)
}

/** What dockerd lets through, and will not do as one may think; it says so of all but the first. */
export function hostWarnings({ networkMode, ports, dns, autoRemove }: HostSettings): Warning[] {
  const warning = (code: string, message: string): Warning => ({ code, message, count: 1 })
  return [
    ...(autoRemove
      ? [
          warning(
            'removed-at-start',
            'a dockerd removes a container that was made with --rm and does not run when it starts itself',
          ),
        ]
      : []),
    ...(networkMode === 'host' && ports.length > 0
      ? [warning('ports-discarded', 'Published ports are discarded when using host network mode')]
      : []),
    ...dns
      .filter((address) => address === '::1' || address.startsWith('127.'))
      .map((address) =>
        warning('dns-localhost', `Localhost DNS (${address}) may fail in containers.`),
      ),
  ]
}

/** The last of a path counts. */
function tmpfsOf(texts: readonly string[]): Readonly<Record<string, string>> {
  const places = Object.create(null) as Record<string, string>
  for (const text of texts) {
    const colon = text.indexOf(':')
    const place = colon < 0 ? text : text.slice(0, colon)
    const reason = whyNoPlace(place)
    if (reason !== undefined) throw wrongOption('tmpfs', text, reason)
    places[place] = colon < 0 ? '' : text.slice(colon + 1)
  }
  return places
}

const MEMORY_MIN = 6 * 2 ** 20

/** As dockerd settles it: as much swap again where nothing is said of it. */
function memoryOf({ memory: asked, memorySwap: askedSwap }: HostOptions): {
  readonly memory: number
  readonly memorySwap: number
} {
  const memory = asked === undefined ? 0 : bytesOf('memory', asked)
  const swap =
    askedSwap === undefined ? 0 : askedSwap === '-1' ? -1 : bytesOf('memory-swap', askedSwap)
  if (memory !== 0 && memory < MEMORY_MIN)
    throw wrongOption('memory', asked!, 'Minimum memory limit allowed is 6MB')
  const refuseSwap = (reason: string): Error =>
    wrongOption('memory-swap', askedSwap!, `${reason}, see usage`)
  if (memory === 0 && swap > 0)
    throw refuseSwap('You should always set the Memory limit when using Memoryswap limit')
  if (swap > 0 && swap < memory)
    throw refuseSwap('Minimum memoryswap limit should be larger than memory limit')
  return { memory, memorySwap: swap === 0 ? memory * 2 : swap }
}

function bytesOf(option: 'memory' | 'memory-swap', text: string): number {
  const bytes = parseBytes(text)
  if (bytes === undefined) throw wrongArgument(option, text, `invalid size: '${text}'`)
  return bytes
}

/** More than there are would be refused when it starts, too. */
function nanoCPUs(text: string): number {
  const billionths = parseCPUs(text)
  if (typeof billionths === 'string') throw wrongArgument('cpus', text, billionths)
  const count = availableParallelism()
  const most = BigInt(count) * 1_000_000_000n
  if (billionths >= 0n && billionths <= most) return Number(billionths)
  throw wrongOption(
    'cpus',
    text,
    `Range of CPUs is from 0.01 to ${count}.00, as there are only ${count} CPUs available`,
  )
}
