// create: a container from an image, with docker's options as far as a store reaches; prints the ID.

import type { Command } from 'commander'
import type { Context } from '../context.ts'
import { collectLabel, type KeyValues } from '../key-value.ts'
import { jsonText } from '../output.ts'
import { collect, declareVerb, examples } from '../verb.ts'

interface CreateVerbOptions {
  readonly name?: string
  readonly volume?: readonly string[]
  readonly env?: readonly string[]
  readonly label?: KeyValues
  readonly workdir?: string
  readonly user?: string
  readonly entrypoint?: string
  readonly hostname?: string
  readonly interactive?: true
  readonly tty?: true
}

export function declareCreate(program: Command, context: Context): void {
  declareVerb(program, ['create', 'container create'], (command) => {
    command
      .summary('make a container of an image')
      .description(
        'Make a container: a writable layer on an image, in the form that a dockerd on this root lists, starts and removes. Nothing is run.',
      )
      .argument('<image>', 'a name, or the start of an ID')
      .argument('[command...]', 'instead of the image’s command')
      .option('--name <name>', 'its name; default: drawn as docker draws them')
      .option(
        '-v, --volume <spec>',
        'VOLUME:PATH[:MODE], /HOST:PATH[:MODE] or PATH; may be repeated',
        collect,
      )
      .option(
        '-e, --env <name=value>',
        'environment; NAME alone takes its value from here',
        collect,
      )
      .option('-l, --label <key=value>', 'label; may be repeated', collectLabel)
      .option('-w, --workdir <path>', 'working directory')
      .option('-u, --user <user>', 'user, as NAME or UID[:GID]')
      .option('--entrypoint <program>', 'instead of the image’s entrypoint')
      .option('--hostname <name>', 'host name; default: the start of its ID')
      .option('-i, --interactive', 'keep standard input for whoever starts it')
      .option('-t, --tty', 'with a terminal')
      .passThroughOptions()
      .action((image: string, words: string[], options: CreateVerbOptions) =>
        create(image, words, options, context),
      )
    examples(command, [
      ['create --name web app:1', 'a container called web'],
      ['create -v data:/srv app:1 sh -c ls', 'with a volume and a command'],
    ])
  })
}

async function create(
  image: string,
  words: readonly string[],
  options: CreateVerbOptions,
  context: Context,
): Promise<void> {
  const { createContainer } = await import('../../src/index.ts')
  context.ifInterrupted = 'no container was made'
  const store = await context.openStore()
  const { name, volume, env, label, workdir, user, entrypoint, hostname, interactive, tty } =
    options
  const created = await createContainer(store, image, {
    ...(name === undefined ? {} : { name }),
    ...(words.length === 0 ? {} : { command: words }),
    ...(entrypoint === undefined ? {} : { entrypoint: [entrypoint] }),
    ...(env === undefined ? {} : { env: env.flatMap((item) => valueOf(item, context)) }),
    ...(label === undefined ? {} : { labels: label }),
    ...(user === undefined ? {} : { user }),
    ...(hostname === undefined ? {} : { hostname }),
    ...(interactive ? { interactive } : {}),
    ...(tty ? { tty } : {}),
    ...(workdir === undefined ? {} : { workingDirectory: workdir }),
    ...(volume === undefined ? {} : { volumes: volume }),
    signal: context.signal,
  })
  await context.stdout.write(context.json ? jsonText(created) : `${created.id}\n`)
}

/** docker's rule for `-e NAME`: the caller's value, and nothing at all where there is none. */
function valueOf(item: string, context: Context): string[] {
  if (item.includes('=')) return [item]
  const value = context.env[item]
  return value === undefined ? [] : [`${item}=${value}`]
}
