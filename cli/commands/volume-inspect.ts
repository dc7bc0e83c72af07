// volume inspect: docker's JSON, or a template for each volume. One that is not there is reported, and the next is shown.

import type { Command } from 'commander'
import type { Volume } from '../../src/index.ts'
import type { Context } from '../context.ts'
import { PartialFailure } from '../exit-code.ts'
import { reportError } from '../report.ts'
import { declareVerb, examples } from '../verb.ts'

export function declareVolumeInspect(program: Command, context: Context): void {
  declareVerb(program, ['volume inspect'], (command) => {
    command
      .summary('show volumes in full')
      .description('Show volumes as JSON.')
      .argument('<volume...>', 'names')
      .option('-f, --format <template>', 'json, or a Go template for each')
      .action((names: string[], options: { readonly format?: string }) =>
        inspect(names, options.format, context),
      )
    examples(command, [["volume inspect -f '{{.Mountpoint}}' data", 'where its files are']])
  })
}

async function inspect(
  names: readonly string[],
  format: string | undefined,
  context: Context,
): Promise<void> {
  const { requireVolume } = await import('../../src/index.ts')
  const { formatInspect } = await import('../format/inspect-format.ts')
  const { volumeDocument } = await import('../format/volume-document.ts')
  const store = await context.openStore()
  const volumes: Volume[] = []
  const errors: unknown[] = []
  for (const name of names) {
    try {
      volumes.push(requireVolume(store, name))
    } catch (error) {
      if (!context.isFailureOfOne(error)) throw error
      errors.push(error)
    }
  }
  await context.stdout.write(
    formatInspect(volumes.map(volumeDocument), context.json ? undefined : format),
  )
  warnOfUnreadLabels(volumes, context)
  for (const error of errors) await reportError(error, context)
  if (errors.length > 0) throw new PartialFailure({ doneCount: volumes.length, errors })
}

/** docker's document has no word for what is not known: null says that there are none. */
function warnOfUnreadLabels(volumes: readonly Volume[], context: Context): void {
  const unread = volumes.filter(({ labels }) => labels === undefined)
  if (unread.length === 0) return
  context.onWarning({
    code: 'volume-labels-unread',
    message: 'labels that dockerd keeps of volumes are not read; docker volume inspect shows them',
    entry: unread[0]!.name,
    count: unread.length,
  })
}
