// What every suite is given: where to measure, against whom, with which input, how often.

import type { RoundsOptions } from '../contest.ts'
import type { Image } from '../image.ts'
import type { Peer } from '../peers/peer.ts'
import type { Place } from '../place.ts'
import type { Cache, ContestResult } from '../result.ts'

export interface SuiteContext extends RoundsOptions {
  readonly places: readonly Place[]
  readonly caches: readonly Cache[]
  readonly peers: readonly Peer[]
  /** The image on one of the places; made when it is first asked for. */
  image(place: Place): Promise<Image>
  /** How far sizes go. */
  readonly size: 'smoke' | 'moderate' | 'full'
}

export type Suite = (context: SuiteContext) => Promise<ContestResult[]>

export function hasPeer(context: SuiteContext, id: string): boolean {
  return context.peers.some((peer) => peer.id === id)
}

/** Every place with every state of the cache. */
export function* settings(
  context: SuiteContext,
): Generator<{ readonly place: Place; readonly cache: Cache }> {
  for (const place of context.places) for (const cache of context.caches) yield { place, cache }
}
