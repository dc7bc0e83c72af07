// mount: an image shown in a directory, or a container's root, writable; without arguments, what is shown where.

import { Option, type Command } from 'commander'
import type { MountedImage, MountServer, ViewChoice } from '../../src/index.ts'
import type { Context } from '../context.ts'
import { saidOrStopped } from '../foreground.ts'
import { safeText } from '../format/safe-text.ts'
import { table } from '../format/table.ts'
import { jsonText } from '../output.ts'
import { declareVerb, examples } from '../verb.ts'

/** As src/view has them; written out here so that --help loads no library. */
const VIEWS: readonly ViewChoice[] = ['auto', 'kernel', 'fuse', 'merge']

/** One name of an image; of several with the same layers, of which the kernel does not know which it shows, all. */
function nameOf({ imageID, names }: MountedImage): string {
  if (imageID === undefined) return names.join(', ') || '<removed>'
  return names[0] ?? imageID.slice('sha256:'.length).slice(0, 12)
}

interface MountOptions {
  readonly view: ViewChoice
  readonly foreground?: true
}

export function declareMount(program: Command, context: Context): void {
  declareVerb(program, ['mount', 'image mount'], (command) => {
    command
      .summary('show an image or a container in a directory, or list what is shown')
      .description(
        'Show an image in a directory, read-only: by the kernel’s overlay where that can be had, else by FUSE, else as a merge written out. A container is mounted writable, where engines mount it unless a directory is named. Without arguments, list what is shown.',
      )
      .argument('[image|container]', 'a name, or the start of an ID; a container goes first')
      .argument('[directory]', 'an existing directory; empty, if the merge is to be written out')
      .addOption(new Option('--view <kind>', 'how to show it').choices([...VIEWS]).default('auto'))
      .option('--foreground', 'stay until it is unmounted (FUSE)')
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
  const how = {
    view: options.view,
    signal: context.signal,
    ...(options.foreground ? { foreground: true } : {}),
  }
  try {
    const { server, ...mounted } = await mountContainer(store, image, directory, how)
    await saidOrStopped(
      server,
      context.stdout.write(
        context.json
          ? jsonText(mounted)
          : directory === undefined
            ? `${safeText(mounted.target)}\n`
            : '',
      ),
    )
    if (!context.json && mounted.view !== 'kernel' && mounted.reason !== undefined) {
      const words =
        mounted.view === 'fuse'
          ? `mounted ${image} by FUSE`
          : `wrote the root of ${image} out as plain files; umount or commit brings changes back`
      await context.log('info', `${words}: ${mounted.reason}`)
    }
    return await wait(server, context)
  } catch (error) {
    if (!(error instanceof NotFoundError && error.code === 'ERR_CONTAINER_NOT_FOUND')) throw error
  }
  try {
    store.image(image) // an unknown name is the thing to say first
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error
    const text = `No such container or image: ${image}`
    throw new NotFoundError(error.code, text, { details: error.details })
  }
  if (directory === undefined) {
    throw new InvalidArgumentError(
      'ERR_OPTION',
      `cannot mount image ${image}: name the directory to show it in, as in: shale mount ${image} DIR`,
    )
  }
  const { server, ...shown } = await mountImage(store, image, directory, how)
  if (context.json) await saidOrStopped(server, context.stdout.write(jsonText(shown)))
  else if (shown.reason !== undefined) {
    const words =
      shown.view === 'fuse'
        ? `shows the image in ${directory} by FUSE`
        : `wrote the merged image into ${directory} as plain files, without a kernel mount`
    await context.log('info', `${words}: ${shown.reason}`)
  }
  await wait(server, context)
}

/** In the foreground until it is unmounted; a signal takes the mount away. */
async function wait(server: MountServer | undefined, context: Context): Promise<void> {
  if (server === undefined) return
  const stop = (): void => server.stop()
  if (context.signal.aborted) stop()
  else context.signal.addEventListener('abort', stop, { once: true })
  await server.ended
}

async function list(context: Context): Promise<void> {
  const { listMountedContainers, listMountedImages } = await import('../../src/index.ts')
  const store = await context.openStore()
  const containers = listMountedContainers(store)
  const mounted = (await listMountedImages(store)).filter(
    ({ target }) => !containers.some((container) => container.target === target),
  )
  if (context.json) {
    await context.stdout.write(jsonText([...mounted, ...containers]))
    return
  }
  const rows = mounted.map((shown) => [nameOf(shown), shown.view, shown.target].map(safeText))
  for (const { name, view, target } of containers) rows.push([name, view, target].map(safeText))
  await context.stdout.write(table(['NAME', 'VIEW', 'DIRECTORY'], rows))
}
