// cat: the bytes of files of images, as they are, without mounting anything.

import type { Command } from 'commander'
import type { Context } from '../context.ts'
import { PartialFailure } from '../exit-code.ts'
import { reportError } from '../report.ts'
import { declareVerb, examples } from '../verb.ts'

export function declareCat(program: Command, context: Context): void {
  declareVerb(program, ['cat', 'image cat'], (command) => {
    command
      .summary('print files of images')
      .description(
        'Print files of images, straight from their layers. Symbolic links are followed inside the image. The bytes are not changed in any way, also on a terminal.',
      )
      .argument('<image:path...>', 'name:tag:/absolute/path')
      .action((arguments_: string[]) => printFiles(arguments_, context))
    examples(command, [
      ['cat debian:12:/etc/os-release', 'one file'],
      ['cat app:1:/bin/app > app', 'out of the image, byte for byte'],
    ])
  })
}

async function printFiles(arguments_: readonly string[], context: Context): Promise<void> {
  const { openImageFile, splitImagePath, InvalidArgumentError } =
    await import('../library/files.ts')
  const places = arguments_.map((text) => {
    const { image, path } = splitImagePath(text)
    if (path !== undefined) return { image, path }
    throw new InvalidArgumentError(
      'ERR_OPTION',
      `cannot tell image and path apart in ${JSON.stringify(text)}: expected IMAGE:/PATH`,
      { details: { argument: text } },
    )
  })
  const store = await context.openStore()
  const errors: unknown[] = []
  let doneCount = 0
  for (const { image, path } of places) {
    try {
      const content = await openImageFile(store, image, path)
      for await (const chunk of content) {
        context.signal.throwIfAborted()
        await context.stdout.write(chunk)
      }
      doneCount++
    } catch (error) {
      if (!context.isFailureOfOne(error)) throw error
      await reportError(error, context)
      errors.push(error)
    }
  }
  if (errors.length > 0) throw new PartialFailure({ doneCount, errors })
}
