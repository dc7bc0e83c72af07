// One file, directory, link or device of a layer in memory, and a file of it that is open. Knows nothing of names.

import type { BytePath } from '../path/byte-path.ts'
import { E } from './errno.ts'
import type { LayerNode, NodeType } from './layer-view.ts'
import type { Attributes, FileBody, NewNode, WritableBody, XattrFlags } from './upper-layer.ts'

const S_ISUID = 0o4000
const S_ISGID = 0o2000
const S_IXGRP = 0o010
/** More is not to be had in one array everywhere. */
const SIZE_BYTES_MAX = 2 ** 31

export class MemoryNode {
  readonly ino: bigint
  readonly type: NodeType
  readonly linkTarget: BytePath
  readonly devMajor: number
  readonly devMinor: number
  readonly xattrs: Map<string, Uint8Array>
  readonly children: Map<BytePath, MemoryNode | 'whiteout'> = new Map<
    BytePath,
    MemoryNode | 'whiteout'
  >()
  mode: number
  uid: number
  gid: number
  atimeNs: bigint
  mtimeNs: bigint
  ctimeNs: bigint
  nlink: number
  opaque: boolean
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(0)
  #sizeBytes = 0

  constructor(ino: bigint, what: NewNode, nowNs: bigint) {
    this.ino = ino
    this.type = what.type
    this.mode = what.mode
    this.uid = what.uid
    this.gid = what.gid
    this.linkTarget = what.linkTarget ?? ('' as BytePath)
    this.devMajor = what.devMajor ?? 0
    this.devMinor = what.devMinor ?? 0
    this.xattrs = new Map(what.xattrs)
    this.opaque = what.opaque ?? false
    this.atimeNs = what.atimeNs ?? nowNs
    this.mtimeNs = what.mtimeNs ?? nowNs
    this.ctimeNs = nowNs
    this.nlink = what.type === 'directory' ? 2 : 1
  }

  status(): LayerNode {
    const { ino, type, mode, uid, gid, linkTarget, devMajor, devMinor } = this
    const { atimeNs, mtimeNs, ctimeNs, nlink } = this
    const sizeBytes = type === 'symlink' ? linkTarget.length : this.#sizeBytes
    const linked = nlink > 1 && type !== 'directory'
    return {
      ino,
      type,
      mode,
      uid,
      gid,
      sizeBytes,
      linkTarget,
      devMajor,
      devMinor,
      atimeNs,
      mtimeNs,
      ctimeNs,
      nlink,
      ...(linked ? { hardlinkKey: String(ino) } : {}),
    }
  }

  setAttributes(to: Attributes, nowNs: bigint): number {
    if (to.sizeBytes !== undefined) {
      const resized = this.truncate(to.sizeBytes, nowNs)
      if (resized < 0) return resized
    }
    if (to.uid !== undefined || to.gid !== undefined) {
      this.uid = to.uid ?? this.uid
      this.gid = to.gid ?? this.gid
      if (this.type !== 'directory') this.mode = withoutPrivileges(this.mode)
    }
    if (to.mode !== undefined) this.mode = to.mode
    this.atimeNs = to.atimeNs ?? this.atimeNs
    this.mtimeNs = to.mtimeNs ?? this.mtimeNs
    this.ctimeNs = nowNs
    return 0
  }

  read(into: Uint8Array, offset: number): number {
    const length = Math.max(0, Math.min(into.length, this.#sizeBytes - offset))
    into.set(this.#bytes.subarray(offset, offset + length))
    return length
  }

  write(bytes: Uint8Array, offset: number, nowNs: bigint): number {
    const end = offset + bytes.length
    if (end > SIZE_BYTES_MAX) return -E.FBIG
    this.#reserve(end)
    this.#bytes.set(bytes, offset)
    if (end > this.#sizeBytes) this.#sizeBytes = end
    this.mtimeNs = this.ctimeNs = nowNs
    return bytes.length
  }

  truncate(sizeBytes: number, nowNs: bigint): number {
    if (sizeBytes < 0) return -E.INVAL
    if (sizeBytes > SIZE_BYTES_MAX) return -E.FBIG
    if (sizeBytes < this.#sizeBytes) this.#bytes.fill(0, sizeBytes, this.#sizeBytes)
    this.#reserve(sizeBytes)
    this.#sizeBytes = sizeBytes
    this.mtimeNs = this.ctimeNs = nowNs
    return 0
  }

  setXattr(name: string, value: Uint8Array, flags: XattrFlags, nowNs: bigint): number {
    if (flags.create && this.xattrs.has(name)) return -E.EXIST
    if (flags.replace && !this.xattrs.has(name)) return -E.NODATA
    this.xattrs.set(name, Uint8Array.from(value))
    this.ctimeNs = nowNs
    return 0
  }

  removeXattr(name: string): number {
    return this.xattrs.delete(name) ? 0 : -E.NODATA
  }

  /** Copy-up: the times stay those that were given. */
  fill(body: FileBody, sizeBytes: number): number {
    if (sizeBytes > SIZE_BYTES_MAX) return -E.FBIG
    const bytes = new Uint8Array(sizeBytes)
    let done = 0
    while (done < sizeBytes) {
      const n = body.read(bytes.subarray(done), done)
      if (n < 0) return n
      if (n === 0) break
      done += n
    }
    this.#bytes = bytes
    this.#sizeBytes = done
    return 0
  }

  #reserve(sizeBytes: number): void {
    if (sizeBytes <= this.#bytes.length) return
    const grown = new Uint8Array(
      Math.max(sizeBytes, Math.min(this.#bytes.length * 2, SIZE_BYTES_MAX)),
    )
    grown.set(this.#bytes.subarray(0, this.#sizeBytes))
    this.#bytes = grown
  }
}

/** chown(2) takes them from what is no directory, whoever asks (fs/open.c, chown_common). */
function withoutPrivileges(mode: number): number {
  const group = (mode & S_IXGRP) === 0 ? 0 : S_ISGID
  return mode & ~(S_ISUID | group)
}

export class MemoryBody implements WritableBody {
  readonly #node: MemoryNode
  readonly #now: () => bigint

  constructor(node: MemoryNode, now: () => bigint) {
    this.#node = node
    this.#now = now
  }

  read(into: Uint8Array, offset: number): number {
    return this.#node.read(into, offset)
  }

  write(bytes: Uint8Array, offset: number): number {
    return this.#node.write(bytes, offset, this.#now())
  }

  truncate(sizeBytes: number): number {
    return this.#node.truncate(sizeBytes, this.#now())
  }

  status(): LayerNode {
    return this.#node.status()
  }

  setAttributes(attributes: Attributes): number {
    return this.#node.setAttributes(attributes, this.#now())
  }

  reopen(): MemoryBody {
    return new MemoryBody(this.#node, this.#now)
  }

  xattrs(): ReadonlyMap<string, Uint8Array> {
    return new Map(this.#node.xattrs)
  }

  setXattr(name: string, value: Uint8Array, flags: XattrFlags = {}): number {
    return this.#node.setXattr(name, value, flags, this.#now())
  }

  removeXattr(name: string): number {
    return this.#node.removeXattr(name)
  }

  sync(): number {
    return 0
  }

  close(): void {
    // Memory is freed when nobody holds it.
  }
}
