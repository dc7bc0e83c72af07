// Random operations on a tree, to be carried out on two file systems that should agree: what each returned, or its
// errno, as one line of text. Knows node:fs and whatever has its shape.

import type fs from 'node:fs'
import fc from 'fast-check'

export interface Operation {
  readonly kind:
    | 'write'
    | 'append'
    | 'create'
    | 'mkdir'
    | 'rmdir'
    | 'unlink'
    | 'rename'
    | 'noreplace'
    | 'exchange'
    | 'link'
    | 'symlink'
    | 'chmod'
    | 'chown'
    | 'lchown'
    | 'utimes'
    | 'truncate'
    | 'setxattr'
    | 'removexattr'
    | 'read'
    | 'list'
    | 'stat'
    | 'fifo'
    | 'hold'
    | 'heldRead'
    | 'holdWriter'
    | 'heldWrite'
    | 'heldTruncate'
    | 'heldChmod'
    | 'heldTimes'
    | 'heldAgain'
    | 'heldXattrs'
    | 'heldSetXattr'
    | 'heldRemoveXattr'
  readonly at: string
  readonly to: string
  readonly n: number
}

type Calls = Pick<
  typeof fs,
  | 'writeFileSync'
  | 'appendFileSync'
  | 'openSync'
  | 'closeSync'
  | 'readSync'
  | 'writeSync'
  | 'fstatSync'
  | 'fchmodSync'
  | 'futimesSync'
  | 'ftruncateSync'
  | 'mkdirSync'
  | 'rmdirSync'
  | 'unlinkSync'
  | 'renameSync'
  | 'linkSync'
  | 'symlinkSync'
  | 'readlinkSync'
  | 'chmodSync'
  | 'chownSync'
  | 'lchownSync'
  | 'utimesSync'
  | 'truncateSync'
  | 'readFileSync'
  | 'readdirSync'
  | 'lstatSync'
  | 'statSync'
>

/** One of the two sides; what node:fs has no call for answers 0 or a negative errno. */
export interface Subject {
  readonly fs: Calls
  /** Put before each path. */
  readonly root: string
  rename(from: string, to: string, flags: number): number
  setXattr(path: string, name: string, value: Uint8Array): number
  removeXattr(path: string, name: string): number
  mkfifo(path: string): number
  /** Those of user.*, as text. */
  xattrs(path: string): string[]
  /**
   * The kernel's overlay lists a whiteout in a directory that no longer merges (one that was renamed, say) as a name, and
   * finds nothing there.
   */
  readonly listsGhosts?: boolean
  /** Files that are held open by the operations so far. */
  readonly held: Held[]
  readonly ofHeld: HeldCalls
}

export interface Held {
  readonly fd: number
  /** By which it was opened. */
  readonly at: string
}

/** What a held file's descriptor leads to, whatever became of its name. */
export interface HeldCalls {
  /** open(2) of its link in /proc. @returns the file's first bytes, as text */
  again(fd: number, write: boolean): string
  setXattr(fd: number, name: string, value: Uint8Array): number
  removeXattr(fd: number, name: string): number
  /** Those of user.*, as text. */
  xattrs(fd: number): string[]
}

const name = fc.constantFrom('a', 'b', 'c', 'd.e')
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'))

export const operations: fc.Arbitrary<Operation[]> = fc.array(
  fc.record({
    kind: fc.constantFrom<Operation['kind']>(
      ...(['write', 'write', 'append', 'create', 'mkdir', 'mkdir', 'rmdir', 'rmdir'] as const),
      ...(['unlink', 'unlink', 'unlink', 'rename', 'rename', 'rename', 'noreplace'] as const),
      ...(['exchange', 'link', 'symlink', 'chmod', 'chown', 'lchown', 'utimes'] as const),
      ...(['truncate', 'setxattr', 'removexattr', 'read', 'list', 'stat', 'fifo'] as const),
      ...(['hold', 'hold', 'heldRead', 'holdWriter', 'holdWriter', 'heldWrite'] as const),
      ...(['heldTruncate'] as const),
      ...(['heldChmod', 'heldTimes', 'heldAgain', 'heldAgain'] as const),
      ...(['heldXattrs', 'heldSetXattr', 'heldRemoveXattr'] as const),
    ),
    at: path,
    to: path,
    n: fc.nat(7),
  }),
  { minLength: 1, maxLength: 30, size: 'max' },
)

const OPENS: ReadonlySet<Operation['kind']> = new Set<Operation['kind']>([
  'write',
  'append',
  'read',
  'hold',
  'holdWriter',
  'truncate',
])
const MODES = [0o600, 0o755, 0o4755, 0o2755, 0o1777, 0o000, 0o640, 0o2644]

/** Makes something setuid or setgid. */
export function givesPrivileges({ kind, n }: Operation): boolean {
  if (kind === 'mkdir') return n === 0
  return /^(?:create|chmod|heldChmod)$/.test(kind) && (MODES[n]! & 0o6000) !== 0
}

function isPipe(calls: Calls, at: string): boolean {
  try {
    return calls.statSync(at).isFIFO()
  } catch {
    return false
  }
}

function numbered(result: number): string {
  return result < 0 ? `errno ${-result}` : 'ok'
}

/** Result, errno and what was read, in one line. */
export function perform(subject: Subject, operation: Operation): string {
  const { fs: calls, root } = subject
  const { kind, n } = operation
  const at = `${root}/${operation.at}`
  const to = `${root}/${operation.to}`
  // Opening one would wait for somebody at its other end.
  if (OPENS.has(kind) && isPipe(calls, at)) return 'a pipe'
  try {
    switch (kind) {
      case 'write':
        calls.writeFileSync(at, `written ${n} ${'x'.repeat(n * 700)}`)
        return 'ok'
      case 'append':
        calls.appendFileSync(at, `+${n}`)
        return 'ok'
      case 'create':
        calls.closeSync(calls.openSync(at, 'wx', MODES[n]))
        return 'ok'
      case 'mkdir':
        calls.mkdirSync(at, n === 0 ? 0o2775 : 0o777)
        return 'ok'
      case 'rmdir':
        calls.rmdirSync(at)
        return 'ok'
      case 'unlink':
        calls.unlinkSync(at)
        return 'ok'
      case 'rename':
        calls.renameSync(at, to)
        return 'ok'
      case 'noreplace':
        return numbered(subject.rename(at, to, 1))
      case 'exchange':
        return numbered(subject.rename(at, to, 2))
      case 'link':
        calls.linkSync(at, to)
        return 'ok'
      case 'symlink':
        calls.symlinkSync(`target/${n}`, at)
        return 'ok'
      case 'chmod':
        calls.chmodSync(at, MODES[n]!)
        return 'ok'
      case 'chown':
        calls.chownSync(at, n, n === 3 ? -1 : 100 + n)
        return 'ok'
      case 'lchown':
        calls.lchownSync(at, n, 200 + n)
        return 'ok'
      case 'utimes':
        calls.utimesSync(at, 1000 + n, 2000.5 + n)
        return 'ok'
      case 'truncate':
        calls.truncateSync(at, n < 4 ? 0 : n)
        return 'ok'
      case 'setxattr':
        return numbered(subject.setXattr(at, `user.x${n % 2}`, Buffer.from(`v${n}`)))
      case 'removexattr':
        return numbered(subject.removeXattr(at, `user.x${n % 2}`))
      case 'read':
        return JSON.stringify(calls.readFileSync(at, 'utf8'))
      case 'list':
        return calls.readdirSync(at).sort().join(' ')
      case 'stat':
        return shown(calls.lstatSync(at))
      case 'fifo':
        return numbered(subject.mkfifo(at))
      case 'hold':
        subject.held.push({ fd: calls.openSync(at, 'r'), at })
        return 'ok'
      case 'holdWriter':
        subject.held.push({ fd: calls.openSync(at, n % 2 === 0 ? 'r+' : 'a'), at })
        return 'ok'
      default:
        return onHeld(subject, operation)
    }
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error)
  }
}

const CHANGE_HELD: ReadonlySet<Operation['kind']> = new Set<Operation['kind']>([
  'heldChmod',
  'heldTimes',
])

/**
 * A directory whose name is another one's now. To change a removed one of a lower layer the kernel copies it up by its
 * old name, in place of an empty directory that was made there since and is lost (ovl_copy_up_workdir): not imitated.
 */
function isReplaced({ fs: calls }: Subject, { fd, at }: Held): boolean {
  const stats = calls.fstatSync(fd)
  if (!stats.isDirectory()) return false
  try {
    const there = calls.statSync(at)
    return there.isDirectory() && there.ino !== stats.ino
  } catch {
    return false
  }
}

/** What an open file is, and takes, whatever became of its name. */
function onHeld(subject: Subject, { kind, n, to }: Operation): string {
  const { fs: calls, held } = subject
  const one = held[n % Math.max(1, held.length)]
  if (one === undefined) return 'none'
  const { fd } = one
  if (CHANGE_HELD.has(kind) && isReplaced(subject, one)) return 'a replaced directory'
  switch (kind) {
    case 'heldWrite':
      return String(calls.writeSync(fd, Buffer.from(`held ${n}`), 0, 6, n % 3))
    case 'heldTruncate':
      calls.ftruncateSync(fd, n)
      return 'ok'
    case 'heldChmod':
      calls.fchmodSync(fd, MODES[n]!)
      return 'ok'
    case 'heldTimes':
      calls.futimesSync(fd, 3000 + n, 4000.5 + n)
      return 'ok'
    default:
      return onHeldFile(subject, fd, { kind, n, to })
  }
}

function onHeldFile(
  { fs: calls, ofHeld }: Subject,
  fd: number,
  { kind, n, to }: Pick<Operation, 'kind' | 'n' | 'to'>,
): string {
  const stats = calls.fstatSync(fd)
  if (!stats.isFile()) return 'not a file'
  const xattr = `user.x${n % 2}`
  switch (kind) {
    case 'heldAgain':
      return ofHeld.again(fd, to.length % 2 === 0)
    case 'heldXattrs':
      return ofHeld.xattrs(fd).sort().join(' ')
    case 'heldSetXattr':
      return numbered(ofHeld.setXattr(fd, xattr, Buffer.from(`held ${n}`)))
    case 'heldRemoveXattr':
      return numbered(ofHeld.removeXattr(fd, xattr))
    default: {
      const bytes = Buffer.alloc(64)
      const length = calls.readSync(fd, bytes, 0, 64, 0)
      return `${shown(stats)} ${bytes.toString('latin1', 0, length)}`
    }
  }
}

function shown(stats: fs.Stats): string {
  // A directory's size is its layer's file system's.
  const size = stats.isDirectory() ? '' : ` ${stats.size}`
  return `${stats.mode.toString(8)} ${stats.uid}:${stats.gid}${size} ${stats.nlink}`
}

export function releaseHeld(subject: Subject): void {
  for (const { fd } of subject.held.splice(0)) subject.fs.closeSync(fd)
}

/** Of a directory's status, as it is shown here. */
export function withoutLinks(status: string): string {
  return status.replace(/^(4\d{4} \S+) \d+/, '$1')
}

function isThere(subject: Subject, at: string): boolean {
  try {
    subject.fs.lstatSync(at)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return false
  }
}

/** Every name below, as text; times only where they are older than `since`: the rest is the moment of the test. */
export function describeTree(subject: Subject, sinceMs: number): Map<string, string> {
  const out = new Map<string, string>()
  const files = new Map<number, string>()
  const visit = (relative: string): void => {
    const at = relative === '' ? subject.root || '/' : `${subject.root}/${relative}`
    const stats = subject.fs.lstatSync(at)
    const time = stats.mtimeMs < sinceMs ? ` ${stats.mtimeMs}` : ' new'
    let content = ''
    if (stats.isSymbolicLink()) content = ` -> ${String(subject.fs.readlinkSync(at))}`
    else if (stats.isFile()) content = ` ${JSON.stringify(subject.fs.readFileSync(at, 'latin1'))}`
    const same = stats.isDirectory() ? undefined : files.get(stats.ino)
    if (!stats.isDirectory() && same === undefined) files.set(stats.ino, relative)
    const parts = [shown(stats) + time + content, ...subject.xattrs(at).sort()]
    if (same !== undefined) parts.push(`same as ${same}`)
    out.set(relative, parts.join(' '))
    if (!stats.isDirectory()) return
    for (const child of subject.fs.readdirSync(at).sort()) {
      if (subject.listsGhosts && !isThere(subject, `${at}/${child}`)) continue
      visit(relative === '' ? child : `${relative}/${child}`)
    }
  }
  visit('')
  return out
}
