// Five thousand random sequences of thirty operations, beside the kernel's overlay mount: on UnionFs with its changes in
// a directory and in memory, through the FUSE view, and in a user namespace.

import t from 'tap'
import { fuseUnavailable } from '../../src/sys/fuse-device.ts'
import { isInterop } from '../support/host.ts'
import { overlaySkip } from '../support/layer-directory.ts'
import { memoryDirectory } from '../support/temporary.ts'
import { runInNamespace } from '../support/union-namespace.ts'
import { compareIn, keptSequences, runSequences, type Side } from '../support/union-sequences.ts'

const RUNS: Readonly<Record<Side, number>> = { directory: 3000, memory: 2000, fuse: 40 }
/** A server is started for each batch. */
const FUSE_BATCH = 25
const NAMESPACE_RUNS = 1000

t.setTimeout(600_000)

const off = !isInterop && 'runs in test:interop'
const skip = off || (await overlaySkip())

for (const side of ['directory', 'memory', 'fuse'] as const) {
  const isFuse = side === 'fuse'
  const noFuse = isFuse && !skip ? (fuseUnavailable(true) ?? false) : false
  t.test(`beside an overlay mount: ${side}`, { skip: skip || noFuse }, async (t) => {
    const parent = memoryDirectory(t)
    await compareIn(
      parent,
      keptSequences().map(({ sequence }) => sequence),
      { side, form: 'trusted' },
    )
    const runs = RUNS[side]
    await runSequences({ parent, runs, side, form: 'trusted', batch: isFuse ? FUSE_BATCH : 1 })
    t.pass(isFuse ? `${runs} batches of up to ${FUSE_BATCH} sequences` : `${runs} sequences`)
  })
}

t.test('beside an overlay mount in a user namespace', { skip: off }, async (t) => {
  const { skip: reason, code, output } = runInNamespace(NAMESPACE_RUNS)
  if (reason !== undefined) t.comment(`skipped: ${reason}`)
  else t.equal(code, 0, output)
})
