// A template's value as one line of JSON, as Go's encoding/json writes it.

import { encodeGoJSON } from '../../src/index.ts'
import type { GoJson } from '../../src/index.ts'
import { concrete, GoMap, GoNamed, GoNil, GoSlice, GoStruct } from './go-value.ts'
import type { GoValue } from './go-value.ts'

/** @param escapeHTML `<`, `>`, `&` as \u003c ...: off in the function `json`, on in rows of `--format json` */
export function encodeJSON(value: GoValue, escapeHTML: boolean): string {
  return encodeGoJSON(plain(value), { escapeHTML })
}

function plain(given: GoValue): GoJson {
  const value = concrete(given)
  if (value === undefined || value instanceof GoNil) return null
  if (value instanceof GoSlice) return value.isNil ? null : value.items.map(plain)
  if (value instanceof GoMap) {
    if (value.isNil) return null
    const object = Object.create(null) as Record<string, GoJson>
    for (const [key, item] of value.entries) object[key] = plain(item)
    return object
  }
  if (value instanceof GoStruct) {
    return new Map([...value.json].map(([key, item]) => [key, plain(item)] as const))
  }
  return value instanceof GoNamed ? value.value : value
}
