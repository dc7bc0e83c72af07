// history: the steps that made an image, newest first, with docker's columns.

import type { Command } from 'commander'
import type { HistoryRow } from '../../src/index.ts'
import type { Context } from '../context.ts'
import { historyCreatedSince, humanSize, rfc3339Local } from '../format/units.ts'
import { ellipsis } from '../format/width.ts'
import { jsonText } from '../output.ts'
import { declareVerb, examples } from '../verb.ts'

interface HistoryOptions {
  readonly human: boolean
  readonly quiet?: boolean
  readonly trunc: boolean
  readonly format?: string
}

export function declareHistory(program: Command, context: Context): void {
  declareVerb(program, ['history', 'image history'], (command) => {
    command
      .summary('show the steps that made an image')
      .description('Show the steps that made an image, newest first.')
      .argument('<image>', 'a name, or the start of an ID')
      .option('-H, --human', 'sizes and times for people; -H=false for exact ones', true)
      .option('--no-human', 'exact sizes and times')
      .option('-q, --quiet', 'only IDs')
      .option('--no-trunc', 'whole IDs and commands')
      .option(
        '--format <format>',
        "table, json, a Go template, or 'table TEMPLATE'; fields: .ID .CreatedSince .CreatedAt .CreatedBy .Size .Comment",
      )
      .action((name: string, options: HistoryOptions) => printHistory(name, options, context))
    examples(command, [
      ['history debian:12', 'newest first'],
      ["history --no-trunc --format '{{.CreatedBy}}' app:1", 'the commands in full'],
    ])
  })
}

async function printHistory(
  name: string,
  options: HistoryOptions,
  context: Context,
): Promise<void> {
  const { imageHistory } = await import('../library/images.ts')
  const store = await context.openStore()
  const rows = await imageHistory(store, name)
  if (context.json) {
    await context.stdout.write(jsonText(rows))
    return
  }
  const { formatRows } = await import('../format/row-format.ts')
  const { historyListing } = await import('../format/listings.ts')
  const format = options.format ?? (options.quiet ? '{{.ID}}' : undefined)
  const fields = fieldsOf(options, Date.now() / 1000)
  await context.stdout.write(await formatRows(rows.map(fields), format, historyListing(options)))
}

/** Where docker cuts commands. */
const CREATED_BY_COLUMNS = 45

function fieldsOf(
  { human, trunc }: HistoryOptions,
  nowSeconds: number,
): (row: HistoryRow) => Record<string, string> {
  return (row) => {
    const command = row.createdBy.replaceAll('\t', ' ')
    return {
      ID: trunc && row.id !== '<missing>' ? row.id.slice(7, 19) : row.id,
      CreatedSince: historyCreatedSince(row.createdSeconds, nowSeconds),
      CreatedAt: rfc3339Local(row.createdSeconds),
      CreatedBy: trunc ? ellipsis(command, CREATED_BY_COLUMNS) : command,
      Size: human ? humanSize(row.sizeBytes) : String(row.sizeBytes),
      Comment: row.comment,
    }
  }
}
