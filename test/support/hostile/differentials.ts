// Tars that two readers take for two different trees: what one checks is not what the other unpacks. shale reads as Go's
// archive/tar does (dockerd's reader) or refuses.

import { gzipSync } from 'node:zlib'
import { dir, file, layerTar, link, symlink } from '../layer.ts'
import { block, extension, GNU_MAGIC, padded, ZERO_BLOCKS } from '../tars.ts'
import { fileBlock, oneLayer, pax, plainLayer, rawLayer } from './payloads.ts'
import { casesOf, type HostileCase } from './case.ts'

/** A member that some readers see and others take for a body. */
const smuggled = fileBlock('smuggled', 'x')
const base256 = (...bytes: number[]): Buffer =>
  Buffer.from([...Array<number>(12 - bytes.length).fill(0), ...bytes])

const HEADER = ['ERR_TAR_HEADER']
const PAX = ['ERR_PAX_RECORD']

export const DIFFERENTIALS: readonly HostileCase[] = casesOf('parser-differential', {
  'negative-octal-size': {
    attack: 'a size with a minus',
    build: () => rawLayer(block({ name: 'f', size: '-0000001000\0' })),
    twin: () => rawLayer(fileBlock('f', 'mine')),
    expect: HEADER,
  },
  'negative-base-256-size': {
    attack: 'a size of minus 512: the reader goes back, for ever',
    build: () =>
      rawLayer(
        block({ name: 'f', size: Buffer.from([...Array<number>(10).fill(0xff), 0xfe, 0x00]) }),
      ),
    twin: () =>
      rawLayer(
        block({ name: 'f', size: Buffer.from([0x80, ...base256(4).subarray(1)]) }),
        padded('mine'),
      ),
    expect: HEADER,
    names: 'f',
  },
  'huge-base-256-size': {
    attack: 'a size of 2^70',
    build: () =>
      rawLayer(block({ name: 'f', size: Buffer.from([0x80, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0, 0]) })),
    twin: () =>
      rawLayer(
        block({ name: 'f', size: Buffer.from([0x80, ...base256(4).subarray(1)]) }),
        padded('mine'),
      ),
    expect: HEADER,
  },
  'size-beyond-the-end': {
    attack: 'a body of 8 GiB in a tar of a few blocks',
    build: () => rawLayer(block({ name: 'f', size: '77777777777\0' })),
    twin: () => rawLayer(fileBlock('f', 'mine')),
    expect: ['ERR_TAR_TRUNCATED'],
    names: 'f',
  },
  'size-with-garbage': {
    attack: 'digits, then letters: 0 to some, an error to others',
    build: () => rawLayer(block({ name: 'f', size: '0000001x000\0' })),
    twin: () => rawLayer(block({ name: 'f', size: '     000004 ' }), padded('mine')),
    expect: HEADER,
  },
  'uid-not-a-number': {
    attack: 'an owner that some read as root',
    build: () => rawLayer(block({ name: 'f', uid: 'rootroo\0' })),
    twin: () => rawLayer(block({ name: 'f', uid: '0001750\0' })),
    expect: HEADER,
  },
  'uid-negative': {
    attack: 'an owner of -1: chown leaves it as it is',
    build: () =>
      rawLayer(pax({ uid: '-1' }), block({ name: 'f', size: 1, mode: '0004755\0' }), padded('x')),
    twin: () => rawLayer(pax({ uid: '4294967294', gid: '-2' }), fileBlock('f', 'mine')),
    expect: [...PAX, ...HEADER],
  },
  'uid-beyond-32-bits': {
    attack: 'an owner of 2^32: root, to who cuts it',
    build: () =>
      rawLayer(
        pax({ uid: '4294967296' }),
        block({ name: 'f', size: 1, mode: '0004755\0' }),
        padded('x'),
      ),
    twin: () => rawLayer(pax({ uid: '4294967294' }), fileBlock('f', 'mine')),
    expect: [...PAX, ...HEADER],
  },
  'size-on-a-symlink': {
    attack: 'a body behind a symlink: members to some, skipped by others',
    build: () =>
      rawLayer(
        block({ name: 's', type: '2', link: 'f', size: 1024 }),
        smuggled,
        fileBlock('f', 'mine'),
      ),
    twin: () => oneLayer(symlink('s', 'f'), file('f', 'mine')),
    expect: 'harmless',
    holds: { '/smuggled': 'x', '/f': 'mine' },
  },
  'size-on-a-directory': {
    attack: 'the same behind a directory',
    build: () =>
      rawLayer(block({ name: 'd/', type: '5', size: 1024 }), smuggled, fileBlock('f', 'mine')),
    twin: () => oneLayer(dir('d'), file('f', 'mine')),
    expect: 'harmless',
    holds: { '/smuggled': 'x', '/f': 'mine' },
  },
  'duplicate-entries': {
    attack: 'one name twice: the first is checked, the last unpacked',
    build: () => oneLayer(file('f', 'first'), file('f', 'last')),
    twin: () => oneLayer(file('f', 'first'), file('g', 'last')),
    expect: 'harmless',
    holds: { '/f': 'last' },
  },
  'duplicate-unclean-names': {
    attack: 'the same name, written in four ways',
    build: () =>
      oneLayer(file('d/f', '1'), file('./d/f', '2'), file('d//f', '3'), file('d/x/../f', '4')),
    twin: () => oneLayer(file('./d/f', 'mine')),
    expect: 'harmless',
    holds: { '/d/f': '4' },
  },
  'duplicate-of-other-type': {
    attack: 'a file, then a directory, then a symlink of one name',
    build: () => oneLayer(file('n', 'x'), dir('n'), file('n/f', 'x'), symlink('n', 'elsewhere')),
    twin: () => oneLayer(dir('n'), file('n/f', 'mine')),
    expect: 'harmless',
  },
  'v7-directory-by-slash': {
    attack: 'a v7 header whose name ends in a slash, with a size',
    build: () =>
      rawLayer(block({ name: 'd/', type: '\0', magic: '\0'.repeat(8), size: 512 }), smuggled),
    twin: () =>
      rawLayer(block({ name: 'd/', type: '\0', magic: '\0'.repeat(8) }), fileBlock('d/f', 'mine')),
    expect: 'harmless',
  },
  'ustar-prefix': {
    attack: 'a prefix that only some join to the name',
    build: () =>
      rawLayer(Buffer.concat([block({ prefix: 'p', name: 'f', size: 4 }), padded('mine')])),
    twin: () => rawLayer(fileBlock('p/f', 'mine')),
    expect: 'harmless',
    holds: { '/p/f': 'mine' },
  },
  'trailing-junk': {
    attack: 'members behind the end blocks',
    build: () => ({
      layers: [Buffer.concat([fileBlock('f', 'mine'), ZERO_BLOCKS, smuggled, Buffer.from('junk')])],
    }),
    twin: () => ({
      layers: [Buffer.concat([fileBlock('f', 'mine'), ZERO_BLOCKS, Buffer.alloc(9216)])],
    }),
    expect: 'harmless',
    holds: { '/f': 'mine' },
    lacks: ['/smuggled'],
  },
  'concatenated-tars': {
    attack: 'two tars one after the other: GNU tar -i sees both',
    build: () => ({
      layers: [Buffer.concat([layerTar(file('f', 'mine')), layerTar(file('smuggled', 'x'))])],
    }),
    twin: () => oneLayer(file('f', 'mine')),
    expect: 'harmless',
    lacks: ['/smuggled'],
  },
  'one-zero-block': {
    attack: 'a single zero block, then more: the end to some',
    build: () => ({
      layers: [Buffer.concat([fileBlock('f', 'x'), Buffer.alloc(512), smuggled, ZERO_BLOCKS])],
    }),
    twin: () => ({ layers: [Buffer.concat([fileBlock('f', 'mine'), Buffer.alloc(512)])] }),
    expect: HEADER,
  },
  'missing-end-blocks': {
    attack: 'no end: a cut archive, or a lazy writer',
    build: () => ({ layers: [fileBlock('f', 'mine')] }),
    twin: () => rawLayer(fileBlock('f', 'mine')),
    expect: 'harmless',
    holds: { '/f': 'mine' },
  },
  'cut-in-a-body': {
    attack: 'a tar that ends in a body',
    build: () => ({ layers: [fileBlock('f', 'x'.repeat(600)).subarray(0, 600)] }),
    twin: () => ({ layers: [fileBlock('f', 'x'.repeat(600))] }),
    expect: ['ERR_TAR_TRUNCATED'],
    names: 'f',
  },
  'concatenated-gzip': {
    attack: 'two gzip members: some stop after the first',
    build: () => ({
      layers: [
        Buffer.concat([
          gzipSync(fileBlock('f', 'mine')),
          gzipSync(Buffer.concat([fileBlock('g', 'mine'), ZERO_BLOCKS])),
        ]),
      ],
    }),
    twin: () => ({ layers: [gzipSync(layerTar(file('f', 'mine')))] }),
    expect: 'harmless',
    holds: { '/f': 'mine', '/g': 'mine' },
  },
  'gzip-with-trailing-junk': {
    attack: 'junk behind the gzip data, that no digest of the tar covers',
    build: () => ({
      layers: [Buffer.concat([gzipSync(layerTar(file('f', 'x'))), Buffer.from('junk')])],
    }),
    twin: () => ({
      layers: [Buffer.concat([gzipSync(layerTar(file('f', 'mine'))), Buffer.alloc(512)])],
    }),
    expect: ['ERR_COMPRESSION'],
  },
  'gzip-cut': {
    attack: 'gzip data without its end and checksum',
    build: () => ({ layers: [gzipSync(layerTar(file('f', 'x'))).subarray(0, -6)] }),
    twin: () => ({ layers: [gzipSync(layerTar(file('f', 'mine')))] }),
    expect: ['ERR_COMPRESSION'],
  },
  'wrong-checksum': {
    attack: 'a header that does not add up',
    build: () => rawLayer(fileBlock('f', 'x'), block({ name: 'g', checksum: '000001\0 ' })),
    twin: () => rawLayer(fileBlock('f', 'mine'), block({ name: 'g' })),
    expect: ['ERR_TAR_CHECKSUM'],
  },
  'signed-checksum': {
    attack: 'the sum of signed bytes that old tars wrote',
    build: () => {
      const header = block({ name: '\xe4' })
      let sum = 8 * 32
      for (const [i, byte] of header.entries()) if (i < 148 || i >= 156) sum += (byte << 24) >> 24
      return rawLayer(
        block({ name: '\xe4', checksum: `${sum.toString(8).padStart(6, '0')}\0 ` }),
        fileBlock('f', 'mine'),
      )
    },
    twin: () => rawLayer(block({ name: '\xe4' }), fileBlock('f', 'mine')),
    expect: 'harmless',
    holds: { '/f': 'mine' },
  },
  'unknown-type': {
    attack: 'a type that some take for a file',
    build: () => rawLayer(block({ name: 'f', type: 'Z', size: 512 }), smuggled),
    twin: () => rawLayer(block({ name: 'f', type: '7', size: 4 }), padded('mine')),
    expect: ['ERR_TAR_TYPE'],
    names: 'f',
  },
  'gnu-volume-and-dumpdir': {
    attack: 'GNU’s own types: a volume header, and a directory with a body',
    build: () =>
      rawLayer(
        block({ name: 'vol', type: 'V', magic: GNU_MAGIC }),
        block({ name: 'd/', type: 'D', magic: GNU_MAGIC, size: 512 }),
        padded('Yf\0\0'),
      ),
    twin: () => rawLayer(block({ name: 'd/', type: '5', magic: GNU_MAGIC })),
    expect: ['ERR_TAR_TYPE'],
  },
  'mtime-negative-base-256': {
    attack: 'a time of minus 2^62 seconds',
    build: () =>
      rawLayer(
        block({
          name: 'f',
          size: 4,
          mtime: Buffer.from([...Array<number>(4).fill(0xff), 0xc0, ...Array<number>(7).fill(0)]),
        }),
        padded('mine'),
      ),
    twin: () =>
      rawLayer(
        block({
          name: 'f',
          size: 4,
          mtime: Buffer.from([...Array<number>(11).fill(0xff), 0xfe]),
        }),
        padded('mine'),
      ),
    expect: HEADER,
  },
  'uid-negative-base-256': {
    attack: 'an owner of -1 in a number of GNU tar',
    build: () => rawLayer(block({ name: 'f', uid: Buffer.alloc(8, 0xff) })),
    twin: () =>
      rawLayer(block({ name: 'f', uid: Buffer.from([0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xfe]) })),
    expect: HEADER,
    names: 'uid',
  },
  'device-beyond-its-bits': {
    advisory: 'composefs#436',
    attack: 'a device 0:4294967296: a whiteout, to who cuts it',
    build: () =>
      rawLayer(
        block({ name: 'f', type: '3', patch: { 337: Buffer.from([0x80, 0, 0, 1, 0, 0, 0, 0]) } }),
      ),
    twin: () =>
      rawLayer(block({ name: 'f', type: '3', patch: { 329: '0000001\0', 337: '0000003\0' } })),
    expect: HEADER,
    names: '0:4294967296',
  },
  'mode-with-type-bits': {
    attack: 'a mode that says symlink, in the header of a file',
    build: () => rawLayer(block({ name: 'f', mode: '0120777\0', size: 4 }), padded('mine')),
    twin: () => rawLayer(block({ name: 'f', mode: '0100644\0', size: 4 }), padded('mine')),
    expect: 'harmless',
    holds: { '/f': 'mine' },
  },
  'name-of-slashes': {
    attack: 'a file whose name is slashes alone: the root, or the directory it is unpacked into',
    build: () =>
      rawLayer(
        fileBlock('///', 'x'),
        pax({ path: '//' }),
        fileBlock('g', 'x'),
        fileBlock('f', 'mine'),
      ),
    twin: () => rawLayer(block({ name: './', type: '5' }), fileBlock('f', 'mine')),
    expect: 'harmless',
    holds: { '/f': 'mine' },
    lacks: ['/g'],
  },
  'long-name-of-nothing': {
    attack: 'a long name of GNU tar that is empty: the name of the header to some, none to others',
    build: () =>
      rawLayer(
        extension('L', ''),
        fileBlock('f', 'mine'),
        extension('L', '\0'),
        fileBlock('g', 'mine'),
      ),
    twin: () => rawLayer(extension('L', 'f\0'), fileBlock('g', 'mine')),
    expect: 'harmless',
    holds: { '/f': 'mine', '/g': 'mine' },
  },
  'long-name-without-nul': {
    attack: 'a long name of GNU tar that does not end: some read on in the next header',
    build: () => rawLayer(extension('L', 'n'.repeat(512)), fileBlock('f', 'x')),
    twin: () => rawLayer(extension('L', `${'n'.repeat(200)}\0`), fileBlock('f', 'mine')),
    expect: ['ERR_PATH_MAX'],
  },
  'mtime-absurd': {
    attack: 'times before 1970 and after the sun',
    build: () =>
      rawLayer(pax({ mtime: '-99999999999.5', atime: '999999999999' }), fileBlock('f', 'mine')),
    twin: () => rawLayer(pax({ mtime: '1700000000.123456789' }), fileBlock('f', 'mine')),
    expect: 'harmless',
    holds: { '/f': 'mine' },
  },
  'names-no-utf-8': {
    attack: 'names that are no text, and differ only where text decoders agree',
    build: () => rawLayer(fileBlock('\xff', 'a'), fileBlock('\xfe', 'b'), fileBlock('f', 'mine')),
    twin: () => rawLayer(fileBlock('\xc3\xa4', 'a'), fileBlock('f', 'mine')),
    expect: 'harmless',
    holds: { '/f': 'mine' },
  },
  'name-with-newlines-and-escapes': {
    attack: 'a name that writes on the terminal of whoever lists it',
    build: () =>
      oneLayer(
        file('a\nroot:x:0\u001b]0;owned\u0007\u001b[2J', 'mine'),
        file('f', 'mine'),
        symlink('l', '\u001b[31mred'),
      ),
    twin: plainLayer,
    expect: 'harmless',
    holds: { '/f': 'mine' },
  },
  'hidden-by-the-first-link': {
    attack: 'a file, a hardlink to it, and the file again: which bytes has the link',
    build: () => oneLayer(file('f', 'old'), link('h', 'f'), file('f', 'new')),
    twin: () => oneLayer(file('f', 'mine'), link('h', 'f')),
    expect: 'harmless',
    holds: { '/h': 'old', '/f': 'new' },
  },
})
