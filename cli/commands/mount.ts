// mount: an image shown in a directory; without arguments, what is shown where.

import { Option, type Command } from 'commander'
import type { MountedImage, ViewChoice } from '../../src/index.ts'
import type { Context } from '../context.ts'
import { safeText } from '../format/safe-text.ts'
import { table } from '../format/table.ts'
import { jsonText } from '../output.ts'
import { declareVerb, examples } from '../verb.ts'

/** As src/view has them; written out here so that --help loads no library. */
const VIEWS: readonly ViewChoice[] = ['auto', 'kernel', 'merge']

function shortID({ imageID }: MountedImage): string {
  return imageID?.slice('sha256:'.length).slice(0, 12) ?? '<removed>'
}

interface MountOptions {
  readonly view: ViewChoice
}

export function declareMount(program: Command, context: Context): void {
  declareVerb(program, ['mount', 'image mount'], (command) => {
    command
      .summary('show an image in a directory, or list what is shown')
      .description(
        'Show an image in a directory, read-only: by the kernel’s overlay where that can be had, else as a merge written out. Without arguments, list what is shown.',
      )
      .argument('[image]', 'a name, or the start of an ID')
      .argument('[directory]', 'an existing directory; empty, if the merge is to be written out')
      .addOption(new Option('--view <kind>', 'how to show it').choices([...VIEWS]).default('auto'))
      .action((image: string | undefined, directory: string | undefined, options: MountOptions) => {
        if (image === undefined) return list(context)
        if (directory === undefined) {
          return command.error("error: missing required argument 'directory'", {
            code: 'commander.missingArgument',
          })
        }
        return mount(image, directory, options, context)
      })
    examples(command, [
      ['mount debian:12 /mnt', 'see it as a container would'],
      ['mount', 'what is shown where'],
      ['umount /mnt', 'and away again'],
    ])
  })
}

async function mount(
  image: string,
  directory: string,
  options: MountOptions,
  context: Context,
): Promise<void> {
  const { mountImage } = await import('../../src/index.ts')
  const store = await context.openStore()
  const shown = await mountImage(store, image, directory, {
    view: options.view,
    signal: context.signal,
  })
  if (context.json) {
    await context.stdout.write(jsonText(shown))
    return
  }
  if (shown.reason === undefined) return
  await context.log(
    'info',
    `wrote the merged image into ${directory} as plain files, without a kernel mount: ${shown.reason}`,
  )
}

async function list(context: Context): Promise<void> {
  const { listMountedImages } = await import('../../src/index.ts')
  const mounted = await listMountedImages(await context.openStore())
  if (context.json) {
    await context.stdout.write(jsonText(mounted))
    return
  }
  const rows = mounted.map((shown) =>
    [shown.names[0] ?? shortID(shown), shown.view, shown.target].map(safeText),
  )
  await context.stdout.write(table(['IMAGE', 'VIEW', 'DIRECTORY'], rows))
}
