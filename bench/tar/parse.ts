// The tar parser over a layer in memory, pushed in chunks of 1 MiB, beside node-tar's.

import { Parser } from 'tar'
import { TarParser } from '../../src/tar/parser.ts'
import { generatedLayer } from '../image.ts'
import type { MicroCase } from '../micro.ts'

const CHUNK_BYTES = 1 << 20

export async function parseCase({ smoke }: { readonly smoke: boolean }): Promise<MicroCase> {
  const pieces: Uint8Array[] = []
  const shape = { seed: 11, files: smoke ? 200 : 20_000, fileBytes: 4000 }
  for await (const piece of generatedLayer(shape)()) pieces.push(Buffer.from(piece))
  const tar = Buffer.concat(pieces)
  const chunks: Buffer[] = []
  for (let at = 0; at < tar.length; at += CHUNK_BYTES)
    chunks.push(tar.subarray(at, at + CHUNK_BYTES))

  const nothing = (): void => {}
  return {
    title: 'tar/parse',
    workUnit: 'byte',
    contestants: [
      {
        name: 'shale TarParser',
        subject: true,
        work: tar.length,
        run() {
          const parser = new TarParser({
            raw: nothing,
            entry: nothing,
            body: nothing,
            bodyEnd: nothing,
            globalHeader: nothing,
          })
          for (const chunk of chunks) parser.write(chunk)
          parser.end()
        },
      },
      {
        name: 'node-tar Parser',
        subject: false,
        work: tar.length,
        run: () =>
          new Promise((resolve, reject) => {
            const parser = new Parser({ strict: true, onReadEntry: (entry) => entry.resume() })
            parser.on('end', () => resolve())
            parser.on('error', reject)
            for (const chunk of chunks) parser.write(chunk)
            parser.end()
          }),
      },
    ],
  }
}
