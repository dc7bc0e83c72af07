// podman and skopeo, which share containers-storage: no daemon, a fresh graph root and run root for each run.

import path from 'node:path'
import { programTrial, type Trial } from '../contest.ts'
import { removeTree, type Place } from '../place.ts'
import { findProgram, versionOf } from '../programs.ts'
import { containersStorageLayers } from './layer-stores.ts'
import type { Peer } from './peer.ts'

const DOES = 'blob and layer digests checked; tar-split; one overlay directory a layer'

/** @param argsOf what to run, given the graph root and the run root */
function store(
  place: Place,
  program: string,
  argsOf: (root: string, runRoot: string) => readonly string[],
): Trial {
  const dir = place.fresh(program)
  const root = path.join(dir, 'root')
  return programTrial(
    {
      file: findProgram(program)!,
      args: argsOf(root, path.join(dir, 'run')),
      // Blobs are staged there; the default would be another disk.
      env: { TMPDIR: dir },
    },
    {
      inspect: async () => containersStorageLayers(root),
      dispose: () => removeTree(dir),
    },
  )
}

function podmanLoad(place: Place, archive: string): Trial {
  return store(place, 'podman', (root, run) => {
    const storage = ['--root', root, '--runroot', run, '--storage-driver', 'overlay']
    return [...storage, 'load', '-q', '-i', archive]
  })
}

export const podman: Peer = {
  id: 'podman',
  kind: 'engine',
  does: DOES,
  needsRoot: true,
  version: () => versionOf('podman', ['--version']),
  loads: [
    {
      name: 'podman load, OCI tar',
      layers: 'gzip',
      prepare: async (place, image) => podmanLoad(place, image.ociTar),
    },
    {
      name: 'podman load, docker-archive',
      layers: 'plain',
      prepare: async (place, image) => podmanLoad(place, image.dockerArchive),
    },
  ],
}

function skopeoCopy(place: Place, from: string): Trial {
  return store(place, 'skopeo', (root, run) => [
    'copy',
    '--quiet',
    '--insecure-policy',
    from,
    `containers-storage:[overlay@${root}+${run}]bench:latest`,
  ])
}

export const skopeo: Peer = {
  id: 'skopeo',
  kind: 'engine',
  does: DOES,
  needsRoot: true,
  version: () => versionOf('skopeo', ['--version']),
  loads: [
    {
      name: 'skopeo copy, OCI layout',
      layers: 'gzip',
      prepare: async (place, image) => skopeoCopy(place, `oci:${image.ociDir}`),
    },
    {
      name: 'skopeo copy, docker-archive',
      layers: 'plain',
      prepare: async (place, image) => skopeoCopy(place, `docker-archive:${image.dockerArchive}`),
    },
  ],
}
