// Random calls of node:fs/promises, to be made of Node's own and of UnionFs: what each resolves with or rejects with, as
// one line of text, with the paths as the union has them. Knows the module's shape and nothing of either side.

import type { EventEmitter } from 'node:events'
import fs from 'node:fs'
import { finished } from 'node:stream/promises'
import { pathToFileURL } from 'node:url'
import fc from 'fast-check'

type Promises = typeof fs.promises

/** One of the two sides. */
export interface PromiseSubject {
  readonly promises: Promises
  /** Put before each path. */
  readonly root: string
}

export interface PromiseCall {
  readonly name: string
  readonly a: string
  readonly b: string
  readonly n: number
}

type Call = (fs: Promises, a: string, b: string, n: number, root: string) => Promise<unknown>

const FLAGS = ['w', 'wx', 'a', 'r+', 'w+', 'ax', 'rs', 'r', 'a+', 'nonsense', '', 'sr+'] as const
/** Their owner may do all, whoever that is: the union asks for no permissions. */
const MODES = [0o700, 0o755, '744', 0o711, 0o750, '0700'] as const
const ENCODINGS = ['utf8', 'latin1', 'hex', 'base64', null] as const
/** What rmdir took before there was rm. */
const DEEP: object = { recursive: true }
const TIMES = [1000, 2000.25, '3000', new Date(4000_500), 0, 1e9 + 0.123456] as const
const { COPYFILE_EXCL, F_OK, R_OK, W_OK, X_OK } = fs.constants

const pick = <T>(from: readonly T[], n: number): T => from[n % from.length]!

async function withHandle(
  fsp: Promises,
  at: string,
  flags: string,
  use: (handle: fs.promises.FileHandle) => Promise<unknown>,
): Promise<unknown> {
  const handle = await fsp.open(at, flags)
  try {
    return await use(handle)
  } finally {
    await handle.close()
  }
}

/** Of a directory Node copies nothing, and removes what was there. */
const isDirectory = (f: Promises, at: string): Promise<boolean> =>
  f.stat(at).then(
    (stats) => stats.isDirectory(),
    () => false,
  )

/** What `to/.` is for cp depends on which of its many calls comes first. */
const undotted = (at: string): string => at.replace(/\/\.?$/, '')

const shownRead = ({ bytesRead, buffer }: { bytesRead: number; buffer: Buffer }): string =>
  text(buffer.subarray(0, Math.max(bytesRead, 4)))

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')

const CALLS: Readonly<Record<string, Call>> = {
  readFile: (f, a, _, n) => f.readFile(a, pick(ENCODINGS, n)).then(String),
  readFileFlag: (f, a, _, n) => f.readFile(a, { encoding: 'utf8', flag: pick(FLAGS, n) }),
  writeFile: (f, a, _, n) => f.writeFile(a, `${'w'.repeat(n)}`, { flag: pick(FLAGS, n) }),
  writeBytes: (f, a, _, n) => f.writeFile(a, new Uint16Array([n, 258]), { mode: pick(MODES, n) }),
  writeParts: (f, a, _, n) => f.writeFile(a, ['one', String(n)]),
  writeEncoded: (f, a) => f.writeFile(a, '6869', 'hex'),
  appendFile: (f, a, _, n) => f.appendFile(a, `+${n}`),
  appendMode: (f, a, _, n) => f.appendFile(a, Buffer.from('-'), { mode: pick(MODES, n) }),
  stat: async (f, a) => shownStats(await f.stat(a)),
  lstat: async (f, a) => shownStats(await f.lstat(a)),
  statBig: async (f, a) => shownBig(await f.stat(a, { bigint: true })),
  readdir: async (f, a) => (await f.readdir(a)).sort(),
  readdirTypes: async (f, a, _, _n, root) =>
    (await f.readdir(a, { withFileTypes: true }))
      .map((entry) => `${entry.name} ${kind(entry)} ${entry.parentPath.slice(root.length)}`)
      .sort(),
  // With types, Node follows no symbolic links either.
  readdirDeep: async (f, a, _, _n, root) =>
    (await f.readdir(a, { recursive: true, withFileTypes: true }))
      .map((entry) => `${entry.parentPath.slice(root.length)} ${entry.name} ${kind(entry)}`)
      .sort(),
  readdirBytes: async (f, a) => (await f.readdir(a, 'buffer')).map(text).sort(),
  opendir: async (f, a) => {
    const names: string[] = []
    for await (const entry of await f.opendir(a)) names.push(`${entry.name} ${kind(entry)}`)
    return names.sort()
  },
  mkdir: (f, a, _, n) => f.mkdir(a, pick(MODES, n)),
  mkdirDeep: async (f, a, _, n, root) => {
    const first = await f.mkdir(a, { recursive: true, mode: pick(MODES, n) })
    return first?.slice(root.length)
  },
  rmdir: (f, a) => f.rmdir(a),
  unlink: (f, a) => f.unlink(a),
  rm: (f, a, _, n) => f.rm(a, { recursive: (n & 1) !== 0, force: (n & 2) !== 0 }),
  rmPlain: (f, a) => f.rm(a),
  rename: (f, a, b) => f.rename(a, b),
  link: (f, a, b) => f.link(a, b),
  symlink: (f, a, _, n) => f.symlink(pick(['a', 'b/c', '../a', 'nowhere', '.'], n), a),
  readlink: (f, a) => f.readlink(a),
  readlinkBytes: async (f, a) => text(await f.readlink(a, 'buffer')),
  realpath: async (f, a, _, _n, root) => (await f.realpath(a)).slice(root.length) || '/',
  access: (f, a, _, n) => f.access(a, pick([F_OK, R_OK, W_OK, R_OK | W_OK, 64], n)),
  accessDirectory: async (f, a) => (await f.stat(a)).isDirectory() && f.access(a, X_OK),
  chmod: (f, a, _, n) => f.chmod(a, pick(MODES, n)),
  chmodNonsense: (f, a) => f.chmod(a, 'rwx'),
  utimes: (f, a, _, n) => f.utimes(a, pick(TIMES, n), pick(TIMES, n + 1)),
  lutimes: (f, a, _, n) => f.lutimes(a, pick(TIMES, n), pick(TIMES, n + 1)),
  truncate: (f, a, _, n) => f.truncate(a, n),
  truncateAll: (f, a) => f.truncate(a),
  copyFile: async (f, a, b, n) => {
    return (await isDirectory(f, a))
      ? 'directory'
      : f.copyFile(a, b, n % 2 === 0 ? 0 : COPYFILE_EXCL)
  },
  cp: (f, a, b, n) =>
    f.cp(a, undotted(b), {
      recursive: (n & 1) !== 0,
      force: (n & 2) === 0,
      errorOnExist: (n & 4) !== 0,
      verbatimSymlinks: true,
    }),
  cpFiltered: (f, a, b) =>
    f.cp(a, undotted(b), { recursive: true, filter: (from) => !from.endsWith('b') }),
  cpLinks: (f, a, b, n) =>
    f.cp(a, undotted(b), { recursive: true, dereference: (n & 1) !== 0, force: (n & 2) === 0 }),
  cpMode: (f, a, b) => f.cp(a, undotted(b), { mode: COPYFILE_EXCL }),
  cpTimes: (f, a, b) =>
    f.cp(a, undotted(b), { recursive: true, preserveTimestamps: true, verbatimSymlinks: true }),
  handleRead: (f, a, _, n) =>
    withHandle(f, a, 'r', async (handle) => {
      const buffer = Buffer.alloc(8)
      const first = await handle.read(buffer, 0, 2)
      const second = await handle.read({ buffer, offset: 2, length: 4, position: n })
      return [first.bytesRead, second.bytesRead, text(buffer), (await handle.stat()).size]
    }),
  handleWrite: (f, a, _, n) =>
    withHandle(f, a, pick(['r+', 'w+', 'a+', 'r'], n), async (handle) => {
      const { bytesWritten } = await handle.write('text', n)
      const more = await handle.write(Buffer.from('bytes'), 1, 3)
      const all = await handle.writev([Buffer.from('x'), Buffer.from('yz')], 2)
      const parts = [Buffer.alloc(2), Buffer.alloc(9)]
      const read = await handle.readv(parts, 1)
      return [bytesWritten, more.bytesWritten, all.bytesWritten, read.bytesRead, ...parts.map(text)]
    }),
  handleFiles: (f, a, _, n) =>
    withHandle(f, a, pick(['r+', 'a+'], n), async (handle) => {
      await handle.writeFile('whole')
      await handle.appendFile('+')
      const rest = await handle.readFile('utf8')
      await handle.truncate(n)
      await handle.chmod(pick(MODES, n))
      await handle.utimes(1, 2)
      await handle.datasync()
      return [rest, shownStats(await handle.stat())]
    }),
  handleLines: (f, a) =>
    withHandle(f, a, 'r', async (handle) => {
      const lines: string[] = []
      for await (const line of handle.readLines()) lines.push(line)
      return lines
    }),
  handleStreams: async (f, a, _, n) => {
    const target = (await f.open(a, 'w+')).createWriteStream({ start: n % 3 })
    await finished(target.write('streamed\n') ? target.end('end') : target)
    const source = (await f.open(a)).createReadStream({ start: 1, end: 5, encoding: 'latin1' })
    let out = ''
    for await (const part of source) out += String(part)
    return out
  },
  handleClosed: async (f, a) => {
    const handle = await f.open(a)
    await handle.close()
    return handle.stat()
  },
  byURL: (f, a) => f.readFile(pathToFileURL(a), 'utf8'),
  byBytes: async (f, a, b) => {
    if (await isDirectory(f, a)) return 'directory'
    await f.copyFile(Buffer.from(a), new Uint8Array(Buffer.from(b)) as Buffer)
    return shownStats(await f.lstat(Buffer.from(b)))
  },
  appendFlag: async (f, a) => {
    await f.appendFile(a, 'x', { flag: undefined as unknown as string })
    return f.readFile(a, { encoding: 'latin1', flag: undefined as unknown as string })
  },
  byHandle: (f, a) =>
    withHandle(f, a, 'r+', async (handle) => {
      await f.writeFile(handle, 'by handle')
      await f.appendFile(handle, '+')
      return f.readFile(handle, 'utf8')
    }),
  handleParts: (f, a, _, n) =>
    withHandle(f, a, 'w+', async (handle) => {
      const bytes = Buffer.from('0123456789')
      const one = await handle.write(bytes, { offset: n, length: 2, position: n } as never)
      const two = await handle.write(bytes, undefined, undefined, 1)
      const three = await handle.write('6869', null, 'hex')
      const four = await handle.write(Buffer.alloc(0))
      const all = await handle.read({ position: 0 })
      const some = await handle.read(Buffer.alloc(4), { offset: 1, length: n % 3, position: 2 })
      const here = await handle.read()
      const counts = [one, two, three, four].map(({ bytesWritten }) => bytesWritten)
      return [counts, ...[all, some, here].map((read) => [read.bytesRead, shownRead(read)])]
    }),
  handleOutside: (f, a, _, n) =>
    withHandle(f, a, 'w+', async (handle) => {
      const bytes = Buffer.alloc(4)
      const out: unknown[] = []
      for (const [offset, length] of [[n], [n, 9], [0, -1 - n], [-1], [1.5], [4, 0]] as const) {
        for (const call of ['read', 'write'] as const) {
          try {
            if (call === 'read') await handle.read(bytes, offset, length)
            else await handle.write(bytes, offset, length)
            out.push('done')
          } catch (error) {
            const { code, message } = error as NodeJS.ErrnoException
            out.push([code, message])
          }
        }
      }
      return out
    }),
  handleEvents: async (f, a) => {
    const handle = await f.open(a)
    let closed = 0
    ;(handle as unknown as EventEmitter).on('close', () => closed++)
    const isOpen = handle.fd > 2
    // Node binds it.
    const { close } = handle as { close: (this: void) => Promise<void> }
    await Promise.all([close(), close()])
    await close()
    return [isOpen, handle.fd, closed]
  },
  handleHeld: async (f, a, _, n) => {
    const handle = await f.open(a, 'w+')
    const target = handle.createWriteStream({ start: n % 3, flush: n % 2 === 0 })
    target.write('held by a stream')
    await new Promise<void>((resolve) => target.end(() => resolve()))
    // The stream closes it; whoever asks again waits for that.
    await handle.close()
    return [target.bytesWritten, handle.fd, (await f.readFile(a)).length]
  },
  handleWeb: (f, a) =>
    withHandle(f, a, 'r', async (handle) => {
      // Of a directory Node leaves a promise behind that nobody hears rejected.
      if ((await handle.stat()).isDirectory()) return 'directory'
      const parts: Buffer[] = []
      for await (const part of handle.readableWebStream({ type: 'bytes' } as object))
        parts.push(Buffer.from(part as Uint8Array))
      let again = 'twice'
      try {
        handle.readableWebStream()
      } catch (error) {
        again = String((error as NodeJS.ErrnoException).code)
      }
      return [text(Buffer.concat(parts)), again]
    }),
  writeWhile: (f, a, _, n) => {
    const aborting = new AbortController()
    async function* parts(): AsyncGenerator<string> {
      yield 'one'
      if (n % 2 === 0) aborting.abort()
      yield 'two'
    }
    return f.writeFile(a, parts() as never, { signal: aborting.signal })
  },
  rmdirDeep: (f, a) => f.rmdir(a, DEEP),
  truncateOdd: (f, a, _, n) => f.truncate(a, pick([-1, 0, 5, -7], n)),
  temporary: async (f, a, _, n, root) => {
    const made = await f.mkdtemp(`${a}/m`, pick([null, 'utf8', 'hex'] as never[], n))
    const plain = n % 3 === 2 ? Buffer.from(made, 'hex').toString() : made
    await f.rmdir(plain)
    return [plain.slice(root.length, -6), plain.length - root.length]
  },
  temporaryBytes: async (f, a) => {
    const made = await f.mkdtemp(`${a}-`, 'buffer')
    await f.rmdir(made)
    return text(made).length - a.length
  },
  statfs: async (f, a, _, n) => {
    const bigint = n % 2 === 0
    return Object.entries(await f.statfs(a, { bigint })).map(([name, value]) => [
      name,
      typeof value,
    ])
  },
  readdirTypedBytes: async (f, a) =>
    (await f.readdir(a, { encoding: 'buffer' as never, withFileTypes: true }))
      .map((entry) => `${text(entry.name as unknown as Buffer)} ${kind(entry)}`)
      .sort(),
  readdirHex: async (f, a) => (await f.readdir(a, { encoding: 'hex' })).sort(),
  opendirDeep: async (f, a, _, _n, root) => {
    const names: string[] = []
    for await (const entry of await f.opendir(a, { recursive: true, bufferSize: 2 }))
      names.push(`${entry.parentPath.slice(root.length)} ${entry.name} ${kind(entry)}`)
    return names.sort()
  },
  opendirCalls: async (f, a) => {
    const dir = await f.opendir(a, { encoding: 'latin1' })
    const count = [await dir.read(), dir.readSync()].filter((entry) => entry !== null).length
    const later = await new Promise((resolve) =>
      dir.read((_error, entry) => resolve(entry !== null)),
    )
    await dir.close()
    let code: unknown
    try {
      dir.readSync()
    } catch (error) {
      code = (error as NodeJS.ErrnoException).code
    }
    const again = await dir.close().catch((error: unknown) => (error as NodeJS.ErrnoException).code)
    return [count, later, code, again, typeof dir.path]
  },
  lchmod: (f, a) =>
    (f as unknown as { lchmod(at: string, mode: number): Promise<void> }).lchmod(a, 0o644),
  noString: (f) => f.readFile(7.5 as unknown as string),
  noPath: (f) => f.stat(undefined as unknown as string),
  nulPath: (f, a) => f.readFile(`${a}\0`),
  emptyPath: (f) => f.stat(''),
  noTime: (f, a) => f.utimes(a, 'soon', 1),
}

const part = fc.constantFrom('a', 'b', 'c')
const place = fc
  .tuple(fc.array(part, { minLength: 1, maxLength: 3 }), fc.constantFrom('', '', '', '', '/', '/.'))
  .map(([parts, end]) => `/${parts.join('/')}${end}`)

export const promiseCalls: fc.Arbitrary<PromiseCall[]> = fc.array(
  fc.record({
    name: fc.constantFrom(...Object.keys(CALLS)),
    a: place,
    b: place,
    n: fc.nat(11),
  }),
  { minLength: 1, maxLength: 40, size: 'max' },
)

export async function performCall(
  { promises, root }: PromiseSubject,
  { name, a, b, n }: PromiseCall,
): Promise<string> {
  const call = CALLS[name]!
  try {
    const result: unknown = await call(promises, `${root}${a}`, `${root}${b}`, n, root)
    return JSON.stringify(result) ?? 'undefined'
  } catch (error) {
    const failed = error as NodeJS.ErrnoException & { dest?: string }
    // Node asks for the source and the target at once: which one is complained of is a matter of luck.
    if (name.startsWith('cp') && failed.name !== 'SystemError')
      return (failed.code ?? failed.name).replace('ENOTDIR', 'ENOENT')
    // What stands in place of the six X, no two calls have in common.
    if (name.startsWith('temporary')) return `${failed.code} ${failed.syscall}`
    return shownError(failed, root)
  }
}

/** Errors of the system whole; those about arguments by their code: Node words them anew now and then. */
function shownError(error: NodeJS.ErrnoException & { dest?: string }, root: string): string {
  const { code = error.name, syscall, errno, message, path, dest } = error
  if (typeof errno !== 'number') return code
  const plain = (at: string | undefined): string | undefined => at?.replaceAll(root, '')
  return JSON.stringify([code, syscall, Math.abs(errno), plain(message), plain(path), plain(dest)])
}

function kind(entry: fs.Dirent | fs.Stats): string {
  if (entry.isDirectory()) return 'directory'
  return entry.isSymbolicLink() ? 'link' : entry.isFile() ? 'file' : 'other'
}

function shownStats(stats: fs.Stats): unknown[] {
  const isDirectory = stats.isDirectory()
  const { mode, nlink, size, mtimeMs } = stats
  const old = (time: number): unknown => (time < 1e12 ? [time, stats.mtime.toISOString()] : 'new')
  const rest = isDirectory ? [] : [nlink, size, old(mtimeMs)]
  return [kind(stats), mode.toString(8), ...rest]
}

function shownBig(stats: fs.BigIntStats): unknown[] {
  const { mode, size, mtimeNs, mtimeMs } = stats
  const time = mtimeMs < 10n ** 12n ? String(mtimeNs) : 'new'
  return stats.isDirectory() ? [String(mode)] : [String(mode), String(size), time]
}
