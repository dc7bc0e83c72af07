// The adapter beside node:fs: each form of its calls with callbacks and at once, as node:fs has them, on a directory and
// on a union of it, with the same answers; and its streams as libraries wrap them.

import fs from 'node:fs'
import path from 'node:path'
import { callbackify, promisify } from 'node:util'
import t from 'tap'
import { fsAdapter } from '../../src/unionfs/fs-adapter.ts'
import { openUnion } from '../../src/unionfs/open-union.ts'
import { temporaryDirectory } from '../support/temporary.ts'

type Calls = typeof fs
type Answer = (...results: unknown[]) => void

const wrong = (value: unknown): never => value as never
/** Of `file`'s directory. */
const beside = (file: string, name: string): string => file.replace(/file$/, name)
/** Forms that the types of node:fs leave out. */
const loose = (call: unknown): ((...args: unknown[]) => unknown) => call as never

/** Errors by what callers tell them apart by, buffers as text. */
function shown(value: unknown): unknown {
  if (value instanceof Error) {
    const { code, syscall, message } = value as NodeJS.ErrnoException
    return { code, syscall, message: message.replaceAll(/(?:\/[\w.-]+)*(?=\/(?:file|dir))/g, '') }
  }
  if (ArrayBuffer.isView(value)) {
    const { buffer, byteOffset, byteLength } = value
    return Buffer.from(buffer, byteOffset, Math.min(byteLength, 4)).toString()
  }
  if (Array.isArray(value)) return value.map(shown)
  return typeof value === 'object' && value !== null
    ? Object.fromEntries(Object.entries(value).map(([name, each]) => [name, shown(each)]))
    : value
}

/** What is still there, and called deprecated. */
const old = (
  calls: Calls,
): { exists(this: void, file: string, done: (found: boolean) => void): void } => calls

function settle(asked: Promise<unknown>, done: Answer): void {
  callbackify(() => asked)((error, result) => done(error ?? result))
}

const buffer = (): Buffer => Buffer.alloc(4, '.')

/** With a descriptor of `file`, which holds `content`. */
const BY_CALLBACK: Readonly<Record<string, (calls: Calls, fd: number, done: Answer) => void>> = {
  'read(fd, callback)': (calls, fd, done) => calls.read(fd, done as never),
  'read(fd, options)': (calls, fd, done) =>
    calls.read(fd, { buffer: buffer(), offset: 1, length: 2, position: 3 }, done as never),
  'read(fd, buffer)': (calls, fd, done) => loose(calls.read)(fd, buffer(), done),
  'read(fd, buffer, options)': (calls, fd, done) =>
    loose(calls.read)(fd, buffer(), { offset: 2, position: 1 }, done),
  'read(fd, all)': (calls, fd, done) => calls.read(fd, buffer(), 0, 3, 2, done),
  'read of a bigint': (calls, fd, done) => calls.read(fd, buffer(), 0, 3, 2n, done),
  'read outside': (calls, fd, done) => calls.read(fd, buffer(), 0, 9, 2, done),
  'read of no file': (calls, _, done) => calls.read(999, buffer(), 0, 1, 0, done),
  readv: (calls, fd, done) => calls.readv(fd, [buffer(), buffer()], 1, done),
  'readv from here': (calls, fd, done) => calls.readv(fd, [buffer(), buffer()], done),
  'write(fd, buffer)': (calls, fd, done) => calls.write(fd, Buffer.from('abcd'), done),
  'write(fd, buffer, options)': (calls, fd, done) =>
    loose(calls.write)(fd, Buffer.from('abcd'), { offset: 1, length: 2, position: 5 }, done),
  'write(fd, buffer, all)': (calls, fd, done) =>
    calls.write(fd, Buffer.from('abcd'), 1, 2, 0, done),
  'write(fd, text)': (calls, fd, done) => calls.write(fd, 'text', done),
  'write(fd, text, position, encoding)': (calls, fd, done) =>
    calls.write(fd, '6869', 3, 'hex', done),
  writev: (calls, fd, done) => calls.writev(fd, [Buffer.from('ab'), Buffer.from('cd')], 2, done),
  'writeFile by descriptor': (calls, fd, done) => calls.writeFile(fd, 'over', done),
  'appendFile by descriptor': (calls, fd, done) => calls.appendFile(fd, 'over', 'latin1', done),
  'readFile by descriptor': (calls, fd, done) => calls.readFile(fd, 'utf8', done),
  ftruncate: (calls, fd, done) => calls.ftruncate(fd, 3, done),
  'ftruncate to nothing': (calls, fd, done) => calls.ftruncate(fd, done),
  'promisify(read)': (calls, fd, done) =>
    settle(promisify(calls.read)(fd, buffer(), 0, 4, 0), done),
  'promisify(write)': (calls, fd, done) =>
    settle(promisify(calls.write)(fd, Buffer.from('abcd')), done),
  'promisify(readv)': (calls, fd, done) => settle(promisify(calls.readv)(fd, [buffer()], 0), done),
  'promisify(writev)': (calls, fd, done) =>
    settle(promisify(calls.writev)(fd, [buffer()], 0), (out) =>
      done((out as { bytesWritten: number }).bytesWritten),
    ),
}

/** With the path of `file`, in a directory that holds nothing else but `dir/below`. */
const BY_PATH: Readonly<Record<string, (calls: Calls, file: string, done: Answer) => unknown>> = {
  exists: (calls, file, done) => old(calls).exists(file, done),
  'exists not': (calls, file, done) => old(calls).exists(`${file}x`, done),
  'promisify(exists)': (calls, file, done) => settle(promisify(old(calls).exists)(file), done),
  'no callback': (calls, file) => loose(calls.stat)(file, undefined),
  'no path': (calls, _, done) => calls.stat(wrong(5), done),
  'no such file': (calls, file, done) => calls.readFile(`${file}x`, done),
  'no owner': (calls, file, done) => calls.chown(file, wrong('a'), 1, done),
  cp: (calls, file, done) =>
    calls.cp(beside(file, 'dir'), `${file}.copy`, { recursive: true }, done),
  'cp of a directory': (calls, file, done) => calls.cp(beside(file, 'dir'), `${file}.copy`, done),
  cpSync: (calls, file) => calls.cpSync(beside(file, 'dir'), file, { recursive: true }),
  'cpSync over itself': (calls, file) => calls.cpSync(file, file),
  'cpSync with a promise': (calls, file) =>
    calls.cpSync(file, `${file}.copy`, { filter: wrong(async () => true) }),
  'rmdir deep': (calls, file, done) =>
    calls.rmdir(beside(file, 'dir'), wrong({ recursive: true }), done),
  mkdtemp: (calls, file) => calls.mkdtempSync(file, 'buffer').length - file.length,
  'statfs by name': (calls, file) => Object.keys(calls.statfsSync(file)),
  'opendir, as bytes': (calls, file) => {
    const dir = calls.opendirSync(path.dirname(file), { encoding: 'buffer' as never })
    const entry = dir.readSync()
    dir.closeSync()
    return ArrayBuffer.isView(entry?.name)
  },
  'constants of old': (calls) => {
    const numbers = calls as unknown as Record<string, number>
    return ['F_OK', 'R_OK', 'W_OK', 'X_OK'].map((name) => numbers[name])
  },
  'a stat is a Stats': (calls, file) => calls.statSync(file) instanceof calls.Stats,
  'an entry is a Dirent': (calls, file) =>
    calls.readdirSync(path.dirname(file), { withFileTypes: true })[0] instanceof calls.Dirent,
  'truncateSync to nothing': (calls, file) => {
    calls.truncateSync(file, wrong(null))
    return calls.readFileSync(file, 'utf8')
  },
  'writeFileSync, flushed': (calls, file) => {
    calls.writeFileSync(file, 'new', wrong({ flush: true, flag: undefined }))
    return calls.readFileSync(file, { encoding: 'utf8', flag: undefined as never })
  },
  'appendFileSync of a number': (calls, file) => calls.appendFileSync(file, wrong(5)),
}

async function told(act: (done: Answer) => unknown): Promise<unknown> {
  return new Promise((resolve) => {
    let isAnswered = false
    const done: Answer = (...results) => {
      isAnswered = true
      // Beside an error nothing counts.
      resolve(
        results[0] instanceof Error
          ? shown(results[0])
          : results.filter((each) => each !== undefined).map(shown),
      )
    }
    try {
      const result = act(done)
      if (result !== undefined || act.length === 0) resolve(['at once', shown(result)])
      else setTimeout(() => isAnswered || resolve('no answer'), 1000)
    } catch (error) {
      resolve(['thrown', shown(error)])
    }
  })
}

/** Node's releases word some of it differently. */
const skip = !process.versions.node.startsWith('20.') && "held against Node 20's calls"

t.test('each form answers as in node:fs', { skip }, async (t) => {
  // Of rmdir's recursive, and of fs.exists.
  process.noDeprecation = true
  const sides = async (
    ask: (calls: Calls, file: string) => Promise<unknown>,
  ): Promise<readonly unknown[]> => {
    const out: unknown[] = []
    for (const isUnion of [false, true]) {
      const dir = temporaryDirectory(t)
      fs.writeFileSync(path.join(dir, 'file'), 'content')
      fs.mkdirSync(path.join(dir, 'dir'))
      fs.writeFileSync(path.join(dir, 'dir/below'), '')
      await using union = openUnion({ lowers: [dir], upper: 'memory' })
      const calls = isUnion ? (fsAdapter(union) as unknown as Calls) : fs
      const file = isUnion ? '/file' : path.join(dir, 'file')
      out.push([await ask(calls, file), calls.readdirSync(path.dirname(file)).length])
    }
    return out
  }
  for (const [name, act] of Object.entries(BY_CALLBACK)) {
    const [expected, found] = await sides(async (calls, file) => {
      const fd = calls.openSync(file, 'r+')
      try {
        return [
          await told((done) => act(calls, fd, done)),
          calls.readFileSync(file, 'utf8'),
          calls.fstatSync(fd).size,
        ]
      } finally {
        calls.closeSync(fd)
      }
    })
    t.same(found, expected, name)
  }
  for (const [name, act] of Object.entries(BY_PATH)) {
    const [expected, found] = await sides((calls, file) =>
      told(act.length < 3 ? () => act(calls, file, () => {}) : (done) => act(calls, file, done)),
    )
    t.same(found, expected, name)
  }
})

t.test('streams are of the union, however a library makes them', async (t) => {
  const dir = temporaryDirectory(t)
  fs.writeFileSync(path.join(dir, 'file'), 'in the union')
  await using union = openUnion({ lowers: [dir], upper: 'memory' })
  const adapter = fsAdapter(union)
  const read = async (stream: fs.ReadStream): Promise<string> => {
    let text = ''
    for await (const part of stream) text += String(part)
    return text
  }
  type Streams<Stream> = new (path: string, options?: object) => Stream
  const ReadStream = adapter.ReadStream as unknown as Streams<fs.ReadStream>
  const WriteStream = adapter.WriteStream as unknown as Streams<fs.WriteStream>
  t.equal(await read(adapter.createReadStream('/file', 'utf8')), 'in the union')
  t.equal(await read(new ReadStream('/file', { start: 3, end: 5 })), 'the')
  const called = (ReadStream as unknown as (path: string) => fs.ReadStream)('/file')
  t.ok(called instanceof ReadStream && called instanceof fs.ReadStream)
  t.equal(await read(called), 'in the union')
  // As graceful-fs: a prototype of its own below, the constructor applied to it.
  function Wrapped(this: fs.ReadStream): unknown {
    return Reflect.apply(ReadStream as never, this, ['/file']) ?? this
  }
  Wrapped.prototype = Object.create(ReadStream.prototype as object)
  const wrapped = Reflect.construct(Wrapped, []) as fs.ReadStream
  t.ok(wrapped instanceof Wrapped)
  t.equal(await read(wrapped), 'in the union')
  const target = new WriteStream('/made', { flush: true })
  await new Promise<void>((resolve) => target.end('written', () => resolve()))
  t.equal(await union.readFile('/made', 'utf8'), 'written')
  t.notOk(fs.existsSync('/made'))
})
