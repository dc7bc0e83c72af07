// Some hundred generated stacks against every oracle of test/support/generated-stacks.ts, and the counter-examples that
// were found so far. test/interop/generated-stacks.ts runs ten thousand.

import fs from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import {
  checkStack,
  emptyDriver,
  stacks,
  stackText,
  type Stack,
} from '../support/generated-stacks.ts'
import { canMountOverlay } from '../support/host.ts'
import type { ModelEntry } from '../support/spec-model.ts'
import { memoryDirectory } from '../support/temporary.ts'

const dir = memoryDirectory(t)
const driver = emptyDriver(dir, 'overlay2')
const whole = emptyDriver(dir, 'vfs')
const mountPoint = path.join(dir, 'mounted')
fs.mkdirSync(mountPoint)
const kernel = canMountOverlay() && driver.form === 'trusted' ? { mountPoint } : {}

const f = (name: string): ModelEntry => ({
  path: name,
  type: 'file',
  content: name.includes('.wh.') ? '' : name,
  mode: 0o644,
})
const d = (name: string): ModelEntry => ({ path: name, type: 'directory', mode: 0o700 })
const s = (name: string, target: string): ModelEntry => ({ path: name, type: 'symlink', target })
const l = (name: string, target: string): ModelEntry => ({ path: name, type: 'hardlink', target })

/** Found by generation and shrunk, each with what went wrong. */
const NAMED: Readonly<Record<string, Stack>> = {
  'a whiteout where nothing lies below: the kernel listed it': [[d('a'), f('a/b')], [f('c/.wh.x')]],
  'a whiteout in a base layer, shown alone': [[f('a/.wh.b'), f('.wh.c')]],
  'an opaque marker before its directory becomes a file': [
    [f('a/x')],
    [f('a/.wh..wh..opq'), f('a')],
    [f('b')],
  ],
  'an opaque root beside a directory that both layers have': [
    [d('a'), f('a/old'), f('old')],
    [f('.wh..wh..opq'), d('a'), f('a/new')],
  ],
  'an opaque marker that comes to the root through a link': [
    [f('old'), d('a'), f('a/old')],
    [s('c', '../../..'), f('c/.wh..wh..opq'), f('a/new')],
  ],
  'a whiteout through a link that comes later in the layer': [
    [d('a'), f('a/x'), f('a/y')],
    [f('b/.wh.x'), s('c', 'a'), f('c/.wh.y')],
  ],
  'whiteouts of one name, directly and through a link to nothing': [
    [d('a'), f('a/x')],
    [s('c', 'a'), f('c/.wh.x'), f('a/.wh.x')],
  ],
  'a directory removed through a link while it was open': [
    [d('a'), d('a/b'), s('c', 'a'), f('a/b/x'), f('c/b'), f('a/b.2'), f('a/c/y')],
  ],
  'a directory replaced through a link, whose times came last': [
    [d('a'), d('a/b'), s('c', 'a'), f('c/b')],
    [d('a'), d('a/b'), s('c', 'a'), s('c/b', 'nowhere')],
  ],
  'a link that an entry through it replaces': [[s('a', '.'), f('a/a')]],
  'links in a circle on the way to a directory of before': [
    [s('a', '/b/c/d'), d('a/e'), s('b/c', '/b/c/f')],
  ],
  'a marker behind links in a circle': [[s('b', 'b/a'), f('b/.wh.a')]],
  'a hardlink in the place of the directory of its target': [[f('c/b'), l('c', 'c/b')]],
  'a hardlink in the place of a file, which keeps its other name': [
    [f('a'), l('b', 'a'), f('c'), l('a', 'c')],
    [f('.wh.b')],
  ],
}

t.test('named stacks', async (t) => {
  for (const [name, stack] of Object.entries(NAMED)) {
    const { wrong } = await checkStack(stack, { driver, whole, ...kernel })
    t.equal(wrong, undefined, name)
  }
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
