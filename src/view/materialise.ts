// The merge written out as plain files: what anyone can have, without privileges and without a mount. Blocks are shared
// with the layers where the file system can (reflink), else copied inside the kernel, else by hand; never hardlinked,
// since a write into the merge would then change the layer.
// Takes an empty directory, and leaves it empty when it fails or is aborted; the directory's own owner, mode and xattrs
// stay the caller's. Records nothing: merge-records.ts does.

import { OVERRIDE_STAT, overrideStat, type OverrideType } from '../archive/metadata.ts'
import type { LayerForm } from '../driver/driver.ts'
import { ConflictError, type OnWarning } from '../errors.ts'
import { basename, dirname, pathText, type BytePath } from '../path/byte-path.ts'
import { ERRNO, hostError } from '../sys/errno.ts'
import * as calls from '../sys/file-calls.ts'
import { openInRoot } from '../sys/open-in-root.ts'
import { below, isRefusedXattr, isUnsupportedXattr, setXattr } from '../sys/xattr.ts'
import type { MergedNode, MergedView } from '../union/merge.ts'
import { copyContent } from './copy-content.ts'
import type { LayerStack } from './stack.ts'

const { O } = calls

export interface MaterialiseOptions {
  /** Rejects with signal.reason; what was made is removed. */
  readonly signal?: AbortSignal
  readonly onWarning?: OnWarning
  /** Owners, all xattrs and setuid as the image has them. Default: where the caller is root. */
  readonly owners?: boolean
  /**
   * The tree is to be read again as a layer of that form: in `user`, owners, modes and devices go into
   * user.containers.override_stat. Default: the tree is for whoever looks at it.
   */
  readonly form?: LayerForm
  /** Only this directory of the merge and what is below it, at the same path in the target. */
  readonly from?: BytePath
}

export interface Materialised {
  readonly entries: number
  readonly contentBytes: number
}

/** Entries between two looks at the signal: a few milliseconds, so that Ctrl-C is heard. */
const ENTRIES_PER_TURN = 256
const BYTES_PER_TURN = 64 << 20

const S_IF: Readonly<Record<string, number>> = {
  char: 0o020000,
  block: 0o060000,
  fifo: 0o010000,
  socket: 0o140000,
}

/**
 * @param target an existing, empty directory
 * @throws ConflictError ERR_DESTINATION_EXISTS, HostError
 */
export async function materialise(
  stack: LayerStack,
  target: string,
  options: MaterialiseOptions = {},
): Promise<Materialised> {
  const root = openTarget(target)
  try {
    const present = calls.readDirectory(root)
    if (typeof present === 'number')
      throw hostError(`list ${target}`, -present, 'getdents64', target)
    if (present.length > 0) {
      throw new ConflictError(
        'ERR_DESTINATION_EXISTS',
        `cannot write the merged image into ${target}: the directory is not empty`,
        { details: { path: target } },
      )
    }
    const writer = new TreeWriter(stack, root, target, options)
    try {
      return await writer.run()
    } catch (error) {
      emptyDirectory(root, target)
      throw error
    } finally {
      writer.close()
    }
  } finally {
    calls.close(root)
  }
}

/** Removes all that is in a directory; the directory stays. Follows no symlink. */
export function emptyDirectory(root: number, target: string): void {
  const entries = calls.readDirectory(root)
  if (typeof entries === 'number') throw hostError(`list ${target}`, -entries, 'getdents64', target)
  for (const { name } of entries) {
    const result = calls.removeTree(root, name)
    if (result < 0)
      throw hostError(`remove ${target}/${pathText(name)}`, -result, 'unlinkat', target)
  }
}

/** An fd on a directory of the host; a symlink to one is followed, as mount(8) does. */
export function openTarget(target: string): number {
  const path = Buffer.from(target, 'utf8').toString('latin1')
  const fd = calls.openAt(calls.AT_FDCWD, path, O.RDONLY | O.DIRECTORY)
  if (fd < 0) throw hostError(`open ${target}`, -fd, 'openat', target)
  return fd
}

function overrideType(node: MergedNode): OverrideType {
  if (node.type === 'directory') return 'dir'
  if (node.type === 'fifo') return 'pipe'
  return node.type === 'char' || node.type === 'block'
    ? `${node.type}-${node.devMajor}-${node.devMinor}`
    : 'file'
}

/** The directories that lead to a path, and it: shallowest first. */
function waysTo(view: MergedView, path: BytePath | undefined): MergedNode[] {
  if (path === undefined || path === '') return []
  const nodes: MergedNode[] = []
  for (let end = path.indexOf('/'); ; end = path.indexOf('/', end + 1)) {
    const node = view.lookup(path.slice(0, end < 0 ? path.length : end) as BytePath)
    if (node?.type === 'directory') nodes.push(node)
    if (end < 0) return nodes
  }
}

class TreeWriter {
  readonly #stack: LayerStack
  readonly #root: number
  readonly #target: string
  readonly #options: MaterialiseOptions
  readonly #owners: boolean
  /** First name of each file of a layer that has several. */
  readonly #linked = new Map<string, BytePath>()
  readonly #directories: MergedNode[] = []
  readonly #warnings = new Map<string, { message: string; entry: string; count: number }>()
  #last: { path: BytePath; fd: number } | undefined
  #contentBytes = 0

  constructor(stack: LayerStack, root: number, target: string, options: MaterialiseOptions) {
    this.#stack = stack
    this.#root = root
    this.#target = target
    this.#options = options
    this.#owners =
      options.owners ?? ((options.form ?? 'trusted') === 'trusted' && process.geteuid?.() === 0)
  }

  async run(): Promise<Materialised> {
    const { signal, onWarning, from } = this.#options
    const { view } = this.#stack
    signal?.throwIfAborted()
    let entries = 0
    let bytesAtTurn = 0
    for (const node of waysTo(view, from)) this.#write(node)
    for (const entry of view.walk(from)) {
      const node = view.node(entry)
      if (node !== undefined) this.#write(node)
      entries++
      if (entries % ENTRIES_PER_TURN === 0 || this.#contentBytes - bytesAtTurn > BYTES_PER_TURN) {
        bytesAtTurn = this.#contentBytes
        await new Promise(setImmediate)
        signal?.throwIfAborted()
      }
    }
    // From the leaves up, when nothing more changes a directory: its times, and modes that would have shut us out.
    for (const node of this.#directories.reverse()) this.#finishDirectory(node)
    for (const [code, warning] of this.#warnings) onWarning?.({ code, ...warning })
    return { entries, contentBytes: this.#contentBytes }
  }

  close(): void {
    if (this.#last) calls.close(this.#last.fd)
    this.#last = undefined
  }

  #write(node: MergedNode): void {
    const dir = this.#parent(node)
    const name = basename(node.path)
    const key = node.hardlinkKey === undefined ? undefined : `${node.layer}:${node.hardlinkKey}`
    if (key !== undefined) {
      const first = this.#linked.get(key)
      if (first !== undefined && this.#link(node, first)) return
      this.#linked.set(key, node.path)
    }
    if (node.type === 'directory') {
      this.#must(calls.mkdirAt(dir, name, 0o700), 'mkdirat', node)
      this.#directories.push(node)
    } else if (node.type === 'file') {
      this.#file(node, dir, name)
    } else if (node.type === 'symlink') {
      this.#must(calls.symlinkAt(node.linkTarget, dir, name), 'symlinkat', node)
      this.#metadata(node, dir, name)
    } else {
      this.#special(node, dir, name, key)
    }
  }

  /** false: that file has as many names as the file system allows, and the next copy takes over. */
  #link(node: MergedNode, first: BytePath): boolean {
    const from = openInRoot(this.#root, dirname(first), O.PATH | O.DIRECTORY, { noSymlinks: true })
    this.#must(from, 'openat2', node)
    try {
      const dir = this.#parent(node)
      const result = calls.linkAt(from, basename(first), dir, basename(node.path))
      if (result === -ERRNO.EMLINK) return false
      this.#must(result, 'linkat', node)
      return true
    } finally {
      calls.close(from)
    }
  }

  #file(node: MergedNode, dir: number, name: BytePath): void {
    const from = this.#must(this.#stack.layers[node.layer]!.openFile(node.path), 'openat', node)
    try {
      const flags = O.WRONLY | O.CREAT | O.EXCL | O.NOFOLLOW
      const to = this.#must(calls.openAt(dir, name, flags, 0o600), 'openat', node)
      try {
        this.#contentBytes += this.#must(copyContent(from, to, node.sizeBytes), 'write', node)
      } finally {
        calls.close(to)
      }
    } finally {
      calls.close(from)
    }
    this.#metadata(node, dir, name)
  }

  #special(node: MergedNode, dir: number, name: BytePath, key: string | undefined): void {
    if (this.#recorded) {
      const flags = O.WRONLY | O.CREAT | O.EXCL | O.NOFOLLOW
      calls.close(this.#must(calls.openAt(dir, name, flags, 0o600), 'openat', node))
      this.#metadata(node, dir, name)
      return
    }
    const device = calls.makeDevice(node.devMajor, node.devMinor)
    const result = calls.mknodAt(dir, name, S_IF[node.type]! | 0o600, device)
    if (result === -ERRNO.EPERM) {
      // Its other names are skipped by the same way, each by itself.
      if (key !== undefined) this.#linked.delete(key)
      this.#warn(
        'device-skipped',
        'device nodes need root, and were left out of the merged directory',
        node,
      )
      return
    }
    this.#must(result, 'mknodat', node)
    this.#metadata(node, dir, name)
  }

  /** chown before all else: it clears setuid and file capabilities. */
  #metadata(node: MergedNode, dir: number, name: BytePath): void {
    if (this.#owners) this.#must(calls.chownAt(dir, name, node.uid, node.gid), 'fchownat', node)
    this.#xattrs(node, below(dir, name))
    if (this.#recorded && node.type !== 'symlink') {
      const record = overrideStat(node, overrideType(node))
      this.#must(setXattr(below(dir, name), OVERRIDE_STAT, record), 'setxattr', node)
    }
    if (node.type !== 'symlink') this.#chmod(node, dir, name)
    this.#must(calls.setTimesAt(dir, name, node.mtimeNs, node.mtimeNs), 'utimensat', node)
  }

  #chmod(node: MergedNode, dir: number, name: BytePath): void {
    const fd = this.#must(calls.openAt(dir, name, O.PATH | O.NOFOLLOW), 'openat', node)
    try {
      this.#must(calls.chmodPath(fd, this.#modeOf(node)), 'chmod', node)
    } finally {
      calls.close(fd)
    }
  }

  /** An ordinary user owns all of it, must be able to read and remove it, and gives nobody setuid of that account. */
  #modeOf(node: MergedNode): number {
    if (this.#owners) return node.mode
    const least = node.type === 'directory' ? 0o700 : this.#recorded ? 0o600 : 0o400
    return (node.mode & 0o777) | least
  }

  #xattrs(node: MergedNode, place: string): void {
    for (const [name, value] of this.#stack.layers[node.layer]!.xattrs(node.path)) {
      const allowed = this.#owners || name.startsWith('user.')
      const result = allowed ? setXattr(place, name, value) : -ERRNO.EPERM
      if (result >= 0) continue
      const isLeftOut = isUnsupportedXattr(-result) || isRefusedXattr(-result)
      if (!isLeftOut) this.#must(result, 'setxattr', node)
      this.#warn(
        'xattr-skipped',
        'extended attributes that cannot be set here were left out of the merged directory',
        node,
      )
    }
  }

  get #recorded(): boolean {
    return this.#options.form === 'user'
  }

  #finishDirectory(node: MergedNode): void {
    this.#metadata(node, this.#parent(node), basename(node.path))
  }

  #parent(node: MergedNode): number {
    const path = dirname(node.path)
    if (path === '') return this.#root
    if (this.#last?.path === path) return this.#last.fd
    const fd = openInRoot(this.#root, path, O.PATH | O.DIRECTORY, { noSymlinks: true })
    this.#must(fd, 'openat2', node)
    if (this.#last) calls.close(this.#last.fd)
    this.#last = { path, fd }
    return fd
  }

  #warn(code: string, message: string, node: MergedNode): void {
    const known = this.#warnings.get(code)
    if (known) known.count++
    else this.#warnings.set(code, { message, entry: pathText(node.path), count: 1 })
  }

  #must(result: number, syscall: string, node: MergedNode): number {
    if (result >= 0) return result
    const place = `${this.#target}/${pathText(node.path)}`
    throw hostError(`write the merged image: ${place}`, -result, syscall, place)
  }
}
