// Arguments that no type would let through, and such as are right in an unusual way: what people hand to node:fs in
// JavaScript. Each is made anew for each call, with the place of the tree in which the call is made.

import fs from 'node:fs'
import os from 'node:os'
import { pathToFileURL } from 'node:url'

export type Argument = (root: string) => unknown

const constants = (...values: readonly unknown[]): Argument[] => values.map((value) => () => value)
const objects = (...values: readonly object[]): Argument[] =>
  values.map((value) => () => ({ ...value }))

const NUMBERS = constants(
  ...[NaN, Infinity, -Infinity, 0, -0, 1, 2, 4, 7, 8, -1, -2, 0.5, 1.5, 123_456_789],
  ...[2 ** 31, -(2 ** 31) - 1, 2 ** 32 - 1, 2 ** 32, 2 ** 40, 2 ** 53, -(2 ** 53), 1e21, -1e21],
  ...[1e300, 0n, 1n, -1n, 2n ** 64n, -(2n ** 64n)],
)

export const TEXTS: readonly Argument[] = constants(
  ...['', 'nope', 'a\0b', "it's", 'x'.repeat(40), 'x'.repeat(300), '\n', '7', '1.5', ' 12 '],
  ...['0x10', '1e3', '0o644', '644', '-644', '99', '77777777777', 'Infinity', 'NaN', '__proto__'],
)

/** Neither text nor bytes. */
export const THINGS: readonly Argument[] = [
  ...NUMBERS,
  ...constants(undefined, null, true, false, Symbol('s'), Symbol('it’s'), Map),
  () => function named() {},
  () => () => {},
  () => ({}),
  () => Object.create(null),
  () => [],
  () => ['a', 'b'],
  () => new Map(),
  () => /x/,
  () => new Error('x'),
  () => new String('x'),
  () => new Number(3),
  () => new ArrayBuffer(4),
  () => new Uint16Array([1, 2]),
  () => ({ toString: () => 'file' }),
  () => ({ valueOf: () => 5 }),
  () => ({ constructor: {} }),
  () => ({ constructor: { name: 5 } }),
  () => (function* parts() {})(),
  () => ({ href: 'x', protocol: 'http:' }),
]

export const BYTES: readonly Argument[] = [
  () => Buffer.alloc(0),
  () => Buffer.from('bytes'),
  () => Buffer.from('a\0b'),
  () => new DataView(new ArrayBuffer(3)),
  () => Buffer.from('0123456789').subarray(3, 6),
]

/** Where a call may go: nothing leads out of the tree. */
export const PATHS: readonly Argument[] = [
  ...[
    ...['/file', '/d', '/d/inner', '/link', '/dlink', '/none', '/none/x', '/file/x', '/file/'],
    ...['/d/', '/none/', '/d/.', '/d/..', '/loop', '//d///inner', '/a\0b', '/dangling', '/link/'],
    ...['/dangling/', '/dlink/', '/./file/.', '/empty', '/empty/', '/empty/.', '/empty/..', '/run'],
    ...[`/${'n'.repeat(256)}`, `/${'n'.repeat(250)}`],
  ].map((place) => (root: string) => `${root}${place}`),
  () => '',
  (root) => pathToFileURL(`${root}/file`),
  (root) => pathToFileURL(`${root}/d/`),
  () => new URL('file://host/x'),
  (root) => new URL(`file://localhost${root}/file`),
  (root) => new URL(`file://${root}/d%2Finner`),
  (root) => new URL(`file://${root}/d%2finner`),
  (root) => new URL(`file://${root}/a%00b`),
  (root) => new URL(`file://${root}/%zz`),
  (root) => new URL(`file://${root}/%ff`),
  (root) => new URL(`file://${root}/file?x#y`),
  (root) => new URL(`file://${root}/a%5Cb`),
  () => new URL('http://x/y'),
  () => new URL('data:,x'),
  (root) => ({ href: 'x', protocol: 'file:', hostname: '', pathname: `${root}/file` }),
]

export const BYTE_PATHS: readonly Argument[] = [
  ...['/file', '/none', '/d', '/link', '/a\0b', '/none/x'].map(
    (place) => (root: string) => Buffer.from(`${root}${place}`),
  ),
  () => Buffer.alloc(0),
  (root) => new Uint8Array(Buffer.from(`${root}/d`)),
  (root) => Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff, 0xfe])]),
]

export const ENCODINGS: readonly Argument[] = [
  ...constants('utf8', 'UTF8', 'UTF-8', 'hex', 'HEX', 'base64', 'base64url', 'ucs2', 'utf-16le'),
  ...constants('latin1', 'binary', 'ascii', 'buffer', 'BUFFER'),
  ...objects({ encoding: 'nope' }, { encoding: 5 }, { encoding: null }, { encoding: '' }),
  ...objects({ encoding: 'buffer' }, { encoding: 'hex' }, { encoding: {} }, { encoding: 0 }),
]

const O = fs.constants
/** Before, a file was made of that. */
const O_DIRECTORY_CREAT = isAtLeast(os.release(), 6, 4) ? O.O_DIRECTORY | O.O_CREAT : O.O_CREAT

function isAtLeast(release: string, major: number, minor: number): boolean {
  const [first = 0, second = 0] = release.split('.').map(Number)
  return first > major || (first === major && second >= minor)
}

const O_PATH = 0o10000000
const O_TMPFILE = 0o20000000 | O.O_DIRECTORY

export const FLAGS: readonly Argument[] = [
  ...constants('r', 'r+', 'w', 'w+', 'a', 'a+', 'wx', 'rs+', 'W', 'rw', 'r ', 'constructor'),
  ...constants(
    ...[O.O_DIRECTORY, O_DIRECTORY_CREAT, O_DIRECTORY_CREAT | O.O_EXCL],
    ...[O.O_DIRECTORY | O.O_RDWR, O.O_DIRECTORY | O.O_TRUNC, O.O_NOFOLLOW, O.O_EXCL, O.O_CREAT],
    ...[O.O_NOFOLLOW | O.O_DIRECTORY, O.O_CREAT | O.O_EXCL, O.O_CREAT | O.O_NOFOLLOW, O.O_TRUNC],
    ...[3, 3 | O.O_CREAT, 3 | O.O_TRUNC, O.O_APPEND, O.O_RDWR | O.O_APPEND],
    ...[O_PATH, O_PATH | O.O_NOFOLLOW, O_PATH | 1, O_PATH | O.O_DIRECTORY, O_PATH | O.O_CREAT],
    ...[O_TMPFILE, 0o20000002, O_DIRECTORY_CREAT | 2],
  ),
]

export const TIMES: readonly Argument[] = [
  () => new Date(5000),
  () => new Date(-5000.5),
  () => new Date(1_234_567_890_123),
  () => new Date(NaN),
  () => new Date(8.64e15),
  ...constants(1.7, 0.1, 1e9 + 0.123_456_7, '-1.5', '1.7', '-1e21', '1e300', 2 ** 62),
]

const ABORTED = { aborted: true }

/** Of readFile, writeFile and appendFile. */
export const FILE_OPTIONS: readonly Argument[] = [
  ...ENCODINGS,
  ...objects({ flag: 'nope' }, { flag: 2 ** 40 }, { flag: {} }, { flag: null }, { flag: '' }),
  ...objects({ flag: 'r' }, { flag: 'w' }, { flag: 'wx' }, { flag: true }, { flag: NaN }),
  ...objects({ mode: 'nope' }, { mode: -1 }, { mode: null }, { mode: '600' }, { mode: {} }),
  ...objects({ signal: null }, { signal: undefined }, { signal: 'x' }, { signal: {} }),
  ...objects({ signal: ABORTED }, { signal: () => {} }, { signal: AbortSignal.abort() }),
  ...objects({ flush: 1 }, { flush: true }, { flush: null }, { flush: 'x' }),
  () => Object.create({ encoding: 'hex', flag: 'r' }),
]

export const DATA: readonly Argument[] = [
  ...BYTES,
  () => new Set(['q', 'r']),
  () => [1, 2],
  () => [null],
  () => [[65, 66]],
  () => [new ArrayBuffer(2)],
  () => [''],
  () => Object.assign([], { 1: Buffer.alloc(1) }),
  () => ({ [Symbol.iterator]: 5 }),
  () => ({ [Symbol.iterator]: undefined }),
  () =>
    (async function* parts() {
      yield 'x'
      yield new Uint16Array([65])
    })(),
  () =>
    (function* parts() {
      yield 'x'
      throw new Error('thrown')
    })(),
]

export const TREE_OPTIONS: readonly Argument[] = objects(
  ...[true, 1, 'x', null, undefined, '', 0].map((recursive) => ({ recursive })),
  ...[true, 1, null, undefined, false].map((force) => ({ force })),
  ...[2 ** 32, null, '1', -1, 1.5, undefined].map((maxRetries) => ({ maxRetries })),
  ...[2 ** 31, null, '1', -1].map((retryDelay) => ({ retryDelay })),
  ...['700', 'x', 0o177777, null, {}, 1n].map((mode) => ({ recursive: true, mode })),
)

export const LISTING_OPTIONS: readonly Argument[] = objects(
  ...[true, 1, 'x', null].map((withFileTypes) => ({ withFileTypes })),
  { withFileTypes: true, encoding: 'buffer' },
  { withFileTypes: true, encoding: 'hex' },
)

export const STAT_OPTIONS: readonly Argument[] = objects(
  ...[true, 1, null, 'yes', {}].map((bigint) => ({ bigint })),
)

export const COPY_OPTIONS: readonly Argument[] = [
  ...['dereference', 'errorOnExist', 'force', 'preserveTimestamps', 'verbatimSymlinks'].flatMap(
    (name) => objects({ [name]: true }, { [name]: false }, { [name]: null }, { [name]: undefined }),
  ),
  ...[1, 4, 8, 0.5, '1', null, undefined, NaN].map((mode) => () => ({ mode })),
  ...objects({ filter: null }, { filter: 1 }, { filter: () => 0 }, { recursive: null }),
  () => ({ filter: () => Promise.reject(new Error('no')) }),
  () => ({ errorOnExist: true, force: false }),
  () => Object.create({ mode: 9, recursive: 'x' }),
]

/** Of read and write, as named options. */
export const PLACES: readonly Argument[] = objects(
  ...[-1, null, '1', 0.5, 100, 1].map((offset) => ({ offset })),
  ...[-1, null, 100, 0, 2].map((length) => ({ length })),
  ...[-1, null, 1, '1', 2 ** 53, 0.5, NaN, true].map((position) => ({ position })),
)

export const LISTS: readonly Argument[] = [
  () => [Buffer.from('ab'), Buffer.from('cd')],
  () => [Buffer.alloc(0)],
  () => Object.assign([], { 1: Buffer.alloc(1) }),
  () => [Buffer.alloc(1), 'x'],
  () => [new Uint16Array(2), new DataView(new ArrayBuffer(2))],
]
