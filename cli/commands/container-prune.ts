// container prune: containers that do not run, by docker's rules.

import type { Command } from 'commander'
import { confirm } from '../confirm.ts'
import type { Context } from '../context.ts'
import { collect, declareVerb, examples } from '../verb.ts'
import { nowNs, printPruned } from './prune.ts'

interface ContainerPruneOptions {
  readonly filter?: readonly string[]
  readonly force?: boolean
  readonly dryRun?: boolean
}

export function declareContainerPrune(program: Command, context: Context): void {
  declareVerb(program, ['container prune'], (command) => {
    command
      .summary('remove containers that do not run')
      .description('Remove all containers that do not run, with what they wrote.')
      .option(
        '--filter <filter>',
        'until=DURATION|TIME, label=KEY[=VALUE], label!=KEY[=VALUE]; may be repeated',
        collect,
      )
      .option('-f, --force', 'do not ask')
      .option('--dry-run', 'print what would go, and change nothing')
      .action((options: ContainerPruneOptions) => pruneStopped(options, context))
    examples(command, [['container prune --dry-run', 'what could go']])
  })
}

async function pruneStopped(options: ContainerPruneOptions, context: Context): Promise<void> {
  const { parsePruneFilters, prune } = await import('../../src/index.ts')
  const keys = ['until', 'label', 'label!'] as const
  const filter = parsePruneFilters(options.filter ?? [], keys, nowNs())
  const warning = 'WARNING! This will remove all stopped containers.\n'
  if (!options.force && !options.dryRun && !(await confirm(warning, context))) return
  context.ifInterrupted = 'what it did not come to is as it was'
  const store = await context.openStore()
  const report = await prune(store, {
    images: false,
    leaks: false,
    filter,
    dryRun: options.dryRun ?? false,
    signal: context.signal,
  })
  await printPruned(report, context)
}
