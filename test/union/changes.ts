import fc from 'fast-check'
import t from 'tap'
import { pathFromText, type BytePath } from '../../src/path/byte-path.ts'
import { compareViews, type Change, type CompareOptions } from '../../src/union/changes.ts'
import type { LayerView } from '../../src/union/layer-view.ts'
import { mergeLayers, type MergedView } from '../../src/union/merge.ts'
import {
  directory,
  file,
  memoryLayer,
  symlink,
  whiteout,
  type MemoryEntry,
} from '../support/memory-layer.ts'

function compare(before: MergedView, after: MergedView, options?: CompareOptions): Change[] {
  const steps = compareViews(before, after, options)
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

const LETTER = { add: 'A', modify: 'C', delete: 'D' } as const

function lines(before: MergedView, after: MergedView, options?: CompareOptions): string[] {
  return compare(before, after, options).map(({ kind, path }) => `${LETTER[kind]} /${path}`)
}

/** The same layer with another word on some of its nodes. */
function altered(layer: LayerView, facts: Readonly<Record<string, object>>): LayerView {
  return {
    lookup(path) {
      const node = layer.lookup(path)
      return node === undefined || node === 'whiteout' ? node : { ...node, ...facts[path] }
    },
    list: (path) => layer.list(path),
    opaque: (path) => layer.opaque(path),
    xattrs(path) {
      const given: { xattrs?: Record<string, string> } | undefined = facts[path]
      const entries = Object.entries(given?.xattrs ?? {})
      return new Map(entries.map(([name, value]) => [name, Buffer.from(value)]))
    },
  }
}

const base = memoryLayer(
  file('a/one', '1'),
  file('a/two', '2'),
  file('b/deep/er', ''),
  directory('empty'),
  symlink('link', 'a'),
)

t.test(
  'docker’s lines: additions, changes, deletions, and the directories on the way',
  async (t) => {
    const upper = memoryLayer(
      file('a/three', ''),
      whiteout('a/one'),
      whiteout('b'),
      directory('empty'),
      file('new/in', ''),
    )
    const after = mergeLayers([upper, base])
    t.same(lines(mergeLayers([base]), after), [
      ...['C /a', 'D /a/one', 'A /a/three', 'D /b', 'A /new', 'A /new/in'],
    ])
  },
)

t.test(
  'what takes another type is changed; its old content gets no line, its new one does',
  async (t) => {
    const upper = memoryLayer(file('b', 'was a directory'), file('link/in', 'was a link'))
    t.same(lines(mergeLayers([base]), mergeLayers([upper, base])), [
      'C /b',
      'C /link',
      'A /link/in',
    ])
  },
)

t.test(
  'an opaque directory deletes what it hides, and is itself changed by that alone',
  async (t) => {
    const upper = memoryLayer(directory('a', true), file('a/two', '2'))
    t.same(lines(mergeLayers([base]), mergeLayers([upper, base])), ['C /a', 'D /a/one'])
  },
)

t.test('layers that both have are not looked into', async (t) => {
  const upper = memoryLayer(file('a/one', 'other'))
  const counted = memoryLayer(...['a/one', 'b/deep/er', 'c/d'].map((name) => file(name, 'x')))
  lines(mergeLayers([counted]), mergeLayers([upper, counted]))
  t.equal(counted.asked.list, 4, 'the root and a, once for each side')
})

const second = 1_000_000_000n

t.test('docker’s rule and the exact one', async (t) => {
  const one = memoryLayer(file('f', 'abc'), directory('d'), symlink('l', 'abc'))
  const cases: readonly (readonly [string, string, object, object, boolean, string[]])[] = [
    ['mode', 'f', {}, { mode: 0o600 }, true, ['mode']],
    ['owner', 'd', {}, { uid: 7 }, true, ['owner']],
    ['size', 'f', {}, { sizeBytes: 9 }, true, ['content']],
    ['time of a file', 'f', { mtimeNs: second }, { mtimeNs: 2n * second }, true, ['mtime']],
    ['fraction against none', 'f', { mtimeNs: second }, { mtimeNs: second + 5n }, false, ['mtime']],
    ['two fractions', 'f', { mtimeNs: second + 1n }, { mtimeNs: second + 5n }, true, ['mtime']],
    ['time of a directory', 'd', { mtimeNs: 0n }, { mtimeNs: second }, false, ['mtime']],
    ['target of equal length', 'l', {}, { linkTarget: 'xyz' }, false, ['content']],
    ['capability', 'f', {}, { xattrs: { 'security.capability': 'c' } }, true, ['xattr']],
    ['another attribute', 'f', {}, { xattrs: { 'user.x': 'c' } }, false, ['xattr']],
    ['nothing', 'f', {}, {}, false, []],
  ]
  for (const [what, path, before, after, seen, reasons] of cases) {
    const a = mergeLayers([altered(one, { [path]: before })])
    const b = mergeLayers([altered(one, { [path]: after })])
    t.equal(lines(a, b).length === 1, seen, `${what}: docker ${seen ? 'shows' : 'hides'} it`)
    const exact = compare(a, b, { rule: 'exact', sameContent: () => true })
    t.same(exact[0]?.reasons ?? [], reasons, `${what}: the reasons`)
  }
  const a = mergeLayers([one])
  const b = mergeLayers([altered(one, {})])
  const content = compare(a, b, { rule: 'exact', sameContent: () => false })
  t.same(
    content.map(({ path, reasons }) => [path, reasons]),
    [['f', ['content']]],
  )
})

/** All paths of a merge with what docker compares of them. */
function flat(view: MergedView): Map<BytePath, string> {
  const out = new Map<BytePath, string>()
  for (const entry of view.walk()) {
    const node = view.node(entry)!
    const size = node.type === 'directory' ? '' : `${node.sizeBytes}`
    out.set(entry.path, `${node.type} ${node.mode} ${node.uid} ${size}`)
  }
  return out
}

/** The rule of moby's addChanges, over whole lists of paths. */
function model(before: MergedView, after: MergedView): string[] {
  const [a, b] = [flat(before), flat(after)]
  const isDirectory = (text: string | undefined): boolean => text?.startsWith('directory') ?? false
  const found = new Map<string, string>()
  for (const [path, text] of b) {
    const parents = path.split('/').map((_, i, parts) => parts.slice(0, i).join('/'))
    const isNew = parents.slice(1).some((parent) => !isDirectory(a.get(parent as BytePath)))
    const old = isNew ? undefined : a.get(path)
    if (old === undefined) found.set(path, 'A')
    else if (old !== text) found.set(path, 'C')
  }
  for (const path of a.keys()) {
    const parent = path.slice(0, Math.max(0, path.lastIndexOf('/'))) as BytePath
    const stands = parent === '' || (isDirectory(a.get(parent)) && isDirectory(b.get(parent)))
    if (!b.has(path) && stands) found.set(path, 'D')
  }
  for (const path of found.keys()) {
    const parts = path.split('/')
    for (let i = 1; i < parts.length; i++) {
      const parent = parts.slice(0, i).join('/')
      if (!found.has(parent)) found.set(parent, 'C')
    }
  }
  return [...found].map(([path, letter]) => `${letter} /${path}`).sort()
}

t.test('any layer on any other: the lines of moby’s own rule', async (t) => {
  const name = fc.constantFrom('a', 'b', 'c')
  const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'))
  const entry: fc.Arbitrary<MemoryEntry> = fc.oneof(
    fc.tuple(path, fc.constantFrom('', 'x')).map(([at, content]) => file(at, content)),
    fc.tuple(path, fc.boolean()).map(([at, opaque]) => directory(at, opaque)),
    path.map((at) => symlink(at, 'to')),
    path.map(whiteout),
  )
  const layer = fc.array(entry, { maxLength: 6 })
  fc.assert(
    fc.property(layer, layer, layer, (top, middle, bottom) => {
      const [one, two, three] = [top, middle, bottom].map((each) => memoryLayer(...each))
      const below = mergeLayers([two!, three!])
      const all = mergeLayers([one!, two!, three!])
      t.same(lines(below, all).sort(), model(below, all))
      const other = mergeLayers([one!, three!])
      t.same(lines(other, below).sort(), model(other, below))
    }),
    { numRuns: 300 },
  )
})

t.test('names are bytes, in byte order', async (t) => {
  const upper = memoryLayer(file('Z'), file('a'), file('ä'))
  t.same(
    compare(mergeLayers([memoryLayer()]), mergeLayers([upper])).map(({ path }) => path),
    ['Z', 'a', 'ä'].map(pathFromText),
  )
})

t.test('a tree that is deeper than calls nest', async (t) => {
  const deep = Array.from({ length: 2000 }, () => 'd').join('/')
  const lower = memoryLayer(file(`${deep}/old`, ''))
  const after = mergeLayers([memoryLayer(file(`${deep}/new`, '')), lower])
  const told = lines(mergeLayers([lower]), after)
  t.equal(told.length, 2001)
  t.same([told[0], told[1]], ['C /d', 'C /d/d'])
  t.equal(told.at(-1), `A /${deep}/new`)
})
