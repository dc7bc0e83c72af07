// rename: another name for a container.

import type { Command } from 'commander'
import type { Context } from '../context.ts'
import { jsonText } from '../output.ts'
import { declareVerb, examples } from '../verb.ts'

export function declareRename(program: Command, context: Context): void {
  declareVerb(program, ['rename', 'container rename'], (command) => {
    command
      .summary('give a container another name')
      .description('Give a container another name.')
      .argument('<container>', 'its name, or the start of its ID')
      .argument('<name>', 'the new name')
      .action(async (container: string, name: string) => {
        const { renameContainer } = await import('../../src/index.ts')
        const store = await context.openStore()
        const renamed = await renameContainer(store, container, name, { signal: context.signal })
        if (context.json) await context.stdout.write(jsonText(renamed))
      })
    examples(command, [['rename angry_bell web', 'from now on it is web']])
  })
}
