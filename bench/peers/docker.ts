// docker: its own daemon on a fresh root, up before the clock starts, so that only `docker load` is measured.

import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { programTrial } from '../contest.ts'
import type { Command } from '../measure.ts'
import { removeTree, unmountBelow, type Place } from '../place.ts'
import { findProgram, plainEnvironment, versionOf } from '../programs.ts'
import { startDaemon, type Daemon } from './daemon.ts'
import { overlay2Layers } from './layer-stores.ts'
import type { Peer } from './peer.ts'

export interface Dockerd extends Daemon {
  readonly root: string
  /** A docker command against this daemon, whose memory and time count too. */
  command(args: readonly string[]): Command
}

/** @param dir everything of it goes below: data root, sockets, log */
export async function startDockerd(dir: string): Promise<Dockerd> {
  const root = path.join(dir, 'root')
  const host = `unix://${dir}/docker.sock`
  const docker = findProgram('docker')!
  const env = { DOCKER_HOST: host, DOCKER_CONFIG: dir }
  const flags = ['--data-root', root, '--exec-root', path.join(dir, 'exec'), '-H', host]
  flags.push('--pidfile', path.join(dir, 'pid'), '--iptables=false', '--ip6tables=false')
  flags.push('--bridge=none', '--storage-driver', 'overlay2')
  const daemon = await startDaemon(findProgram('dockerd')!, flags, path.join(dir, 'log'), () => {
    const asked = spawnSync(docker, ['version'], { env: plainEnvironment(env), stdio: 'ignore' })
    return asked.status === 0
  })
  return {
    pid: daemon.pid,
    root,
    command: (args) => ({ file: docker, args, env, daemons: [daemon.pid] }),
    stop: async () => {
      await daemon.stop()
      await unmountBelow(dir)
    },
  }
}

async function load(place: Place, archive: string, diffIDs: readonly string[]) {
  const dir = place.fresh('docker')
  const dockerd = await startDockerd(dir)
  return programTrial(dockerd.command(['load', '-q', '-i', archive]), {
    inspect: async () => overlay2Layers(dockerd.root, diffIDs),
    dispose: async () => {
      await dockerd.stop()
      await removeTree(dir)
    },
  })
}

export const docker: Peer = {
  id: 'docker',
  kind: 'engine',
  does: 'layer digests checked; tar-split with CRC-64; overlay2; the daemon is up before the clock starts',
  needsRoot: true,
  version: () => {
    const version = versionOf('dockerd', ['--version'])
    return version !== undefined && findProgram('docker') ? version : undefined
  },
  loads: [
    {
      name: 'docker load',
      layers: 'plain',
      prepare: (place, image) => load(place, image.dockerArchive, image.diffIDs),
    },
  ],
}
