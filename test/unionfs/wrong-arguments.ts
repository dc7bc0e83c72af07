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
  t.equal((await union.readFile('/copy', 'buffer' as BufferEncoding)).toString(), 'ab')
})
