// Deletions: how an upper layer takes away what it has no business with, and how it forges what a union believes.

import {
  device,
  dir,
  file,
  layerTar,
  link,
  opaque,
  symlink,
  whiteout,
  type LayerEntryInit,
} from '../layer.ts'
import { casesOf, type HostileCase, type Payload } from './case.ts'
import { oneLayer, plainLayer } from './payloads.ts'

const base = (): Buffer => layerTar(dir('d'), file('d/old', 'below'), file('f', 'below'))
const over = (...entries: readonly LayerEntryInit[]): Payload => ({
  layers: [base(), ...(oneLayer(...entries) as { layers: Buffer[] }).layers],
})
const xattr = (name: string, value = 'y'): { xattrs: ReadonlyMap<string, Uint8Array> } => ({
  xattrs: new Map([[name, Buffer.from(value)]]),
})
const NAME = ['ERR_WHITEOUT_NAME']

export const WHITEOUT_ABUSES: readonly HostileCase[] = casesOf('whiteout', {
  'of-nothing': {
    attack: '`.wh.` alone: a join with its directory removes that',
    build: () => over(dir('d'), file('d/.wh.')),
    twin: () => over(dir('d'), whiteout('d/old')),
    expect: NAME,
    names: 'd/.wh.',
  },
  'of-dot': {
    attack: '`.wh..` removes the directory that it is in',
    build: () => over(dir('d'), file('d/.wh..')),
    twin: () => over(dir('d'), whiteout('d/.x')),
    expect: NAME,
  },
  'of-dot-dot': {
    attack: '`.wh...` removes the directory above, at the top the one that holds the layer',
    build: () => over(file('.wh...')),
    twin: () => over(whiteout('...')),
    expect: NAME,
    names: '.wh...',
  },
  'of-root-by-name': {
    attack: 'a whiteout of / by an absolute name',
    build: () => over(file('/.wh.')),
    twin: () => over(file('/.wh.f')),
    expect: NAME,
  },
  'outside-by-dot-dot': {
    attack: 'a whiteout whose name climbs out',
    build: (at) => over(file(`${at.up}/.wh.secret`)),
    twin: () => over(file('d/../.wh.f')),
    expect: ['ERR_PATH_ESCAPE'],
    names: 'secret',
  },
  'opaque-outside-by-dot-dot': {
    attack: 'an opaque marker in a directory of the host: everything in it is removed',
    build: (at) => over(file(`${at.up}/dir/.wh..wh..opq`)),
    twin: () => over(file('d/../d/.wh..wh..opq')),
    expect: ['ERR_PATH_ESCAPE'],
  },
  'through-symlink': {
    attack: 'a whiteout through a symlink of its own layer that leads out',
    build: (at) => oneLayer(symlink('s', at.dir), whiteout('s/secret')),
    twin: () => over(symlink('s', 'd'), whiteout('s/old')),
    expect: 'harmless',
  },
  'through-lower-symlink': {
    attack: 'a whiteout through a symlink that the layer below planted',
    build: (at) => ({
      layers: [layerTar(symlink('s', at.dir)), layerTar(whiteout('s/secret'))],
    }),
    twin: () => over(whiteout('d/old')),
    expect: 'harmless',
    isForImport: false,
  },
  'opaque-through-symlink': {
    attack: 'an opaque marker through a symlink that leads out',
    build: (at) => oneLayer(symlink('s', `${at.dir}/dir`), opaque('s')),
    twin: () => over(dir('d'), opaque('d')),
    expect: 'harmless',
  },
  'opaque-through-lower-symlink': {
    attack: 'an opaque marker through a symlink that the layer below planted',
    build: (at) => ({
      layers: [layerTar(symlink('s', `${at.dir}/dir`)), layerTar(opaque('s'))],
    }),
    twin: () => over(dir('d'), opaque('d'), file('d/new', 'mine')),
    expect: 'harmless',
    isForImport: false,
  },
  'opaque-as-directory': {
    advisory: 'fuse-overlayfs#151',
    attack: 'the opaque marker is a directory, with entries',
    build: () => over(dir('d'), dir('d/.wh..wh..opq'), file('d/.wh..wh..opq/x', 'x')),
    twin: () => over(dir('d'), file('d/.wh..wh..opq')),
    expect: 'harmless',
  },
  'opaque-as-symlink': {
    advisory: 'fuse-overlayfs#151',
    attack: 'the opaque marker is a symlink that leads out',
    build: (at) => over(dir('d'), symlink('d/.wh..wh..opq', `${at.dir}/secret`)),
    twin: () => over(dir('d'), opaque('d')),
    expect: 'harmless',
  },
  'whiteout-as-symlink': {
    attack: 'a whiteout that is a symlink: its name is removed, or its target',
    build: (at) => over(symlink('.wh.f', `${at.dir}/secret`)),
    twin: () => over(whiteout('f')),
    expect: 'harmless',
    lacks: ['/f'],
  },
  'whiteout-as-directory': {
    attack: 'a whiteout that is a directory, with entries',
    build: () => over(dir('.wh.f'), file('.wh.f/x', 'x')),
    twin: () => over(dir('wh.f'), file('wh.f/x', 'mine')),
    expect: NAME,
  },
  'made-by-dangling-symlink': {
    attack:
      'a symlink to a whiteout’s name, then a file through it: the parent that is made hides a lower file',
    build: () => over(symlink('s', '.wh.f'), file('s/x', 'x')),
    twin: () => over(symlink('s', 'wh.f'), file('s/x', 'mine')),
    expect: NAME,
    names: '.wh.f',
  },
  'opaque-made-by-dangling-symlink': {
    attack: 'the same with the name of the opaque marker',
    build: () => over(dir('d'), symlink('s', '/d/.wh..wh..opq'), dir('s/x')),
    twin: () => over(dir('d'), symlink('s', '/d/wh..opq'), dir('s/x')),
    expect: NAME,
  },
  'made-by-a-whiteout-through-a-symlink': {
    attack: 'a whiteout through a symlink to a whiteout’s name: its parent is made',
    build: () => over(symlink('s', 'd/.wh.old'), whiteout('s/x')),
    twin: () => over(symlink('s', 'd'), whiteout('s/old')),
    expect: NAME,
  },
  'made-by-an-opaque-marker-through-a-symlink': {
    attack: 'an opaque marker through a symlink to a whiteout’s name',
    build: () => over(symlink('s', 'd/.wh.old'), opaque('s')),
    twin: () => over(symlink('s', 'd'), opaque('s')),
    expect: NAME,
  },
  'of-a-whiteout': {
    attack: 'a whiteout of a whiteout: some take it for the removed name coming back',
    build: () => over(whiteout('f'), file('.wh..wh.f'), whiteout('d/old'), dir('d')),
    twin: () => over(whiteout('f'), whiteout('wh.f')),
    expect: 'harmless',
    lacks: ['/f', '/d/old', '/.wh.f'],
  },
  'whiteout-as-device': {
    attack: 'a whiteout that is a device 0:0, as a disk has it',
    build: () => over(device('.wh.f', 'char', 0, 0), device('d/.wh..wh..opq', 'char', 0, 0)),
    twin: () => over(whiteout('f'), opaque('d')),
    expect: 'harmless',
    lacks: ['/f', '/d/old'],
  },
  'whiteout-as-hardlink': {
    attack: 'a whiteout that is a hardlink to a file',
    build: () => over(file('g', 'mine'), link('.wh.f', 'g')),
    twin: () => over(file('g', 'mine'), whiteout('f')),
    expect: 'harmless',
    holds: { '/g': 'mine' },
  },
  'whiteout-with-body': {
    attack: 'a whiteout that carries data',
    build: () => over({ ...whiteout('f'), body: Buffer.from('hidden') }),
    twin: () => over(whiteout('f')),
    expect: 'harmless',
    lacks: ['/f'],
  },
  'of-everything-at-root': {
    attack: 'an opaque marker at the root: overlayfs never honours it',
    build: () => over(opaque(''), file('new', 'mine')),
    twin: () => over(file('new', 'mine')),
    expect: 'harmless',
    holds: { '/new': 'mine' },
    lacks: ['/f', '/d/old'],
  },
  'of-its-own-entry': {
    attack: 'a name removed and made in one layer: engines disagree',
    build: () => over(file('f', 'mine'), whiteout('f')),
    twin: () => over(file('f', 'mine')),
    expect: 'harmless',
    holds: { '/f': 'mine' },
  },
  'forged-device': {
    advisory: 'composefs#436',
    attack: 'a character device 0:0: a whiteout to overlayfs, a file to a scanner',
    build: () => over(device('f', 'char', 0, 0)),
    twin: () => over(device('dev-null', 'char', 1, 3)),
    expect: 'harmless',
  },
  'forged-block-device': {
    attack: 'a block device 0:0',
    build: () => over(device('b', 'block', 0, 0)),
    twin: () => over(device('b', 'block', 8, 0)),
    expect: 'harmless',
  },
  'forged-opaque-xattr': {
    advisory: 'composefs#436',
    attack: 'trusted.overlay.opaque shipped in the tar',
    build: () => over(dir('d', xattr('trusted.overlay.opaque')), file('d/new', 'mine')),
    twin: () => over(dir('d', xattr('user.note')), file('d/new', 'mine')),
    expect: 'harmless',
    holds: { '/d/old': 'below', '/d/new': 'mine' },
  },
  'forged-redirect': {
    attack: 'trusted.overlay.redirect: another directory shows up under this name',
    build: () =>
      over(
        dir('e', xattr('trusted.overlay.redirect', '/d')),
        dir('g', xattr('user.overlay.redirect', '../..')),
      ),
    twin: () => over(dir('e', xattr('user.note', '/d'))),
    expect: 'harmless',
    lacks: ['/e/old', '/g/old'],
  },
  'forged-metacopy': {
    attack: 'trusted.overlay.metacopy: the bytes of a file come from elsewhere',
    build: () =>
      over(
        file('m', '', {
          xattrs: new Map([
            ['trusted.overlay.metacopy', Buffer.alloc(0)],
            ['trusted.overlay.redirect', Buffer.from('/f')],
          ]),
        }),
      ),
    twin: () => over(file('m', 'mine', xattr('user.note'))),
    expect: 'harmless',
  },
  'forged-user-xattrs': {
    attack: 'user.overlay.whiteout and user.overlay.opaque=x, for unprivileged mounts',
    build: () =>
      over(
        dir('d', xattr('user.overlay.opaque', 'x')),
        file('d/w', '', xattr('user.overlay.whiteout')),
      ),
    twin: () => over(dir('d', xattr('user.note')), file('d/w', 'mine')),
    expect: 'harmless',
    holds: { '/d/old': 'below' },
  },
  'forged-override-stat': {
    attack: 'user.containers.override_stat: owner and type as the attacker likes',
    build: () => over(file('o', 'x', xattr('user.containers.override_stat', '0:0:04755:file'))),
    twin: () => over(file('o', 'mine', xattr('user.note'))),
    expect: 'harmless',
    holds: { '/o': 'x' },
  },
  'forged-fuse-overlayfs-xattr': {
    attack: 'user.fuseoverlayfs.opaque',
    build: () => over(dir('d', xattr('user.fuseoverlayfs.opaque')), file('d/new', 'mine')),
    twin: () => over(dir('d'), file('d/new', 'mine')),
    expect: 'harmless',
    holds: { '/d/old': 'below' },
  },
  'aufs-leftovers': {
    attack: 'AUFS bookkeeping that hardlinks point into',
    build: () =>
      over(dir('.wh..wh.plnk'), file('.wh..wh.plnk/1.2', 'x'), link('h', '.wh..wh.plnk/1.2')),
    twin: () => over(dir('.wh..wh.plnk'), file('.wh..wh.aufs')),
    twinWarns: 'belong to the AUFS file system',
    expect: ['ERR_LINK_TARGET'],
  },
  'a-thousand': {
    attack: 'a thousand whiteouts of nothing',
    build: () =>
      over(...Array.from({ length: 1000 }, (_, i) => whiteout(`d/n${i}`)), whiteout('f')),
    twin: () => plainLayer(),
    expect: 'harmless',
    lacks: ['/f'],
  },
})
