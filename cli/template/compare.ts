// eq, lt and their kin: only like with like, and nil with anything that can be nil.

import { formatValue, show } from './go-format.ts'
import {
  compareBytes,
  concrete,
  GoMap,
  GoNamed,
  GoNil,
  GoSlice,
  GoStruct,
  typeName,
} from './go-value.ts'
import type { GoAny, GoValue } from './go-value.ts'
import { FunctionFailure } from './template-error.ts'
import { plainFlags } from './verb-flags.ts'

type Basic = 'bool' | 'int' | 'float' | 'string' | undefined

function basicKind(value: GoValue): Basic {
  switch (typeof value) {
    case 'boolean':
      return 'bool'
    case 'bigint':
      return 'int'
    case 'number':
      return 'float'
    case 'string':
      return 'string'
    default:
      return undefined
  }
}

function isNil(value: GoValue): boolean {
  if (value instanceof GoSlice || value instanceof GoMap) return value.isNil
  return value === undefined || value instanceof GoNil
}

/** Go's kind of what is no basic value, for telling whether two can be compared. */
function otherKind(value: GoValue): string {
  if (value instanceof GoSlice) return 'slice'
  if (value instanceof GoMap) return 'map'
  if (value instanceof GoStruct && !value.pointer) return 'struct'
  return value === undefined ? 'invalid' : 'pointer'
}

/** Go formats the value with %s here. */
function asText(value: GoValue): string {
  return formatValue(value, 's', plainFlags(), 0)
}

/** A duration compares as the int that it is. */
function comparable(given: GoValue): Exclude<GoValue, GoAny> {
  const value = concrete(given)
  return value instanceof GoNamed && typeof value.value === 'bigint' ? value.value : value
}

export function equalValues(a: GoValue, b: GoValue): boolean {
  const left = comparable(a)
  const right = comparable(b)
  const kind = basicKind(left)
  if (kind !== basicKind(right)) {
    if (left !== undefined && right !== undefined) {
      throw new FunctionFailure('incompatible types for comparison')
    }
    return false
  }
  if (kind !== undefined) return left === right
  const kinds = [otherKind(left), otherKind(right)]
  if (kinds[0] !== kinds[1] && !kinds.includes('invalid')) {
    throw new FunctionFailure(
      `non-comparable types ${asText(left)}: ${typeName(left)}, ${typeName(right)}: ${show(right)}`,
    )
  }
  if (isNil(left) || isNil(right)) return isNil(left) === isNil(right)
  if (right instanceof GoSlice || right instanceof GoMap) {
    throw new FunctionFailure(`non-comparable type ${asText(right)}: ${typeName(right)}`)
  }
  return left === right
}

/** Negative, zero or positive. */
export function compareValues(a: GoValue, b: GoValue): number {
  const left = comparable(a)
  const right = comparable(b)
  const kind = basicKind(left)
  const otherKind = basicKind(right)
  if (kind === undefined || otherKind === undefined) {
    throw new FunctionFailure('invalid type for comparison')
  }
  if (kind !== otherKind) throw new FunctionFailure('incompatible types for comparison')
  if (kind === 'bool') throw new FunctionFailure('invalid type for comparison')
  if (typeof left === 'string') return compareBytes(left, right as string)
  const x = left as bigint | number
  const y = right as bigint | number
  return x < y ? -1 : x > y ? 1 : 0
}
