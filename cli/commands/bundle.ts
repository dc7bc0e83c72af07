// bundle: an OCI runtime bundle of a container or an image.

import { Option, type Command } from 'commander'
import type { ViewChoice } from '../../src/index.ts'
import type { Context } from '../context.ts'
import { jsonText } from '../output.ts'
import { declareVerb, examples } from '../verb.ts'

/** As src/view has them; written out here so that --help loads no library. */
const VIEWS: readonly ViewChoice[] = ['auto', 'kernel', 'fuse', 'merge']

interface BundleOptions {
  readonly copy?: boolean
  readonly view: ViewChoice
}

export function declareBundle(program: Command, context: Context): void {
  declareVerb(program, ['bundle', 'container bundle'], (command) => {
    command
      .summary('make an OCI runtime bundle of a container or image')
      .description(
        'Make a folder that an OCI runtime runs: config.json, and rootfs as the mounted root of the container, or of the image under a writable layer in the folder; without the right to mount, by FUSE or as a copy. shale umount takes the mount away.',
      )
      .argument('<container|image>', 'a name, or the start of an ID')
      .argument('<directory>', 'made where it is missing, else empty')
      .option('--copy', 'write the files out, and mount nothing')
      .addOption(
        new Option('--view <kind>', 'how to show the root; merge is a copy')
          .choices([...VIEWS])
          .default('auto'),
      )
      .action((name: string, directory: string, options: BundleOptions) =>
        bundle(name, directory, options, context),
      )
    examples(command, [
      ['bundle web ./web', 'then: crun run -b ./web web'],
      ['umount ./web/rootfs', 'when it has ended'],
      ['bundle --copy app:1 ./app', 'a folder that can be moved'],
    ])
  })
}

async function bundle(
  name: string,
  directory: string,
  options: BundleOptions,
  context: Context,
): Promise<void> {
  const { writeBundle } = await import('../../src/index.ts')
  context.ifInterrupted = 'no bundle was made'
  const made = await writeBundle(await context.openStore(), name, directory, {
    copy: options.copy ?? false,
    view: options.view,
    signal: context.signal,
  })
  if (context.json) {
    await context.stdout.write(jsonText(made))
    return
  }
  if (made.reason === undefined) return
  await context.log(
    'info',
    `wrote rootfs as plain files, without a kernel mount: ${made.reason}; what is changed in it stays in the bundle`,
  )
}
