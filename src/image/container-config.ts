// The `config` object of an image: what a container of it starts with. One table holds docker's field order, each
// field's type and whether it is left out when empty, for reading, writing and showing alike.
// Source: moby api/types/container.Config; fields keep docker's spelling because inspect shows them.

import type { GoJson } from './go-json.ts'
import { isObject } from './json.ts'
import type { JsonFields } from './json.ts'

export interface HealthConfig {
  readonly Test?: readonly string[]
  /** Durations are nanoseconds; zero means to inherit. */
  readonly Interval?: number
  readonly Timeout?: number
  readonly StartPeriod?: number
  readonly StartInterval?: number
  readonly Retries?: number
}

export interface ContainerConfig {
  readonly Hostname?: string
  readonly Domainname?: string
  readonly User?: string
  readonly AttachStdin?: boolean
  readonly AttachStdout?: boolean
  readonly AttachStderr?: boolean
  /** `80/tcp` */
  readonly ExposedPorts?: readonly string[]
  readonly Tty?: boolean
  readonly OpenStdin?: boolean
  readonly StdinOnce?: boolean
  readonly Env?: readonly string[]
  readonly Cmd?: readonly string[]
  readonly Healthcheck?: HealthConfig
  readonly ArgsEscaped?: boolean
  readonly Image?: string
  readonly Volumes?: readonly string[]
  readonly WorkingDir?: string
  readonly Entrypoint?: readonly string[]
  readonly NetworkDisabled?: boolean
  readonly MacAddress?: string
  readonly OnBuild?: readonly string[]
  readonly Labels?: Readonly<Record<string, string>>
  readonly StopSignal?: string
  readonly StopTimeout?: number
  readonly Shell?: readonly string[]
}

type FieldKind = 'string' | 'boolean' | 'integer' | 'strings' | 'args' | 'set' | 'map' | 'health'

/** In docker's order. `omit`: left out when empty; else written as "", false or null. */
const FIELDS: readonly (readonly [name: keyof ContainerConfig, kind: FieldKind, omit?: 'omit'])[] =
  [
    ['Hostname', 'string'],
    ['Domainname', 'string'],
    ['User', 'string'],
    ['AttachStdin', 'boolean'],
    ['AttachStdout', 'boolean'],
    ['AttachStderr', 'boolean'],
    ['ExposedPorts', 'set', 'omit'],
    ['Tty', 'boolean'],
    ['OpenStdin', 'boolean'],
    ['StdinOnce', 'boolean'],
    ['Env', 'strings'],
    ['Cmd', 'args'],
    ['Healthcheck', 'health', 'omit'],
    ['ArgsEscaped', 'boolean', 'omit'],
    ['Image', 'string'],
    ['Volumes', 'set'],
    ['WorkingDir', 'string'],
    ['Entrypoint', 'args'],
    ['NetworkDisabled', 'boolean', 'omit'],
    ['MacAddress', 'string', 'omit'],
    ['OnBuild', 'strings'],
    ['Labels', 'map'],
    ['StopSignal', 'string', 'omit'],
    ['StopTimeout', 'integer', 'omit'],
    ['Shell', 'args', 'omit'],
  ]

const HEALTH_INTEGERS = ['Interval', 'Timeout', 'StartPeriod', 'StartInterval', 'Retries'] as const

/** Unknown keys are passed over; a known one of the wrong type is an error that names it. */
export function readContainerConfig(fields: JsonFields): ContainerConfig {
  const config: Record<string, unknown> = {}
  for (const [name, kind] of FIELDS) {
    const value = readField(fields, name, kind)
    if (value !== undefined) config[name] = value
  }
  return config
}

function readField(fields: JsonFields, name: string, kind: FieldKind): unknown {
  switch (kind) {
    case 'string':
      return fields.string(name)
    case 'boolean':
      return fields.boolean(name)
    case 'integer':
      return fields.integer(name)
    case 'strings':
      return fields.strings(name)
    case 'args': {
      // Early docker wrote a single argument as a plain string, and every engine still reads that.
      const value = fields.get(name)
      return typeof value === 'string' ? [value] : fields.strings(name)
    }
    case 'set': {
      const set = fields.fields(name)
      return set === undefined ? undefined : Object.keys(set.object)
    }
    case 'map':
      return fields.stringMap(name)
    case 'health': {
      const health = fields.fields(name)
      return health === undefined ? undefined : readHealth(health)
    }
  }
}

function readHealth(fields: JsonFields): HealthConfig {
  const health: Record<string, unknown> = {}
  const test = fields.strings('Test')
  if (test !== undefined) health['Test'] = test
  for (const name of HEALTH_INTEGERS) {
    const value = fields.integer(name)
    if (value !== undefined) health[name] = value
  }
  return health
}

/** As Go marshals the struct: all fields in order, unset ones empty or left out. */
export function goContainerConfig(config: ContainerConfig): ReadonlyMap<string, GoJson> {
  const out = new Map<string, GoJson>()
  for (const [name, kind, omit] of FIELDS) {
    const value = goField(config[name], kind)
    if (omit === undefined || !isEmpty(value, kind)) out.set(name, value)
  }
  return out
}

function goField(value: unknown, kind: FieldKind): GoJson {
  switch (kind) {
    case 'string':
      return (value as string | undefined) ?? ''
    case 'boolean':
      return (value as boolean | undefined) ?? false
    case 'set':
      return value === undefined ? null : setObject(value as readonly string[])
    case 'health':
      return value === undefined ? null : goHealth(value as HealthConfig)
    default:
      return (value as GoJson | undefined) ?? null
  }
}

function setObject(keys: readonly string[]): GoJson {
  const object = Object.create(null) as Record<string, GoJson>
  for (const key of keys) object[key] = {}
  return object
}

function goHealth(health: HealthConfig): GoJson {
  const out = new Map<string, GoJson>()
  if (health.Test !== undefined && health.Test.length > 0) out.set('Test', health.Test)
  for (const name of HEALTH_INTEGERS) {
    const value = health[name]
    if (value !== undefined && value !== 0) out.set(name, value)
  }
  return out
}

/** Go's omitempty: pointers (Healthcheck, StopTimeout) are empty only when nil. */
function isEmpty(value: GoJson, kind: FieldKind): boolean {
  if (value === null || value === '' || value === false) return true
  if (kind === 'health' || kind === 'integer') return false
  if (Array.isArray(value)) return value.length === 0
  return isObject(value as never) && Object.keys(value as object).length === 0
}
