// Programs that unpack tars and nothing else, layer by layer, each layer into a directory of its own. They check no
// digest, write no records and leave whiteouts as the files that the archive has, so they do less than any engine.

import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { programTrial, type Trial } from '../contest.ts'
import type { Command } from '../measure.ts'
import { removeTree, type Place } from '../place.ts'
import { PROJECT, versionOf } from '../programs.ts'
import { unpackedLayers } from './layer-stores.ts'
import type { LoadWay, Peer } from './peer.ts'

/** @param command given the directory and the layers' files */
function unpack(
  place: Place,
  files: readonly string[],
  command: (dir: string, files: readonly string[]) => Command,
): Trial {
  const dir = place.fresh('unpacked')
  files.forEach((_, i) => fs.mkdirSync(path.join(dir, String(i))))
  return programTrial(command(dir, files), {
    inspect: async () => unpackedLayers(dir),
    dispose: () => removeTree(dir),
  })
}

/** One process of the program for each layer, one after the other, by a shell that does nothing else. */
function oneByOne(
  program: string,
  flags: string,
): (dir: string, files: readonly string[]) => Command {
  return (dir, files) => {
    const script = `i=0; for f; do ${program} ${flags} "$f" -C "${dir}/$i" || exit; i=$((i + 1)); done`
    return { file: '/bin/sh', args: ['-c', script, 'sh', ...files] }
  }
}

function ways(
  names: { readonly gzip: string; readonly plain: string },
  commands: {
    readonly gzip: ReturnType<typeof oneByOne>
    readonly plain: ReturnType<typeof oneByOne>
  },
): LoadWay[] {
  return [
    {
      name: names.gzip,
      layers: 'gzip',
      prepare: async (place, image) => unpack(place, image.gzipBlobs, commands.gzip),
    },
    {
      name: names.plain,
      layers: 'plain',
      prepare: async (place, image) => unpack(place, image.plainBlobs, commands.plain),
    },
  ]
}

// As root both restore owners and modes; GNU tar wants to be told to keep numbers rather than look names up.
export const gnuTar: Peer = {
  id: 'tar',
  kind: 'unpacker',
  does: 'unpacks only: no digest, no records, no xattrs; whiteouts left as files',
  needsRoot: false,
  version: () => {
    const version = versionOf('tar', ['--version'])
    return version !== undefined && /GNU/.test(version) ? version : undefined
  },
  loads: ways(
    { gzip: 'GNU tar -xzf', plain: 'GNU tar -xf' },
    {
      gzip: oneByOne('tar', '--numeric-owner -xzf'),
      plain: oneByOne('tar', '--numeric-owner -xf'),
    },
  ),
}

export const bsdTar: Peer = {
  id: 'bsdtar',
  kind: 'unpacker',
  does: 'unpacks only: no digest, no records; whiteouts left as files',
  needsRoot: false,
  version: () => versionOf('bsdtar', ['--version']),
  loads: ways(
    { gzip: 'bsdtar -xpf, gzip', plain: 'bsdtar -xpf' },
    {
      gzip: oneByOne('bsdtar', '--numeric-owner -xpf'),
      plain: oneByOne('bsdtar', '--numeric-owner -xpf'),
    },
  ),
}

const CHILD = fileURLToPath(new URL('./node-tar-unpack.js', import.meta.url))

function nodeTarUnpack(dir: string, files: readonly string[]): Command {
  return { file: process.execPath, args: [CHILD, dir, ...files] }
}

export const nodeTar: Peer = {
  id: 'node-tar',
  kind: 'unpacker',
  does: 'unpacks only, in Node: no digest, no records, no xattrs, no devices; whiteouts left as files',
  needsRoot: false,
  version: () => {
    const file = path.join(PROJECT, 'node_modules/tar/package.json')
    if (!fs.existsSync(file)) return undefined
    const { version } = JSON.parse(fs.readFileSync(file, 'utf8')) as { version: string }
    return `node-tar ${version}`
  },
  loads: ways(
    { gzip: 'node-tar, gzip', plain: 'node-tar' },
    { gzip: nodeTarUnpack, plain: nodeTarUnpack },
  ),
}
