// The merge over real directories, against two oracles: a model that shares no code with it, and the kernel itself.

import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import fc from 'fast-check'
import { pathText } from '../../src/path/byte-path.ts'
import { unmount } from '../../src/sys/mount.ts'
import { mountKernel, unreadableForm } from '../../src/view/kernel.ts'
import { LayerStack } from '../../src/view/stack.ts'
import { formsHere, overlaySkip, writeStack } from '../support/layer-directory.ts'
import { memoryLayer } from '../support/memory-layer.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { layerStacks, linesOf, modelMerge } from '../support/merge-model.ts'

const RUNS = 60

/** Path -> type and content, by our merge. */
function seenByUs(
  directories: readonly string[],
  form: 'trusted' | 'user' | 'none',
): Map<string, string> {
  using stack = new LayerStack(directories, { form })
  const seen = new Map<string, string>()
  for (const entry of stack.view.walk()) {
    const node = stack.view.node(entry)!
    const content =
      node.type === 'file'
        ? fs.readFileSync(path.join(directories[node.layer]!, pathText(node.path)), 'utf8')
        : ''
    seen.set(entry.path, `${node.type} ${pathText(node.linkTarget)}${content}`)
  }
  return seen
}

/** The same by node:fs over a mount. A name that readdir shows and lstat does not have is a whiteout that leaked (an old kernel fault). */
function seenInMount(root: string): Map<string, string> {
  const seen = new Map<string, string>()
  const walk = (dir: string): void => {
    for (const name of fs.readdirSync(path.join(root, dir))) {
      const at = dir === '' ? name : `${dir}/${name}`
      const file = path.join(root, at)
      const status = fs.lstatSync(file, { throwIfNoEntry: false })
      if (status === undefined) continue
      if (status.isDirectory()) {
        seen.set(at, 'directory ')
        walk(at)
      } else if (status.isSymbolicLink()) seen.set(at, `symlink ${fs.readlinkSync(file)}`)
      else if (status.isFile()) seen.set(at, `file ${fs.readFileSync(file, 'utf8')}`)
      else seen.set(at, 'other')
    }
  }
  walk('')
  return seen
}

const sorted = (map: Map<string, string>): [string, string][] =>
  [...map].sort(([a], [b]) => (a < b ? -1 : 1))

for (const form of formsHere()) {
  t.test(`directories in the form ${form} merge as the model says`, async (t) => {
    const home = temporaryDirectory(t)
    let run = 0
    fc.assert(
      fc.property(layerStacks, (layers) => {
        const { directories } = writeStack(path.join(home, String(run++)), layers, form)
        const expected = new Map<string, string>()
        const lines = layers.map(linesOf)
        for (const [at, { layer, type }] of modelMerge(lines)) {
          const entry = lines[layer]!.find(([path]) => path === at)![1]
          expected.set(at, `${type} ${entry.linkTarget ?? entry.content ?? ''}`)
        }
        t.same(sorted(seenByUs(directories, form)), sorted(expected))
        return t.passing()
      }),
      { numRuns: RUNS, endOnFailure: true },
    )
  })
}

for (const form of ['trusted', 'user'] as const) {
  const skip = (await overlaySkip(form === 'user')) || unreadableForm(form) || false
  t.test(`the kernel shows the same, form ${form}`, { skip }, async (t) => {
    const home = temporaryDirectory(t)
    let run = 0
    await fc.assert(
      fc.asyncProperty(layerStacks, async (layers) => {
        const place = path.join(home, String(run++))
        // A base that says nothing: one layer is no overlay, and the kernel expects no whiteouts in the last.
        const { directories, spec } = writeStack(place, [...layers, memoryLayer()], form)
        const target = path.join(place, 'merged')
        fs.mkdirSync(target)
        await mountKernel(spec, target, form)
        try {
          t.same(sorted(seenByUs(directories, form)), sorted(seenInMount(target)))
        } finally {
          unmount(target)
        }
        return t.passing()
      }),
      { numRuns: RUNS, endOnFailure: true },
    )
  })
}

t.test('a layer that is missing closes those that were opened', async (t) => {
  const home = temporaryDirectory(t)
  const { directories } = writeStack(home, [memoryLayer()], 'none')
  const open = (): number => fs.readdirSync('/proc/self/fd').length
  const before = open()
  t.throws(() => new LayerStack([...directories, path.join(home, 'nowhere')]), { code: 'ERR_HOST' })
  t.equal(open(), before)
})
