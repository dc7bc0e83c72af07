// Reads what archive/metadata.ts writes: `user.containers.override_stat`, in which containers/storage and fuse-overlayfs keep the owner, mode and type
// that an ordinary user cannot give a file: `uid:gid:mode[:type]`, mode octal, type `file`, `dir`, `symlink`, `pipe`,
// `socket`, `char-MAJOR-MINOR` or `block-MAJOR-MINOR`. Without a type the file on disk is of the right one.

import type { NodeType } from '../union/layer-view.ts'

export interface OverrideStat {
  readonly uid: number
  readonly gid: number
  /** The low 12 bits. */
  readonly mode: number
  readonly type?: NodeType
  readonly devMajor: number
  readonly devMinor: number
}

const SYNTAX =
  /^(\d{1,10}):(\d{1,10}):([0-7]{1,7})(?::(?:([a-z]+)|(char|block)-(\d{1,10})-(\d{1,10})))?$/
const TYPES: Readonly<Record<string, NodeType>> = {
  file: 'file',
  dir: 'directory',
  symlink: 'symlink',
  pipe: 'fifo',
  socket: 'socket',
}

/** undefined for what is no such value: then the file's own status stands. */
export function parseOverrideStat(value: Uint8Array): OverrideStat | undefined {
  const match = SYNTAX.exec(Buffer.from(value).toString('latin1'))
  if (match === null) return undefined
  const [, uid, gid, mode, plain, device, major, minor] = match
  const type = device === undefined ? TYPES[plain ?? ''] : (device as 'char' | 'block')
  if (plain !== undefined && type === undefined) return undefined
  return {
    uid: Number(uid),
    gid: Number(gid),
    mode: parseInt(mode!, 8) & 0o7777,
    ...(type === undefined ? {} : { type }),
    devMajor: Number(major ?? 0),
    devMinor: Number(minor ?? 0),
  }
}
