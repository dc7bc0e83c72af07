// The tree of verbs, and how one run of it ends: which output for which outcome, and which exit code.
// Knows the verbs by their declarations only; the process (signals, exit) is main.ts's.

import { CommanderError, type Command } from 'commander'
import { DEFAULT_SETTINGS, type Context } from './context.ts'
import { END_CODES, type EndSignal } from './end-request.ts'
import { CheckFailed, EXIT, PartialFailure, ProgramEnded, exitCodeOf } from './exit-code.ts'
import { ClosedPipe } from './output.ts'
import { reportError, reportUsage } from './report.ts'
import {
  VerbCommand,
  addGlobalOptions,
  examples,
  globalSettings,
  globalFlags,
  type DeclareVerb,
} from './verb.ts'
import { version } from './version.ts'

/** Verbs that are over so quickly that reading all the others' declarations would show; each is loaded by itself. */
const QUICK: ReadonlyMap<string, () => Promise<DeclareVerb>> = new Map([
  ['images', async () => (await import('./commands/images.ts')).declareImages],
  ['ls', async () => (await import('./commands/ls.ts')).declareLs],
  ['cat', async () => (await import('./commands/cat.ts')).declareCat],
  ['load', async () => (await import('./commands/load.ts')).declareLoad],
  ['save', async () => (await import('./commands/save.ts')).declareSave],
])

/**
 * The one verb that the line names, if it is a quick one; all of them wherever another could have a say: in help, in a
 * noun's list, in what a misspelt verb may have meant.
 */
async function verbsFor(argv: readonly string[]): Promise<readonly DeclareVerb[]> {
  const quick = QUICK.get(firstOperand(argv) ?? '')
  return quick === undefined ? (await import('./verbs.ts')).VERBS : [await quick()]
}

function firstOperand(argv: readonly string[]): string | undefined {
  return argv[firstOperandAt(argv)]
}

/** Of the first word that is neither a global option nor its value; -1 without one, or where an option is not known. */
function firstOperandAt(argv: readonly string[]): number {
  const { flags, withValue } = globalFlags()
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at]!
    if (!word.startsWith('-')) return at
    if (withValue.has(word)) at++
    else if (!flags.has(word) && !withValue.has(word.split('=')[0]!)) return -1
  }
  return -1
}

function buildProgram(context: Context, verbs: readonly DeclareVerb[]): Command {
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
    .hook('preAction', async (_program, action) => {
      context.configure(globalSettings(action, DEFAULT_SETTINGS))
      // What it prints is what the run prints, to the byte: "Deleted", too.
      if (action.opts()['dryRun'] === true)
        await context.log('info', 'a dry run: nothing is removed')
    })
  for (const declare of verbs) declare(program, context)
  addGlobalOptions(program)
  examples(program, [
    ['load -i app.tar', 'what docker save wrote'],
    ['layers app:1', 'what it is made of'],
    ['ls -l app:1:/etc', 'a directory of it, without a mount'],
    ['--root /var/lib/docker images', 'docker’s own store'],
  ])
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
  const program = buildProgram(context, await verbsFor(argv))
  const help: string[] = []
  let refusing: Command = program
  forEachCommand(program, (command) => {
    command.exitOverride((error) => {
      refusing = command
      throw error
    })
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
    await program.parseAsync(withoutNounHelp(argv, program), { from: 'user' })
    return EXIT.ok
  } catch (error) {
    return endOf(error, context, { help: help.join(''), argv, refusing })
  }
}

/** `shale images`, as it is typed. */
function wordsTo(command: Command): string {
  const words: string[] = []
  for (let at: Command | null = command; at; at = at.parent) words.unshift(at.name())
  return words.join(' ')
}

/** What `shale help X` asks about, where that is no verb: commander then prints the help of all. */
function unknownTopic(argv: readonly string[], program: Command): string | undefined {
  if (firstOperand(argv) !== 'help') return undefined
  const topic = argv.slice(firstOperandAt(argv) + 1).find((word) => !word.startsWith('-'))
  return topic === undefined || topic === 'help' || verbOf(program, topic) ? undefined : topic
}

function verbOf(command: Command, word: string): Command | undefined {
  return command.commands.find((verb) => [verb.name(), ...verb.aliases()].includes(word))
}

/**
 * `help image ls` and `image help ls` as `image ls --help`. commander's `help` looks at one word: it shows the noun's own
 * help for the first, and for a word that is no verb, too. Without `--help`, such a word is refused like any other.
 */
function withoutNounHelp(argv: readonly string[], program: Command): readonly string[] {
  const at = firstOperandAt(argv)
  if (at < 0) return argv
  const help = argv.slice(at, at + 2).indexOf('help')
  if (help < 0) return argv
  const words = argv.slice(at).toSpliced(help, 1)
  const [name, topic] = words.filter((word) => !word.startsWith('-'))
  const noun = verbOf(program, name ?? '')
  if (!noun || noun.commands.length === 0 || topic === undefined || topic === 'help') return argv
  return [...argv.slice(0, at), name!, topic, ...(verbOf(noun, topic) ? ['--help'] : [])]
}

async function endOf(
  error: unknown,
  context: Context,
  asked: { readonly help: string; readonly argv: readonly string[]; readonly refusing: Command },
): Promise<number> {
  try {
    if (error instanceof CommanderError) {
      const { argv, refusing } = asked
      // `shale` and `shale image` alone print their help, as docker does.
      if (error.exitCode === 0 || error.code === 'commander.help') {
        const topic = refusing.parent === null ? unknownTopic(argv, refusing) : undefined
        if (topic === undefined) {
          await context.stdout.write(asked.help)
          return EXIT.ok
        }
        await reportUsage(`unknown command '${topic}'`, context, { argv, help: 'shale' })
        return EXIT.usage
      }
      await reportUsage(error.message, context, { argv, help: wordsTo(refusing) })
      return EXIT.usage
    }
    const interruption = interruptionOf(error, context)
    if (interruption !== undefined) {
      await tellInterruption(interruption, context)
      return interruption
    }
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

/** What became of the work that a signal ended. A reader has nothing to undo, and goes without a word as others do. */
async function tellInterruption(exitCode: number, context: Context): Promise<void> {
  if (exitCode === EXIT.pipeClosed || context.ifInterrupted === undefined) return
  await context.log('warn', `interrupted: ${context.ifInterrupted}`)
}

/** The reason with which main.ts aborts the work. */
export class Interrupted extends Error {
  readonly exitCode: number

  constructor(signal: EndSignal) {
    super(`interrupted by ${signal}`)
    this.name = 'Interrupted'
    this.exitCode = END_CODES[signal]
  }
}

function forEachCommand(command: Command, visit: (command: Command) => void): void {
  visit(command)
  for (const sub of command.commands) forEachCommand(sub, visit)
}
