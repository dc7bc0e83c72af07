// cp of node:fs: a file, or a tree, copied by copy-file.ts and the plain calls of calls.ts, in Node's order and with its errors. Times are
// kept to the nanosecond, and names as bytes, where Node makes milliseconds and text of them.

import path from 'node:path'
import type { BytePath } from '../path/byte-path.ts'
import { isWithin } from '../path/within.ts'
import type { UnionEntry } from '../union/entry.ts'
import { checkBoolean, checkInteger, checkObject } from './argument-checks.ts'
import type { UnionCalls } from './calls.ts'
import { copyFile } from './copy-file.ts'
import { systemError } from './node-error.ts'
import { shownPath, type PathArgument } from './path-argument.ts'
import { argumentError, wrongType } from './refusals.ts'
import { type UnionStats } from './stats.ts'
import { childPath, makeDirectories } from './trees.ts'

const COPY_MODE_MAX = 7

export interface CopySyncOptions {
  readonly recursive?: boolean
  /** Default true: overwrite. */
  readonly force?: boolean
  readonly errorOnExist?: boolean
  readonly preserveTimestamps?: boolean
  readonly dereference?: boolean
  /** Default false: a relative target is made absolute, as Node has it. */
  readonly verbatimSymlinks?: boolean
  /** Of copyFile, for each file. */
  readonly mode?: number
  readonly filter?: (from: string, to: string) => boolean
}

export interface CopyOptions extends Omit<CopySyncOptions, 'filter'> {
  readonly filter?: (from: string, to: string) => boolean | Promise<boolean>
}

export async function copyTree(
  calls: UnionCalls,
  from: PathArgument,
  to: PathArgument,
  options: CopyOptions = {},
): Promise<void> {
  const steps = copySteps(calls, from, to, options)
  for (let step = steps.next(); step.done !== true; step = steps.next(await step.value)) continue
}

export function copyTreeSync(
  calls: UnionCalls,
  from: PathArgument,
  to: PathArgument,
  options: CopySyncOptions = {},
): void {
  const steps = copySteps(calls, from, to, options)
  for (let step = steps.next(); step.done !== true;) {
    const { value } = step
    if (typeof value === 'object' && 'then' in value) {
      const message =
        'Expected boolean to be returned from the "filter" function but got an instance of Promise.'
      throw argumentError('ERR_INVALID_RETURN_VALUE', message)
    }
    step = steps.next(value)
  }
}

type Answer = boolean | Promise<boolean>
/** Asks whoever drives it what the filter's answer is, which may be a promise. */
type Steps = Generator<Answer, void, boolean>

function* copySteps(
  calls: UnionCalls,
  from: PathArgument,
  to: PathArgument,
  given: CopyOptions,
): Steps {
  const options = completeOptions(given)
  const shownFrom = shownPath(from, 'src')
  const shownTo = shownPath(to, 'dest')
  const copy = new Copy(calls, options)
  if (options.filter && !(yield options.filter(shownFrom, shownTo))) return
  const found = copy.check(from, to)
  copy.checkParents(from, to)
  const parent = path.posix.dirname(shownTo)
  if (!exists(calls, parent)) makeDirectories(calls, parent, 0o777)
  yield* copy.run(from, to, found)
}

interface OpenDirectory {
  readonly from: PathArgument
  readonly to: PathArgument
  /** What is still to be copied of it. */
  readonly names: Iterator<BytePath>
  /** Of one that was made here, for its end: until then it must be writable. */
  readonly mode?: number
}

class Copy {
  readonly #calls: UnionCalls
  readonly #options: CopyOptions

  constructor(calls: UnionCalls, options: CopyOptions) {
    this.#calls = calls
    this.#options = options
  }

  /** @returns what is at `to` now */
  check(from: PathArgument, to: PathArgument): UnionEntry | undefined {
    const calls = this.#calls
    const follow = this.#options.dereference === true
    const source = this.#stats(from)
    const found = existing(calls, to, follow)
    const src = shownPath(from)
    const dest = shownPath(to)
    if (found && calls.find(from, follow)?.node === found.node) {
      throw copyError('ERR_FS_CP_EINVAL', 'src and dest cannot be the same', dest)
    }
    const isDirectory = source.isDirectory()
    if (found && isDirectory && found.node.type !== 'directory') {
      const reason = `cannot overwrite non-directory ${dest} with directory ${src}`
      throw copyError('ERR_FS_CP_DIR_TO_NON_DIR', reason, dest)
    }
    if (!isDirectory && found?.node.type === 'directory') {
      const reason = `cannot overwrite directory ${dest} with non-directory ${src}`
      throw copyError('ERR_FS_CP_NON_DIR_TO_DIR', reason, dest)
    }
    if (isDirectory && isWithin(path.posix.resolve('/', dest), path.posix.resolve('/', src))) {
      throw intoItself(src, dest)
    }
    return found
  }

  /** By what they are: a link in `to` may lead into `from`. */
  checkParents(from: PathArgument, to: PathArgument): void {
    const source = this.#calls.find(from, this.#options.dereference === true)?.node
    // The parent by its text, and `..` only then, as Node has it: of /d/.. it is /d.
    const parentOf = (at: PathArgument): string =>
      path.posix.resolve('/', path.posix.dirname(shownPath(at)))
    const stop = parentOf(from)
    let below = shownPath(to)
    for (let at = parentOf(to); at !== stop && at !== '/'; at = path.posix.dirname(at)) {
      const found = this.#calls.find(at, true)
      if (found === undefined) return
      if (found.node === source) throw intoItself(shownPath(from), below)
      below = at
    }
  }

  /** By a list of its own: the call stack ends before the path of a tree that is copied into itself is too long. */
  *run(from: PathArgument, to: PathArgument, found: UnionEntry | undefined): Steps {
    const { filter } = this.#options
    const open: OpenDirectory[] = []
    const begin = (...entry: Parameters<Copy['run']>): void => {
      const directory = this.#begin(...entry)
      if (directory) open.push(directory)
    }
    begin(from, to, found)
    for (let inner = open.at(-1); inner !== undefined; inner = open.at(-1)) {
      const step = inner.names.next()
      if (step.done === true) {
        open.pop()
        if (inner.mode !== undefined) this.#calls.chmod(inner.to, inner.mode)
        continue
      }
      const child = childPath(inner.from, step.value)
      const target = childPath(inner.to, step.value)
      if (filter && !(yield filter(shownPath(child), shownPath(target)))) continue
      begin(child, target, this.check(child, target))
    }
  }

  /** @returns a directory whose entries are still to be copied; all else is copied */
  #begin(
    from: PathArgument,
    to: PathArgument,
    found: UnionEntry | undefined,
  ): OpenDirectory | undefined {
    const source = this.#stats(from)
    if (source.isDirectory()) {
      if (!this.#options.recursive) {
        const path = shownPath(from)
        throw systemError('ERR_FS_EISDIR', `${path} is a directory (not copied)`, {
          syscall: 'cp',
          path,
        })
      }
      if (!found) this.#calls.mkdir(to, 0o777)
      const names = this.#calls.names(from, 'opendir').names.values()
      return { from, to, names, ...(found ? {} : { mode: source.mode & 0o7777 }) }
    }
    if (source.isSymbolicLink()) this.#link(from, to, found)
    else if (source.isSocket() || source.isFIFO()) {
      const dest = shownPath(to)
      throw source.isSocket()
        ? copyError('ERR_FS_CP_SOCKET', `cannot copy a socket file: ${dest}`, dest)
        : copyError('ERR_FS_CP_FIFO_PIPE', `cannot copy a FIFO pipe: ${dest}`, dest)
    } else this.#file(from, to, source, found)
    return undefined
  }

  #file(
    from: PathArgument,
    to: PathArgument,
    source: UnionStats,
    found: UnionEntry | undefined,
  ): void {
    const { force, errorOnExist, mode, preserveTimestamps } = this.#options
    const calls = this.#calls
    if (found) {
      if (!force && errorOnExist) {
        const dest = shownPath(to)
        throw copyError('ERR_FS_CP_EEXIST', `${dest} already exists`, dest)
      }
      if (!force) return
      calls.unlink(to)
    }
    copyFile(calls, from, to, mode)
    if (preserveTimestamps) {
      const { atimeNs, mtimeNs } = calls.stat(from, { bigint: true })
      calls.setTimes(to, atimeNs, mtimeNs)
    }
    calls.chmod(to, source.mode & 0o7777)
  }

  /** Over a link, whatever `force` says; over anything else it is EEXIST. */
  #link(from: PathArgument, to: PathArgument, found: UnionEntry | undefined): void {
    const calls = this.#calls
    const read = calls.readlink(from, 'buffer') as Buffer
    const isKept = this.#options.verbatimSymlinks === true || read[0] === SLASH
    const directory = Buffer.from(path.posix.resolve('/', path.posix.dirname(shownPath(from))))
    const target = isKept ? read : normal(Buffer.concat([directory, Buffer.from('/'), read]))
    if (found?.node.type === 'symlink') {
      const dest = shownPath(to)
      const there = path.posix.resolve('/', path.posix.dirname(dest), calls.readlink(to) as string)
      const shown = shownPath(target)
      if (shown.startsWith('/')) {
        if (isWithin(there, shown)) throw intoItself(shown, there, dest)
        if (calls.stat(from).isDirectory() && isWithin(shown, there)) {
          const reason = `cannot overwrite ${there} with ${shown}`
          throw copyError('ERR_FS_CP_SYMLINK_TO_SUBDIRECTORY', reason, dest)
        }
      }
      calls.unlink(to)
    }
    calls.symlink(target, to)
  }

  #stats(at: PathArgument): UnionStats {
    return this.#options.dereference ? this.#calls.stat(at) : this.#calls.lstat(at)
  }
}

const SLASH = 0x2f

/** Without `.` and `..`, byte for byte. */
function normal(at: Buffer): Buffer {
  return Buffer.from(path.posix.normalize(at.toString('latin1')).replace(/(?<=.)\/$/, ''), 'latin1')
}

function exists(calls: UnionCalls, at: string): boolean {
  try {
    calls.stat(at)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}

function existing(calls: UnionCalls, at: PathArgument, follow: boolean): UnionEntry | undefined {
  try {
    if (follow) calls.stat(at)
    else calls.lstat(at)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  return calls.find(at, follow)
}

const DEFAULTS = {
  dereference: false,
  errorOnExist: false,
  force: true,
  preserveTimestamps: false,
  recursive: false,
  verbatimSymlinks: false,
}

/** An option that is there as undefined is refused, as by Node. */
function completeOptions(given: CopyOptions): CopyOptions {
  checkObject('options', given)
  const options: CopyOptions = { ...DEFAULTS, ...given }
  for (const name of Object.keys(DEFAULTS) as (keyof typeof DEFAULTS)[]) {
    checkBoolean(`options.${name}`, options[name])
  }
  const { mode, filter, dereference, verbatimSymlinks } = options
  if (mode !== undefined && mode !== null) checkInteger('mode', mode, 0, COPY_MODE_MAX)
  if (dereference && verbatimSymlinks) {
    throw argumentError(
      'ERR_INCOMPATIBLE_OPTION_PAIR',
      'Option "dereference" cannot be used in combination with option "verbatimSymlinks"',
    )
  }
  if (filter !== undefined && typeof filter !== 'function') {
    throw wrongType('options.filter', 'of type function', filter)
  }
  return options
}

function intoItself(from: string, to: string, at = to): Error {
  return copyError('ERR_FS_CP_EINVAL', `cannot copy ${from} to a subdirectory of self ${to}`, at)
}

function copyError(code: Parameters<typeof systemError>[0], reason: string, at: string): Error {
  return systemError(code, reason, { syscall: 'cp', path: at })
}
