// squash: an image's layers, or those from one upward, as a single one.

import type { Command } from 'commander'
import type { Warning } from '../../src/index.ts'
import type { Context } from '../context.ts'
import { jsonText } from '../output.ts'
import { progressOn } from '../progress.ts'
import { declareVerb, examples } from '../verb.ts'

interface SquashOptions {
  readonly from?: string
  readonly tag?: string
}

export function declareSquash(program: Command, context: Context): void {
  declareVerb(program, ['squash', 'image squash'], (command) => {
    command
      .summary('make one layer of an image’s layers')
      .description(
        'Make an image that shows the same files in one layer, or in one layer above those that stay. Prints the ID of the new image; the old one is left as it is.',
      )
      .argument('<image>', 'a name, or the start of an ID')
      .option(
        '--from <layer>',
        'squash this layer and those above it: a number (1 is the base), or the start of a diffID or chainID',
      )
      .option('-t, --tag <repository[:tag]>', 'name for the new image')
      .action((image: string, options: SquashOptions) => squash(image, options, context))
    examples(command, [
      ['squash -t app:flat app:1', 'one layer'],
      ['squash --from 2 -t app:small app:1', 'the base layer stays, and stays shared'],
    ])
  })
}

async function squash(image: string, options: SquashOptions, context: Context): Promise<void> {
  const { squashImage } = await import('../../src/index.ts')
  const progress = progressOn(context.stderr, { quiet: context.quiet, env: context.env })
  const warnings: Warning[] = []
  const onWarning = (warning: Warning): void => {
    warnings.push(warning)
  }
  context.ifInterrupted = 'no image was made'
  const store = await context.openStore({ onWarning })
  try {
    const squashed = await squashImage(store, image, {
      signal: context.signal,
      onProgress: progress.update,
      onWarning,
      ...(options.from === undefined ? {} : { from: options.from }),
      ...(options.tag === undefined ? {} : { reference: options.tag }),
    })
    progress.finish()
    await context.stdout.write(context.json ? jsonText(squashed) : `${squashed.imageID}\n`)
  } finally {
    progress.finish()
    for (const warning of warnings) context.onWarning(warning)
  }
}
