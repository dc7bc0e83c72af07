// inspect: docker's JSON document of containers and images, or what a template makes of it. A name that both have means
// the container, as docker has it; `image inspect` and `container inspect` say which.

import { Option, type Command } from 'commander'
import type { Store } from '../../src/index.ts'
import type { Context } from '../context.ts'
import { PartialFailure } from '../exit-code.ts'
import { reportError } from '../report.ts'
import { declareVerb, examples } from '../verb.ts'

type Kind = 'image' | 'container'

interface InspectOptions {
  readonly format?: string
  readonly type?: Kind
}

export function declareInspect(program: Command, context: Context): void {
  declareVerb(program, ['inspect', 'image inspect', 'container inspect'], (command) => {
    command
      .summary('show all about images and containers as JSON')
      .description(
        'Show all about images and containers in docker’s JSON shape; images with the chainIDs beside the layers.',
      )
      .argument('<name...>', 'names, or starts of IDs')
      .option('-f, --format <template>', 'a Go template, or json for all on one line')
      .action((names: string[], options: InspectOptions) => {
        const noun = command.parent?.name()
        const type = noun === 'image' || noun === 'container' ? noun : options.type
        return printAll(names, { ...options, ...(type === undefined ? {} : { type }) }, context)
      })
    if (command.parent === program) {
      const kinds: Kind[] = ['image', 'container']
      command.addOption(new Option('--type <type>', 'only things of that kind').choices(kinds))
    }
    examples(command, [
      ['inspect debian:12', 'everything'],
      ["inspect -f '{{.RootFS.Layers}}' debian:12", 'the diffIDs'],
      ["inspect -f '{{json .Config}}' debian:12", 'a part of it as JSON'],
    ])
  })
}

async function printAll(
  names: readonly string[],
  options: InspectOptions,
  context: Context,
): Promise<void> {
  const { formatInspect } = await import('../format/inspect-format.ts')
  // A template that cannot be read is the user's mistake, whatever the images are.
  formatInspect([], options.format)
  const store = await context.openStore()
  const documents: Record<string, unknown>[] = []
  const errors: unknown[] = []
  for (const name of names) {
    try {
      documents.push({ ...(await inspect(store, name, options.type)) })
    } catch (error) {
      if (!context.isFailureOfOne(error)) throw error
      errors.push(error)
    }
  }
  await context.stdout.write(formatInspect(documents, options.format) || '\n')
  for (const error of errors) await reportError(error, context)
  if (errors.length > 0) throw new PartialFailure({ doneCount: documents.length, errors })
}

async function inspect(store: Store, name: string, type: Kind | undefined): Promise<object> {
  const { inspectContainer, inspectImage, NotFoundError } = await import('../../src/index.ts')
  if (type === 'image') return inspectImage(store, name)
  try {
    return await inspectContainer(store, name)
  } catch (error) {
    if (type === 'container' || !(error instanceof NotFoundError)) throw error
  }
  try {
    return await inspectImage(store, name)
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error
    const { code, details } = error
    throw new NotFoundError(code, `No such object: ${name}`, { cause: error, details })
  }
}
