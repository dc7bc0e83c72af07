// An overlay of any directories, with any of the kernel's options: what mount(8) does with `-t overlay`.
// Knows the kernel's calls; which options there are, and what they mean, is the caller's.

import { UnsupportedError } from '../errors.ts'
import { ERRNO } from './errno.ts'
import { cText, checked, libc } from './libc.ts'
import type { Parameter } from './make-mount.ts'
import {
  OPTIONS_BYTES_MAX,
  asksFor,
  mountAttributes,
  mountFlags,
  superblockWords,
} from './mount-flags.ts'
import { mountOneLower } from './mount-one-lower.ts'
import { escapeOption, fits, mountByApi, mountError, takesSingleLowers } from './mount.ts'

export interface DirectoriesMount {
  /** Nearest first; absolute. */
  readonly lowers: readonly string[]
  readonly upper?: string
  readonly work?: string
  /** Name and value, '' for a word alone. */
  readonly features: readonly Parameter[]
  /** nosuid, noatime, sync, ro ... */
  readonly flags: readonly string[]
  /** As mount tables show it. */
  readonly source: string
}

/** @throws UnsupportedError ERR_OVERLAY_UNAVAILABLE, HostError */
export async function mountDirectories(mount: DirectoriesMount, target: string): Promise<void> {
  const { lowers, upper, work, features, flags, source } = mount
  const places: Parameter[] =
    upper === undefined || work === undefined
      ? []
      : [
          ['upperdir', upper],
          ['workdir', work],
        ]
  const words = upper === undefined ? ['ro', ...flags] : flags
  // Mount attributes alone would leave out sync and its kin, which are of the file system.
  const parameters: Parameter[] = [
    ['source', source],
    ...superblockWords(words).map((word): Parameter => [word, '']),
    ...features,
    ...places,
  ]
  // The mount API has no name for it, and would mount without.
  const isVersioned = asksFor(words, 'iversion')
  const [lower, second] = lowers
  if (upper === undefined && lower !== undefined && second === undefined) {
    if (isVersioned) {
      const reason = 'only mount(2) has iversion, and it takes no directory alone'
      throw new UnsupportedError(
        'ERR_OVERLAY_UNAVAILABLE',
        `cannot mount ${target}: ${reason}; leave it out, or name an empty directory as a second one`,
        { details: { path: target, reason } },
      )
    }
    const attributes = mountAttributes(words)
    return mountOneLower({ lower, options: parameters, attributes }, target)
  }
  if (!isVersioned && takesSingleLowers() && fits({ lowers }, parameters)) {
    // Some sandboxes let mount(2) pass and know nothing of its successor.
    if (mountByApi({ lowers }, parameters, target, words) !== -ERRNO.ENOSYS) return
  }
  const text = [
    ...features.map(([name, value]) => (value === '' ? name : `${name}=${value}`)),
    `lowerdir=${lowers.map(escapeOption).join(':')}`,
    ...places.map(([name, value]) => `${name}=${escapeOption(value)}`),
  ].join(',')
  if (Buffer.byteLength(text) > OPTIONS_BYTES_MAX) {
    const taker = isVersioned
      ? 'mount(2) takes, and nothing else has iversion'
      : 'this kernel takes; Linux 6.8 has no such limit'
    throw new UnsupportedError(
      'ERR_OVERLAY_UNAVAILABLE',
      `cannot mount ${target}: its ${lowers.length} directories need more than the ${OPTIONS_BYTES_MAX} bytes of options that ${taker}`,
      { details: { path: target, limit: OPTIONS_BYTES_MAX, actual: Buffer.byteLength(text) } },
    )
  }
  const type = cText('overlay')
  const result = checked(
    libc().mount(cText(source), cText(target), type, mountFlags(words), cText(text)),
  )
  if (result < 0) throw mountError(target, 'mount', -result)
}
