// Paths of a container that lie in a volume or a directory of the host: what a program in it would see there is what a
// copy means, not what the layers have beneath.

import fs from 'node:fs'
import path from 'node:path'
import { HostError } from '../errors.ts'
import { pathFromText, type BytePath } from '../path/byte-path.ts'
import type { MountPoint } from '../store/container-db.ts'
import type { Store } from '../store/store.ts'
import type { MergedView } from '../union/merge.ts'
import type { Inside } from './copy-inside.ts'
import { inScope } from './working-directory.ts'

export interface VolumePath {
  /** Of the host. */
  readonly directory: string
  /** Where it is seen; clean. */
  readonly at: BytePath
  /** In it, clean; '' for the whole. */
  readonly rest: BytePath
  readonly writable: boolean
}

/** @param resolved clean; links on the way followed in the layers. The innermost volume counts. */
export function volumeOf(
  store: Store,
  inside: Inside,
  view: MergedView,
  resolved: BytePath,
): VolumePath | undefined {
  return volumesOf(store, inside, view)
    .filter(({ at }) => resolved === at || resolved.startsWith(`${at}/`))
    .sort((a, b) => b.at.length - a.at.length)
    .map((each) => ({ ...each, rest: resolved.slice(each.at.length + 1) as BytePath }))[0]
}

/** Volumes that lie below a directory, and so are no part of a copy of it. */
export function volumesBelow(
  store: Store,
  inside: Inside,
  view: MergedView,
  directory: BytePath,
): BytePath[] {
  const prefix = directory === '' ? '' : `${directory}/`
  return volumesOf(store, inside, view)
    .map(({ at }) => at)
    .filter((at) => at.startsWith(prefix) && at !== directory)
}

function volumesOf(store: Store, inside: Inside, view: MergedView): Omit<VolumePath, 'rest'>[] {
  if (inside.kind !== 'container') return []
  return inside.container.mountPoints.flatMap((point) => {
    const directory = sourceOf(store, point)
    if (!fs.statSync(directory, { throwIfNoEntry: false })?.isDirectory()) return []
    const at = inScope(view, pathFromText(point.destination))
    return [{ directory, at, writable: point.writable }]
  })
}

/** On the host, as dockerd mounts it. */
export function sourceOf(store: Store, { type, name, source }: MountPoint): string {
  return type === 'volume' ? path.join(store.layout.volumes, name, '_data') : source
}

/** @throws HostError ERR_PERMISSION in docker's words */
export function refuseReadOnly({ writable, at }: VolumePath): void {
  if (writable) return
  throw new HostError('ERR_PERMISSION', `mounted volume is marked read-only: /${at}`, {
    details: { path: `/${at}` },
  })
}
