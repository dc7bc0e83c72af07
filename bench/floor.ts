// The floor: the pieces of a verified load measured one by one, each alone on one core, in the same round as the loads;
// their sum over the cores is what a loader would need that does nothing else and keeps every core busy.

import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Contestant } from './contest.ts'
import type { Image } from './image.ts'
import { measureProgram } from './measure.ts'
import { removeTree, type Place } from './place.ts'
import type { Layers } from './peers/peer.ts'

const CHILD = fileURLToPath(new URL('./floor-pieces.js', import.meta.url))

export const FLOOR_NAMES: Readonly<Record<Layers, string>> = {
  gzip: 'floor, gzip: pieces / cores',
  plain: 'floor, plain: pieces / cores',
}

const DOES: Readonly<Record<Layers, string>> = {
  gzip: 'inflate, SHA-256 of blobs and tars, CRC-64 of bodies, creating the files: each alone, summed, divided by the cores',
  plain:
    'SHA-256 of the tars, CRC-64 of bodies, creating the files: each alone, summed, divided by the cores',
}

/** As floor-pieces.ts prints them. */
export interface Pieces {
  readonly inflate: number
  readonly sha256Tars: number
  readonly sha256Blobs: number
  readonly crc64: number
  readonly createFiles: number
}

export function floorOf(layers: Layers, place: Place, image: Image): Contestant {
  return {
    name: FLOOR_NAMES[layers],
    subject: false,
    does: DOES[layers],
    async prepare() {
      const dir = place.fresh('floor')
      const said = path.join(dir, 'pieces.json')
      const out = path.join(dir, 'out')
      const gzip = layers === 'gzip' ? image.gzipBlobs : []
      return {
        async run() {
          const program = {
            file: process.execPath,
            args: [CHILD, out, ...image.plainBlobs, '--', ...gzip],
            stdoutFile: said,
          }
          const { peakRssBytes, othersCores } = await measureProgram(program)
          const pieces = JSON.parse(fs.readFileSync(said, 'utf8')) as Pieces
          const parts = Object.entries(pieces).filter(([, seconds]) => (seconds as number) > 0)
          const sum = parts.reduce((all, [, seconds]) => all + (seconds as number), 0)
          return {
            seconds: sum / os.availableParallelism(),
            cpuSeconds: sum,
            ...(peakRssBytes === undefined ? {} : { peakRssBytes }),
            ...(othersCores === undefined ? {} : { othersCores }),
            parts: Object.fromEntries(parts) as Record<string, number>,
          }
        },
        dispose: () => removeTree(dir),
      }
    },
  }
}
