// Layers out of a seed: files of sizes as images have them, half text and half noise so that gzip finds what it finds in
// programs, links, and removals of what the layer below brought. The same seed gives the same bytes everywhere.

import { pathFromText } from '../src/path/byte-path.ts'
import type { TarEntryInit } from '../src/tar/writer.ts'
import { seededRandom, type Random } from './random.ts'

export interface LayerShape {
  readonly seed: number
  readonly files: number
  /** Median of the sizes, which scatter around it by a factor of ten and more; exact where `exactSizes`. */
  readonly fileBytes: number
  readonly exactSizes?: boolean
  /** Nothing but files and their directories: links and modes are left out. */
  readonly filesOnly?: boolean
  /** Files of the layer below that this one removes. */
  readonly removes?: readonly string[]
}

const FILES_PER_DIRECTORY = 40
const MTIME_NS = 1_700_000_000n * 1_000_000_000n
const POOL_BYTES = 4 << 20

export function filePath(shape: LayerShape, index: number): string {
  const directory = Math.trunc(index / FILES_PER_DIRECTORY)
  return `srv/l${shape.seed}/d${directory % 23}/e${directory}/file-${index}`
}

/** In the order of an ordinary layer tar: a directory before what is in it. */
export function* layerEntries(shape: LayerShape): Generator<TarEntryInit> {
  const random = seededRandom(shape.seed)
  const pool = contentPool(random)
  const made = new Set<string>()
  let last: TarEntryInit | undefined
  for (let i = 0; i < shape.files; i++) {
    const file = filePath(shape, i)
    yield* directories(file, made)
    const time = MTIME_NS + BigInt(random.integer(1_000_000_000))
    if (shape.filesOnly !== true && i % 50 === 49) {
      yield {
        path: pathFromText(file),
        type: 'symlink',
        mode: 0o777,
        linkPath: pathFromText('file-0'),
        mtimeNs: time,
      }
    } else if (shape.filesOnly !== true && i % 100 === 98 && last !== undefined) {
      // As tar programs write it: owner, mode and time of the file that it is another name of.
      const { path: linkPath, body: _body, sizeBytes: _size, ...same } = last
      yield { ...same, path: pathFromText(file), type: 'hardlink', linkPath }
    } else {
      const sizeBytes =
        shape.exactSizes === true ? shape.fileBytes : scattered(shape.fileBytes, random)
      last = {
        path: pathFromText(file),
        mode: i % 7 === 0 ? 0o755 : 0o644,
        uid: i % 11 === 0 ? 1000 : 0,
        gid: i % 11 === 0 ? 1000 : 0,
        mtimeNs: time,
        sizeBytes,
        body: content(pool, sizeBytes, random),
      }
      yield last
    }
  }
  for (const file of shape.removes ?? []) {
    yield* directories(file, made)
    const slash = file.lastIndexOf('/') + 1
    yield {
      path: pathFromText(`${file.slice(0, slash)}.wh.${file.slice(slash)}`),
      body: new Uint8Array(0),
    }
  }
}

function* directories(file: string, made: Set<string>): Generator<TarEntryInit> {
  for (let slash = file.indexOf('/'); slash >= 0; slash = file.indexOf('/', slash + 1)) {
    const dir = file.slice(0, slash + 1)
    if (made.has(dir)) continue
    made.add(dir)
    yield { path: pathFromText(dir), type: 'directory', mode: 0o755, mtimeNs: MTIME_NS }
  }
}

/** Log-normal, as file sizes are: most near the median, a few a hundred times as large. */
function scattered(median: number, random: Random): number {
  const normal =
    Math.sqrt(-2 * Math.log(1 - random.fraction())) * Math.cos(2 * Math.PI * random.fraction())
  return Math.round(median * Math.exp(1.5 * normal))
}

const WORDS = [
  'return',
  'const',
  'layer',
  'static',
  'digest',
  'include',
  'import',
  'struct',
  'the',
  'of',
  'and',
  'size',
  'offset',
  'function',
  'number',
  'string',
  '0x00',
  '(self)',
  '->',
  '= {',
  '};\n',
  '\n  ',
  '/usr/lib/',
  'undefined',
  'error',
  'if (',
]

/** Half words, half noise in runs: deflate takes it to some 45 % of its size. */
function contentPool(random: Random): Buffer {
  const pool = Buffer.alloc(POOL_BYTES)
  for (let at = 0; at < POOL_BYTES;) {
    const end = Math.min(POOL_BYTES, at + 256 + random.integer(2048))
    if (random.integer(100) < 35) {
      for (; at < end; at++) pool[at] = random.integer(256)
    } else {
      while (at < end)
        at += pool.write(`${WORDS[random.integer(WORDS.length)]!} `, at, 'latin1') || 1
    }
  }
  return pool
}

const PIECE_BYTES = 1 << 20

/** Windows of the pool at odd places: far longer than deflate's own window, so that it does not see them again. */
function* content(pool: Buffer, sizeBytes: number, random: Random): Generator<Uint8Array> {
  for (let left = sizeBytes; left > 0;) {
    const length = Math.min(left, PIECE_BYTES)
    const start = random.integer(POOL_BYTES - length + 1)
    yield pool.subarray(start, start + length)
    left -= length
  }
}
