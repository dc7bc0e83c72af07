// inspect: docker's JSON document of images, or what a template makes of it.

import { Option, type Command } from 'commander'
import type { ImageInspection } from '../../src/index.ts'
import type { Context } from '../context.ts'
import { PartialFailure } from '../exit-code.ts'
import { reportError } from '../report.ts'
import { declareVerb, examples } from '../verb.ts'

interface InspectOptions {
  readonly format?: string
}

export function declareInspect(program: Command, context: Context): void {
  declareVerb(program, ['inspect', 'image inspect'], (command) => {
    command
      .summary('show all about images as JSON')
      .description(
        'Show all about images in docker’s JSON shape, with the chainIDs beside the layers.',
      )
      .argument('<image...>', 'names, or starts of IDs')
      .option('-f, --format <template>', 'a Go template, or json for all on one line')
      .action((names: string[], options: InspectOptions) => printImages(names, options, context))
    if (command.parent === program) {
      command.addOption(
        new Option('--type <type>', 'what to inspect; shale has images only').choices(['image']),
      )
    }
    examples(command, [
      ['inspect debian:12', 'everything'],
      ["inspect -f '{{.RootFS.Layers}}' debian:12", 'the diffIDs'],
      ["inspect -f '{{json .Config}}' debian:12", 'a part of it as JSON'],
    ])
  })
}

async function printImages(
  names: readonly string[],
  options: InspectOptions,
  context: Context,
): Promise<void> {
  const { inspectImage } = await import('../../src/index.ts')
  const { formatInspect } = await import('../format/inspect-format.ts')
  // A template that cannot be read is the user's mistake, whatever the images are.
  formatInspect([], options.format)
  const store = await context.openStore()
  const found: ImageInspection[] = []
  const errors: unknown[] = []
  for (const name of names) {
    try {
      found.push(await inspectImage(store, name))
    } catch (error) {
      if (!context.isFailureOfOne(error)) throw error
      errors.push(error)
    }
  }
  const documents = found.map((image) => ({ ...image }))
  await context.stdout.write(formatInspect(documents, options.format) || '\n')
  for (const error of errors) await reportError(error, context)
  if (errors.length > 0) throw new PartialFailure({ doneCount: found.length, errors })
}
