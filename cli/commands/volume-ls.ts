// volume ls: docker's columns, filters and formats.

import type { Command } from 'commander'
import type { Volume } from '../../src/index.ts'
import type { Context } from '../context.ts'
import { formatRows, LABELS, type Listing, type Row } from '../format/row-format.ts'
import { jsonText } from '../output.ts'
import { collectFilter, declareVerb, examples } from '../verb.ts'

interface VolumeLsOptions {
  readonly quiet?: boolean
  readonly filter?: readonly string[]
  readonly format?: string
}

export function declareVolumeLs(program: Command, context: Context): void {
  declareVerb(program, ['volume ls|list'], (command) => {
    command
      .summary('list volumes')
      .description('List volumes by name.')
      .option('-q, --quiet', 'only names')
      .option(
        '-f, --filter <key=value>',
        'dangling=true|false, driver=local, name=PATTERN, label=KEY[=VALUE]; may be repeated',
        collectFilter,
      )
      .option(
        '--format <format>',
        "table, json, a Go template, or 'table TEMPLATE'; fields: .Name .Driver .Scope .Mountpoint .Labels .Label .Links .Size .Availability .Group .Status",
      )
      .action((options: VolumeLsOptions) => list(options, context))
    examples(command, [
      ['volume ls -f dangling=true', 'those that no container has'],
      ["volume ls --format '{{.Name}} {{.Mountpoint}}'", 'by template'],
    ])
  })
}

const LISTING: Listing = {
  type: 'formatter.volumeContext',
  headers: {
    Name: 'VOLUME NAME',
    Driver: 'DRIVER',
    Scope: 'SCOPE',
    Mountpoint: 'MOUNTPOINT',
    Labels: 'LABELS',
    Links: 'LINKS',
    Size: 'SIZE',
    Availability: 'AVAILABILITY',
    Group: 'GROUP',
    Status: 'STATUS',
  },
  table: '{{.Driver}}\t{{.Name}}',
}

async function list(options: VolumeLsOptions, context: Context): Promise<void> {
  const { filterVolumes } = await import('../../src/index.ts')
  const store = await context.openStore()
  const volumes = filterVolumes(store, options.filter ?? [])
  if (context.json) {
    await context.stdout.write(jsonText(volumes))
    return
  }
  const format = options.format ?? (options.quiet ? '{{.Name}}' : undefined)
  await context.stdout.write(await formatRows(volumes.map(rowOf), format, LISTING))
}

/** Docker answers Links and Size only to `system df -v`. */
function rowOf(volume: Volume): Row {
  const labels = volume.labels ?? {}
  return {
    Name: volume.name,
    Driver: volume.driver,
    Scope: 'local',
    Mountpoint: volume.mountpoint,
    Labels: Object.entries(labels)
      .map(([key, value]) => `${key}=${value}`)
      .sort()
      .join(','),
    [LABELS]: labels,
    Links: 'N/A',
    Size: 'N/A',
    Availability: 'N/A',
    Group: 'N/A',
    Status: 'N/A',
  }
}
