// Some hundred generated stacks against every oracle of test/support/generated-stacks.ts, and the counter-examples that
// were found so far. test/interop/generated-stacks.ts runs ten thousand.

import fs from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import {
  checkStack,
  counterExamples,
  emptyDriver,
  stacks,
  stackText,
} from '../support/generated-stacks.ts'
import { canMountOverlay } from '../support/host.ts'
import { memoryDirectory } from '../support/temporary.ts'

const dir = memoryDirectory(t)
const driver = emptyDriver(dir, 'overlay2')
const whole = emptyDriver(dir, 'vfs')
const mountPoint = path.join(dir, 'mounted')
fs.mkdirSync(mountPoint)
const kernel = canMountOverlay() && driver.form === 'trusted' ? { mountPoint } : {}

t.test('counter-examples of before', async (t) => {
  const found = counterExamples()
  for (const { name, layers } of found) {
    const { wrong } = await checkStack(layers, { driver, whole, ...kernel })
    t.equal(wrong, undefined, name)
  }
  t.ok(found.length >= 14)
})

t.test('generated stacks', async (t) => {
  let refused = 0
  let runs = 0
  await fc.assert(
    fc.asyncProperty(stacks, async (stack) => {
      const result = await checkStack(stack, { driver, whole, ...kernel })
      runs++
      if (result.refused) refused++
      if (result.wrong !== undefined) throw new Error(`${result.wrong}\n${stackText(stack)}`)
    }),
    { numRuns: 400 },
  )
  t.ok(refused > 0 && refused < runs / 2, `${runs} stacks, ${refused} of them to be refused`)
})
