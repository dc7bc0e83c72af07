// `-v`: a volume, a directory of the host or nothing in particular, to be seen at a path of the container; and
// `--volumes-from`, which takes over what another container sees so. Parses docker's short syntax and says what docker
// records of it; makes no volume and mounts nothing. Source: moby volume/mounts/linux_parser.go; docker/cli container/opts.go.

import path from 'node:path'
import { requireVolumeName } from '../volumes/create-volume.ts'
import { cleanPlace, whyNoPlace } from './mount-place.ts'
import { wrongOption } from './wrong-option.ts'

export interface Bind {
  readonly kind: 'volume' | 'host'
  /** A volume's name, or a path of the host. */
  readonly source: string
  /** In the container; absolute and clean. */
  readonly destination: string
  /** As given: `ro`, `z,rw`; '' for none. */
  readonly mode: string
  readonly writable: boolean
  /** `rslave` and the like; '' where none is asked. */
  readonly propagation: string
  /** What the image has there is not copied into the volume. */
  readonly noCopy: boolean
  /** As `HostConfig.Binds` has it. */
  readonly text: string
  /** Its two ends, as given. */
  readonly asGiven: readonly [source: string, target: string]
}

/** One of each kind may be said. */
const MODES: readonly ReadonlySet<string>[] = [
  new Set(['rw', 'ro']),
  new Set(['z', 'Z']),
  new Set(['shared', 'slave', 'private', 'rshared', 'rslave', 'rprivate']),
  new Set(['nocopy']),
  new Set(['consistent', 'cached', 'delegated']),
]
const [ACCESS, LABEL, PROPAGATION] = MODES as [Set<string>, Set<string>, Set<string>]

/**
 * @param given `PATH` (undefined is returned: a volume without a name), `VOLUME:PATH[:MODE]`, `/HOST:PATH[:MODE]`, `./HOST:PATH[:MODE]`
 * @throws InvalidArgumentError ERR_OPTION in docker's words
 */
export function parseBind(given: string): Bind | { readonly anonymous: string } {
  const text = fromHere(given)
  const parts = text.split(':')
  if (parts.length > 3 || parts.includes('')) throw refuse(text)
  if (parts.length === 1) return { anonymous: destinationOf(text, text) }
  const [source, place, mode = ''] = parts as [string, string, string?]
  // `PATH:ro` is no volume named PATH: docker refuses it as well.
  if (parts.length === 2 && !place.startsWith('/')) throw refuse(text)
  if (!isMode(mode, MODES)) throw wrongMode('volume', text, mode)
  const modes = mode.split(',')
  const isHost = source.startsWith('/')
  if (!isHost) requireVolumeName(source)
  const propagation = modes.find((each) => PROPAGATION.has(each)) ?? ''
  const noCopy = modes.includes('nocopy')
  if (isHost ? noCopy : propagation !== '') {
    const [type, field] = isHost ? ['bind', 'VolumeOptions'] : ['volume', 'BindOptions']
    const reason = `invalid mount config for type "${type}": field ${field} must not be specified`
    throw wrongOption('volume', text, `invalid volume specification: '${text}': ${reason}`)
  }
  return {
    kind: isHost ? 'host' : 'volume',
    source: isHost ? cleanPlace(source) : source,
    destination: destinationOf(place, text),
    mode,
    writable: !modes.includes('ro'),
    propagation,
    noCopy,
    text,
    asGiven: [source, place],
  }
}

/**
 * No volume's name begins with a dot, so such a source is a path from where the caller stands, as docker's client has
 * it since 23. The documents outlive that place: they get the absolute path.
 */
function fromHere(text: string): string {
  const colon = text.indexOf(':')
  if (!text.startsWith('.') || colon < 0) return text
  const source = path.resolve(text.slice(0, colon))
  if (!source.includes(':')) return source + text.slice(colon)
  throw wrongOption(
    'volume',
    text,
    `invalid volume specification: '${text}': ${source} has a colon, which ends a source there; use --mount type=bind,source=${source},target=PATH`,
  )
}

export interface VolumesFrom {
  /** A container's name or ID. */
  readonly container: string
  readonly writable: boolean
}

/** `--volumes-from CONTAINER[:ro]`. @throws InvalidArgumentError ERR_OPTION in docker's words */
export function parseVolumesFrom(text: string): VolumesFrom {
  if (text === '')
    throw wrongOption('volumes-from', text, 'volumes-from specification cannot be an empty string')
  const colon = text.indexOf(':')
  const mode = colon < 0 ? '' : text.slice(colon + 1)
  if (!isMode(mode, [ACCESS, LABEL])) throw wrongMode('volumes-from', text, mode)
  return {
    container: colon < 0 ? text : text.slice(0, colon),
    writable: !mode.split(',').includes('ro'),
  }
}

function isMode(mode: string, kinds: readonly ReadonlySet<string>[]): boolean {
  if (mode === '') return true
  const left = [...kinds]
  return mode.split(',').every((each) => {
    const index = left.findIndex((kind) => kind.has(each))
    if (index >= 0) left.splice(index, 1)
    return index >= 0
  })
}

function wrongMode(option: string, text: string, mode: string): Error {
  return wrongOption(option, text, `invalid mode: ${mode}`)
}

function destinationOf(place: string, text: string): string {
  const reason = whyNoPlace(place)
  if (reason === undefined) return cleanPlace(place)
  const where = place.startsWith('/') ? reason : `invalid mount config for type "volume": ${reason}`
  throw wrongOption('volume', text, `invalid volume specification: '${text}': ${where}`)
}

function refuse(text: string): Error {
  return wrongOption('volume', text, `invalid volume specification: '${text}'`)
}
