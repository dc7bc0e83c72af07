// containers/<id>/hostconfig.json, field for field as dockerd 20.10 writes what docker's client sends: later ones read it
// and add their own.

import { encodeGoJSON, type GoJson } from '../image/go-json.ts'
import type { Bind } from './bind.ts'
import type { DeviceMapping } from './devices.ts'
import type { HostSettings } from './host-settings.ts'
import { MASKED_PATHS, READ_ONLY_PATHS } from './masked-paths.ts'
import { mountSpecJson, type MountSpec } from './mount-spec.ts'
import type { Ulimit } from './ulimits.ts'

/** How it is to be run, and the mounts as they were asked for. */
export interface NewHostConfig {
  readonly settings: HostSettings
  readonly binds: readonly Bind[]
  readonly mounts: readonly MountSpec[]
  /** As given. */
  readonly volumesFrom: readonly string[]
}

type Fields = readonly (readonly [string, GoJson])[]
const struct = (fields: Fields): ReadonlyMap<string, GoJson> => new Map(fields)
/** Go's nil, where nothing was asked for. */
const orNull = (list: readonly string[]): GoJson => (list.length === 0 ? null : list)

function portBindings({ ports }: HostSettings): GoJson {
  const bindings = Object.create(null) as Record<string, GoJson[]>
  for (const { port, hostIP, hostPort } of ports) {
    const binding: Fields = [
      ['HostIp', hostIP],
      ['HostPort', hostPort],
    ]
    ;(bindings[port] ??= []).push(struct(binding))
  }
  return bindings
}

function deviceJson({ onHost, inContainer, access }: DeviceMapping): GoJson {
  return struct([
    ['PathOnHost', onHost],
    ['PathInContainer', inContainer],
    ['CgroupPermissions', access],
  ])
}

function ulimitJson({ name, soft, hard }: Ulimit): GoJson {
  return struct([
    ['Name', name],
    ['Hard', hard],
    ['Soft', soft],
  ])
}

/** None at all is privileged's; a list without any was asked for. */
function systemPaths({ privileged, security }: HostSettings, paths: readonly string[]): GoJson {
  if (security.showsSystemPaths) return []
  return privileged ? null : paths
}

/** Ends in a newline, as Go's encoder leaves it. */
export function hostDocument({ settings, binds, mounts, volumesFrom }: NewHostConfig): string {
  const { restart, privileged, tmpfs, init } = settings
  const document = struct([
    ['Binds', orNull(binds.map(({ text }) => text))],
    ['ContainerIDFile', ''],
    [
      'LogConfig',
      struct([
        ['Type', 'json-file'],
        ['Config', {}],
      ]),
    ],
    ['NetworkMode', settings.networkMode],
    ['PortBindings', portBindings(settings)],
    [
      'RestartPolicy',
      struct([
        ['Name', restart.name],
        ['MaximumRetryCount', restart.retries],
      ]),
    ],
    ['AutoRemove', settings.autoRemove],
    ['VolumeDriver', ''],
    ['VolumesFrom', orNull(volumesFrom)],
    ['CapAdd', orNull(settings.capAdd)],
    ['CapDrop', orNull(settings.capDrop)],
    ['CgroupnsMode', 'host'],
    ['Dns', settings.dns],
    ['DnsOptions', settings.dnsOptions],
    ['DnsSearch', settings.dnsSearch],
    ['ExtraHosts', orNull(settings.extraHosts)],
    ['GroupAdd', null],
    ['IpcMode', 'private'],
    ['Cgroup', ''],
    ['Links', null],
    ['OomScoreAdj', 0],
    ['PidMode', ''],
    ['Privileged', privileged],
    ['PublishAllPorts', settings.publishAll],
    ['ReadonlyRootfs', settings.readOnly],
    ['SecurityOpt', settings.security.options ?? null],
    ...(Object.keys(tmpfs).length === 0 ? [] : [['Tmpfs', tmpfs] as const]),
    ['UTSMode', ''],
    ['UsernsMode', ''],
    ['ShmSize', 64 << 20],
    ['Runtime', 'runc'],
    ['ConsoleSize', [0, 0]],
    ['Isolation', ''],
    ['CpuShares', 0],
    ['Memory', settings.memory],
    ['NanoCpus', settings.nanoCPUs],
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
    ['Devices', settings.devices.map(deviceJson)],
    ['DeviceCgroupRules', orNull(settings.deviceRules)],
    ['DeviceRequests', null],
    ['KernelMemory', 0],
    ['KernelMemoryTCP', 0],
    ['MemoryReservation', 0],
    ['MemorySwap', settings.memorySwap],
    ['MemorySwappiness', null],
    ['OomKillDisable', false],
    ['PidsLimit', null],
    ['Ulimits', settings.ulimits.map(ulimitJson)],
    ['CpuCount', 0],
    ['CpuPercent', 0],
    ['IOMaximumIOps', 0],
    ['IOMaximumBandwidth', 0],
    ...(mounts.length === 0 ? [] : [['Mounts', mounts.map(mountSpecJson)] as const]),
    ['MaskedPaths', systemPaths(settings, MASKED_PATHS)],
    ['ReadonlyPaths', systemPaths(settings, READ_ONLY_PATHS)],
    ...(init === undefined ? [] : [['Init', init] as const]),
  ])
  return `${encodeGoJSON(document)}\n`
}
