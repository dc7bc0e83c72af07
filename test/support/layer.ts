// Layer tars out of combinators: `layerTar(dir('etc'), file('etc/motd', 'hi'), whiteout('etc/old'))`.
// Says what a builder would say; what no builder says is made from blocks in tars.ts.

import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import type { DiffID } from '../../src/digest/digest.ts'
import { pathFromText } from '../../src/path/byte-path.ts'
import { bodyPadding, encodeHeader, END_BLOCKS, type TarEntryInit } from '../../src/tar/writer.ts'

export type LayerEntryInit = TarEntryInit & { readonly body?: Uint8Array }

/** Everything that a header can say beside name, type and content. */
export type Metadata = Pick<
  TarEntryInit,
  'mode' | 'uid' | 'gid' | 'uname' | 'gname' | 'mtimeNs' | 'atimeNs' | 'ctimeNs' | 'xattrs'
>

/** 2026-01-02T03:04:05Z: of every entry that does not say another. */
export const MTIME_NS = 1_767_323_045_000_000_000n

/** Paths are text and become UTF-8; other bytes by `{ ...file('x'), path: pathFromBytes(bytes) }`. */
function entry(path: string, init: Omit<LayerEntryInit, 'path'>): LayerEntryInit {
  return { mtimeNs: MTIME_NS, ...init, path: pathFromText(path) }
}

export function file(
  path: string,
  content: string | Uint8Array = '',
  metadata: Metadata = {},
): LayerEntryInit {
  return entry(path, { ...metadata, type: 'file', body: Buffer.from(content) })
}

/** With the trailing slash that tars give directories. */
export function dir(path: string, metadata: Metadata = {}): LayerEntryInit {
  return entry(path.endsWith('/') ? path : `${path}/`, { ...metadata, type: 'directory' })
}

export function symlink(path: string, target: string, metadata: Metadata = {}): LayerEntryInit {
  return entry(path, {
    mode: 0o777,
    ...metadata,
    type: 'symlink',
    linkPath: pathFromText(target),
  })
}

/** @param target from the top of the layer, as tar has it */
export function link(path: string, target: string, metadata: Metadata = {}): LayerEntryInit {
  return entry(path, { ...metadata, type: 'hardlink', linkPath: pathFromText(target) })
}

export function device(
  path: string,
  type: 'char' | 'block',
  devMajor: number,
  devMinor: number,
  metadata: Metadata = {},
): LayerEntryInit {
  return entry(path, { ...metadata, type, devMajor, devMinor })
}

export function fifo(path: string, metadata: Metadata = {}): LayerEntryInit {
  return entry(path, { ...metadata, type: 'fifo' })
}

/** `whiteout('etc/motd')` removes etc/motd. */
export function whiteout(path: string, metadata: Metadata = {}): LayerEntryInit {
  const slash = path.lastIndexOf('/') + 1
  const name = `${path.slice(0, slash)}.wh.${path.slice(slash)}`
  return entry(name, { mode: 0o600, ...metadata, type: 'file' })
}

/** Hides what lower layers have in `directory`; '' is the root. The directory's own entry is not part of it. */
export function opaque(directory: string, metadata: Metadata = {}): LayerEntryInit {
  const name = directory === '' ? '.wh..wh..opq' : `${directory}/.wh..wh..opq`
  return entry(name, { ...metadata, type: 'file' })
}

/** The tar, with end blocks. */
export function layerTar(...entries: readonly LayerEntryInit[]): Buffer {
  return Buffer.concat([...entries.flatMap(memberBytes), END_BLOCKS])
}

/** One member: header, body, padding. */
export function memberBytes(init: LayerEntryInit): Uint8Array[] {
  const body = init.body ?? Buffer.alloc(0)
  return [encodeHeader(init), body, bodyPadding(body.length)]
}

/** By node:crypto, so that shale's own hashing is held against another. */
export function diffIDOf(tar: Uint8Array): DiffID {
  return sha256Text(tar) as DiffID
}

export function sha256Text(bytes: Uint8Array): `sha256:${string}` {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

export function gzip(bytes: Uint8Array): Buffer {
  return gzipSync(bytes, { level: 6 })
}
