// diffid: who a layer is, from its file alone, however it is compressed. Needs no store.

import type { Command } from 'commander'
import type { LayerDigests } from '../../src/index.ts'
import type { Context } from '../context.ts'
import { jsonText } from '../output.ts'
import { declareVerb, examples } from '../verb.ts'

interface DiffIDOptions {
  readonly explain?: boolean
}

export function declareDiffid(program: Command, context: Context): void {
  declareVerb(program, ['diffid'], (command) => {
    command
      .summary('compute the diffID of a layer file')
      .description(
        'Print the diffID of a layer: the digest of its uncompressed tar. A compressed file (gzip, zstd, bzip2, xz) is unpacked for it.',
      )
      .argument('<file>', 'a layer tar, compressed or not; - for standard input')
      .option('--explain', 'show what is hashed')
      .action((file: string, options: DiffIDOptions) => printDiffID(file, options, context))
    examples(command, [
      ['diffid layer.tar.gz', 'as in rootfs.diff_ids of the image config'],
      ['diffid --explain - < blob', 'and the digest that a registry knows it by'],
    ])
  })
}

async function printDiffID(file: string, options: DiffIDOptions, context: Context): Promise<void> {
  const { layerDigests, InvalidArgumentError } = await import('../../src/index.ts')
  if (file === '-' && context.stdin.isTTY) {
    throw new InvalidArgumentError(
      'ERR_OPTION',
      'cannot compute a diffID: standard input is a terminal; give a file, or pipe the layer in',
    )
  }
  const digests = await layerDigests(file === '-' ? context.stdin : file, {
    signal: context.signal,
  })
  if (context.json) await context.stdout.write(jsonText(digests))
  else await context.stdout.write(options.explain ? explained(digests) : `${digests.diffID}\n`)
}

function explained(digests: LayerDigests): string {
  const { diffID, tarBytes, compression, blobDigest, blobBytes } = digests
  if (compression === 'none') {
    return `not compressed: the file is the layer tar\nsha256 over its ${tarBytes} bytes\n  diffID = ${diffID}\n`
  }
  return [
    `compressed with ${compression}: sha256 over the ${blobBytes} bytes of the file, as registries know it`,
    `  digest = ${blobDigest}`,
    `uncompressed: sha256 over the ${tarBytes} bytes of the tar`,
    `  diffID = ${diffID}\n`,
  ].join('\n')
}
