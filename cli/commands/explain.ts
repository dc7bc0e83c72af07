// explain: how a name is resolved, layer by layer, and what a change to it would do to which files of the disk.

import { Option, type Command } from 'commander'
import type { Explanation, ExplainOp, Language } from '../../src/index.ts'
import type { Context } from '../context.ts'
import { safeText } from '../format/safe-text.ts'
import { languageOf, languageOption } from '../language.ts'
import { jsonText } from '../output.ts'
import { declareVerb, examples } from '../verb.ts'

interface ExplainVerbOptions {
  readonly o?: string
  readonly op?: ExplainOp
  readonly to?: string
  readonly svg?: string
  readonly lang?: Language
}

export function declareExplain(program: Command, context: Context): void {
  declareVerb(program, ['explain'], (command) => {
    command
      .summary('say how a name is found in the layers, and what a change would do')
      .description(
        'Say how a name is resolved, layer by layer, top to bottom: what each layer holds, why the search goes on or ends there, and which file of the disk is read in the end. With --op, also what a change would do to the upper layer; nothing is changed. Redirects (redirect_dir, metacopy) are not followed.',
      )
      .argument('<path>', 'an absolute path inside')
      .argument('[image|container]', 'whose layers to search')
      .option('-o <options>', 'plain directories: lowerdir=L1:L2[,upperdir=U], as mount(8) has it')
      .addOption(
        new Option(
          '--op <operation>',
          'tell what this would do; rm takes directories whole',
        ).choices(['write', 'rm', 'mv', 'mkdir', 'chmod']),
      )
      .option('--to <path>', 'the new name, for --op mv')
      .option('--svg <file>', 'draw it: an SVG of its own; - for standard output')
      .addOption(languageOption())
      .action((path: string, name: string | undefined, options: ExplainVerbOptions) =>
        explain(path, name, options, context),
      )
    examples(command, [
      ['explain /etc/motd app:1', 'which layer’s file it is'],
      ['explain --op rm /etc/motd web', 'what removing it would leave in container web'],
      ['explain -o lowerdir=L1:L2,upperdir=U --op mv --to /e /d', 'with plain directories'],
      ['explain --svg motd.svg /etc/motd app:1', 'the same as a picture'],
    ])
  })
}

async function explain(
  path: string,
  name: string | undefined,
  options: ExplainVerbOptions,
  context: Context,
): Promise<void> {
  if (options.svg !== undefined && options.svg !== '-') {
    const { checkOutputFile } = await import('../output-file.ts')
    checkOutputFile(options.svg)
  }
  const explanation = await read(path, name, options, context)
  const language = languageOf(options.lang, context.env)
  if (options.svg !== undefined) {
    const { explanationPicture } = await import('../../src/index.ts')
    const picture = explanationPicture(explanation, { language })
    if (options.svg === '-') return context.stdout.write(picture)
    const { writeDocument } = await import('../output-file.ts')
    await writeDocument(options.svg, picture, context.signal)
    if (!context.json) return
  }
  if (context.json) return context.stdout.write(jsonText(explanation))
  const lines = await linesOf(explanation, language)
  await context.stdout.write(lines.map((line) => `${safeText(line)}\n`).join(''))
}

async function read(
  path: string,
  name: string | undefined,
  { o, op, to }: ExplainVerbOptions,
  context: Context,
): Promise<Explanation> {
  const { explainDirectories, explainPath, InvalidArgumentError, parseDirectoryOptions } =
    await import('../../src/index.ts')
  const asked = {
    ...(op === undefined ? {} : { op }),
    ...(to === undefined ? {} : { to }),
  }
  if ((o === undefined) === (name === undefined)) {
    throw new InvalidArgumentError(
      'ERR_OPTION',
      `cannot explain ${path}: give an image, a container, or directories with -o, and one of them`,
    )
  }
  if (o !== undefined) return explainDirectories(parseDirectoryOptions(o), path, asked)
  return explainPath(await context.openStore(), name!, path, asked)
}

/** Rows of layers that hold nothing and are not needed to see why stand together. */
const QUIET_ROWS_MAX = 3

async function linesOf(explanation: Explanation, language: Language): Promise<string[]> {
  const { changeText, endText, holdingText, nothingToDoText, refusalText, sightText } =
    await import('../../src/index.ts')
  const { layers, operation } = explanation
  const labelWidth = Math.max(...layers.map(({ label }) => label.length))
  const out: string[] = []
  for (const step of explanation.steps) {
    const link = step.linkTarget === undefined ? '' : ` -> ${step.linkTarget}`
    out.push(`${step.path}${link}`)
    let quiet: string[] = []
    const flush = (): void => {
      if (quiet.length <= QUIET_ROWS_MAX) out.push(...quiet)
      else
        out.push(
          language === 'en'
            ? `  ... ${quiet.length} layers hold nothing`
            : `  …… ${quiet.length} 层没有这个名字`,
        )
      quiet = []
    }
    for (const sight of step.sights) {
      const label = layers[sight.layer]!.label.padEnd(labelWidth)
      const holds = padded(holdingText(sight.holds, sight.opaque, language), 18)
      const row = `  ${label}  ${holds}  ${sightText(explanation, step, sight, language)}`
      if (sight.holds === 'nothing') quiet.push(row)
      else {
        flush()
        out.push(row)
      }
    }
    flush()
  }
  out.push('', endText(explanation, language))
  if (explanation.end.file !== undefined) out.push(`  ${explanation.end.file}`)
  if (operation === undefined) return out
  const { op, to, refusal, changes } = operation
  out.push('', `${op} ${explanation.path}${to === undefined ? '' : ` ${to}`}`)
  if (refusal !== undefined) out.push(`  ${refusalText(refusal, language)}`)
  else if (changes.length === 0) out.push(`  ${nothingToDoText(language)}`)
  for (const [index, change] of changes.entries()) {
    out.push(`  ${index + 1}. ${changeText(change, explanation, language)}`, `     ${change.file}`)
  }
  return out
}

/** In terminal cells: a Chinese character takes two. */
function padded(text: string, width: number): string {
  let cells = 0
  for (const character of text) cells += character.charCodeAt(0) > 0x2e7f ? 2 : 1
  return text + ' '.repeat(Math.max(0, width - cells))
}
