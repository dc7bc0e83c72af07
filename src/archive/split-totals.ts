// What a tar-split says about its tar without a look at any file: how long the tar is and how many entries it has.

import { SplitDecoder } from '../tar-split/decoder.ts'
import { splitChunks } from './split-file.ts'

export interface SplitTotals {
  /** Bytes of the tar that the records give back. */
  readonly tarBytes: number
  /** Members that have a record of their own: all but those whose body stands in a segment, and global headers count too. */
  readonly entries: number
}

/**
 * @param onChunk may throw, to end it
 * @throws IntegrityError ERR_SPLIT_CORRUPT
 */
export async function splitTotals(
  splitPath: string,
  onChunk: () => void = () => {},
): Promise<SplitTotals> {
  let tarBytes = 0
  let entries = 0
  const decoder = new SplitDecoder(
    (record) => {
      if (record.kind !== 'file') return
      tarBytes += record.sizeBytes
      entries++
    },
    (sizeBytes) => {
      tarBytes += sizeBytes
    },
  )
  for await (const chunk of splitChunks(splitPath)) {
    onChunk()
    decoder.write(chunk)
  }
  decoder.end()
  return { tarBytes, entries }
}
