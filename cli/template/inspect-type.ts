// The Go types behind `docker image inspect`, so that its templates give what docker's do: an absent label is the empty
// string to index, an unset Healthcheck is nil, a struct prints its fields in order.
// Source: moby api/types/image.InspectResponse and container.Config. Fields that docker does not have, such as
// RootFS.ChainIDs, are not in here: they are found in the second try, over the plain JSON (inspect-format.ts).

import { fromJSON, GoMap, GoNamed, GoNil, GoStruct, stringMap, stringSlice } from './go-value.ts'
import type { GoValue } from './go-value.ts'

type Schema =
  | 'string'
  | 'int'
  | 'bool'
  | '[]string'
  | 'map[string]string'
  | 'set'
  | 'time'
  | 'duration'
  | 'any'
  | StructSchema
interface StructSchema {
  readonly type: string
  readonly pointer: boolean
  /** Go name, type, and the JSON name where it is another. */
  readonly fields: readonly (readonly [name: string, schema: Schema, key?: string])[]
}

const HEALTH: StructSchema = {
  type: 'container.HealthConfig',
  pointer: true,
  fields: [
    ['Test', '[]string'],
    ['Interval', 'duration'],
    ['Timeout', 'duration'],
    ['StartPeriod', 'duration'],
    ['StartInterval', 'duration'],
    ['Retries', 'int'],
  ],
}

const CONFIG: StructSchema = {
  type: 'container.Config',
  pointer: true,
  fields: [
    ['Hostname', 'string'],
    ['Domainname', 'string'],
    ['User', 'string'],
    ['AttachStdin', 'bool'],
    ['AttachStdout', 'bool'],
    ['AttachStderr', 'bool'],
    ['ExposedPorts', 'set'],
    ['Tty', 'bool'],
    ['OpenStdin', 'bool'],
    ['StdinOnce', 'bool'],
    ['Env', '[]string'],
    ['Cmd', '[]string'],
    ['Healthcheck', HEALTH],
    ['ArgsEscaped', 'bool'],
    ['Image', 'string'],
    ['Volumes', 'set'],
    ['WorkingDir', 'string'],
    ['Entrypoint', '[]string'],
    ['NetworkDisabled', 'bool'],
    ['MacAddress', 'string'],
    ['OnBuild', '[]string'],
    ['Labels', 'map[string]string'],
    ['StopSignal', 'string'],
    ['StopTimeout', 'any'],
    ['Shell', '[]string'],
  ],
}

const IMAGE: StructSchema = {
  type: 'image.InspectResponse',
  pointer: false,
  fields: [
    ['ID', 'string', 'Id'],
    ['RepoTags', '[]string'],
    ['RepoDigests', '[]string'],
    ['Parent', 'string'],
    ['Comment', 'string'],
    ['Created', 'string'],
    ['Container', 'string'],
    ['ContainerConfig', CONFIG],
    ['DockerVersion', 'string'],
    ['Author', 'string'],
    ['Config', CONFIG],
    ['Architecture', 'string'],
    ['Variant', 'string'],
    ['Os', 'string'],
    ['OsVersion', 'string'],
    ['Size', 'int'],
    ['VirtualSize', 'int'],
    [
      'GraphDriver',
      {
        type: 'storage.DriverData',
        pointer: false,
        fields: [
          ['Data', 'map[string]string'],
          ['Name', 'string'],
        ],
      },
    ],
    [
      'RootFS',
      {
        type: 'image.RootFS',
        pointer: false,
        fields: [
          ['Type', 'string'],
          ['Layers', '[]string'],
        ],
      },
    ],
    ['Metadata', { type: 'image.Metadata', pointer: false, fields: [['LastTagTime', 'time']] }],
  ],
}

/** @param document one element of what `inspect` prints */
export function inspectedImage(document: unknown): GoStruct {
  return structOf(IMAGE, document)
}

function structOf(schema: StructSchema, value: unknown): GoStruct {
  const object = typeof value === 'object' && value !== null ? value : {}
  const own = (key: string): unknown => Object.getOwnPropertyDescriptor(object, key)?.value
  const fields = new Map(
    schema.fields.map(([name, type, key]) => [name, valueOf(type, own(key ?? name))] as const),
  )
  // As JSON it is the document itself, whatever fields it has and in its order.
  const json = new Map<string, GoValue>()
  for (const key of Object.keys(object)) {
    const known = schema.fields.find(([name, , other]) => (other ?? name) === key)
    json.set(key, known === undefined ? fromJSON(own(key)) : fields.get(known[0]))
  }
  return new GoStruct({ type: schema.type, pointer: schema.pointer, fields, json })
}

function valueOf(schema: Schema, value: unknown): GoValue {
  const present = value !== null && value !== undefined
  switch (schema) {
    case 'string':
      return present ? (value as string) : ''
    case 'bool':
      return present ? (value as boolean) : false
    case 'int':
      return BigInt(present ? (value as number) : 0)
    case 'duration':
      return goDuration(present ? (value as number) : 0)
    case '[]string':
      return stringSlice(present ? (value as string[]) : null)
    case 'map[string]string':
      return stringMap(present ? (value as Record<string, string>) : null)
    case 'set': {
      const empty = new GoStruct({ type: 'struct {}', fields: new Map() })
      const keys = present ? Object.keys(value) : null
      return new GoMap('struct {}', keys === null ? null : new Map(keys.map((key) => [key, empty])))
    }
    case 'time':
      return goTime(present ? (value as string) : '0001-01-01T00:00:00Z')
    case 'any':
      return fromJSON(value)
    default:
      if (present || !schema.pointer) return structOf(schema, value)
      return new GoNil(
        schema.type,
        schema.fields.map(([name]) => name),
      )
  }
}

/** time.Time: prints as `2024-01-02 03:04:05.6 +0000 UTC`, and is its RFC 3339 text in JSON. */
function goTime(text: string): GoValue {
  const match = /^(\S{10})T([\d:]+(?:\.\d+)?)(Z|[+-]\d\d:\d\d)$/.exec(text)
  if (match === null) return text
  const [, date, time, zone] = match as unknown as [string, string, string, string]
  const offset = zone.replace(':', '')
  const shown = zone === 'Z' ? '+0000 UTC' : `${offset} ${offset}`
  return new GoNamed('time.Time', text, `${date} ${time} ${shown}`)
}

/** time.Duration: an int of nanoseconds that prints as `1m30s`, `500ms`, `1.5s`. */
function goDuration(ns: number): GoValue {
  return new GoNamed('time.Duration', BigInt(ns), durationText(ns))
}

function durationText(ns: number): string {
  const size = Math.abs(ns)
  const sign = ns < 0 ? '-' : ''
  if (size === 0) return '0s'
  if (size < 1e3) return `${sign}${size}ns`
  if (size < 1e6) return `${sign}${size / 1e3}µs`
  if (size < 1e9) return `${sign}${size / 1e6}ms`
  const hours = Math.floor(size / 3600e9)
  const minutes = Math.floor(size / 60e9) % 60
  const whole = Math.floor(size / 1e9) % 60
  const fraction = String(size % 1e9)
    .padStart(9, '0')
    .replace(/0+$/, '')
  const seconds = `${whole}${fraction === '' ? '' : `.${fraction}`}s`
  if (hours > 0) return `${sign}${hours}h${minutes}m${seconds}`
  return minutes > 0 ? `${sign}${minutes}m${seconds}` : sign + seconds
}
