// Members of a layer as an applier is told of them, without a tar around: each test says only what it is about.

import { LayerApplier, type ApplyResult } from '../../src/archive/apply.ts'
import type { LayerForm } from '../../src/driver/driver.ts'
import { type BytePath, pathFromText } from '../../src/path/byte-path.ts'
import type { EntryType, SparseMap, TarHeader } from '../../src/tar/entry.ts'

export interface Member {
  readonly path: string
  readonly type?: EntryType
  readonly body?: string
  readonly link?: string
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
  readonly mtimeNs?: bigint
  readonly atimeNs?: bigint
  readonly device?: readonly [number, number]
  readonly xattrs?: Readonly<Record<string, string>>
  readonly sparse?: SparseMap
}

const EMPTY = '' as BytePath

export function headerOf(member: Member): TarHeader {
  const type = member.type ?? (member.path.endsWith('/') ? 'directory' : 'file')
  const path = pathFromText(member.path)
  return {
    path,
    recordName: path,
    type,
    typeflag: 0x30,
    linkPath: pathFromText(member.link ?? ''),
    mode: member.mode ?? (type === 'directory' ? 0o755 : 0o644),
    uid: member.uid ?? 0,
    gid: member.gid ?? 0,
    uname: EMPTY,
    gname: EMPTY,
    sizeBytes: Buffer.byteLength(member.body ?? ''),
    mtimeNs: member.mtimeNs ?? 1_600_000_000_000_000_000n,
    ...(member.atimeNs === undefined ? {} : { atimeNs: member.atimeNs }),
    devMajor: member.device?.[0] ?? 0,
    devMinor: member.device?.[1] ?? 0,
    xattrs: new Map(Object.entries(member.xattrs ?? {}).map(([k, v]) => [k, Buffer.from(v)])),
    ...(member.sparse ? { sparse: member.sparse } : {}),
    offset: 0,
  }
}

/** Unpacks the members into an existing directory. A string is a path with its path for a body. */
export function applyMembers(
  directory: string,
  form: LayerForm,
  members: readonly (Member | string)[],
): ApplyResult {
  const applier = new LayerApplier(directory, form)
  try {
    for (const each of members) {
      const member =
        typeof each === 'string' ? { path: each, body: each.endsWith('/') ? '' : each } : each
      applier.entry(headerOf(member))
      const body = Buffer.from(member.body ?? '')
      // In two pieces, as a chunk's end would have it.
      if (body.length > 0) applier.body(body.subarray(0, 1))
      if (body.length > 1) applier.body(body.subarray(1))
      applier.bodyEnd()
    }
    return applier.finish()
  } finally {
    applier.close()
  }
}
