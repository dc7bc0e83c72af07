// run-in: a program in the root file system of a container or an image.

import type { Command } from 'commander'
import type { Context } from '../context.ts'
import { ProgramEnded } from '../exit-code.ts'
import { reportError } from '../report.ts'
import { collect, declareVerb, examples } from '../verb.ts'

interface RunInOptions {
  readonly user?: string
  readonly workdir?: string
  readonly env?: readonly string[]
}

/** docker run's own, where it is not the program that failed. */
const OWN_FAILURE = 125

export function declareRunIn(program: Command, context: Context): void {
  declareVerb(program, ['run-in', 'container run-in'], (command) => {
    command
      .summary('run a program in the root file system of a container or image')
      .description(
        'Run a program with a container’s root file system as its own, or an image’s; without being root in a user namespace. Nothing else is contained: processes, network and limits are the host’s. What is changed in an image is lost. Ends with the program’s exit code; 125 when it could not be tried, 126 when it could not be started, 127 when there is none.',
      )
      .argument('<container|image>', 'a name, or the start of an ID')
      .argument('<command...>', 'the program, and its arguments')
      .option('-e, --env <name=value>', 'set a variable (repeatable)', collect)
      .option('-u, --user <user[:group]>', 'by the image’s own /etc/passwd (default: root)')
      .option('-w, --workdir <directory>', 'where to start')
      .passThroughOptions()
      .action((name: string, words: string[], options: RunInOptions) =>
        runProgram(name, words, options, context),
      )
    examples(command, [
      ['run-in web sh', 'a shell in a container'],
      ['run-in debian:12 cat /etc/os-release', 'a program of an image'],
    ])
  })
}

async function runProgram(
  name: string,
  words: readonly string[],
  options: RunInOptions,
  context: Context,
): Promise<void> {
  const { runIn } = await import('../../src/index.ts')
  try {
    const store = await context.openStore()
    const { code, reason } = await runIn(store, name, words as [string, ...string[]], {
      signal: terminations(context.signal),
      ...(options.user === undefined ? {} : { user: options.user }),
      ...(options.workdir === undefined ? {} : { workingDirectory: options.workdir }),
      ...(options.env === undefined ? {} : { env: options.env }),
    })
    if (reason !== undefined) await context.log('error', reason)
    if (code !== 0) throw new ProgramEnded(code)
  } catch (error) {
    if (error instanceof ProgramEnded) throw error
    // Before there was a program: as any verb ends.
    context.signal.throwIfAborted()
    await reportError(error, context)
    throw new ProgramEnded(OWN_FAILURE)
  }
}

/**
 * A terminal sends Ctrl-C and Ctrl-\ to the program as well, which decides what they mean: a shell only ends its line, and
 * takes no note of the second. Without us it would go on, and share the terminal with whoever started us.
 */
function terminations(signal: AbortSignal): AbortSignal {
  process.removeAllListeners('SIGINT')
  for (const name of ['SIGINT', 'SIGQUIT'] as const) process.on(name, () => {})
  return signal
}
