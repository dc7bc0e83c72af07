// volume rm: several are several changes; one that cannot be removed is reported, and the next is tried.

import type { Command } from 'commander'
import type { Context } from '../context.ts'
import { PartialFailure } from '../exit-code.ts'
import { jsonText } from '../output.ts'
import { reportError } from '../report.ts'
import { declareVerb, examples } from '../verb.ts'

export function declareVolumeRm(program: Command, context: Context): void {
  declareVerb(program, ['volume rm|remove'], (command) => {
    command
      .summary('remove volumes')
      .description('Remove volumes. One that a container has, running or not, stays.')
      .argument('<volume...>', 'names')
      .option('-f, --force', 'what is not there counts as removed')
      .action((names: string[], options: { readonly force?: boolean }) =>
        remove(names, options.force === true, context),
      )
    examples(command, [['volume rm data', 'the volume and all that is in it']])
  })
}

async function remove(names: readonly string[], force: boolean, context: Context): Promise<void> {
  const { removeVolume } = await import('../../src/index.ts')
  context.ifInterrupted = 'what is not listed above is as it was'
  const store = await context.openStore()
  const removed: string[] = []
  const errors: unknown[] = []
  for (const name of names) {
    try {
      await removeVolume(store, name, { force, signal: context.signal })
      removed.push(name)
      if (!context.json) await context.stdout.write(`${name}\n`)
    } catch (error) {
      if (!context.isFailureOfOne(error)) throw error
      await reportError(error, context)
      errors.push(error)
    }
  }
  if (context.json) await context.stdout.write(jsonText(removed))
  if (errors.length > 0) throw new PartialFailure({ doneCount: removed.length, errors })
}
