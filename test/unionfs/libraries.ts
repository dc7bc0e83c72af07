// Libraries that take an `fs` work on a union as on the disk: glob by callbacks, by calls at once and by promises,
// tinyglobby by callbacks and at once. What they find in a union of three layers they find in the same tree written out.

import fs from 'node:fs'
import path from 'node:path'
import { glob, globSync, type GlobOptionsWithFileTypesFalse } from 'glob'
import t from 'tap'
import * as tiny from 'tinyglobby'
import { systemNow } from '../../src/sys/clock.ts'
import { MemoryUpper } from '../../src/union/memory-upper.ts'
import { fsAdapter } from '../../src/unionfs/fs-adapter.ts'
import { UnionFs } from '../../src/unionfs/union-fs.ts'
import { LayerStack } from '../../src/view/stack.ts'
import { materialise } from '../../src/view/materialise.ts'
import { DiskLayer } from '../../src/view/upper/disk-layer.ts'
import { writeStack } from '../support/layer-directory.ts'
import { directory, file, memoryLayer, symlink, whiteout } from '../support/memory-layer.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const PATTERNS = [
  '**',
  '**/*.js',
  't/src/{a,b}*',
  't/*/',
  '**/.hidden',
  't/src/../src/*.js',
  'no/*',
]

t.test('glob and tinyglobby', async (t) => {
  const home = temporaryDirectory(t)
  const { directories } = writeStack(
    home,
    [
      memoryLayer(file('t/src/a.js', 'new'), whiteout('t/src/gone.js'), directory('t/old', true)),
      memoryLayer(file('t/src/b.js'), file('t/.hidden'), symlink('t/link', 'src')),
      memoryLayer(
        file('t/src/a.js'),
        file('t/src/gone.js'),
        file('t/old/x.js'),
        file('t/deep/d/e.js'),
      ),
    ],
    'none',
  )
  using stack = new LayerStack(directories, { form: 'none' })
  const real = path.join(home, 'real')
  fs.mkdirSync(real)
  await materialise(stack, real)
  fs.writeFileSync(path.join(real, 't/src/made.js'), '')
  fs.rmSync(path.join(real, 't/deep'), { recursive: true })
  await using union = new UnionFs({
    lowers: stack.layers.map((layer) => new DiskLayer(layer)),
    upper: new MemoryUpper(systemNow),
  })
  await union.writeFile('/t/src/made.js', '')
  await union.rm('/t/deep', { recursive: true })
  const adapter = fsAdapter(union)

  for (const pattern of PATTERNS) {
    const plain: GlobOptionsWithFileTypesFalse = { cwd: path.join(real, 't'), dot: true }
    const ours: GlobOptionsWithFileTypesFalse = { ...plain, cwd: '/t', fs: adapter }
    const relative = pattern.replace(/^t\//, '')
    const expected = globSync(relative, plain).sort()
    t.same((await glob(relative, ours)).sort(), expected, `glob ${relative}`)
    t.same(globSync(relative, ours).sort(), expected, `globSync ${relative}`)
    const where = { cwd: real, dot: true, onlyFiles: false }
    const found = tiny.globSync(pattern, where).sort()
    const there = { ...where, cwd: '/', fs: adapter }
    t.same((await tiny.glob(pattern, there)).sort(), found, `tinyglobby ${pattern}`)
    t.same(tiny.globSync(pattern, there).sort(), found, `tinyglobby at once ${pattern}`)
  }
  t.ok(globSync('**/*.js', { cwd: '/t', fs: adapter }).includes('src/made.js'))
  // Also for the compiler: whoever asks for node:fs/promises is given it, but for what tells of changes.
  const promises: Omit<typeof fs.promises, 'watch'> = adapter.promises
  t.equal(await promises.readFile('/t/src/a.js', 'utf8'), 'new')
})
