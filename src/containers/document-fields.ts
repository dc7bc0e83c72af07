// A field of one of docker's documents, by the type that it is read as: what is not there, is null, or is of another type
// is empty, as Go's zero values are. Which fields there are is not known here.

import { isArray, isObject, ownField, type JsonObject, type JsonValue } from '../image/json.ts'

export function numberAt(object: JsonObject, key: string): number {
  const value = ownField(object, key)
  return typeof value === 'number' ? value : 0
}

export function textAt(object: JsonObject, key: string): string {
  const value = ownField(object, key)
  return typeof value === 'string' ? value : ''
}

export function objectAt(object: JsonObject, key: string): JsonObject {
  const value = ownField(object, key)
  return isObject(value) ? value : {}
}

export function listAt(object: JsonObject, key: string): readonly JsonValue[] {
  const value = ownField(object, key)
  return isArray(value) ? value : []
}

export function textsAt(object: JsonObject, key: string): readonly string[] {
  return listAt(object, key).filter((each) => typeof each === 'string')
}
