// More names than a tree remembers: between two calls it forgets those that nobody holds, and never within one.

import t from 'tap'
import { MemoryUpper } from '../../src/union/memory-upper.ts'
import { UnionTree } from '../../src/union/tree.ts'
import { UnionCalls } from '../../src/unionfs/calls.ts'
import { removeTree } from '../../src/unionfs/trees.ts'
import { file, memoryLayer } from '../support/memory-layer.ts'

const CALLS: Readonly<Record<string, (calls: UnionCalls) => void>> = {
  rename: (calls) => calls.rename('/w/a', '/w/b'),
  link: (calls) => calls.link('/w/a', '/w/b'),
  'rm -r': (calls) => removeTree(calls, '/w', { recursive: true }),
}
/** From room for none to room for all of them. */
const ROOM = [0, 1, 2, 3, 4, 5, 6]

for (const [name, call] of Object.entries(CALLS)) {
  t.test(`${name}, with room for a few names`, async (t) => {
    for (const entriesMax of ROOM) {
      const layer = memoryLayer(file('w/a'), file('w/c'), file('w/d/e'))
      const lower = {
        ...layer,
        fileSystem: 'memory',
        openBody: () => ({ read: () => 0, status: () => 0, close: () => {} }),
      }
      const layers = { lowers: [lower], upper: new MemoryUpper(() => 0n) }
      const calls = new UnionCalls(new UnionTree(layers, () => 0n, entriesMax))
      t.doesNotThrow(() => call(calls), `room for ${entriesMax}`)
      t.equal(calls.exists('/w/c'), name !== 'rm -r')
    }
  })
}

t.test('whoever only asks whether names exist has them forgotten too', async (t) => {
  const layer = memoryLayer(file('a'), file('b'))
  const lower = { ...layer, fileSystem: 'memory', openBody: () => -1 }
  const calls = new UnionCalls(new UnionTree({ lowers: [lower] }, () => 0n, 1))
  const before = layer.asked.lookup
  for (const path of ['/a', '/b', '/a']) t.ok(calls.exists(path))
  t.equal(layer.asked.lookup - before, 3)
})
