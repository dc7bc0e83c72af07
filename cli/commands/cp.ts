// cp: files between the host and a container or an image, by docker's rules; `-` is a tar.

import type { Command } from 'commander'
import type { CopyOptions as LibraryOptions } from '../../src/index.ts'
import type { Context } from '../context.ts'
import { humanSize } from '../format/units.ts'
import { jsonText } from '../output.ts'
import { declareVerb, examples } from '../verb.ts'

interface CopyOptions {
  readonly archive?: boolean
  readonly followLink?: boolean
  readonly quiet?: boolean
}

export function declareCp(program: Command, context: Context): void {
  declareVerb(program, ['cp', 'container cp'], (command) => {
    command
      .summary('copy files out of a container or image, or into a container')
      .description(
        'Copy files between the host and a container, or out of an image. Nothing has to be mounted. A directory lands in a directory that is there and takes the name of one that is not; SRC/. means its content.',
      )
      .argument('<source>', 'CONTAINER:PATH, IMAGE:PATH, a path of the host, or - for a tar')
      .argument('<destination>', 'CONTAINER:PATH, a path of the host, or - for a tar')
      .option('-a, --archive', 'onto the host: keep owners, where the caller may')
      .option('-L, --follow-link', 'of a symbolic link as source, copy what it leads to')
      .option('-q, --quiet', 'do not say what was copied')
      .action((source: string, destination: string, options: CopyOptions) =>
        copy(source, destination, options, context),
      )
    examples(command, [
      ['cp web:/etc/nginx ./conf', 'a directory, out of a container'],
      ['cp app:1:/usr/bin/tool .', 'a file, out of an image'],
      ['cp ./conf/. web:/etc/nginx', 'the content of a directory, into one'],
      ['cp web:/var/log - | tar -t', 'as a tar'],
    ])
  })
}

async function copy(
  source: string,
  destination: string,
  options: CopyOptions,
  context: Context,
): Promise<void> {
  const library = await import('../../src/index.ts')
  const { InvalidArgumentError, parseCopyArgument } = library
  const [from, to] = [parseCopyArgument(source), parseCopyArgument(destination)]
  const refuse = (message: string): Error => new InvalidArgumentError('ERR_OPTION', message)
  if (source === '') throw refuse('source can not be empty')
  if (destination === '') throw refuse('destination can not be empty')
  if (from.kind === 'inside' && to.kind === 'inside')
    throw refuse('copying between containers is not supported')
  if (from.kind !== 'inside' && to.kind !== 'inside')
    throw refuse('must specify at least one container source')
  const settings: LibraryOptions = {
    archive: options.archive ?? false,
    followLink: options.followLink ?? false,
    signal: context.signal,
  }
  if (to.kind !== 'stream') context.ifInterrupted = 'what was copied until then stays'
  const store = await context.openStore()
  if (to.kind === 'stream') {
    if (context.stdout.isTerminal) {
      throw new library.UnsupportedError(
        'ERR_TERMINAL_OUTPUT',
        'cowardly refusing to write a tar to a terminal: redirect it, or name a file',
      )
    }
    for await (const bytes of await library.archiveFrom(store, source, settings))
      await context.stdout.write(bytes)
    return
  }
  const copied =
    from.kind === 'inside'
      ? await library.copyFrom(store, source, destination, settings)
      : await library.copyInto(
          store,
          from.kind === 'stream' ? context.stdin : source,
          destination,
          settings,
        )
  if (context.json) await context.stdout.write(jsonText(copied))
  else if (!options.quiet && context.stdout.isTerminal) {
    const size = humanSize(copied.sizeBytes)
    await context.log('info', `copied ${size} to ${destination}`)
  }
}
