// What a tar-split says about its tar without a look at any file: how long the tar is and how many entries it has.

import { createReadStream } from 'node:fs'
import zlib from 'node:zlib'
import { pipeline } from 'node:stream/promises'
import { SplitDecoder } from '../tar-split/decoder.ts'
import { splitReadError } from './split-file.ts'

export interface SplitTotals {
  /** Bytes of the tar that the records give back. */
  readonly tarBytes: number
  /** Members that have a record of their own: all but those whose body stands in a segment, and global headers count too. */
  readonly entries: number
}

/** @throws IntegrityError ERR_SPLIT_CORRUPT */
export async function splitTotals(splitPath: string): Promise<SplitTotals> {
  let tarBytes = 0
  let entries = 0
  const decoder = new SplitDecoder((record) => {
    if (record.kind === 'segment') tarBytes += record.bytes.length
    else {
      tarBytes += record.sizeBytes
      entries++
    }
  })
  try {
    await pipeline(
      createReadStream(splitPath, { highWaterMark: 1 << 20 }),
      zlib.createGunzip({ chunkSize: 1 << 20 }),
      async (chunks: AsyncIterable<Uint8Array>) => {
        for await (const chunk of chunks) decoder.write(chunk)
        decoder.end()
      },
    )
  } catch (error) {
    throw splitReadError(error, splitPath)
  }
  return { tarBytes, entries }
}
