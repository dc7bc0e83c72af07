// volume create, with docker's options; prints the name.

import type { Command } from 'commander'
import type { Context } from '../context.ts'
import { collectLabel, collectPair, type KeyValues } from '../key-value.ts'
import { jsonText } from '../output.ts'
import { declareVerb, examples } from '../verb.ts'

interface VolumeCreateOptions {
  readonly driver: string
  readonly label?: KeyValues
  readonly opt?: KeyValues
}

export function declareVolumeCreate(program: Command, context: Context): void {
  declareVerb(program, ['volume create'], (command) => {
    command
      .summary('create a volume')
      .description('Create a volume. One that exists is left as it is.')
      .argument('[volume]', 'default: 64 random hex digits')
      .option('-d, --driver <name>', 'volume driver; local is the only one', 'local')
      .option('--label <key=value>', 'a label; may be repeated', collectLabel)
      .option(
        '-o, --opt <key=value>',
        'type, device and o, as for mount; may be repeated',
        collectPair,
      )
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
  const store = await context.openStore({ mayBeNew: true })
  const volume = await createVolume(
    store,
    {
      driver: options.driver,
      labels: options.label ?? {},
      options: options.opt ?? {},
      ...(name === undefined ? {} : { name }),
    },
    { signal: context.signal },
  )
  await context.stdout.write(context.json ? jsonText(volume) : `${volume.name}\n`)
}
