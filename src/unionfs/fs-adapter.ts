// A merged tree as libraries want it that are given an `fs`: callbacks, the Sync calls and `promises` in one object, with
// descriptors that are numbers. Only what UnionFs has; what is missing here is missing for good (watch, for one).

import fs from 'node:fs'
import { callbackify, promisify } from 'node:util'
import { wrongType } from './refusals.ts'
import { copyTree, type CopyOptions } from './copy-tree.ts'
import type { PathArgument } from './path-argument.ts'
import { UnionDirent, UnionStats } from './stats.ts'
import { syncCalls, type CallName } from './sync-calls.ts'
import type { UnionFs } from './union-fs.ts'

type Callback = (error: NodeJS.ErrnoException | null, ...results: unknown[]) => void
type Call = (...args: unknown[]) => unknown

type ClassName = 'Dirent' | 'ReadStream' | 'Stats' | 'WriteStream'

/** What UnionFs has of `node:fs/promises`, for who asks for that by its type, and what it has besides. */
export type UnionPromises = UnionFs &
  Pick<typeof fs.promises, Extract<keyof UnionFs, keyof typeof fs.promises>>

/** That part of node:fs, as a type: what takes an `fs` takes this. `promises` is bound, so it can be taken apart. */
export type UnionFsAdapter = Pick<
  typeof fs,
  CallName | `${CallName}Sync` | 'constants' | 'createReadStream' | 'createWriteStream' | ClassName
> & { readonly promises: UnionPromises }

/** @example glob('**', { fs: fsAdapter(union), cwd: '/' }) */
export function fsAdapter(union: UnionFs): UnionFsAdapter {
  const sync = syncCalls(union.calls)
  const { F_OK, R_OK, W_OK, X_OK } = fs.constants
  const adapter: Record<string, unknown> = {
    ...sync,
    Dirent: UnionDirent,
    Stats: UnionStats,
    promises: bound(union),
    constants: fs.constants,
    ...{ F_OK, R_OK, W_OK, X_OK },
  }
  for (const [name, call] of Object.entries(sync)) {
    if (name === 'existsSync') continue
    adapter[name.slice(0, -'Sync'.length)] = withCallback(call as Call)
  }
  // Its filter may be a promise.
  adapter['cp'] = withCallback(((from: PathArgument, to: PathArgument, options?: CopyOptions) =>
    copyTree(union.calls, from, to, options)) as Call)
  const existsSync = sync.existsSync as Call
  const exists = (path: PathArgument, callback: (exists: unknown) => void): void => {
    checkCallback(callback)
    queueMicrotask(() => callback(existsSync(path)))
  }
  adapter['exists'] = asPromise(exists, async (path) => existsSync(path))
  adapter['read'] = reading(sync.readSync)
  adapter['readv'] = withCount(sync.readvSync, ['bytesRead', 'buffers'])
  adapter['write'] = withCount(sync.writeSync, ['bytesWritten', 'buffer'])
  adapter['writev'] = withCount(sync.writevSync, ['bytesWritten', 'buffers'])
  const native = <T extends Call>(call: T): T => Object.assign(call, { native: call })
  adapter['realpath'] = native(adapter['realpath'] as Call)
  adapter['realpathSync'] = native(sync.realpathSync as Call)
  for (const kind of ['Read', 'Write'] as const) {
    const Stream = streamOver(adapter, kind === 'Read' ? fs.ReadStream : fs.WriteStream)
    adapter[`${kind}Stream`] = Stream
    adapter[`create${kind}Stream`] = (...args: unknown[]) =>
      Reflect.construct(Stream, args) as object
  }
  return adapter as unknown as UnionFsAdapter
}

/**
 * Node's stream over these calls. A function and no class, as Node's: libraries that wrap it (graceful-fs) apply it to
 * objects of their own, and Node's itself would then open the host's files.
 */
function streamOver(
  adapter: object,
  Base: typeof fs.ReadStream | typeof fs.WriteStream,
): (this: unknown, ...args: unknown[]) => unknown {
  const apply: Call = Function.prototype.call.bind(Base)
  function Stream(this: unknown, ...[path, given]: unknown[]): unknown {
    if (!(this instanceof Stream)) return Reflect.construct(Stream, [path, given])
    const options = typeof given === 'string' ? { encoding: given } : (given as object | undefined)
    return apply(this, path, { ...options, fs: adapter })
  }
  const prototype = Object.create(Base.prototype, { constructor: { value: Stream } }) as object
  return Object.assign(Stream, { prototype })
}

/** Methods that a library may take out of the object (`const { stat } = fs.promises`). */
function bound(union: UnionFs): object {
  const out: Record<string, unknown> = { constants: fs.constants }
  for (const name of Object.getOwnPropertyNames(Object.getPrototypeOf(union))) {
    const value: unknown = (union as unknown as Record<string, unknown>)[name]
    if (name !== 'constructor' && typeof value === 'function') {
      out[name] = (...args: unknown[]): unknown => Reflect.apply(value, union, args) as unknown
    }
  }
  return out
}

function checkCallback(callback: unknown): asserts callback is Callback {
  if (typeof callback !== 'function') throw wrongType('cb', 'of type function', callback)
}

/** What Node refuses before it asks the system, it throws; what the system refuses, the callback is told. */
function isMistake(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return (
    (error instanceof TypeError || error instanceof RangeError) && code?.startsWith('ERR_') === true
  )
}

function withCallback(call: Call): (...args: unknown[]) => void {
  return (...args) => {
    // Arguments that were left out stand before the callback as undefined.
    const callback = args.pop()
    checkCallback(callback)
    let answer: () => Promise<unknown>
    try {
      const result = call(...args)
      answer = async () => result
    } catch (error) {
      if (isMistake(error)) throw error
      answer = async () => {
        throw error
      }
    }
    callbackify(answer)((error: NodeJS.ErrnoException | null, result: unknown) => {
      if (error) callback(error)
      else if (result === undefined) callback(null)
      else callback(null, result)
    })
  }
}

/** promisify(fs.read) and its kin resolve with names, as Node's do. */
function asPromise<T extends object>(
  call: T,
  promised: (...args: unknown[]) => Promise<unknown>,
): T {
  return Object.assign(call, { [promisify.custom]: promised })
}

/** These tell the buffers as well. */
function withCount(
  call: (...args: never[]) => unknown,
  [count, what]: readonly [string, string],
): (...args: unknown[]) => void {
  const asked = (...args: unknown[]): number => Reflect.apply(call, undefined, args) as number
  const told = (...args: unknown[]): void => {
    const callback = args.pop()
    checkCallback(callback)
    withCallback(asked)(...args, (error: NodeJS.ErrnoException | null, result: number) => {
      if (error) callback(error)
      else callback(null, result, args[1])
    })
  }
  return asPromise(told, async (...args) => ({ [count]: asked(...args), [what]: args[1] }))
}

const READ_BYTES = 16 << 10

/** read(fd, callback) and read(fd, options, callback) bring their buffer along. */
function reading(call: (...args: never[]) => unknown): (...args: unknown[]) => void {
  const read = withCount(call, ['bytesRead', 'buffer'])
  const complete = ([fd, first, ...rest]: unknown[]): unknown[] => {
    if (ArrayBuffer.isView(first)) return [fd, first, ...rest]
    const { buffer = Buffer.alloc(READ_BYTES), ...place } = (first ?? {}) as { buffer?: unknown }
    return [fd, buffer, place]
  }
  const told = (...args: unknown[]): void => {
    const callback = args.pop()
    read(...complete(args), callback)
  }
  const promised = (read as unknown as Record<symbol, (...args: unknown[]) => Promise<unknown>>)[
    promisify.custom
  ]!
  return asPromise(told, (...args) => promised(...complete(args)))
}
