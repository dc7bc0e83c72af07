// JSON out of an archive: bounded before it is parsed, and read so that a key such as `__proto__` or `toString` is a
// key like any other. Knows types and where a value stood; what the values mean is config.ts's and manifest.ts's.

import { ArchiveError, LimitError } from '../errors.ts'

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject
export interface JsonObject {
  readonly [key: string]: JsonValue
}

export interface JSONLimits {
  /** Of one document. Default 4 MiB, as engines have it (containers/image: MaxConfigBodySize, MaxManifestBodySize). */
  readonly jsonBytesMax: number
  /** Objects and arrays in each other. Default 64. */
  readonly jsonDepthMax: number
  /** Values of one document. Default 250,000: an empty object of three bytes takes sixty of memory. */
  readonly jsonValuesMax: number
}

export const DEFAULT_JSON_LIMITS: JSONLimits = {
  jsonBytesMax: 4 << 20,
  jsonDepthMax: 64,
  jsonValuesMax: 250_000,
}

/** For documents that were let in already: whoever raised a bound to load an image must be able to use it. */
export const NO_JSON_LIMITS: JSONLimits = {
  jsonBytesMax: Infinity,
  jsonDepthMax: Infinity,
  jsonValuesMax: Infinity,
}

export type DocumentCode = 'ERR_CONFIG' | 'ERR_MANIFEST' | 'ERR_NOT_AN_IMAGE'

/**
 * @param label what is read, for messages: `image config sha256:...`, `index.json`
 * @throws LimitError ERR_JSON_MAX
 * @throws ArchiveError with the given code when it is not JSON
 */
export function parseJSON(
  bytes: Uint8Array,
  label: string,
  code: DocumentCode,
  limits: JSONLimits = DEFAULT_JSON_LIMITS,
): JsonValue {
  checkJSONBytes(bytes.byteLength, label, limits)
  checkShape(bytes, label, limits)
  try {
    // Invalid UTF-8 becomes U+FFFD, as in Go; a byte order mark stays and is a syntax error, as in Go.
    return JSON.parse(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)) as JsonValue
  } catch (cause) {
    // The parser's own message quotes the input; the cause keeps it for those who ask.
    throw new ArchiveError(code, `cannot read ${label}: it is not JSON`, { cause })
  }
}

/** @throws LimitError ERR_JSON_MAX; to be asked before a byte is read */
export function checkJSONBytes(sizeBytes: number, label: string, limits: JSONLimits): void {
  const { jsonBytesMax } = limits
  if (sizeBytes <= jsonBytesMax) return
  const reason = `it has ${sizeBytes} bytes, and ${jsonBytesMax} is the limit`
  throw jsonLimit(label, 'json-bytes', reason, jsonBytesMax, sizeBytes)
}

/** JSON.parse itself survives any depth, but whoever walks the result may not; and small text makes large objects. */
function checkShape(bytes: Uint8Array, label: string, limits: JSONLimits): void {
  const { jsonDepthMax, jsonValuesMax } = limits
  let depth = 0
  let values = 1
  let inString = false
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]
    if (inString) {
      if (byte === 0x5c) i++
      else if (byte === 0x22) inString = false
    } else if (byte === 0x22) inString = true
    else if (byte === 0x2c) values++
    else if (byte === 0x7b || byte === 0x5b) {
      values++
      if (++depth > jsonDepthMax) {
        const reason = `it is nested deeper than ${jsonDepthMax} levels`
        throw jsonLimit(label, 'json-depth', reason, jsonDepthMax, depth)
      }
    } else if (byte === 0x7d || byte === 0x5d) depth--
  }
  if (values > jsonValuesMax) {
    const reason = `it has ${values} values, and ${jsonValuesMax} is the limit`
    throw jsonLimit(label, 'json-values', reason, jsonValuesMax, values)
  }
}

export function jsonLimit(
  label: string,
  name: string,
  reason: string,
  limit: number,
  actual: number,
): LimitError {
  return new LimitError('ERR_JSON_MAX', `cannot read ${label}: ${reason}`, {
    details: { name, limit, actual },
  })
}

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function isArray(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value)
}

/** Own keys only: `constructor` is absent from `{}`. */
export function ownField(object: JsonObject, name: string): JsonValue | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined
}

/** The fields of one JSON object, read with Go's leniency (null is absent) and strictness (types must fit). */
export class JsonFields {
  readonly object: JsonObject
  readonly label: string
  readonly where: string
  readonly code: DocumentCode

  /** @param where path of the object inside the document: '' at its top, `rootfs`, `layers[2]` */
  constructor(value: JsonValue | undefined, label: string, code: DocumentCode, where = '') {
    this.label = label
    this.where = where
    this.code = code
    if (!isObject(value)) {
      const place = where === '' ? '' : `${where}: `
      throw new ArchiveError(
        code,
        `cannot read ${label}: ${place}expected an object, not ${kind(value)}`,
        {
          details: { field: where },
        },
      )
    }
    this.object = value
  }

  get(name: string): JsonValue | undefined {
    return ownField(this.object, name) ?? undefined
  }

  has(name: string): boolean {
    return this.get(name) !== undefined
  }

  /** An error about one field, in the one message form. */
  wrong(name: string, reason: string): ArchiveError {
    const field = this.path(name)
    return new ArchiveError(this.code, `cannot read ${this.label}: ${field}: ${reason}`, {
      details: { field },
    })
  }

  /**
   * Go matches keys without regard to case, so to docker `Layers` is `layers` too: such a document reads two ways.
   * @param known the keys that are asked for
   */
  refuseFoldedKeys(known: readonly string[]): void {
    for (const key of Object.keys(this.object)) {
      const meant = known.find((name) => name.length === key.length && folded(name) === folded(key))
      if (meant !== undefined && meant !== key) {
        throw this.wrong(key.slice(0, 100), `engines would take it for ${meant}`)
      }
    }
  }

  path(name: string): string {
    return this.where === '' ? name : `${this.where}.${name}`
  }

  string(name: string): string | undefined {
    const value = this.get(name)
    if (value === undefined || typeof value === 'string') return value
    throw this.wrong(name, `expected a string, not ${kind(value)}`)
  }

  boolean(name: string): boolean | undefined {
    const value = this.get(name)
    if (value === undefined || typeof value === 'boolean') return value
    throw this.wrong(name, `expected true or false, not ${kind(value)}`)
  }

  integer(name: string): number | undefined {
    const value = this.get(name)
    if (value === undefined || (typeof value === 'number' && Number.isSafeInteger(value)))
      return value
    throw this.wrong(name, `expected a whole number, not ${kind(value)}`)
  }

  array(name: string): readonly JsonValue[] | undefined {
    const value = this.get(name)
    if (value === undefined || Array.isArray(value))
      return value as readonly JsonValue[] | undefined
    throw this.wrong(name, `expected an array, not ${kind(value)}`)
  }

  strings(name: string): readonly string[] | undefined {
    return this.array(name)?.map((item, index) => {
      if (typeof item === 'string') return item
      throw this.wrong(`${name}[${index}]`, `expected a string, not ${kind(item)}`)
    })
  }

  fields(name: string): JsonFields | undefined {
    const value = this.get(name)
    if (value === undefined) return undefined
    return new JsonFields(value, this.label, this.code, this.path(name))
  }

  list(name: string): readonly JsonFields[] | undefined {
    return this.array(name)?.map(
      (item, index) => new JsonFields(item, this.label, this.code, this.path(`${name}[${index}]`)),
    )
  }

  /** An object whose values are all strings; the copy has no prototype, so any key is safe to ask for. */
  stringMap(name: string): Readonly<Record<string, string>> | undefined {
    const fields = this.fields(name)
    if (fields === undefined) return undefined
    const map = Object.create(null) as Record<string, string>
    for (const key of Object.keys(fields.object)) {
      // Go reads null into a string as the empty string.
      map[key] = fields.string(key) ?? ''
    }
    return map
  }
}

function kind(value: JsonValue | undefined): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'object') return 'an object'
  const text = JSON.stringify(value)
  return text.length > 80 ? `${text.slice(0, 80)}...` : text
}

/** As Go folds: to it the long s is an s, and the sign for kelvin a k. */
function folded(key: string): string {
  return key.toUpperCase().toLowerCase()
}
