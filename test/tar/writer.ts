import fc from 'fast-check'
import t from 'tap'
import { encodeHeader, END_BLOCKS, writeTar } from '../../src/tar/writer.ts'
import type { TarEntryInit } from '../../src/tar/writer.ts'
import { collect, members, parse, path } from '../support/tars.ts'

t.test('what is written reads back the same', async (t) => {
  await fc.assert(
    fc.asyncProperty(members, async (entries) => {
      const seen = parse(await collect(writeTar(entries)))
      t.equal(seen.headers.length, entries.length)
      seen.headers.forEach((header, i) => {
        const entry = entries[i]!
        t.match(header, {
          path: entry.path,
          type: entry.type,
          linkPath: entry.linkPath ?? '',
          mode: entry.mode,
          uid: entry.uid,
          gid: entry.gid,
          uname: entry.uname,
          gname: entry.gname,
          devMajor: entry.devMajor ?? 0,
          devMinor: entry.devMinor ?? 0,
          mtimeNs: entry.mtimeNs,
        })
        t.equal(header.atimeNs, entry.atimeNs)
        const sorted = [...(entry.xattrs ?? [])].sort(([a], [b]) => (a < b ? -1 : 1))
        t.strictSame(
          [...header.xattrs],
          sorted.map(([key, value]) => [key, new Uint8Array(value)]),
        )
        t.ok(seen.bodies[i]!.equals((entry.body ?? Buffer.alloc(0)) as Uint8Array))
      })
    }),
    { numRuns: 100 },
  )
})

t.test('ustar is enough for ordinary members: one block each', async (t) => {
  for (const init of [
    { path: 'a' },
    { path: `${'p'.repeat(155)}/${'n'.repeat(100)}` },
    { path: `${'d/'.repeat(60)}`, type: 'directory' },
    {
      path: 'n',
      uid: 2_097_151,
      sizeBytes: 8 ** 11 - 1,
      mtimeNs: (8n ** 11n - 1n) * 1_000_000_000n,
    },
    { path: 'l', type: 'symlink', linkPath: path('l'.repeat(100)) },
    { path: 'dev', type: 'char', devMajor: 4095, devMinor: 1_048_575 },
  ] as unknown as TarEntryInit[]) {
    t.equal(encodeHeader(init).length, 512, init.path)
  }
})

t.test('what ustar cannot say goes into one PAX header', async (t) => {
  for (const [init, record] of [
    [{ path: 'n'.repeat(101) }, 'path'],
    [{ path: `${'p'.repeat(156)}/n` }, 'path'],
    [{ path: `p/${'n'.repeat(101)}` }, 'path'],
    [{ path: '\xc3\xa9' }, 'path'],
    [{ path: 'l', type: 'symlink', linkPath: 'l'.repeat(101) }, 'linkpath'],
    [{ path: 'n', uid: 2_097_152 }, 'uid'],
    [{ path: 'n', gid: 2_097_152 }, 'gid'],
    [{ path: 'n', sizeBytes: 8 ** 11 }, 'size'],
    [{ path: 'n', mtimeNs: 1n }, 'mtime'],
    [{ path: 'n', mtimeNs: -1_000_000_000n }, 'mtime'],
    [{ path: 'n', mtimeNs: 8n ** 11n * 1_000_000_000n }, 'mtime'],
    [{ path: 'n', atimeNs: 0n }, 'atime'],
    [{ path: 'n', ctimeNs: 0n }, 'ctime'],
    [{ path: 'n', uname: 'u'.repeat(33) }, 'uname'],
    [{ path: 'n', xattrs: new Map([['user.x', Uint8Array.of(0)]]) }, 'SCHILY.xattr.user.x'],
  ] as unknown as [TarEntryInit, string][]) {
    const header = encodeHeader(init)
    t.equal(header.length, 3 * 512, record)
    t.match(header.subarray(512, 1024).toString('latin1'), new RegExp(`^[0-9]+ ${record}=`))
  }
})

t.test('a cut name never looks like a directory', async (t) => {
  const header = encodeHeader({ path: path(`${'n'.repeat(99)}/${'m'.repeat(200)}`) })
  t.equal(header.toString('latin1', 1024 + 512, 1024 + 512 + 101), '', 'three blocks')
  t.equal(header.toString('latin1', 1024, 1024 + 100), `${'n'.repeat(99)}\0`)
})

t.test('an archive ends with two zero blocks; streams are bodies too', async (t) => {
  t.ok((await collect(writeTar([]))).equals(END_BLOCKS))
  const body = [Buffer.from('ab'), Buffer.from('cde')]
  const seen = parse(await collect(writeTar([{ path: path('f'), sizeBytes: 5, body }])))
  t.equal(seen.bodies[0]!.toString(), 'abcde')
})

t.test('what cannot be said is refused', async (t) => {
  const refused = (init: object): void => {
    t.throws(() => encodeHeader({ path: path('entry'), ...init }), {
      code: 'ERR_OPTION',
      message: /"entry/,
    })
  }
  refused({ path: 'entry\0' })
  refused({ type: 'symlink', linkPath: '\0' })
  refused({ sizeBytes: -1 })
  refused({ sizeBytes: 1.5 })
  refused({ uid: -1 })
  refused({ mode: 8 ** 7 })
  refused({ type: 'char', devMinor: 8 ** 7 })
  refused({ xattrs: new Map([['a=b', new Uint8Array()]]) })
  for (const [sizeBytes, body] of [
    [4, Buffer.from('abc')],
    [4, [Buffer.from('abc')]],
    [2, [Buffer.from('abc')]],
    [1, undefined],
  ] as const) {
    const entry = { path: path('f'), sizeBytes, ...(body === undefined ? {} : { body }) }
    await t.rejects(collect(writeTar([entry])), { code: 'ERR_SIZE_MISMATCH' })
  }
})
