// Names and symlinks by which a layer reaches for what lies outside of it.

import { dir, fifo, file, layerTar, symlink, device } from '../layer.ts'
import { block, extension, padded, paxRecords } from '../tars.ts'
import { pathFromText } from '../../../src/path/byte-path.ts'
import { oneLayer, pax, plainLayer, rawLayer } from './payloads.ts'
import { casesOf, type HostileCase, type Payload } from './case.ts'

const throughDirectory = (): Payload => oneLayer(dir('d'), file('d/owned', 'mine'))

const ESCAPE = ['ERR_PATH_ESCAPE']

export const PATH_ESCAPES: readonly HostileCase[] = casesOf('path-escape', {
  'dot-dot-name': {
    attack: 'writes ../../..ENTRY',
    build: (at) => oneLayer(file(`${at.up}/owned`, 'owned')),
    twin: () => oneLayer(file('a/../owned', 'mine')),
    expect: ESCAPE,
    names: 'canary/owned',
  },
  'dot-dot-one-level': {
    attack: 'writes beside its own directory, inside the store',
    build: () => oneLayer(file('../link', 'owned')),
    twin: () => oneLayer(file('..link', 'mine')),
    expect: ESCAPE,
    names: '../link',
  },
  'dot-dot-in-the-middle': {
    advisory: 'CVE-2014-9356',
    attack: 'climbs out after it went in',
    build: () => oneLayer(dir('a'), file('a/../../diff2/owned', 'owned')),
    twin: () => oneLayer(dir('a'), dir('a/b'), file('a/b/../f', 'mine')),
    expect: ESCAPE,
    names: 'a/../../diff2/owned',
  },
  'absolute-dot-dot': {
    attack: 'an absolute name that climbs',
    build: (at) => oneLayer(file(`/../..${at.dir}/owned`, 'owned')),
    twin: () => oneLayer(file('/a/../owned', 'mine')),
    expect: ESCAPE,
  },
  'dot-dot-alone': {
    attack: 'is the parent directory itself, with a mode',
    build: () => oneLayer(dir('..', { mode: 0o777 })),
    twin: () => oneLayer(dir('.', { mode: 0o777 }), file('f', 'mine')),
    expect: ESCAPE,
  },
  'dot-dot-directory': {
    attack: 'sets mode and owner of the directory above',
    build: () => oneLayer(dir('../../', { mode: 0o777, uid: 1000, gid: 1000 })),
    twin: () => oneLayer(dir('a/../', { mode: 0o700 }), file('f', 'mine')),
    expect: ESCAPE,
  },
  'dot-dot-symlink': {
    attack: 'plants a symlink outside',
    build: (at) => oneLayer(symlink(`${at.up}/planted`, 'secret')),
    twin: () => oneLayer(symlink('planted', '../secret'), file('f', 'mine')),
    expect: ESCAPE,
  },
  'dot-dot-device': {
    attack: 'makes a device outside',
    build: (at) => oneLayer(device(`${at.up}/null`, 'char', 1, 3)),
    twin: () => oneLayer(dir('dev'), device('dev/null', 'char', 1, 3)),
    expect: ESCAPE,
  },
  'dot-dot-fifo': {
    attack: 'makes a FIFO outside',
    build: (at) => oneLayer(fifo(`${at.up}/pipe`)),
    twin: () => oneLayer(fifo('pipe'), file('f', 'mine')),
    expect: ESCAPE,
  },
  'absolute-name': {
    attack: 'writes to an absolute path of the host',
    build: (at) => oneLayer(file(`${at.dir}/owned`, 'inside')),
    twin: plainLayer,
    expect: 'harmless',
  },
  'absolute-name-slashes': {
    attack: 'an absolute path that a naive check for one slash misses',
    build: (at) => oneLayer(file(`///${at.dir}//owned`, 'inside')),
    twin: plainLayer,
    expect: 'harmless',
  },
  backslashes: {
    attack: 'climbs on hosts where a backslash is a separator',
    build: () => oneLayer(file('..\\..\\owned', 'mine'), file('C:\\owned', 'mine')),
    twin: plainLayer,
    expect: 'harmless',
    holds: { '/..\\..\\owned': 'mine' },
  },
  'pax-path-dot-dot': {
    attack: 'the climbing name comes in a PAX record, behind a harmless one',
    build: (at) =>
      rawLayer(pax({ path: `${at.up}/owned` }), block({ name: 'ok', size: 5 }), padded('owned')),
    twin: () =>
      rawLayer(pax({ path: 'a/ok' }), block({ name: '../../bad', size: 4 }), padded('mine')),
    expect: ESCAPE,
  },
  'gnu-long-name-dot-dot': {
    attack: 'the climbing name comes in a GNU long name',
    build: (at) =>
      rawLayer(extension('L', `${at.up}/owned\0`), block({ name: 'ok', size: 5 }), padded('owned')),
    twin: () =>
      rawLayer(extension('L', 'a/ok\0'), block({ name: '../../bad', size: 4 }), padded('mine')),
    expect: ESCAPE,
  },
  'ustar-prefix-dot-dot': {
    attack: 'the climbing part stands in the prefix field',
    build: () => rawLayer(block({ prefix: '../..', name: 'owned', size: 5 }), padded('owned')),
    twin: () => rawLayer(block({ prefix: 'a/b', name: 'f', size: 4 }), padded('mine')),
    expect: ESCAPE,
    names: '../../owned',
  },
  'sparse-name-dot-dot': {
    attack: 'the climbing name is that of a PAX sparse file',
    build: (at) =>
      rawLayer(
        extension(
          'x',
          paxRecords({
            'GNU.sparse.major': '1',
            'GNU.sparse.minor': '0',
            'GNU.sparse.name': `${at.up}/owned`,
            'GNU.sparse.realsize': '4',
          }),
        ),
        block({ name: 'GNUSparseFile.0/ok', size: 516 }),
        padded('1\n0\n4\n'),
        padded('mine'),
      ),
    twin: () =>
      rawLayer(
        extension(
          'x',
          paxRecords({
            'GNU.sparse.major': '1',
            'GNU.sparse.minor': '0',
            'GNU.sparse.name': 'ok',
            'GNU.sparse.realsize': '4',
          }),
        ),
        block({ name: 'GNUSparseFile.0/ok', size: 516 }),
        padded('1\n0\n4\n'),
        padded('mine'),
      ),
    expect: ESCAPE,
  },
  'symlink-then-child': {
    advisory: 'CVE-2026-46703',
    attack: 'a symlink to an absolute directory, then a file through it',
    build: (at) => oneLayer(symlink('d', at.dir), file('d/owned', 'inside')),
    twin: throughDirectory,
    expect: 'harmless',
    holds: { '/d/owned': 'inside' },
  },
  'symlink-up-then-child': {
    advisory: 'CVE-2014-6407',
    attack: 'a relative symlink that climbs, then a file through it',
    build: (at) => oneLayer(symlink('d', at.up), file('d/owned', 'inside')),
    twin: throughDirectory,
    expect: 'harmless',
    holds: { '/d/owned': 'inside' },
  },
  'symlink-chain-then-child': {
    attack: 'three symlinks, each harmless by itself, then a file through them',
    build: (at) =>
      oneLayer(
        symlink('a', '..'),
        symlink('b', 'a/..'),
        symlink('c', `b/${at.up}`),
        file('c/owned', 'inside'),
      ),
    twin: () => oneLayer(dir('x'), symlink('a', 'x'), symlink('b', 'a'), file('b/owned', 'mine')),
    expect: 'harmless',
  },
  'symlink-nested-parents': {
    advisory: 'GHSA-hpxr-w9w7-g4gv',
    attack: 'a/b is a symlink out, then a/b/c/owned wants its parents made there',
    build: (at) => oneLayer(dir('a'), symlink('a/b', at.dir), file('a/b/new/sub/owned', 'inside')),
    twin: () => oneLayer(dir('a'), dir('a/b'), file('a/b/new/sub/owned', 'mine')),
    expect: 'harmless',
  },
  'symlink-onto-file-then-file': {
    attack: 'a symlink to a file, then a file of the same name written through it',
    build: (at) => oneLayer(symlink('f', `${at.dir}/secret`), file('f', 'mine')),
    twin: () => oneLayer(file('g', 'mine'), symlink('f', 'g')),
    expect: 'harmless',
    holds: { '/f': 'mine' },
  },
  'symlink-then-directory': {
    advisory: 'CVE-2026-33056',
    attack: 'a symlink to a directory, then a directory entry with a mode for it',
    build: (at) =>
      oneLayer(
        symlink('d', `${at.dir}/dir`),
        dir('d', { mode: 0o777, uid: 1000, gid: 1000 }),
        file('d/owned', 'mine'),
      ),
    twin: throughDirectory,
    expect: 'harmless',
    holds: { '/d/owned': 'mine' },
  },
  'symlink-then-fifo': {
    attack: 'a symlink, then a FIFO of its name',
    build: (at) => oneLayer(symlink('p', `${at.dir}/secret`), fifo('p')),
    twin: () => oneLayer(fifo('p'), file('f', 'mine')),
    expect: 'harmless',
  },
  'symlink-then-device': {
    attack: 'a symlink, then a device of its name',
    build: (at) => oneLayer(symlink('n', `${at.dir}/secret`), device('n', 'char', 1, 3)),
    twin: () => oneLayer(device('n', 'char', 1, 3), file('f', 'mine')),
    expect: 'harmless',
  },
  'symlink-with-mode': {
    attack: 'chmod and chown that follow a symlink',
    build: (at) =>
      oneLayer(symlink('s', `${at.dir}/secret`, { mode: 0o4777, uid: 1000, gid: 1000 })),
    twin: () => oneLayer(file('f', 'mine'), symlink('s', 'f', { mode: 0o777, uid: 1000 })),
    expect: 'harmless',
  },
  'symlink-with-xattrs': {
    attack: 'setxattr that follows a symlink',
    build: (at) =>
      oneLayer(
        symlink('s', `${at.dir}/secret`, {
          xattrs: new Map([
            ['user.planted', Buffer.from('1')],
            ['trusted.planted', Buffer.from('1')],
          ]),
        }),
      ),
    twin: () => oneLayer(file('f', 'mine', { xattrs: new Map([['user.kept', Buffer.from('1')]]) })),
    expect: 'harmless',
  },
  'symlink-with-times': {
    attack: 'utimes that follows a symlink',
    build: (at) => oneLayer(symlink('s', `${at.dir}/secret`, { mtimeNs: 0n, atimeNs: 0n })),
    twin: () => oneLayer(file('f', 'mine', { mtimeNs: 0n })),
    expect: 'harmless',
  },
  'root-entry-symlink': {
    advisory: 'CVE-2021-29136',
    attack: 'the root entry itself is a symlink: everything after it goes there',
    build: (at) => oneLayer(symlink('.', at.dir), file('owned', 'mine')),
    twin: () => oneLayer(dir('.'), file('owned', 'mine')),
    expect: 'harmless',
    holds: { '/owned': 'mine' },
  },
  'root-entry-symlink-slash': {
    advisory: 'CVE-2021-29136',
    attack: 'the same with the name /',
    build: (at) =>
      oneLayer({ ...symlink('x', at.dir), path: pathFromText('/') }, file('owned', 'mine')),
    twin: () => oneLayer({ ...dir('x'), path: pathFromText('/') }, file('owned', 'mine')),
    expect: 'harmless',
    holds: { '/owned': 'mine' },
  },
  'root-entry-file': {
    attack: 'the root entry is a regular file',
    build: () => oneLayer(file('./', 'body'), file('owned', 'mine')),
    twin: () => oneLayer(dir('./'), file('owned', 'mine')),
    expect: 'harmless',
    holds: { '/owned': 'mine' },
  },
  'empty-name': {
    attack: 'an entry without a name',
    build: () => oneLayer(file('', 'body'), file('f', 'mine')),
    twin: plainLayer,
    expect: 'harmless',
    holds: { '/f': 'mine' },
  },
  'symlink-of-earlier-layer': {
    advisory: 'CVE-2025-45582',
    attack: 'one layer plants a symlink, the next writes through it',
    build: (at) => ({
      layers: [layerTar(symlink('d', at.dir)), layerTar(file('d/owned', 'inside'))],
    }),
    twin: () => ({ layers: [layerTar(dir('d')), layerTar(file('d/owned', 'mine'))] }),
    expect: 'harmless',
    holds: { '/d/owned': 'inside' },
    isForImport: false,
  },
  'symlink-of-earlier-layer-deep': {
    advisory: 'CVE-2025-47290',
    attack: 'the planted symlink stands in the middle of the later path',
    build: (at) => ({
      layers: [
        layerTar(dir('usr'), symlink('usr/lib', at.dir)),
        layerTar(dir('usr'), file('usr/lib/dir/owned', 'inside')),
      ],
    }),
    twin: () => ({
      layers: [
        layerTar(dir('usr'), symlink('lib', 'usr')),
        layerTar(dir('usr'), file('usr/owned', 'mine')),
      ],
    }),
    expect: 'harmless',
    isForImport: false,
  },
  'dangling-symlink-parent': {
    attack: 'the parent is a symlink to a directory that does not exist yet on the host',
    build: (at) => oneLayer(symlink('d', `${at.dir}/new`), file('d/owned', 'inside')),
    twin: throughDirectory,
    expect: 'harmless',
    holds: { '/d/owned': 'inside' },
  },
  'looping-symlink-parent': {
    attack: 'the parent is a circle of symlinks',
    build: () => oneLayer(symlink('a', 'b'), symlink('b', 'a'), file('a/f', 'x')),
    twin: () => oneLayer(symlink('a', 'b'), symlink('b', 'a'), file('f', 'mine')),
    expect: ['ERR_TAR_HEADER'],
    names: 'a',
  },
  'self-symlink-parent': {
    attack: 'the parent is a symlink to itself',
    build: () => oneLayer(symlink('a', 'a'), file('a/f', 'x')),
    twin: () => oneLayer(symlink('a', 'a'), file('f', 'mine')),
    expect: ['ERR_TAR_HEADER'],
  },
  'symlink-to-proc-root': {
    attack: 'the way out is a magic link of /proc',
    build: (at) =>
      oneLayer(dir('proc'), symlink('r', `/proc/self/root${at.dir}`), file('r/owned', 'inside')),
    twin: () => oneLayer(dir('proc'), symlink('r', '/proc/self/root'), file('f', 'mine')),
    expect: 'harmless',
  },
  'symlink-to-proc-fd': {
    attack: 'the way out is an open descriptor of the unpacker',
    build: () => oneLayer(symlink('r', '/proc/self/fd/3'), file('r/owned', 'inside')),
    twin: () => oneLayer(symlink('r', '/proc/self/fd/3'), file('f', 'mine')),
    expect: 'harmless',
  },
  'symlink-to-cwd': {
    attack: 'the way out is the working directory of the unpacker',
    build: () => oneLayer(symlink('r', '/proc/self/cwd'), file('r/owned', 'inside')),
    twin: () => oneLayer(symlink('r', '/proc/self/cwd'), file('f', 'mine')),
    expect: 'harmless',
  },
  'symlink-target-over-4-kib': {
    attack: 'a target that is longer than any path',
    build: () => oneLayer(symlink('s', 'x/'.repeat(2100))),
    twin: () => oneLayer(symlink('s', 'x/'.repeat(2000)), file('f', 'mine')),
    expect: ['ERR_PATH_MAX'],
  },
  'symlink-without-target': {
    attack: 'a symlink to nothing',
    build: () => oneLayer(symlink('s', '')),
    twin: () => oneLayer(symlink('s', '.'), file('f', 'mine')),
    expect: ['ERR_LINK_TARGET'],
    names: 's',
  },
  'path-over-4-kib': {
    attack: 'a path that no call can take',
    build: () => oneLayer(file(`${'x'.repeat(250)}/`.repeat(17), 'x')),
    twin: () => oneLayer(file(`${'x'.repeat(250)}/`.repeat(4) + 'f', 'mine')),
    expect: ['ERR_PATH_MAX'],
  },
  'component-over-255': {
    attack: 'a name that no file system takes',
    build: () => oneLayer(file('x'.repeat(256), 'x')),
    twin: () => oneLayer(file('x'.repeat(255), 'mine')),
    expect: ['ERR_PATH_MAX'],
  },
  'path-grown-through-symlinks': {
    attack:
      'short names that a symlink makes longer than any call can take: nobody can remove them',
    build: () => {
      const long = `${'y'.repeat(200)}/`.repeat(15)
      return oneLayer(
        file(`${long}f`, 'x'),
        symlink('s', long),
        file(`s/${long}f`, 'x'),
        symlink('t', `s/${long}`),
        file(`t/${long}f`, 'x'),
      )
    },
    twin: () => oneLayer(file('y/y/f', 'x'), symlink('s', 'y/y'), file('s/y/y/f', 'mine')),
    expect: ['ERR_PATH_MAX'],
  },
  'ping-pong': {
    attack: 'directory, symlink, directory, symlink: a cache of made directories is fooled',
    build: (at) =>
      oneLayer(
        dir('d'),
        file('d/1', 'x'),
        symlink('d', at.dir),
        file('d/2', 'x'),
        dir('d'),
        file('d/3', 'x'),
        symlink('d', at.dir),
        file('d/owned', 'x'),
      ),
    twin: () => oneLayer(dir('d'), file('d/1', 'x'), dir('d'), file('d/3', 'mine')),
    twinWarns: 'several entries of one name',
    expect: 'harmless',
  },
})
