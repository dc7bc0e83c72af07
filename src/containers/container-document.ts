// containers/<id>/config.v2.json and hostconfig.json of a container that has never run, field for field as dockerd
// 20.10 writes them: later ones read them and add their own.
// Knows docker's documents; which volumes there are is decided elsewhere.

import type { ImageID } from '../digest/digest.ts'
import { goContainerConfig, type ContainerConfig } from '../image/container-config.ts'
import { encodeGoJSON, type GoJson } from '../image/go-json.ts'
import { ZERO_TIME } from '../store/container-db.ts'
import { bindText, type Bind } from './bind.ts'
import { commandOf } from './container-settings.ts'

/** A volume at its place; `bind` is absent where nobody named it. */
export interface PlacedVolume {
  readonly destination: string
  readonly volume: string
  readonly bind?: Bind
}

export interface NewContainer {
  readonly id: string
  readonly name: string
  /** RFC 3339. */
  readonly created: string
  readonly imageID: ImageID
  readonly os: string
  readonly driver: string
  readonly config: ContainerConfig
  readonly volumes: readonly PlacedVolume[]
  readonly binds: readonly Bind[]
  /** ROOT/volumes */
  readonly volumesDirectory: string
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

const BRIDGE: GoJson = struct([
  ['IPAMConfig', null],
  ['Links', null],
  ['Aliases', null],
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

const NETWORK_SETTINGS: GoJson = struct([
  ['Bridge', ''],
  ['SandboxID', ''],
  ['HairpinMode', false],
  ['LinkLocalIPv6Address', ''],
  ['LinkLocalIPv6PrefixLen', 0],
  ['Networks', { bridge: BRIDGE }],
  ['Service', null],
  ['Ports', null],
  ['SandboxKey', ''],
  ['SecondaryIPAddresses', null],
  ['SecondaryIPv6Addresses', null],
  ['IsAnonymousEndpoint', false],
  ['HasSwarmEndpoint', false],
])

/** Ends in a newline, as Go's encoder leaves it. */
export function containerDocument(container: NewContainer): string {
  const { path, args } = commandOf(container.config)
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
    ['NetworkSettings', NETWORK_SETTINGS],
    ['LogPath', ''],
    ['Name', `/${container.name}`],
    ['Driver', container.driver],
    ['OS', container.os],
    ['MountLabel', ''],
    ['ProcessLabel', ''],
    ['RestartCount', 0],
    ['HasBeenStartedBefore', false],
    ['HasBeenManuallyStopped', false],
    ['MountPoints', mountPoints(container)],
    ['SecretReferences', null],
    ['ConfigReferences', null],
    ['AppArmorProfile', ''],
    ['HostnamePath', ''],
    ['HostsPath', ''],
    ['ShmPath', ''],
    ['ResolvConfPath', ''],
    ['SeccompProfile', ''],
    ['NoNewPrivileges', false],
    ['LocalLogCacheMeta', struct([['HaveNotifyEnabled', false]])],
  ])
  return `${encodeGoJSON(document)}\n`
}

function mountPoints({ volumes, binds, volumesDirectory }: NewContainer): GoJson {
  const points = Object.create(null) as Record<string, GoJson>
  for (const { destination, volume, bind } of volumes) {
    points[destination] = bind
      ? mountPoint(bind, {
          source: `${volumesDirectory}/${volume}/_data`,
          name: volume,
          relabel: bind.mode === '' ? 'z' : bind.mode,
        })
      : struct([
          ['Source', ''],
          ['Destination', destination],
          ['RW', true],
          ['Name', volume],
          ['Driver', 'local'],
          ['Type', 'volume'],
          ['Spec', {}],
          ['SkipMountpointCreation', false],
        ])
  }
  for (const bind of binds) {
    if (bind.kind !== 'host') continue
    points[bind.destination] = mountPoint(bind, {
      source: bind.source,
      name: '',
      relabel: bind.mode,
    })
  }
  return points
}

function mountPoint(
  bind: Bind,
  facts: { readonly source: string; readonly name: string; readonly relabel: string },
): GoJson {
  const isVolume = bind.kind === 'volume'
  return struct([
    ['Source', facts.source],
    ['Destination', bind.destination],
    ['RW', bind.writable],
    ['Name', facts.name],
    ['Driver', isVolume ? 'local' : ''],
    ['Type', isVolume ? 'volume' : 'bind'],
    ...(facts.relabel === '' ? [] : [['Relabel', facts.relabel] as const]),
    ...(isVolume ? [] : [['Propagation', propagationOf(bind)] as const]),
    [
      'Spec',
      struct([
        ['Type', isVolume ? 'volume' : 'bind'],
        ['Source', bind.source],
        ['Target', bind.destination],
        ...(bind.writable ? [] : [['ReadOnly', true] as const]),
      ]),
    ],
    ['SkipMountpointCreation', false],
  ])
}

function propagationOf({ mode }: Bind): string {
  return mode.split(',').find((each) => /^r?(shared|slave|private)$/.test(each)) ?? 'rprivate'
}

const MASKED = ['asound', 'acpi', 'kcore', 'keys', 'latency_stats', 'timer_list', 'timer_stats']
const READ_ONLY = ['bus', 'fs', 'irq', 'sys', 'sysrq-trigger']

/** What `docker create` without further options sends and dockerd completes. */
export function hostDocument(binds: readonly Bind[]): string {
  const document = struct([
    ['Binds', binds.length === 0 ? null : binds.map(bindText)],
    ['ContainerIDFile', ''],
    [
      'LogConfig',
      struct([
        ['Type', 'json-file'],
        ['Config', {}],
      ]),
    ],
    ['NetworkMode', 'default'],
    ['PortBindings', {}],
    [
      'RestartPolicy',
      struct([
        ['Name', 'no'],
        ['MaximumRetryCount', 0],
      ]),
    ],
    ['AutoRemove', false],
    ['VolumeDriver', ''],
    ['VolumesFrom', null],
    ['CapAdd', null],
    ['CapDrop', null],
    ['CgroupnsMode', 'host'],
    ['Dns', []],
    ['DnsOptions', []],
    ['DnsSearch', []],
    ['ExtraHosts', null],
    ['GroupAdd', null],
    ['IpcMode', 'private'],
    ['Cgroup', ''],
    ['Links', null],
    ['OomScoreAdj', 0],
    ['PidMode', ''],
    ['Privileged', false],
    ['PublishAllPorts', false],
    ['ReadonlyRootfs', false],
    ['SecurityOpt', null],
    ['UTSMode', ''],
    ['UsernsMode', ''],
    ['ShmSize', 64 << 20],
    ['Runtime', 'runc'],
    ['ConsoleSize', [0, 0]],
    ['Isolation', ''],
    ['CpuShares', 0],
    ['Memory', 0],
    ['NanoCpus', 0],
    ['CgroupParent', ''],
    ['BlkioWeight', 0],
    ['BlkioWeightDevice', []],
    ['BlkioDeviceReadBps', []],
    ['BlkioDeviceWriteBps', []],
    ['BlkioDeviceReadIOps', []],
    ['BlkioDeviceWriteIOps', []],
    ['CpuPeriod', 0],
    ['CpuQuota', 0],
    ['CpuRealtimePeriod', 0],
    ['CpuRealtimeRuntime', 0],
    ['CpusetCpus', ''],
    ['CpusetMems', ''],
    ['Devices', []],
    ['DeviceCgroupRules', null],
    ['DeviceRequests', null],
    ['KernelMemory', 0],
    ['KernelMemoryTCP', 0],
    ['MemoryReservation', 0],
    ['MemorySwap', 0],
    ['MemorySwappiness', null],
    ['OomKillDisable', false],
    ['PidsLimit', null],
    ['Ulimits', []],
    ['CpuCount', 0],
    ['CpuPercent', 0],
    ['IOMaximumIOps', 0],
    ['IOMaximumBandwidth', 0],
    [
      'MaskedPaths',
      [
        ...MASKED.map((name) => `/proc/${name}`),
        '/proc/sched_debug',
        '/proc/scsi',
        '/sys/firmware',
      ],
    ],
    ['ReadonlyPaths', READ_ONLY.map((name) => `/proc/${name}`)],
  ])
  return `${encodeGoJSON(document)}\n`
}
