// The option string of an overlay mount, as mount(8), the kernel and fuse-overlayfs read it: commas part the options,
// colons the lower directories, and a backslash takes the meaning of either away (ovl_next_opt and
// ovl_parse_param_split_lowerdirs of fs/overlayfs/params.c).
// Knows the words; which view can do what they ask for is not known here.

import { InvalidArgumentError } from '../../errors.ts'

export interface OverlayOptions {
  /** Nearest first. */
  readonly lowers: readonly string[]
  /** Both or none; none is read-only. */
  readonly upper?: string
  readonly work?: string
  /** `ro`: also with an upper directory. */
  readonly readOnly: boolean
  /** nosuid, noatime and the like, for any file system. */
  readonly flags: readonly string[]
  /** redirect_dir, index, metacopy, xino, volatile, userxattr ...: name to value, '' for a word alone. */
  readonly features: ReadonlyMap<string, string>
  /** allow_other: FUSE's word for "not for me alone". */
  readonly forOthers: boolean
  /** `view=` in an fstab, which has no other place for it. */
  readonly view?: string
}

const ON_OFF: readonly string[] = ['on', 'off']
/** What the kernel's overlay takes besides its directories (Documentation/filesystems/overlayfs.rst). */
const FEATURES: Readonly<Record<string, readonly string[]>> = {
  redirect_dir: ['on', 'off', 'follow', 'nofollow'],
  index: ON_OFF,
  metacopy: ON_OFF,
  nfs_export: ON_OFF,
  xino: ['on', 'off', 'auto'],
  uuid: ['on', 'off', 'auto', 'null'],
  verity: ['on', 'off', 'require'],
  volatile: [''],
  userxattr: [''],
}

export const MOUNT_FLAGS: ReadonlySet<string> = new Set([
  ...['suid', 'nosuid', 'dev', 'nodev', 'exec', 'noexec', 'sync', 'async', 'dirsync'],
  ...['atime', 'noatime', 'diratime', 'nodiratime', 'relatime', 'norelatime', 'strictatime'],
])

/** For mount(8) and whoever reads an fstab; nothing is left of them when the file system is mounted. */
const FSTAB_ONLY =
  /^(?:defaults|auto|noauto|user|nouser|users|nousers|owner|group|nofail|_netdev|silent|loud|comment(?:=.*)?|[xX]-.*)$/s

/** @throws InvalidArgumentError ERR_OPTION, naming the option */
export function parseOverlayOptions(text: string): OverlayOptions {
  let lowers: string[] | undefined
  const added: string[] = []
  const places = new Map<'upperdir' | 'workdir', string>()
  const features = new Map<string, string>()
  const flags: string[] = []
  let readOnly = false
  let forOthers = false
  let view: string | undefined
  for (const option of splitUnescaped(text, ',')) {
    const equals = option.indexOf('=')
    const name = equals < 0 ? option : option.slice(0, equals)
    const value = equals < 0 ? '' : option.slice(equals + 1)
    if (option === '' || FSTAB_ONLY.test(option)) continue
    if (name === 'lowerdir') lowers = lowersOf(value)
    else if (name === 'lowerdir+') added.push(directory(name, value))
    else if (name === 'upperdir' || name === 'workdir') places.set(name, directory(name, value))
    else if (option === 'ro') readOnly = true
    else if (option === 'rw') readOnly = false
    else if (option === 'allow_other') forOthers = true
    else if (name === 'view') view = value
    else if (MOUNT_FLAGS.has(option)) flags.push(option)
    else features.set(name, featureValue(name, value))
  }
  if (lowers !== undefined && added.length > 0) {
    throw refused('lowerdir+', 'lowerdir names all of them already; give the one or the other')
  }
  const all = lowers ?? added
  if (all.length === 0) throw refused('lowerdir', 'it is missing; give at least one directory')
  const upper = places.get('upperdir')
  const work = places.get('workdir')
  if (upper !== undefined && work === undefined) {
    throw refused('upperdir', 'workdir is missing: an empty directory on the same file system')
  }
  return {
    lowers: all,
    // A workdir alone is of no use, and the kernel passes over it as well.
    ...(upper === undefined || work === undefined ? {} : { upper, work }),
    readOnly,
    flags,
    features,
    forOthers,
    ...(view === undefined ? {} : { view }),
  }
}

function featureValue(name: string, value: string): string {
  const values = FEATURES[name]
  if (values === undefined) {
    throw refused(name, 'there is no such option; see shale overlay --help for those there are')
  }
  if (values.includes(value)) return value
  const expected = values[0] === '' ? 'no value' : values.join(', ')
  throw refused(name, `expected ${expected}, got '${value}'`)
}

function lowersOf(value: string): string[] {
  const parts = splitUnescaped(value, ':')
  if (parts.some((part) => part === '') && value.includes('::')) {
    throw refused('lowerdir', 'layers that hold data alone (::) are not supported')
  }
  return parts.map((part) => directory('lowerdir', part))
}

function directory(name: string, value: string): string {
  if (value === '') throw refused(name, 'a directory is missing')
  return value.replaceAll(/\\(.)/gs, '$1')
}

/** Escapes stay in the parts. */
function splitUnescaped(text: string, separator: ',' | ':'): string[] {
  const parts: string[] = []
  let start = 0
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === separator) {
      parts.push(text.slice(start, at))
      start = at + 1
    }
  }
  return [...parts, text.slice(start)]
}

function refused(option: string, reason: string): InvalidArgumentError {
  return new InvalidArgumentError(
    'ERR_OPTION',
    `cannot take the mount option ${option}: ${reason}`,
    {
      details: { option, reason },
    },
  )
}
