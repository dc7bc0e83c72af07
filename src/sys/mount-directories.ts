// An overlay of any directories, with any of the kernel's options: what mount(8) does with `-t overlay`.
// Knows the kernel's calls; which options there are, and what they mean, is the caller's.

import { OPTIONS_BYTES_MAX, setMountFlags } from './mount-flags.ts'
import { UnsupportedError } from '../errors.ts'
import { ERRNO } from './errno.ts'
import { cText, checked, libc } from './libc.ts'
import {
  bindReadOnly,
  escapeOption,
  fits,
  mountByApi,
  mountError,
  takesSingleLowers,
} from './mount.ts'

export interface DirectoriesMount {
  /** Nearest first. */
  readonly lowers: readonly string[]
  readonly upper?: string
  readonly work?: string
  /** Name and value, '' for a word alone. */
  readonly features: readonly (readonly [string, string])[]
  /** nosuid, noatime, ro ... */
  readonly flags: readonly string[]
}

/** @throws UnsupportedError ERR_OVERLAY_UNAVAILABLE, HostError */
export function mountDirectories(mount: DirectoriesMount, target: string): void {
  const { lowers, upper, work, features, flags } = mount
  const places: [string, string][] =
    upper === undefined || work === undefined
      ? []
      : [
          ['upperdir', upper],
          ['workdir', work],
        ]
  if (upper === undefined && lowers.length === 1) {
    // Overlay refuses to merge one directory with nothing; it shows the same as that directory.
    bindReadOnly(lowers[0]!, target)
  } else if (!mountSingly(mount, places, target)) {
    const text = [
      ...features.map(([name, value]) => (value === '' ? name : `${name}=${value}`)),
      `lowerdir=${lowers.map(escapeOption).join(':')}`,
      ...places.map(([name, value]) => `${name}=${escapeOption(value)}`),
    ].join(',')
    if (Buffer.byteLength(text) > OPTIONS_BYTES_MAX) {
      throw new UnsupportedError(
        'ERR_OVERLAY_UNAVAILABLE',
        `cannot mount ${target}: its ${lowers.length} directories need more than the ${OPTIONS_BYTES_MAX} bytes of options that this kernel takes; Linux 6.8 has no such limit`,
        { details: { path: target, limit: OPTIONS_BYTES_MAX, actual: Buffer.byteLength(text) } },
      )
    }
    const type = cText('overlay')
    const result = checked(libc().mount(type, cText(target), type, 0, cText(text)))
    if (result < 0) throw mountError(target, 'mount', -result)
  }
  const readOnly = upper === undefined ? ['ro'] : []
  const flagged = setMountFlags(target, [...readOnly, ...flags])
  if (flagged < 0) throw mountError(target, 'mount', -flagged)
}

/** By the mount API, which says why where it refuses. @returns false where there is none */
function mountSingly(
  { lowers, upper, features }: DirectoriesMount,
  places: readonly [string, string][],
  target: string,
): boolean {
  const options = [...features.map(([name, value]): [string, string] => [name, value]), ...places]
  const spec = { lowers, ...(upper === undefined ? {} : { upper }) }
  if (!takesSingleLowers() || !fits(spec, options)) return false
  // Some sandboxes let mount(2) pass and know nothing of its successor.
  return mountByApi(spec, options, target) !== -ERRNO.ENOSYS
}
