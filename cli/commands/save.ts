// save: images as one archive, to a file, a pipe or a directory. A file appears whole or not at all.

import path from 'node:path'
import { Option, type Command } from 'commander'
import type { Context } from '../context.ts'
import { jsonText } from '../output.ts'
import { progressOn } from '../progress.ts'
import { declareVerb, examples } from '../verb.ts'

const FORMATS = ['docker-archive', 'oci-archive', 'oci-dir'] as const

interface SaveOptions {
  readonly output?: string
  readonly format: (typeof FORMATS)[number]
}

export function declareSave(program: Command, context: Context): void {
  declareVerb(program, ['save', 'image save'], (command) => {
    command
      .summary('write images to an archive')
      .description(
        'Write images to an archive that docker, podman, skopeo and shale load. Each layer’s tar is the one that was loaded, byte for byte.',
      )
      .argument('<image...>', 'names (a bare repository means all of its tags), or starts of IDs')
      .option('-o, --output <path>', 'write to this file or directory instead of standard output')
      .addOption(
        new Option('--format <format>', 'shape of the archive')
          .choices(FORMATS)
          .default('docker-archive'),
      )
      .action((names: string[], options: SaveOptions) => save(names, options, context))
    examples(command, [
      ['save -o app.tar app:1.2', 'readable by docker 20.10 and later'],
      ['save app db | gzip > both.tar.gz', 'shared layers are written once'],
      ['save --format oci-dir -o layout/ app', 'an OCI layout'],
    ])
  })
}

async function save(
  names: readonly string[],
  options: SaveOptions,
  context: Context,
): Promise<void> {
  const { output, format } = options
  await refuseDestination(options, context)
  if (output !== undefined) context.ifInterrupted = 'no archive was written'
  const store = await context.openStore()
  // A script's `docker save` says nothing, and its log need not learn of every layer.
  const progress = progressOn(context.stderr, {
    quiet: context.quiet || !context.stderr.isTerminal,
    env: context.env,
    verb: 'Saving layer',
  })
  try {
    if (format === 'oci-dir') {
      const { saveDirectory } = await import('../library/save.ts')
      await saveDirectory(store, names, output!, {
        signal: context.signal,
        onProgress: progress.update,
      })
    } else {
      const { saveArchive, saveArchiveTo } = await import('../library/save.ts')
      const { signal } = context
      const how = { format, signal, onProgress: progress.update }
      if (output === undefined) {
        for await (const chunk of await saveArchive(store, names, how))
          await context.stdout.write(chunk)
        signal.throwIfAborted()
      } else {
        const { replaceOutputFile, writeStream } = await import('../output-file.ts')
        await replaceOutputFile(output, async (fd, isSeekable) => {
          if (isSeekable) await saveArchiveTo(store, names, { fd, path: output }, how)
          else await writeStream(fd, output, await saveArchive(store, names, how), signal)
        })
      }
    }
  } finally {
    progress.finish()
  }
  if (context.json && output !== undefined) {
    await context.stdout.write(jsonText({ output: path.resolve(output), format, images: names }))
  }
}

/** What can be known to fail is refused before a store is opened and a layer is read. */
async function refuseDestination(options: SaveOptions, context: Context): Promise<void> {
  const { output, format } = options
  const { InvalidArgumentError, UnsupportedError } = await import('../library/save.ts')
  if (output === undefined) {
    if (format === 'oci-dir') {
      throw new InvalidArgumentError(
        'ERR_OPTION',
        'cannot save as oci-dir to standard output: name a directory with -o',
      )
    }
    if (context.stdout.isTerminal) {
      throw new UnsupportedError(
        'ERR_TERMINAL_OUTPUT',
        'cowardly refusing to save to a terminal. Use the -o flag or redirect',
      )
    }
    return
  }
  const { checkOutputFile, checkParent } = await import('../output-file.ts')
  if (format === 'oci-dir' && output !== '') checkParent(output, 'save to')
  else checkOutputFile(output, 'save to', ', or use --format oci-dir')
}
