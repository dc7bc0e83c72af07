// UnionFs beside node:fs/promises: the same random calls on a real directory and on a union of which half is below, with
// the same results and the same errors, down to their texts.

import fs from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { systemNow } from '../../src/sys/clock.ts'
import { MemoryUpper } from '../../src/union/memory-upper.ts'
import { fsAdapter } from '../../src/unionfs/fs-adapter.ts'
import { UnionFs } from '../../src/unionfs/union-fs.ts'
import { DirectoryLayer } from '../../src/view/directory-layer.ts'
import { DirectoryUpper } from '../../src/view/upper/directory-upper.ts'
import { DiskLayer } from '../../src/view/upper/disk-layer.ts'
import { performCall, promiseCalls, type PromiseSubject } from '../support/promise-calls.ts'
import { memoryDirectory } from '../support/temporary.ts'

const RUNS = Number(process.env['SHALE_UNION_RUNS'] ?? 150)

/** Directories are found again only where nothing renames them from below (EXDEV): those are made in the union. */
function fill(root: string, dirs: boolean): void {
  fs.mkdirSync(root, { recursive: true })
  if (dirs) for (const name of ['b', 'b/c']) fs.mkdirSync(path.join(root, name))
  for (const name of ['a', 'c']) fs.writeFileSync(path.join(root, name), `${name}\nfrom below\n`)
  fs.symlinkSync('a', path.join(root, 'link'))
}

/** Node's releases word some errors differently, and cp and rm more than others. */
const skip = !process.versions.node.startsWith('20.') && "held against Node 20's calls"

t.test('the same results and errors', { skip }, async (t) => {
  // Of rmdir's recursive, once.
  process.noDeprecation = true
  const parent = memoryDirectory(t)
  let run = 0
  const umask = process.umask(0o022)
  t.teardown(() => process.umask(umask))
  const property = fc.asyncProperty(promiseCalls, fc.boolean(), async (list, inMemory) => {
    const home = path.join(parent, String(run++))
    for (const name of ['real', 'upper', 'work'])
      fs.mkdirSync(path.join(home, name), { recursive: true })
    fill(path.join(home, 'real'), true)
    fill(path.join(home, 'lower', 't'), false)
    const layer = new DirectoryLayer(path.join(home, 'lower'), { form: 'none' })
    const upper = inMemory
      ? new MemoryUpper(systemNow)
      : new DirectoryUpper(path.join(home, 'upper'), {
          form: 'user',
          work: path.join(home, 'work'),
        })
    const union = new UnionFs({ lowers: [new DiskLayer(layer)], upper })
    try {
      await union.mkdir('/t/b/c', { recursive: true })
      const real: PromiseSubject = { promises: fs.promises, root: path.join(home, 'real') }
      const promises = fsAdapter(union).promises as unknown as typeof fs.promises
      const ours: PromiseSubject = { promises, root: '/t' }
      for (const [index, call] of list.entries()) {
        const expected = await performCall(real, call)
        const actual = await performCall(ours, call)
        if (expected === actual) continue
        throw new Error(
          `call ${index} ${JSON.stringify(call)}: node:fs says ${expected}, we say ${actual}`,
        )
      }
    } finally {
      await union.close()
      layer.close()
      fs.rmSync(home, { recursive: true, force: true })
    }
  })
  await fc.assert(property, { numRuns: RUNS })
  t.pass(`${RUNS} runs`)
})

t.test('mkdir -p through links, files, dots and slashes', { skip }, async (t) => {
  const home = memoryDirectory(t)
  // None leads out of the one tree or the other.
  const targets = ['a', '.', 'b', 'b/a', 'b/../b', 'nowhere', 'self', 'a/x', 'c', 'b/none']
  const ends = [
    '',
    '/',
    '//',
    '/.',
    '/./',
    '/..',
    '/../a',
    '/x',
    '/x/',
    '/x/.',
    '/x/y',
    '/x/../y',
    '/x/./y/.',
  ]
  let cases = 0
  for (const [index, first] of targets.entries()) {
    const second = targets[(index * 3 + 1) % targets.length]!
    for (const at of ['a', 'b/a', 'c', 'b/c', 'none']) {
      for (const end of ends) {
        const root = path.join(home, String(cases++))
        const union = new UnionFs({ lowers: [], upper: new MemoryUpper(systemNow) })
        fs.mkdirSync(path.join(root, 'b'), { recursive: true })
        await union.mkdir('/t/b', { recursive: true })
        for (const [name, target] of [
          ['a', first],
          ['b/a', second],
        ] as const) {
          fs.symlinkSync(target, path.join(root, name))
          await union.symlink(target, `/t/${name}`)
        }
        fs.writeFileSync(path.join(root, 'c'), '')
        await union.writeFile('/t/c', '')
        const promises = fsAdapter(union).promises as unknown as typeof fs.promises
        const call = { name: 'mkdirDeep', a: `/${at}${end}`, b: '/', n: 0 } as const
        const expected = await performCall({ promises: fs.promises, root }, call)
        const actual = await performCall({ promises, root: '/t' }, call)
        if (expected !== actual)
          t.equal(actual, expected, `a -> ${first}, b/a -> ${second}, ${call.a}`)
        await union.close()
      }
    }
  }
  t.equal(cases, 650)
})
