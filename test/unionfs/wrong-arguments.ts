// What node:fs refuses before it asks the system, a union refuses too, in the same words, and has changed nothing.

import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { openUnion } from '../../src/unionfs/open-union.ts'
import { temporaryDirectory } from '../support/temporary.ts'

type Calls = typeof fs.promises
/** What TypeScript would not let a caller hand over. */
const wrong = (value: unknown): never => value as never

const CASES: Readonly<Record<string, (calls: Calls, file: string) => Promise<unknown>>> = {
  'no path': (calls) => calls.readFile(wrong(undefined)),
  'a number for a path': (calls) => calls.stat(wrong(5.5)),
  'an object for a path': (calls) => calls.mkdir(wrong({ a: 1 })),
  'a NUL in a path': (calls) => calls.readFile('a\0b'),
  'an encoding that is none': (calls, file) => calls.readFile(file, wrong('nope')),
  'an encoding in options': (calls, file) => calls.readFile(file, { encoding: wrong('nope') }),
  'an encoding of names': (calls, file) => calls.readdir(path.dirname(file), wrong('nope')),
  'an encoding of a target': (calls, file) => calls.readlink(`${file}.link`, wrong('nope')),
  'an object to write': (calls, file) => calls.writeFile(file, wrong({ a: 1 })),
  'a number to write': (calls, file) => calls.writeFile(file, wrong(5)),
  'nothing to write': (calls, file) => calls.writeFile(file, wrong(undefined)),
  'text for an owner': (calls, file) => calls.chown(file, wrong('a'), 1),
  'half an owner': (calls, file) => calls.chown(file, 1, 1.5),
  'an owner below -1': (calls, file) => calls.lchown(file, -2, 1),
  'an owner beyond 32 bits': (calls, file) => calls.chown(file, 2 ** 32, 1),
  'a mode below 0': (calls, file) => calls.chmod(file, -1),
  'a mode that is no number': (calls, file) => calls.chmod(file, wrong('zz')),
  'a mode of copyFile': (calls, file) => calls.copyFile(file, `${file}.copy`, 99),
  'a mode of access': (calls, file) => calls.access(file, 77),
  'a signal, reading': (calls, file) =>
    calls.readFile(file, { signal: AbortSignal.abort(new Error('enough')) }),
  'a signal, writing': (calls, file) =>
    calls.writeFile(file, 'x', { signal: AbortSignal.abort(new Error('enough')) }),
  'no mode': (calls, file) => calls.chmod(file, wrong(undefined)),
  'a mode of 9s': (calls, file) => calls.chmod(file, '79'),
  'a mode with a fraction': (calls, file) => calls.chmod(file, 1.5),
  'a mode beyond 32 bits': (calls, file) => calls.mkdir(`${file}.d`, { mode: 2 ** 33 }),
  'a mode to open with': (calls, file) => calls.open(file, 'r', wrong({})),
  'flags that are no flags': (calls, file) => calls.open(file, wrong({ w: 1 })),
  'flags of Object itself': (calls, file) => calls.open(file, 'constructor'),
  'flags beyond 32 bits': (calls, file) => calls.open(file, 2 ** 40),
  'a name of a link to be read': (calls) => calls.readlink(wrong(1)),
  'an old name': (calls, file) => calls.rename(wrong(null), file),
  'a new name': (calls, file) => calls.rename(file, wrong([])),
  'a NUL in a new name': (calls, file) => calls.rename(file, 'a\0b'),
  'a NUL in bytes': (calls) => calls.stat(Buffer.from('a\0b')),
  'an existing name': (calls, file) => calls.link(wrong(undefined), file),
  'a name to copy to': (calls, file) => calls.copyFile(file, wrong(undefined)),
  'a name to copy from': (calls, file) => calls.cp(wrong(undefined), file),
  'a link’s target': (calls, file) => calls.symlink(wrong(undefined), `${file}.l`),
  'a prefix': (calls) => calls.mkdtemp(wrong(7)),
  'options that are a number': (calls, file) => calls.readFile(file, wrong(5)),
  'options that are true': (calls, file) => calls.readdir(file, wrong(true)),
  'recursive that is a number': (calls, file) => calls.mkdir(`${file}.d`, { recursive: wrong(1) }),
  'rm: recursive that is text': (calls, file) => calls.rm(file, { recursive: wrong('yes') }),
  'rm: force that is a number': (calls, file) => calls.rm(file, { force: wrong(1) }),
  'rm: less than no tries': (calls, file) => calls.rm(file, { maxRetries: -1 }),
  'rm: half a delay': (calls, file) => calls.rm(file, { retryDelay: 0.5 }),
  'rm: options that are none': (calls, file) => calls.rm(file, wrong(null)),
  'rmdir: recursive that is text': (calls, file) => calls.rmdir(file, wrong({ recursive: 'yes' })),
  'cp: force that is text': (calls, file) => calls.cp(file, `${file}.c`, { force: wrong('no') }),
  'cp: a mode of 8': (calls, file) => calls.cp(file, `${file}.c`, { mode: 8 }),
  'cp: a filter that is none': (calls, file) =>
    calls.cp(file, `${file}.c`, { filter: wrong('no') }),
  'cp: links kept and followed': (calls, file) =>
    calls.cp(file, `${file}.c`, { dereference: true, verbatimSymlinks: true }),
  'flush that is text': (calls, file) => calls.writeFile(file, 'x', { flush: wrong('yes') }),
  'a signal that is none': (calls, file) => calls.readFile(file, { signal: wrong('stop') }),
  'no time': (calls, file) => calls.utimes(file, wrong(undefined), 1),
  'true for a time': (calls, file) => calls.utimes(file, 1, wrong(true)),
  'half a byte': (calls, file) => calls.truncate(file, 1.5),
  'text for a size': (calls, file) => calls.truncate(file, wrong('1')),
  'a handle’s buffer': async (calls, file) => {
    await using handle = await calls.open(file, 'r+')
    await handle.write(wrong(5))
  },
  'a handle’s options': async (calls, file) => {
    await using handle = await calls.open(file, 'r+')
    await handle.read(wrong(5))
  },
  'a handle’s hex': async (calls, file) => {
    await using handle = await calls.open(file, 'r+')
    await handle.write('abc', 0, 'hex')
  },
  'a handle’s offset': async (calls, file) => {
    await using handle = await calls.open(file, 'r+')
    await handle.read(Buffer.alloc(4), 9)
  },
  'a handle’s length': async (calls, file) => {
    await using handle = await calls.open(file, 'r+')
    await handle.write(Buffer.alloc(4), 1, 4)
  },
  'a handle’s empty buffer': async (calls, file) => {
    await using handle = await calls.open(file)
    await handle.read(Buffer.alloc(0), 0, 1)
  },
  'a handle’s buffers': async (calls, file) => {
    await using handle = await calls.open(file, 'r+')
    await handle.writev(wrong([Buffer.alloc(1), 'text']))
  },
  'a handle’s mode': async (calls, file) => {
    await using handle = await calls.open(file)
    await handle.chmod(wrong(undefined))
  },
  'a handle’s time': async (calls, file) => {
    await using handle = await calls.open(file)
    await handle.utimes(wrong('soon'), 1)
  },
  'a handle’s size': async (calls, file) => {
    await using handle = await calls.open(file, 'r+')
    await handle.truncate(1.5)
  },
  'a handle’s owner': async (calls, file) => {
    await using handle = await calls.open(file)
    await handle.chown(wrong('a'), 1)
  },
  'a handle’s data': async (calls, file) => {
    await using handle = await calls.open(file, 'r+')
    await handle.writeFile(wrong(5))
  },
}

/** Node's releases word some of them differently. */
const skip = !process.versions.node.startsWith('20.') && "held against Node 20's calls"

t.test('refused as node:fs refuses it', { skip }, async (t) => {
  const dir = temporaryDirectory(t)
  const file = path.join(dir, 'file')
  fs.writeFileSync(file, 'content')
  fs.symlinkSync('file', `${file}.link`)
  await using union = openUnion({ lowers: [dir], upper: 'memory' })
  const facts = async (): Promise<unknown> => {
    const { uid, gid, mode, size, mtimeNs } = await union.stat('/file', { bigint: true })
    return { uid, gid, mode, size, mtimeNs }
  }
  const before = await facts()
  const failure = async (calls: Calls, name: string, at: string): Promise<object> => {
    try {
      await CASES[name]!(calls, at)
    } catch (error) {
      const { constructor, code, message, cause } = error as NodeJS.ErrnoException
      const kind = [(error as Error).name, constructor === RangeError]
      return { kind, code, message, ...(cause ? { cause } : {}) }
    }
    return { none: name }
  }
  for (const name of Object.keys(CASES)) {
    const expected = await failure(fs.promises, name, file)
    t.notOk('none' in expected, `node:fs refuses ${name}`)
    const found = await failure(union as unknown as Calls, name, '/file')
    t.same(found, expected, name)
  }
  t.same(await facts(), before)
  t.equal(await union.readFile('/file', 'utf8'), 'content')
  t.same(await union.readdir('/'), ['file', 'file.link'])
})

t.test('a stream that cannot be made does not hold the handle', async (t) => {
  const dir = temporaryDirectory(t)
  await using union = openUnion({ lowers: [dir], upper: 'memory' })
  const handle = await union.open('/file', 'w+')
  t.throws(() => handle.createReadStream({ start: 5, end: 1 }), { code: 'ERR_OUT_OF_RANGE' })
  t.throws(() => handle.createWriteStream({ start: -1 }), { code: 'ERR_OUT_OF_RANGE' })
  await handle.close()
  t.equal(handle.fd, -1)
})

t.test('what is right is not refused', async (t) => {
  const dir = temporaryDirectory(t)
  await using union = openUnion({ lowers: [dir], upper: 'memory' })
  for (const data of ['text', new Uint8Array(2), new DataView(new ArrayBuffer(1)), ['a', 'b']])
    await union.writeFile('/file', data)
  t.equal(await union.readFile('/file', 'latin1'), 'ab')
  await union.chown('/file', 2 ** 32 - 2, -1)
  t.match(await union.stat('/file'), { uid: 2 ** 32 - 2, gid: 0 })
  const { COPYFILE_FICLONE, R_OK } = union.constants
  await union.copyFile('/file', '/copy', COPYFILE_FICLONE)
  await union.access('/copy', R_OK)
})

t.test('flags for which Node has no names', async (t) => {
  const [dir, upper, work] = [temporaryDirectory(t), temporaryDirectory(t), temporaryDirectory(t)]
  fs.writeFileSync(path.join(dir, 'file'), 'content')
  fs.symlinkSync('file', path.join(dir, 'link'))
  const { O_DIRECTORY, O_NOFOLLOW, O_RDWR } = fs.constants
  const nameless = 0o20000000 | O_DIRECTORY | O_RDWR
  await using memory = openUnion({ lowers: [dir], upper: 'memory' })
  await t.rejects(memory.open('/', nameless), { code: 'ENOTSUP', syscall: 'open' })
  await using union = openUnion({ lowers: [dir], upper: { directory: upper, work } })
  const handle = await union.open('/', nameless, 0o640)
  await handle.write('nobody sees it')
  t.match(await handle.stat(), { nlink: 0, size: 14, mode: 0o100640 })
  t.equal((await handle.read(Buffer.alloc(6), 0, 6, 0)).buffer.toString(), 'nobody')
  await handle.close()
  t.same(await union.readdir('/'), ['file', 'link'])
  await using place = await union.open('/link', 0o10000000 | O_NOFOLLOW)
  t.ok((await place.stat()).isSymbolicLink())
  await t.rejects(place.readFile(), { code: 'EBADF' })
  await t.rejects(place.utimes(1, 2), { code: 'EBADF' })
})

t.test('names that are no text stay as they are', async (t) => {
  await using union = openUnion({ lowers: [temporaryDirectory(t)], upper: 'memory' })
  const name = Buffer.from([0x2f, 0xff, 0xfe])
  await union.mkdir(Buffer.concat([name, name]), { recursive: true })
  t.same(await union.readdir('/', 'buffer'), [name.subarray(1)])
  t.same(await union.readdir(name, 'buffer'), [name.subarray(1)])
})
