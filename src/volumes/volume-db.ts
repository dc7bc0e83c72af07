// ROOT/volumes: which volumes of docker's local driver there are. `opts.json` is that driver's own file; labels dockerd
// keeps in its database, so shale keeps them in a file beside the data, which dockerd passes over and removes with it.
// Where that database (metadata.db) is, dockerd keeps the books: the volume verbs then list, and change nothing. What a
// container brings or takes along (create -v, rm -v) is a folder and no more, which dockerd understands: at its start it
// takes folders for volumes, and forgets those of its books whose folder is gone (volume/service/restore.go).

import fs from 'node:fs'
import path from 'node:path'
import { NotFoundError, UnsupportedError } from '../errors.ts'
import { goTime } from '../image/new-config.ts'
import { namesIfPresent, readIfPresent } from '../store/read-file.ts'
import type { Store } from '../store/store.ts'
import { compareNatural } from './natural-order.ts'

export interface Volume {
  readonly name: string
  readonly driver: 'local'
  /** `_data`, what a container sees. */
  readonly mountpoint: string
  /** RFC 3339, to the second, as docker shows it. */
  readonly createdAt: string
  /** Absent where dockerd keeps them, in its database. */
  readonly labels?: Readonly<Record<string, string>>
  /** As `--opt` gave them. */
  readonly options: Readonly<Record<string, string>>
}

const SECOND_NS = 1_000_000_000n

export const LABELS_FILE = 'labels.json'
/** What docker since 23 marks a volume with that nobody named. */
export const ANONYMOUS_LABEL = 'com.docker.volume.anonymous'

export function volumePath(store: Store, name: string): string {
  return path.join(store.layout.volumes, name)
}

/** Sorted by name, in natural order. */
export function listVolumes(store: Store): Volume[] {
  return namesIfPresent(store.layout.volumes)
    .sort(compareNatural)
    .flatMap((name) => readVolume(store, name) ?? [])
}

/** A folder with `_data` in it is a volume, as docker's driver has it. */
export function readVolume(store: Store, name: string): Volume | undefined {
  if (!isVolumeName(name)) return undefined
  const folder = volumePath(store, name)
  const mountpoint = path.join(folder, '_data')
  const own = fs.statSync(folder, { throwIfNoEntry: false, bigint: true })
  if (!own?.isDirectory()) return undefined // dockerd's metadata.db lies beside them
  if (!fs.statSync(mountpoint, { throwIfNoEntry: false })?.isDirectory()) return undefined
  const labels = readText(path.join(folder, LABELS_FILE))
  return {
    name,
    driver: 'local',
    mountpoint,
    createdAt: goTime((own.birthtimeNs / SECOND_NS) * SECOND_NS),
    ...(labels === undefined && hasDockerdVolumes(store)
      ? {}
      : { labels: (labels ?? {}) as Record<string, string> }),
    options: optionsOf(readText(path.join(folder, 'opts.json'))),
  }
}

/** @throws NotFoundError ERR_VOLUME_NOT_FOUND in docker's words */
export function requireVolume(store: Store, name: string): Volume {
  const volume = readVolume(store, name)
  if (volume) return volume
  throw new NotFoundError('ERR_VOLUME_NOT_FOUND', `get ${name}: no such volume`, {
    details: { name },
  })
}

/** Of docker's local driver: two characters at least, so that none is taken for a drive letter. */
export function isVolumeName(name: string): boolean {
  return /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name)
}

export function isAnonymousVolume(volume: Volume): boolean {
  if (volume.labels !== undefined && Object.hasOwn(volume.labels, ANONYMOUS_LABEL)) return true
  return /^[0-9a-f]{64}$/.test(volume.name)
}

export function hasDockerdVolumes(store: Store): boolean {
  return fs.existsSync(path.join(store.layout.volumes, 'metadata.db'))
}

/**
 * @param act what is asked for, as in `create a volume`
 * @throws UnsupportedError ERR_DOCKERD_VOLUMES
 */
export function refuseDockerdVolumes(store: Store, act: string): void {
  if (!hasDockerdVolumes(store)) return
  const database = path.join(store.layout.volumes, 'metadata.db')
  throw new UnsupportedError(
    'ERR_DOCKERD_VOLUMES',
    `cannot ${act} in ${store.root}: dockerd keeps its books on volumes, their labels among them, in ${database}; use docker volume`,
    { details: { path: database } },
  )
}

function readText(file: string): Record<string, unknown> | undefined {
  const bytes = readIfPresent(file)
  if (!bytes) return undefined
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'))
    return typeof value === 'object' && value !== null
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined // docker's driver would not start on it; a listing does not end for it
  }
}

/** opts.json: {"MountType","MountOpts","MountDevice","Quota":{"Size"}} */
function optionsOf(document: Record<string, unknown> | undefined): Record<string, string> {
  const quota = (document?.['Quota'] as { Size?: unknown } | undefined)?.Size
  const given: readonly (readonly [string, unknown])[] = [
    ['type', document?.['MountType']],
    ['o', document?.['MountOpts']],
    ['device', document?.['MountDevice']],
    ['size', typeof quota === 'number' && quota > 0 ? String(quota) : ''],
  ]
  return Object.fromEntries(
    given.filter((pair): pair is [string, string] => typeof pair[1] === 'string' && pair[1] !== ''),
  )
}
