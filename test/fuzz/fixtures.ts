// What fuzzing found once stays found: every seed and every finding of fixtures/fuzz through its target, and a few
// thousand changed inputs more. `npm run fuzz` goes on from there.

import t from 'tap'
import { findingsOf, seedsOf } from '../support/fuzz/corpus-files.ts'
import { TARGETS } from '../support/fuzz/targets.ts'
import { watchRun } from '../support/fuzz/watch.ts'

/** Of changed inputs, the same ones every time; loads are slow. */
const CHANGED: Readonly<Record<string, number>> = { tar: 300, layer: 150, load: 100 }
const CHANGED_ELSE = 1000

for (const target of TARGETS) {
  t.test(target.name, async (t) => {
    const seeds = seedsOf(target)
    const inputs = [...findingsOf(target).map(({ input }) => input), ...seeds]
    const changed = CHANGED[target.name] ?? CHANGED_ELSE
    t.ok(seeds.length > 0)
    const run = await watchRun({ target: target.name, seed: 1, seconds: 0, changed, inputs })
    t.same(
      run.findings.map(({ why, input }) => `${why}\n${input.toString('base64').slice(0, 4000)}`),
      [],
    )
    t.equal(run.runs, inputs.length + changed)
  })
}

t.test('what goes wrong is found out', async (t) => {
  const orders = { seed: 1, seconds: 0, inputs: [Buffer.from('x')] }
  for (const [kind, expected] of [
    ['throws', /not a refusal/],
    ['hangs', /does not end within/],
    ['grows', /ended the thread|bytes of memory/],
    ['exits', /ended the thread with 3/],
  ] as const) {
    const order = { ...orders, target: `self-test-${kind}` }
    const { findings } = await watchRun(order, kind === 'hangs' ? 500 : undefined)
    t.match(
      findings.map(({ why }) => why),
      [expected],
      kind,
    )
    t.same(findings[0]?.input, Buffer.from('x'))
  }
})
