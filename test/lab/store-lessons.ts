// The lessons on stores go as they say: with real tars, a real store and the command itself.

import t from 'tap'
import type { Lesson } from '../../src/lab/lesson.ts'
import { LESSONS } from '../../src/lab/lessons.ts'
import { runLesson, type StepResult } from '../../src/lab/run-lesson.ts'
import { MAIN } from '../support/cli.ts'

async function run(lesson: Lesson): Promise<StepResult[]> {
  const results: StepResult[] = []
  for await (const result of runLesson(lesson, { shale: [process.execPath, MAIN] })) {
    results.push(result)
  }
  return results
}

t.test('side by side, each on a ground of its own', async (t) => {
  const lessons = LESSONS.filter(({ union }) => !union)
  const runs = await Promise.all(lessons.map(run))
  for (const [index, results] of runs.entries()) {
    const { id, steps } = lessons[index]!
    t.equal(results.length, steps.length, id)
    for (const { step, output, exitCode, asExpected } of results) {
      t.ok(asExpected, `${id}: ${step.run}`, { output, exitCode })
    }
  }
})
