// Loading one image: shale and its peers on the same bytes in the same rounds, with the floor measured beside them, and
// the trees that come out compared.

import { runContest, type Contestant } from '../contest.ts'
import { floorOf } from '../floor.ts'
import type { Image } from '../image.ts'
import type { Layers } from '../peers/peer.ts'
import { SHALE_DOES, shaleLoads } from '../peers/shale.ts'
import type { Place } from '../place.ts'
import type { ContestResult } from '../result.ts'
import { judgeTrees } from '../trees.ts'
import { settings, type SuiteContext } from './suite.ts'

export const LOAD_GROUPS: Readonly<Record<Layers, string>> = {
  gzip: 'OCI image, gzip layers',
  plain: 'docker-archive, plain layers',
}

export const LOAD_SUBJECTS: Readonly<Record<Layers, string>> = {
  gzip: 'shale load, OCI layout',
  plain: 'shale load, docker-archive',
}

export async function loadSuite(context: SuiteContext): Promise<ContestResult[]> {
  const results: ContestResult[] = []
  for (const { place, cache } of settings(context)) {
    const image = await context.image(place)
    const contestants = loadContestants(context, place, image)
    results.push(
      await runContest(
        {
          suite: 'load',
          title: 'one image',
          place,
          cache,
          input: image.facts,
          contestants,
          // An unpacker that is not ours says best what the archive holds.
          judge: (found) => judgeTrees(found, ['GNU tar -xzf', 'GNU tar -xf', 'docker load']),
        },
        context,
      ),
    )
  }
  return results
}

function loadContestants(context: SuiteContext, place: Place, image: Image): Contestant[] {
  const all: Contestant[] = []
  for (const layers of ['gzip', 'plain'] as const) {
    const group = LOAD_GROUPS[layers]
    for (const way of shaleLoads(place)) {
      if (way.layers !== layers) continue
      all.push({
        name: way.name,
        group,
        subject: true,
        does: SHALE_DOES,
        prepare: () => way.prepare(place, image),
      })
    }
    for (const peer of context.peers) {
      for (const way of peer.loads) {
        if (way.layers !== layers) continue
        all.push({
          name: way.name,
          group,
          subject: false,
          against: LOAD_SUBJECTS[layers],
          does: peer.does,
          prepare: () => way.prepare(place, image),
        })
      }
    }
    all.push({ ...floorOf(layers, place, image), group, against: LOAD_SUBJECTS[layers] })
  }
  return all
}
