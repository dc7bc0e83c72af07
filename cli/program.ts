// The tree of verbs, and how one run of it ends: which output for which outcome, and which exit code.
// Knows the verbs by their declarations only; the process (signals, exit) is main.ts's.

import { CommanderError, type Command } from 'commander'
import { declareBundle } from './commands/bundle.ts'
import { declareCat } from './commands/cat.ts'
import { declareChainid } from './commands/chainid.ts'
import { declareCommit } from './commands/commit.ts'
import { declareCompletion } from './commands/completion.ts'
import { declareConform } from './commands/conform.ts'
import { declareContainerPrune } from './commands/container-prune.ts'
import { declareCp } from './commands/cp.ts'
import { declareCreate } from './commands/create.ts'
import { declareDf } from './commands/df.ts'
import { declareDiff } from './commands/diff.ts'
import { declareDiffid } from './commands/diffid.ts'
import { declareExport } from './commands/export.ts'
import { declareHistory } from './commands/history.ts'
import { declareImagePrune } from './commands/image-prune.ts'
import { declareImages } from './commands/images.ts'
import { declareImport } from './commands/import.ts'
import { declareInfo } from './commands/info.ts'
import { declareInspect } from './commands/inspect.ts'
import { declareLayers } from './commands/layers.ts'
import { declareLint } from './commands/lint.ts'
import { declareLoad } from './commands/load.ts'
import { declareLs } from './commands/ls.ts'
import { declareMount } from './commands/mount.ts'
import { declarePrune } from './commands/prune.ts'
import { declarePs } from './commands/ps.ts'
import { declareRename } from './commands/rename.ts'
import { declareRm } from './commands/rm.ts'
import { declareRmi } from './commands/rmi.ts'
import { declareRunIn } from './commands/run-in.ts'
import { declareSave } from './commands/save.ts'
import { declareSquash } from './commands/squash.ts'
import { declareTag } from './commands/tag.ts'
import { declareTree } from './commands/tree.ts'
import { declareUmount } from './commands/umount.ts'
import { declareVolumeCreate } from './commands/volume-create.ts'
import { declareVolumeInspect } from './commands/volume-inspect.ts'
import { declareVolumeLs } from './commands/volume-ls.ts'
import { declareVolumePrune } from './commands/volume-prune.ts'
import { declareVolumeRm } from './commands/volume-rm.ts'
import { declareWhy } from './commands/why.ts'
import { DEFAULT_SETTINGS, type Context } from './context.ts'
import { CheckFailed, EXIT, PartialFailure, ProgramEnded, exitCodeOf } from './exit-code.ts'
import { ClosedPipe } from './output.ts'
import { reportError, reportUsage } from './report.ts'
import { VerbCommand, addGlobalOptions, globalSettings, type DeclareVerb } from './verb.ts'
import { version } from './version.ts'

/** In the order in which help lists them. */
const VERBS: readonly DeclareVerb[] = [
  declareLoad,
  declareSave,
  declareImport,
  declareImages,
  declareInspect,
  declareHistory,
  declareLayers,
  declareTree,
  declareLs,
  declareCat,
  declareTag,
  declareSquash,
  declareRmi,
  declareCreate,
  declarePs,
  declareRename,
  declareDiff,
  declareCommit,
  declareExport,
  declareRm,
  declareContainerPrune,
  declareCp,
  declareMount,
  declareUmount,
  declareRunIn,
  declareBundle,
  declareLint,
  declareConform,
  declareInfo,
  declareDf,
  declareWhy,
  declarePrune,
  declareImagePrune,
  declareVolumeCreate,
  declareVolumeLs,
  declareVolumeInspect,
  declareVolumeRm,
  declareVolumePrune,
  declareChainid,
  declareDiffid,
  declareCompletion,
]

export function buildProgram(context: Context): Command {
  const program = new VerbCommand('shale')
  program
    .description('A store for container image layers, laid out exactly as docker keeps them.')
    .version(version(), '-v, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [verb]', 'print help for a verb')
    .enablePositionalOptions()
    .showSuggestionAfterError(true)
    .configureHelp({ subcommandTerm })
    .exitOverride()
    .hook('preAction', (_program, action) => {
      context.configure(globalSettings(action, DEFAULT_SETTINGS))
    })
  for (const declare of VERBS) declare(program, context)
  addGlobalOptions(program)
  return program
}

/** Every verb has options: `[options]` at each of them says nothing. */
function subcommandTerm(command: Command): string {
  const names = [command.name(), ...command.aliases()].join('|')
  const arguments_ = command.registeredArguments.map((argument) => {
    const name = `${argument.name()}${argument.variadic ? '...' : ''}`
    return argument.required ? `<${name}>` : `[${name}]`
  })
  return [names, ...arguments_].join(' ')
}

/** Runs one command line to its end. Never throws; what went wrong is printed and told by the code. */
export async function run(argv: readonly string[], context: Context): Promise<number> {
  const program = buildProgram(context)
  const help: string[] = []
  forEachCommand(program, (command) => {
    command.configureOutput({
      writeOut: (text) => help.push(text),
      writeErr: (text) => help.push(text),
      // The message comes again with the exception, and is printed in our own form there.
      outputError: () => {},
      getOutHelpWidth: () => context.stdout.columns ?? 80,
      getErrHelpWidth: () => context.stdout.columns ?? 80,
      getOutHasColors: () => context.color,
      getErrHasColors: () => false,
    })
  })
  try {
    await program.parseAsync(argv, { from: 'user' })
    return EXIT.ok
  } catch (error) {
    return endOf(error, context, { help: help.join(''), argv })
  }
}

async function endOf(
  error: unknown,
  context: Context,
  asked: { readonly help: string; readonly argv: readonly string[] },
): Promise<number> {
  try {
    if (error instanceof CommanderError) {
      // `shale` and `shale image` alone print their help, as docker does.
      if (error.exitCode === 0 || error.code === 'commander.help') {
        await context.stdout.write(asked.help)
        return EXIT.ok
      }
      await reportUsage(error, context, asked.argv)
      return EXIT.usage
    }
    const interruption = interruptionOf(error, context)
    if (interruption !== undefined) return interruption
    const isReported =
      error instanceof PartialFailure ||
      error instanceof CheckFailed ||
      error instanceof ProgramEnded
    if (!isReported) await reportError(error, context)
    return exitCodeOf(error)
  } catch (failure) {
    if (failure instanceof ClosedPipe) return EXIT.pipeClosed
    throw failure
  }
}

/** The exit code, if it was a signal or a closed pipe that ended the work and not a failure of its own. */
function interruptionOf(error: unknown, context: Context): number | undefined {
  if (error instanceof ClosedPipe) return EXIT.pipeClosed
  if (!context.signal.aborted) return undefined
  const reason: unknown = context.signal.reason
  const isAbort = error === reason || (error instanceof Error && error.name === 'AbortError')
  if (!isAbort) return undefined
  if (reason instanceof ClosedPipe) return EXIT.pipeClosed
  return reason instanceof Interrupted ? reason.exitCode : EXIT.interrupted
}

/** The reason with which main.ts aborts the work. */
export class Interrupted extends Error {
  readonly exitCode: number

  constructor(signal: 'SIGINT' | 'SIGTERM') {
    super(`interrupted by ${signal}`)
    this.name = 'Interrupted'
    this.exitCode = signal === 'SIGINT' ? EXIT.interrupted : EXIT.terminated
  }
}

function forEachCommand(command: Command, visit: (command: Command) => void): void {
  visit(command)
  for (const sub of command.commands) forEachCommand(sub, visit)
}
