// tag: one more name for an image.

import type { Command } from 'commander'
import type { Context } from '../context.ts'
import { jsonText } from '../output.ts'
import { declareVerb, examples } from '../verb.ts'

export function declareTag(program: Command, context: Context): void {
  declareVerb(program, ['tag', 'image tag'], (command) => {
    command
      .summary('give an image another name')
      .description('Give an image another name. The name moves here if another image has it.')
      .argument('<source>', 'an image: a name, or the start of its ID')
      .argument('<target>', 'the new name: repository[:tag]')
      .action((source: string, target: string) => tag(source, target, context))
    examples(command, [['tag 3f2a registry.example/app:1.2', 'an ID prefix is enough']])
  })
}

async function tag(source: string, target: string, context: Context): Promise<void> {
  const { tagImage } = await import('../../src/index.ts')
  const store = await context.openStore()
  const tagged = await tagImage(store, source, target, { signal: context.signal })
  if (context.json) await context.stdout.write(jsonText(tagged))
}
