// inspect: docker's JSON document of images, or what a template makes of it.

import { Option, type Command } from 'commander'
import type { ImageInspection } from '../../src/index.ts'
import type { Context } from '../context.ts'
import { PartialFailure } from '../exit-code.ts'
import { safeJSON, safeLines } from '../format/safe-text.ts'
import { reportError } from '../report.ts'
import { compileInspectionTemplate } from '../user-template.ts'
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
  // A template that cannot be read is the user's mistake, whatever the images are.
  const print = await printer(options.format)
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
  await context.stdout.write(print(found))
  for (const error of errors) await reportError(error, context)
  if (errors.length > 0) throw new PartialFailure({ doneCount: found.length, errors })
}

async function printer(
  format: string | undefined,
): Promise<(images: readonly ImageInspection[]) => string> {
  const { inspectionLine, inspectionText } = await import('../../src/index.ts')
  if (format === undefined) return (images) => safeJSON(inspectionText(images))
  if (format === 'json') return (images) => `${safeJSON(inspectionLine(images))}\n`
  const execute = await compileInspectionTemplate(format)
  return (images) => images.map((image) => `${safeLines(execute(image))}\n`).join('') || '\n'
}
