// load: the images of an archive into the store. Knows where the bytes come from and what docker prints of the outcome.

import type { Command } from 'commander'
import type { Warning } from '../../src/index.ts'
import type { Context } from '../context.ts'
import { jsonText } from '../output.ts'
import { progressOn } from '../progress.ts'
import { limitOption } from '../limit-option.ts'
import { declareVerb, examples } from '../verb.ts'

interface LoadOptions {
  readonly input?: string
  readonly quiet?: boolean
  readonly platform?: string
  readonly limit?: readonly string[]
  readonly sync: boolean
}

export function declareLoad(program: Command, context: Context): void {
  declareVerb(program, ['load', 'image load'], (command) => {
    command
      .summary('load images from an archive')
      .description(
        'Load the images of an archive that docker, podman, skopeo or another tool wrote: a docker-archive or an OCI layout, as a file (plain or compressed), a directory, or from standard input.',
      )
      .option('-i, --input <path>', 'the archive: a file, a directory, or - for standard input')
      .option('-q, --quiet', 'no progress')
      .option(
        '--platform <os/arch>',
        'which image of a multi-platform archive (default: this host’s)',
      )
      .addOption(limitOption())
      .option('--no-sync', 'do not flush to disk before the images become visible')
      .action((options: LoadOptions) => load(options, context))
    examples(command, [
      ['load -i debian.tar', 'what docker save wrote'],
      ['load -i layout/ --platform linux/arm64', 'an OCI layout, another platform'],
      ['load < images.tar.gz', 'from a pipe'],
      ['load -i huge.tar --limit entries=5M --limit expansion=unlimited', 'beyond the bounds'],
    ])
  })
}

async function load(options: LoadOptions, context: Context): Promise<void> {
  const { optimiseLater } = await import('../optimise-later.ts')
  optimiseLater()
  const { loadArchive, parseLimits } = await import('../library/load.ts')
  const limits = parseLimits(options.limit ?? [])
  const { openInput, standardInput } = await import('../input.ts')
  const input =
    options.input === undefined || options.input === '-'
      ? standardInput(context, 'load')
      : openInput(options.input, 'load')
  const quiet = context.quiet || options.quiet === true
  const progress = progressOn(context.stderr, { quiet, env: context.env })
  // A warning in the middle of lines that are redrawn would be drawn over.
  const warnings: Warning[] = []
  context.ifInterrupted = 'nothing was loaded'
  const store = await context.openStore({
    mayBeNew: true,
    sync: options.sync,
    onWarning: (warning) => warnings.push(warning),
  })
  try {
    const images = await loadArchive(store, 'stream' in input ? input.stream : input.path, {
      signal: context.signal,
      limits,
      onProgress: progress.update,
      label: options.input ?? 'standard input',
      ...(options.platform === undefined ? {} : { platform: options.platform }),
    })
    progress.finish()
    if (context.json) {
      await context.stdout.write(jsonText(images))
      return
    }
    for (const { imageID, names, replaced } of images) {
      for (const { name, previous } of replaced) {
        await context.stdout.write(
          `The image ${name} already exists, renaming the old one with ID ${previous} to empty string\n`,
        )
      }
      for (const name of names) await context.stdout.write(`Loaded image: ${name}\n`)
      if (names.length === 0) await context.stdout.write(`Loaded image ID: ${imageID}\n`)
    }
  } finally {
    progress.finish()
    if (!quiet) for (const warning of warnings) context.onWarning(warning)
  }
}
