// overlay: the union of plain directories, without a store.

import { Option, type Command } from 'commander'
import type { ViewChoice } from '../../src/index.ts'
import type { Context } from '../context.ts'
import { saidOrStopped } from '../foreground.ts'
import { jsonText } from '../output.ts'
import { collect, declareVerb, examples } from '../verb.ts'

/** As src/view has them; written out here so that --help loads no library. */
const VIEWS: readonly ViewChoice[] = ['auto', 'kernel', 'fuse', 'merge']

interface OverlayCommandOptions {
  readonly options: readonly string[]
  readonly view?: ViewChoice
  readonly foreground?: true
  readonly source?: string
}

export function declareOverlay(program: Command, context: Context): void {
  declareVerb(program, ['overlay'], (command) => {
    command
      .summary('show the union of plain directories')
      .description(
        'Merge directories as mount -t overlay does, without a store: by the kernel’s overlay where that can be had, else by FUSE, else written out. Without an upperdir the union is read-only. What is changed in a merge that was written out goes into upperdir at umount. The options are those of mount(8) and fuse-overlayfs: lowerdir, upperdir, workdir, ro, nosuid, nodev, noexec, noatime, sync, allow_other; volatile (or fsync=0) and userxattr; of FUSE alone uidmapping and gidmapping (ON-DISK:SHOWN:COUNT:...), squash_to_root, squash_to_uid, squash_to_gid and whiteouts=names (.wh.NAME in a lowerdir removes NAME, as podman leaves it for a mount_program); and of the kernel alone redirect_dir, index, metacopy, nfs_export, uuid, xino=off, dirsync and lazytime. A backslash takes the meaning of a comma or colon away.',
      )
      .argument('<directory>', 'an existing directory; empty, if the merge is to be written out')
      .requiredOption(
        '-o, --options <list>',
        'lowerdir=L2:L1,upperdir=U,workdir=W (repeatable)',
        collect,
      )
      .addOption(new Option('--view <kind>', 'how to show it (default: auto)').choices([...VIEWS]))
      .option('--foreground', 'stay until it is unmounted (FUSE)')
      .addOption(new Option('--source <name>', 'as mount tables show it').hideHelp())
      .action((directory: string, options: OverlayCommandOptions) =>
        overlay(directory, options, context),
      )
    examples(command, [
      ['overlay -o lowerdir=L2:L1 /mnt', 'read-only'],
      ['overlay -o lowerdir=L,upperdir=U,workdir=W /mnt', 'what is written goes to U'],
      ['umount /mnt', 'and away again'],
    ])
  })
}

async function overlay(
  directory: string,
  given: OverlayCommandOptions,
  context: Context,
): Promise<void> {
  const { mountOverlay } = await import('../../src/index.ts')
  const { view, foreground, source } = given
  const { server, ...shown } = await mountOverlay(
    await context.root(),
    given.options.join(','),
    directory,
    {
      signal: context.signal,
      ...(view === undefined ? {} : { view }),
      ...(foreground ? { foreground } : {}),
      ...(source === undefined ? {} : { source }),
    },
  )
  if (context.json) await saidOrStopped(server, context.stdout.write(jsonText(shown)))
  else if (shown.reason !== undefined) {
    const words =
      shown.view === 'fuse'
        ? `shows the union in ${directory} by FUSE`
        : `wrote the union into ${directory} as plain files, without a mount`
    await context.log('info', `${words}: ${shown.reason}`)
  }
  if (server === undefined) return
  const stop = (): void => server.stop()
  if (context.signal.aborted) stop()
  else context.signal.addEventListener('abort', stop, { once: true })
  await server.ended
}
