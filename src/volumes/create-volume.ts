// volume create and rm: docker's local driver, its names, options and modes. A volume appears with its options by one
// rename. Mounts nothing: options that name a device are kept for whoever runs the container.

import fs from 'node:fs'
import path from 'node:path'
import { newCacheID } from '../driver/cache-id.ts'
import { ConflictError, InvalidArgumentError, UnsupportedError } from '../errors.ts'
import { encodeGoJSON, type GoJson } from '../image/go-json.ts'
import type { Store } from '../store/store.ts'
import type { Transaction } from '../store/transaction.ts'
import {
  ANONYMOUS_LABEL,
  isVolumeName,
  LABELS_FILE,
  readVolume,
  refuseDockerdVolumes,
  requireVolume,
  volumePath,
  type Volume,
} from './volume-db.ts'
import { volumeUsers } from './volume-users.ts'

export interface VolumeSpec {
  /** Default: 64 random hex digits. */
  readonly name?: string
  /** Default and only: local. */
  readonly driver?: string
  readonly labels?: Readonly<Record<string, string>>
  /** type, device, o: as mount(8) has them. */
  readonly options?: Readonly<Record<string, string>>
}

/**
 * A volume that exists is returned as it is, as docker does.
 * @throws InvalidArgumentError ERR_OPTION; UnsupportedError ERR_DOCKERD_VOLUMES, ERR_HOST_UNSUPPORTED; LockedError
 */
export async function createVolume(
  store: Store,
  spec: VolumeSpec = {},
  options: { readonly signal?: AbortSignal } = {},
): Promise<Volume> {
  checkSpec(spec)
  const known = spec.name === undefined ? undefined : readVolume(store, spec.name)
  if (known) return known
  refuseDockerdVolumes(store, 'create a volume')
  const name = await store.write(
    async (transaction) => planVolume(store, transaction, spec),
    options,
  )
  return requireVolume(store, name)
}

/**
 * Puts a new volume into a transaction.
 * @returns its name
 */
export function planVolume(store: Store, transaction: Transaction, spec: VolumeSpec = {}): string {
  checkSpec(spec)
  const name = spec.name ?? newCacheID()
  if (readVolume(store, name)) return name
  const folder = transaction.stageDirectory(0o701)
  const data = path.join(folder, '_data')
  fs.mkdirSync(data)
  fs.chmodSync(data, 0o755)
  const labels = spec.name === undefined ? { ...spec.labels, [ANONYMOUS_LABEL]: '' } : spec.labels
  if (labels !== undefined && Object.keys(labels).length > 0)
    writeFile(path.join(folder, LABELS_FILE), encodeGoJSON(labels))
  const { type, device, o } = spec.options ?? {}
  if (type !== undefined) {
    const document = new Map<string, GoJson>([
      ['MountType', type],
      ['MountOpts', o ?? ''],
      ['MountDevice', device ?? ''],
      ['Quota', { Size: 0 }],
    ])
    writeFile(path.join(folder, 'opts.json'), encodeGoJSON(document))
  }
  transaction.plan({ op: 'make-directory', path: store.layout.volumes, mode: 0o701 })
  transaction.plan({ op: 'rename', from: folder, to: volumePath(store, name) })
  return name
}

function writeFile(file: string, text: string): void {
  fs.writeFileSync(file, text, { mode: 0o600 })
  fs.chmodSync(file, 0o600)
}

/** In docker's words, and in its order. */
function checkSpec({ name, driver, options = {} }: VolumeSpec): void {
  const refuse = (reason: string): InvalidArgumentError =>
    new InvalidArgumentError('ERR_OPTION', `create ${name ?? ''}: ${reason}`.replace('  ', ' '), {
      details: { name, options },
    })
  if (driver !== undefined && driver !== 'local')
    throw new UnsupportedError(
      'ERR_HOST_UNSUPPORTED',
      `create ${name ?? ''}: there is no volume driver ${JSON.stringify(driver)}: shale has docker's local driver alone`,
      { details: { driver } },
    )
  if (name !== undefined) requireVolumeName(name)
  for (const key of Object.keys(options))
    if (!['type', 'o', 'device', 'size'].includes(key))
      throw refuse(`invalid option: ${JSON.stringify(key)}`)
  if (options['size'] !== undefined) throw refuse('quota size requested but no quota support')
  const has = (key: string): boolean => Boolean(options[key])
  const missing =
    has('device') && !has('type')
      ? 'type'
      : (has('type') || has('o')) && !has('device')
        ? 'device'
        : undefined
  if (missing !== undefined) throw refuse(`missing required option: ${JSON.stringify(missing)}`)
}

/** @throws InvalidArgumentError ERR_OPTION in docker's words */
export function requireVolumeName(name: string): void {
  if (isVolumeName(name)) return
  const reason =
    name.length < 2
      ? 'volume name is too short, names should be at least two alphanumeric characters'
      : `${JSON.stringify(name)} includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`
  throw new InvalidArgumentError('ERR_OPTION', `create ${name}: ${reason}`.replace('  ', ' '), {
    details: { name },
  })
}

/**
 * @param options.force what is not there counts as removed
 * @throws NotFoundError ERR_VOLUME_NOT_FOUND; ConflictError ERR_VOLUME_IN_USE; UnsupportedError ERR_DOCKERD_VOLUMES
 */
export async function removeVolume(
  store: Store,
  name: string,
  options: { readonly force?: boolean; readonly signal?: AbortSignal } = {},
): Promise<void> {
  const { force = false, signal } = options
  if (force && readVolume(store, name) === undefined) return
  requireVolume(store, name)
  refuseDockerdVolumes(store, 'remove a volume')
  await store.write(
    async (transaction) => {
      requireVolume(store, name)
      const users = volumeUsers(store.containerDB.list()).get(name)
      if (users !== undefined)
        throw new ConflictError(
          'ERR_VOLUME_IN_USE',
          `remove ${name}: volume is in use - [${users.join(', ')}]`,
          { details: { name, containers: users } },
        )
      transaction.plan({ op: 'remove', path: volumePath(store, name) })
    },
    signal === undefined ? {} : { signal },
  )
}
