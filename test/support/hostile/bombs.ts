// Small things that become large: for the disk, for memory, for time. What the real bounds would make slow to try is tried
// with lower ones; what is heavy is run in a process of its own, and its time and memory are measured.

import { gzipSync } from 'node:zlib'
import { dir, file, layerTar, link, symlink, whiteout, type LayerEntryInit } from '../layer.ts'
import {
  block,
  extension,
  GNU_MAGIC,
  padded,
  paxRecords,
  sparseMember,
  ZERO_BLOCKS,
} from '../tars.ts'
import { zstdRuns } from '../zstd-runs.ts'
import { casesOf, type HostileCase, type Payload } from './case.ts'
import { fileBlock, oneLayer, pax, plainLayer, rawLayer } from './payloads.ts'

const EXPANSION = ['ERR_EXPANSION_MAX']
const ENTRIES = ['ERR_ENTRIES_MAX']
const ENTRY_SIZE = ['ERR_ENTRY_SIZE_MAX']
const MIB = 1 << 20

/** As gzip, so that nobody holds the tar more than once. */
const packedLayer = (...parts: readonly (Buffer | readonly Buffer[])[]): Payload => ({
  layers: [gzipSync(Buffer.concat([parts, ZERO_BLOCKS].flat(2)), { level: 1 })],
})
const zeros = (bytes: number): Payload =>
  packedLayer(block({ name: 'zeros', size: bytes }), Buffer.alloc(bytes))
const many = (count: number, entry: (i: number) => Buffer): Payload =>
  packedLayer(Array.from({ length: count }, (_, i) => entry(i)))
const several = (count: number, entry: (i: number) => LayerEntryInit): Payload =>
  oneLayer(...Array.from({ length: count }, (_, i) => entry(i)))
const long = (i: number): string =>
  `${String(i).padStart(8, '0')}${'n'.repeat(240)}/${`${'d'.repeat(250)}/`.repeat(14)}`

const LONG_DIRECTORY = `${'d'.repeat(250)}/`.repeat(13)
const named = (path: string): Buffer => Buffer.concat([pax({ path }), block({ name: 'f' })])

/** 16 MiB of zeros by Python's bz2. */
const BZIP2 =
  'QlpoOTFBWSZTWU8O8a0CAlRbgMyIQAB1gAAIYgCeEAAIIABwUAGI000aBUkkMIxD0nqYvpaSIIArKSJBAGt/Wela55okEAUU82S1I5s1qZc1xTbnvlTrHF+v2OsY2EggD+LuSKcKEgnh3jWg'

/** As gzip(1) writes it, with the fields of RFC 1952, 2.3.1. */
function gzipOf(
  tar: Buffer,
  { extra, name, comment }: { extra?: string; name?: string; comment?: string },
): Buffer {
  const packed = gzipSync(tar)
  const flags = (extra === undefined ? 0 : 4) | (name === undefined ? 0 : 8)
  packed[3] = flags | (comment === undefined ? 0 : 16)
  const length = Buffer.alloc(2)
  length.writeUInt16LE(extra?.length ?? 0)
  return Buffer.concat([
    packed.subarray(0, 10),
    ...(extra === undefined ? [] : [length, Buffer.from(extra)]),
    ...[name, comment].flatMap((text) => (text === undefined ? [] : [Buffer.from(`${text}\0`)])),
    packed.subarray(10),
  ])
}

/** RFC 8878, 3.1.2: a frame that decoders pass over. */
function skippable(content: Buffer, claimedBytes: number = content.length): Buffer {
  const header = Buffer.alloc(8)
  header.writeUInt32LE(0x184d2a50)
  header.writeUInt32LE(claimedBytes, 4)
  return Buffer.concat([header, content])
}

export const BOMBS: readonly HostileCase[] = casesOf('bomb', {
  'ratio-gzip': {
    advisory: 'CVE-2017-14992',
    attack: 'a layer that is a thousand times as large as its blob',
    build: () => zeros(300 * MIB),
    twin: () => zeros(32 * MIB),
    expect: EXPANSION,
    names: '--limit expansion=',
    isHeavy: true,
  },
  'ratio-gzip-small': {
    advisory: 'CVE-2017-14992',
    attack: 'the same below a lower bound',
    build: () => zeros(16 * MIB),
    twin: () => zeros(MIB),
    expect: EXPANSION,
    names: '--limit expansion=',
    limits: ['expansion-from=4M'],
  },
  'ratio-bzip2': {
    attack: 'a layer of bzip2, a hundred thousand times as large as its blob',
    build: () => ({ bytes: Buffer.from(BZIP2, 'base64') }),
    twin: () => plainLayer(),
    expect: EXPANSION,
    limits: ['expansion-from=4M'],
    isHeavy: true,
  },
  'ratio-zstd': {
    attack: 'zstd’s run-length blocks: four bytes for 128 KiB',
    build: () => ({ bytes: zstdRuns(block({ name: 'zeros', size: 16 * MIB }), 16 * MIB) }),
    twin: () => plainLayer(),
    expect: EXPANSION,
    limits: ['expansion-from=4M'],
  },
  'zstd-window': {
    attack: 'a zstd frame that asks for a window of terabytes',
    build: () => ({ bytes: Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xff, 1, 0, 0]) }),
    twin: () => plainLayer(),
    expect: [...EXPANSION, 'ERR_COMPRESSION'],
  },
  'zstd-windows-together': {
    attack: 'layers of zstd that each ask for the largest window: side by side they fill memory',
    build: () => ({
      layers: Array.from({ length: 4 }, (_, i) =>
        zstdRuns(block({ name: `zeros-${i}`, size: 136 * MIB }), 136 * MIB, 27),
      ),
    }),
    twin: () => ({
      layers: Array.from({ length: 4 }, (_, i) =>
        zstdRuns(block({ name: `zeros-${i}`, size: 2 * MIB }), 2 * MIB, 27),
      ),
    }),
    expect: 'harmless',
    isHeavy: true,
  },
  'zstd-window-grows': {
    attack: 'a layer whose first frame is modest and whose second asks for the largest window',
    build: () => ({
      layers: [
        Buffer.concat([
          zstdRuns(block({ name: 'zeros', size: MIB }), MIB),
          zstdRuns(ZERO_BLOCKS, 2 * MIB, 27),
        ]),
      ],
    }),
    twin: () => ({
      layers: [
        Buffer.concat([
          zstdRuns(block({ name: 'zeros', size: MIB }), MIB),
          zstdRuns(ZERO_BLOCKS, 2 * MIB),
        ]),
      ],
    }),
    expect: EXPANSION,
  },
  'nested-gzip': {
    advisory: 'CVE-2017-14992',
    attack: 'gzip in gzip in gzip: 10 KB are gigabytes',
    build: () => ({ layers: [gzipSync(gzipSync(gzipSync(Buffer.alloc(8 * MIB))))] }),
    twin: () => ({ layers: [gzipSync(layerTar(file('f', 'mine')))] }),
    expect: ['ERR_TAR_HEADER', 'ERR_TAR_TRUNCATED'],
  },
  'endless-decoding': {
    advisory: 'CVE-2020-14040',
    attack: 'a gzip member of no bytes, a hundred thousand times: no progress, for ever',
    build: () => ({
      layers: [
        Buffer.concat([
          gzipSync(layerTar(file('f', 'mine'))),
          ...Array<Buffer>(20_000).fill(gzipSync(Buffer.alloc(0))),
        ]),
      ],
    }),
    twin: () => ({
      layers: [Buffer.concat([gzipSync(layerTar(file('f', 'mine'))), gzipSync(Buffer.alloc(0))])],
    }),
    expect: 'harmless',
    holds: { '/f': 'mine' },
  },
  'layer-bytes': {
    attack: 'a layer larger than any',
    build: () => zeros(4 * MIB),
    twin: () => zeros(MIB),
    expect: EXPANSION,
    names: '--limit layer-bytes=',
    limits: ['layer-bytes=2M'],
  },
  'total-bytes': {
    attack: 'layers that are each within their bound, and together too much',
    build: () => ({
      layers: Array.from({ length: 6 }, (_, i) =>
        gzipSync(
          Buffer.concat([
            fileBlock(`n${i}`, 'x'),
            block({ name: 'zeros', size: MIB }),
            Buffer.alloc(MIB),
          ]),
        ),
      ),
    }),
    twin: () => zeros(MIB),
    expect: EXPANSION,
    names: '--limit total-bytes=',
    limits: ['total-bytes=4M'],
  },
  'sparse-terabytes': {
    attack: 'a sparse file of 16 TiB in one block',
    build: () => rawLayer(sparseMember(2 ** 44)),
    twin: () => rawLayer(sparseMember(2 ** 30)),
    expect: EXPANSION,
    names: '--limit layer-bytes=',
  },
  'sparse-within-bounds': {
    attack: 'a sparse file of 100 GiB: a merge that writes its holes fills the disk',
    build: () => rawLayer(sparseMember(100 * 2 ** 30)),
    twin: plainLayer,
    expect: 'harmless',
    isHeavy: true,
  },
  'empty-files': {
    attack: 'sixty thousand empty files',
    build: () => many(60_000, (i) => block({ name: `d${i % 100}/f${i}` })),
    twin: () => many(100, (i) => block({ name: `d${i % 10}/f${i}` })),
    expect: 'harmless',
    isHeavy: true,
  },
  'long-names': {
    attack: 'thirty thousand files whose names have three and a half kilobytes each, to be listed',
    build: () => many(30_000, (i) => named(`${LONG_DIRECTORY}${i}-${'n'.repeat(230)}`)),
    twin: () => many(30, (i) => named(`${LONG_DIRECTORY}${i}-${'n'.repeat(230)}`)),
    expect: 'harmless',
    isHeavy: true,
  },
  entries: {
    attack: 'more entries than allowed',
    build: () => several(600, (i) => file(`f${i}`)),
    twin: () => several(400, (i) => file(`f${i}`)),
    expect: ENTRIES,
    names: '--limit entries=',
    limits: ['entries=500'],
  },
  'implicit-parents': {
    attack: 'two hundred directories for each entry, none of them an entry itself',
    build: () => several(40, (i) => file(`d${i}/${'a/'.repeat(200)}f`)),
    twin: () => several(2, (i) => file(`d${i}/${'a/'.repeat(200)}f`)),
    expect: ENTRIES,
    names: '--limit entries=',
    limits: ['entries=2000'],
  },
  'one-name-many-times': {
    attack: 'one empty file fifty thousand times: a record of all duplicates',
    build: () => many(50_000, () => block({ name: 'f' })),
    twin: () => several(10, () => file('f', 'mine')),
    expect: 'harmless',
    isHeavy: true,
  },
  'directories-and-duplicates': {
    attack:
      'twenty thousand directories, and one that is replaced twenty thousand times: each a look at all',
    build: () =>
      packedLayer(
        Array.from({ length: 20_000 }, (_, i) => block({ name: `d${i}/`, type: '5' })),
        Array.from({ length: 20_000 }, (_, i) =>
          block(i % 2 === 0 ? { name: 'x/', type: '5' } : { name: 'x' }),
        ),
      ),
    twin: () => oneLayer(dir('d'), dir('x'), file('x'), dir('x')),
    expect: 'harmless',
    isHeavy: true,
  },
  'long-directory-names': {
    attack: 'directories with names of 4 KB, remembered to the end',
    build: () =>
      many(1000, (i) => Buffer.concat([pax({ path: long(i) }), block({ name: 'd/', type: '5' })])),
    twin: () => rawLayer(pax({ path: long(1) }), block({ name: 'd/', type: '5' })),
    expect: ENTRIES,
    names: '--limit name-bytes=',
    limits: ['name-bytes=2M'],
    isHeavy: true,
  },
  'long-whiteout-names': {
    attack: 'the same with whiteouts, each with a quarter of a megabyte of attributes',
    build: () => {
      const header = paxRecords({ 'SCHILY.xattr.user.x': 'v'.repeat(240_000) })
      return many(800, (i) => Buffer.concat([extension('x', header), block({ name: `.wh.n${i}` })]))
    },
    twin: () => oneLayer(whiteout('n', { xattrs: new Map([['user.x', Buffer.from('v')]]) })),
    expect: 'harmless',
    isHeavy: true,
  },
  'path-depth': {
    attack: 'a path of a thousand directories',
    build: () => oneLayer(file(`${'a/'.repeat(1000)}f`, 'x')),
    twin: () => oneLayer(file(`${'a/'.repeat(200)}f`, 'mine')),
    expect: ['ERR_PATH_MAX'],
    names: '--limit path-depth=',
  },
  'path-depth-through-symlinks': {
    attack: 'the same, made of short paths by a symlink',
    build: () =>
      oneLayer(
        file(`${'a/'.repeat(200)}f`, 'x'),
        symlink('s0', 'a/'.repeat(200)),
        ...Array.from({ length: 10 }, (_, i) => [
          file(`s${i}/${'a/'.repeat(200)}f`, 'x'),
          symlink(`s${i + 1}`, `s${i}/${'a/'.repeat(200)}`),
        ]).flat(),
      ),
    twin: () => oneLayer(file('a/a/f', 'x'), symlink('s', 'a/a'), file('s/a/a/f', 'mine')),
    expect: ['ERR_PATH_MAX'],
  },
  'pax-claims-a-gibibyte': {
    attack: 'a PAX header that says it has 1 GiB',
    build: () => rawLayer(block({ name: 'x', type: 'x', size: 2 ** 30 }), padded('10 path=x\n')),
    twin: () => rawLayer(pax({ comment: 'x'.repeat(100_000) }), fileBlock('f', 'mine')),
    expect: ENTRY_SIZE,
    names: '--limit pax-bytes=',
  },
  'global-pax-claims-a-gibibyte': {
    attack: 'a global PAX header that says it has 1 GiB',
    build: () => rawLayer(block({ name: 'g', type: 'g', size: 2 ** 30 }), padded('10 path=x\n')),
    twin: () =>
      rawLayer(
        extension('g', paxRecords({ comment: 'x'.repeat(100_000) })),
        fileBlock('f', 'mine'),
      ),
    expect: ENTRY_SIZE,
    names: '--limit pax-bytes=',
  },
  'long-name-claims-a-gibibyte': {
    attack: 'a GNU long name that says it has 1 GiB',
    build: () => rawLayer(block({ name: 'L', type: 'L', size: 2 ** 30 }), padded('x')),
    twin: () => rawLayer(extension('L', `${'n'.repeat(200)}\0`), fileBlock('f', 'mine')),
    expect: ENTRY_SIZE,
    names: '--limit pax-bytes=',
  },
  'xattr-claims-a-gibibyte': {
    attack: 'an attribute that says it has 1 GiB, in a header of a few bytes',
    build: () =>
      rawLayer(extension('x', `${2 ** 30} SCHILY.xattr.user.x=y\n`), fileBlock('f', 'x')),
    twin: () => rawLayer(pax({ 'SCHILY.xattr.user.x': 'y' }), fileBlock('f', 'mine')),
    expect: ['ERR_PAX_RECORD'],
  },
  'xattr-bytes': {
    attack: 'an attribute of half a megabyte',
    build: () => rawLayer(pax({ 'SCHILY.xattr.user.x': 'y'.repeat(500_000) }), fileBlock('f', 'x')),
    twin: () => rawLayer(pax({ 'SCHILY.xattr.user.x': 'y'.repeat(1000) }), fileBlock('f', 'mine')),
    expect: ENTRY_SIZE,
    names: '--limit xattr-bytes=',
  },
  'xattr-count': {
    attack: 'thirty thousand empty attributes: as many system calls',
    build: () =>
      rawLayer(
        pax(
          Object.fromEntries(
            Array.from({ length: 30_000 }, (_, i) => [`SCHILY.xattr.user.${i}`, '']),
          ),
        ),
        fileBlock('f', 'x'),
      ),
    twin: () =>
      rawLayer(
        pax({ 'SCHILY.xattr.user.a': '', 'SCHILY.xattr.user.b': '' }),
        fileBlock('f', 'mine'),
      ),
    expect: ENTRY_SIZE,
  },
  'xattr-namespaces': {
    attack: 'five thousand namespaces of attributes, each worth a warning',
    build: () =>
      many(50, (n) =>
        Buffer.concat([
          pax(
            Object.fromEntries(
              Array.from({ length: 100 }, (_, i) => [`SCHILY.xattr.ns${n}x${i}.k`, 'v']),
            ),
          ),
          block({ name: `f${n}` }),
        ]),
      ),
    twin: () => rawLayer(pax({ 'SCHILY.xattr.user.a': 'v' }), fileBlock('f', 'mine')),
    expect: 'harmless',
  },
  'extension-headers': {
    attack: 'a thousand extension headers before one member',
    build: () =>
      rawLayer(...Array.from({ length: 1000 }, () => pax({ comment: 'x' })), fileBlock('f', 'x')),
    twin: () =>
      rawLayer(
        pax({ mtime: '1' }),
        extension('L', 'f\0'),
        extension('K', 'f\0'),
        fileBlock('f', 'mine'),
      ),
    expect: ['ERR_TAR_HEADER'],
  },
  'global-headers': {
    attack: 'two hundred global headers of a megabyte',
    build: () => {
      const header = extension(
        'g',
        paxRecords({ comment: 'x'.repeat(MIB - 600) }),
        'pax_global_header',
      )
      return packedLayer(Array<Buffer>(200).fill(header), fileBlock('f', 'mine'))
    },
    twin: () =>
      rawLayer(
        extension('g', paxRecords({ comment: 'x' })),
        extension('g', paxRecords({ comment: 'y' })),
        fileBlock('f', 'mine'),
      ),
    expect: 'harmless',
    isHeavy: true,
  },
  'gnu-sparse-extents': {
    advisory: 'CVE-2025-58183',
    attack: 'a sparse map that goes on for a million pieces',
    build: () => {
      const piece = Buffer.alloc(512)
      for (let i = 0; i < 21; i++) piece.write('00000000000\x0000000000000\0', i * 24, 'latin1')
      piece[504] = 1
      return packedLayer(
        block({
          name: 's',
          type: 'S',
          magic: GNU_MAGIC,
          size: 0,
          patch: { 482: '\x01', 483: '00000000000\0' },
        }),
        Array<Buffer>(50_000).fill(piece),
      )
    },
    twin: plainLayer,
    expect: ENTRY_SIZE,
    names: '--limit pax-bytes=',
  },
  'sparse-map-in-body': {
    advisory: 'CVE-2025-58183',
    attack: 'the same at the start of a body',
    build: () =>
      packedLayer(
        pax({
          'GNU.sparse.major': '1',
          'GNU.sparse.minor': '0',
          'GNU.sparse.name': 's',
          'GNU.sparse.realsize': '8',
        }),
        block({ name: 's', size: 8 * MIB }),
        padded(`4000000\n${'0\n'.repeat(4 * MIB - 4)}`),
      ),
    twin: plainLayer,
    expect: ENTRY_SIZE,
  },
  'directories-with-attributes': {
    attack:
      'a thousand directories, each with a quarter of a megabyte of attributes, held for their times',
    build: () => {
      const header = extension('x', paxRecords({ 'SCHILY.xattr.user.x': 'v'.repeat(240_000) }))
      return many(1000, (i) => Buffer.concat([header, block({ name: `d${i}/`, type: '5' })]))
    },
    twin: () => oneLayer(dir('d', { xattrs: new Map([['user.x', Buffer.from('v')]]) })),
    expect: 'harmless',
    isHeavy: true,
  },
  'links-to-nothing': {
    attack:
      'twenty-five thousand hardlinks of names of 4 KB to others that are not there: lint remembers both',
    build: () =>
      many(25_000, (i) =>
        Buffer.concat([
          pax({ path: long(i), linkpath: `gone/${long(i)}` }),
          block({ name: 'h', type: '1', link: 'x' }),
        ]),
      ),
    twin: () => oneLayer(file('f', 'mine'), link('h', 'f')),
    expect: ['ERR_LINK_TARGET'],
    isHeavy: true,
  },
  'gzip-name': {
    attack: 'a gzip header with a file name of 64 MiB',
    build: () => ({
      layers: [gzipOf(layerTar(file('f', 'mine')), { name: 'n'.repeat(64 * MIB) })],
    }),
    twin: () => ({ layers: [gzipOf(layerTar(file('f', 'mine')), { name: 'layer.tar' })] }),
    expect: 'harmless',
    isHeavy: true,
  },
  'gzip-header-fields': {
    attack: 'a gzip header of all that there can be, each as long as it may be',
    build: () => ({
      layers: [
        gzipOf(layerTar(file('f', 'mine')), {
          extra: 'e'.repeat(0xffff),
          name: 'n'.repeat(70_000),
          comment: 'c'.repeat(70_000),
        }),
      ],
    }),
    twin: () => ({
      layers: [gzipOf(layerTar(file('f', 'mine')), { extra: 'e', name: 'n', comment: 'c' })],
    }),
    expect: 'harmless',
    holds: { '/f': 'mine' },
  },
  'zstd-skippable': {
    attack: 'a skippable frame of zstd that says it has 4 GiB',
    build: () => ({ layers: [skippable(Buffer.from('x'), 0xffffffff)] }),
    twin: () => ({
      layers: [Buffer.concat([skippable(Buffer.from('x')), zstdRuns(block({ name: 'f' }), MIB)])],
    }),
    expect: ['ERR_COMPRESSION'],
  },
  'zstd-skippable-many': {
    attack: 'fifty thousand skippable frames of nothing: no progress, for ever',
    build: () => ({
      layers: [
        Buffer.concat([
          ...Array<Buffer>(50_000).fill(skippable(Buffer.alloc(0))),
          zstdRuns(block({ name: 'f' }), MIB),
        ]),
      ],
    }),
    twin: () => ({ layers: [zstdRuns(block({ name: 'f' }), MIB)] }),
    expect: 'harmless',
    holds: { '/f': '' },
  },
  'long-names-in-a-row': {
    attack: 'a thousand long names and long links of GNU tar before one member',
    build: () =>
      rawLayer(
        ...Array.from({ length: 1000 }, (_, i) => extension(i % 2 === 0 ? 'L' : 'K', `n${i}\0`)),
        fileBlock('f', 'x'),
      ),
    twin: () => rawLayer(extension('K', 'x\0'), extension('L', 'f\0'), fileBlock('g', 'mine')),
    expect: ['ERR_TAR_HEADER'],
  },
  hardlinks: {
    advisory: 'CVE-2026-59873',
    attack: 'seventy thousand names of one file: more than a file system has',
    build: () =>
      packedLayer(
        fileBlock('f', 'x'),
        Array.from({ length: 70_000 }, (_, i) => block({ name: `h${i}`, type: '1', link: 'f' })),
      ),
    twin: () =>
      oneLayer(file('f', 'mine'), ...Array.from({ length: 100 }, (_, i) => link(`h${i}`, 'f'))),
    // tmpfs has no bound.
    expect: ['ERR_HOST', 'ERR_LINK_TARGET', 'harmless'],
    isHeavy: true,
  },
})
