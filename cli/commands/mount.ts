// mount: an image shown in a directory; without arguments, what is shown where.

import { Option, type Command } from 'commander'
import type { MountedImage, ViewChoice } from '../../src/index.ts'
import type { Context } from '../context.ts'
import { jsonText } from '../output.ts'
import { declareVerb, examples } from '../verb.ts'

/** As src/view has them; written out here so that --help loads no library. */
const VIEWS: readonly ViewChoice[] = ['auto', 'kernel', 'merge']

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
  const rows = [
    ['IMAGE', 'VIEW', 'DIRECTORY'],
    ...mounted.map((view) => [nameOf(view), view.view, printable(view.target)]),
  ]
  const width = (column: number): number => Math.max(...rows.map((row) => row[column]!.length))
  const widths = [width(0), width(1)]
  for (const [image, view, target] of rows) {
    const line = `${image!.padEnd(widths[0]!)}   ${view!.padEnd(widths[1]!)}   ${target}`
    await context.stdout.write(`${line}\n`)
  }
}

function nameOf(view: MountedImage): string {
  return view.names[0] ?? view.imageID?.slice('sha256:'.length).slice(0, 12) ?? '<removed>'
}

/** A directory may be called anything; a terminal must not take its name for a command. */
function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return /[\u0000-\u001f\u007f-\u009f]/.test(text) ? JSON.stringify(text) : text
}
