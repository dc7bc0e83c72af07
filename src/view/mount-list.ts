// What shows this store's images right now, and how to take it away: the kernel's mount table for mounts (whoever made
// them), the records for materialised merges. Mounts inside the driver's own home are dockerd's containers, not views.

import fs from 'node:fs'
import path from 'node:path'
import { NotFoundError } from '../errors.ts'
import { hostError } from '../sys/errno.ts'
import { unmountFuse } from '../sys/fuse-device.ts'
import { listMounts, type MountEntry } from '../sys/mount-table.ts'
import { unmount } from '../sys/mount.ts'
import { FUSE_TYPE } from './fuse/mount-fuse.ts'
import { readRecords, unmaterialise, type MergeRecord } from './merge-records.ts'

/** Where a store keeps what views are made of. */
export interface ViewPlace {
  /** Driver.home */
  readonly home: string
  /** Layout.merges */
  readonly merges: string
}

export interface ViewInfo {
  readonly target: string
  readonly view: 'kernel' | 'fuse' | 'merge'
  /** cacheID of the topmost layer shown. */
  readonly topCacheID: string
  /** As the user named it; the kernel remembers no names. */
  readonly image?: string
  /** RFC 3339; of merges only. */
  readonly createdAt?: string
}

/** Merges first, then kernel mounts in mount order: the last of one target is the one that is seen. */
export function listViews(
  place: ViewPlace,
  mounts: readonly MountEntry[] = listMounts(),
): ViewInfo[] {
  const out: ViewInfo[] = readRecords(place.merges)
    .filter((record) => record.of === undefined)
    .map(infoOf)
  const home = realPath(place.home)
  const base = mountOf(mounts, home)
  for (const mount of mounts) {
    if (mount.target === home || mount.target.startsWith(`${home}/`)) continue
    const topCacheID =
      mount.type === 'overlay'
        ? topOfOverlay(mount, home)
        : mount.options.includes('ro')
          ? topOfBind(mount, home, base)
          : undefined
    if (topCacheID !== undefined) out.push({ target: mount.target, view: 'kernel', topCacheID })
    const isImage = mount.options.includes('ro') || isOfBundle(mount)
    const served = isImage ? servedID(mount, home) : undefined
    if (served !== undefined) {
      out.push({ target: mount.target, view: 'fuse', topCacheID: served })
    }
  }
  return out
}

/** A container's root, mounted writable: by shale or by an engine. */
export interface WritableMount {
  readonly target: string
  /** The writable layer's driver directory. */
  readonly mountID: string
  readonly view: 'kernel' | 'fuse'
}

/** In mount order. Those of an engine stand inside of the driver's home, at `<mount-id>/merged`. */
export function listWritableMounts(
  home: string,
  mounts: readonly MountEntry[] = listMounts(),
): WritableMount[] {
  const real = realPath(home)
  const base = mountOf(mounts, real)
  return mounts.flatMap((mount): WritableMount[] => {
    const { target } = mount
    const isContainer = !mount.options.includes('ro') && !isOfBundle(mount)
    const served = isContainer ? servedID(mount, real) : undefined
    if (served !== undefined) return [{ target, mountID: served, view: 'fuse' }]
    const mountID =
      mount.type === 'overlay'
        ? upperOf(mount, real)
        : mount.options.includes('ro')
          ? undefined
          : topOfBind(mount, real, base)
    return mountID === undefined ? [] : [{ target, mountID, view: 'kernel' }]
  })
}

/**
 * The source by which a writable FUSE mount of an image is known whose changes go elsewhere, into a bundle. Not the
 * layer's directory itself: that of a container is writable too, and would look alike.
 */
export function bundleSource(top: string): string {
  return `${top}/.`
}

function isOfBundle({ source }: MountEntry): boolean {
  return source.endsWith('/.')
}

/** A server of ours names as its source the topmost directory of the store that it shows. */
function servedID(mount: MountEntry, home: string): string | undefined {
  return mount.type === FUSE_TYPE ? cacheIDOf(path.resolve(mount.source), home) : undefined
}

/** Takes a kernel or FUSE mount away. @returns false where nothing is mounted there; @throws HostError (EBUSY) */
export function unmountTarget(target: string, options: { readonly lazy?: boolean } = {}): boolean {
  const mount = listMounts().findLast((each) => each.target === target)
  if (mount?.type !== FUSE_TYPE) return unmount(target, options)
  const result = unmountFuse(target, options)
  if (result < 0) throw hostError(`unmount ${target}`, -result, 'umount2', target)
  return true
}

/** What a killed server leaves where nothing watched it: a directory that answers ENOTCONN. @returns whether it was one */
export function clearDeadMount(target: string): boolean {
  const real = realPath(target)
  const mount = listMounts().findLast((each) => each.target === real)
  if (mount?.type !== FUSE_TYPE) return false
  try {
    fs.statSync(real)
    return false
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOTCONN') return false
  }
  return unmountFuse(real, { lazy: true }) === 0
}

function upperOf(mount: MountEntry, home: string): string | undefined {
  const upper = upperDirectory(mount, home)
  return upper === undefined ? undefined : cacheIDOf(upper, home)
}

/**
 * Of an overlay mount.
 * @param home where a relative one was given from, if it is that of a store: the name tells whose it is
 */
export function upperDirectory({ superOptions }: MountEntry, home: string): string | undefined {
  const option = superOptions.find((text) => text.startsWith('upperdir='))
  if (option === undefined) return undefined
  return path.resolve(home, option.slice('upperdir='.length).replaceAll(/\\(.)/gs, '$1'))
}

/**
 * Takes one view away and leaves its directory empty, as it was.
 * @throws NotFoundError ERR_MOUNT_NOT_FOUND, ConflictError, HostError (EBUSY: somebody is in it)
 */
export function unmountView(place: ViewPlace, target: string): ViewInfo {
  const real = realPath(target)
  const found = listViews(place).findLast((view) => view.target === real)
  const record = readRecords(place.merges).find(
    (each) => each.target === real && each.of === undefined,
  )
  if (found !== undefined && found.view !== 'merge' && unmountTarget(real)) return found
  if (record === undefined) {
    throw new NotFoundError(
      'ERR_MOUNT_NOT_FOUND',
      `cannot unmount ${target}: no image of this store is shown there`,
      { details: { path: target } },
    )
  }
  unmaterialise(place.merges, record)
  return infoOf(record)
}

function infoOf({ target, topCacheID, image, createdAt }: MergeRecord): ViewInfo {
  return { target, view: 'merge', topCacheID, image, createdAt }
}

/** As far as it exists; a mount table holds real paths only. */
export function realPath(file: string): string {
  try {
    return fs.realpathSync(file)
  } catch {
    return path.resolve(file)
  }
}

/**
 * `lowerdir=A:B:C` of mount(2), or one `lowerdir+=A` each of the mount API. An upper directory of this store is a
 * container; one elsewhere is a bundle of the image.
 */
function topOfOverlay(mount: MountEntry, home: string): string | undefined {
  if (upperOf(mount, home) !== undefined) return undefined
  for (const option of mount.superOptions) {
    const lower = /^lowerdir\+?=(.*)$/s.exec(option)?.[1]
    if (lower !== undefined) {
      const first = option.startsWith('lowerdir+=') ? lower : firstOf(lower)
      // Relative ones were given from inside the home.
      return cacheIDOf(path.resolve(home, first), home)
    }
  }
  return undefined
}

function firstOf(lowers: string): string {
  const first = /^(?:[^\\:]|\\.)*/s.exec(lowers)?.[0] ?? ''
  return first.replaceAll(/\\(.)/gs, '$1')
}

/** A bind mount's root is a path inside the source's file system, which may itself be mounted anywhere. */
function topOfBind(
  mount: MountEntry,
  home: string,
  base: MountEntry | undefined,
): string | undefined {
  if (base === undefined || mount.source !== base.source || mount.type !== base.type)
    return undefined
  const homeInside = path.join(base.root, path.relative(base.target, home))
  if (!mount.root.startsWith(`${homeInside}/`)) return undefined
  return cacheIDOf(path.join(home, path.relative(homeInside, mount.root)), home)
}

function mountOf(mounts: readonly MountEntry[], file: string): MountEntry | undefined {
  let best: MountEntry | undefined
  for (const mount of mounts) {
    const prefix = mount.target === '/' ? '/' : `${mount.target}/`
    if (file !== mount.target && !file.startsWith(prefix)) continue
    if (best === undefined || mount.target.length >= best.target.length) best = mount
  }
  return best
}

/** HOME/ID/diff (overlay2), HOME/ID (vfs), HOME/l/SHORT by its link. */
function cacheIDOf(directory: string, home: string): string | undefined {
  if (!directory.startsWith(`${home}/`)) return undefined
  const [id, second, ...rest] = directory.slice(home.length + 1).split('/')
  if (id !== 'l')
    return rest.length === 0 && (second === undefined || second === 'diff') ? id : undefined
  const target = realPath(directory)
  return target === directory ? undefined : cacheIDOf(target, home)
}
