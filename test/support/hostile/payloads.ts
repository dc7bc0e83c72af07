// Short forms in which the corpus says its bytes.

import { dir, file, layerTar, type LayerEntryInit } from '../layer.ts'
import { block, extension, padded, paxRecords, ZERO_BLOCKS } from '../tars.ts'
import type { Payload } from './case.ts'

/** One layer of ordinary members. */
export function oneLayer(...entries: readonly LayerEntryInit[]): Payload {
  return { layers: [layerTar(...entries)] }
}

/** One layer of blocks as they are given, with end blocks. */
export function rawLayer(...parts: readonly Buffer[]): Payload {
  return { layers: [Buffer.concat([...parts, ZERO_BLOCKS])] }
}

/** The smallest layer that must load. */
export function plainLayer(): Payload {
  return oneLayer(dir('a'), file('a/f', 'mine'))
}

export function pax(records: Readonly<Record<string, string>>): Buffer {
  return extension('x', paxRecords({ ...records }))
}

/** A regular file: header, body, padding. */
export function fileBlock(name: string, body: string): Buffer {
  return Buffer.concat([block({ name, size: body.length }), padded(body)])
}
