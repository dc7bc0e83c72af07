// Everyone whom shale is measured against, and which of them are here.

import { isRoot } from '../programs.ts'
import type { PeerFacts } from '../result.ts'
import { containerd } from './containerd.ts'
import { podman, skopeo } from './containers-storage.ts'
import { docker } from './docker.ts'
import type { Peer } from './peer.ts'
import { umoci } from './umoci.ts'
import { bsdTar, gnuTar, nodeTar } from './unpackers.ts'

export const PEERS: readonly Peer[] = [
  docker,
  containerd,
  podman,
  skopeo,
  umoci,
  gnuTar,
  bsdTar,
  nodeTar,
]

export interface Company {
  /** Those that take part. */
  readonly present: readonly Peer[]
  /** All that were asked for, also those that are absent. */
  readonly facts: readonly PeerFacts[]
}

/** @throws Error for a name that nobody has */
export function findPeers(ids: readonly string[]): Company {
  const unknown = ids.find((id) => !PEERS.some((peer) => peer.id === id))
  if (unknown !== undefined)
    throw new Error(
      `cannot measure against ${unknown}: expected some of ${PEERS.map(({ id }) => id).join(', ')}, or none`,
    )
  const present: Peer[] = []
  const facts: PeerFacts[] = []
  for (const peer of PEERS.filter(({ id }) => ids.includes(id))) {
    const version = peer.version()
    const { id, does } = peer
    if (version === undefined) facts.push({ id, does, absent: 'not installed' })
    else if (peer.needsRoot && !isRoot) facts.push({ id, does, version, absent: 'needs root here' })
    else {
      facts.push({ id, does, version })
      present.push(peer)
    }
  }
  return { present, facts }
}
