// Trees out of different programs, brought to one form and held against each other.

import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { judgeTrees, mergeLayers, readLayer, type LayerTree, type Node } from '../../bench/trees.ts'

const file = (content: string, linkedTo?: string): Node => ({
  type: 'file',
  mode: 0o644,
  owner: '0:0',
  mtimeNs: 1n,
  content,
  ...(linkedTo === undefined ? {} : { linkedTo }),
})
const directory: Node = { type: 'directory', mode: 0o755, owner: '0:0', content: '' }

function layer(
  nodes: Readonly<Record<string, Node>>,
  marks: { readonly whiteouts?: readonly string[]; readonly opaque?: readonly string[] } = {},
): LayerTree {
  return {
    nodes: new Map(Object.entries(nodes)),
    whiteouts: new Set(marks.whiteouts),
    opaque: new Set(marks.opaque),
  }
}

t.test('reads a layer from disk, whiteouts and links in one form', async (t) => {
  const dir = t.testdir({
    etc: { hosts: 'localhost', '.wh.gone': '' },
    srv: { '.wh..wh..opq': '', new: 'x' },
  })
  fs.linkSync(path.join(dir, 'etc/hosts'), path.join(dir, 'also'))
  fs.symlinkSync('etc/hosts', path.join(dir, 'to'))
  const { nodes, whiteouts, opaque } = readLayer(dir)
  t.same([...nodes.keys()].sort(), ['also', 'etc', 'etc/hosts', 'srv', 'srv/new', 'to'])
  t.same([...whiteouts], ['etc/gone'])
  t.same([...opaque], ['srv'])
  t.equal(nodes.get('etc/hosts')!.linkedTo, 'also', 'the first name in byte order leads')
  t.equal(nodes.get('etc/hosts')!.content, nodes.get('also')!.content)
  t.equal(nodes.get('to')!.content, 'etc/hosts')
})

t.test('merges layers as a container sees them', async (t) => {
  const merged = mergeLayers([
    layer({
      a: directory,
      'a/one': file('1'),
      'a/two': file('1', 'a/one'),
      b: directory,
      'b/old': file('2'),
      c: directory,
      'c/below': file('3'),
      d: file('4'),
    }),
    layer(
      { b: directory, 'b/new': file('5'), c: file('now a file'), d: directory, 'd/in': file('6') },
      { whiteouts: ['a/one'], opaque: ['b'] },
    ),
  ])
  t.same([...merged.keys()].sort(), ['a', 'a/two', 'b', 'b/new', 'c', 'd', 'd/in'])
  t.equal(merged.get('a/two')!.linkedTo, undefined, 'its other name is gone')
  t.equal(merged.get('c')!.content, 'now a file')
})

t.test('says what differs, and from whom', async (t) => {
  const base = layer({ a: file('1'), b: file('2') }, { whiteouts: ['w'] })
  const found = new Map<string, unknown>([
    ['first', { kind: 'layers', layers: [base] }],
    ['wanted', { kind: 'layers', layers: [base] }],
    ['changed', { kind: 'layers', layers: [layer({ a: file('x'), c: file('3') })] }],
    ['short', { kind: 'layers', layers: [] }],
    ['flat', { kind: 'merged', tree: mergeLayers([base]) }],
    ['odd', { kind: 'merged', tree: new Map([['a', { ...file('1'), owner: '1:1' }]]) }],
  ])
  const verdicts = judgeTrees(found, ['absent', 'wanted'])
  t.equal(verdicts.get('wanted'), 'reference (2 paths)')
  t.equal(verdicts.get('first'), 'same')
  t.equal(verdicts.get('flat'), 'same')
  t.equal(
    verdicts.get('changed'),
    'differs: 1 content (a), 1 missing (b), 1 extra (c), 1 whiteout (w)',
  )
  t.match(verdicts.get('short'), /^differs: 1 layers/)
  t.equal(verdicts.get('odd'), 'differs: 1 owner (a), 1 missing (b)')
  const alone = judgeTrees(new Map([['flat', { kind: 'merged', tree: new Map() }]]), [])
  t.equal(alone.get('flat'), 'nothing to compare with')
})
