// What this host lets us do below a directory, found out by doing it in a temporary one: what a kernel version or a
// capability set promises is not what a container, a seccomp filter or a network file system keeps.

import fs from 'node:fs'
import path from 'node:path'
import type { LayerForm } from '../driver/driver.ts'
import { errnoName } from './errno.ts'
import * as calls from './file-calls.ts'
import { mountOverlay, unmount } from './mount.ts'
import { getXattr, setXattr } from './xattr.ts'

const S_IFCHR = 0o020000

function inTemporary<T>(directory: string, use: (place: string, fd: number) => T): T {
  const place = fs.mkdtempSync(path.join(directory, '.shale-probe-'))
  const fd = calls.openAt(calls.AT_FDCWD, latin1(place), calls.O.RDONLY | calls.O.DIRECTORY)
  try {
    return use(place, fd)
  } finally {
    if (fd >= 0) calls.close(fd)
    fs.rmSync(place, { recursive: true, force: true })
  }
}

function latin1(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}

/**
 * The best form that works below an existing directory. A root inside a user namespace gets `user`: it may make char
 * 0:0 but no other device, and overlay there reads the user.* attributes.
 */
export function probeForm(directory: string): LayerForm {
  return inTemporary(directory, (place, fd) => {
    const at = latin1(place)
    const one = Buffer.from('y')
    const trusted =
      calls.mknodAt(fd, 'whiteout', S_IFCHR, 0n) === 0 &&
      calls.mknodAt(fd, 'null', S_IFCHR | 0o600, calls.makeDevice(1, 3)) === 0 &&
      calls.chownAt(fd, 'null', 1, 1) === 0 &&
      setXattr(at, 'trusted.overlay.opaque', one) === 0
    if (trusted) return 'trusted'
    return setXattr(at, 'user.overlay.opaque', one) === 0 ? 'user' : 'none'
  })
}

/** Directory listings tell types. Overlay needs it: whiteouts are found that way. */
export function supportsDirectoryTypes(directory: string): boolean {
  return inTemporary(directory, (_place, fd) => {
    calls.mkdirAt(fd, 'd', 0o700)
    const entries = calls.readDirectory(fd)
    return Array.isArray(entries) && entries.every((entry) => entry.type !== 0)
  })
}

/** Whether this process is in a user namespace other than the first: there, uid 0 is somebody else outside. */
export function inUserNamespace(): boolean {
  try {
    const [inside, outside, count] = fs
      .readFileSync('/proc/self/uid_map', 'latin1')
      .trim()
      .split(/\s+/)
    return !(inside === '0' && outside === '0' && count === '4294967295')
  } catch {
    return false
  }
}

export interface OverlaySupport {
  readonly available: boolean
  /** Why not, for people. */
  readonly reason?: string
  /** Diffs can be read off the upper directory alone (docker's "Native Overlay Diff"). */
  readonly nativeDiff: boolean
  /** Files are copied up as metadata alone (docker's "Using metacopy"). */
  readonly metacopy: boolean
}

/** By real mounts below `directory`, on the file system that would hold the layers. */
export async function probeOverlay(
  directory: string,
  options: { userxattr: boolean },
): Promise<OverlaySupport> {
  const place = fs.mkdtempSync(path.join(directory, '.shale-probe-'))
  try {
    for (const name of ['l1/d', 'l1/d1', 'l2/d', 'u', 'w', 'm'])
      fs.mkdirSync(path.join(place, name), { recursive: true })
    fs.writeFileSync(path.join(place, 'l1/f'), 'f', { mode: 0o600 })
    const prefix = options.userxattr ? 'user' : 'trusted'
    const opaque = setXattr(
      latin1(path.join(place, 'l2/d')),
      `${prefix}.overlay.opaque`,
      Buffer.from('y'),
    )
    if (opaque < 0)
      return unavailable(`${prefix}.overlay.* attributes cannot be set (${errnoName(-opaque)})`)
    const target = path.join(place, 'm')
    try {
      await mountOverlay(
        {
          kind: 'overlay',
          lowers: [path.join(place, 'l2'), path.join(place, 'l1')],
          shortLowers: ['l2', 'l1'],
          home: place,
          upper: path.join(place, 'u'),
          work: path.join(place, 'w'),
          userxattr: options.userxattr,
        },
        target,
      )
    } catch (error) {
      return unavailable((error as Error).message)
    }
    try {
      return { available: true, ...probeDiff(place, prefix) }
    } finally {
      unmount(target, { lazy: true })
    }
  } finally {
    fs.rmSync(place, { recursive: true, force: true })
  }
}

function unavailable(reason: string): OverlaySupport {
  return { available: false, reason, nativeDiff: false, metacopy: false }
}

/** Docker's own tests: an opaque mark that spreads by copy-up, renames that leave a redirect, chmod that leaves metacopy. */
function probeDiff(place: string, prefix: string): { nativeDiff: boolean; metacopy: boolean } {
  const has = (name: string, attribute: string): boolean =>
    getXattr(latin1(path.join(place, 'u', name)), `${prefix}.overlay.${attribute}`) instanceof
    Uint8Array
  let nativeDiff = true
  fs.writeFileSync(path.join(place, 'm/d/f'), '')
  if (has('d', 'opaque')) nativeDiff = false
  try {
    fs.renameSync(path.join(place, 'm/d1'), path.join(place, 'm/d2'))
    if (has('d2', 'redirect')) nativeDiff = false
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error
  }
  fs.chmodSync(path.join(place, 'm/f'), 0o644)
  return { nativeDiff, metacopy: has('f', 'metacopy') }
}
