// How a verb is declared: its short form (`images`) and its noun form (`image ls`) are made of one declaration, and
// every form takes the global options as well.
// Knows commander; knows no verb.

import { Command, InvalidArgumentError, Option } from 'commander'
import { LOG_LEVELS, type Context, type GlobalSettings, type LogLevel } from './context.ts'

interface Noun {
  readonly summary: string
  readonly example: readonly [line: string, what: string]
}

const NOUNS: Readonly<Record<string, Noun>> = {
  image: {
    summary: 'verbs on images, by docker’s noun form',
    example: ['image ls', 'the same as: shale images'],
  },
  container: {
    summary: 'verbs on containers, by docker’s noun form',
    example: ['container ls -a', 'the same as: shale ps -a'],
  },
  system: {
    summary: 'verbs on the store as a whole',
    example: ['system df', 'what takes space'],
  },
  volume: {
    summary: 'verbs on volumes',
    example: ['volume ls', 'the volumes of the store'],
  },
}

/** Go's flag package takes `-H=false` and `--all=true`; commander does not, and docker's manuals write it so. */
const GO_BOOLEAN = /^(-\w|--[a-z-]+)=(1|0|t|f|T|F|true|false|TRUE|FALSE|True|False)$/

export class VerbCommand extends Command {
  override createCommand(name?: string): VerbCommand {
    return new VerbCommand(name)
  }

  private endsAtOperand = false

  override passThroughOptions(passThrough = true): this {
    this.endsAtOperand = passThrough
    return super.passThroughOptions(passThrough)
  }

  override parseOptions(argv: string[]): { operands: string[]; unknown: string[] } {
    // What follows a verb's name is the verb's, and what follows a program's name the program's.
    const end = argv.findIndex(
      (arg) =>
        arg === '--' ||
        (this.endsAtOperand && !arg.startsWith('-')) ||
        this.commands.some((command) => command.name() === arg || command.aliases().includes(arg)),
    )
    const flags = end < 0 ? argv : argv.slice(0, end)
    const plain = flags.flatMap((arg) => this.plainValue(arg) ?? this.plainBoolean(arg))
    return super.parseOptions(end < 0 ? plain : [...plain, ...argv.slice(end)])
  }

  /** Go's flag package takes `-o=FILE` for `-o FILE`; commander would name the file `=FILE`. */
  private plainValue(arg: string): string[] | undefined {
    const [, flag, value] = /^(-\w)=(.*)$/s.exec(arg) ?? []
    if (flag === undefined || value === undefined) return undefined
    const option = this.options.find((known) => known.short === flag)
    return option?.required ? [flag, value] : undefined
  }

  private plainBoolean(arg: string): string[] {
    const [, flag, value] = GO_BOOLEAN.exec(arg) ?? []
    if (flag === undefined || value === undefined) return [arg]
    const option = this.options.find((known) => known.short === flag || known.long === flag)
    if (!option || option.required || option.optional) return [arg]
    if (/^(1|t)/i.test(value)) return [flag]
    const negation = `--no-${option.name()}`
    return this.options.some((known) => known.long === negation) ? [negation] : []
  }
}

/**
 * Declares one verb under each of its forms: `['images', 'image ls|list']` gives `images`, `image ls` and its alias
 * `image list`. `declare` runs once per form, so it must be cheap and must not import the library.
 */
export function declareVerb(
  program: Command,
  forms: readonly string[],
  declare: (command: Command) => void,
): void {
  for (const form of forms) {
    const words = form.split(' ')
    const parent = words.length > 1 ? noun(program, words[0]!) : program
    const [name, ...aliases] = words.at(-1)!.split('|')
    const command = parent.command(name!).aliases(aliases)
    declare(command)
  }
}

function noun(program: Command, name: string): Command {
  const known = program.commands.find((command) => command.name() === name)
  if (known) return known
  const facts = NOUNS[name]
  if (!facts) throw new Error(`the noun ${name} has no summary in verb.ts`)
  const command = program
    .command(name)
    .helpGroup('Noun forms, as docker has them:')
    .summary(facts.summary)
    .description(facts.summary)
  examples(command, [facts.example])
  return command
}

/** Lines below the help: `$ shale images -q` and what it does. */
export function examples(command: Command, lines: readonly (readonly [string, string])[]): void {
  const width = Math.max(...lines.map(([line]) => line.length))
  const text = lines.map(([line, what]) => `  $ shale ${line.padEnd(width)}   # ${what}`)
  command.addHelpText('after', `\nExamples:\n${text.join('\n')}`)
}

const globals = new WeakSet<Option>()

function globalOptions(): Option[] {
  const options = [
    new Option(
      '--root <dir>',
      'the store (default: $SHALE_ROOT, else /var/lib/shale or your data folder)',
    ).argParser(directory),
    new Option('--driver <name>', 'storage driver').choices(['overlay2', 'vfs']),
    new Option('--json', 'full records as JSON, errors as well'),
    new Option('--quiet', 'results and errors only'),
    new Option('--no-color', 'no colours (as does NO_COLOR)'),
    new Option('--log-level <level>', 'how much to say on stderr').choices(LOG_LEVELS),
    new Option(
      '--lock-timeout <seconds>',
      'how long to wait for another writer (default: 10)',
    ).argParser(seconds),
  ]
  for (const option of options) globals.add(option)
  return options
}

/** How the global options are written: those that stand alone, and those whose value is the next word. */
export function globalFlags(): {
  readonly flags: ReadonlySet<string>
  readonly withValue: ReadonlySet<string>
} {
  const options = globalOptions()
  const long = (some: readonly Option[]): Set<string> => new Set(some.map((option) => option.long!))
  return {
    flags: long(options.filter((option) => !option.required)),
    withValue: long(options.filter((option) => option.required)),
  }
}

/** `--root "$UNSET"` would make a store of the directory that one happens to be in. */
function directory(text: string): string {
  if (text !== '') return text
  throw new InvalidArgumentError('Expected the name of a directory.')
}

function seconds(text: string): number {
  const value = Number(text)
  if (text.trim() !== '' && Number.isFinite(value) && value >= 0) return value
  throw new InvalidArgumentError(`Expected a number of seconds.`)
}

/** Adds the global options to the program, and to each verb those that it has no option of the same name for. */
export function addGlobalOptions(command: Command, isProgram = true): void {
  for (const option of globalOptions()) {
    if (command.options.some((own) => own.long === option.long)) continue
    command.addOption(option.hideHelp(!isProgram))
  }
  for (const sub of command.commands) addGlobalOptions(sub, false)
}

/** What the command line said of the global options, wherever they stood; the one nearest to the verb wins. */
export function globalSettings(leaf: Command, defaults: GlobalSettings): GlobalSettings {
  const given: Record<string, unknown> = {}
  for (let command: Command | null = leaf; command; command = command.parent) {
    for (const option of command.options) {
      const key = option.attributeName()
      if (!globals.has(option) || Object.hasOwn(given, key)) continue
      if (command.getOptionValueSource(key) === 'cli') given[key] = command.getOptionValue(key)
    }
  }
  return {
    ...defaults,
    ...(given['root'] === undefined ? {} : { root: given['root'] as string }),
    ...(given['driver'] === undefined ? {} : { driver: given['driver'] as 'overlay2' | 'vfs' }),
    json: given['json'] === true,
    quiet: given['quiet'] === true,
    color: given['color'] !== false,
    logLevel: (given['logLevel'] as LogLevel | undefined) ?? defaults.logLevel,
    lockTimeoutMs:
      given['lockTimeout'] === undefined
        ? defaults.lockTimeoutMs
        : (given['lockTimeout'] as number) * 1000,
  }
}

/** For options that may be repeated. */
export function collect(value: string, earlier: readonly string[] = []): string[] {
  return [...earlier, value]
}

/**
 * For the filters of listings: docker's client passes over an empty one. Those of prune stay refused: an empty variable
 * must not remove all that there is.
 */
export function collectFilter(value: string, earlier: readonly string[] = []): string[] {
  return value === '' ? [...earlier] : collect(value, earlier)
}

/** A verb's declaration: adds its forms to the program. */
export type DeclareVerb = (program: Command, context: Context) => void
