// The names with which a layer tar says "removed" and "hide what is below", as the OCI image spec has them (layer.md,
// "Whiteouts"), with AUFS's own leftovers and the names that could only mean harm.
// Pure: reads a name; whether the entry's type fits, and what it does to a tree, is for others.

import type { BytePath } from '../path/byte-path.ts'

export const WHITEOUT_PREFIX: BytePath = '.wh.' as BytePath
export const OPAQUE_NAME: BytePath = '.wh..wh..opq' as BytePath
const AUFS_PREFIX = '.wh..wh.'

export type WhiteoutName =
  | { readonly kind: 'plain' }
  /** `.wh..wh..opq`: its directory hides all lower siblings. */
  | { readonly kind: 'opaque' }
  /** `.wh.NAME`: NAME is removed. */
  | { readonly kind: 'whiteout'; readonly name: BytePath }
  /** Other `.wh..wh.*`: AUFS's bookkeeping, in no merge; kept in the tar only. */
  | { readonly kind: 'aufs' }
  /** Would remove nothing, the directory itself, or its parent. umoci takes the bare `.wh.` as opaque; nobody else does. */
  | { readonly kind: 'bad'; readonly reason: string }

const PLAIN: WhiteoutName = { kind: 'plain' }
const OPAQUE: WhiteoutName = { kind: 'opaque' }
const AUFS: WhiteoutName = { kind: 'aufs' }

/** @param name one component, no slash */
export function classifyWhiteout(name: BytePath): WhiteoutName {
  if (!name.startsWith(WHITEOUT_PREFIX)) return PLAIN
  if (name === OPAQUE_NAME) return OPAQUE
  if (name.startsWith(AUFS_PREFIX)) return AUFS
  const removed = name.slice(WHITEOUT_PREFIX.length)
  if (removed === '') return { kind: 'bad', reason: 'it names nothing' }
  if (removed === '.') return { kind: 'bad', reason: 'it names its own directory' }
  if (removed === '..') return { kind: 'bad', reason: 'it names the parent of its directory' }
  return { kind: 'whiteout', name: removed as BytePath }
}

/** The tar name that removes `name`. */
export function whiteoutOf(name: BytePath): BytePath {
  return (WHITEOUT_PREFIX + name) as BytePath
}
