// commit: a container's changes as a new layer, and an image of it; prints the image's ID.

import type { Command } from 'commander'
import type { Context } from '../context.ts'
import { jsonText } from '../output.ts'
import { collect, declareVerb, examples } from '../verb.ts'

interface CommitVerbOptions {
  readonly author?: string
  readonly message?: string
  readonly change?: readonly string[]
  readonly pause: boolean
}

export function declareCommit(program: Command, context: Context): void {
  declareVerb(program, ['commit', 'container commit'], (command) => {
    command
      .summary('make an image of a container')
      .description(
        'Make an image of a container: its changes become a new layer. SOURCE_DATE_EPOCH, where set, makes equal trees give equal layers.',
      )
      .argument('<container>', 'its name, or the start of its ID')
      .argument('[repository[:tag]]', 'name of the image')
      .option('-a, --author <author>', 'author, as NAME <ADDRESS>')
      .option('-m, --message <message>', 'comment in the history')
      .option(
        '-c, --change <instruction>',
        'CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, USER, VOLUME, WORKDIR, STOPSIGNAL, HEALTHCHECK, SHELL; may be repeated',
        collect,
      )
      .option(
        '-p, --pause',
        'keep writers out of a mounted container meanwhile (the default)',
        true,
      )
      .option('--no-pause', 'let writers of a mounted container go on')
      .action((name: string, reference: string | undefined, options: CommitVerbOptions) =>
        commit(name, reference, options, context),
      )
    examples(command, [
      ['commit web app:2', 'with a name'],
      ["commit -c 'CMD [\"serve\"]' -m 'serve' web app:2", 'and another command'],
    ])
  })
}

async function commit(
  name: string,
  reference: string | undefined,
  options: CommitVerbOptions,
  context: Context,
): Promise<void> {
  const { commitContainer } = await import('../../src/index.ts')
  const { author, message, change, pause } = options
  context.ifInterrupted = 'no image was made'
  const committed = await commitContainer(await context.openStore(), name, {
    ...(reference === undefined ? {} : { reference }),
    ...(author === undefined ? {} : { author }),
    ...(message === undefined ? {} : { message }),
    ...(change === undefined ? {} : { changes: change }),
    pause,
    signal: context.signal,
  })
  await context.stdout.write(context.json ? jsonText(committed) : `${committed.imageID}\n`)
}
