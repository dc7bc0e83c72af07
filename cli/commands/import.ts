// import: a root file system as a tar, a directory or a URL becomes an image of one layer.

import type { Command } from 'commander'
import type { ImportSource, Warning } from '../../src/index.ts'
import type { Context } from '../context.ts'
import { jsonText } from '../output.ts'
import { progressOn } from '../progress.ts'
import { limitOption } from '../limit-option.ts'
import { declareVerb, examples } from '../verb.ts'

interface ImportOptions {
  readonly change: readonly string[]
  readonly message?: string
  readonly platform?: string
  readonly limit?: readonly string[]
}

export function declareImport(program: Command, context: Context): void {
  declareVerb(program, ['import', 'image import'], (command) => {
    command
      .summary('make an image of a root file system')
      .description(
        'Make an image of one layer from the tar of a root file system (plain or compressed), a directory, or a URL.',
      )
      .argument('<source>', 'a file, a directory, an http(s) URL, or - for standard input')
      .argument('[repository[:tag]]', 'name for the image')
      .option(
        '-c, --change <instruction>',
        'Dockerfile instruction to apply: CMD, ENV, WORKDIR, ... (repeatable)',
        (text: string, before: readonly string[]) => [...before, text],
        [],
      )
      .option('-m, --message <text>', 'comment in the image’s history')
      .option('--platform <os/arch>', 'platform of the image (default: this host’s)')
      .addOption(limitOption())
      .action((source: string, reference: string | undefined, options: ImportOptions) =>
        importFrom(source, reference, options, context),
      )
    examples(command, [
      ['import rootfs.tar.xz base:1', 'a tar of any compression'],
      ['import -c \'CMD ["/bin/sh"]\' ./rootfs base', 'a directory'],
      ['import https://example.com/rootfs.tar.gz base', 'a URL'],
    ])
  })
}

async function importFrom(
  text: string,
  reference: string | undefined,
  options: ImportOptions,
  context: Context,
): Promise<void> {
  const { optimiseLater } = await import('../optimise-later.ts')
  optimiseLater()
  const { importImage, parseLimits } = await import('../../src/index.ts')
  const limits = parseLimits(options.limit ?? [])
  context.ifInterrupted = 'nothing was imported'
  const source = await sourceOf(text, context)
  const progress = progressOn(context.stderr, { quiet: context.quiet, env: context.env })
  const warnings: Warning[] = []
  const onWarning = (warning: Warning): void => {
    warnings.push(warning)
  }
  const store = await context.openStore({ onWarning, mayBeNew: true })
  try {
    const image = await importImage(store, source, {
      changes: options.change,
      limits,
      signal: context.signal,
      onProgress: progress.update,
      onWarning,
      ...(reference === undefined ? {} : { reference }),
      ...(options.message === undefined ? {} : { message: options.message }),
      ...(options.platform === undefined ? {} : { platform: options.platform }),
    })
    progress.finish()
    await context.stdout.write(context.json ? jsonText(image) : `${image.imageID}\n`)
  } finally {
    progress.finish()
    for (const warning of warnings) context.onWarning(warning)
  }
}

async function sourceOf(text: string, context: Context): Promise<ImportSource> {
  const { download, isURL } = await import('../download.ts')
  const { openInput, standardInput } = await import('../input.ts')
  if (isURL(text)) return { stream: await download(text, context.signal), name: text }
  const input = text === '-' ? standardInput(context, 'import') : openInput(text, 'import')
  if (input.kind === 'stream') return { stream: input.stream, name: text }
  return input.kind === 'file' ? { file: input.path } : { directory: input.path }
}
