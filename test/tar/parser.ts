import fc from 'fast-check'
import t from 'tap'
import { LayerStoreError } from '../../src/errors.ts'
import type { TarHandler } from '../../src/tar/entry.ts'
import { TarParser } from '../../src/tar/parser.ts'
import { writeTar } from '../../src/tar/writer.ts'
import {
  block,
  chunkSizes,
  chunksOf,
  collect,
  extension,
  GNU_MAGIC,
  members,
  padded,
  parse,
  paxRecords,
  Recorder,
  ZERO_BLOCKS,
} from '../support/tars.ts'

const join = (...parts: Buffer[]): Buffer => Buffer.concat(parts)

/** The one member of a tar made of these blocks. */
function headerOf(...parts: Buffer[]): NonNullable<Recorder['headers'][number]> {
  const { headers } = parse(join(...parts, ZERO_BLOCKS))
  t.equal(headers.length, 1)
  return headers[0]!
}

t.test('events come in the order of the contract', async (t) => {
  const tar = join(
    extension('g', paxRecords({ comment: 'c' }), 'pax_global_header'),
    block({ name: 'dir/', type: '5' }),
    block({ name: 'f', size: 3 }),
    padded('abc'),
    ZERO_BLOCKS,
    Buffer.from('tail'),
  )
  const seen = parse(tar)
  t.strictSame(
    seen.events.map((event) =>
      'bytes' in event ? `${event.event} ${event.bytes.length}` : event.event,
    ),
    [
      'raw 525',
      'globalHeader',
      'raw 1011',
      'entry',
      'bodyEnd',
      'raw 512',
      'entry',
      'body 3',
      'bodyEnd',
      'raw 1533',
      'archiveEnd',
      'raw 4',
    ],
  )
  t.ok(seen.bytes.equals(tar))
  t.strictSame(seen.total, { sizeBytes: tar.length, entries: 3 })
})

t.test(
  'whichever way the input is cut, the events are the same and the bytes are all there',
  async (t) => {
    await fc.assert(
      fc.asyncProperty(members, chunkSizes, fc.nat(700), async (entries, sizes, tailBytes) => {
        const tar = join(await collect(writeTar(entries)), Buffer.alloc(tailBytes, 'tail'))
        const whole = parse(tar)
        const cut = parse(tar, { sizes })
        t.strictSame(cut.events, whole.events)
        t.ok(cut.bytes.equals(tar))
        t.equal(whole.headers.length, entries.length)
      }),
      { numRuns: 100 },
    )
  },
)

t.test('bodies are views of the chunk, not copies', async (t) => {
  const tar = join(block({ name: 'f', size: 1500 }), padded(Buffer.alloc(1500, 1)), ZERO_BLOCKS)
  const buffers = new Set<ArrayBufferLike>()
  const handler: TarHandler = {
    raw: () => {},
    entry: () => {},
    body: (bytes) => buffers.add(bytes.buffer),
    bodyEnd: () => {},
    globalHeader: () => {},
  }
  new TarParser(handler).write(tar)
  t.strictSame([...buffers], [tar.buffer])
})

t.test('member types', async (t) => {
  const types = {
    '\0': 'file',
    0: 'file',
    1: 'hardlink',
    2: 'symlink',
    3: 'char',
    4: 'block',
    5: 'directory',
    6: 'fifo',
    7: 'file',
  }
  for (const [type, expected] of Object.entries(types)) {
    const header = headerOf(
      block({ type, link: 'l', patch: { 329: '0000010\0', 337: '0000003\0' } }),
    )
    t.equal(header.type, expected)
    t.equal(header.typeflag, type.charCodeAt(0))
    t.equal(header.linkPath, expected === 'hardlink' || expected === 'symlink' ? 'l' : '')
    t.strictSame([header.devMajor, header.devMinor], [8, 3])
  }
  t.equal(headerOf(block({ type: '\0', name: 'd/', magic: '\0\0\0\0\0\0\0\0' })).type, 'directory')
  t.equal(
    headerOf(block({ type: '0', name: 'd/' })).type,
    'file',
    'only v7 says directories by a slash',
  )
  for (const type of ['V', 'M', 'D', 'X', '8', '\xff']) {
    t.throws(() => headerOf(block({ type, name: 'odd' })), {
      code: 'ERR_TAR_TYPE',
      message: /"odd".*unknown type/,
    })
  }
})

t.test('links, directories and devices have no payload whatever their size says', async (t) => {
  for (const type of ['1', '2', '3', '4', '5', '6']) {
    const { headers } = parse(
      join(block({ name: 'a', type, size: 512 }), block({ name: 'b' }), ZERO_BLOCKS),
    )
    t.strictSame(
      headers.map((header) => [header.path, header.sizeBytes]),
      [
        ['a', 0],
        ['b', 0],
      ],
    )
  }
})

t.test('the fields of a header', async (t) => {
  const header = headerOf(
    block({
      name: 'n',
      prefix: 'p/q',
      mode: '0107755\0',
      uid: '0001750\0',
      gid: '0000144\0',
      mtime: '00000000017\0',
      uname: 'alice',
      gname: 'users',
    }),
  )
  t.match(header, {
    path: 'p/q/n',
    recordName: 'p/q/n',
    mode: 0o7755,
    uid: 1000,
    gid: 100,
    uname: 'alice',
    gname: 'users',
    mtimeNs: 15_000_000_000n,
    sizeBytes: 0,
    offset: 0,
  })
  t.equal(header.xattrs.size, 0)
  t.notOk('sparse' in header || 'atimeNs' in header)
  const v7 = headerOf(block({ magic: 'x\0\0\0\0\0\0\0', uname: 'alice', prefix: 'p' }))
  t.strictSame([v7.path, v7.uname], ['file', ''])
})

t.test('owner names of neighbours do not mix', async (t) => {
  const names = ['root', 'roo', '', 'root', 'r', 'x'.repeat(32), 'x'.repeat(31)]
  const { headers } = parse(
    join(...names.map((uname) => block({ uname, gname: `${uname.slice(0, 31)}g` })), ZERO_BLOCKS),
  )
  t.strictSame(
    headers.map((header) => header.uname),
    names,
  )
  t.strictSame(
    headers.map((header) => header.gname),
    names.map((uname) => `${uname.slice(0, 31)}g`),
  )
})

t.test('numbers beyond octal, and before 1970', async (t) => {
  const header = headerOf(
    block({
      magic: GNU_MAGIC,
      uid: Buffer.from([0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xfe]),
      mtime: Buffer.from([255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 254]),
    }),
  )
  t.equal(header.uid, 0xfffffffe)
  t.equal(header.mtimeNs, -2_000_000_000n)
  const big = Buffer.from([0x80, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0])
  const recorder = new Recorder()
  new TarParser(recorder).write(block({ size: big, magic: GNU_MAGIC }))
  t.equal(recorder.headers[0]!.sizeBytes, 3 * 2 ** 32)
})

t.test('GNU and star times', async (t) => {
  const gnu = headerOf(
    block({ magic: GNU_MAGIC, patch: { 345: '00000000012\0', 357: '00000000013\0' } }),
  )
  t.match(gnu, { path: 'file', atimeNs: 10_000_000_000n, ctimeNs: 11_000_000_000n })
  const star = headerOf(
    block({ prefix: 'p', patch: { 476: '00000000012\0', 488: '00000000013\0', 508: 'tar\0' } }),
  )
  t.match(star, { path: 'p/file', atimeNs: 10_000_000_000n, ctimeNs: 11_000_000_000n })
})

t.test('extension headers: who wins', async (t) => {
  const long = 'd/'.repeat(100) + 'name'
  const header = headerOf(
    extension('K', `${long}-target\0`),
    extension('L', `${long}\0`),
    extension(
      'x',
      paxRecords({
        path: 'pax',
        linkpath: 'pax',
        uid: '5',
        mtime: '1.25',
        size: '0',
        'SCHILY.xattr.user.k': '\0\xff',
      }),
    ),
    block({ type: '2', name: 'short', link: 'short', uid: '0000007\0' }),
  )
  t.equal(header.path, long, 'a GNU name over a PAX path')
  t.equal(header.linkPath, `${long}-target`)
  t.equal(header.uid, 5)
  t.equal(header.mtimeNs, 1_250_000_000n)
  t.strictSame([...header.xattrs], [['user.k', Uint8Array.of(0, 255)]])
  t.equal(header.offset, 0, 'the member starts with its first extension')

  const twice = headerOf(
    extension('x', paxRecords({ path: 'first', uid: '1' })),
    extension('x', paxRecords({ gid: '2' })),
    block({ name: 'own' }),
  )
  t.match(twice, { path: 'own', uid: 0, gid: 2 }, 'the last PAX header replaces those before it')

  const { headers } = parse(
    join(extension('x', paxRecords({ path: 'one' })), block(), block({ name: 'two' }), ZERO_BLOCKS),
  )
  t.strictSame(
    headers.map((header) => header.path),
    ['one', 'two'],
    'for one member only',
  )
})

t.test('a PAX size is the size of the body', async (t) => {
  const tar = join(
    extension('x', paxRecords({ size: '5' })),
    block({ size: 0 }),
    padded('hello'),
    ZERO_BLOCKS,
  )
  const seen = parse(tar)
  t.equal(seen.headers[0]!.sizeBytes, 5)
  t.equal(seen.bodies[0]!.toString(), 'hello')
})

t.test('a global header has no effect on members, and ends pending extensions', async (t) => {
  const seen = parse(
    join(
      extension('x', paxRecords({ path: 'lost' })),
      extension('g', paxRecords({ path: 'named', uid: '9', mtime: '5' }), 'own-name'),
      block({ name: 'f' }),
      extension('g', '', 'second'),
      ZERO_BLOCKS,
    ),
  )
  t.match(seen.headers[0], { path: 'f', uid: 0, mtimeNs: 0n })
  t.strictSame(
    seen.events.flatMap((event) => (event.event === 'globalHeader' ? [event.name] : [])),
    ['named', 'second'],
  )
})

t.test('ends of archives that readers accept', async (t) => {
  const file = join(block({ size: 3 }), padded('abc'))
  for (const [what, tar, entries] of [
    ['nothing at all', Buffer.alloc(0), 0],
    ['an empty archive', ZERO_BLOCKS, 0],
    ['one zero block', Buffer.alloc(512), 0],
    ['no end blocks', file, 1],
    ['no padding either', file.subarray(0, 515), 1],
    ['part of the padding', file.subarray(0, 700), 1],
    ['one end block', join(file, Buffer.alloc(512)), 1],
    ['a GNU record of zeros', join(file, Buffer.alloc(10240)), 1],
    ['garbage behind the end', join(file, ZERO_BLOCKS, Buffer.from('not a header')), 1],
    ['another archive behind the end', join(file, ZERO_BLOCKS, file), 1],
  ] as const) {
    const seen = parse(tar)
    t.equal(seen.total.entries, entries, what)
    t.ok(seen.bytes.equals(tar), what)
  }
})

t.test('cut anywhere inside of a member, it is truncated', async (t) => {
  const tar = join(
    extension('x', paxRecords({ path: 'long' })),
    block({ size: 600 }),
    padded(Buffer.alloc(600, 1)),
    block({ name: 'd/', type: '5' }),
  )
  const whole = new Set([0, 1536 + 600, 1536 + 1024, 1536 + 1536])
  for (let at = 0; at <= tar.length; at += at % 512 === 1 ? 99 : 1) {
    const inPadding = at > 1536 + 600 && at < 1536 + 1024
    if (whole.has(at) || inPadding) t.equal(parse(tar.subarray(0, at)).total.sizeBytes, at)
    else
      t.throws(() => parse(tar.subarray(0, at)), {
        code: 'ERR_TAR_TRUNCATED',
        details: { offset: at },
      })
  }
  t.throws(() => parse(tar.subarray(0, 1600)), { message: /in "long"/, details: { entry: 'long' } })
})

t.test('what is no tar says what it looks like', async (t) => {
  for (const [start, hint] of [
    ['\x1f\x8b\x08', /gzip/],
    ['(\xb5/\xfd', /zstd/],
    ['{"schemaVersion":2', /JSON/],
    ['random text', /no tar header \(offset 0\)/],
  ] as const) {
    const bytes = Buffer.alloc(600, 'x')
    bytes.write(start, 'latin1')
    t.throws(() => parse(bytes), { code: 'ERR_TAR_HEADER', message: hint, details: { offset: 0 } })
  }
})

t.test('damaged headers', async (t) => {
  const bad = (tar: Buffer, code: string, more: object = {}): void => {
    t.throws(() => parse(tar), { code, ...more })
  }
  bad(join(block({ checksum: '000000\0 ' })), 'ERR_TAR_CHECKSUM')
  bad(join(block({ name: 'ok' }), block({ checksum: '000000\0 ' })), 'ERR_TAR_CHECKSUM', {
    message: /after "ok"/,
    details: { offset: 512, entry: 'ok' },
  })
  bad(join(Buffer.alloc(512), block()), 'ERR_TAR_HEADER', { message: /zero block/ })
  bad(block({ size: 'nonsense' }), 'ERR_TAR_HEADER')
  bad(block({ size: Buffer.alloc(12, 255) }), 'ERR_TAR_HEADER', { message: /size of "file"/ })
  bad(block({ type: 'x', size: Buffer.alloc(12, 255) }), 'ERR_TAR_HEADER')
  bad(block({ uid: 'nonsense' }), 'ERR_TAR_HEADER', {
    details: { entry: 'file', field: 'uid', offset: 0 },
  })
  bad(block({ mtime: 'x' }), 'ERR_TAR_HEADER')
  bad(join(extension('x', '99 path=a\n'), block()), 'ERR_PAX_RECORD', { details: { offset: 512 } })
  bad(join(extension('g', 'nonsense'), block()), 'ERR_PAX_RECORD')
  bad(join(extension('x', paxRecords({ size: '-1' })), block()), 'ERR_TAR_HEADER')
})

t.test('limits', async (t) => {
  const limited = (tar: Buffer, limits: object, code: string): void => {
    t.throws(() => parse(tar, { limits }), { code, name: 'LimitError' })
    t.doesNotThrow(() => parse(tar))
  }
  const path20 = paxRecords({ path: 'p'.repeat(20) })
  limited(
    join(extension('x', path20), block()),
    { extensionBytesMax: path20.length - 1 },
    'ERR_ENTRY_SIZE_MAX',
  )
  limited(join(extension('x', path20), block()), { pathBytesMax: 19 }, 'ERR_PATH_MAX')
  limited(join(block({ type: '2', link: 'l'.repeat(20) })), { pathBytesMax: 19 }, 'ERR_PATH_MAX')
  limited(join(block(), block()), { entriesMax: 1 }, 'ERR_ENTRIES_MAX')
  limited(join(extension('g', ''), extension('g', '')), { entriesMax: 1 }, 'ERR_ENTRIES_MAX')
  t.doesNotThrow(() =>
    parse(join(extension('x', path20), block()), { limits: { pathBytesMax: 20 } }),
  )

  const many = join(...Array.from({ length: 17 }, () => extension('x', path20)), block())
  t.throws(() => parse(many), { code: 'ERR_TAR_HEADER' }, 'extensions without a member')
  const huge = block({ type: 'x', size: 2 ** 30 })
  t.throws(() => parse(huge), { code: 'ERR_ENTRY_SIZE_MAX' }, 'refused before it is read')
})

t.test("a handler's error comes out, and then nothing more goes in", async (t) => {
  const handler = new Recorder()
  handler.entry = () => {
    throw new RangeError('mine')
  }
  const parser = new TarParser(handler)
  t.throws(() => parser.write(block()), new RangeError('mine'))
  t.throws(() => parser.write(block()), /failed/)
  t.throws(() => parser.end(), /failed/)
})

t.test('damaged archives give an error of ours or a reading, never anything else', async (t) => {
  const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 })
  await fc.assert(
    fc.asyncProperty(
      members,
      damage,
      fc.boolean(),
      chunkSizes,
      async (entries, bytes, repair, sizes) => {
        const tar = await collect(writeTar(entries))
        for (const [at, value] of bytes) {
          const where = at % tar.length
          tar[where] = value
          // A right checksum lets the damage through to the fields.
          const start = where - (where % 512)
          if (repair) {
            tar.write('        ', start + 148, 'latin1')
            const sum = tar.subarray(start, start + 512).reduce((total, byte) => total + byte, 0)
            tar.write(`${sum.toString(8).padStart(6, '0')}\0 `, start + 148, 'latin1')
          }
        }
        const outcome = (cut: number[]): unknown => {
          const recorder = new Recorder()
          try {
            const parser = new TarParser(recorder)
            for (const chunk of chunksOf(tar, cut)) parser.write(chunk)
            parser.end()
            return recorder.bytes.equals(tar) && recorder.events
          } catch (error) {
            t.ok(error instanceof LayerStoreError, String(error))
            return (error as Error).message
          }
        }
        t.strictSame(outcome(sizes), outcome([]))
      },
    ),
    { numRuns: 150 },
  )
})
