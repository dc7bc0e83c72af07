// umoci: unpacks an OCI layout into one flat root file system, with a manifest of it beside.

import path from 'node:path'
import { programTrial } from '../contest.ts'
import { removeTree } from '../place.ts'
import { findProgram, versionOf } from '../programs.ts'
import { flatTree } from './layer-stores.ts'
import type { Peer } from './peer.ts'

export const umoci: Peer = {
  id: 'umoci',
  kind: 'engine',
  does: 'blob and layer digests checked; one flat tree and its mtree manifest; no layers kept, no tar-split',
  needsRoot: true,
  version: () => versionOf('umoci', ['--version']),
  loads: [
    {
      name: 'umoci unpack',
      layers: 'gzip',
      prepare: async (place, image) => {
        const dir = place.fresh('umoci')
        const bundle = path.join(dir, 'bundle')
        const args = ['unpack', '--image', `${image.ociDir}:${image.reference}`, bundle]
        return programTrial(
          { file: findProgram('umoci')!, args },
          {
            inspect: async () => flatTree(path.join(bundle, 'rootfs')),
            dispose: () => removeTree(dir),
          },
        )
      },
    },
  ],
}
