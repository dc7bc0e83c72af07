// All lessons as one HTML page that needs nothing else: what was typed, what was expected, what happened when the page
// was made, and the pictures. Both languages are in it; the reader changes between them without a network.

import type { Language } from '../explain/sentences.ts'
import type { GroundKind } from './ground.ts'
import type { Bilingual, Lesson } from './lesson.ts'
import { PAGE_SCRIPT, PAGE_STYLE } from './page-style.ts'
import type { StepResult } from './run-lesson.ts'

export interface LessonRun {
  readonly lesson: Lesson
  readonly results: readonly StepResult[]
  /** Of lessons on the union. */
  readonly ground?: GroundKind
}

export interface LessonPageOptions {
  /** Which the page opens in; default `en`. */
  readonly language?: Language
  /** uname -r, where the lessons ran. */
  readonly kernel?: string
}

const TITLE: Bilingual = { en: 'Layers and unions', zh: '镜像层与联合文件系统' }
const LEAD: Bilingual = {
  en: 'Real commands in real directories, step by step. What stands below each command is what it printed when this page was made.',
  zh: '每一步都是真实目录里的真实命令。命令下面是生成本页时它的实际输出。',
}
const CONTENTS: Bilingual = { en: 'Lessons', zh: '目录' }
const EXPECTED: Bilingual = { en: 'Expected', zh: '预期' }
const AS_EXPECTED: Bilingual = { en: 'as expected', zh: '符合预期' }
const DIFFERS: Bilingual = { en: 'differs', zh: '与预期不符' }
const KERNEL: Bilingual = { en: 'In the kernel', zh: '内核的行为' }
const NO_OUTPUT: Bilingual = { en: 'no output', zh: '没有输出' }
const GROUNDS: Readonly<Record<GroundKind, Bilingual>> = {
  kernel: { en: 'Run with the kernel’s overlay.', zh: '用内核 overlay 运行。' },
  namespace: {
    en: 'Run with the kernel’s overlay in a user namespace.',
    zh: '在用户命名空间里用内核 overlay 运行。',
  },
  fuse: {
    en: 'Run with shale’s own union behind FUSE.',
    zh: '用 shale 自己的合并引擎（FUSE）运行。',
  },
  union: { en: 'Run with shale’s own union.', zh: '用 shale 自己的合并引擎运行。' },
}

/** @returns a whole HTML document */
export function lessonPage(runs: readonly LessonRun[], options: LessonPageOptions = {}): string {
  const language = options.language ?? 'en'
  const kernel = options.kernel === undefined ? '' : ` Linux ${escaped(options.kernel)}.`
  return `<!DOCTYPE html>
<html lang="${language === 'zh' ? 'zh-Hans' : 'en'}" data-language="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${TITLE[language]} · shale</title>
<style>${PAGE_STYLE}</style>
</head>
<body>
<header>
<p class="brand">shale lab</p>
<h1>${both(TITLE)}</h1>
<p class="lead">${both(LEAD)}${kernel}</p>
<p class="languages"><button type="button" data-set="en">English</button><button type="button" data-set="zh">中文</button></p>
</header>
<nav aria-label="${CONTENTS[language]}"><ol>
${runs.map(({ lesson }) => `<li><a href="#${lesson.id}">${both(lesson.title)}</a></li>`).join('\n')}
</ol></nav>
<main>
${runs.map((run, index) => section(run, index + 1)).join('\n')}
</main>
<script>${PAGE_SCRIPT}</script>
</body>
</html>
`
}

function section({ lesson, results, ground }: LessonRun, number: number): string {
  const where = ground === undefined ? '' : `<p class="ground">${both(GROUNDS[ground])}</p>`
  return `<section id="${lesson.id}">
<h2><span class="number">${number}</span>${both(lesson.title)}</h2>
<p class="intro">${both(lesson.intro)}</p>
${where}
<ol class="steps">
${results.map((result) => item(result, ground)).join('\n')}
</ol>
</section>`
}

function item(result: StepResult, ground: GroundKind | undefined): string {
  const { step, command, output, asExpected, picture } = result
  const verdict = asExpected ? AS_EXPECTED : DIFFERS
  const said =
    output === ''
      ? `<p class="silent">${both(NO_OUTPUT)}</p>`
      : `<pre class="output">${escaped(output)}</pre>`
  const note =
    step.kernel !== undefined && (ground === 'union' || ground === 'fuse')
      ? `<p class="kernel"><strong class="label">${both(KERNEL)}</strong>${both(step.kernel)}</p>`
      : ''
  const drawn =
    picture === undefined
      ? ''
      : `<figure>${(['en', 'zh'] as const).map((each) => `<div lang="${langOf(each)}" class="only-${each}">${picture[each]}</div>`).join('')}</figure>`
  return `<li class="${asExpected ? 'good' : 'bad'}">
<p class="say">${both(step.say)}</p>
<pre class="command"><code>${broken(command)}</code></pre>
${said}
<p class="expect"><span class="label">${both(EXPECTED)}</span>${both(step.expect)} <span class="verdict">${both(verdict)}</span></p>
${note}${drawn}
</li>`
}

/** A command of several is easier to read one a line; it stays one text that can be copied. */
function broken(command: string): string {
  return escaped(
    command.replaceAll(/; (?=[a-zA-Z[(])/g, (separator, at: number) =>
      isQuoted(command, at) || /\b(do|then)\b/.test(command) ? separator : ';\n',
    ),
  )
}

function isQuoted(command: string, at: number): boolean {
  const before = command.slice(0, at)
  return before.split("'").length % 2 === 0 || before.split('"').length % 2 === 0
}

function both({ en, zh }: Bilingual): string {
  return `<span lang="en" class="only-en">${escaped(en)}</span><span lang="zh-Hans" class="only-zh">${escaped(zh)}</span>`
}

function langOf(language: Language): string {
  return language === 'zh' ? 'zh-Hans' : 'en'
}

function escaped(text: string): string {
  return (
    text
      .replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replaceAll('>', '&gt;')
      .replaceAll('"', '&quot;')
      // eslint-disable-next-line no-control-regex
      .replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, '\ufffd')
  )
}
