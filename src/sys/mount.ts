// Mounts as data become mounts of the kernel. The mount API (fsopen and its kin, Linux 5.2) takes each lower directory
// by itself since Linux 6.8; before that, all of them have to fit one page of options, which is what short names
// relative to the layers' home are for.
// Knows the kernel's two interfaces; which directories to merge, and where, is the caller's.

import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { MountSpec } from '../driver/driver.ts'
import { UnsupportedError } from '../errors.ts'
import { ERRNO, errnoName, hostError } from './errno.ts'
import { AT_EMPTY_PATH, AT_FDCWD, close } from './file-calls.ts'
import { SYS, cText, checked, libc } from './libc.ts'
import { moduleFile } from './module-file.ts'
import { FSCONFIG_STRING_MAX, attach, makeMount, type Parameter } from './make-mount.ts'
import { OPTIONS_BYTES_MAX, mountAttributes } from './mount-flags.ts'
import { askThread } from './start-thread.ts'

const MOUNT_ATTR_RDONLY = 1
const OPEN_TREE_CLONE = 1
const OPEN_TREE_CLOEXEC = 0o2000000
const MS_RDONLY = 1
const MS_REMOUNT = 32
const MS_BIND = 4096
const MNT_DETACH = 2
const UMOUNT_NOFOLLOW = 8

type OverlaySpec = Extract<MountSpec, { kind: 'overlay' }>

/** Mounts on an existing directory. Without an upper directory the mount is read-only, and so is a bind mount. */
export async function mountSpec(spec: MountSpec, target: string): Promise<void> {
  if (spec.kind === 'overlay') await mountOverlay(spec, target)
  else if (spec.writable) bindWritable(spec.source, target)
  else bindReadOnly(spec.source, target)
}

/**
 * The overlay of a container, with the data that docker gives mount(2), so that `mount` shows the same line: short
 * names, relative to `home` where they would else not fit; the mount API only where even those do not.
 */
export async function mountWritable(spec: OverlaySpec, target: string): Promise<void> {
  const { upper, work, home } = spec
  if (upper === undefined || work === undefined) throw new Error('mountWritable wants an upper')
  const first = [
    ...(fs.existsSync('/sys/module/overlay/parameters/index') ? ['index=off'] : []),
    ...(spec.userxattr ? ['userxattr'] : []),
  ]
  const text = (place: (file: string) => string): string =>
    [
      ...first,
      `lowerdir=${spec.shortLowers.map((short) => escapeOption(place(path.join(home, short)))).join(':')}`,
      `upperdir=${escapeOption(place(upper))}`,
      `workdir=${escapeOption(place(work))}`,
    ].join(',')
  const absolute = text((file) => file)
  if (Buffer.byteLength(absolute) <= OPTIONS_BYTES_MAX) {
    const result = checked(
      libc().mount(cText('overlay'), cText(target), cText('overlay'), 0, cText(absolute)),
    )
    if (result < 0) throw mountError(target, 'mount', -result)
    return
  }
  const relative = text((file) => path.relative(home, file))
  if (Buffer.byteLength(relative) > OPTIONS_BYTES_MAX) return mountOverlay(spec, target)
  const errno = await mountFrom(home, { target: path.resolve(target), flags: 0, options: relative })
  if (errno !== 0) throw mountError(target, 'mount', errno)
}

export async function mountOverlay(spec: OverlaySpec, target: string): Promise<void> {
  const [only, second] = spec.lowers
  if (only !== undefined && second === undefined && spec.upper === undefined) {
    // Overlay refuses to merge one directory with nothing. An image's only layer holds no marks that it would have to
    // read: a load takes whiteouts without anything below away, and makes none that a tar forges.
    bindReadOnly(only, target)
    return
  }
  const options: [string, string][] = []
  // Docker's options: no inode index, which would refuse lower directories that other mounts use too.
  if (fs.existsSync('/sys/module/overlay/parameters/index')) options.push(['index', 'off'])
  if (spec.userxattr) options.push(['userxattr', ''])
  if (spec.upper !== undefined && spec.work !== undefined) {
    options.push(['upperdir', spec.upper], ['workdir', spec.work])
  }
  if (takesSingleLowers() && fits(spec, options)) {
    const words = spec.upper === undefined ? ['ro'] : []
    const result = mountByApi(spec, options, target, words)
    // Some sandboxes let mount(2) pass and know nothing of its successor.
    if (result !== -ERRNO.ENOSYS) return
  }
  await mountByOptions(spec, options, target)
}

export function fits(spec: Pick<OverlaySpec, 'lowers'>, options: readonly Parameter[]): boolean {
  const strings = [...spec.lowers, ...options.map(([, value]) => value)]
  return strings.every((text) => Buffer.byteLength(text) <= FSCONFIG_STRING_MAX)
}

/** `lowerdir+` came with Linux 6.7 and takes many since 6.8. */
export function takesSingleLowers(release: string = os.release()): boolean {
  const [major = 0, minor = 0] = release.split('.').map((part) => parseInt(part, 10))
  return major > 6 || (major === 6 && minor >= 8)
}

/** In which the kernel takes a backslash for an escape also where nothing ends them (fs/overlayfs/params.c, ovl_mount_dir). */
const UNESCAPED: ReadonlySet<string> = new Set(['upperdir', 'workdir'])

/**
 * @param words of mount(8), for any file system
 * @returns 0, or -ENOSYS; @throws on every other failure
 */
export function mountByApi(
  spec: Pick<OverlaySpec, 'lowers'>,
  options: readonly Parameter[],
  target: string,
  words: readonly string[],
): number {
  const made = makeMount(
    'overlay',
    [
      ...spec.lowers.map((lower): Parameter => ['lowerdir+', lower]),
      ...options.map(([name, value]): Parameter => [
        name,
        UNESCAPED.has(name) ? value.replaceAll('\\', '\\\\') : value,
      ]),
    ],
    mountAttributes(words),
  )
  if (typeof made === 'number') {
    attachTo(target, made)
    return 0
  }
  if (made.syscall === 'fsopen' && made.errno === ERRNO.ENOSYS) return -ERRNO.ENOSYS
  throw mountError(target, made.syscall, made.errno, made.message)
}

/** The descriptor is closed. */
export function attachTo(target: string, mount: number): void {
  try {
    const moved = attach(mount, target)
    if (moved < 0) throw mountError(target, 'move_mount', -moved)
  } finally {
    close(mount)
  }
}

/** Inside of `lowerdir=` a colon separates and a comma ends; both, and the backslash, can be escaped. */
export function escapeOption(text: string): string {
  return text.replaceAll(/[\\:,]/g, '\\$&')
}

async function mountByOptions(
  spec: OverlaySpec,
  options: readonly [string, string][],
  target: string,
): Promise<void> {
  const flags = spec.upper === undefined ? MS_RDONLY : 0
  const text = (lowers: readonly string[], relative: boolean): string =>
    [
      ...options.map(([name, value]) => {
        if (value === '') return name
        const place = relative && path.isAbsolute(value) ? path.relative(spec.home, value) : value
        return `${name}=${escapeOption(place)}`
      }),
      `lowerdir=${lowers.map(escapeOption).join(':')}`,
    ].join(',')

  const absolute = text(spec.lowers, false)
  if (Buffer.byteLength(absolute) <= OPTIONS_BYTES_MAX) {
    const result = checked(
      libc().mount(cText('overlay'), cText(target), cText('overlay'), flags, cText(absolute)),
    )
    if (result < 0) throw mountError(target, 'mount', -result)
    return
  }
  const relative = text(spec.shortLowers, true)
  if (Buffer.byteLength(relative) > OPTIONS_BYTES_MAX) {
    throw new UnsupportedError(
      'ERR_OVERLAY_UNAVAILABLE',
      `cannot mount ${target}: its ${spec.lowers.length} layers need more than the ${OPTIONS_BYTES_MAX} bytes of options that this kernel takes; Linux 6.8 has no such limit`,
      { details: { path: target, limit: OPTIONS_BYTES_MAX, actual: Buffer.byteLength(relative) } },
    )
  }
  const errno = await mountFrom(spec.home, {
    target: path.resolve(target),
    flags,
    options: relative,
  })
  if (errno !== 0) throw mountError(target, 'mount', errno)
}

/** What relative-mount.ts is told. */
export interface RelativeMount {
  readonly home: string
  readonly target: string
  readonly flags: number
  readonly options: string
}

/** In a thread of its own, whose working directory can change without that of the process. */
function mountFrom(home: string, mount: Omit<RelativeMount, 'home'>): Promise<number> {
  const workerData: RelativeMount = { home, ...mount }
  return askThread(`mount ${mount.target}`, moduleFile('relative-mount.js'), { workerData })
}

/** Shows a directory at another place, unchangeable there. */
export function bindReadOnly(source: string, target: string): void {
  const c = libc()
  const tree = checked(
    c.openTree(SYS.openTree, AT_FDCWD, cText(source), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC),
  )
  if (tree >= 0) {
    try {
      // struct mount_attr: attr_set, attr_clr, propagation, userns_fd.
      const attributes = new BigInt64Array([BigInt(MOUNT_ATTR_RDONLY), 0n, 0n, 0n])
      const bytes = new Uint8Array(attributes.buffer)
      const set = checked(
        c.mountSetattr(SYS.mountSetattr, tree, cText(''), AT_EMPTY_PATH, bytes, bytes.length),
      )
      if (set === 0) {
        const moved = attach(tree, target)
        if (moved < 0) throw mountError(target, 'move_mount', -moved)
        return
      }
      if (set !== -ERRNO.ENOSYS) throw mountError(target, 'mount_setattr', -set)
    } finally {
      close(tree)
    }
  } else if (tree !== -ERRNO.ENOSYS) {
    throw mountError(target, 'open_tree', -tree)
  }
  const bound = checked(c.mount(cText(source), cText(target), null, MS_BIND, null))
  if (bound < 0) throw mountError(target, 'mount', -bound)
  const remounted = checked(
    c.mount(null, cText(target), null, MS_REMOUNT | MS_BIND | MS_RDONLY, null),
  )
  if (remounted < 0) {
    unmount(target, { lazy: true })
    throw mountError(target, 'mount', -remounted)
  }
}

/** Shows a directory at another place, as it is. */
export function bindWritable(source: string, target: string): void {
  const bound = checked(libc().mount(cText(source), cText(target), null, MS_BIND, null))
  if (bound < 0) throw mountError(target, 'mount', -bound)
}

/** Of one mount, not of the file system in it. 0, or -errno: EBUSY where a file is open for writing through it. */
export function setReadOnly(target: string, readOnly: boolean): number {
  const flags = MS_REMOUNT | MS_BIND | (readOnly ? MS_RDONLY : 0)
  return checked(libc().mount(null, cText(target), null, flags, null))
}

/**
 * @param options.lazy let go of the name now and of the rest when nobody uses it any more, as docker does
 * @returns false when nothing is mounted there
 */
export function unmount(target: string, options: { lazy?: boolean } = {}): boolean {
  const flags = UMOUNT_NOFOLLOW | (options.lazy ? MNT_DETACH : 0)
  const result = checked(libc().umount2(cText(target), flags))
  if (result === -ERRNO.EINVAL || result === -ERRNO.ENOENT) return false
  if (result < 0) throw hostError(`unmount ${target}`, -result, 'umount2', target)
  return true
}

export function mountError(
  target: string,
  syscall: string,
  errno: number,
  message?: string,
): Error {
  const unknown = errno === ERRNO.ENODEV
  if (unknown || errno === ERRNO.EPERM || errno === ERRNO.EACCES || errno === ERRNO.ENOSYS) {
    const why = unknown
      ? 'this kernel has no overlay file system'
      : 'mounting needs root, or a user namespace'
    return new UnsupportedError(
      'ERR_OVERLAY_UNAVAILABLE',
      `cannot mount ${target}: ${why} (${errnoName(errno)})`,
      {
        details: { path: target, syscall, errno: errnoName(errno) },
      },
    )
  }
  const error = hostError(`mount ${target}`, errno, syscall, target)
  return message === undefined
    ? error
    : hostError(`mount ${target}; the kernel says "${message}"`, errno, syscall, target)
}
