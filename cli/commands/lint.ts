// lint: what in an image tools read differently, or surprises a person; of an image in the store or of an archive.

import { existsSync } from 'node:fs'
import { Option, type Command } from 'commander'
import type { LintedImage, LintFinding, LintLevel } from '../../src/index.ts'
import type { Context } from '../context.ts'
import { CheckFailed } from '../exit-code.ts'
import { safeText } from '../format/safe-text.ts'
import { humanSize } from '../format/units.ts'
import { LineWriter, jsonText } from '../output.ts'
import { collect, declareVerb, examples } from '../verb.ts'
import { version } from '../version.ts'

interface LintCommandOptions {
  readonly rule?: readonly string[]
  readonly ignore?: readonly string[]
  readonly failOn: LintLevel | 'never'
  readonly platform?: string
  readonly sarif?: boolean
}

/** As the library has them, the gravest first; written out so that --help loads no library. */
const LEVELS: readonly LintLevel[] = ['error', 'warning', 'note']

export function declareLint(program: Command, context: Context): void {
  declareVerb(program, ['lint', 'image lint'], (command) => {
    command
      .summary('what in an image tools read differently')
      .description(
        'List what in an image means different things to different tools, or would surprise a person, with the layer and who differs; and the bytes that nobody sees. Takes an image of the store, or an archive, which is read without being loaded. Ends with 1 if there is a finding of the level of --fail-on or graver.',
      )
      .argument('<image|archive>', 'a name, the start of an ID, or the path of an archive')
      .option('--rule <id>', 'only this rule; may be repeated', collect)
      .option('--ignore <id>', 'not this rule; may be repeated', collect)
      .addOption(
        new Option('--fail-on <level>', 'from which level on the exit code is 1')
          .choices([...LEVELS, 'never'])
          .default('warning'),
      )
      .option('--platform <os/arch>', 'which image of a multi-platform archive')
      .option('--sarif', 'as SARIF 2.1.0')
      .action((target: string, options: LintCommandOptions) => lint(target, options, context))
    examples(command, [
      ['lint app.tar', 'before it is loaded or pushed'],
      ['lint --fail-on error --ignore setuid-file app:1', 'an image of the store'],
      ['lint --sarif app.tar > lint.sarif', 'for a code host'],
    ])
  })
}

async function lint(target: string, options: LintCommandOptions, context: Context): Promise<void> {
  const images = await lintTarget(target, options, context)
  if (options.sarif) {
    const { sarifLog } = await import('../../src/index.ts')
    await context.stdout.write(jsonText(sarifLog(images, { target, version: version() })))
  } else if (context.json) await context.stdout.write(jsonText(images))
  else await printText(images, context)
  const limit = LEVELS.indexOf(options.failOn as LintLevel)
  const found = images.flatMap((image) => image.findings)
  if (found.some((finding) => LEVELS.indexOf(finding.level) <= limit)) throw new CheckFailed()
}

/** A name that the store knows is that image; what looks like a path, or is no image, is an archive. */
async function lintTarget(
  target: string,
  options: LintCommandOptions,
  context: Context,
): Promise<readonly LintedImage[]> {
  const { lintArchive, lintImage, NotFoundError } = await import('../../src/index.ts')
  const asked = {
    rules: options.rule ?? [],
    ignore: options.ignore ?? [],
    signal: context.signal,
    ...(options.platform === undefined ? {} : { platform: options.platform }),
  }
  if (/^\.{0,2}\//.test(target)) return lintArchive(target, asked)
  try {
    return [await lintImage(await context.openStore(), target, asked)]
  } catch (error) {
    const isNoImage =
      error instanceof NotFoundError ||
      (error as { code?: unknown }).code === 'ERR_REFERENCE_SYNTAX'
    if (!isNoImage || !existsSync(target)) throw error
    return lintArchive(target, asked)
  }
}

async function printText(images: readonly LintedImage[], context: Context): Promise<void> {
  const out = new LineWriter(context.stdout, context.signal)
  for (const [index, image] of images.entries()) {
    if (index > 0) await out.line('')
    if (images.length > 1) await out.line(`${safeText(image.names[0] ?? image.imageID)}:`)
    for (const line of linesOf(image)) await out.line(line)
  }
  await out.flush()
}

function* linesOf(image: LintedImage): Generator<string> {
  const sorted = [...image.findings].sort(
    (a, b) => LEVELS.indexOf(a.level) - LEVELS.indexOf(b.level),
  )
  for (const [rule, findings] of groupByRule(sorted)) {
    const [first] = findings
    yield `${first!.level}: ${rule}: ${first!.differs}`
    for (const { layer, path, message } of findings) {
      yield `  layer ${layer}  ${path === undefined ? '' : `${safeText(path)}: `}${safeText(message)}`
    }
    const omitted = image.omitted[rule]
    if (omitted !== undefined) yield `  and ${omitted} more`
  }
  const { contentBytes, wastedBytes, wastedFiles } = image.wasted
  if (wastedFiles > 0) {
    yield `${humanSize(wastedBytes)} of ${humanSize(contentBytes)} in ${count(wastedFiles, 'file')} would be saved if the image were built as one layer`
  }
  const counts = LEVELS.map((level) => sorted.filter((each) => each.level === level).length)
  yield LEVELS.map((level, i) => count(counts[i]!, level)).join(', ')
}

function groupByRule(findings: readonly LintFinding[]): Map<LintFinding['rule'], LintFinding[]> {
  const groups = new Map<LintFinding['rule'], LintFinding[]>()
  for (const finding of findings) {
    const group = groups.get(finding.rule)
    if (group) group.push(finding)
    else groups.set(finding.rule, [finding])
  }
  return groups
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}
