// The option string of an overlay mount, as mount(8), the kernel and fuse-overlayfs read it: commas part the options,
// colons the lower directories, and a backslash takes the meaning of either away (ovl_next_opt and
// ovl_parse_param_split_lowerdirs of fs/overlayfs/params.c).
// Knows the words; which view can do what they ask for is not known here.

import { InvalidArgumentError } from '../../errors.ts'
import { MOUNT_FLAGS } from '../../sys/mount-flags.ts'
import type { IDRange, OwnerMapping } from '../fuse/owner-map.ts'

export interface OverlayOptions {
  /** Nearest first. */
  readonly lowers: readonly string[]
  /** Both or none; none is read-only. */
  readonly upper?: string
  readonly work?: string
  /** `ro`: also with an upper directory. */
  readonly readOnly: boolean
  /** nosuid, noatime, sync and the like, for any file system; a later one wins. */
  readonly flags: readonly string[]
  /** redirect_dir, index, metacopy, xino, volatile, userxattr, whiteouts ...: name to value, '' for a word alone. */
  readonly features: ReadonlyMap<string, string>
  /** allow_other: FUSE's word for "not for me alone". */
  readonly forOthers: boolean
  /** uidmapping, gidmapping, squash_to_root, squash_to_uid, squash_to_gid, as fuse-overlayfs has them. */
  readonly owners?: OwnerMapping
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
  // Ours: `names` of the image spec besides the marks, as containers-storage unpacks layers for a mount_program.
  whiteouts: ['marks', 'names'],
}

/** Who may mount it is for mount(8) to say; these say besides what such a mount may not hold, unless a later word does. */
const IMPLIED: Readonly<Record<string, readonly string[]>> = {
  user: ['nosuid', 'nodev', 'noexec'],
  users: ['nosuid', 'nodev', 'noexec'],
  owner: ['nosuid', 'nodev'],
  group: ['nosuid', 'nodev'],
}

/** For mount(8) and whoever reads an fstab, or what holds of every view anyway. */
const FSTAB_ONLY =
  /^(?:defaults|default_permissions|auto|noauto|nouser|nousers|noowner|nogroup|nofail|_netdev|comment(?:=.*)?|[xX]-.*)$/s

/** @throws InvalidArgumentError ERR_OPTION, naming the option */
export function parseOverlayOptions(text: string): OverlayOptions {
  let lowers: string[] | undefined
  const added: string[] = []
  const places = new Map<'upperdir' | 'workdir', string>()
  const features = new Map<string, string>()
  const flags: string[] = []
  let readOnly = false
  let forOthers = false
  const owners: { -readonly [Key in keyof OwnerMapping]: OwnerMapping[Key] } = {}
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
    else if (name === 'uidmapping') owners.uids = rangesOf(name, value)
    else if (name === 'gidmapping') owners.gids = rangesOf(name, value)
    else if (option === 'squash_to_root') owners.squashUid = owners.squashGid = 0
    else if (name === 'squash_to_uid') owners.squashUid = idOf(name, value)
    else if (name === 'squash_to_gid') owners.squashGid = idOf(name, value)
    else if (name === 'fsync') setFsync(features, value)
    else if (MOUNT_FLAGS.has(option)) flags.push(option)
    else if (IMPLIED[option] !== undefined) flags.push(...IMPLIED[option])
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
    ...(Object.keys(owners).length === 0 ? {} : { owners }),
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

/** fuse-overlayfs's word for volatile, which podman's default configuration has. */
function setFsync(features: Map<string, string>, value: string): void {
  if (value === '0') features.set('volatile', '')
  else if (value === '1') features.delete('volatile')
  else throw refused('fsync', `expected 0, 1, got '${value}'`)
}

/** `DISK:SHOWN:COUNT`, one after the other. */
function rangesOf(name: string, value: string): IDRange[] {
  const numbers = value.split(':').map((text) => idOf(name, text))
  if (numbers.length % 3 !== 0) {
    throw refused(name, `expected ON-DISK:SHOWN:COUNT, and more of them behind, got '${value}'`)
  }
  return Array.from({ length: numbers.length / 3 }, (_, at) => ({
    disk: numbers[at * 3]!,
    shown: numbers[at * 3 + 1]!,
    count: numbers[at * 3 + 2]!,
  }))
}

function idOf(name: string, text: string): number {
  const id = /^[0-9]{1,10}$/.test(text) ? Number(text) : NaN
  if (id < 2 ** 32 - 1) return id
  throw refused(name, `expected a number below 4294967295, got '${text}'`)
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
