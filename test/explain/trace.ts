// The search told step by step finds what the merge finds: held against src/union over generated stacks, and against a
// model that lays layers on each other. Each verdict by hand once.

import fc from 'fast-check'
import t from 'tap'
import { NameSearch, type Sight } from '../../src/explain/trace.ts'
import type { BytePath } from '../../src/path/byte-path.ts'
import { mergeLayers } from '../../src/union/merge.ts'
import { resolvePath } from '../../src/union/resolve.ts'
import { directory, file, memoryLayer, symlink, whiteout } from '../support/memory-layer.ts'
import { layerStacks, linesOf, modelMerge } from '../support/merge-model.ts'

const bytes = (text: string): BytePath => text as BytePath
const said = (sights: readonly Sight[]): string =>
  sights.map(({ holds, verdict }) => `${holds} ${verdict}`).join(', ')

t.test('every name of generated stacks means what the merge says', async (t) => {
  let names = 0
  const property = fc.property(layerStacks, (layers) => {
    const view = mergeLayers(layers)
    const model = modelMerge(layers.map(linesOf))
    const search = new NameSearch(layers)
    const every = new Set(layers.flatMap((layer) => [...layer.entries.keys()]))
    for (const path of every) {
      if (path === '') continue
      names++
      const { node, layers: parts } = search.component(path)
      const merged = view.lookup(path)
      const expected = model.get(path)
      if (node?.type !== merged?.type || node?.type !== expected?.type) {
        throw new Error(`${path}: ${node?.type}, merged ${merged?.type}, model ${expected?.type}`)
      }
      if (parts[0] !== merged?.layer || parts[0] !== expected?.layer) {
        throw new Error(`${path}: of layer ${parts[0]}, merged ${merged?.layer}`)
      }
      if (node?.type === 'directory') {
        const listed = view.list(path)!.map(({ path }) => path)
        const own = search.names(search.component(path)).map((name) => `${path}/${name}`)
        if (own.sort().join() !== listed.sort().join()) throw new Error(`${path}: ${own.join()}`)
      }
    }
  })
  fc.assert(property, { numRuns: 300 })
  t.ok(names > 500, `${names} names`)
})

const component = fc.constantFrom('a', 'b', 'c', 'd.e', '..', '.', '')
const paths = fc.array(component, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('/'))

t.test('paths through links end where resolving them ends', async (t) => {
  const ends = new Set<string>()
  const property = fc.property(layerStacks, paths, fc.boolean(), (layers, text, followLast) => {
    const path = bytes(text)
    const { end } = new NameSearch(layers).trace(path, followLast)
    let expected = 'missing'
    try {
      expected = resolvePath(mergeLayers(layers), path, { followLast }).path
    } catch (error) {
      if ((error as { code?: string }).code !== 'ERR_PATH_NOT_FOUND') throw error
    }
    ends.add(end.kind)
    const actual = end.kind === 'found' ? end.at.path : 'missing'
    if (actual !== expected) throw new Error(`${path}: ${actual}, resolved ${expected}`)
  })
  fc.assert(property, { numRuns: 500 })
  t.same([...ends].sort(), ['absent', 'failed', 'found'])
})

t.test('why the search goes on or ends', async (t) => {
  const top = memoryLayer(whiteout('gone'), directory('own', true), file('own/new'), file('f'))
  const middle = memoryLayer(directory('own'), directory('both'), file('f'), file('end/x'))
  const base = memoryLayer(file('gone'), file('own/old'), file('both/old'), file('end'))
  const search = new NameSearch([top, middle, base])
  const at = (path: string): readonly Sight[] => search.component(bytes(path)).sights
  t.equal(said(at('gone')), 'whiteout removes, nothing not-asked, file not-asked')
  t.equal(said(at('f')), 'file decides, file not-asked, nothing not-asked')
  t.equal(said(at('both')), 'nothing goes-on, directory decides, directory joins')
  t.equal(said(at('end')), 'nothing goes-on, directory decides, file ends')
  t.equal(said(at('own')), 'directory decides, directory not-asked, directory not-asked')
  t.equal(said(at('own/old')), 'nothing goes-on, nothing not-asked, file not-asked')
  t.same(at('own/old')[2]?.hidden, { by: 'opaque', layer: 0, path: 'own' })
  t.same(at('both/old')[0]?.hidden, { by: 'no-directory', layer: 0, path: 'both' })
  t.same(at('f')[1]?.hidden, { by: 'found', layer: 0, path: 'f' })
  t.same(at('end/x')[2]?.hidden, { by: 'file', layer: 2, path: 'end' })
  t.same(at('gone')[2]?.hidden, { by: 'whiteout', layer: 0, path: 'gone' })
})

t.test('a link is followed by the components of its target', async (t) => {
  const search = new NameSearch([
    memoryLayer(symlink('now', 'versions/2'), symlink('abs', '/versions')),
    memoryLayer(file('versions/2'), symlink('loop', 'loop'), file('leaf')),
  ])
  const steps = (path: string, followLast = true): string =>
    search
      .trace(bytes(path), followLast)
      .steps.map((step) => step.path)
      .join(' ')
  t.equal(steps('/now'), 'now versions versions/2')
  t.equal(steps('/now', false), 'now')
  t.equal(steps('/abs/../now', false), 'abs versions now')
  const errno = (path: string): string => {
    const { end } = search.trace(bytes(path), true)
    return end.kind === 'failed' ? end.errno : end.kind
  }
  t.equal(errno('/loop'), 'ELOOP')
  t.equal(errno('/leaf/x'), 'ENOTDIR')
  t.equal(errno('/none/x'), 'ENOENT')
  t.equal(errno('/none'), 'absent')
  t.equal(errno('/'), 'found')
})
