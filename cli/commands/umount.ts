// umount: takes away what mount showed, and leaves the directory empty.

import path from 'node:path'
import type { Command } from 'commander'
import type { Context } from '../context.ts'
import { jsonText } from '../output.ts'
import { declareVerb, examples } from '../verb.ts'

export function declareUmount(program: Command, context: Context): void {
  declareVerb(program, ['umount|unmount', 'image umount|unmount'], (command) => {
    command
      .summary('take a mounted image or container away')
      .description(
        'Take away what shale mount or shale overlay showed in a directory. The directory stays, empty.',
      )
      .argument('<directory|container>', 'where it is shown, or the container’s name')
      .action((directory: string) => umount(directory, context))
    examples(command, [['umount /mnt', 'a kernel mount or a merged directory alike']])
  })
}

async function umount(directory: string, context: Context): Promise<void> {
  const { NotFoundError, unmountContainer, unmountDirectories, unmountImage } =
    await import('../../src/index.ts')
  // What overlay shows needs no store, and makes none.
  const store = await context.openStore({ mayBeNew: true })
  try {
    const { target } = await unmountContainer(store, directory)
    if (context.json) await context.stdout.write(jsonText({ target }))
    return
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error
  }
  try {
    await unmountImage(store, directory)
    if (context.json) await context.stdout.write(jsonText({ target: path.resolve(directory) }))
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error
    const done = await unmountDirectories(await context.root(), directory).catch(
      (second: unknown) => {
        if (!(second instanceof NotFoundError)) throw second
        // Each of the three knows of its own kind alone, and all that could be meant was looked for.
        throw new NotFoundError(
          'ERR_MOUNT_NOT_FOUND',
          `cannot unmount ${directory}: nothing of this store is shown there, and no container of that name is mounted`,
          { details: { path: directory } },
        )
      },
    )
    if (context.json) await context.stdout.write(jsonText({ target: done.target }))
  }
}
