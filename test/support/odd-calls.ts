// Each call of node:fs/promises and of a FileHandle with odd arguments among right ones, and what came of it as one line of
// text, to be compared with another tree's at the same place.

import type fs from 'node:fs'
import { inspect } from 'node:util'
import fc from 'fast-check'
import {
  BYTES,
  BYTE_PATHS,
  COPY_OPTIONS,
  DATA,
  ENCODINGS,
  FILE_OPTIONS,
  FLAGS,
  LISTING_OPTIONS,
  LISTS,
  PATHS,
  PLACES,
  STAT_OPTIONS,
  TEXTS,
  THINGS,
  TIMES,
  TREE_OPTIONS,
  type Argument,
} from './odd-arguments.ts'

type Promises = typeof fs.promises
type Methods = Readonly<Record<string, (...args: unknown[]) => Promise<unknown>>>

interface Parameter {
  readonly usual: Argument
  readonly odd: readonly Argument[]
}

export interface OddCall {
  readonly name: string
  readonly args: readonly Argument[]
}

/** Any root will do to look at one. */
const without = (all: readonly Argument[], isLeftOut: (value: unknown) => boolean): Argument[] =>
  all.filter((each) => !isLeftOut(each('/')))

const ALL = [...THINGS, ...TEXTS, ...BYTES]
const isFunction = (value: unknown): boolean => typeof value === 'function'
/** These end the process of Node 20, by an assertion of its C++ (`args[1]->IsInt32()`). */
const isFatalMode = (value: unknown): boolean =>
  Object.is(value, -0) || value === 2 ** 31 || value === 2 ** 32 - 1
const isFatalLength = (value: unknown): boolean =>
  !(value === undefined || value === null || Number.isInteger(value) || typeof value === 'bigint')
const isNoText = (value: unknown): boolean => value instanceof Uint8Array && value.includes(0xff)
/** What memory does not take, and a disk does. */
const isHuge = (value: unknown): boolean => Number(value) >= 2 ** 31 && Number(value) < 2 ** 52
const hugeless = (all: readonly Argument[]): Argument[] =>
  without(all, (value) => typeof value === 'number' && isHuge(value))

const parameter = (usual: unknown, ...odd: (readonly Argument[])[]): Parameter => ({
  usual: () => usual,
  odd: odd.flat(),
})
const at = (place: string, bytes = BYTE_PATHS): Parameter => ({
  usual: (root) => `${root}${place}`,
  odd: [...PATHS, ...bytes, ...THINGS],
})

/**
 * What is left of a tree that is removed by way of what is in it (`d/..`) depends on which name comes first; of a link with a
 * slash (`dlink/`) Node tells no error, and of bytes without a Buffer's methods it tells the numbers.
 */
const isOddlyRemoved = (value: unknown): boolean =>
  typeof value === 'string'
    ? /(?:\.\.|k\/)$/.test(value)
    : value instanceof Uint8Array && !Buffer.isBuffer(value)
const TO_REMOVE: Parameter = { ...at('/empty'), odd: without(at('/').odd, isOddlyRemoved) }

const MODE = parameter(0o600, without(ALL, isFatalMode))
const SMALL_MODE = parameter(0, ALL)
const OWNER = parameter(5, ALL)
const TIME = parameter(7.5, TIMES, TIMES, TIMES, ALL)
const SIZE = parameter(3, hugeless(ALL))
const STAT = parameter(undefined, STAT_OPTIONS, ALL)
const READ = parameter(undefined, FILE_OPTIONS, FILE_OPTIONS, ALL)
const TEXT = parameter('text', DATA, DATA, ALL)
const CODED = parameter(undefined, ENCODINGS, ENCODINGS, ALL)
const LISTING = parameter(undefined, ENCODINGS, LISTING_OPTIONS, ALL)
const TREE = parameter({ recursive: true }, TREE_OPTIONS, TREE_OPTIONS, ALL)
const VIEW: Parameter = { usual: () => Buffer.from('view'), odd: [...PLACES, ...ALL] }
const VIEWS: Parameter = { usual: () => [Buffer.alloc(3), Buffer.alloc(1)], odd: LISTS }
const POSITION = parameter(2, hugeless(without(ALL, (value) => typeof value === 'bigint')))
/** Of text it is the position. */
const OFFSET = parameter(1, PLACES, hugeless(THINGS), TEXTS)

const PROMISES: Readonly<Record<string, readonly Parameter[]>> = {
  access: [at('/file'), SMALL_MODE],
  appendFile: [at('/file'), TEXT, READ],
  chmod: [at('/file'), MODE],
  chown: [at('/file'), OWNER, OWNER],
  copyFile: [at('/file'), at('/none'), SMALL_MODE],
  // Its names must be text.
  cp: [at('/file', []), at('/none', []), parameter({}, COPY_OPTIONS, COPY_OPTIONS, ALL)],
  lchmod: [at('/file'), MODE],
  lchown: [at('/link'), OWNER, OWNER],
  link: [at('/file'), at('/none')],
  lstat: [at('/link'), STAT],
  lutimes: [at('/link'), TIME, TIME],
  mkdir: [at('/none'), parameter(0o700, TREE_OPTIONS, without(ALL, isFatalMode))],
  // What is no text cannot be removed by its text.
  mkdtemp: [at('/none', without(BYTE_PATHS, isNoText)), CODED],
  open: [
    at('/file'),
    parameter(
      'r',
      FLAGS,
      FLAGS,
      without(ALL, (v) => Object.is(v, -0)),
    ),
    MODE,
  ],
  // A callback in place of the options gets what its promise is waited for.
  opendir: [at('/d'), parameter(undefined, ENCODINGS, without(ALL, isFunction))],
  readFile: [at('/file'), READ],
  readdir: [at('/d'), LISTING],
  readlink: [at('/link'), CODED],
  realpath: [at('/link'), CODED],
  rename: [at('/file'), at('/none')],
  rm: [TO_REMOVE, TREE],
  rmdir: [TO_REMOVE, TREE],
  stat: [at('/file'), STAT],
  statfs: [at('/file'), STAT],
  symlink: [
    parameter('text', TEXTS, THINGS),
    at('/none'),
    parameter(null, ALL, [() => 'dir', () => 'file', () => 'junction', () => 'Dir']),
  ],
  truncate: [at('/file'), SIZE],
  unlink: [at('/file')],
  utimes: [at('/file'), TIME, TIME],
  writeFile: [at('/file'), TEXT, READ],
}

/** Of bytes the length, of text the encoding. */
const CODING = parameter(
  2,
  ENCODINGS,
  without(ALL, (value) => Object.is(value, -0)),
)
const LENGTH = parameter(2, without(ALL, isFatalLength))

const OF_HANDLES: Readonly<Record<string, readonly Parameter[]>> = {
  appendFile: [TEXT, READ],
  chmod: [MODE],
  chown: [OWNER, OWNER],
  datasync: [],
  read: [VIEW, OFFSET, LENGTH, POSITION],
  readFile: [READ],
  readv: [VIEWS, POSITION],
  stat: [STAT],
  sync: [],
  truncate: [SIZE],
  utimes: [TIME, TIME],
  write: [VIEW, OFFSET, CODING, POSITION],
  writeFile: [TEXT, READ],
  writev: [VIEWS, POSITION],
}

const SPECS = [
  ...Object.entries(PROMISES),
  ...Object.entries(OF_HANDLES).map(
    ([name, parameters]) => [`handle.${name}`, parameters] as const,
  ),
]

/** Most arguments are right: of several wrong ones only the first is told. */
const oddCall = ([name, parameters]: (typeof SPECS)[number]): fc.Arbitrary<OddCall> =>
  fc
    .tuple(
      ...parameters.map(({ usual, odd }) =>
        fc.oneof(
          { weight: 2, arbitrary: fc.constant(usual) },
          { weight: 1, arbitrary: fc.constantFrom(...odd) },
        ),
      ),
    )
    .map((args) => ({ name, args }))

/** What a refused copy leaves of its target is taken away, by one name: it must have no other. */
function hasOneName(list: readonly OddCall[]): boolean {
  const names = new Set(list.map(({ name }) => name))
  return !(names.has('link') && names.has('copyFile'))
}

export const oddCalls: fc.Arbitrary<OddCall[]> = fc
  .array(fc.oneof(...SPECS.map(oddCall)), { minLength: 1, maxLength: 4 })
  .filter(hasOneName)

export function describeCall({ name, args }: OddCall, root: string): string {
  const shown = args.map((each) => inspect(each(root), { depth: 1, breakLength: Infinity }))
  return `${name}(${shown.join(', ')})`
}

export async function performOdd(
  promises: Promises,
  { name, args }: OddCall,
  root: string,
): Promise<string> {
  const values = args.map((each) => each(root))
  try {
    if (name.startsWith('handle.'))
      return await performOfHandle(promises, name.slice(7), values, root)
    const result = await (promises as unknown as Methods)[name]!(...values)
    return name === 'mkdtemp' ? await temporary(promises, result, values[1]) : await show(result)
  } catch (error) {
    if (name === 'copyFile') await promises.rm(values[1] as string, { force: true }).catch(() => {})
    return shownError(error)
  }
}

async function performOfHandle(
  promises: Promises,
  name: string,
  values: readonly unknown[],
  root: string,
): Promise<string> {
  await using handle = await promises.open(`${root}/file`, 'r+')
  await handle.read(Buffer.alloc(1))
  const result = await (handle as unknown as Methods)[name]!(...values)
  // Where it stands now.
  return `${await show(result)}, then ${await show(await handle.read(Buffer.alloc(2)))}`
}

/** The six letters are a matter of chance; told in whichever encoding, they end there. */
async function temporary(promises: Promises, made: unknown, options: unknown): Promise<string> {
  const isNamed = typeof options === 'object' && options !== null && 'encoding' in options
  const encoding = (isNamed ? options.encoding : options) as BufferEncoding
  const isText = typeof made === 'string'
  const isKnown = isText && encoding && Buffer.isEncoding(encoding)
  const path = isText ? Buffer.from(made, isKnown ? encoding : 'utf8') : (made as Buffer)
  await promises.rmdir(path)
  return `${typeof made} ${textOf(path.subarray(0, -6))}`
}

function shownError(error: unknown): string {
  if (!(error instanceof Error)) return `threw ${String(error)}`
  const { name, code, message, syscall, errno, path, dest, cause } =
    error as NodeJS.ErrnoException & { dest?: string }
  // What a mistake of ours would look like is told by its words too; Node's own are V8's.
  const shown = { name, code, message, syscall, errno, path, dest, cause: String(cause) }
  const text = inspect(shown)
  // Its last try.
  return syscall === 'mkdtemp' && path ? text.replaceAll(path.slice(-6), 'XXXXXX') : text
}

async function show(value: unknown): Promise<string> {
  if (typeof value !== 'object' || value === null) return `${typeof value} ${String(value)}`
  if (Array.isArray(value)) return `[${(await Promise.all(value.map(show))).sort().join(', ')}]`
  if (ArrayBuffer.isView(value))
    return `${value.constructor.name} ${textOf(value as NodeJS.ArrayBufferView)}`
  if ('mtimeMs' in value) return shownStats(value as fs.Stats)
  if ('bavail' in value) return `statfs of ${typeof value.bavail}`
  if ('isFIFO' in value) return shownEntry(value as fs.Dirent)
  if ('readv' in value) return shownHandle(value as fs.promises.FileHandle)
  if ('readSync' in value) {
    const entries: string[] = []
    for await (const entry of value as fs.Dir) entries.push(shownEntry(entry))
    return `${inspect((value as fs.Dir).path)}: ${entries.sort().join(', ')}`
  }
  const fields = Object.entries(value).map(async ([name, each]) => `${name} ${await show(each)}`)
  return (await Promise.all(fields)).join(', ')
}

/** What can be done with it. */
async function shownHandle(handle: fs.promises.FileHandle): Promise<string> {
  const out: string[] = []
  for (const use of [
    () => handle.stat(),
    () => handle.read(Buffer.alloc(2)),
    () => handle.write('Z'),
    () => handle.chmod(0o640),
    () => handle.sync(),
  ]) {
    out.push(await use().then(show, shownError))
  }
  await handle.close()
  return out.join('; ')
}

function shownStats(stats: fs.Stats | fs.BigIntStats): string {
  const { mode, size, mtimeMs } = stats
  const rest = stats.isDirectory() ? [] : [String(size), shownTime(Number(mtimeMs))]
  return [typeof mode, mode.toString(8), ...rest].join(' ')
}

function shownEntry(entry: fs.Dirent): string {
  return inspect([entry.name, entry.parentPath, entry.isDirectory()])
}

const shownTime = (ms: number): string => (Math.abs(ms - Date.now()) < 3e6 ? 'now' : String(ms))

const textOf = (view: NodeJS.ArrayBufferView): string =>
  Buffer.from(view.buffer, view.byteOffset, view.byteLength).toString('latin1')

/** All that is there now, a line for each name. */
export async function describePlace(promises: Promises, at: Buffer): Promise<string[]> {
  const stats = await promises.lstat(at, { bigint: true })
  const { uid, gid, mtimeNs, nlink } = stats
  const line = [textOf(at), stats.mode.toString(8), uid, gid]
  if (stats.isSymbolicLink()) line.push(textOf(await promises.readlink(at, 'buffer')))
  if (stats.isFile()) line.push(nlink, textOf(await promises.readFile(at)))
  if (!stats.isDirectory()) {
    const ms = Number(mtimeNs / 1_000_000n)
    return [[...line, shownTime(ms) === 'now' ? 'now' : mtimeNs].join(' ')]
  }
  const lines: string[] = [line.join(' ')]
  const names = await promises.readdir(at, 'buffer')
  for (const name of names.sort((a, b) => a.compare(b))) {
    lines.push(...(await describePlace(promises, Buffer.concat([at, Buffer.from('/'), name]))))
  }
  return lines
}
