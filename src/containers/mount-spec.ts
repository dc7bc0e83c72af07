// `--mount type=...,source=...,target=...`: what docker's client reads of it, what docker's daemon refuses of it, and
// the object that stands for it in HostConfig.Mounts and in a mount point's Spec.
// Source: docker/cli opts/mount.go, moby volume/mounts/linux_parser.go. What dockerd 20.10 has no place for in its
// documents (`volume-subpath`, `bind-recursive=readonly`) is refused: it would be lost.
// Makes no volume and looks at no path of the host.

import path from 'node:path'
import type { GoJson } from '../image/go-json.ts'
import { csvRecord } from './csv-record.ts'
import { cleanPlace, whyNoPlace } from './mount-place.ts'
import { parseBytes } from './quantity.ts'
import { parseTruth } from './go-boolean.ts'
import { wrongArgument, wrongOption } from './wrong-option.ts'

export interface MountSpec {
  readonly type: 'bind' | 'volume' | 'tmpfs'
  /** A path of the host, a volume's name, or '' for a volume without one. */
  readonly source: string
  /** As given. */
  readonly target: string
  /** Absolute and clean. */
  readonly destination: string
  readonly readOnly: boolean
  readonly consistency?: string
  readonly bind?: { readonly propagation?: string; readonly nonRecursive?: boolean }
  readonly volume?: VolumeOptions
  readonly tmpfs?: { readonly bytes?: number; readonly mode?: number }
}

export interface VolumeOptions {
  readonly noCopy?: boolean
  readonly labels?: Readonly<Record<string, string>>
  /** '' for docker's own. */
  readonly driver?: string
  readonly options?: Readonly<Record<string, string>>
}

type Draft = { -readonly [Key in keyof Omit<MountSpec, 'type'>]: MountSpec[Key] } & { type: string }
type Refuse = (reason: string) => Error

const CONSISTENCIES = ['default', 'consistent', 'cached', 'delegated']
const PROPAGATION = /^r?(shared|slave|private)$/

/** @throws InvalidArgumentError ERR_OPTION in docker's words */
export function parseMountSpec(text: string): MountSpec {
  const refuse: Refuse = (reason) => wrongArgument('mount', text, reason)
  const fields = csvRecord(text)
  if (typeof fields === 'string') throw refuse(fields)
  const draft: Draft = { type: 'volume', source: '', target: '', destination: '', readOnly: false }
  for (const field of fields) readField(draft, field, refuse)
  if (draft.type === '') throw refuse('type is required')
  if (draft.target === '') throw refuse('target is required')
  for (const kind of ['volume', 'bind', 'tmpfs'] as const)
    if (draft[kind] && draft.type !== kind)
      throw refuse(`cannot mix '${kind}-*' options with mount type '${draft.type}'`)
  const reason = whyUnmountable(draft)
  if (reason !== undefined)
    throw wrongOption('mount', text, `invalid mount config for type "${draft.type}": ${reason}`)
  return { ...draft, destination: cleanPlace(draft.target) } as MountSpec
}

/** docker's client speaks of a driver as soon as it speaks of any option of a volume. */
const NO_DRIVER: VolumeOptions = { driver: '' }
/** Flags stand without a value. */
const FLAGS = new Set(['readonly', 'ro', 'volume-nocopy', 'bind-nonrecursive'])

function readField(draft: Draft, field: string, refuse: Refuse): void {
  const equals = field.indexOf('=')
  const key = (equals < 0 ? field : field.slice(0, equals)).toLowerCase()
  if (equals < 0 && !FLAGS.has(key))
    throw refuse(`invalid field '${field}' must be a key=value pair`)
  const value = equals < 0 ? 'true' : field.slice(equals + 1)
  const wrong = (expected = ''): Error => refuse(`invalid value for ${key}: ${value}${expected}`)
  const truth = (): boolean => {
    const parsed = parseTruth(value)
    if (parsed === undefined) throw wrong()
    return parsed
  }
  switch (key) {
    case 'type':
      draft.type = value.toLowerCase()
      return
    case 'source':
    case 'src':
      draft.source = /^\.(\/|$)/.test(value) ? path.resolve(value) : value
      return
    case 'target':
    case 'dst':
    case 'destination':
      draft.target = value
      return
    case 'readonly':
    case 'ro':
      draft.readOnly = truth()
      return
    case 'consistency':
      draft.consistency = value.toLowerCase()
      if (!CONSISTENCIES.includes(draft.consistency)) throw wrong(oneOf(CONSISTENCIES))
      return
    case 'bind-propagation':
      draft.bind = { ...draft.bind, propagation: value.toLowerCase() }
      return
    case 'bind-nonrecursive':
      draft.bind = { ...draft.bind, nonRecursive: truth() }
      return
    case 'bind-recursive':
      if (value !== 'enabled' && value !== 'disabled') throw wrong(oneOf(['enabled', 'disabled']))
      draft.bind = { ...draft.bind, nonRecursive: value === 'disabled' }
      return
    case 'volume-nocopy':
      draft.volume = { ...NO_DRIVER, ...draft.volume, noCopy: truth() }
      return
    case 'volume-label':
      draft.volume = {
        ...NO_DRIVER,
        ...draft.volume,
        labels: withPair(draft.volume?.labels, value),
      }
      return
    case 'volume-driver':
      draft.volume = { ...NO_DRIVER, ...draft.volume, driver: value }
      return
    case 'volume-opt':
      draft.volume = {
        ...NO_DRIVER,
        ...draft.volume,
        options: withPair(draft.volume?.options, value),
      }
      return
    case 'tmpfs-size': {
      const bytes = parseBytes(value)
      if (bytes === undefined) throw wrong()
      draft.tmpfs = { ...draft.tmpfs, bytes }
      return
    }
    case 'tmpfs-mode':
      if (!/^[0-7]{1,10}$/.test(value)) throw wrong()
      draft.tmpfs = { ...draft.tmpfs, mode: parseInt(value, 8) }
      return
    default:
      throw refuse(`unexpected key '${key}' in '${field}'`)
  }
}

function oneOf(values: readonly string[]): string {
  return `, expected one of ${values.join(', ')}`
}

/** The last of a key counts, and a pair without a key is none. */
function withPair(
  map: Readonly<Record<string, string>> = {},
  text: string,
): Readonly<Record<string, string>> {
  const equals = text.indexOf('=')
  const key = equals < 0 ? text : text.slice(0, equals)
  return key === '' ? map : { ...map, [key]: equals < 0 ? '' : text.slice(equals + 1) }
}

/** moby validateMountConfigImpl, but for what it looks up on the host. */
function whyUnmountable({ type, source, target, bind }: Draft): string | undefined {
  if (type !== 'bind' && type !== 'volume' && type !== 'tmpfs') return 'mount type unknown'
  const place = whyNoPlace(target)
  if (place !== undefined) return place
  if (type === 'tmpfs') return source === '' ? undefined : 'field Source must not be specified'
  if (type === 'volume') return undefined
  if (source === '') return 'field Source must not be empty'
  if (!source.startsWith('/')) return `invalid mount path: '${source}' mount path must be absolute`
  const propagation = bind?.propagation ?? ''
  return propagation === '' || PROPAGATION.test(propagation)
    ? undefined
    : `invalid propagation mode: ${propagation}`
}

type Fields = readonly (readonly [string, GoJson | undefined])[]

/** As Go marshals mount.Mount: what is empty is left out, an options object stands where one of its options was given. */
export function mountSpecJson(spec: MountSpec): GoJson {
  const { bind, volume, tmpfs } = spec
  return filled([
    ['Type', spec.type],
    ['Source', spec.source],
    ['Target', spec.target],
    ['ReadOnly', spec.readOnly],
    ['Consistency', spec.consistency],
    [
      'BindOptions',
      bind &&
        filled([
          ['Propagation', bind.propagation],
          ['NonRecursive', bind.nonRecursive],
        ]),
    ],
    [
      'VolumeOptions',
      volume &&
        filled([
          ['NoCopy', volume.noCopy],
          ['Labels', isEmpty(volume.labels) ? undefined : volume.labels],
          [
            'DriverConfig',
            volume.driver === undefined
              ? undefined
              : filled([
                  ['Name', volume.driver],
                  ['Options', isEmpty(volume.options) ? undefined : volume.options],
                ]),
          ],
        ]),
    ],
    [
      'TmpfsOptions',
      tmpfs &&
        filled([
          ['SizeBytes', tmpfs.bytes],
          ['Mode', tmpfs.mode],
        ]),
    ],
  ])
}

function isEmpty(map: object | undefined): boolean {
  return map === undefined || Object.keys(map).length === 0
}

function filled(fields: Fields): ReadonlyMap<string, GoJson> {
  return new Map(fields.filter((field): field is readonly [string, GoJson] => Boolean(field[1])))
}
