// rm: containers away, each a change of its own: one that cannot be removed is reported, and the next is tried.

import type { Command } from 'commander'
import type { RemovedContainer } from '../../src/index.ts'
import type { Context } from '../context.ts'
import { PartialFailure } from '../exit-code.ts'
import { safeText } from '../format/safe-text.ts'
import { jsonText } from '../output.ts'
import { reportError } from '../report.ts'
import { declareVerb, examples } from '../verb.ts'

interface RmOptions {
  readonly force?: boolean
  readonly volumes?: boolean
  readonly dryRun?: boolean
}

export function declareRm(program: Command, context: Context): void {
  declareVerb(program, ['rm', 'container rm|remove'], (command) => {
    command
      .summary('remove containers')
      .description('Remove containers with their writable layers.')
      .argument('<container...>', 'names, or starts of IDs')
      .option('-f, --force', 'unmount one that is mounted; what is not there counts as removed')
      .option('-v, --volumes', 'also the volumes that were made for it and that nobody named')
      .option('--dry-run', 'print what would go, and change nothing')
      .action((names: string[], options: RmOptions) => remove(names, options, context))
    examples(command, [
      ['rm web', 'the container and what it wrote'],
      ['rm -f $(shale ps -aq)', 'all of them'],
    ])
  })
}

async function remove(
  names: readonly string[],
  options: RmOptions,
  context: Context,
): Promise<void> {
  const { removeContainer, NotFoundError } = await import('../../src/index.ts')
  context.ifInterrupted = 'what is not listed above is as it was'
  const store = await context.openStore()
  const { force = false, volumes = false, dryRun = false } = options
  const removed: RemovedContainer[] = []
  const errors: unknown[] = []
  for (const name of names) {
    try {
      const how = { force, volumes, dryRun, signal: context.signal }
      const gone = await removeContainer(store, name, how)
      // A run would not find again what it has just removed.
      if (removed.some(({ id }) => id === gone.id))
        throw new NotFoundError('ERR_CONTAINER_NOT_FOUND', `No such container: ${name}`, {
          details: { name },
        })
      removed.push(gone)
      if (!context.json) await context.stdout.write(`${safeText(name)}\n`)
    } catch (error) {
      context.signal.throwIfAborted()
      await reportError(error, context)
      if (!(force && error instanceof NotFoundError)) errors.push(error)
    }
  }
  if (context.json) await context.stdout.write(jsonText(removed))
  if (errors.length > 0) throw new PartialFailure({ doneCount: removed.length, errors })
}
