// What extension headers and sparse maps say against the header beside them, each of which two readers weigh in two ways.

import { block, extension, GNU_MAGIC, padded, paxRecords } from '../tars.ts'
import { fileBlock, pax, plainLayer, rawLayer } from './payloads.ts'
import { casesOf, type HostileCase, type Payload } from './case.ts'

/** A member that some readers see and others take for a body. */
const smuggled = fileBlock('smuggled', 'x')
const HEADER = ['ERR_TAR_HEADER']
const PAX = ['ERR_PAX_RECORD']
const SPARSE = ['ERR_SPARSE_MAP']

const sparse10 = (realsize: number, map: string, data: string): Payload =>
  rawLayer(
    pax({
      'GNU.sparse.major': '1',
      'GNU.sparse.minor': '0',
      'GNU.sparse.name': 's',
      'GNU.sparse.realsize': String(realsize),
    }),
    block({ name: 'GNUSparseFile.0/s', size: padded(map).length + data.length }),
    padded(map),
    padded(data),
  )
const sparse01 = (map: string, blocks: number, size: number, data: string): Payload =>
  rawLayer(
    pax({
      'GNU.sparse.size': String(size),
      'GNU.sparse.numblocks': String(blocks),
      'GNU.sparse.map': map,
      'GNU.sparse.name': 's',
    }),
    block({ name: 'GNUSparseFile.0/s', size: data.length }),
    padded(data),
  )
const octal12 = (value: number): string => `${value.toString(8).padStart(11, '0')}\0`
const gnuSparse = (
  pieces: readonly (readonly [number, number])[],
  realSize: number,
  data: string,
): Payload =>
  rawLayer(
    block({
      name: 's',
      type: 'S',
      magic: GNU_MAGIC,
      size: data.length,
      patch: Object.fromEntries([
        ...pieces.flatMap(([offset, length], i) => [
          [386 + 24 * i, octal12(offset)],
          [398 + 24 * i, octal12(length)],
        ]),
        [483, octal12(realSize)],
      ]) as Record<number, string>,
    }),
    padded(data),
  )

export const PAX_DIFFERENTIALS: readonly HostileCase[] = casesOf('parser-differential', {
  'pax-size-smaller-than-header': {
    advisory: 'RUSTSEC-2026-0067',
    attack:
      'the header says a body of 1024 bytes, PAX says none: the body is members to whom PAX counts',
    build: () =>
      rawLayer(pax({ size: '4' }), block({ name: 'f', size: 1536 }), padded('mine'), smuggled),
    twin: () => rawLayer(pax({ size: '4' }), block({ name: 'f', size: 4 }), padded('mine')),
    expect: 'harmless',
    holds: { '/f': 'mine', '/smuggled': 'x' },
  },
  'pax-size-larger-than-header': {
    advisory: 'RUSTSEC-2026-0067',
    attack: 'the header says no body, PAX says 1024 bytes: members hide in it',
    build: () => rawLayer(pax({ size: '1024' }), block({ name: 'f', size: 0 }), smuggled),
    twin: () => rawLayer(pax({ size: '4' }), block({ name: 'f', size: 4 }), padded('mine')),
    expect: 'harmless',
    lacks: ['/smuggled'],
  },
  'pax-size-and-gnu-long-name': {
    advisory: 'CVE-2026-53655',
    attack: 'a PAX size before a GNU long name: some apply it to the long name',
    build: () =>
      rawLayer(
        pax({ size: '1024' }),
        extension('L', 'longname\0'),
        block({ name: 'f', size: 0 }),
        smuggled,
      ),
    twin: () =>
      rawLayer(
        pax({ mtime: '1' }),
        extension('L', 'longname\0'),
        block({ name: 'f', size: 4 }),
        padded('mine'),
      ),
    expect: 'harmless',
    lacks: ['/smuggled'],
  },
  'pax-size-negative': {
    attack: 'a PAX size below zero',
    build: () => rawLayer(pax({ size: '-512' }), block({ name: 'f', size: 0 })),
    twin: () => rawLayer(pax({ size: '0' }), block({ name: 'f', size: 0 })),
    expect: [...PAX, ...HEADER],
  },
  'pax-size-not-a-number': {
    attack: 'a PAX size in hexadecimal',
    build: () => rawLayer(pax({ size: '0x10' }), block({ name: 'f', size: 0 })),
    twin: () =>
      rawLayer(pax({ size: '16' }), block({ name: 'f', size: 16 }), padded('0123456789abcdef')),
    expect: PAX,
  },
  'pax-size-beyond-2-to-the-53': {
    attack: 'a size that a double rounds',
    build: () => rawLayer(pax({ size: '9007199254740993' }), block({ name: 'f', size: 0 })),
    twin: () => rawLayer(pax({ size: '4' }), block({ name: 'f', size: 4 }), padded('mine')),
    expect: PAX,
  },
  'nul-in-pax-path': {
    advisory: 'CVE-2026-59874',
    attack: 'a path that ends for the kernel where a NUL stands',
    build: () => rawLayer(pax({ path: 'ok\0/../../owned' }), block({ name: 'f' })),
    twin: () => rawLayer(pax({ path: 'ok' }), block({ name: 'f' })),
    expect: PAX,
  },
  'nul-in-pax-linkpath': {
    advisory: 'CVE-2026-59874',
    attack: 'the same in a link target',
    build: () => rawLayer(pax({ linkpath: 'ok\0x' }), block({ name: 's', type: '2', link: 'y' })),
    twin: () => rawLayer(pax({ linkpath: 'ok' }), block({ name: 's', type: '2', link: 'y' })),
    expect: PAX,
  },
  'nul-in-pax-key': {
    attack: 'a key that ends at a NUL',
    build: () => rawLayer(pax({ 'pa\0th': 'x' }), block({ name: 'f' })),
    twin: () => rawLayer(pax({ comment: 'x' }), block({ name: 'f' })),
    expect: PAX,
  },
  'nul-in-gnu-long-name': {
    attack: 'a long name with more behind its NUL',
    build: () => rawLayer(extension('L', 'ok\0/../../owned\0'), fileBlock('f', 'mine')),
    twin: () => rawLayer(extension('L', 'ok\0'), fileBlock('f', 'mine')),
    expect: 'harmless',
    holds: { '/ok': 'mine' },
  },
  'numeric-looking-pax-path': {
    advisory: 'CVE-2026-59875',
    attack: 'a path that is a number, for readers that guess at types',
    build: () => rawLayer(pax({ path: '0123' }), fileBlock('f', 'mine')),
    twin: () => rawLayer(pax({ path: 'x123' }), fileBlock('f', 'mine')),
    expect: 'harmless',
    holds: { '/0123': 'mine' },
  },
  'pax-length-too-long': {
    attack: 'a record that runs past its header',
    build: () => rawLayer(extension('x', '99 path=x\n'), block({ name: 'f' })),
    twin: () => rawLayer(extension('x', '10 path=x\n'), block({ name: 'f' })),
    expect: PAX,
  },
  'pax-length-too-short': {
    attack: 'a record that ends inside of itself: the rest is another record to some',
    build: () => rawLayer(extension('x', '8 path=x\n'), block({ name: 'f' })),
    twin: () => rawLayer(extension('x', '10 path=x\n'), block({ name: 'f' })),
    expect: PAX,
  },
  'pax-length-zero': {
    attack: 'a record of length nought: a loop without end',
    build: () => rawLayer(extension('x', '0 path=x\n'), block({ name: 'f' })),
    twin: () => rawLayer(extension('x', ''), block({ name: 'f' })),
    expect: PAX,
  },
  'pax-length-overflow': {
    attack: 'a length of twenty digits',
    build: () => rawLayer(extension('x', '18446744073709551626 path=x\n'), block({ name: 'f' })),
    twin: () => rawLayer(pax({ comment: 'x' }), block({ name: 'f' })),
    expect: PAX,
  },
  'pax-without-equals': {
    attack: 'a record that has no value',
    build: () => rawLayer(extension('x', '8 path\n\n'), block({ name: 'f' })),
    twin: () => rawLayer(pax({ path: 'p' }), block({ name: 'f' })),
    expect: PAX,
  },
  'pax-empty-key': {
    attack: 'a record without a key',
    build: () =>
      rawLayer(extension('x', '6 =x\n\n'.slice(0, 5).replace('6', '5')), block({ name: 'f' })),
    twin: () => rawLayer(pax({ k: 'v' }), block({ name: 'f' })),
    expect: PAX,
  },
  'pax-path-empty': {
    attack: 'an empty PAX path: silence to some, a member without a name to others',
    build: () => rawLayer(extension('x', '8 path=\n'), fileBlock('f', 'mine')),
    twin: () => rawLayer(pax({ path: 'f' }), fileBlock('g', 'mine')),
    expect: 'harmless',
    holds: { '/f': 'mine' },
  },
  'pax-time-not-a-number': {
    attack: 'a time that is no number, or none that ends',
    build: () => rawLayer(pax({ mtime: 'inf' }), fileBlock('f', 'x')),
    twin: () => rawLayer(pax({ mtime: `1.${'0'.repeat(1000)}` }), fileBlock('f', 'mine')),
    expect: PAX,
  },
  'pax-time-beyond-any': {
    attack: 'a time of two hundred digits',
    build: () => rawLayer(pax({ mtime: '9'.repeat(200) }), fileBlock('f', 'x')),
    twin: () => rawLayer(pax({ mtime: '1700000000' }), fileBlock('f', 'mine')),
    expect: PAX,
  },
  'xattr-odd-names': {
    attack:
      'attributes with no name, a name of slashes, and one that is longer than the kernel takes',
    build: () =>
      rawLayer(
        pax({
          'SCHILY.xattr.': 'x',
          'SCHILY.xattr.user./../..': 'x',
          [`SCHILY.xattr.user.${'n'.repeat(300)}`]: 'x',
        }),
        fileBlock('f', 'mine'),
      ),
    twin: () => rawLayer(pax({ 'SCHILY.xattr.user.a': 'x' }), fileBlock('f', 'mine')),
    expect: 'harmless',
    holds: { '/f': 'mine' },
  },
  'xattr-twice': {
    attack: 'one attribute twice, the second time with the mark of overlay',
    build: () =>
      rawLayer(
        extension(
          'x',
          paxRecords({ 'SCHILY.xattr.user.a': '1' }) +
            paxRecords({ 'SCHILY.xattr.user.a': '2' }) +
            paxRecords({ 'SCHILY.xattr.trusted.overlay.opaque': 'y' }),
        ),
        block({ name: 'd/', type: '5' }),
      ),
    twin: () => rawLayer(pax({ 'SCHILY.xattr.user.a': '1' }), block({ name: 'd/', type: '5' })),
    expect: 'harmless',
  },
  'pax-twice': {
    attack: 'two PAX headers before one member: merged by some, the last alone by others',
    build: () => rawLayer(pax({ path: 'first' }), pax({ mtime: '1' }), fileBlock('f', 'mine')),
    twin: () => rawLayer(pax({ path: 'f', mtime: '1' }), fileBlock('g', 'mine')),
    expect: 'harmless',
    holds: { '/f': 'mine' },
  },
  'pax-key-twice': {
    attack: 'one key twice in a header: the first to some, the last to others',
    build: () => rawLayer(extension('x', '14 path=first\n13 path=last\n'), fileBlock('f', 'mine')),
    twin: () => rawLayer(pax({ path: 'last' }), fileBlock('f', 'mine')),
    expect: 'harmless',
    holds: { '/last': 'mine' },
  },
  'pax-path-and-long-name': {
    attack: 'both a PAX path and a GNU long name',
    build: () => rawLayer(pax({ path: 'pax' }), extension('L', 'gnu\0'), fileBlock('f', 'mine')),
    twin: () => rawLayer(extension('L', 'gnu\0'), fileBlock('f', 'mine')),
    expect: 'harmless',
    holds: { '/gnu': 'mine' },
  },
  'global-pax-path': {
    attack: 'a global header that renames every member, to those who honour it',
    build: () =>
      rawLayer(extension('g', paxRecords({ path: '../../owned' })), fileBlock('f', 'mine')),
    twin: () =>
      rawLayer(extension('g', paxRecords({ comment: 'made by git' })), fileBlock('f', 'mine')),
    expect: 'harmless',
    holds: { '/f': 'mine' },
  },
  'global-pax-size': {
    attack: 'a global size of nought: all bodies are members',
    build: () =>
      rawLayer(
        extension('g', paxRecords({ size: '0' })),
        block({ name: 'f', size: 1024 }),
        smuggled,
      ),
    twin: () => rawLayer(extension('g', paxRecords({ comment: 'x' })), fileBlock('f', 'mine')),
    expect: 'harmless',
    lacks: ['/smuggled'],
  },
  'global-pax-between': {
    attack: 'a global header between a PAX header and its member',
    build: () =>
      rawLayer(
        pax({ path: 'pax' }),
        extension('g', paxRecords({ comment: 'x' })),
        fileBlock('f', 'mine'),
      ),
    twin: () =>
      rawLayer(
        extension('g', paxRecords({ comment: 'x' })),
        pax({ path: 'pax' }),
        fileBlock('f', 'mine'),
      ),
    expect: 'harmless',
    holds: { '/f': 'mine' },
  },
  'pax-header-without-member': {
    attack: 'an extension header at the end: it belongs to nothing',
    build: () => ({ layers: [Buffer.concat([fileBlock('f', 'x'), pax({ path: 'p' })])] }),
    twin: () => ({ layers: [Buffer.concat([pax({ path: 'p' }), fileBlock('f', 'mine')])] }),
    expect: ['ERR_TAR_TRUNCATED'],
  },
})

export const SPARSE_DIFFERENTIALS: readonly HostileCase[] = casesOf('parser-differential', {
  'sparse-0.0-odd-pairs': {
    attack: 'an offset without its length',
    build: () =>
      rawLayer(
        extension(
          'x',
          '24 GNU.sparse.numblocks=1\n'.replace('24', '26') + '23 GNU.sparse.offset=0\n',
        ),
        block({ name: 's', size: 0 }),
      ),
    twin: plainLayer,
    expect: [...SPARSE, ...PAX],
  },
  'sparse-0.1-overlap': {
    attack: 'pieces that overlap',
    build: () => sparse01('0,4,2,4', 2, 8, 'abcdefgh'),
    twin: () => sparse01('0,4,4,4', 2, 8, 'abcdefgh'),
    expect: SPARSE,
  },
  'sparse-0.1-backwards': {
    attack: 'pieces out of order',
    build: () => sparse01('8,4,0,4', 2, 12, 'abcdefgh'),
    twin: () => sparse01('0,4,8,4', 2, 12, 'abcdefgh'),
    expect: SPARSE,
  },
  'sparse-0.1-wrong-count': {
    attack: 'more pieces than it counts',
    build: () => sparse01('0,4,4,4', 1, 8, 'abcdefgh'),
    twin: () => sparse01('0,8', 1, 8, 'abcdefgh'),
    expect: SPARSE,
  },
  'sparse-1.0-beyond-the-file': {
    attack: 'a piece that ends behind the file’s end',
    build: () => sparse10(4, '1\n0\n8\n', 'abcdefgh'),
    twin: () => sparse10(8, '1\n0\n8\n', 'abcdefgh'),
    expect: SPARSE,
  },
  'sparse-1.0-map-without-end': {
    attack: 'a map that says a billion pieces',
    build: () => sparse10(8, '1000000000\n0\n8\n', 'abcdefgh'),
    twin: () => sparse10(8, '1\n0\n8\n', 'abcdefgh'),
    expect: SPARSE,
  },
  'sparse-1.0-negative': {
    attack: 'an offset below zero',
    build: () => sparse10(8, '1\n-8\n8\n', 'abcdefgh'),
    twin: () => sparse10(8, '1\n0\n8\n', 'abcdefgh'),
    expect: SPARSE,
  },
  'sparse-gnu-overlap': {
    attack: 'the old GNU form, with pieces that overlap',
    build: () =>
      gnuSparse(
        [
          [0, 4],
          [2, 4],
        ],
        8,
        'abcdefgh',
      ),
    twin: () =>
      gnuSparse(
        [
          [0, 4],
          [4, 4],
        ],
        8,
        'abcdefgh',
      ),
    expect: SPARSE,
  },
  'sparse-gnu-short-body': {
    attack: 'the old GNU form, with a body shorter than its pieces',
    build: () => gnuSparse([[0, 4096]], 4096, 'abcd'),
    twin: () => gnuSparse([[4096, 4]], 4100, 'abcd'),
    expect: SPARSE,
  },
  'sparse-1.0-without-newline': {
    attack: 'a map whose last number runs into the file’s bytes',
    build: () => sparse10(8, '1\n0\n8', 'abcdefgh'),
    twin: () => sparse10(8, '1\n0\n8\n', 'abcdefgh'),
    expect: SPARSE,
  },
  'sparse-1.0-signed': {
    attack: 'numbers with signs and spaces, which some readers take',
    build: () => sparse10(8, '+1\n 0\n8\n', 'abcdefgh'),
    twin: () => sparse10(8, '1\n0\n8\n', 'abcdefgh'),
    expect: SPARSE,
  },
  'sparse-1.0-of-no-pieces': {
    attack: 'no pieces, and bytes nevertheless',
    build: () => sparse10(8, '0\n', 'abcdefgh'),
    twin: () => sparse10(8, '0\n', ''),
    expect: SPARSE,
  },
  'sparse-0.0-count-without-pieces': {
    attack: 'a count of pieces that do not come: sparse to some, a plain file to others',
    build: () =>
      rawLayer(
        pax({ 'GNU.sparse.size': '8', 'GNU.sparse.numblocks': '1', 'GNU.sparse.offset': '0' }),
        block({ name: 's', size: 8 }),
        padded('abcdefgh'),
      ),
    twin: () =>
      rawLayer(
        extension(
          'x',
          paxRecords({ 'GNU.sparse.size': '8', 'GNU.sparse.numblocks': '1' }) +
            paxRecords({ 'GNU.sparse.offset': '0', 'GNU.sparse.numbytes': '8' }),
        ),
        block({ name: 's', size: 8 }),
        padded('abcdefgh'),
      ),
    expect: [...SPARSE, ...PAX],
  },
  'sparse-name-empty-or-root': {
    attack: 'a sparse file whose real name is the root',
    build: () =>
      rawLayer(
        pax({
          'GNU.sparse.size': '8',
          'GNU.sparse.numblocks': '1',
          'GNU.sparse.map': '0,8',
          'GNU.sparse.name': '/',
        }),
        block({ name: 's', size: 8 }),
        padded('abcdefgh'),
        fileBlock('f', 'mine'),
      ),
    twin: () => sparse01('0,8', 1, 8, 'abcdefgh'),
    expect: 'harmless',
    holds: { '/f': 'mine' },
  },
  'sparse-gnu-real-size-negative': {
    attack: 'the old GNU form, with a real size below zero',
    build: () =>
      rawLayer(
        block({
          name: 's',
          type: 'S',
          magic: GNU_MAGIC,
          patch: { 483: Buffer.alloc(12, 0xff) },
        }),
      ),
    twin: () => gnuSparse([[0, 8]], 8, 'abcdefgh'),
    expect: SPARSE,
  },
  'sparse-gnu-extended-without-block': {
    attack: 'the old GNU form, that says more pieces follow, and ends',
    build: () => ({
      layers: [
        block({
          name: 's',
          type: 'S',
          magic: GNU_MAGIC,
          patch: { 482: '\x01', 483: octal12(0) },
        }),
      ],
    }),
    twin: () => gnuSparse([[0, 8]], 8, 'abcdefgh'),
    expect: ['ERR_TAR_TRUNCATED'],
  },
  'sparse-hardlink': {
    attack: 'a sparse map for a hardlink',
    build: () =>
      rawLayer(
        fileBlock('f', 'x'),
        pax({ 'GNU.sparse.size': '8', 'GNU.sparse.numblocks': '1', 'GNU.sparse.map': '0,8' }),
        block({ name: 'h', type: '1', link: 'f' }),
      ),
    twin: () => rawLayer(fileBlock('f', 'mine'), block({ name: 'h', type: '1', link: 'f' })),
    expect: SPARSE,
  },
  'sparse-directory': {
    attack: 'a sparse map for something that is no file',
    build: () =>
      rawLayer(
        pax({
          'GNU.sparse.size': '8',
          'GNU.sparse.numblocks': '0',
          'GNU.sparse.map': '',
          'GNU.sparse.major': '0',
          'GNU.sparse.minor': '1',
        }),
        block({ name: 'd/', type: '5' }),
      ),
    twin: plainLayer,
    expect: SPARSE,
  },
})
