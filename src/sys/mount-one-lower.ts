// The overlay of one directory alone, with nothing to write to: what is hidden by its whiteouts and marks is hidden, and
// what the options say holds, as where it lies over others. How that is had of a kernel that wants two: one-lower.ts.

import { UnsupportedError } from '../errors.ts'
import { ERRNO, errnoName } from './errno.ts'
import type { Parameter, Refusal } from './make-mount.ts'
import { moduleFile } from './module-file.ts'
import { attachTo, mountError, takesSingleLowers } from './mount.ts'
import { askThread } from './start-thread.ts'

/** What one-lower.ts is told. */
export interface OneLower {
  /** Absolute. */
  readonly lower: string
  readonly options: readonly Parameter[]
  /** MOUNT_ATTR_* */
  readonly attributes: number
  /** Whether this kernel has `lowerdir+`. */
  readonly single: boolean
}

/** @throws UnsupportedError ERR_OVERLAY_UNAVAILABLE, HostError */
export async function mountOneLower(
  mount: Omit<OneLower, 'single'>,
  target: string,
  release?: string,
): Promise<void> {
  const workerData: OneLower = { ...mount, single: takesSingleLowers(release) }
  const thread = moduleFile('one-lower.js')
  const made = await askThread<number | Refusal>(`mount ${target}`, thread, { workerData })
  if (typeof made === 'number') return attachTo(target, made)
  const why = lacking(made)
  if (why === undefined) throw mountError(target, made.syscall, made.errno, made.message)
  throw new UnsupportedError(
    'ERR_OVERLAY_UNAVAILABLE',
    `cannot mount ${target}: one directory alone needs ${why} (${errnoName(made.errno)})`,
    { details: { path: target, syscall: made.syscall, errno: errnoName(made.errno) } },
  )
}

/** What this host has not, where the failed call tells. */
function lacking({ syscall, errno }: Refusal): string | undefined {
  if (errno === ERRNO.ENOSYS) return 'the mount API of Linux 5.2'
  if (syscall !== 'mount' || errno !== ERRNO.EINVAL) return undefined
  return 'a root directory that is a mount point, which that of a chroot is not'
}
