// `-v`: a volume, a directory of the host or nothing in particular, to be seen at a path of the container.
// Parses docker's short syntax and says what docker records of it; makes no volume and mounts nothing.

import path from 'node:path'
import { InvalidArgumentError } from '../errors.ts'

export interface Bind {
  readonly kind: 'volume' | 'host'
  /** A volume's name, or a path of the host. */
  readonly source: string
  /** In the container; absolute and clean. */
  readonly destination: string
  /** As given: `ro`, `z,rw`; '' for none. */
  readonly mode: string
  readonly writable: boolean
}

const VOLUME_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/
const PROPAGATIONS = ['shared', 'slave', 'private', 'rshared', 'rslave', 'rprivate']
const MODES = new Set(['rw', 'ro', 'z', 'Z', 'nocopy', ...PROPAGATIONS])

/**
 * @param text `PATH` (undefined is returned: a volume without a name), `VOLUME:PATH[:MODE]`, `/HOST:PATH[:MODE]`
 * @throws InvalidArgumentError ERR_OPTION in docker's words
 */
export function parseBind(text: string): Bind | { readonly anonymous: string } {
  const parts = text.split(':')
  if (parts.length > 3 || parts.includes('')) throw refuse(text)
  if (parts.length === 1) return { anonymous: destinationOf(text, text) }
  const [source, place, mode = ''] = parts as [string, string, string?]
  // `PATH:ro` is no volume named PATH: docker refuses it as well.
  if (parts.length === 2 && !place.startsWith('/')) throw refuse(text)
  const modes = mode === '' ? [] : mode.split(',')
  if (modes.some((each) => !MODES.has(each))) {
    throw new InvalidArgumentError('ERR_OPTION', `invalid mode: ${mode}`, {
      details: { option: 'volume', value: text },
    })
  }
  const isHost = source.startsWith('/')
  if (!isHost && !VOLUME_NAME.test(source)) {
    throw new InvalidArgumentError(
      'ERR_OPTION',
      `create ${source}: ${JSON.stringify(source)} includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
      { details: { option: 'volume', value: text } },
    )
  }
  return {
    kind: isHost ? 'host' : 'volume',
    source: isHost ? clean(source) : source,
    destination: destinationOf(place, text),
    mode,
    writable: !modes.includes('ro'),
  }
}

/** As `HostConfig.Binds` has it. */
export function bindText({ source, destination, mode }: Bind): string {
  return [source, destination, ...(mode === '' ? [] : [mode])].join(':')
}

function destinationOf(place: string, text: string): string {
  if (!place.startsWith('/')) {
    throw new InvalidArgumentError(
      'ERR_OPTION',
      `invalid volume specification: '${text}': invalid mount config for type "volume": invalid mount path: '${place}' mount path must be absolute`,
      { details: { option: 'volume', value: text } },
    )
  }
  const destination = clean(place)
  if (destination === '/') {
    throw new InvalidArgumentError(
      'ERR_OPTION',
      `invalid volume specification: '${text}': invalid specification: destination can't be '/'`,
      { details: { option: 'volume', value: text } },
    )
  }
  return destination
}

function clean(place: string): string {
  return path.posix.normalize(place).replace(/(.)\/$/, '$1')
}

function refuse(text: string): InvalidArgumentError {
  return new InvalidArgumentError('ERR_OPTION', `invalid volume specification: '${text}'`, {
    details: { option: 'volume', value: text },
  })
}
