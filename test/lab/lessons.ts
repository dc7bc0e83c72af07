// The lessons tell the truth: each runs as it says, on every ground that this host gives this user; and each is whole in
// both languages. What does not happen as expected is seen.

import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import t from 'tap'
import { Ground, GROUND_KINDS, type GroundKind } from '../../src/lab/ground.ts'
import type { Bilingual, Lesson } from '../../src/lab/lesson.ts'
import { LESSONS, lessonOf } from '../../src/lab/lessons.ts'
import { runLesson, type StepResult } from '../../src/lab/run-lesson.ts'
import { MAIN } from '../support/cli.ts'
import { againAsUser, fuseSkip, isFuseUser } from '../support/fuse-for-users.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const shale = [process.execPath, MAIN]

async function run(lesson: Lesson, kind?: GroundKind): Promise<StepResult[]> {
  const results: StepResult[] = []
  const options = { shale, ...(kind === undefined ? {} : { kind }) }
  for await (const result of runLesson(lesson, options)) results.push(result)
  return results
}

function unexpected(results: readonly StepResult[]): object[] {
  return results
    .filter(({ asExpected }) => !asExpected)
    .map(({ step, output, exitCode }) => ({ command: step.run, output, exitCode }))
}

/** Why this host does not let this user mount there. */
async function refusal(kind: GroundKind): Promise<string | false> {
  if (kind === 'kernel' && process.geteuid?.() !== 0) return 'mounting needs root'
  const fuse = kind === 'fuse' && fuseSkip()
  if (fuse !== false) return fuse
  try {
    const ground = await Ground.open({ shale, kind })
    await ground[Symbol.asyncDispose]()
    return false
  } catch (error) {
    if (kind === 'fuse' && isFuseUser) throw error
    return `no ${kind} mounts here: ${(error as Error).message}`
  }
}

// The others have been seen without a /dev/fuse for all.
for (const kind of isFuseUser ? (['fuse'] as const) : GROUND_KINDS) {
  t.test(`unions, ${kind}`, { skip: await refusal(kind) }, async (t) => {
    const lessons = LESSONS.filter(({ union }) => union)
    const runs = await Promise.all(lessons.map((lesson) => run(lesson, kind)))
    for (const [index, results] of runs.entries()) {
      const lesson = lessons[index]!
      t.equal(results.length, lesson.steps.length, lesson.id)
      t.same(unexpected(results), [], `${lesson.id} goes as told`)
    }
  })
}

t.test('nothing is left behind', async (t) => {
  const dir = temporaryDirectory(t)
  const before = process.env['TMPDIR']
  process.env['TMPDIR'] = dir
  t.teardown(() => {
    if (before === undefined) delete process.env['TMPDIR']
    else process.env['TMPDIR'] = before
  })
  t.equal(os.tmpdir(), dir)
  await run(lessonOf('opaque'))
  t.same(fs.readdirSync(dir), [])
  // Left half-way, as with Ctrl-C.
  for await (const result of runLesson(lessonOf('merge'), { shale })) if (result.number === 3) break
  t.same(fs.readdirSync(dir), [])
  const mounts = fs.readFileSync('/proc/self/mounts', 'utf8')
  t.notMatch(mounts, path.basename(dir))
})

t.test('what does not happen as expected is seen', async (t) => {
  const text = (en: string): Bilingual => ({ en, zh: en })
  const step = { say: text('x'), expect: text('x') }
  const results = await run({
    id: 'wrong',
    title: text('wrong'),
    intro: text('wrong'),
    union: false,
    steps: [
      { ...step, run: 'echo a', output: 'b' },
      { ...step, run: 'false', output: '' },
      { ...step, run: 'echo "$GREETING" | tr a-z A-Z', output: '' },
      { ...step, run: 'sh -c "exit 3"', output: /^$/, exitCode: 3 },
      { ...step, run: "GREETING='it''s kept'", output: '' },
      { ...step, run: 'cd /; echo "$GREETING"; echo told >&2', output: 'its kept\ntold' },
    ],
  })
  t.same(
    results.map(({ asExpected }) => asExpected),
    [false, false, true, true, true, true],
  )
})

t.test('a shell that ends is an error, not a wait', async (t) => {
  const text: Bilingual = { en: 'x', zh: 'x' }
  const steps = [{ say: text, expect: text, run: 'exit 1', output: '' }]
  const lesson: Lesson = { id: 'x', title: text, intro: text, union: false, steps }
  await t.rejects(run(lesson), { code: 'ERR_HOST' })
  const controller = new AbortController()
  controller.abort()
  const running = runLesson(lessonOf('merge'), { shale, signal: controller.signal })
  await t.rejects(running.next(), { name: 'AbortError' })
})

t.test('both languages are whole', async (t) => {
  t.equal(new Set(LESSONS.map(({ id }) => id)).size, LESSONS.length)
  for (const { title, intro, steps } of LESSONS) {
    const texts = steps.flatMap(({ say, expect, kernel }) => [
      say,
      expect,
      ...(kernel ? [kernel] : []),
    ])
    // The words before it say of whom it is.
    for (const { kernel } of steps) t.notMatch(`${kernel?.en} ${kernel?.zh}`, /the kernel|内核/i)
    for (const { en, zh } of [title, intro, ...texts]) {
      t.notMatch(en, /[\u2e80-\uffef]/, en)
      t.notMatch(zh, /[\u2e80-\uffef] ?[,;!?]|[,;] ?[\u2e80-\uffef]/, `Chinese punctuation: ${zh}`)
    }
    for (const { en, zh } of [title, intro, ...steps.map(({ say }) => say)]) {
      t.match(zh, /[\u4e00-\u9fff]/, en)
    }
  }
})

t.test('a lesson that there is not', async (t) => {
  t.throws(() => lessonOf('none'), { code: 'ERR_FILE_NOT_FOUND', message: /there are merge, / })
})

againAsUser(import.meta.url)
