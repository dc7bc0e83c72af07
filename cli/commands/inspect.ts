// inspect: docker's JSON document of images, or what a template makes of it.

import { Option, type Command } from 'commander'
import type { ImageInspection } from '../../src/index.ts'
import type { Context } from '../context.ts'
import { PartialFailure } from '../exit-code.ts'
import { safeJSON, safeLines } from '../format/safe-text.ts'
import { reportError } from '../report.ts'
import { compileFormat } from '../user-template.ts'
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
      .option('-f, --format <template>', 'a Go template, or json for one line an image')
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
  const { inspectImage, inspectionText } = await import('../../src/index.ts')
  // A template that cannot be read is the user's mistake, whatever the images are.
  const print = options.format === undefined ? undefined : await templatePrinter(options.format)
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
  if (print === undefined) await context.stdout.write(safeJSON(inspectionText(found)))
  else for (const inspection of found) await context.stdout.write(print(inspection))
  for (const error of errors) await reportError(error, context)
  if (errors.length > 0) throw new PartialFailure({ doneCount: found.length, errors })
}

async function templatePrinter(format: string): Promise<(image: ImageInspection) => string> {
  if (format === 'json') {
    const { inspectionLine } = await import('../../src/index.ts')
    return (image) => `${safeJSON(inspectionLine(image))}\n`
  }
  const execute = await compileFormat(format)
  return (image) => `${safeLines(execute({ document: image }))}\n`
}
