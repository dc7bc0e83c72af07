// A template's value as one line of JSON, as Go's encoding/json writes it, but for raw characters that a terminal would
// obey (C1 controls, bidirectional overrides): those are escaped, which is the same JSON.

import { encodeGoJSON } from '../library/documents.ts'
import type { GoJson } from '../../src/index.ts'
import { safeJSON } from '../format/safe-text.ts'
import { concrete, GoMap, GoNamed, GoNil, GoSlice, GoStruct } from './go-value.ts'
import type { GoValue } from './go-value.ts'

export function encodeJSON(value: GoValue): string {
  // docker's rows marshal themselves, as a map and with `<none>` as \u003cnone\u003e; all else keeps `<`.
  const isRow = value instanceof GoStruct && value.methods
  return safeJSON(encodeGoJSON(plain(value), { escapeHTML: isRow }))
}

function plain(given: GoValue): GoJson {
  const value = concrete(given)
  if (value === undefined || value instanceof GoNil) return null
  if (value instanceof GoSlice) return value.isNil ? null : value.items.map(plain)
  if (value instanceof GoMap) return value.isNil ? null : plainObject(value.entries)
  if (value instanceof GoStruct) {
    if (value.methods) return plainObject(value.json)
    return new Map([...value.json].map(([key, item]) => [key, plain(item)] as const))
  }
  return value instanceof GoNamed ? value.value : value
}

function plainObject(entries: ReadonlyMap<string, GoValue>): GoJson {
  const object = Object.create(null) as Record<string, GoJson>
  for (const [key, item] of entries) object[key] = plain(item)
  return object
}
