// What a program must say of itself to take part: who it is, what it verifies and writes, and how it takes an image.

import type { Trial } from '../contest.ts'
import type { Image } from '../image.ts'
import type { Place } from '../place.ts'

/** Which bytes of the image a way of loading reads: those decide what it is held against. */
export type Layers = 'gzip' | 'plain'

export interface LoadWay {
  readonly name: string
  readonly layers: Layers
  prepare(place: Place, image: Image): Promise<Trial>
}

export interface Peer {
  /** As --peers names it. */
  readonly id: string
  /** An engine keeps images and checks their digests; the others only unpack tars. */
  readonly kind: 'engine' | 'unpacker'
  /** What it verifies and writes, and what it does not. */
  readonly does: string
  readonly needsRoot: boolean
  /** First line of what it says about its version; undefined where it is absent. */
  version(): string | undefined
  readonly loads: readonly LoadWay[]
}
