// Hardlinks: the one kind of entry that can give a file of the host a second name inside of an image.

import { device, dir, fifo, file, layerTar, link, symlink, whiteout } from '../layer.ts'
import { block, extension, padded } from '../tars.ts'
import { oneLayer, pax, rawLayer } from './payloads.ts'
import { casesOf, type HostileCase, type Payload } from './case.ts'

const linked = (): Payload => oneLayer(file('f', 'mine'), link('h', 'f'))

export const HARDLINK_ESCAPES: readonly HostileCase[] = casesOf('hardlink-escape', {
  'absolute-target': {
    advisory: 'CVE-2026-23745',
    attack: 'links to an absolute path of the host',
    build: (at) => oneLayer(link('h', `${at.dir}/secret`)),
    twin: () => oneLayer(file('f', 'mine'), link('h', '/f')),
    expect: ['ERR_LINK_TARGET'],
    names: 'h',
  },
  'dot-dot-target': {
    attack: 'links to ../../..TARGET',
    build: (at) => oneLayer(link('h', `${at.up}/secret`)),
    twin: () => oneLayer(file('f', 'mine'), dir('a'), link('h', 'a/../f')),
    expect: ['ERR_LINK_ESCAPE'],
    names: 'secret',
  },
  'dot-dot-in-the-middle': {
    advisory: 'CVE-2026-24842',
    attack: 'the check resolves the target from the link, the call from the root',
    build: () => oneLayer(dir('a'), dir('a/b'), link('a/b/h', 'a/../../link')),
    twin: () => oneLayer(dir('a'), file('a/f', 'mine'), link('a/h', 'a/../a/f')),
    expect: ['ERR_LINK_ESCAPE'],
  },
  'through-symlink': {
    attack: 'the target lies behind a symlink of the layer that leads out',
    build: (at) => oneLayer(symlink('out', at.dir), link('h', 'out/secret')),
    twin: () => oneLayer(dir('d'), file('d/f', 'mine'), symlink('in', 'd'), link('h', 'in/f')),
    expect: ['ERR_LINK_TARGET'],
  },
  'through-symlink-up': {
    attack: 'the same by a relative symlink',
    build: (at) => oneLayer(symlink('out', at.up), link('h', 'out/secret')),
    twin: () =>
      oneLayer(dir('d'), file('d/f', 'mine'), symlink('d/in', '../d'), link('h', 'd/in/f')),
    expect: ['ERR_LINK_TARGET'],
  },
  'through-symlink-chain': {
    advisory: 'CVE-2026-26960',
    attack: 'a chain of symlinks, each inside by itself, together leads out',
    build: (at) =>
      oneLayer(
        dir('a'),
        dir('a/b'),
        symlink('a/b/c', '../..'),
        symlink('up', 'a/b/c/..'),
        symlink('out', `up/${at.up}`),
        link('h', 'out/secret'),
      ),
    twin: () =>
      oneLayer(
        dir('a'),
        dir('a/b'),
        symlink('a/b/c', '../..'),
        file('f', 'mine'),
        link('h', 'a/b/c/f'),
      ),
    expect: ['ERR_LINK_TARGET'],
  },
  'to-symlink-then-write': {
    attack: 'a second name of a symlink that leads out, then a file of that name',
    build: (at) => oneLayer(symlink('s', `${at.dir}/secret`), link('h', 's'), file('h', 'mine')),
    twin: () => oneLayer(file('f', 'mine'), symlink('s', 'f'), link('h', 's')),
    expect: 'harmless',
    holds: { '/h': 'mine' },
  },
  'to-symlink-with-mode': {
    attack: 'chmod and chown by a link to a symlink that leads out',
    build: (at) =>
      oneLayer(
        symlink('s', `${at.dir}/secret`),
        link('h', 's', { mode: 0o4777, uid: 1000, gid: 1000 }),
      ),
    twin: () => oneLayer(file('f', 'mine'), link('h', 'f', { mode: 0o600 })),
    expect: 'harmless',
  },
  'to-symlink-with-xattrs': {
    attack: 'setxattr by a link to a symlink that leads out',
    build: (at) =>
      oneLayer(
        symlink('s', `${at.dir}/secret`),
        link('h', 's', { xattrs: new Map([['user.planted', Buffer.from('1')]]) }),
      ),
    twin: () =>
      oneLayer(
        file('f', 'mine'),
        link('h', 'f', { xattrs: new Map([['user.kept', Buffer.from('1')]]) }),
      ),
    expect: 'harmless',
  },
  'then-file-of-same-name': {
    advisory: 'CVE-2018-20834',
    attack: 'a hardlink, then a file of its name that is written into the shared inode',
    build: () => oneLayer(file('f', 'kept'), link('h', 'f'), file('h', 'overwritten')),
    twin: linked,
    expect: 'harmless',
    holds: { '/f': 'kept', '/h': 'overwritten' },
  },
  'before-its-target': {
    attack: 'the target comes later, and may become anything',
    build: () => oneLayer(link('h', 'f'), file('f', 'x')),
    twin: linked,
    expect: ['ERR_LINK_TARGET'],
    names: 'f',
  },
  'to-lower-layer': {
    attack: 'the target is a file of the layer below',
    build: () => ({ layers: [layerTar(file('f', 'below')), layerTar(link('h', 'f'))] }),
    twin: () => ({
      layers: [layerTar(file('f', 'below')), layerTar(file('f', 'mine'), link('h', 'f'))],
    }),
    expect: ['ERR_LINK_TARGET'],
    isForImport: false,
  },
  'to-whiteout': {
    attack: 'the target is a whiteout: its device gets a second name',
    build: () => oneLayer(whiteout('w'), link('h', '.wh.w')),
    twin: () => oneLayer(whiteout('w'), file('f', 'mine'), link('h', 'f')),
    expect: ['ERR_LINK_TARGET'],
  },
  'to-whited-out-name': {
    attack: 'the target is the name that a whiteout removes',
    build: () => oneLayer(whiteout('w'), link('h', 'w')),
    twin: () => oneLayer(whiteout('w'), file('w', 'mine'), link('h', 'w')),
    expect: ['ERR_LINK_TARGET'],
  },
  'to-directory': {
    attack: 'the target is a directory',
    build: () => oneLayer(dir('d'), link('h', 'd')),
    twin: () => oneLayer(dir('d'), file('d/f', 'mine'), link('h', 'd/f')),
    expect: ['ERR_LINK_TARGET'],
  },
  'to-root': {
    attack: 'the target is the root',
    build: () => oneLayer(link('h', '/')),
    twin: linked,
    expect: ['ERR_LINK_TARGET'],
  },
  'to-itself': {
    attack: 'the target is the link',
    build: () => oneLayer(link('h', 'h')),
    twin: linked,
    expect: ['ERR_LINK_TARGET'],
  },
  'to-a-device': {
    attack: 'a second name of a device, with a mode of its own',
    build: () => oneLayer(device('null', 'char', 1, 3), link('h', 'null', { mode: 0o4777 })),
    twin: () => oneLayer(device('null', 'char', 1, 3), file('f', 'mine'), link('h', 'f')),
    expect: 'harmless',
  },
  'to-a-forged-device': {
    advisory: 'composefs#436',
    attack: 'a second name of a device 0:0, which is a whiteout',
    build: () => oneLayer(device('w', 'char', 0, 0), link('f', 'w')),
    twin: () => oneLayer(device('w', 'char', 1, 3), link('f', 'w')),
    expect: ['ERR_LINK_TARGET'],
  },
  'to-a-fifo': {
    attack: 'a second name of a FIFO: who opens it to set its mode waits for ever',
    build: () => oneLayer(fifo('p'), link('h', 'p', { mode: 0o600 })),
    twin: () => oneLayer(fifo('p'), file('f', 'mine'), link('h', 'f')),
    expect: 'harmless',
  },
  'below-a-file': {
    attack: 'a link that lies below a file',
    build: () => oneLayer(file('f', 'x'), link('f/h', 'f')),
    twin: () => oneLayer(file('f', 'mine'), dir('d'), link('d/h', 'f')),
    expect: ['ERR_TAR_HEADER'],
  },
  'through-a-symlink-to-itself': {
    attack: 'the target lies behind a circle of symlinks',
    build: () => oneLayer(symlink('s', 's'), link('h', 's/f')),
    twin: () => oneLayer(symlink('s', '.'), file('f', 'mine'), link('h', 's/f')),
    expect: ['ERR_TAR_HEADER', 'ERR_LINK_TARGET'],
  },
  'without-target': {
    attack: 'no target at all',
    build: () => oneLayer(link('h', '')),
    twin: linked,
    expect: ['ERR_LINK_TARGET'],
  },
  'pax-linkpath': {
    attack: 'the header names a harmless target, the PAX record another',
    build: (at) =>
      rawLayer(
        block({ name: 'f', size: 1 }),
        padded('x'),
        pax({ linkpath: `${at.up}/secret` }),
        block({ name: 'h', type: '1', link: 'f' }),
      ),
    twin: () =>
      rawLayer(
        block({ name: 'f', size: 1 }),
        padded('x'),
        pax({ linkpath: 'f' }),
        block({ name: 'h', type: '1', link: '../../bad' }),
      ),
    expect: ['ERR_LINK_ESCAPE'],
  },
  'gnu-long-link': {
    attack: 'the same by a GNU long link',
    build: (at) =>
      rawLayer(extension('K', `${at.up}/secret\0`), block({ name: 'h', type: '1', link: 'f' })),
    twin: () =>
      rawLayer(
        block({ name: 'f', size: 1 }),
        padded('x'),
        extension('K', 'f\0'),
        block({ name: 'h', type: '1', link: '../bad' }),
      ),
    expect: ['ERR_LINK_ESCAPE'],
  },
  'with-a-size': {
    attack: 'a size by which some readers take the next headers for a body',
    build: () =>
      rawLayer(
        block({ name: 'f', size: 4 }),
        padded('mine'),
        block({ name: 'h', type: '1', link: 'f', size: 512 }),
        block({ name: 'g', size: 4 }),
        padded('mine'),
      ),
    twin: linked,
    expect: 'harmless',
    holds: { '/h': 'mine', '/g': 'mine' },
  },
  'chain-of-a-thousand': {
    attack: 'a link to a link to a link',
    build: () =>
      oneLayer(
        file('h0', 'mine'),
        ...Array.from({ length: 1000 }, (_, i) => link(`h${i + 1}`, `h${i}`)),
      ),
    twin: linked,
    expect: 'harmless',
    holds: { '/h1000': 'mine' },
  },
})
