// containers/<id>/config.v2.json of a container that has never run, field for field as dockerd 20.10 writes it: later
// ones read it and add their own.
// Knows docker's document; what is mounted where is decided elsewhere.

import type { ImageID } from '../digest/digest.ts'
import { goContainerConfig, type ContainerConfig } from '../image/container-config.ts'
import { encodeGoJSON, type GoJson } from '../image/go-json.ts'
import { ZERO_TIME } from '../store/container-db.ts'
import { commandOf } from './container-settings.ts'
import type { NetworkSettings } from './network-endpoint.ts'
import { networkOf } from './network-mode.ts'
import type { SecuritySettings } from './security-options.ts'

export interface NewContainer {
  readonly id: string
  readonly name: string
  /** RFC 3339. */
  readonly created: string
  readonly imageID: ImageID
  readonly os: string
  readonly driver: string
  readonly config: ContainerConfig
  /** By destination. */
  readonly mountPoints: Readonly<Record<string, GoJson>>
  /** Which it joins, and as what; `networkOf` tells whether it does. */
  readonly network: NetworkSettings
  readonly security: SecuritySettings
  /** Nobody named it, so no network knows it by its name. */
  readonly isAnonymous: boolean
}

type Fields = readonly (readonly [string, GoJson])[]
const struct = (fields: Fields): ReadonlyMap<string, GoJson> => new Map(fields)

const STATE: GoJson = struct([
  ['Running', false],
  ['Paused', false],
  ['Restarting', false],
  ['OOMKilled', false],
  ['RemovalInProgress', false],
  ['Dead', false],
  ['Pid', 0],
  ['ExitCode', 0],
  ['Error', ''],
  ['StartedAt', ZERO_TIME],
  ['FinishedAt', ZERO_TIME],
  ['Health', null],
])

/** Of a network that it has not joined yet. */
function endpoint({ aliases, ipv4, ipv6, linkLocal }: NetworkSettings): GoJson {
  const addresses: Fields = [
    ['IPv4Address', ipv4],
    ['IPv6Address', ipv6],
  ]
  const asked: Fields = [
    ...addresses.filter(([, address]) => address !== ''),
    ...(linkLocal.length === 0 ? [] : [['LinkLocalIPs', linkLocal] as const]),
  ]
  return struct([
    ['IPAMConfig', asked.length === 0 ? null : struct(asked)],
    ['Links', null],
    ['Aliases', aliases.length === 0 ? null : aliases],
    ['NetworkID', ''],
    ['EndpointID', ''],
    ['Gateway', ''],
    ['IPAddress', ''],
    ['IPPrefixLen', 0],
    ['IPv6Gateway', ''],
    ['GlobalIPv6Address', ''],
    ['GlobalIPv6PrefixLen', 0],
    ['MacAddress', ''],
    ['DriverOpts', null],
    ['IPAMOperational', false],
  ])
}

function networkSettings({ network, isAnonymous }: NewContainer): GoJson {
  const name = networkOf(network.networkMode)
  return struct([
    ['Bridge', ''],
    ['SandboxID', ''],
    ['HairpinMode', false],
    ['LinkLocalIPv6Address', ''],
    ['LinkLocalIPv6PrefixLen', 0],
    ['Networks', name === undefined ? null : { [name]: endpoint(network) }],
    ['Service', null],
    ['Ports', null],
    ['SandboxKey', ''],
    ['SecondaryIPAddresses', null],
    ['SecondaryIPv6Addresses', null],
    ['IsAnonymousEndpoint', isAnonymous],
    ['HasSwarmEndpoint', false],
  ])
}

/** Ends in a newline, as Go's encoder leaves it. */
export function containerDocument(container: NewContainer): string {
  const { path, args } = commandOf(container.config)
  const { security } = container
  const document = struct([
    ['StreamConfig', {}],
    ['State', STATE],
    ['ID', container.id],
    ['Created', container.created],
    ['Managed', false],
    ['Path', path],
    ['Args', args],
    ['Config', goContainerConfig(container.config)],
    ['Image', container.imageID],
    ['NetworkSettings', networkSettings(container)],
    ['LogPath', ''],
    ['Name', `/${container.name}`],
    ['Driver', container.driver],
    ['OS', container.os],
    ['MountLabel', ''],
    ['ProcessLabel', ''],
    ['RestartCount', 0],
    ['HasBeenStartedBefore', false],
    ['HasBeenManuallyStopped', false],
    ['MountPoints', container.mountPoints],
    ['SecretReferences', null],
    ['ConfigReferences', null],
    ['AppArmorProfile', security.appArmorProfile],
    ['HostnamePath', ''],
    ['HostsPath', ''],
    ['ShmPath', ''],
    ['ResolvConfPath', ''],
    ['SeccompProfile', security.seccompProfile],
    ['NoNewPrivileges', security.noNewPrivileges],
    ['LocalLogCacheMeta', struct([['HaveNotifyEnabled', false]])],
  ])
  return `${encodeGoJSON(document)}\n`
}
