// A path inside a layer, byte for byte. Names in a tar or on a Linux disk are bytes, not text, so shale keeps them as
// `latin1` strings: one char per byte, cheap as Map keys, and exact for names that are no UTF-8.
// Pure: knows slashes, `.` and `..`; never looks at a disk.

declare const brand: unique symbol

/** A path whose chars are bytes (0..255). Never print it: use `pathText`. */
export type BytePath = string & { readonly [brand]: 'BytePath' }

/** As a tar or a directory has it: every byte is kept. */
export function pathFromBytes(bytes: Uint8Array): BytePath {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(
    'latin1',
  ) as BytePath
}

/** From ordinary text (a command line, JSON): its UTF-8 bytes. */
export function pathFromText(text: string): BytePath {
  // eslint-disable-next-line no-control-regex
  if (!/[^\x00-\x7f]/.test(text)) return text as BytePath
  return Buffer.from(text, 'utf8').toString('latin1') as BytePath
}

export function pathBytes(path: BytePath): Buffer {
  return Buffer.from(path, 'latin1')
}

/** For people and for JSON: UTF-8 where the bytes are UTF-8, U+FFFD elsewhere. */
export function pathText(path: BytePath): string {
  // Most names are ASCII: then the latin1 string is the text already.
  // eslint-disable-next-line no-control-regex
  if (!/[\x80-\xff]/.test(path)) return path
  return Buffer.from(path, 'latin1').toString('utf8')
}

/**
 * Lexical cleaning as tar names want it: no leading or trailing slash, no empty, `.` components; `..` takes one
 * component back. The root is ''. `escapes` tells that a `..` had nothing left to take.
 */
export function cleanPath(path: BytePath): { path: BytePath; escapes: boolean } {
  if (isClean(path)) return { path, escapes: false }
  const out: string[] = []
  let escapes = false
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    if (part !== '..') out.push(part)
    else if (out.pop() === undefined) escapes = true
  }
  return { path: out.join('/') as BytePath, escapes }
}

/** The common case without a split: no doubled, leading or trailing slash, and no component that starts with a dot-only name. */
function isClean(path: string): boolean {
  if (path === '') return true
  if (path.charCodeAt(0) === 47 || path.charCodeAt(path.length - 1) === 47) return false
  if (path.charCodeAt(0) === 46 || path.includes('/.') || path.includes('//')) return false
  return true
}

export function dirname(path: BytePath): BytePath {
  const slash = path.lastIndexOf('/')
  return (slash < 0 ? '' : path.slice(0, slash)) as BytePath
}

export function basename(path: BytePath): BytePath {
  return path.slice(path.lastIndexOf('/') + 1) as BytePath
}

export function joinPath(dir: BytePath, name: BytePath): BytePath {
  return (dir === '' ? name : `${dir}/${name}`) as BytePath
}

/** Byte order, as strcmp(3) and Go's sort have it; latin1 chars compare as bytes. */
export function comparePaths(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
