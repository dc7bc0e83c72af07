// volume create, with docker's options; prints the name.

import type { Command } from 'commander'
import type { Context } from '../context.ts'
import { jsonText } from '../output.ts'
import { collect, declareVerb, examples } from '../verb.ts'

interface VolumeCreateOptions {
  readonly driver: string
  readonly label?: readonly string[]
  readonly opt?: readonly string[]
}

export function declareVolumeCreate(program: Command, context: Context): void {
  declareVerb(program, ['volume create'], (command) => {
    command
      .summary('create a volume')
      .description('Create a volume. One that exists is left as it is.')
      .argument('[volume]', 'default: 64 random hex digits')
      .option('-d, --driver <name>', 'volume driver; local is the only one', 'local')
      .option('--label <key=value>', 'a label; may be repeated', collect)
      .option('-o, --opt <key=value>', 'type, device and o, as for mount; may be repeated', collect)
      .action((name: string | undefined, options: VolumeCreateOptions) =>
        create(name, options, context),
      )
    examples(command, [
      ['volume create data', 'a volume called data'],
      ['volume create', 'one with a random name, which is printed'],
    ])
  })
}

async function create(
  name: string | undefined,
  options: VolumeCreateOptions,
  context: Context,
): Promise<void> {
  const { createVolume } = await import('../../src/index.ts')
  const store = await context.openStore()
  const volume = await createVolume(
    store,
    {
      driver: options.driver,
      labels: pairs(options.label),
      options: pairs(options.opt),
      ...(name === undefined ? {} : { name }),
    },
    { signal: context.signal },
  )
  await context.stdout.write(context.json ? jsonText(volume) : `${volume.name}\n`)
}

/** A label without `=` is empty, as in docker. */
function pairs(texts: readonly string[] = []): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      const equals = text.indexOf('=')
      return equals < 0 ? [text, ''] : [text.slice(0, equals), text.slice(equals + 1)]
    }),
  )
}
