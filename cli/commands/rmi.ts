// rmi: names and images away, with docker's lines of what went. Several images are several changes: one that cannot be
// removed is reported, and the next is tried.

import type { Command } from 'commander'
import type { Removal } from '../../src/index.ts'
import type { Context } from '../context.ts'
import { PartialFailure } from '../exit-code.ts'
import { jsonText } from '../output.ts'
import { reportError } from '../report.ts'
import { declareVerb, examples } from '../verb.ts'

interface RmiOptions {
  readonly force?: boolean
  readonly prune: boolean
  readonly dryRun?: boolean
}

export function declareRmi(program: Command, context: Context): void {
  declareVerb(program, ['rmi', 'image rm|remove'], (command) => {
    command
      .summary('remove images')
      .description(
        'Remove names, and images that have no name left, with the layers that no other image stands on.',
      )
      .argument('<image...>', 'names, or starts of IDs')
      .option('-f, --force', 'remove an image that has several names, or that a container uses')
      .option('--no-prune', 'keep untagged parents')
      .option('--dry-run', 'print what would go, and change nothing')
      .action((names: string[], options: RmiOptions) => removeImages(names, options, context))
    examples(command, [
      ['rmi debian:12', 'the name; the image too if it was its last name'],
      ['rmi -f 3f2a', 'the image and all of its names'],
      ['rmi --dry-run debian:12', 'what would go'],
    ])
  })
}

async function removeImages(
  names: readonly string[],
  options: RmiOptions,
  context: Context,
): Promise<void> {
  const { removeImage, NotFoundError, RemovalPreview } = await import('../../src/index.ts')
  context.ifInterrupted = 'what is not listed above is as it was'
  const store = await context.openStore()
  const force = options.force === true
  const how = { force, prune: options.prune }
  const preview = options.dryRun ? new RemovalPreview(store) : undefined
  const removals: Removal[] = []
  const errors: unknown[] = []
  let doneCount = 0
  for (const name of names) {
    try {
      const removed =
        preview?.remove(name, how) ??
        (await removeImage(store, name, { ...how, signal: context.signal }))
      doneCount++
      removals.push(...removed)
      if (!context.json) await context.stdout.write(removed.map(removalLine).join(''))
    } catch (error) {
      context.signal.throwIfAborted()
      await reportError(error, context)
      // As docker: with --force, what is not there counts as removed.
      if (!(force && error instanceof NotFoundError)) errors.push(error)
    }
  }
  if (context.json) await context.stdout.write(jsonText(removals))
  if (errors.length > 0) throw new PartialFailure({ doneCount, errors })
}

function removalLine(removal: Removal): string {
  return removal.kind === 'untagged' ? `Untagged: ${removal.name}\n` : `Deleted: ${removal.id}\n`
}
