// An open file of a layer on disk, by its descriptor: bytes, status in the words of the image, and, of an upper layer,
// changes that go on after the last name is gone.

import fs from 'node:fs'
import { OVERRIDE_STAT } from '../../archive/metadata.ts'
import type { BytePath } from '../../path/byte-path.ts'
import * as calls from '../../sys/file-calls.ts'
import { statusOf, type FileStatus } from '../../sys/file-status.ts'
import { getXattrOf, listXattrsOf, removeXattrOf, setXattrOf, xattrBits } from '../../sys/xattr.ts'
import type { LayerNode } from '../../union/layer-view.ts'
import type { Attributes, WritableBody, XattrFlags } from '../../union/upper-layer.ts'
import type { DiskForm } from '../disk-form.ts'
import { isNoXattr, isStoreMark } from '../layer-marks.ts'
import { parseOverrideStat } from '../override-stat.ts'
import { changeOpen, changeOwnedOpen } from './change-attributes.ts'

const NO_TARGET = '' as BytePath

/** What is no link, where owner and mode are the disk's. One by one: a spread object costs more than the call. */
export function asOnDisk(status: FileStatus): LayerNode {
  return {
    type: status.type,
    mode: status.mode,
    uid: status.uid,
    gid: status.gid,
    sizeBytes: status.sizeBytes,
    directoryBytes: undefined,
    blocks: status.blocks,
    mtimeNs: status.mtimeNs,
    linkTarget: NO_TARGET,
    devMajor: status.devMajor,
    devMinor: status.devMinor,
    ino: status.ino,
    nlink: status.nlink,
    atimeNs: status.atimeNs,
    ctimeNs: status.ctimeNs,
  }
}

export class DiskBody implements WritableBody {
  readonly fd: number
  readonly #form: DiskForm

  /** @param fd closed with this body */
  constructor(fd: number, form: DiskForm) {
    this.fd = fd
    this.#form = form
  }

  read(into: Uint8Array, offset: number): number {
    return calls.pread(this.fd, into, offset)
  }

  write(bytes: Uint8Array, offset: number): number {
    return calls.pwriteAll(this.fd, bytes, offset)
  }

  truncate(sizeBytes: number): number {
    return calls.truncate(this.fd, sizeBytes)
  }

  sync(dataOnly: boolean): number {
    try {
      if (dataOnly) fs.fdatasyncSync(this.fd)
      else fs.fsyncSync(this.fd)
      return 0
    } catch (error) {
      return -Math.abs((error as NodeJS.ErrnoException).errno ?? 5)
    }
  }

  status(): LayerNode | number {
    const status = statusOf(this.fd)
    if (typeof status === 'number') return status
    const node = asOnDisk(status)
    if (this.#form === 'trusted') return node
    const value = getXattrOf(this.fd, OVERRIDE_STAT)
    if (typeof value === 'number' && !isNoXattr(value)) return value
    const own = value instanceof Uint8Array ? parseOverrideStat(value) : undefined
    if (own) return { ...node, mode: own.mode, uid: own.uid, gid: own.gid }
    return this.#form === 'plain' ? node : { ...node, uid: 0, gid: 0 }
  }

  setAttributes(attributes: Attributes): number {
    if (this.#form === 'trusted') return changeOwnedOpen(this.fd, attributes)
    const now = this.status()
    return typeof now === 'number' ? now : changeOpen(this.fd, this.#form, now, attributes)
  }

  /** By its link in /proc, which leads to it whatever became of its names. */
  reopen(write: boolean): DiskBody | number {
    const mode = write ? calls.O.RDWR : calls.O.RDONLY
    const fd = calls.openAt(calls.AT_FDCWD, `/proc/self/fd/${this.fd}`, mode | calls.O.NONBLOCK)
    return fd < 0 ? fd : new DiskBody(fd, this.#form)
  }

  xattrs(): ReadonlyMap<string, Uint8Array> | number {
    const names = listXattrsOf(this.fd)
    const out = new Map<string, Uint8Array>()
    if (typeof names === 'number') return isNoXattr(names) ? out : names
    for (const name of names) {
      const value = isStoreMark(name) ? undefined : getXattrOf(this.fd, name)
      if (value instanceof Uint8Array) out.set(name, value)
      else if (value !== undefined && !isNoXattr(value)) return value
    }
    return out
  }

  setXattr(name: string, value: Uint8Array, flags: XattrFlags = {}): number {
    return setXattrOf(this.fd, name, value, xattrBits(flags))
  }

  removeXattr(name: string): number {
    return removeXattrOf(this.fd, name)
  }

  close(): void {
    calls.close(this.fd)
  }
}
