import t from 'tap'
import fc from 'fast-check'
import { pathFromText } from '../../src/path/byte-path.ts'
import { mergeLayers, type MergedView } from '../../src/union/merge.ts'
import { directory, file, memoryLayer, symlink, whiteout } from '../support/memory-layer.ts'
import { layerStacks, linesOf, modelMerge } from '../support/merge-model.ts'

const p = pathFromText
const names = (view: MergedView): string[] => [...view.walk()].map((entry) => entry.path)

t.test('the topmost layer that has a name decides', async (t) => {
  const view = mergeLayers([
    memoryLayer(file('f', 'new')),
    memoryLayer(file('f', 'old!'), file('g')),
  ])
  t.equal(view.lookup(p('f'))?.sizeBytes, 3)
  t.equal(view.lookup(p('f'))?.layer, 0)
  t.equal(view.lookup(p('g'))?.layer, 1)
})

t.test('a whiteout ends the search, and never shows', async (t) => {
  const view = mergeLayers([
    memoryLayer(whiteout('d'), whiteout('never-was')),
    memoryLayer(file('d/x')),
    memoryLayer(file('d/y')),
  ])
  t.equal(view.lookup(p('d')), undefined)
  t.equal(view.lookup(p('d/x')), undefined)
  t.equal(view.list(p('d')), undefined)
  t.same(names(view), [])
})

t.test('a whiteout in the middle hides what lies below it only', async (t) => {
  const view = mergeLayers([
    memoryLayer(file('d/top')),
    memoryLayer(whiteout('d')),
    memoryLayer(file('d/old')),
  ])
  t.same(names(view), ['d', 'd/top'])
})

t.test('a non-directory in the middle ends a directory', async (t) => {
  for (const middle of [file('d'), symlink('d', '/etc')]) {
    const view = mergeLayers([
      memoryLayer(file('d/top')),
      memoryLayer(middle),
      memoryLayer(file('d/old')),
    ])
    t.same(names(view), ['d', 'd/top'])
  }
})

t.test('an opaque directory takes part itself, and hides the rest', async (t) => {
  const view = mergeLayers([
    memoryLayer(file('d/top')),
    memoryLayer(directory('d', true), file('d/middle')),
    memoryLayer(file('d/old')),
  ])
  t.same(names(view), ['d', 'd/middle', 'd/top'])
  t.equal(mergeLayers(view.layers).lookup(p('d/old')), undefined, 'also when asked first')
})

t.test('a whiteout inside an opaque directory shows nothing', async (t) => {
  const view = mergeLayers([
    memoryLayer(directory('d', true), whiteout('d/ghost'), file('d/new')),
    memoryLayer(file('d/ghost')),
  ])
  t.same(names(view), ['d', 'd/new'])
})

t.test('roots merge whatever their mark says, as in the kernel', async (t) => {
  const view = mergeLayers([memoryLayer(directory('', true), file('a')), memoryLayer(file('b'))])
  t.same(names(view), ['a', 'b'])
})

t.test('siblings come in byte order, a directory before its content', async (t) => {
  const view = mergeLayers([
    memoryLayer(file('b/z'), file('\u{e9}'), file('Z')),
    memoryLayer(file('b-c'), file('b/a')),
  ])
  t.same(names(view), ['Z', 'b', 'b/a', 'b/z', 'b-c', p('\u{e9}')])
})

t.test('walk of what is no directory, and of one below the root', async (t) => {
  const view = mergeLayers([memoryLayer(file('d/x'), file('e'))])
  t.same([...view.walk(p('e'))], [])
  t.same([...view.walk(p('nothing'))], [])
  t.same(
    [...view.walk(p('d'))].map((entry) => entry.path),
    ['d/x'],
  )
})

t.test('no layers: nothing, not even a root', async (t) => {
  const view = mergeLayers([])
  t.equal(view.lookup(p('')), undefined)
  t.same(names(view), [])
})

t.test('a path thousands of levels deep', async (t) => {
  const deep = Array(3000).fill('x').join('/')
  const view = mergeLayers([memoryLayer(file('y')), memoryLayer(directory(deep))])
  t.equal(view.lookup(p(deep))?.type, 'directory')
  t.equal(names(mergeLayers(view.layers)).length, 3001)
})

t.test('any stack is what the layers laid on each other make', async (t) => {
  fc.assert(
    fc.property(layerStacks, (layers) => {
      const expected = modelMerge(layers.map(linesOf))
      const walked = mergeLayers(layers)
      const seen = new Map<string, { type: string; layer: number }>()
      for (const entry of walked.walk()) {
        const node = walked.node(entry)!
        if (seen.has(entry.path)) return false
        if (entry.directory !== (node.type === 'directory')) return false
        seen.set(entry.path, { type: node.type, layer: entry.layer })
      }
      if (seen.size !== expected.size) return false
      const asked = mergeLayers(layers)
      const everyName = new Set(layers.flatMap((layer) => [...layer.entries.keys()]))
      for (const path of everyName) {
        if (path === '') continue
        const want = expected.get(path)
        const walkedNode = seen.get(path)
        const node = asked.lookup(path)
        if (want?.type !== walkedNode?.type || want?.layer !== walkedNode?.layer) return false
        if (want?.type !== node?.type || want?.layer !== node?.layer) return false
        if ((want?.type === 'directory') !== (asked.list(path) !== undefined)) return false
      }
      return true
    }),
    { numRuns: 1500 },
  )
  t.pass('1500 stacks')
})

t.test('a walk lists each contributing directory once and looks nothing up', async (t) => {
  const layers = Array.from({ length: 125 }, (_, i) =>
    memoryLayer(file(`own${i}/a/b/c`), file('shared/x'), file(`shared/y${i}`)),
  )
  const view = mergeLayers(layers)
  t.equal(names(view).length, 125 * 4 + 1 + 1 + 125)
  for (const { asked, entries } of layers) {
    const directories = [...entries.values()].filter((entry) => entry.type === 'directory')
    t.equal(asked.list, directories.length)
    t.equal(asked.lookup, 0)
    t.ok(asked.opaque <= 1, 'only what lies in several layers')
  }
})

t.test('a name is asked only of the layers that take part in its directory', async (t) => {
  const layers = Array.from({ length: 125 }, (_, i) => memoryLayer(file(`own${i}/x`), file('f')))
  const view = mergeLayers(layers)
  view.lookup(p('own60/x'))
  for (const { asked } of layers) asked.lookup = 0
  t.equal(view.lookup(p('own60/none')), undefined)
  t.same(
    layers.map(({ asked }) => asked.lookup),
    layers.map((_, i) => (i === 60 ? 1 : 0)),
  )
})
