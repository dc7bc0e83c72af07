// Inflating a gzip layer as the loader does, from a file by chunks, beside zlib's own one-call function and the gzip
// programs of the system.

import fs from 'node:fs'
import path from 'node:path'
import zlib from 'node:zlib'
import { decompressed } from '../../src/archive/decompress.ts'
import { generatedLayer } from '../image.ts'
import type { MicroCase, MicroContestant } from '../micro.ts'
import { findProgram, runProgram } from '../programs.ts'

export async function inflateCase(options: {
  readonly smoke: boolean
  readonly dir: string
}): Promise<MicroCase> {
  const pieces: Uint8Array[] = []
  const shape = { seed: 17, files: options.smoke ? 100 : 10_000, fileBytes: 8000 }
  for await (const piece of generatedLayer(shape)()) pieces.push(Buffer.from(piece))
  const tar = Buffer.concat(pieces)
  const compressed = zlib.gzipSync(tar, { level: 6 })
  const file = path.join(options.dir, 'layer.tar.gz')
  fs.writeFileSync(file, compressed)
  const work = tar.length

  const programs = ['igzip', 'pigz', 'gzip'].flatMap((name): MicroContestant[] => {
    const program = findProgram(name)
    if (program === undefined) return []
    return [
      {
        name: `${name} -dc`,
        subject: false,
        work,
        run: async () => {
          await runProgram('/bin/sh', ['-c', '"$0" -dc "$1" >/dev/null', program, file])
        },
      },
    ]
  })
  return {
    title: 'archive/inflate',
    workUnit: 'byte',
    contestants: [
      {
        name: 'shale decompressed()',
        subject: true,
        work,
        async run() {
          let bytes = 0
          const range = { file, offset: 0, sizeBytes: compressed.length }
          for await (const chunk of decompressed(range, 'gzip')) bytes += chunk.length
          if (bytes !== work) throw new Error(`inflated to ${bytes} bytes, not ${work}`)
        },
      },
      {
        name: 'zlib.gunzipSync, in memory',
        subject: false,
        work,
        run: () => void zlib.gunzipSync(compressed, { chunkSize: 1 << 20 }),
      },
      ...programs,
    ],
  }
}
