// containerd by its own client: a daemon on a fresh root, state and socket; images unpacked by the overlayfs snapshotter.

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { programTrial, type Trial } from '../contest.ts'
import type { Image } from '../image.ts'
import { removeTree, type Place } from '../place.ts'
import { findProgram, versionOf } from '../programs.ts'
import { startDaemon } from './daemon.ts'
import { snapshotLayers } from './layer-stores.ts'
import type { Peer } from './peer.ts'

async function load(place: Place, image: Image): Promise<Trial> {
  const dir = place.fresh('containerd')
  const root = path.join(dir, 'root')
  const socket = path.join(dir, 'sock')
  const config = path.join(dir, 'config.toml')
  // The CRI plugin would look for networks and runtimes, which an import does not need.
  const lines = [
    'version = 2',
    'disabled_plugins = ["io.containerd.grpc.v1.cri"]',
    `root = ${JSON.stringify(root)}`,
    `state = ${JSON.stringify(path.join(dir, 'state'))}`,
    '[grpc]',
    `  address = ${JSON.stringify(socket)}`,
  ]
  fs.writeFileSync(config, `${lines.join('\n')}\n`)
  const ctr = findProgram('ctr')!
  const daemon = await startDaemon(
    findProgram('containerd')!,
    ['--config', config],
    path.join(dir, 'log'),
    () => spawnSync(ctr, ['-a', socket, 'version'], { stdio: 'ignore' }).status === 0,
  )
  const args = ['-a', socket, '-n', 'bench', 'images', 'import', '--snapshotter', 'overlayfs']
  return programTrial(
    { file: ctr, args: [...args, image.ociTar], daemons: [daemon.pid] },
    {
      inspect: async () => snapshotLayers(path.join(root)),
      dispose: async () => {
        await daemon.stop()
        await removeTree(dir)
      },
    },
  )
}

export const containerd: Peer = {
  id: 'ctr',
  kind: 'engine',
  does: 'blob and layer digests checked; blobs kept too; one overlayfs snapshot a layer; no tar-split',
  needsRoot: true,
  version: () => (findProgram('ctr') ? versionOf('containerd', ['--version']) : undefined),
  loads: [{ name: 'ctr images import', layers: 'gzip', prepare: load }],
}
