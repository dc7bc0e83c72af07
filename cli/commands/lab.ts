// lab: lessons that run real directories before the reader's eyes.

import os from 'node:os'
import readline from 'node:readline/promises'
import type { Command } from 'commander'
import type { GroundKind, Language, Lesson, StepResult } from '../../src/index.ts'
import type { Context } from '../context.ts'
import { CheckFailed } from '../exit-code.ts'
import { safeLines } from '../format/safe-text.ts'
import { languageOf, languageOption } from '../language.ts'
import { jsonText } from '../output.ts'
import { declareVerb, examples } from '../verb.ts'

interface LabOptions {
  readonly lang?: Language
  readonly check?: boolean
  readonly pause?: boolean
  readonly web?: string
}

export function declareLab(program: Command, context: Context): void {
  declareVerb(program, ['lab'], (command) => {
    command
      .summary('lessons on layers and unions, run before your eyes')
      .description(
        'Lessons on layers and unions. Each runs in a directory of its own, which is removed at the end: every step is a command that can be typed elsewhere, with what is expected and what happened. Without LESSON, lists the lessons. Needs no root: the union is the kernel’s mount where this host allows it, else shale’s own.',
      )
      .argument('[lesson]', 'which one')
      .option('--check', 'run all lessons, or that one, as tests: only what differs is told')
      .option('--pause', 'wait for Enter before each step, on a terminal')
      .option('--web <file>', 'run all and write one HTML page, in both languages, with pictures')
      .addOption(languageOption())
      .action((id: string | undefined, options: LabOptions) => lab(id, options, context))
    examples(command, [
      ['lab', 'which lessons there are'],
      ['lab merge', 'one tree out of three directories'],
      ['lab --lang zh whiteout', 'in Chinese'],
      ['lab --check', 'does this host behave as the lessons say?'],
      ['lab --web lessons.html', 'all of them as a page'],
    ])
  })
}

async function lab(id: string | undefined, options: LabOptions, context: Context): Promise<void> {
  const { LESSONS, lessonOf } = await import('../../src/index.ts')
  const language = languageOf(options.lang, context.env)
  const lessons = id === undefined ? LESSONS : [lessonOf(id)]
  if (options.web !== undefined) return writePage(lessons, language, options.web, context)
  if (options.check) return check(lessons, language, context)
  if (id === undefined) return list(lessons, language, context)
  const differ = await show(lessons[0]!, language, options, context)
  if (differ > 0) throw new CheckFailed()
}

/** This very program, whichever way it was started. */
function thisProgram(): string[] {
  return [process.execPath, process.argv[1]!]
}

async function list(
  lessons: readonly Lesson[],
  language: Language,
  context: Context,
): Promise<void> {
  if (context.json) {
    const rows = lessons.map(({ id, title, intro, steps }) => ({
      id,
      title: title[language],
      intro: intro[language],
      steps: steps.length,
    }))
    return context.stdout.write(jsonText(rows))
  }
  const width = Math.max(...lessons.map(({ id }) => id.length))
  const lines = lessons.map(({ id, title }) => `${id.padEnd(width)}  ${title[language]}\n`)
  await context.stdout.write(lines.join(''))
}

const WORDS = {
  en: {
    expected: 'expected',
    asExpected: 'as expected',
    differs: 'differs',
    kernel: 'in the kernel',
    next: 'Enter for the next step ',
    exit: 'exit code',
    colon: ': ',
    comma: ', ',
    semicolon: '; ',
    brackets: ['(', ')'],
  },
  zh: {
    expected: '预期',
    asExpected: '符合预期',
    differs: '与预期不符',
    kernel: '内核的行为',
    next: '按回车继续 ',
    exit: '退出码',
    colon: '：',
    comma: '，',
    semicolon: '；',
    brackets: ['（', '）'],
  },
} as const

function groundText(kind: GroundKind, reason: string | undefined, language: Language): string {
  const en: Readonly<Record<GroundKind, string>> = {
    kernel: 'The union here is the kernel’s overlay, in a mount namespace of its own.',
    namespace: 'The union here is the kernel’s overlay, in a user namespace of yours.',
    fuse: `The union here is shale’s own behind FUSE, since this host does not let you mount the kernel’s (${reason ?? ''}).`,
    union: `The union here is shale’s own, since this host does not let you mount (${reason ?? ''}). Commands on M are carried out by it.`,
  }
  const zh: Readonly<Record<GroundKind, string>> = {
    kernel: '这里的联合挂载由内核 overlay 完成，在单独的挂载命名空间里。',
    namespace: '这里的联合挂载由内核 overlay 完成，在你自己的用户命名空间里。',
    fuse: `这里的合并由 shale 通过 FUSE 完成，因为本机不允许你使用内核的挂载（${reason ?? ''}）。`,
    union: `这里的合并由 shale 自己完成，因为本机不允许你挂载（${reason ?? ''}）。针对 M 的命令由 shale 执行。`,
  }
  return (language === 'en' ? en : zh)[kind]
}

/** @returns how many steps were not as expected */
async function show(
  lesson: Lesson,
  language: Language,
  options: LabOptions,
  context: Context,
): Promise<number> {
  const { runLesson } = await import('../../src/index.ts')
  const results: StepResult[] = []
  const words = WORDS[language]
  const out = context.json
    ? () => Promise.resolve()
    : (text: string) => context.stdout.write(safeLines(text))
  const width = Math.min(context.stdout.columns ?? 100, 100)
  await out(`${lesson.title[language]}\n\n${wrapped(lesson.intro[language], width)}\n`)
  let ground: GroundKind | undefined
  const running = runLesson(lesson, {
    shale: thisProgram(),
    signal: context.signal,
    onStart: async ({ kind, reason }) => {
      ground = kind
      await out(`\n${wrapped(groundText(kind, reason, language), width)}\n`)
    },
    onStep: async (step, number, command) => {
      if (options.pause && number > 1) await pause(words.next, context)
      await out(
        `\n${number}. ${wrapped(step.say[language], width - 3).replaceAll('\n', '\n   ')}\n`,
      )
      await out(`   $ ${command}\n`)
    },
  })
  for await (const result of running) {
    results.push(result)
    const { step, output, exitCode, asExpected } = result
    const lines = output === '' ? [] : output.split('\n').map((line) => `   ${line}\n`)
    const verdict = asExpected ? words.asExpected : words.differs
    const code = asExpected ? '' : `${words.comma}${words.exit} ${exitCode}`
    const [open, close] = words.brackets
    await out(
      `${lines.join('')}   ${open}${words.expected}${words.colon}${step.expect[language]}${words.semicolon}${verdict}${code}${close}\n`,
    )
    if ((ground === 'union' || ground === 'fuse') && step.kernel !== undefined) {
      const note = `${words.kernel}${words.colon}${step.kernel[language]}`
      await out(`   ${wrapped(note, width - 3).replaceAll('\n', '\n   ')}\n`)
    }
  }
  if (context.json) await context.stdout.write(jsonText(recordsOf(lesson, results, language)))
  return results.filter(({ asExpected }) => !asExpected).length
}

function recordsOf(lesson: Lesson, results: readonly StepResult[], language: Language): object {
  return {
    lesson: lesson.id,
    steps: results.map(({ number, step, command, output, exitCode, asExpected }) => ({
      number,
      say: step.say[language],
      command,
      expected: step.expect[language],
      output,
      exitCode,
      asExpected,
    })),
  }
}

async function pause(text: string, context: Context): Promise<void> {
  if (!context.stdin.isTTY || !context.stdout.isTerminal) return
  const asked = readline.createInterface({ input: context.stdin, output: process.stderr })
  try {
    await asked.question(text, { signal: context.signal })
  } finally {
    asked.close()
  }
}

async function check(
  lessons: readonly Lesson[],
  language: Language,
  context: Context,
): Promise<void> {
  const { runLesson } = await import('../../src/index.ts')
  const words = WORDS[language]
  const records: object[] = []
  let differ = 0
  for (const lesson of lessons) {
    const results: StepResult[] = []
    let ground: GroundKind | undefined
    const options = {
      shale: thisProgram(),
      signal: context.signal,
      onStart: ({ kind }: { readonly kind: GroundKind }) => {
        ground = kind
      },
    }
    for await (const result of runLesson(lesson, options)) results.push(result)
    const wrong = results.filter(({ asExpected }) => !asExpected)
    differ += wrong.length
    records.push({ ...recordsOf(lesson, results, language), ...(ground ? { ground } : {}) })
    if (context.json) continue
    const count = `${results.length - wrong.length}/${results.length}`
    const where = ground === undefined ? '' : ` (${ground})`
    await context.stdout.write(
      `${wrong.length === 0 ? 'ok' : 'FAILED'} ${lesson.id} ${count}${where}\n`,
    )
    for (const { number, step, command, output, exitCode } of wrong) {
      const said = output.split('\n').map((line) => `    ${line}\n`)
      await context.stdout.write(
        safeLines(
          `  ${number}. $ ${command}\n    ${words.expected}${words.colon}${step.expect[language]}${words.semicolon}${words.exit} ${exitCode}\n${said.join('')}`,
        ),
      )
    }
  }
  if (context.json) await context.stdout.write(jsonText(records))
  if (differ > 0) throw new CheckFailed()
}

async function writePage(
  lessons: readonly Lesson[],
  language: Language,
  file: string,
  context: Context,
): Promise<void> {
  const { lessonPage, runLesson } = await import('../../src/index.ts')
  const { checkOutputFile, writeDocument } = await import('../output-file.ts')
  if (file !== '-') checkOutputFile(file)
  const runs: { lesson: Lesson; results: StepResult[]; ground?: GroundKind }[] = []
  for (const lesson of lessons) {
    const run: (typeof runs)[number] = { lesson, results: [] }
    const options = {
      shale: thisProgram(),
      signal: context.signal,
      pictures: true,
      onStart: ({ kind }: { readonly kind: GroundKind }) => {
        run.ground = kind
      },
    }
    for await (const result of runLesson(lesson, options)) run.results.push(result)
    runs.push(run)
    await context.log('info', `ran ${lesson.id}`)
  }
  const page = lessonPage(runs, { language, kernel: os.release() })
  if (file === '-') return context.stdout.write(page)
  await writeDocument(file, page, context.signal)
}

/** At spaces, and between Chinese characters, which take two cells each. */
function wrapped(text: string, width: number): string {
  const lines: string[] = []
  let line = ''
  let cells = 0
  for (const word of text.match(/[\u2e80-\uffef]|[^\s\u2e80-\uffef]+\s*|\s+/g) ?? []) {
    const own = word >= '\u2e80' ? 2 : word.trimEnd().length
    // A full stop or comma at the start of a line is what no Chinese text has.
    const hangs = /^[，。；：、！？）”]/.test(word)
    if (cells > 0 && cells + own > width && !hangs) {
      lines.push(line.trimEnd())
      line = ''
      cells = 0
    }
    line += word
    cells += own + (word.length - word.trimEnd().length)
  }
  return [...lines, line.trimEnd()].join('\n')
}
