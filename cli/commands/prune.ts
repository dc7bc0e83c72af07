// system prune: containers, images and volumes that nothing uses, and what is leaked. --dry-run prints what the run
// would, and the run prints what went.

import type { Command } from 'commander'
import type { PruneReport } from '../../src/index.ts'
import { confirm, pruneWarning } from '../confirm.ts'
import type { Context } from '../context.ts'
import { safeText } from '../format/safe-text.ts'
import { humanSize } from '../format/units.ts'
import { jsonText } from '../output.ts'
import { collect, declareVerb, examples } from '../verb.ts'

interface PruneVerbOptions {
  readonly all?: boolean
  readonly volumes?: boolean
  readonly filter?: readonly string[]
  readonly force?: boolean
  readonly dryRun?: boolean
}

export function declarePrune(program: Command, context: Context): void {
  declareVerb(program, ['system prune'], (command) => {
    command
      .summary('remove all that nothing uses')
      .description(
        'Remove stopped containers, dangling images, and what is leaked: directories, links and write-sets that killed or full-disk runs left behind and that no engine looks for again.',
      )
      .option('-a, --all', 'all images that no container uses, not only dangling ones')
      .option('--volumes', 'also anonymous volumes that no container uses')
      .option(
        '--filter <filter>',
        'until=DURATION|TIME, label=KEY[=VALUE], label!=KEY[=VALUE]; may be repeated',
        collect,
      )
      .option('-f, --force', 'do not ask')
      .option('--dry-run', 'print what would go, and change nothing')
      .action((options: PruneVerbOptions) => pruneSystem(options, context))
    examples(command, [
      ['system prune --dry-run', 'what would go, and how much it is'],
      ['system prune -af --filter until=240h', 'all that is unused and older than ten days'],
    ])
  })
}

async function pruneSystem(options: PruneVerbOptions, context: Context): Promise<void> {
  const { InvalidArgumentError, parsePruneFilters, prune } = await import('../../src/index.ts')
  const filters = options.filter ?? []
  const filter = parsePruneFilters(filters, ['until', 'label', 'label!'], nowNs())
  if (options.volumes && filter.untilNs !== undefined)
    throw new InvalidArgumentError(
      'ERR_OPTION',
      'cannot prune: the "until" filter is not supported with "--volumes"',
    )
  const items = [
    'all stopped containers',
    ...(options.volumes ? ['all anonymous volumes not used by at least one container'] : []),
    options.all
      ? 'all images without at least one container associated to them'
      : 'all dangling images',
    'all that is leaked',
  ]
  if (!options.force && !options.dryRun && !(await confirm(pruneWarning(items, filters), context)))
    return
  context.ifInterrupted = 'what it did not come to is as it was'
  const store = await context.openStore()
  const report = await prune(store, {
    allImages: options.all ?? false,
    volumes: options.volumes ? 'anonymous' : 'none',
    filter,
    dryRun: options.dryRun ?? false,
    signal: context.signal,
  })
  await printPruned(report, context)
}

export function nowNs(): bigint {
  return BigInt(Date.now()) * 1_000_000n
}

/** docker's lists, the same for a dry run. */
export async function printPruned(report: PruneReport, context: Context): Promise<void> {
  if (context.json) {
    await context.stdout.write(jsonText(report))
    return
  }
  const section = (title: string, lines: readonly string[]): string =>
    lines.length === 0 ? '' : `${title}:\n${lines.map((line) => `${safeText(line)}\n`).join('')}\n`
  await context.stdout.write(
    section('Deleted Containers', report.containers) +
      section('Deleted Volumes', report.volumes) +
      section(
        'Deleted Images',
        report.images.map((removal) =>
          removal.kind === 'untagged' ? `untagged: ${removal.name}` : `deleted: ${removal.id}`,
        ),
      ) +
      section(
        'Deleted Leftovers',
        report.leaks.map(({ path, reason }) => `${path}: ${reason}`),
      ) +
      `Total reclaimed space: ${humanSize(report.reclaimedBytes, 4)}\n`,
  )
}
