// The page of lessons: one file that fetches nothing, whatever a command printed. How it looks is for a browser to say
// (test/interop/lab-web.ts).

import t from 'tap'
import type { Bilingual, Lesson } from '../../src/lab/lesson.ts'
import { lessonPage } from '../../src/lab/page.ts'

const text: Bilingual = { en: 'An <b>English</b> text', zh: '中文' }
const step = { say: text, expect: text, run: 'cat a; ls "b; c"', output: '' }
const lesson: Lesson = { id: 'x', title: text, intro: text, union: true, steps: [step] }
const kernel: Bilingual = { en: 'otherwise', zh: '不同' }

t.test('what was printed is text', async (t) => {
  const result = {
    number: 1,
    step,
    command: step.run,
    output: '</pre><script>bad()</script>\u001b[1m',
    exitCode: 0,
  }
  const page = lessonPage([{ lesson, results: [{ ...result, asExpected: false }] }])
  t.match(page, '&lt;/pre&gt;&lt;script&gt;bad()')
  t.equal(page.split('<script>').length, 2, 'its own script alone')
  t.notMatch(page, '\u001b')
  t.notMatch(page, /https?:|url\(|@import|<link|src=/)
  t.match(page, '<li class="bad">')
  t.match(page, 'cat a;\nls &quot;b; c&quot;', 'commands one a line, but for what is quoted')
})

t.test('in the language that was asked for, and what the kernel would do', async (t) => {
  const results = [
    {
      number: 1,
      step: { ...step, kernel },
      command: step.run,
      output: '',
      exitCode: 0,
      asExpected: true,
    },
  ]
  const page = lessonPage([{ lesson, results, ground: 'union' }], { language: 'zh' })
  t.match(page, '<html lang="zh-Hans" data-language="zh">')
  t.match(page, 'otherwise')
  t.match(page, '<li class="good">')
  t.notMatch(lessonPage([{ lesson, results, ground: 'kernel' }]), 'otherwise')
})
