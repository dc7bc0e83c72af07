// The bounds that an archive meets when nobody sets others: each far above any real image, and together such that memory,
// time and disk stay finite for archives that are not real. One table: the library's keys, the command line's names.
// Knows numbers; each bound is held where the thing is counted.

import { InvalidArgumentError } from '../errors.ts'
import { DEFAULT_JSON_LIMITS, type JSONLimits } from '../image/json.ts'
import { DEFAULT_TAR_LIMITS } from '../tar/entry.ts'
import type { ApplyLimits } from './layer-job.ts'

export const DEFAULT_APPLY_LIMITS: ApplyLimits = {
  ...DEFAULT_TAR_LIMITS,
  layerBytesMax: 2 ** 38,
  totalBytesMax: 2 ** 40,
  expansionMax: 200,
  expansionFromBytes: 256 << 20,
  nameBytesMax: 16 << 20,
}

/** What `load` and `import` let an archive do; Infinity is no bound. */
export interface LoadLimits extends ApplyLimits, JSONLimits {
  /** Bytes of all documents of one archive: manifests, indexes, configs. Default 32 MiB. */
  readonly jsonTotalBytesMax: number
  /** Members of an archive, not of its layers. Default 100,000: an image of 125 layers has about 400. */
  readonly membersMax: number
  /** Layers of an image. Default 125, docker's own bound: dockerd refuses more. */
  readonly layersMax: number
  /** New layers of all images of an archive. Default 5,000. */
  readonly archiveLayersMax: number
  /** Names of all images of an archive. Default 10,000: each is listed by every `images` from then on. */
  readonly namesMax: number
}

/** What holds where nobody says otherwise: docs/limits.md tells why. */
export const DEFAULT_LOAD_LIMITS: LoadLimits = {
  ...DEFAULT_APPLY_LIMITS,
  ...DEFAULT_JSON_LIMITS,
  jsonTotalBytesMax: 32 << 20,
  membersMax: 100_000,
  layersMax: 125,
  archiveLayersMax: 5000,
  namesMax: 10_000,
}

/** Names as `--limit NAME=VALUE` takes them and errors give them in `details.name`. docs/limits.md says what each is. */
export const LIMIT_KEYS: Readonly<Record<string, keyof LoadLimits>> = {
  'total-bytes': 'totalBytesMax',
  'layer-bytes': 'layerBytesMax',
  expansion: 'expansionMax',
  'expansion-from': 'expansionFromBytes',
  entries: 'entriesMax',
  'path-bytes': 'pathBytesMax',
  'path-depth': 'pathDepthMax',
  'name-bytes': 'nameBytesMax',
  'pax-bytes': 'extensionBytesMax',
  'xattr-bytes': 'xattrBytesMax',
  members: 'membersMax',
  layers: 'layersMax',
  'archive-layers': 'archiveLayersMax',
  names: 'namesMax',
  'json-bytes': 'jsonBytesMax',
  'json-depth': 'jsonDepthMax',
  'json-values': 'jsonValuesMax',
  'json-total': 'jsonTotalBytesMax',
}

const SUFFIXES: Readonly<Record<string, number>> = {
  '': 1,
  K: 2 ** 10,
  M: 2 ** 20,
  G: 2 ** 30,
  T: 2 ** 40,
}

/**
 * @param texts `NAME=VALUE`: a whole number, with K, M, G or T for powers of 1024, or `unlimited`; the last of a name counts
 * @throws InvalidArgumentError ERR_OPTION
 */
export function parseLimits(texts: readonly string[]): Partial<LoadLimits> {
  const limits: Partial<Record<keyof LoadLimits, number>> = {}
  for (const text of texts) {
    const equals = text.indexOf('=')
    const name = equals < 0 ? text : text.slice(0, equals)
    if (!Object.hasOwn(LIMIT_KEYS, name)) {
      throw wrong(
        text,
        `there is no limit of that name; there are ${Object.keys(LIMIT_KEYS).join(', ')}`,
      )
    }
    limits[LIMIT_KEYS[name]!] = equals < 0 ? NaN : valueOf(text.slice(equals + 1))
    if (Number.isNaN(limits[LIMIT_KEYS[name]!])) {
      throw wrong(
        text,
        'expected NAME=NUMBER, with K, M, G or T behind it if need be, or NAME=unlimited',
      )
    }
  }
  return limits
}

function valueOf(text: string): number {
  if (text === 'unlimited') return Infinity
  const [, digits, suffix = ''] = /^(\d{1,15})([KMGT]?)$/i.exec(text) ?? []
  const value = digits === undefined ? NaN : Number(digits) * SUFFIXES[suffix.toUpperCase()]!
  return value >= 1 && Number.isSafeInteger(value) ? value : NaN
}

function wrong(text: string, reason: string): InvalidArgumentError {
  return new InvalidArgumentError(
    'ERR_OPTION',
    `cannot set limit ${JSON.stringify(text)}: ${reason}`,
  )
}

/**
 * The given bounds over the defaults.
 * @throws InvalidArgumentError ERR_OPTION for what is no bound
 */
export function settleLimits(given: Partial<LoadLimits> = {}): LoadLimits {
  for (const [key, value] of Object.entries(given)) {
    const isBound = value === Infinity || (Number.isSafeInteger(value) && value >= 1)
    if (!Object.hasOwn(DEFAULT_LOAD_LIMITS, key) || !isBound) {
      throw new InvalidArgumentError(
        'ERR_OPTION',
        `cannot set limit ${key} to ${String(value)}: expected a whole number from 1, or Infinity, for one of ${Object.keys(DEFAULT_LOAD_LIMITS).join(', ')}`,
      )
    }
  }
  return { ...DEFAULT_LOAD_LIMITS, ...given }
}
