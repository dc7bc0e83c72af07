// Stats, BigIntStats and Dirent of node:fs for a merged node: the same fields and questions. Built here because Node
// gives its own constructors to nobody.

import fs from 'node:fs'
import type { UnionStatus } from '../union/attributes.ts'
import type { NodeType } from '../union/layer-view.ts'

const BLOCK_BYTES = 512
const NS_PER_MS = 1_000_000n

const KINDS: Readonly<Record<NodeType, number>> = {
  file: fs.constants.S_IFREG,
  directory: fs.constants.S_IFDIR,
  symlink: fs.constants.S_IFLNK,
  char: fs.constants.S_IFCHR,
  block: fs.constants.S_IFBLK,
  fifo: fs.constants.S_IFIFO,
  socket: fs.constants.S_IFSOCK,
}

class Kind {
  readonly #type: NodeType

  constructor(type: NodeType) {
    this.#type = type
  }

  isFile(): boolean {
    return this.#type === 'file'
  }
  isDirectory(): boolean {
    return this.#type === 'directory'
  }
  isSymbolicLink(): boolean {
    return this.#type === 'symlink'
  }
  isBlockDevice(): boolean {
    return this.#type === 'block'
  }
  isCharacterDevice(): boolean {
    return this.#type === 'char'
  }
  isFIFO(): boolean {
    return this.#type === 'fifo'
  }
  isSocket(): boolean {
    return this.#type === 'socket'
  }
}

export class UnionDirent<Name extends string | Buffer = string> extends Kind {
  readonly name: Name
  readonly parentPath: string
  /** The older name of parentPath, which libraries of this Node's age still ask for. */
  readonly path: string

  /** @param name bytes for those who ask for them (`encoding: 'buffer'`) */
  constructor(name: string | Buffer, type: NodeType, parentPath: string) {
    super(type)
    this.name = name as Name
    this.parentPath = parentPath
    this.path = parentPath
  }
}

/**
 * As `fs.Stats`: numbers, and times as milliseconds. Dates are made when they are asked for, as later Nodes
 * do: four of them would be half of what a stat costs.
 */
export class UnionStats extends Kind {
  readonly dev: number
  readonly ino: number
  readonly mode: number
  readonly nlink: number
  readonly uid: number
  readonly gid: number
  readonly rdev: number
  readonly size: number
  readonly blksize: number
  readonly blocks: number
  readonly atimeMs: number
  readonly mtimeMs: number
  readonly ctimeMs: number
  readonly birthtimeMs: number

  constructor(status: UnionStatus, dev: bigint) {
    super(status.type)
    this.dev = Number(dev)
    this.ino = Number(status.ino)
    this.mode = KINDS[status.type] | status.mode
    this.nlink = status.nlink
    this.uid = status.uid
    this.gid = status.gid
    this.rdev = Number(rdevOf(status))
    this.size = status.sizeBytes
    this.blksize = 4096
    this.blocks = status.blocks ?? Math.ceil(status.sizeBytes / BLOCK_BYTES)
    this.atimeMs = milliseconds(status.atimeNs)
    this.mtimeMs = milliseconds(status.mtimeNs)
    this.ctimeMs = milliseconds(status.ctimeNs)
    this.birthtimeMs = this.ctimeMs
  }

  get atime(): Date {
    return new Date(this.atimeMs)
  }
  get mtime(): Date {
    return new Date(this.mtimeMs)
  }
  get ctime(): Date {
    return new Date(this.ctimeMs)
  }
  get birthtime(): Date {
    return new Date(this.birthtimeMs)
  }
}

/** As `fs.BigIntStats`. */
export class UnionBigStats extends Kind {
  readonly dev: bigint
  readonly ino: bigint
  readonly mode: bigint
  readonly nlink: bigint
  readonly uid: bigint
  readonly gid: bigint
  readonly rdev: bigint
  readonly size: bigint
  readonly blksize: bigint
  readonly blocks: bigint
  readonly atimeNs: bigint
  readonly mtimeNs: bigint
  readonly ctimeNs: bigint
  readonly birthtimeNs: bigint
  readonly atimeMs: bigint
  readonly mtimeMs: bigint
  readonly ctimeMs: bigint
  readonly birthtimeMs: bigint

  constructor(status: UnionStatus, dev: bigint) {
    super(status.type)
    this.dev = dev
    this.ino = status.ino
    this.mode = BigInt(KINDS[status.type] | status.mode)
    this.nlink = BigInt(status.nlink)
    this.uid = BigInt(status.uid)
    this.gid = BigInt(status.gid)
    this.rdev = rdevOf(status)
    this.size = BigInt(status.sizeBytes)
    this.blksize = 4096n
    this.blocks = BigInt(status.blocks ?? Math.ceil(status.sizeBytes / BLOCK_BYTES))
    this.atimeNs = status.atimeNs
    this.mtimeNs = status.mtimeNs
    this.ctimeNs = status.ctimeNs
    this.birthtimeNs = status.ctimeNs
    this.atimeMs = status.atimeNs / NS_PER_MS
    this.mtimeMs = status.mtimeNs / NS_PER_MS
    this.ctimeMs = status.ctimeNs / NS_PER_MS
    this.birthtimeMs = this.ctimeMs
  }

  get atime(): Date {
    return new Date(Number(this.atimeMs))
  }
  get mtime(): Date {
    return new Date(Number(this.mtimeMs))
  }
  get ctime(): Date {
    return new Date(Number(this.ctimeMs))
  }
  get birthtime(): Date {
    return new Date(Number(this.birthtimeMs))
  }
}

function milliseconds(ns: bigint): number {
  return Number(ns / NS_PER_MS) + Number(ns % NS_PER_MS) / 1e6
}

/** dev_t as Linux's C libraries pack it. */
export function rdevOf({ type, devMajor, devMinor }: UnionStatus): bigint {
  if (type !== 'char' && type !== 'block') return 0n
  const major = BigInt(devMajor)
  const minor = BigInt(devMinor)
  return (
    ((major & 0xfffff000n) << 32n) |
    ((major & 0xfffn) << 8n) |
    ((minor & 0xffffff00n) << 12n) |
    (minor & 0xffn)
  )
}
