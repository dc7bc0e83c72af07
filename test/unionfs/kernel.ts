// The kernel's overlay is the oracle of copy-on-write: the same operations on its mount and on UnionFs, over the same
// layers, give the same results, the same errnos, the same tree; and an upper directory that UnionFs wrote is read by
// the kernel as what it is. Sequences that once told them apart are kept in fixtures/union.
// An ordinary user has the kernel's overlay in a user namespace, where the host allows one.

import t from 'tap'
import { overlaySkip } from '../support/layer-directory.ts'
import { memoryDirectory } from '../support/temporary.ts'
import { runInNamespace } from '../support/union-namespace.ts'
import { compareIn, keptSequences, runSequences } from '../support/union-sequences.ts'

const RUNS = Number(process.env['SHALE_UNION_RUNS'] ?? 200)
const skip = await overlaySkip()

for (const side of ['directory', 'memory'] as const) {
  t.test(`beside an overlay mount, changes kept in: ${side}`, { skip }, async (t) => {
    const parent = memoryDirectory(t)
    for (const { why, sequence } of keptSequences()) {
      await compareIn(parent, [sequence], { side, form: 'trusted' })
      t.pass(why)
    }
    await runSequences({ parent, runs: RUNS, side, form: 'trusted' })
    t.pass(`${RUNS} sequences`)
  })
}

t.test('beside an overlay mount in a user namespace', async (t) => {
  const { skip: reason, code, output } = runInNamespace(RUNS)
  if (reason !== undefined) {
    t.comment(`skipped: ${reason}`)
    t.pass(reason)
    return
  }
  t.equal(code, 0, output)
})
