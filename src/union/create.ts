// A new name: of a new file, directory, link or device (fs/overlayfs/dir.c, ovl_create_or_link). What was removed there
// before is replaced, and a directory in its place hides what the removed one had.

import { joinPath, type BytePath } from '../path/byte-path.ts'
import { xattrs } from './attributes.ts'
import { copyUp } from './copy-up.ts'
import type { UnionEntry, UnionNode } from './entry.ts'
import { E } from './errno.ts'
import type { LayerNode, NodeType } from './layer-view.ts'
import { OpenFile, openFile } from './open-file.ts'
import { ACCESS_ACL, DEFAULT_ACL, inheritAcl } from './posix-acl.ts'
import type { UnionTree } from './tree.ts'

const S_ISGID = 0o2000
const S_IXGRP = 0o010
const NAME_BYTES_MAX = 255

/** Who makes it: its owner, but for what a setgid directory says. */
export interface Creator {
  readonly uid: number
  readonly gid: number
  /** Taken off the mode, where the directory has no default ACL in its place. Default: nothing. */
  readonly umask?: number
  /** The kernel has looked already whether a setgid file of this group may be this caller's (mode_strip_sgid). */
  readonly isGroupChecked?: boolean
}

export interface Creation {
  readonly type: NodeType
  /** The low 12 bits. */
  readonly mode: number
  readonly linkTarget?: BytePath
  readonly devMajor?: number
  readonly devMinor?: number
}

/** @returns the new name, or -EEXIST, -EROFS, -ENOENT (the directory is gone), -EINVAL (a reserved name) ... */
export function create(
  tree: UnionTree,
  dir: UnionEntry,
  name: BytePath,
  what: Creation,
  creator: Creator,
): UnionEntry | number {
  const ready = prepare(tree, dir, name)
  if (ready < 0) return ready
  const path = joinPath(dir.path, name)
  const upper = tree.upper!
  const given = inherited(tree, dir, what, creator)
  if (typeof given === 'number') return given
  // mkdir over a whiteout: else the lower directory of that name would come back in it (ovl_create_over_whiteout). What
  // was made here has none that nobody knows of.
  const mayBeOver = what.type === 'directory' && !dir.isWhole
  const opaque = mayBeOver && upper.lookup(path) === 'whiteout'
  const wasWhole = tree.unsettle(dir, name)
  const made = upper.make(path, { ...what, ...given, uid: creator.uid, opaque })
  if (made < 0) return made
  tree.touch(dir.node)
  const entry = tree.adopt(dir, name, wasWhole)
  if (typeof entry === 'number') return entry
  // A directory's default ACL or label comes to what is made in it; a capability never does.
  entry.node.lacksCapability = true
  entry.node.lacksDefaultAcl = given.xattrs === undefined
  entry.isWhole = what.type === 'directory' && !entry.node.mergesLower
  return entry
}

export interface CreatedFile {
  readonly entry: UnionEntry
  readonly file: OpenFile
  /** As it was made. */
  readonly status: LayerNode
}

/** open(2) with O_CREAT where there is nothing yet: made and open for writing. @returns as `create` */
export function createOpen(
  tree: UnionTree,
  dir: UnionEntry,
  name: BytePath,
  mode: number,
  creator: Creator,
): CreatedFile | number {
  const what: Creation = { type: 'file', mode }
  if (tree.upper !== undefined && tree.upper.makeOpen === undefined) {
    const entry = create(tree, dir, name, what, creator)
    if (typeof entry === 'number') return entry
    const status = tree.layerStatus(entry.node)
    if (typeof status === 'number') return status
    const file = openFile(tree, entry, { write: true })
    return typeof file === 'number' ? file : { entry, file, status }
  }
  const ready = prepare(tree, dir, name)
  if (ready < 0) return ready
  const given = inherited(tree, dir, what, creator)
  if (typeof given === 'number') return given
  const node = { type: 'file', uid: creator.uid, ...given } as const
  const wasWhole = tree.unsettle(dir, name)
  const made = tree.upper!.makeOpen!(dir.path, name, node)
  if (typeof made === 'number') return made
  tree.touch(dir.node)
  const { body, status } = made
  const entry = tree.adoptNew(dir, name, wasWhole, status)
  entry.node.lacksCapability = true
  return { entry, file: new OpenFile(tree, entry.node, body, true), status }
}

export interface NamelessFile extends Omit<CreatedFile, 'entry'> {
  readonly node: UnionNode
}

/** open(2) with O_TMPFILE. @returns as `create`; -EOPNOTSUPP where the upper layer has no such files */
export function createNameless(
  tree: UnionTree,
  dir: UnionEntry,
  mode: number,
  creator: Creator,
): NamelessFile | number {
  const { upper } = tree
  if (upper === undefined) return -E.ROFS
  if (dir.isRemoved) return -E.NOENT
  if (upper.makeNameless === undefined) return -E.OPNOTSUPP
  const copied = copyUp(tree, dir)
  if (copied < 0) return copied
  const given = inherited(tree, dir, { type: 'file', mode }, creator)
  if (typeof given === 'number') return given
  const made = upper.makeNameless(dir.path, { type: 'file', uid: creator.uid, ...given })
  if (typeof made === 'number') return made
  const { body, status } = made
  const node = tree.nameless(status)
  node.lacksCapability = true
  return { node, file: new OpenFile(tree, node, body, true), status }
}

/** linkat(2) of a file that was opened with O_TMPFILE, while it is open. @returns as `create` */
export function linkNameless(
  tree: UnionTree,
  node: UnionNode,
  dir: UnionEntry,
  name: BytePath,
): UnionEntry | number {
  const refused = prepare(tree, dir, name)
  if (refused < 0) return refused
  for (const { writable, body } of node.files()) {
    if (!writable) continue
    const wasWhole = tree.unsettle(dir, name)
    const linked = tree.upper!.linkOpen?.(body, joinPath(dir.path, name)) ?? -E.OPNOTSUPP
    if (linked < 0) return linked
    tree.touch(dir.node)
    return tree.adopt(dir, name, wasWhole, node)
  }
  return -E.NOENT
}

/**
 * link(2): a lower file is copied up first, which is where a hardlink of the lower layer breaks (index=off).
 * @returns as `create`; -EPERM for a directory
 */
export function link(
  tree: UnionTree,
  entry: UnionEntry,
  dir: UnionEntry,
  name: BytePath,
): UnionEntry | number {
  const refused = prepare(tree, dir, name, entry.node.type === 'directory')
  if (refused < 0) return refused
  const copied = copyUp(tree, entry)
  if (copied < 0) return copied
  const wasWhole = tree.unsettle(dir, name)
  const linked = tree.upper!.link(entry.path, joinPath(dir.path, name))
  if (linked < 0) return linked
  tree.touch(dir.node)
  tree.linked(entry)
  return tree.adopt(dir, name, wasWhole, entry.node)
}

/** In the order in which the kernel looks: the name, whether it is taken, whether anything may be written. */
function prepare(tree: UnionTree, dir: UnionEntry, name: BytePath, isDirectory = false): number {
  const there = tree.lookup(dir, name)
  if (typeof there !== 'number') return -E.EXIST
  if (there !== -E.NOENT) return there
  if (tree.upper === undefined) return -E.ROFS
  const refused = refuseName(tree, name)
  if (refused < 0) return refused
  if (dir.isRemoved) return -E.NOENT
  if (isDirectory) return -E.PERM
  return copyUp(tree, dir)
}

export function refuseName(tree: UnionTree, name: BytePath): number {
  if (name === '.' || name === '..') return -E.EXIST
  if (name === '' || name.includes('/') || name.includes('\0')) return -E.INVAL
  if (name.length > NAME_BYTES_MAX) return -E.NAMETOOLONG
  // In a union that keeps removals as files of that name, they would remove something.
  return tree.upper?.reservesName(name) ? -E.INVAL : 0
}

interface Inherited {
  readonly mode: number
  readonly gid: number
  /** Its ACLs. */
  readonly xattrs?: ReadonlyMap<string, Uint8Array>
}

/** What the directory gives to it: its group, its default ACL. @returns a negative errno where that cannot be read */
function inherited(
  tree: UnionTree,
  dir: UnionEntry,
  what: Creation,
  creator: Creator,
): Inherited | number {
  const { mode, gid } = ofSetgid(tree, dir, what, creator)
  if (what.type === 'symlink') return { mode, gid }
  const acl = defaultAcl(tree, dir.node)
  if (typeof acl === 'number') return acl
  const own = acl && inheritAcl(acl, mode)
  if (acl === undefined || own === undefined) return { mode: mode & ~(creator.umask ?? 0), gid }
  const xattrs = new Map<string, Uint8Array>()
  if (own.access !== undefined) xattrs.set(ACCESS_ACL, own.access)
  if (what.type === 'directory') xattrs.set(DEFAULT_ACL, acl)
  return { mode: own.mode, gid, ...(xattrs.size === 0 ? {} : { xattrs }) }
}

function defaultAcl(tree: UnionTree, directory: UnionNode): Uint8Array | number | undefined {
  if (directory.lacksDefaultAcl || !tree.upper!.keepsAcls) return undefined
  const found = xattrs(tree, directory)
  if (typeof found === 'number') return found
  const acl = found.get(DEFAULT_ACL)
  directory.lacksDefaultAcl = acl === undefined
  return acl
}

/** A setgid directory gives its group, and to directories the bit (inode_init_owner of fs/inode.c). */
function ofSetgid(
  tree: UnionTree,
  dir: UnionEntry,
  what: Creation,
  creator: Creator,
): { mode: number; gid: number } {
  const { type } = what
  // mkdir(2) takes no setuid and no setgid (vfs_mkdir); a setgid directory gives the latter.
  const mode = type === 'directory' ? what.mode & 0o1777 : what.mode
  const parent = tree.layerStatus(dir.node)
  if (typeof parent === 'number' || (parent.mode & S_ISGID) === 0) return { mode, gid: creator.gid }
  if (type === 'directory') return { mode: mode | S_ISGID, gid: parent.gid }
  const both = S_ISGID | S_IXGRP
  const mayKeep = creator.isGroupChecked || creator.uid === 0 || creator.gid === parent.gid
  const strips = (mode & both) === both && !mayKeep
  return { mode: strips ? mode & ~S_ISGID : mode, gid: parent.gid }
}
