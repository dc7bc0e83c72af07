// volume prune: volumes that no container has; those that somebody named only with --all, as docker since 23.

import type { Command } from 'commander'
import { confirm } from '../confirm.ts'
import type { Context } from '../context.ts'
import { collect, declareVerb, examples } from '../verb.ts'
import { nowNs, printPruned } from './prune.ts'

interface VolumePruneOptions {
  readonly all?: boolean
  readonly filter?: readonly string[]
  readonly force?: boolean
  readonly dryRun?: boolean
}

export function declareVolumePrune(program: Command, context: Context): void {
  declareVerb(program, ['volume prune'], (command) => {
    command
      .summary('remove volumes that no container has')
      .description('Remove anonymous volumes that no container has; with --all named ones as well.')
      .option('-a, --all', 'also those that somebody named')
      .option(
        '--filter <filter>',
        'label=KEY[=VALUE], label!=KEY[=VALUE]; may be repeated',
        collect,
      )
      .option('-f, --force', 'do not ask')
      .option('--dry-run', 'print what would go, and change nothing')
      .action((options: VolumePruneOptions) => pruneVolumes(options, context))
    examples(command, [['volume prune -a --dry-run', 'what could go']])
  })
}

async function pruneVolumes(options: VolumePruneOptions, context: Context): Promise<void> {
  const { parsePruneFilters, prune } = await import('../../src/index.ts')
  const filter = parsePruneFilters(options.filter ?? [], ['label', 'label!'], nowNs())
  const warning = options.all
    ? 'WARNING! This will remove all local volumes not used by at least one container.\n'
    : 'WARNING! This will remove anonymous local volumes not used by at least one container.\n'
  if (!options.force && !options.dryRun && !(await confirm(warning, context))) return
  context.ifInterrupted = 'what it did not come to is as it was'
  const store = await context.openStore()
  const report = await prune(store, {
    containers: false,
    images: false,
    leaks: false,
    volumes: options.all ? 'all' : 'anonymous',
    filter,
    dryRun: options.dryRun ?? false,
    signal: context.signal,
  })
  await printPruned(report, context)
}
