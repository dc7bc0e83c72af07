// export: a container's or an image's whole tree as one flat tar, to a file or a pipe.

import path from 'node:path'
import type { Command } from 'commander'
import type { Context } from '../context.ts'
import { jsonText } from '../output.ts'
import { declareVerb, examples } from '../verb.ts'

interface ExportVerbOptions {
  readonly output?: string
}

export function declareExport(program: Command, context: Context): void {
  declareVerb(program, ['export', 'container export'], (command) => {
    command
      .summary('write a container’s tree as one tar')
      .description(
        'Write the merged tree of a container or an image as one flat tar, as docker export does.',
      )
      .argument('<container|image>', 'a name, or the start of an ID')
      .option('-o, --output <file>', 'write to this file instead of standard output')
      .action((name: string, options: ExportVerbOptions) => exportTo(name, options, context))
    examples(command, [
      ['export -o web.tar web', 'a container'],
      ['export app:1 | tar -tv', 'an image, listed by tar'],
    ])
  })
}

async function exportTo(name: string, options: ExportVerbOptions, context: Context): Promise<void> {
  const { exportTree, UnsupportedError } = await import('../../src/index.ts')
  const { output } = options
  if (output === undefined && context.stdout.isTerminal) {
    throw new UnsupportedError(
      'ERR_TERMINAL_OUTPUT',
      'cowardly refusing to save to a terminal. Use the -o flag or redirect',
    )
  }
  const { checkOutputFile, writeOutputFile } = await import('../output-file.ts')
  if (output !== undefined) checkOutputFile(output, 'export to')
  if (output !== undefined) context.ifInterrupted = 'no archive was written'
  const store = await context.openStore()
  const tar = exportTree(store, name, { signal: context.signal, onWarning: context.onWarning })
  if (output === undefined) {
    for await (const chunk of tar) await context.stdout.write(chunk)
    return context.signal.throwIfAborted()
  }
  await writeOutputFile(output, tar, context.signal)
  if (context.json) await context.stdout.write(jsonText({ output: path.resolve(output), of: name }))
}
