// Members of a tar out of nodes of a layer or a merge, by docker's rules for tars that it makes itself (commit, export):
// whole seconds, no names of users, of attributes `security.capability` alone, hardlinks by the first name, ustar where
// it fits. Knows one node at a time; which nodes, in which order, is the caller's.
// Names are written as they come, so equal trees give equal bytes.

import { IntegrityError, type Warning } from '../errors.ts'
import { basename, dirname, joinPath, pathText, type BytePath } from '../path/byte-path.ts'
import { ERRNO, hostError } from '../sys/errno.ts'
import { close, read } from '../sys/file-calls.ts'
import { statusOf } from '../sys/file-status.ts'
import { END_BLOCKS, bodyPadding, encodeHeader, type TarEntryInit } from '../tar/writer.ts'
import type { LayerNode } from '../union/layer-view.ts'
import { OPAQUE_NAME, WHITEOUT_PREFIX, whiteoutOf } from '../union/whiteout.ts'
import { CHUNK_BYTES } from './byte-range.ts'
import { WarningLog } from './warnings.ts'

export interface TreeTarOptions {
  /** Seconds; no entry is younger (https://reproducible-builds.org/specs/source-date-epoch). */
  readonly sourceDateEpoch?: number
  /** Nanoseconds and all extended attributes, where docker would drop them: a squash must lose nothing. */
  readonly exact?: boolean
}

export interface TreeMember {
  /** Clean. */
  readonly path: BytePath
  readonly node: LayerNode
  /** Of the layer that the node is in: hardlinks are links within one layer. */
  readonly layer: number
  readonly xattrs: ReadonlyMap<string, Uint8Array>
  /** An fd for reading, or -errno; asked of regular files only. */
  open(): number
}

const CAPABILITY = 'security.capability'
const NS_PER_S = 1_000_000_000n
/** Headers are handed on in pieces of about this, not one by one. */
const PIECE_BYTES = 256 << 10

export class TreeTar {
  readonly #options: TreeTarOptions
  readonly #warnings = new WarningLog()
  /** First name of each inode that has several. */
  readonly #linked = new Map<string, BytePath>()
  #pending: Uint8Array[] = []
  #pendingBytes = 0

  constructor(options: TreeTarOptions = {}) {
    this.#options = options
  }

  /** Once the last member was written. */
  warnings(): Warning[] {
    return this.#warnings.list()
  }

  /** @throws HostError; IntegrityError ERR_SIZE_MISMATCH when a file changes while it is read */
  *member(member: TreeMember): Generator<Uint8Array, void, undefined> {
    const { path, node } = member
    const { type } = node
    if (type === 'socket') {
      this.#warnings.add('socket-skipped', 'a tar cannot hold sockets; they were left out', path)
      return
    }
    const init = this.#init(member)
    const first = this.#firstOf(member)
    if (first !== undefined) {
      this.#push(encodeHeader({ ...init, type: 'hardlink', linkPath: first }))
    } else if (type === 'file') {
      yield* this.#file(member, init)
    } else if (type === 'symlink') {
      this.#push(encodeHeader({ ...init, type, linkPath: node.linkTarget }))
    } else if (type === 'char' || type === 'block') {
      const { devMajor, devMinor } = node
      this.#push(encodeHeader({ ...init, type, devMajor, devMinor }))
    } else {
      this.#push(encodeHeader({ ...init, type }))
    }
    yield* this.#flush(PIECE_BYTES)
  }

  /**
   * Of a layer's members: a plain file that is called `.wh.x` would remove x wherever the layer goes. Docker writes it
   * all the same; here it is left out, and said.
   */
  isReserved(path: BytePath): boolean {
    if (!path.split('/').some((part) => part.startsWith(WHITEOUT_PREFIX))) return false
    this.#warnings.add(
      'whiteout-name',
      'files whose names begin with .wh. cannot be in a layer, where such a name means a removal; they were left out',
      path,
    )
    return true
  }

  /** `path` is removed. @param like whose owner and time the marker gets */
  whiteout(path: BytePath, like?: Pick<LayerNode, 'uid' | 'gid' | 'mtimeNs'>): void {
    this.#push(
      encodeHeader({
        path: joinPath(dirname(path), whiteoutOf(basename(path))),
        type: 'file',
        mode: 0o600,
        uid: like?.uid ?? 0,
        gid: like?.gid ?? 0,
        mtimeNs: this.#time(like?.mtimeNs ?? 0n),
      }),
    )
  }

  /** What lies below that directory is hidden. */
  opaque(path: BytePath, node: LayerNode): void {
    const { mode, uid, gid } = node
    const marker = joinPath(path, OPAQUE_NAME)
    this.#push(encodeHeader({ path: marker, type: 'file', mode: mode & 0o777, uid, gid }))
  }

  *end(): Generator<Uint8Array, void, undefined> {
    this.#push(END_BLOCKS)
    yield* this.#flush(0)
  }

  *#file(member: TreeMember, init: TarEntryInit): Generator<Uint8Array, void, undefined> {
    const fd = member.open()
    // It went away while the tree was read, as it may in a container that runs.
    if (fd === -ERRNO.ENOENT) return
    const shown = pathText(member.path)
    if (fd < 0) throw hostError(`read ${shown}`, -fd, 'openat', shown)
    try {
      const status = statusOf(fd)
      if (typeof status === 'number') throw hostError(`read ${shown}`, -status, 'statx', shown)
      const { sizeBytes } = status
      this.#push(encodeHeader({ ...init, type: 'file', sizeBytes }))
      for (let left = sizeBytes; left > 0;) {
        const chunk = Buffer.allocUnsafe(Math.min(left, CHUNK_BYTES))
        const length = read(fd, chunk)
        if (length < 0) throw hostError(`read ${shown}`, -length, 'read', shown)
        if (length === 0) {
          throw new IntegrityError(
            'ERR_SIZE_MISMATCH',
            `cannot pack ${shown}: it became ${left} bytes shorter while it was read`,
            { details: { entry: shown, expected: sizeBytes, actual: sizeBytes - left } },
          )
        }
        left -= length
        this.#push(chunk.subarray(0, length))
        yield* this.#flush(PIECE_BYTES)
      }
      this.#push(bodyPadding(sizeBytes))
    } finally {
      close(fd)
    }
  }

  #init({ path, node, xattrs }: TreeMember): TarEntryInit {
    const kept = new Map<string, Uint8Array>()
    for (const [name, value] of xattrs) {
      if (name === CAPABILITY) kept.set(name, withoutRootID(value))
      else if (this.#options.exact) kept.set(name, value)
      else {
        this.#warnings.add(
          'xattr-dropped',
          'of extended attributes a layer made by commit or export keeps security.capability alone, as docker has it',
          path,
        )
      }
    }
    return {
      path: node.type === 'directory' ? (`${path}/` as BytePath) : path,
      mode: node.mode,
      uid: node.uid,
      gid: node.gid,
      mtimeNs: this.#time(node.mtimeNs),
      ...(kept.size === 0 ? {} : { xattrs: kept }),
    }
  }

  #firstOf({ path, node, layer }: TreeMember): BytePath | undefined {
    if (node.hardlinkKey === undefined) return undefined
    const inode = `${layer} ${node.hardlinkKey}`
    const first = this.#linked.get(inode)
    if (first === undefined) this.#linked.set(inode, path)
    return first
  }

  #time(mtimeNs: bigint): bigint {
    const { sourceDateEpoch, exact } = this.#options
    const whole = exact ? mtimeNs : mtimeNs - (((mtimeNs % NS_PER_S) + NS_PER_S) % NS_PER_S)
    if (sourceDateEpoch === undefined) return whole
    const latest = BigInt(sourceDateEpoch) * NS_PER_S
    return whole < latest ? whole : latest
  }

  #push(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    this.#pending.push(bytes)
    this.#pendingBytes += bytes.length
  }

  *#flush(least: number): Generator<Uint8Array, void, undefined> {
    if (this.#pendingBytes === 0 || this.#pendingBytes < least) return
    const bytes = Buffer.concat(this.#pending, this.#pendingBytes)
    this.#pending = []
    this.#pendingBytes = 0
    yield bytes
  }
}

/** Revision 3 names the user namespace that set it, which means nothing elsewhere: written as revision 2, 20 bytes. */
function withoutRootID(value: Uint8Array): Uint8Array {
  if (value[3] !== 3 || value.length < 20) return value
  const out = value.slice(0, 20)
  out[3] = 2
  return out
}
