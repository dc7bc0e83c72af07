// Ten thousand generated stacks: the union of the applied directories, and lint, against the model of the spec's text;
// a thousand of them against the kernel's own overlay, and a thousand against the vfs driver's whole trees.

import fs from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { checkStack, emptyDriver, stacks, stackText } from '../support/generated-stacks.ts'
import { unless } from '../support/host.ts'
import { memoryDirectory } from '../support/temporary.ts'

const STACKS = 10_000

t.setTimeout(600_000)

t.test('generated stacks', { skip: unless({ interop: true }) }, async (t) => {
  const dir = memoryDirectory(t)
  const driver = emptyDriver(dir, 'overlay2')
  const whole = emptyDriver(dir, 'vfs')
  const mountPoint = path.join(dir, 'mounted')
  fs.mkdirSync(mountPoint)
  const noKernel = driver.form === 'trusted' ? unless({ overlay: true }) : 'needs root'
  if (noKernel !== false) t.comment(`the kernel is not asked: ${noKernel}`)
  let runs = 0
  let refused = 0
  let mounted = 0
  await fc.assert(
    fc.asyncProperty(stacks, async (stack) => {
      const turn = runs++ % 10
      const byKernel = turn === 0 && noKernel === false
      if (byKernel) mounted++
      const result = await checkStack(stack, {
        driver,
        ...(byKernel ? { mountPoint } : {}),
        ...(turn === 5 ? { whole } : {}),
      })
      if (result.refused) refused++
      if (result.wrong !== undefined) throw new Error(`${result.wrong}\n${stackText(stack)}`)
    }),
    // A counter-example of the kernel's or the whole trees' would be shrunk on other turns: seed and path say it all.
    { numRuns: STACKS, endOnFailure: true },
  )
  t.ok(runs >= STACKS, `${runs} stacks, ${refused} of them refused, ${mounted} mounted`)
})
