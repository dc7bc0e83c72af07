// An inspected image as docker's own command line hands it to a template: the Go types of moby's API, where an absent
// list prints as [] and an absent map as map[], and a field that there is not is an error.
// Knows the types; the values come from the library.

import type { ImageInspection } from '../src/index.ts'
import {
  GoMap,
  GoNil,
  GoStruct,
  fromJSON,
  stringMap,
  stringSlice,
  type GoValue,
} from './template/go-value.ts'

type Fields = Readonly<Record<string, unknown>>

/** types.ImageInspect; `.RootFS.ChainIDs` can be asked for, and is not printed where docker does not have it. */
export function inspectionValue(image: ImageInspection): GoStruct {
  const { RootFS, GraphDriver, Metadata } = image
  return struct('types.ImageInspect', image, {
    Id: image.Id,
    RepoTags: stringSlice(image.RepoTags),
    RepoDigests: stringSlice(image.RepoDigests),
    Parent: image.Parent,
    Comment: image.Comment,
    Created: image.Created,
    Container: image.Container,
    ContainerConfig: configValue(image.ContainerConfig),
    DockerVersion: image.DockerVersion,
    Author: image.Author,
    Config: configValue(image.Config),
    Architecture: image.Architecture,
    Variant: image.Variant ?? '',
    Os: image.Os,
    OsVersion: image.OsVersion ?? '',
    Size: BigInt(image.Size),
    VirtualSize: BigInt(image.VirtualSize),
    GraphDriver: struct('types.GraphDriverData', GraphDriver, {
      Data: stringMap(GraphDriver.Data),
      Name: GraphDriver.Name,
    }),
    RootFS: struct(
      'types.RootFS',
      RootFS,
      { Type: RootFS.Type, Layers: stringSlice(RootFS.Layers ?? null), BaseLayer: '' },
      { ChainIDs: stringSlice(RootFS.ChainIDs ?? null) },
    ),
    Metadata: struct('types.ImageMetadata', Metadata, {
      LastTagTime: goTimeText(Metadata.LastTagTime),
    }),
  })
}

/** @param document what `json` writes of it: names, order and omissions are those of the document */
function struct(
  type: string,
  document: object,
  fields: Readonly<Record<string, GoValue>>,
  extra: Readonly<Record<string, GoValue>> = {},
): GoStruct {
  const all: Readonly<Record<string, GoValue>> = { ...fields, ...extra }
  const json = Object.entries(document).map(([name, value]) => {
    const own = all[name]
    // Texts and numbers are the document's: a field may print otherwise than it is written (times, durations).
    return [name, typeof own === 'object' ? own : fromJSON(value)] as const
  })
  return new GoStruct({
    type,
    fields: new Map(Object.entries(fields)),
    extra: new Map(Object.entries(extra)),
    json: new Map(json),
  })
}

const TEXTS = ['Hostname', 'Domainname', 'User', 'Image', 'WorkingDir', 'MacAddress', 'StopSignal']
const LISTS = ['Env', 'Cmd', 'Entrypoint', 'OnBuild', 'Shell']
const FLAGS = [
  'AttachStdin',
  'AttachStdout',
  'AttachStderr',
  'Tty',
  'OpenStdin',
  'StdinOnce',
  'ArgsEscaped',
  'NetworkDisabled',
]

/** container.Config in its order of declaration, which is the order in which Go prints it. */
const ORDER = [
  'Hostname',
  'Domainname',
  'User',
  'AttachStdin',
  'AttachStdout',
  'AttachStderr',
  'ExposedPorts',
  'Tty',
  'OpenStdin',
  'StdinOnce',
  'Env',
  'Cmd',
  'Healthcheck',
  'ArgsEscaped',
  'Image',
  'Volumes',
  'WorkingDir',
  'Entrypoint',
  'NetworkDisabled',
  'MacAddress',
  'OnBuild',
  'Labels',
  'StopSignal',
  'StopTimeout',
  'Shell',
]

function configValue(config: Fields | null): GoValue {
  if (config === null) return new GoNil('container.Config', ORDER)
  const fields = Object.fromEntries(ORDER.map((name) => [name, configField(name, config[name])]))
  const typed = struct('container.Config', config, fields)
  return new GoStruct({ type: typed.type, pointer: true, fields: typed.fields, json: typed.json })
}

function configField(name: string, value: unknown): GoValue {
  if (TEXTS.includes(name)) return (value as string | undefined) ?? ''
  if (FLAGS.includes(name)) return (value as boolean | undefined) ?? false
  if (LISTS.includes(name)) return stringSlice((value as readonly string[] | undefined) ?? null)
  if (name === 'Labels') return stringMap((value as Record<string, string> | undefined) ?? null)
  if (name === 'Healthcheck') return healthValue(value as Fields | undefined)
  if (name === 'StopTimeout') {
    return value === undefined ? new GoNil('int') : BigInt(value as number)
  }
  return setValue((value as Fields | null | undefined) ?? null)
}

/** map[nat.Port]struct{} and map[string]struct{}: only the keys say something. */
function setValue(set: Fields | null): GoMap {
  const member = new GoStruct({ type: 'struct {}', fields: new Map() })
  const entries = set === null ? null : new Map(Object.keys(set).map((key) => [key, member]))
  return new GoMap('struct {}', entries)
}

const DURATIONS = ['Interval', 'Timeout', 'StartPeriod', 'StartInterval']

function healthValue(health: Fields | undefined): GoValue {
  if (health === undefined)
    return new GoNil('container.HealthConfig', ['Test', ...DURATIONS, 'Retries'])
  const typed = struct('container.HealthConfig', health, {
    Test: stringSlice((health['Test'] as readonly string[] | undefined) ?? null),
    ...Object.fromEntries(
      DURATIONS.map((name) => [name, durationText((health[name] as number | undefined) ?? 0)]),
    ),
    Retries: BigInt((health['Retries'] as number | undefined) ?? 0),
  })
  return new GoStruct({ type: typed.type, pointer: true, fields: typed.fields, json: typed.json })
}

/** Go's Duration.String: `1m30s`, `1.5s`, `250ms`, `0s`. */
export function durationText(nanoseconds: number): string {
  if (nanoseconds === 0) return '0s'
  const sign = nanoseconds < 0 ? '-' : ''
  const all = Math.abs(nanoseconds)
  if (all < 1e3) return `${sign}${all}ns`
  if (all < 1e6) return `${sign}${all / 1e3}µs`
  if (all < 1e9) return `${sign}${all / 1e6}ms`
  const hours = Math.floor(all / 3.6e12)
  const minutes = Math.floor((all % 3.6e12) / 6e10)
  const seconds = (all % 6e10) / 1e9
  const upper = hours > 0 ? `${hours}h${minutes}m` : minutes > 0 ? `${minutes}m` : ''
  return `${sign}${upper}${seconds}s`
}

/** time.Time as Go prints it: `2024-01-02 03:04:05.6 +0000 UTC`. */
function goTimeText(rfc3339: string): string {
  const [, date, time, zone] = /^(\S+)T([0-9:.]+)(Z|[+-]\d\d:\d\d)$/.exec(rfc3339) ?? []
  if (date === undefined || time === undefined || zone === undefined) return rfc3339
  if (zone === 'Z') return `${date} ${time} +0000 UTC`
  const offset = zone.replace(':', '')
  return `${date} ${time} ${offset} ${offset}`
}
