// image prune: images that nothing uses, by docker's rules. What is leaked is system prune's.

import type { Command } from 'commander'
import { confirm } from '../confirm.ts'
import type { Context } from '../context.ts'
import { collect, declareVerb, examples } from '../verb.ts'
import { nowNs, printPruned } from './prune.ts'

interface ImagePruneVerbOptions {
  readonly all?: boolean
  readonly filter?: readonly string[]
  readonly force?: boolean
  readonly dryRun?: boolean
}

export function declareImagePrune(program: Command, context: Context): void {
  declareVerb(program, ['image prune'], (command) => {
    command
      .summary('remove unused images')
      .description(
        'Remove dangling images: those without a tag that no other was built on. With --all every image that no container uses.',
      )
      .option('-a, --all', 'all that no container uses, not only dangling ones')
      .option(
        '--filter <filter>',
        'until=DURATION|TIME, label=KEY[=VALUE], label!=KEY[=VALUE], dangling=true|false; may be repeated',
        collect,
      )
      .option('-f, --force', 'do not ask')
      .option('--dry-run', 'print what would go, and change nothing')
      .action((options: ImagePruneVerbOptions) => pruneImages(options, context))
    examples(command, [
      ['image prune -a --dry-run', 'what could go'],
      ['image prune -f --filter until=24h', 'dangling ones of yesterday and before'],
    ])
  })
}

async function pruneImages(options: ImagePruneVerbOptions, context: Context): Promise<void> {
  const { parsePruneFilters, prune } = await import('../../src/index.ts')
  const keys = ['until', 'label', 'label!', 'dangling'] as const
  const filter = parsePruneFilters(options.filter ?? [], keys, nowNs())
  const all = options.all === true || filter.dangling === false
  const warning = all
    ? 'WARNING! This will remove all images without at least one container associated to them.\n'
    : 'WARNING! This will remove all dangling images.\n'
  if (!options.force && !options.dryRun && !(await confirm(warning, context))) return
  context.ifInterrupted = 'what it did not come to is as it was'
  const store = await context.openStore()
  const report = await prune(store, {
    containers: false,
    leaks: false,
    allImages: all,
    filter,
    dryRun: options.dryRun ?? false,
    signal: context.signal,
  })
  await printPruned(report, context)
}
