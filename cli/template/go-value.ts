// The values a template sees, as Go sees them: JSON alone does not tell an int from a float, a nil map from none at
// all, or a struct (a missing field is an error) from a map (a missing key is `<no value>`).
// Knows the kinds of value and their Go type names; what templates do with them is evaluator.ts's.

/**
 * `undefined` is Go's invalid reflect.Value, "no value"; bigint is int; number is float64. The classes are what
 * JavaScript has no kind for.
 */
export type GoValue =
  | undefined
  | boolean
  | string
  | bigint
  | number
  | GoSlice
  | GoMap
  | GoStruct
  | GoNil
  | GoNamed
  | GoAny

/** A value held in an `interface {}`, as every element of a generic JSON map or array is; `undefined` is nil. */
export class GoAny {
  readonly inner: Exclude<GoValue, GoAny>
  constructor(inner: Exclude<GoValue, GoAny>) {
    this.inner = inner
  }
}

export class GoSlice {
  /** Go type of the elements: `string`, `interface {}`. */
  readonly elem: string
  readonly items: readonly GoValue[]
  readonly isNil: boolean
  constructor(elem: string, items: readonly GoValue[] | null) {
    this.elem = elem
    this.items = items ?? []
    this.isNil = items === null
  }
}

/** Methods from one string to another, which a template calls with an argument and JSON leaves out. */
export type TextMethods = ReadonlyMap<string, (argument: string) => string>

/** A map with string keys, the only ones that JSON has. */
export class GoMap {
  readonly elem: string
  readonly entries: ReadonlyMap<string, GoValue>
  readonly isNil: boolean
  readonly textMethods: TextMethods
  constructor(
    elem: string,
    entries: ReadonlyMap<string, GoValue> | null,
    textMethods: TextMethods = new Map(),
  ) {
    this.elem = elem
    this.entries = entries ?? new Map()
    this.isNil = entries === null
    this.textMethods = textMethods
  }
}

export interface GoStructFacts {
  /** As Go names it, without a `*`: `container.Config`. */
  readonly type: string
  readonly pointer?: boolean
  /** In the order of declaration. */
  readonly fields: ReadonlyMap<string, GoValue>
  /** Names and values as JSON; the fields when absent. */
  readonly json?: ReadonlyMap<string, GoValue>
  /** The fields are methods, as in the rows of `docker images`. */
  readonly methods?: boolean
  readonly textMethods?: TextMethods
}

export class GoStruct {
  readonly type: string
  readonly pointer: boolean
  readonly fields: ReadonlyMap<string, GoValue>
  readonly json: ReadonlyMap<string, GoValue>
  readonly methods: boolean
  readonly textMethods: TextMethods
  constructor(facts: GoStructFacts) {
    this.type = facts.type
    this.pointer = facts.pointer ?? false
    this.fields = facts.fields
    this.json = facts.json ?? facts.fields
    this.methods = facts.methods ?? false
    this.textMethods = facts.textMethods ?? new Map()
  }
}

/** A nil pointer to a struct. */
export class GoNil {
  readonly type: string
  readonly fields: ReadonlySet<string>
  constructor(type: string, fields: Iterable<string> = []) {
    this.type = type
    this.fields = new Set(fields)
  }
}

/** A value whose type prints by its own String method: time.Duration, time.Time. */
export class GoNamed {
  readonly type: string
  /** As JSON has it, and as it compares. */
  readonly value: bigint | string
  readonly text: string
  constructor(type: string, value: bigint | string, text: string) {
    this.type = type
    this.value = value
    this.text = text
  }
}

/** Takes the interface off, as Go does between the steps of a pipeline. */
export function concrete(value: GoValue): Exclude<GoValue, GoAny> {
  return value instanceof GoAny ? value.inner : value
}

/** Go's name of the value's type; the type of an interface is the interface's. */
export function typeName(value: GoValue): string {
  if (value === undefined) return '<nil>'
  switch (typeof value) {
    case 'boolean':
      return 'bool'
    case 'string':
      return 'string'
    case 'bigint':
      return 'int'
    case 'number':
      return 'float64'
    default:
      return objectType(value)
  }
}

function objectType(value: GoSlice | GoMap | GoStruct | GoNil | GoNamed | GoAny): string {
  if (value instanceof GoAny) return 'interface {}'
  if (value instanceof GoSlice) return `[]${value.elem}`
  if (value instanceof GoMap) return `map[string]${value.elem}`
  if (value instanceof GoNamed) return value.type
  if (value instanceof GoNil) return `*${value.type}`
  return value.pointer ? `*${value.type}` : value.type
}

/** The zero value of a type: what Go gives for a key that a map does not have. */
export function zeroOf(type: string): GoValue {
  if (type === 'string') return ''
  if (type === 'bool') return false
  if (type === 'int' || type === 'int64') return 0n
  if (type === 'float64') return 0
  if (type.startsWith('[]')) return new GoSlice(type.slice(2), null)
  if (type.startsWith('map[string]')) return new GoMap(type.slice(11), null)
  if (type === 'struct {}') return new GoStruct({ type, fields: new Map() })
  return new GoAny(undefined)
}

/** JSON as Go decodes it into an `interface {}`, but for whole numbers, which are ints and print as such. */
export function fromJSON(value: unknown): Exclude<GoValue, GoAny> {
  if (value === null || value === undefined) return undefined
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value
  if (typeof value === 'string' || typeof value === 'boolean' || typeof value === 'bigint') {
    return value
  }
  if (Array.isArray(value)) {
    return new GoSlice(
      'interface {}',
      value.map((item) => new GoAny(fromJSON(item))),
    )
  }
  if (isGoObject(value)) return value
  const entries = Object.entries(value).map(
    ([key, item]) => [key, new GoAny(fromJSON(item))] as const,
  )
  return new GoMap('interface {}', new Map(entries))
}

function isGoObject(value: unknown): value is GoSlice | GoMap | GoStruct | GoNil | GoNamed {
  return (
    value instanceof GoNamed ||
    value instanceof GoSlice ||
    value instanceof GoMap ||
    value instanceof GoStruct ||
    value instanceof GoNil
  )
}

export function stringSlice(items: readonly string[] | null): GoSlice {
  return new GoSlice('string', items)
}

export function stringMap(object: Readonly<Record<string, string>> | null): GoMap {
  return new GoMap('string', object === null ? null : new Map(Object.entries(object)))
}

/** Map entries in the order in which Go's template package and fmt walk them: by the bytes of the key. */
export function sortedEntries(map: GoMap): (readonly [string, GoValue])[] {
  return [...map.entries].sort(([a], [b]) => compareBytes(a, b))
}

export function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a, 'utf8'), Buffer.from(b, 'utf8'))
}

/** Go's truth: empty and zero are false, a struct is always true. */
export function isTrue(given: GoValue): boolean {
  const value = concrete(given)
  if (value === undefined || value instanceof GoNil) return false
  if (value instanceof GoSlice) return value.items.length > 0
  if (value instanceof GoMap) return value.entries.size > 0
  if (value instanceof GoStruct) return true
  if (value instanceof GoNamed) return value.value !== 0n
  return value !== '' && value !== false && value !== 0n && value !== 0
}
