// conform: which layer shapes a tool gets right, as a table; and the shapes themselves, for other people's tests.

import type { Command } from 'commander'
import type { ConformReport, ConformRow, ConformVerdict } from '../../src/index.ts'
import type { Context } from '../context.ts'
import { CheckFailed } from '../exit-code.ts'
import { safeJSON, safeText } from '../format/safe-text.ts'
import { table } from '../format/table.ts'
import { jsonText } from '../output.ts'
import { collect, declareVerb, examples } from '../verb.ts'

interface ConformCommandOptions {
  readonly tool?: readonly string[]
  readonly markdown?: boolean
  readonly out?: string
}

export function declareConform(program: Command, context: Context): void {
  declareVerb(program, ['conform'], (command) => {
    command
      .summary('which layer shapes a tool gets right')
      .description(
        'Try small images on a tool, each of which shows one thing that the OCI image-spec says of layers, and compare what comes back. Without --tool, shale itself is tried, in each driver and view. Ends with 0 if everything is right and with 1 if something is wrong. Shapes that the spec leaves open are shown and do not count for other tools.',
      )
      .option(
        '--tool <name|command>',
        'docker, containerd, podman, umoci or skopeo, each beside whatever runs here; or a line for /bin/sh with {rootfs} and {archive} or {layout} in it; may be repeated',
        collect,
      )
      .option('--markdown', 'the table as Markdown')
      .option('--out <dir>', 'only write the images, and what they must give, to a new directory')
      .action((options: ConformCommandOptions) => runConform(options, context))
    examples(command, [
      ['conform', 'shale itself'],
      ['conform --tool docker --tool umoci --markdown', 'two others, side by side'],
      ["conform --tool './unpack {layout} {rootfs}'", 'a tool of your own'],
      ['conform --out shapes/', 'for your own test suite'],
    ])
  })
}

async function runConform(options: ConformCommandOptions, context: Context): Promise<void> {
  const { conform, shipShapes } = await import('../../src/index.ts')
  if (options.out !== undefined) {
    const count = shipShapes(options.out)
    await context.log('info', `wrote ${count} shapes to ${options.out}`)
    return
  }
  const report = await conform({
    tools: options.tool ?? [],
    env: context.env,
    signal: context.signal,
    onSubject: (name) => void context.log('info', `trying ${name}`),
  })
  if (context.json) await context.stdout.write(safeJSON(jsonText(report)))
  else if (options.markdown) await context.stdout.write(markdownOf(report))
  else await context.stdout.write(textOf(report))
  if (!report.ok) throw new CheckFailed()
}

/** Empty where no subject tells its version. */
function versions({ subjects }: ConformReport): string {
  return subjects
    .flatMap(({ name, version }) => (version === undefined ? [] : [`${name} ${version}`]))
    .map(safeText)
    .join(', ')
}

function markdownOf(report: ConformReport): string {
  const names = report.subjects.map(({ name }) => cell(name))
  const lines = [
    `${versions(report) === '' ? '' : `Run with ${versions(report)}. `}In bold: wrong.`,
    '',
    `| # | Layer shape (upper on lower) | Expected merge | ${names.join(' | ')} |`,
    `|---|---|---|${'---|'.repeat(names.length)}`,
    ...report.shapes
      .filter((row) => row.decided)
      .map((row) => markdownRow(row, (verdict) => (verdict.ok ? 'ok' : `**${sawOf(verdict)}**`))),
    `| | right, of ${report.subjects[0]?.of ?? 0} | | ${report.subjects.map(({ right }) => right).join(' | ')} |`,
    '',
    'Shapes that the spec leaves open:',
    '',
    `| # | Layer shape (upper on lower) | shale | ${names.join(' | ')} |`,
    `|---|---|---|${'---|'.repeat(names.length)}`,
    ...report.shapes
      .filter((row) => !row.decided)
      .map((row) => markdownRow(row, (verdict) => (verdict.ok ? 'the same' : sawOf(verdict)))),
  ]
  return `${lines.join('\n')}\n`
}

function markdownRow(row: ConformRow, word: (verdict: ConformVerdict) => string): string {
  const title = `[${row.title}](${row.rule})`
  const words = row.verdicts.map((verdict) => cell(word(verdict)))
  return `| ${row.number} | ${title} | ${row.merge} | ${words.join(' | ')} |`
}

function cell(text: string): string {
  return safeText(text).replaceAll('|', '\\|')
}

function sawOf(verdict: ConformVerdict): string {
  return verdict.saw === '' ? 'otherwise' : verdict.saw
}

function textOf(report: ConformReport): string {
  const headers = ['#', 'SHAPE', 'EXPECTED', ...report.subjects.map(({ name }) => safeText(name))]
  const plain = (text: string): string => text.replaceAll('`', '')
  const rows = report.shapes.map((row) => [
    String(row.number),
    plain(row.title),
    plain(row.merge),
    ...row.verdicts.map(({ ok }) => (ok ? 'ok' : row.decided ? 'WRONG' : 'differs')),
  ])
  const totals = report.subjects.map(({ right, of }) => `${right} of ${of}`)
  const lines = [table(headers, [...rows, ['', 'right', '', ...totals]])]
  for (const row of report.shapes) {
    for (const verdict of row.verdicts.filter(({ ok }) => !ok)) {
      const said = verdict.message === undefined ? '' : ` (${safeText(verdict.message)})`
      lines.push(
        `${row.number}. ${safeText(verdict.subject)}: ${safeText(sawOf(verdict))}${said}\n   ${row.decided ? 'the rule' : 'open in the spec'}: ${row.rule}\n`,
      )
    }
  }
  for (const { name, reason } of report.unavailable) {
    lines.push(`not tried: ${safeText(name)}: ${safeText(reason)}\n`)
  }
  if (versions(report) !== '') lines.push(`${versions(report)}\n`)
  return lines.join('')
}
