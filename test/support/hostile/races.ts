// What fools a cache of paths: names that are one on some file systems, and entries that change under their children.
// A race with a second process is test/archive/escape.ts.

import { dir, file, layerTar, link, symlink } from '../layer.ts'
import { casesOf, type HostileCase } from './case.ts'
import { oneLayer } from './payloads.ts'

const NFC = '\u00e9'
const NFD = 'e\u0301'

export const RACES: readonly HostileCase[] = casesOf('race', {
  'case-pair': {
    attack: 'a directory and a symlink that differ in case alone',
    build: (at) =>
      oneLayer(
        dir('Dir'),
        symlink('dir', at.dir),
        file('Dir/owned', 'mine'),
        file('dir/owned', 'inside'),
      ),
    twin: () => oneLayer(dir('Dir'), dir('dir'), file('Dir/f', 'mine'), file('dir/f', 'mine')),
    expect: 'harmless',
    holds: { '/Dir/owned': 'mine' },
  },
  'unicode-forms': {
    advisory: 'CVE-2026-23950',
    attack: 'one name in two forms of Unicode: a directory and a symlink',
    build: (at) =>
      oneLayer(
        dir(NFC),
        symlink(NFD, at.dir),
        file(`${NFC}/owned`, 'mine'),
        file(`${NFD}/owned`, 'inside'),
      ),
    twin: () => oneLayer(dir(NFC), dir(NFD), file(`${NFC}/f`, 'mine')),
    expect: 'harmless',
    holds: { [`/${NFC}/owned`]: 'mine' },
  },
  'sharp-s': {
    advisory: 'CVE-2026-23950',
    attack: 'ß and ss: one name on some file systems',
    build: (at) =>
      oneLayer(symlink('stra\u00dfe', at.dir), dir('strasse'), file('strasse/owned', 'mine')),
    twin: () => oneLayer(dir('stra\u00dfe'), dir('strasse'), file('strasse/f', 'mine')),
    expect: 'harmless',
    holds: { '/strasse/owned': 'mine' },
  },
  'backslash-cache': {
    advisory: 'CVE-2021-37701',
    attack: 'a\\b made as a symlink, a/b remembered as a directory',
    build: (at) =>
      oneLayer(dir('a'), dir('a/b'), symlink('a\\b', at.dir), file('a/b/owned', 'mine')),
    twin: () => oneLayer(dir('a\\b'), file('a\\b/f', 'mine')),
    expect: 'harmless',
    holds: { '/a/b/owned': 'mine' },
  },
  'directory-becomes-symlink': {
    advisory: 'CVE-2021-37701',
    attack: 'a directory that was made, then became a symlink, then gets a child',
    build: (at) =>
      oneLayer(dir('d'), file('d/1', 'x'), symlink('d', at.dir), file('d/owned', 'inside')),
    twin: () => oneLayer(dir('d'), file('d/1', 'mine'), symlink('e', 'd'), file('e/2', 'mine')),
    expect: 'harmless',
    holds: { '/d/owned': 'inside' },
  },
  'parent-becomes-symlink': {
    attack: 'the same, two levels above the child',
    build: (at) =>
      oneLayer(
        dir('a'),
        dir('a/b'),
        dir('a/b/c'),
        symlink('a', at.dir),
        file('a/b/c/owned', 'inside'),
      ),
    twin: () => oneLayer(dir('a'), dir('a/b'), file('a/b/c', 'mine')),
    expect: 'harmless',
  },
  'symlink-target-becomes-symlink': {
    attack: 'a symlink whose target is replaced after it was resolved once',
    build: (at) =>
      oneLayer(
        dir('t'),
        symlink('s', 't'),
        file('s/1', 'x'),
        symlink('t', at.dir),
        file('s/owned', 'inside'),
      ),
    twin: () => oneLayer(dir('t'), symlink('s', 't'), file('s/1', 'mine'), file('s/2', 'mine')),
    expect: 'harmless',
  },
  'times-of-a-replaced-directory': {
    attack: 'directory times are set at the end, when the directory is a symlink',
    build: (at) => oneLayer(dir('d', { mtimeNs: 0n }), symlink('d', at.dir, { mtimeNs: 1n })),
    twin: () => oneLayer(dir('d', { mtimeNs: 0n }), file('d/f', 'mine')),
    expect: 'harmless',
  },
  'times-below-a-replaced-directory': {
    attack: 'the same for a directory below it',
    build: (at) => oneLayer(dir('d'), dir('d/dir', { mtimeNs: 0n }), symlink('d', at.dir)),
    twin: () => oneLayer(dir('d'), dir('d/dir', { mtimeNs: 0n }), file('d/dir/f', 'mine')),
    expect: 'harmless',
  },
  'many-parents-then-swap': {
    attack: 'more directories than a cache holds open, then the first becomes a symlink',
    build: (at) =>
      oneLayer(
        ...Array.from({ length: 300 }, (_, i) => file(`p${i}/f`, 'x')),
        symlink('p0', at.dir),
        file('p0/owned', 'inside'),
      ),
    twin: () => oneLayer(...Array.from({ length: 300 }, (_, i) => file(`p${i}/f`, 'mine'))),
    expect: 'harmless',
    holds: { '/p0/owned': 'inside' },
  },
  'link-to-a-swapped-name': {
    attack: 'the target of a hardlink becomes a symlink between its check and its use',
    build: (at) => oneLayer(file('f', 'x'), symlink('f', `${at.dir}/secret`), link('h', 'f')),
    twin: () => oneLayer(file('f', 'mine'), link('h', 'f')),
    expect: 'harmless',
  },
  'same-layer-many-times': {
    attack: 'one layer ten times in a stack: unpacked side by side into one place',
    build: () => ({
      layers: Array.from({ length: 10 }, () => layerTar(dir('d'), file('d/f', 'mine'))),
    }),
    twin: () => ({ layers: [layerTar(dir('d'), file('d/f', 'mine'))] }),
    expect: 'harmless',
    holds: { '/d/f': 'mine' },
  },
})
