// Paths of a container that lie in a volume or a directory of the host: what a program in it would see there is what a
// copy means, not what the layers have beneath.

import fs from 'node:fs'
import path from 'node:path'
import { HostError } from '../errors.ts'
import { pathFromText, type BytePath } from '../path/byte-path.ts'
import type { Container, MountPoint } from '../store/container-db.ts'
import type { Store } from '../store/store.ts'
import type { MergedView } from '../union/merge.ts'
import type { Inside } from './copy-inside.ts'
import { isOfOtherDriver, refuseOtherDriver } from './volume-driver.ts'
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

/**
 * @param resolved clean; links on the way followed in the layers. The innermost volume counts.
 * @throws UnsupportedError ERR_HOST_UNSUPPORTED where that is of another driver than docker's own
 */
export function volumeOf(
  store: Store,
  inside: Inside,
  view: MergedView,
  resolved: BytePath,
): VolumePath | undefined {
  const [innermost] = pointsOf(store, inside, view)
    .filter(({ at }) => resolved === at || resolved.startsWith(`${at}/`))
    .sort((a, b) => b.at.length - a.at.length)
  if (innermost === undefined) return undefined
  const { container, point, at } = innermost
  refuseOtherDriver(container, point, {
    act: 'copy from or into',
    remedy: 'use docker cp with the dockerd that has that driver',
  })
  const rest = resolved.slice(at.length + 1) as BytePath
  return { directory: sourceOf(store, point), at, rest, writable: point.writable }
}

/** Volumes that lie below a directory, and so are no part of a copy of it. */
export function volumesBelow(
  store: Store,
  inside: Inside,
  view: MergedView,
  directory: BytePath,
): BytePath[] {
  const prefix = directory === '' ? '' : `${directory}/`
  return pointsOf(store, inside, view)
    .map(({ at }) => at)
    .filter((at) => at.startsWith(prefix) && at !== directory)
}

interface PlacedPoint {
  readonly container: Container
  readonly point: MountPoint
  readonly at: BytePath
}

function pointsOf(store: Store, inside: Inside, view: MergedView): PlacedPoint[] {
  if (inside.kind !== 'container') return []
  const { container } = inside
  return container.mountPoints.flatMap((point) => {
    // Where another driver has its volume is not known, and no reason to take what lies beneath for it.
    if (!isOfOtherDriver(point) && !isDirectory(sourceOf(store, point))) return []
    return [{ container, point, at: inScope(view, pathFromText(point.destination)) }]
  })
}

function isDirectory(file: string): boolean {
  return fs.statSync(file, { throwIfNoEntry: false })?.isDirectory() ?? false
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
