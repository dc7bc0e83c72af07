// What each FUSE request does to a merged tree: its arguments read out of the input buffer, the rules of src/union
// asked, the answer written behind the output header. Names and nodes here; open files and directories are in
// open-table.ts.

import fs from 'node:fs'
import type { BytePath } from '../../path/byte-path.ts'
import { ERRNO } from '../../sys/errno.ts'
import { fileType } from '../../sys/file-status.ts'
import { XATTR } from '../../sys/xattr.ts'
import * as attributes from '../../union/attributes.ts'
import {
  create,
  createNameless,
  createOpen,
  link,
  linkNameless,
  type Creation,
  type Creator,
} from '../../union/create.ts'
import type { UnionEntry, UnionNode } from '../../union/entry.ts'
import type { LayerNode } from '../../union/layer-view.ts'
import { removeDirectory, unlink } from '../../union/remove.ts'
import { rename } from '../../union/rename.ts'
import type { UnionTree } from '../../union/tree.ts'
import type { Attributes } from '../../union/upper-layer.ts'
import { FileFlags } from './file-flags.ts'
import { FileSpace } from './file-space.ts'
import type { Message } from './message.ts'
import { OpenTable, modeWithout, type Handlers, type OpenTableOptions } from './open-table.ts'
import type { OwnerMap } from './owner-map.ts'
import type { WalkAhead } from './walk-ahead.ts'
import {
  ATTR_OUT_BYTES,
  ENTRY_BYTES,
  FATTR,
  FILE_BYTES_MAX,
  INVALIDATE_BYTES,
  IN_HEADER_BYTES as BODY,
  NOTIFY_INVALIDATE,
  OP,
  OUT_HEADER_BYTES as OUT,
  decodeDevice,
  writeAttr,
  writeEntryHead,
  writeOwner,
} from './protocol.ts'

/** Nobody else changes the layers, so what was told stays true; a minute bounds the cost of a mistake. */
const VALID_SECONDS = 60
const S_IFMT = 0o170000
const RENAME_NOREPLACE = 1
const RENAME_EXCHANGE = 2
const NAME_BYTES_MAX = 255

export interface OperationsOptions extends OpenTableOptions {
  readonly place: string
  readonly now: () => bigint
  readonly volatile: boolean
  /** undefined: as on disk. */
  readonly owners: OwnerMap | undefined
  /** The kernel asks whether a caller may before it hands an ioctl(2) about flags on. */
  readonly checksFlags: boolean
  /** The kernel has looked whose groups a caller has before it hands a setgid file on. */
  readonly checksGroups: boolean
}

export class Operations {
  readonly #in: Message
  readonly #out: Message
  readonly #tree: UnionTree
  readonly #place: string
  readonly #now: () => bigint
  readonly #isVolatile: boolean
  readonly #owners: OwnerMap | undefined
  readonly #checksGroups: boolean
  readonly #ahead: WalkAhead
  readonly #open: OpenTable
  readonly #space: FileSpace
  readonly #flags: FileFlags | undefined
  readonly #nodes = new Map<number, UnionNode>()
  readonly #ofNode: Handlers<UnionNode>
  readonly #ofEntry: Handlers<UnionEntry>

  constructor(options: OperationsOptions) {
    this.#in = options.input
    this.#out = options.output
    this.#tree = options.tree
    this.#place = options.place
    this.#now = options.now
    this.#isVolatile = options.volatile
    this.#owners = options.owners
    this.#checksGroups = options.checksGroups
    const root = options.tree.root.node
    this.#nodes.set(root.id, root)
    this.#ahead = options.ahead
    this.#open = new OpenTable(options, (entry, at) => this.writeEntry(entry, at))
    this.#space = new FileSpace(options, this.#open)
    this.#flags = options.checksFlags ? new FileFlags(options) : undefined
    this.#tree.onCopiedUp = (node) => this.#invalidate(node, options.notify)
    this.#ofNode = this.#makeNodeTable()
    this.#ofEntry = this.#makeEntryTable()
  }

  /** @returns bytes written behind the header, a negative errno, or undefined where no reply is wanted */
  run(length: number): number | undefined {
    const opcode = this.#in.word(4)
    this.#tree.trim()
    const ofNode = this.#ofNode[opcode]
    if (ofNode !== undefined) {
      const node = this.#nodes.get(this.#in.number(16))
      return node === undefined ? -ERRNO.ESTALE : ofNode(node, length)
    }
    const ofEntry = this.#ofEntry[opcode]
    if (ofEntry === undefined) return this.#runOther(opcode)
    // All others that are asked of a name give a directory another one.
    if (opcode !== OP.LOOKUP && opcode !== OP.READLINK) this.#ahead.forget()
    const node = this.#nodes.get(this.#in.number(16))
    if (node === undefined) return -ERRNO.ESTALE
    const { entry } = node
    return entry === undefined ? -ERRNO.ENOENT : ofEntry(entry, length)
  }

  #runOther(opcode: number): number | undefined {
    switch (opcode) {
      case OP.FORGET:
        return this.#forget(this.#in.number(16), this.#in.number(BODY))
      case OP.BATCH_FORGET:
        return this.#forgetMany()
      case OP.INTERRUPT:
        return undefined
      case OP.DESTROY:
        return 0
      case OP.STATFS:
        return this.#statfs()
      case OP.SYNCFS:
        return this.#isVolatile ? 0 : (this.#tree.upper?.sync() ?? 0)
      default:
        // ENOSYS is remembered by the kernel: it does without (locks, poll).
        return -ERRNO.ENOSYS
    }
  }

  /** By opcode: what is asked of a node, which may have lost its names. */
  #makeNodeTable(): Handlers<UnionNode> {
    const table = [...this.#open.handlers]
    for (const [opcode, handler] of this.#space.handlers) table[opcode] = handler
    if (this.#isVolatile) table[OP.FSYNC] = table[OP.FSYNCDIR] = () => 0
    table[OP.GETATTR] = (node) => this.#attr(node)
    table[OP.SETATTR] = (node) => this.#setattr(node)
    table[OP.IOCTL] = (node) => this.#flags?.run(node) ?? -ERRNO.ENOTTY
    table[OP.GETXATTR] = (node, length) => this.#getxattr(node, length)
    table[OP.LISTXATTR] = (node) => this.#listxattr(node)
    table[OP.SETXATTR] = (node, length) => this.#setxattr(node, length)
    table[OP.REMOVEXATTR] = (node, length) =>
      attributes.removeXattr(this.#tree, node, this.#lastName(BODY, length))
    return table
  }

  /** By opcode: what is asked of a name. */
  #makeEntryTable(): Handlers<UnionEntry> {
    const table: Handlers<UnionEntry> = []
    table[OP.LOOKUP] = (dir, length) => this.#lookup(dir, this.#lastName(BODY, length))
    table[OP.READLINK] = (entry) => this.#readlink(entry)
    table[OP.SYMLINK] = (dir, length) => this.#symlink(dir, length)
    table[OP.MKNOD] = (dir, length) => this.#mknod(dir, length)
    table[OP.MKDIR] = (dir, length) => this.#mkdir(dir, length)
    table[OP.CREATE] = (dir, length) => this.#createFile(dir, length)
    table[OP.TMPFILE] = (dir) => this.#createNameless(dir)
    table[OP.UNLINK] = (dir, length) => unlink(this.#tree, dir, this.#lastName(BODY, length))
    table[OP.RMDIR] = (dir, length) =>
      removeDirectory(this.#tree, dir, this.#lastName(BODY, length))
    table[OP.RENAME] = (dir, length) => this.#rename(dir, 0, BODY + 8, length)
    table[OP.RENAME2] = (dir, length) =>
      this.#rename(dir, this.#in.word(BODY + 8), BODY + 16, length)
    table[OP.LINK] = (dir, length) => this.#link(dir, length)
    return table
  }

  /** Of several. */
  #name(at: number, end: number): BytePath {
    return this.#in.name(at, end) as BytePath
  }

  /** The request ends with it. */
  #lastName(at: number, length: number): BytePath {
    return this.#in.text(at, length - 1) as BytePath
  }

  /**
   * Who asks: the owner of what is made.
   * @param umask where the request has it, if it has
   * @returns undefined for one whom the disk has no number for
   */
  #creator(umask?: number): Creator | undefined {
    const uid = this.#in.word(24)
    const gid = this.#in.word(28)
    const owner = this.#owners === undefined ? { uid, gid } : this.#owners.creator(uid, gid)
    if (owner === undefined) return undefined
    const isGroupChecked = this.#checksGroups
    return {
      uid: owner.uid,
      gid: owner.gid,
      umask: umask === undefined ? 0 : this.#in.word(umask),
      isGroupChecked,
    }
  }

  #writeAttr(at: number, node: UnionNode, status: LayerNode): void {
    writeAttr(this.#out, at, node, status, attributes.linkCount(this.#tree, node, status))
    const owners = this.#owners
    if (owners !== undefined)
      writeOwner(this.#out, at, owners.shownUid(status.uid), owners.shownGid(status.gid))
  }

  /** Its attributes, and none of its pages: negative, the offset says so. */
  #invalidate(node: UnionNode, notify: OperationsOptions['notify']): void {
    const out = this.#out
    out.setNumber(OUT, node.id)
    out.setNumber(OUT + 8, -1)
    out.setNumber(OUT + 16, 0)
    notify(NOTIFY_INVALIDATE, INVALIDATE_BYTES)
  }

  /** fuse_entry_out; counts the kernel's hold on the node. @returns its length, or a negative errno */
  writeEntry({ node }: UnionEntry, at: number): number {
    return this.#writeNode(node, at)
  }

  #writeNode(node: UnionNode, at: number): number {
    const status = this.#tree.layerStatus(node)
    if (typeof status === 'number') return status
    if (node.holds++ === 0) this.#nodes.set(node.id, node)
    writeEntryHead(this.#out, at, node.id, VALID_SECONDS)
    this.#writeAttr(at + 40, node, status)
    return ENTRY_BYTES
  }

  #lookup(dir: UnionEntry, name: BytePath): number {
    if (name.length > NAME_BYTES_MAX) return -ERRNO.ENAMETOOLONG
    const found = this.#tree.lookup(dir, name)
    if (found === -ERRNO.ENOENT) {
      // Node 0 says that there is none, and for how long that is so.
      this.#out.clear(OUT, OUT + ENTRY_BYTES)
      this.#out.setNumber(OUT + 16, VALID_SECONDS)
      return ENTRY_BYTES
    }
    return typeof found === 'number' ? found : this.writeEntry(found, OUT)
  }

  #attr(node: UnionNode): number {
    const status = this.#tree.layerStatus(node)
    if (typeof status === 'number') return status
    this.#out.setNumber(OUT, VALID_SECONDS)
    this.#out.setNumber(OUT + 8, 0)
    this.#writeAttr(OUT + 16, node, status)
    return ATTR_OUT_BYTES
  }

  #setattr(node: UnionNode): number {
    const input = this.#in
    const valid = input.word(BODY)
    const has = (bit: number): boolean => (valid & bit) !== 0
    const sizeBytes = has(FATTR.SIZE) ? input.number(BODY + 16) : undefined
    if (sizeBytes !== undefined && sizeBytes > FILE_BYTES_MAX) return -ERRNO.EFBIG
    const now = has(FATTR.ATIME_NOW) || has(FATTR.MTIME_NOW) ? this.#now() : 0n
    const time = (
      given: number,
      isNow: number,
      seconds: number,
      rest: number,
    ): bigint | undefined =>
      has(isNow) ? now : has(given) ? input.time(BODY + seconds, BODY + rest) : undefined
    const atimeNs = time(FATTR.ATIME, FATTR.ATIME_NOW, 32, 56)
    const mtimeNs = time(FATTR.MTIME, FATTR.MTIME_NOW, 40, 60)
    let uid = has(FATTR.UID) ? input.word(BODY + 76) : undefined
    let gid = has(FATTR.GID) ? input.word(BODY + 80) : undefined
    if (this.#owners !== undefined) {
      if (uid !== undefined && (uid = this.#owners.diskUid(uid)) === undefined)
        return -ERRNO.EOVERFLOW
      if (gid !== undefined && (gid = this.#owners.diskGid(gid)) === undefined)
        return -ERRNO.EOVERFLOW
    }
    const killed =
      has(FATTR.KILL_SUIDGID) && sizeBytes !== undefined ? modeWithout(this.#tree, node) : {}
    const to: Attributes = {
      ...killed,
      ...(has(FATTR.MODE) ? { mode: input.word(BODY + 68) & 0o7777 } : {}),
      ...(uid === undefined ? {} : { uid }),
      ...(gid === undefined ? {} : { gid }),
      ...(sizeBytes === undefined ? {} : { sizeBytes }),
      ...(atimeNs === undefined ? {} : { atimeNs }),
      ...(mtimeNs === undefined ? {} : { mtimeNs }),
    }
    const changed = attributes.setNodeAttributes(this.#tree, node, to)
    return changed < 0 ? changed : this.#attr(node)
  }

  #readlink(entry: UnionEntry): number {
    const status = this.#tree.layerStatus(entry.node)
    if (typeof status === 'number') return status
    if (status.type !== 'symlink') return -ERRNO.EINVAL
    return this.#out.bytes.write(status.linkTarget, OUT, 'latin1')
  }

  #create(dir: UnionEntry, name: BytePath, what: Creation, creator?: Creator): number {
    if (creator === undefined) return -ERRNO.EOVERFLOW
    const made = create(this.#tree, dir, name, what, creator)
    return typeof made === 'number' ? made : this.writeEntry(made, OUT)
  }

  #symlink(dir: UnionEntry, length: number): number {
    const name = this.#name(BODY, length)
    const linkTarget = this.#lastName(BODY + name.length + 1, length)
    return this.#create(dir, name, { type: 'symlink', mode: 0o777, linkTarget }, this.#creator())
  }

  #mkdir(dir: UnionEntry, length: number): number {
    const mode = this.#in.word(BODY) & 0o7777
    const name = this.#lastName(BODY + 8, length)
    return this.#create(dir, name, { type: 'directory', mode }, this.#creator(BODY + 4))
  }

  #mknod(dir: UnionEntry, length: number): number {
    const mode = this.#in.word(BODY)
    const type = fileType(mode & S_IFMT)
    const device = decodeDevice(this.#in.word(BODY + 4))
    const name = this.#lastName(BODY + 16, length)
    const what = { type, mode: mode & 0o7777, ...device }
    return this.#create(dir, name, what, this.#creator(BODY + 8))
  }

  #createFile(dir: UnionEntry, length: number): number {
    const mode = this.#in.word(BODY + 4) & 0o7777
    const name = this.#lastName(BODY + 16, length)
    const creator = this.#creator(BODY + 8)
    // As the kernel has it of a mount with mapped IDs: may_create of fs/namei.c.
    if (creator === undefined) return -ERRNO.EOVERFLOW
    const made = createOpen(this.#tree, dir, name, mode, creator)
    if (typeof made === 'number') return made
    const { entry, file, status } = made
    const { node } = entry
    // True until somebody writes, which nobody can before this is answered.
    node.remembered = status
    const written = this.writeEntry(entry, OUT)
    node.remembered = undefined
    if (written < 0) {
      file.close()
      return written
    }
    return ENTRY_BYTES + this.#open.add(file, status, OUT + ENTRY_BYTES)
  }

  #createNameless(dir: UnionEntry): number {
    const mode = this.#in.word(BODY + 4) & 0o7777
    const creator = this.#creator(BODY + 8)
    if (creator === undefined) return -ERRNO.EOVERFLOW
    const made = createNameless(this.#tree, dir, mode, creator)
    if (typeof made === 'number') return made
    const { node, file, status } = made
    const written = this.#writeNode(node, OUT)
    if (written >= 0) return ENTRY_BYTES + this.#open.add(file, status, OUT + ENTRY_BYTES)
    file.close()
    return written
  }

  #rename(dir: UnionEntry, flags: number, at: number, length: number): number {
    const target = this.#nodes.get(this.#in.number(BODY))?.entry
    if (target === undefined) return -ERRNO.ENOENT
    if ((flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE)) !== 0) return -ERRNO.EINVAL
    const from = this.#name(at, length)
    const to = this.#lastName(at + from.length + 1, length)
    return rename(
      this.#tree,
      { dir, name: from },
      { dir: target, name: to },
      {
        noReplace: (flags & RENAME_NOREPLACE) !== 0,
        exchange: (flags & RENAME_EXCHANGE) !== 0,
      },
    )
  }

  #link(dir: UnionEntry, length: number): number {
    const node = this.#nodes.get(this.#in.number(BODY))
    if (node === undefined) return -ERRNO.ENOENT
    const name = this.#lastName(BODY + 8, length)
    const linked = node.entry
      ? link(this.#tree, node.entry, dir, name)
      : linkNameless(this.#tree, node, dir, name)
    return typeof linked === 'number' ? linked : this.writeEntry(linked, OUT)
  }

  #getxattr(node: UnionNode, length: number): number {
    const size = this.#in.word(BODY)
    const value = attributes.getXattr(this.#tree, node, this.#lastName(BODY + 8, length))
    return typeof value === 'number' ? value : this.#sized(value, size)
  }

  #listxattr(node: UnionNode): number {
    const size = this.#in.word(BODY)
    const isRoot = this.#in.word(24) === 0
    const found = attributes.xattrs(this.#tree, node)
    if (typeof found === 'number') return found
    const names = [...found.keys()].filter((name) => isRoot || !name.startsWith('trusted.'))
    return this.#sized(Buffer.from(names.map((name) => `${name}\0`).join(''), 'latin1'), size)
  }

  /** Without a size, how large it is. */
  #sized(value: Uint8Array, size: number): number {
    if (size === 0) {
      this.#out.setWord(OUT, value.length)
      this.#out.setWord(OUT + 4, 0)
      return 8
    }
    if (value.length > size) return -ERRNO.ERANGE
    this.#out.bytes.set(value, OUT)
    return value.length
  }

  #setxattr(node: UnionNode, length: number): number {
    const size = this.#in.word(BODY)
    const flags = this.#in.word(BODY + 4)
    const name = this.#name(BODY + 8, length)
    const at = BODY + 8 + name.length + 1
    return attributes.setXattr(this.#tree, node, name, this.#in.bytes.subarray(at, at + size), {
      create: (flags & XATTR.CREATE) !== 0,
      replace: (flags & XATTR.REPLACE) !== 0,
    })
  }

  #statfs(): number {
    const found = fs.statfsSync(this.#place)
    const out = this.#out
    out.clear(OUT, OUT + 80)
    for (const [index, value] of [
      found.blocks,
      found.bfree,
      found.bavail,
      found.files,
      found.ffree,
    ].entries()) {
      out.setNumber(OUT + index * 8, value)
    }
    out.setWord(OUT + 40, found.bsize)
    out.setWord(OUT + 44, NAME_BYTES_MAX)
    out.setWord(OUT + 48, found.bsize)
    return 80
  }

  #forget(id: number, count: number): undefined {
    const node = this.#nodes.get(id)
    if (node === undefined || node === this.#tree.root.node) return undefined
    node.holds = Math.max(0, node.holds - count)
    if (node.holds > 0) return undefined
    this.#nodes.delete(id)
    this.#tree.forget(node)
    return undefined
  }

  #forgetMany(): undefined {
    const count = this.#in.word(BODY)
    for (let i = 0; i < count; i++) {
      const at = BODY + 8 + i * 16
      this.#forget(this.#in.number(at), this.#in.number(at + 8))
    }
    return undefined
  }
}
