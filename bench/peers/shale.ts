// shale itself, as a user starts it: a new process for each run, on a root that does not exist yet.

import path from 'node:path'
import { programTrial, type Trial } from '../contest.ts'
import type { Image } from '../image.ts'
import type { Command } from '../measure.ts'
import { removeTree, type Place } from '../place.ts'
import { SHALE_MAIN } from '../programs.ts'
import { overlay2Layers } from './layer-stores.ts'
import type { LoadWay } from './peer.ts'

export const SHALE_DOES =
  'every digest checked; tar-split with CRC-64; owners, modes, times, xattrs, devices, whiteouts; one overlay2 directory a layer'

export function shaleCommand(args: readonly string[]): Command {
  return { file: process.execPath, args: [SHALE_MAIN, ...args] }
}

function load(place: Place, image: Image, input: string, flags: readonly string[]): Trial {
  const dir = place.fresh('shale')
  const root = path.join(dir, 'root')
  return programTrial(shaleCommand(['--root', root, 'load', '-q', ...flags, '-i', input]), {
    inspect: async () => overlay2Layers(root, image.diffIDs),
    dispose: () => removeTree(dir),
  })
}

/** Flushing costs where there is a disk; docker and the others do not flush layers, so both are shown there. */
export function shaleLoads(place: Place): LoadWay[] {
  const ways: LoadWay[] = [
    {
      name: 'shale load, OCI layout',
      layers: 'gzip',
      prepare: async (at, image) => load(at, image, image.ociDir, []),
    },
    {
      name: 'shale load, OCI tar',
      layers: 'gzip',
      prepare: async (at, image) => load(at, image, image.ociTar, []),
    },
    {
      name: 'shale load, docker-archive',
      layers: 'plain',
      prepare: async (at, image) => load(at, image, image.dockerArchive, []),
    },
  ]
  if (place.fileSystem === 'tmpfs') return ways
  return [
    ...ways,
    {
      name: 'shale load --no-sync, OCI layout',
      layers: 'gzip',
      prepare: async (at, image) => load(at, image, image.ociDir, ['--no-sync']),
    },
    {
      name: 'shale load --no-sync, docker-archive',
      layers: 'plain',
      prepare: async (at, image) => load(at, image, image.dockerArchive, ['--no-sync']),
    },
  ]
}
