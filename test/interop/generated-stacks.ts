// Ten thousand generated stacks: the union of the applied directories, the kernel's own overlay over them, the vfs
// driver's whole trees, and lint, each against the model of the spec's text. What fails is shrunk and kept as a fixture.

import fs from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import {
  checkStack,
  emptyDriver,
  keepCounterExample,
  stacks,
  stackText,
} from '../support/generated-stacks.ts'
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
  const checks = { driver, ...(noKernel === false ? { mountPoint } : {}) }
  let refused = 0
  const details = await fc.check(
    fc.asyncProperty(stacks, async (stack) => {
      // Whole trees take the longest: every third stack, told by what it holds, so that shrinking stays with it.
      const isThird = stack.flat().length % 3 === 0
      const result = await checkStack(stack, isThird ? { ...checks, whole } : checks)
      if (result.refused) refused++
      if (result.wrong !== undefined) throw new Error(result.wrong)
    }),
    { numRuns: STACKS },
  )
  const { counterexample, errorInstance } = details
  if (counterexample !== null) {
    const [layers] = counterexample
    const name = errorInstance instanceof Error ? errorInstance.message : String(errorInstance)
    const file = keepCounterExample({ name, layers })
    t.fail(`${name}\n${stackText(layers)}\n${file}\n${fs.readFileSync(file, 'utf8')}`)
  }
  t.ok(details.numRuns >= STACKS, `${details.numRuns} stacks, ${refused} of them refused`)
})
