// Files and directories that the kernel has open, by the numbers that it was given for them; reading, writing and
// listing.

import fs from 'node:fs'
import { ERRNO } from '../../sys/errno.ts'
import type { UnionEntry, UnionNode } from '../../union/entry.ts'
import { setNodeAttributes } from '../../union/attributes.ts'
import type { LayerNode } from '../../union/layer-view.ts'
import { openNameless } from '../../union/nameless.ts'
import { openFile, type OpenFile } from '../../union/open-file.ts'
import type { UnionName, UnionTree } from '../../union/tree.ts'
import type { BackingAnswer, BackingFiles } from './backing.ts'
import type { WalkAhead } from './walk-ahead.ts'
import type { Message } from './message.ts'
import {
  ENTRY_BYTES,
  FILE_BYTES_MAX,
  FOPEN,
  OPEN_KILL_SUIDGID,
  WRITE_KILL_SUIDGID,
  IN_HEADER_BYTES as BODY,
  IO_BYTES,
  NOTIFY_STORE,
  OP,
  OPEN_BYTES,
  OUT_HEADER_BYTES as OUT,
  STORE_BYTES,
  direntBytes,
  direntType,
  writeDirent,
} from './protocol.ts'

const { O_APPEND, O_TRUNC } = fs.constants
const O_ACCMODE = 3
const DT_DIR = 4
/** Told with the answer to open, and kept by the page cache: to set up a backing file takes longer. */
const SMALL_BYTES_MAX = 64 << 10
/** Less is copied in less time than three calls take. */
const SPLICED_BYTES_MIN = 64 << 10

const S_ISUID = 0o4000
const S_ISGID = 0o2000
const S_IXGRP = 0o010

/** The mode that writing leaves (setattr_should_drop_suidgid of fs/attr.c); nothing where it stays. */
export function modeWithout(tree: UnionTree, node: UnionNode): { readonly mode?: number } {
  const status = tree.layerStatus(node)
  if (typeof status === 'number' || node.type !== 'file') return {}
  const dropped = S_ISUID | ((status.mode & S_IXGRP) === 0 ? 0 : S_ISGID)
  return (status.mode & dropped) === 0 ? {} : { mode: status.mode & ~dropped }
}

/** Of a file that somebody without the right to keep it has written to. */
export function killPrivileges(tree: UnionTree, node: UnionNode): void {
  const to = modeWithout(tree, node)
  if (to.mode !== undefined) setNodeAttributes(tree, node, to)
}

function isPrivileged(status: LayerNode | number): boolean {
  return typeof status === 'number' || (status.mode & (S_ISUID | S_ISGID)) !== 0
}

/**
 * What is done about each kind of request, by its number. A table: a `switch` of thirty compares its way down to each.
 * They take how long the whole request is, and return what Operations.run does.
 */
export type Handlers<Subject> = ((subject: Subject, length: number) => number | undefined)[]

interface OpenedFile {
  readonly file: OpenFile
  /** When it was opened: a lower layer's file stays as it is. */
  readonly sizeBytes: number
  readonly kind: BackingAnswer['kind']
}

interface OpenedDirectory {
  /** undefined: it is removed, and has no names. */
  readonly entry: UnionEntry | undefined
  /** As it was at the last rewind. */
  names: readonly UnionName[] | undefined
}

export interface OpenTableOptions {
  readonly input: Message
  readonly output: Message
  readonly tree: UnionTree
  readonly backing: BackingFiles
  readonly ahead: WalkAhead
  /** Sends what stands behind the output header, which nobody asked for. */
  readonly notify: (code: number, length: number) => void
  /** Replies with bytes of a file. @returns whether it has: it does not where the file ends before */
  readonly replyFrom: (fd: number, offset: number, sizeBytes: number) => boolean
}

export class OpenTable {
  readonly #in: Message
  readonly #out: Message
  readonly #tree: UnionTree
  readonly #backing: BackingFiles
  readonly #ahead: WalkAhead
  readonly #notify: OpenTableOptions['notify']
  readonly #replyFrom: OpenTableOptions['replyFrom']
  readonly #writeEntry: (entry: UnionEntry, at: number) => number
  /** Of a node. */
  readonly handlers: Handlers<UnionNode>
  readonly #files = new Map<number, OpenedFile>()
  readonly #directories = new Map<number, OpenedDirectory>()
  #last = 0

  constructor(options: OpenTableOptions, writeEntry: (entry: UnionEntry, at: number) => number) {
    this.#in = options.input
    this.#out = options.output
    this.#tree = options.tree
    this.#backing = options.backing
    this.#ahead = options.ahead
    this.#notify = options.notify
    this.#replyFrom = options.replyFrom
    this.#writeEntry = writeEntry
    this.handlers = this.#makeHandlers()
  }

  #makeHandlers(): Handlers<UnionNode> {
    const handlers: Handlers<UnionNode> = []
    handlers[OP.OPEN] = (node) => this.#openNode(node)
    handlers[OP.READ] = () => this.#read(this.#handle)
    handlers[OP.WRITE] = () => this.#write(this.#handle)
    handlers[OP.FLUSH] = () => 0
    handlers[OP.FSYNC] = () => this.#sync(this.#handle)
    handlers[OP.RELEASE] = () => this.#release(this.#handle)
    handlers[OP.OPENDIR] = (node) => this.#openDirectory(node)
    handlers[OP.READDIR] = () => this.#list(this.#handle, false)
    handlers[OP.READDIRPLUS] = () => this.#list(this.#handle, true)
    handlers[OP.RELEASEDIR] = () => this.#releaseDirectory(this.#handle)
    handlers[OP.FSYNCDIR] = () => this.#tree.upper?.sync() ?? 0
    return handlers
  }

  /** Of all requests here but those that open something. */
  get #handle(): number {
    return this.#in.number(BODY)
  }

  /** @returns undefined where the kernel was given no such number */
  file(handle: number): OpenFile | undefined {
    return this.#files.get(handle)?.file
  }

  #sync(handle: number): number {
    return this.#files.get(handle)?.file.sync((this.#in.word(BODY + 8) & 1) !== 0) ?? 0
  }

  #releaseDirectory(handle: number): number {
    this.#directories.delete(handle)
    return 0
  }

  #openNode(node: UnionNode): number {
    const flags = this.#in.word(BODY)
    const opened = this.open(node, flags, OUT)
    const kills = (this.#in.word(BODY + 4) & OPEN_KILL_SUIDGID) !== 0
    if (opened >= 0 && kills && (flags & O_TRUNC) !== 0) killPrivileges(this.#tree, node)
    return opened
  }

  /** @param at where fuse_open_out goes. @returns its length, or a negative errno */
  open(node: UnionNode, flags: number, at: number): number {
    const { entry } = node
    const write = (flags & O_ACCMODE) !== 0
    const truncate = (flags & O_TRUNC) !== 0
    // Before it is open, since nothing that is open is remembered. Of its mode and size opening changes nothing that
    // counts below.
    const status = this.#tree.layerStatus(node)
    const mode = { write, truncate, appends: (flags & O_APPEND) !== 0 }
    const file =
      entry === undefined ? openNameless(this.#tree, node, mode) : openFile(this.#tree, entry, mode)
    if (typeof file === 'number') return file
    if (!write) this.#tell(file, status)
    return this.add(file, status, at)
  }

  /**
   * The content of a small file, before the kernel asks for it: whoever opens a file reads it, nearly always, and then
   * one request is saved out of four. Only where nobody else has it open: who waits for a page of it would be waited
   * for here.
   */
  #tell({ node, body }: OpenFile, status: LayerNode | number): void {
    const sizeBytes = typeof status === 'number' ? 0 : status.sizeBytes
    if (node.isTold || sizeBytes === 0 || sizeBytes > SMALL_BYTES_MAX || !node.isOpenOnce) return
    node.isTold = true
    const from = OUT + STORE_BYTES
    if (body.read(this.#out.bytes.subarray(from, from + sizeBytes), 0) !== sizeBytes) return
    this.#out.setNumber(OUT, node.id)
    this.#out.setNumber(OUT + 8, 0)
    this.#out.setWord(OUT + 16, sizeBytes)
    this.#out.setWord(OUT + 20, 0)
    this.#notify(NOTIFY_STORE, STORE_BYTES + sizeBytes)
  }

  /** @param at where fuse_open_out goes. @returns its length */
  add(file: OpenFile, status: LayerNode | number, at: number): number {
    const { node, writable } = file
    // Writes that pass through would leave setuid where it is: nobody asks then who writes.
    const backing = this.#backing.open(node, {
      fd: file.body.fd,
      writable,
      isPrivileged: isPrivileged(status),
      isSmall: !writable && typeof status !== 'number' && status.sizeBytes <= SMALL_BYTES_MAX,
    })
    const backed = backing.kind === 'backing'
    const handle = ++this.#last
    const sizeBytes = typeof status === 'number' ? 0 : status.sizeBytes
    this.#files.set(handle, { file, sizeBytes, kind: backing.kind })
    // What the page cache has is still true: all changes come through this mount.
    const how = backed
      ? FOPEN.PASSTHROUGH
      : backing.kind === 'direct'
        ? FOPEN.DIRECT_IO
        : FOPEN.KEEP_CACHE
    this.#out.setNumber(at, handle)
    this.#out.setWord(at + 8, how | FOPEN.NOFLUSH)
    this.#out.setWord(at + 12, backed ? backing.id : 0)
    return OPEN_BYTES
  }

  #read(handle: number): number | undefined {
    const opened = this.#files.get(handle)
    if (opened === undefined) return -ERRNO.EBADF
    // Of a very large lower file above what a number holds, but then pages are asked for, and no bit of theirs is lost.
    const offset = this.#in.number(BODY + 8)
    const size = this.#in.word(BODY + 16)
    if (size >= SPLICED_BYTES_MIN && this.#splice(opened, offset, size)) return undefined
    const end = Math.min(this.#out.bytes.length, OUT + size)
    return opened.file.read(this.#out.bytes.subarray(OUT, end), offset)
  }

  /** Bytes of a lower file without copying them twice. @returns whether it is answered */
  #splice({ file, sizeBytes }: OpenedFile, offset: number, size: number): boolean {
    const { fd } = file.body
    if (fd === undefined || file.node.upper) return false
    const there = Math.min(size, sizeBytes - offset)
    return there >= SPLICED_BYTES_MIN && this.#replyFrom(fd, offset, there)
  }

  #write(handle: number): number {
    const opened = this.#files.get(handle)
    if (opened === undefined) return -ERRNO.EBADF
    const offset = this.#in.number(BODY + 8)
    const size = this.#in.word(BODY + 16)
    if (offset + size > FILE_BYTES_MAX) return -ERRNO.EFBIG
    const from = BODY + IO_BYTES
    const written = opened.file.write(this.#in.bytes.subarray(from, from + size), offset)
    if (written < 0) return written
    if ((this.#in.word(BODY + 20) & WRITE_KILL_SUIDGID) !== 0) {
      killPrivileges(this.#tree, opened.file.node)
    }
    this.#out.setWord(OUT, written)
    this.#out.setWord(OUT + 4, 0)
    return 8
  }

  #release(handle: number): number {
    const opened = this.#files.get(handle)
    if (opened === undefined) return 0
    this.#files.delete(handle)
    this.#backing.release(opened.file.node, opened.kind)
    opened.file.close()
    // A file whose names and holds are gone needs no memory either.
    this.#tree.forget(opened.file.node)
    return 0
  }

  #openDirectory(node: UnionNode): number {
    const { entry } = node
    if (node.type !== 'directory') return -ERRNO.ENOTDIR
    if (entry !== undefined) this.#ahead.opened(entry)
    const handle = ++this.#last
    this.#directories.set(handle, { entry, names: undefined })
    this.#out.setNumber(OUT, handle)
    this.#out.setWord(OUT + 8, FOPEN.CACHE_DIR | FOPEN.KEEP_CACHE)
    this.#out.setWord(OUT + 12, 0)
    return OPEN_BYTES
  }

  /** Names from `offset` on, as many as fit; with READDIRPLUS each with what a lookup would tell. */
  #list(handle: number, plus: boolean): number {
    const directory = this.#directories.get(handle)
    if (directory === undefined) return -ERRNO.EBADF
    const { entry } = directory
    if (entry === undefined) return 0
    const offset = this.#in.number(BODY + 8)
    const size = Math.min(this.#in.word(BODY + 16), this.#out.bytes.length - OUT)
    if (offset === 0 || directory.names === undefined) {
      const names = this.#ahead.take(entry) ?? this.#tree.list(entry)
      if (typeof names === 'number') return names
      directory.names = names
    }
    const { names } = directory
    const end = OUT + size
    let at = OUT
    let index = offset
    for (; index < names.length + 2; index++) {
      const isDot = index < 2
      const name = index === 0 ? '.' : index === 1 ? '..' : names[index - 2]!.name
      const needed = direntBytes(name.length) + (plus ? ENTRY_BYTES : 0)
      if (at + needed > end) break
      if (isDot) {
        const { node } = index === 0 ? entry : (entry.parent ?? entry)
        if (plus) this.#out.clear(at, at + ENTRY_BYTES)
        at = writeDirent(this.#out, at + (plus ? ENTRY_BYTES : 0), {
          ino: node.ino,
          next: index + 1,
          type: DT_DIR,
          name,
        })
        continue
      }
      const child = this.#tree.lookup(entry, names[index - 2]!.name)
      // Removed since the directory was opened.
      if (typeof child === 'number') continue
      if (plus) {
        const written = this.#writeEntry(child, at)
        if (written < 0) continue
      }
      at = writeDirent(this.#out, at + (plus ? ENTRY_BYTES : 0), {
        ino: child.node.ino,
        next: index + 1,
        type: direntType(child.node.type),
        name,
      })
    }
    if (index === names.length + 2 && offset < index) this.#ahead.told(entry, names)
    return at - OUT
  }
}
