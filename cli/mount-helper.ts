#!/usr/bin/env node
// `mount.fuse.shale [SOURCE] DIR [-sfnv] [-o OPTIONS]`: what mount(8) runs for `mount -t fuse.shale` and for such a line of
// an fstab, and, without a source, what podman runs as its mount_program (containers-storage.conf(5)). The same as
// `shale overlay`, by FUSE where no `view=` says otherwise.
// Knows the words of mount(8)'s helpers; see its manual, "EXTERNAL HELPERS".

import { MOUNT_EXIT, mountExitCode } from './mount-exit-code.ts'
import { runProcess } from './process.ts'

interface HelperCall {
  readonly source: string | undefined
  readonly directory: string
  readonly options: readonly string[]
  /** -f: everything but the mount itself. */
  readonly isFake: boolean
}

function parse(args: readonly string[]): HelperCall | undefined {
  const operands: string[] = []
  const options: string[] = []
  let isFake = false
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!
    // -t says the type, by which we were found; -N a namespace, in which mount(8) has put us already.
    if (arg === '-o' || arg === '-t' || arg === '-N') {
      const value = args[++i]
      if (value === undefined) return undefined
      if (arg === '-o') options.push(value)
    } else if (/^-[sfnv]+$/.test(arg)) {
      isFake ||= arg.includes('f')
    } else if (arg.startsWith('-')) {
      return undefined
    } else {
      operands.push(arg)
    }
  }
  const directory = operands.pop()
  if (directory === undefined || operands.length > 1) return undefined
  return { source: operands[0], directory, options, isFake }
}

const call = parse(process.argv.slice(2))
if (call === undefined) {
  process.stderr.write(
    'mount.fuse.shale: usage: mount.fuse.shale [SOURCE] DIR [-sfnv] [-o OPTIONS]\n',
  )
  process.exit(MOUNT_EXIT.usage)
}
if (call.isFake) process.exit(MOUNT_EXIT.ok)
const { source, directory } = call
const own = call.options.some((text) => /(?:^|,)view=/.test(text)) ? [] : ['-o', 'view=fuse']
// Whoever has a mount_program gets the layers' removals as names: it may be one who can make no whiteouts.
if (source === undefined) own.push('-o', 'whiteouts=names')
await runProcess(
  [
    'overlay',
    ...own,
    ...call.options.flatMap((text) => ['-o', text]),
    ...(source === undefined ? [] : ['--source', source]),
    ...['--', directory],
  ],
  mountExitCode,
)
