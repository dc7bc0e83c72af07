// mount: an image shown in a directory, or a container's root, writable; without arguments, what is shown where.

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
      .summary('show an image or a container in a directory, or list what is shown')
      .description(
        'Show an image in a directory, read-only: by the kernel’s overlay where that can be had, else as a merge written out. A container is mounted writable, where engines mount it unless a directory is named. Without arguments, list what is shown.',
      )
      .argument('[image|container]', 'a name, or the start of an ID; a container goes first')
      .argument('[directory]', 'an existing directory; empty, if the merge is to be written out')
      .addOption(new Option('--view <kind>', 'how to show it').choices([...VIEWS]).default('auto'))
      .action((image: string | undefined, directory: string | undefined, options: MountOptions) => {
        if (image === undefined) return list(context)
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
  directory: string | undefined,
  options: MountOptions,
  context: Context,
): Promise<void> {
  const { InvalidArgumentError, mountContainer, mountImage, NotFoundError } =
    await import('../../src/index.ts')
  const store = await context.openStore()
  try {
    const mounted = await mountContainer(store, image, directory, { signal: context.signal })
    return await context.stdout.write(
      context.json
        ? jsonText(mounted)
        : directory === undefined
          ? `${safeText(mounted.target)}\n`
          : '',
    )
  } catch (error) {
    if (!(error instanceof NotFoundError && error.code === 'ERR_CONTAINER_NOT_FOUND')) throw error
  }
  if (directory === undefined) {
    store.image(image) // an unknown name is the thing to say first
    throw new InvalidArgumentError(
      'ERR_OPTION',
      `cannot mount image ${image}: name the directory to show it in, as in: shale mount ${image} DIR`,
    )
  }
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
  const { listMountedContainers, listMountedImages } = await import('../../src/index.ts')
  const store = await context.openStore()
  const containers = listMountedContainers(store).map((item) => ({ ...item, view: 'kernel' }))
  const mounted = (await listMountedImages(store)).filter(
    ({ target }) => !containers.some((container) => container.target === target),
  )
  if (context.json) {
    await context.stdout.write(jsonText([...mounted, ...containers]))
    return
  }
  const rows = mounted.map((shown) =>
    [shown.names[0] ?? shortID(shown), shown.view, shown.target].map(safeText),
  )
  for (const { name, view, target } of containers) rows.push([name, view, target].map(safeText))
  await context.stdout.write(table(['NAME', 'VIEW', 'DIRECTORY'], rows))
}
