// inspect: docker's JSON document of containers, images and volumes, or what a template makes of it. A name that several
// have means the container, then the image, as docker has it; `image inspect` and its kin say which.

import { Option, type Command } from 'commander'
import type { Store } from '../../src/index.ts'
import type { Context } from '../context.ts'
import { PartialFailure } from '../exit-code.ts'
import { reportError } from '../report.ts'
import { declareVerb, examples } from '../verb.ts'

/** In the order in which a name is looked for. */
const KINDS = ['container', 'image', 'volume'] as const
type Kind = (typeof KINDS)[number]

interface InspectOptions {
  readonly format?: string
  readonly size?: true
  readonly type?: Kind
}

export function declareInspect(program: Command, context: Context): void {
  declareVerb(program, ['inspect', 'image inspect', 'container inspect'], (command) => {
    command
      .summary('show all about images, containers and volumes as JSON')
      .description(
        'Show all about images, containers and volumes in docker’s JSON shape; images with the chainIDs beside the layers.',
      )
      .argument('<name...>', 'names, or starts of IDs')
      .option('-f, --format <template>', 'a Go template, or json for all on one line')
      .action((names: string[], options: InspectOptions) => {
        const noun = command.parent?.name()
        const type = noun === 'image' || noun === 'container' ? noun : options.type
        return printAll(names, { ...options, ...(type === undefined ? {} : { type }) }, context)
      })
    if (command.parent === program) {
      command.addOption(new Option('--type <type>', 'only things of that kind').choices(KINDS))
    }
    if (command.parent?.name() !== 'image')
      command.option('-s, --size', 'with the sizes of containers')
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
      documents.push({ ...(await inspect(store, name, options)) })
    } catch (error) {
      if (!context.isFailureOfOne(error)) throw error
      errors.push(error)
    }
  }
  await context.stdout.write(formatInspect(documents, options.format) || '\n')
  for (const error of errors) await reportError(error, context)
  if (errors.length > 0) throw new PartialFailure({ doneCount: documents.length, errors })
}

async function inspect(store: Store, name: string, options: InspectOptions): Promise<object> {
  const { inspectContainer, inspectImage, NotFoundError, requireVolume } =
    await import('../../src/index.ts')
  const { volumeDocument } = await import('../format/volume-document.ts')
  const { type, size = false } = options
  const kinds: Readonly<Record<Kind, () => object | Promise<object>>> = {
    container: () => inspectContainer(store, name, { size }),
    image: () => inspectImage(store, name),
    volume: () => volumeDocument(requireVolume(store, name)),
  }
  for (const kind of type === undefined ? KINDS : [type]) {
    try {
      return await kinds[kind]()
    } catch (error) {
      if (type !== undefined || !(error instanceof NotFoundError)) throw error
    }
  }
  throw new NotFoundError('ERR_IMAGE_NOT_FOUND', `No such object: ${name}`, { details: { name } })
}
