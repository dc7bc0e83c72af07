// containers/<id>/config.v2.json: the containers of a root, made here or by dockerd, as typed facts with the document
// beside them. Reads only. A folder that dockerd would pass over (no config, not its own ID, another driver) is passed
// over here too.

import path from 'node:path'
import { isDigest, type ImageID } from '../digest/digest.ts'
import type { DriverName } from '../driver/driver.ts'
import { InvalidArgumentError, LayerStoreError, NotFoundError } from '../errors.ts'
import { readContainerConfig, type ContainerConfig } from '../image/container-config.ts'
import { JsonFields, parseJSON, type JsonObject } from '../image/json.ts'
import type { Layout } from './layout.ts'
import type { MountDB, WritableLayer } from './mount-db.ts'
import { namesIfPresent, readIfPresent } from './read-file.ts'

export type ContainerStatus =
  'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead'

export interface ContainerState {
  readonly status: ContainerStatus
  readonly running: boolean
  readonly pid: number
  readonly exitCode: number
  readonly error: string
  /** RFC 3339; Go's zero time, in the year 1, for never. */
  readonly startedAt: string
  readonly finishedAt: string
}

/** A place in a container where something else than its layers is seen. */
export interface MountPoint {
  readonly type: string
  /** Of a volume; '' for the rest. */
  readonly name: string
  /** On the host. */
  readonly source: string
  readonly destination: string
  /** Of a volume: `local`. */
  readonly driver: string
  readonly writable: boolean
  /** Nobody named it, so `rm -v` takes it away. */
  readonly anonymous: boolean
}

export interface Container {
  /** 64 hex digits. */
  readonly id: string
  /** Without docker's leading slash. */
  readonly name: string
  /** RFC 3339. */
  readonly created: string
  readonly imageID?: ImageID
  /** As it was typed when the container was made. */
  readonly imageName: string
  readonly path: string
  readonly args: readonly string[]
  readonly config: ContainerConfig
  readonly state: ContainerState
  /** By destination. */
  readonly mountPoints: readonly MountPoint[]
  /** Absent where layerdb/mounts has none: such a container can only be removed. */
  readonly layer?: WritableLayer
  /** All of config.v2.json. */
  readonly document: JsonObject
}

const ID = /^[0-9a-f]{64}$/
export const ZERO_TIME = '0001-01-01T00:00:00Z'

export class ContainerDB {
  private readonly layout: Layout
  private readonly driver: DriverName
  private readonly mounts: MountDB

  constructor(layout: Layout, driver: DriverName, mounts: MountDB) {
    this.layout = layout
    this.driver = driver
    this.mounts = mounts
  }

  get(id: string): Container | undefined {
    if (!ID.test(id)) return undefined
    const bytes = readIfPresent(path.join(this.layout.container(id), 'config.v2.json'))
    if (!bytes) return undefined
    try {
      const label = `config.v2.json of container ${id.slice(0, 12)}`
      const fields = new JsonFields(parseJSON(bytes, label, 'ERR_CONFIG'), label, 'ERR_CONFIG')
      if (fields.string('ID') !== id) return undefined
      if ((fields.string('Driver') ?? this.driver) !== this.driver) return undefined
      return containerOf(id, fields, this.mounts.get(id))
    } catch (error) {
      if (error instanceof LayerStoreError) return undefined
      throw error
    }
  }

  /** In the order of their IDs. */
  list(): Container[] {
    return namesIfPresent(this.layout.containers)
      .sort()
      .flatMap((id) => this.get(id) ?? [])
  }

  /**
   * A whole ID, a name, or the start of an ID, in docker's order.
   * @throws NotFoundError ERR_CONTAINER_NOT_FOUND; InvalidArgumentError ERR_AMBIGUOUS_ID
   */
  resolve(text: string): Container {
    const whole = this.get(text)
    if (whole) return whole
    const all = this.list()
    const name = text.replace(/^\//, '')
    const named = all.find((container) => container.name === name)
    if (named) return named
    const matches = containersByPrefix(all, text)
    if (matches.length === 1) return matches[0]!
    if (matches.length > 1) {
      throw new InvalidArgumentError(
        'ERR_AMBIGUOUS_ID',
        `Multiple IDs found with provided prefix: ${text}; give more digits of one of ${matches.map(({ id }) => id.slice(0, 20)).join(', ')}`,
        { details: { prefix: text, matches: matches.map(({ id }) => id) } },
      )
    }
    throw new NotFoundError('ERR_CONTAINER_NOT_FOUND', `No such container: ${text}`, {
      details: { name: text },
    })
  }
}

/** Those whose IDs begin like that; no start at all is none's, as in docker's index. */
export function containersByPrefix(all: readonly Container[], prefix: string): Container[] {
  return /^[0-9a-f]+$/.test(prefix) ? all.filter(({ id }) => id.startsWith(prefix)) : []
}

function containerOf(id: string, fields: JsonFields, layer: WritableLayer | undefined): Container {
  const config = readContainerConfig(fields.fields('Config') ?? emptyFields(fields))
  const imageID = fields.string('Image') ?? ''
  return {
    id,
    name: (fields.string('Name') ?? '').replace(/^\//, ''),
    created: fields.string('Created') ?? ZERO_TIME,
    ...(isDigest(imageID) ? { imageID: imageID as ImageID } : {}),
    imageName: config.Image ?? '',
    path: fields.string('Path') ?? '',
    args: fields.strings('Args') ?? [],
    config,
    state: stateOf(fields.fields('State') ?? emptyFields(fields)),
    mountPoints: mountPointsOf(fields.fields('MountPoints') ?? emptyFields(fields)),
    ...(layer === undefined ? {} : { layer }),
    document: fields.object,
  }
}

function emptyFields({ label, code }: JsonFields): JsonFields {
  return new JsonFields({}, label, code)
}

function stateOf(fields: JsonFields): ContainerState {
  const is = (name: string): boolean => fields.boolean(name) ?? false
  const startedAt = fields.string('StartedAt') ?? ZERO_TIME
  return {
    status: statusOf(is, startedAt),
    running: is('Running'),
    pid: fields.integer('Pid') ?? 0,
    exitCode: fields.integer('ExitCode') ?? 0,
    error: fields.string('Error') ?? '',
    startedAt,
    finishedAt: fields.string('FinishedAt') ?? ZERO_TIME,
  }
}

/** moby container.State.StateString. */
function statusOf(is: (name: string) => boolean, startedAt: string): ContainerStatus {
  if (is('Running')) {
    if (is('Paused')) return 'paused'
    return is('Restarting') ? 'restarting' : 'running'
  }
  if (is('RemovalInProgress')) return 'removing'
  if (is('Dead')) return 'dead'
  return startedAt === ZERO_TIME ? 'created' : 'exited'
}

function mountPointsOf(fields: JsonFields): MountPoint[] {
  return Object.keys(fields.object)
    .sort()
    .map((destination) => {
      const point = fields.fields(destination) ?? emptyFields(fields)
      const type = point.string('Type') ?? ''
      return {
        type,
        name: point.string('Name') ?? '',
        source: point.string('Source') ?? '',
        destination,
        driver: point.string('Driver') ?? '',
        writable: point.boolean('RW') ?? false,
        anonymous: type === 'volume' && (point.fields('Spec')?.string('Source') ?? '') === '',
      }
    })
}
