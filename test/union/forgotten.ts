// What a merged tree remembers of names, and when it must not: of a directory that another one has followed, of a file
// that has another name, and of more names than it remembers that somebody holds.

import t from 'tap'
import type { BytePath } from '../../src/path/byte-path.ts'
import { ERRNO } from '../../src/sys/errno.ts'
import { linkCount } from '../../src/union/attributes.ts'
import { create, link } from '../../src/union/create.ts'
import type { UnionEntry } from '../../src/union/entry.ts'
import { MemoryUpper } from '../../src/union/memory-upper.ts'
import { openFile } from '../../src/union/open-file.ts'
import { removeDirectory, unlink } from '../../src/union/remove.ts'
import { UnionTree } from '../../src/union/tree.ts'

const CREATOR = { uid: 0, gid: 0 }
const name = (text: string): BytePath => text as BytePath

function make(
  tree: UnionTree,
  dir: UnionEntry,
  at: string,
  type: 'file' | 'directory',
): UnionEntry {
  const made = create(tree, dir, name(at), { type, mode: 0o755 }, CREATOR)
  if (typeof made === 'number') throw new Error(`create ${at}: ${made}`)
  return made
}

function found(tree: UnionTree, dir: UnionEntry, at: string): UnionEntry {
  const entry = tree.lookup(dir, name(at))
  if (typeof entry === 'number') throw new Error(`lookup ${at}: ${entry}`)
  return entry
}

const treeOf = (upper: MemoryUpper, entriesMax?: number): UnionTree =>
  new UnionTree({ lowers: [], upper }, () => 0n, entriesMax)

t.test('a name that the directory before did not have', async (t) => {
  const upper = new MemoryUpper(() => 0n)
  make(treeOf(upper), treeOf(upper).root, 'd', 'directory')
  const tree = treeOf(upper)
  t.equal(tree.lookup(found(tree, tree.root, 'd'), name('x')), -ERRNO.ENOENT)
  t.equal(removeDirectory(tree, tree.root, name('d')), 0)
  const again = make(tree, tree.root, 'd', 'directory')
  const { node } = make(tree, again, 'x', 'file')
  tree.forget(node)
  t.not(typeof tree.lookup(again, name('x')), 'number')
})

t.test('the other name of a file that was removed while somebody has it', async (t) => {
  const upper = new MemoryUpper(() => 0n)
  const before = treeOf(upper)
  link(before, make(before, before.root, 'a', 'file'), before.root, name('b'))
  const tree = treeOf(upper)
  const { node } = found(tree, tree.root, 'a')
  const open = openFile(tree, found(tree, tree.root, 'a'), { write: true })
  if (typeof open === 'number') throw new Error(`open: ${open}`)
  t.equal(unlink(tree, tree.root, name('a')), 0)
  t.equal(found(tree, tree.root, 'b').node, node, 'is the same file')
  open.write(Buffer.from('new'), 0)
  open.close()
  const status = tree.layerStatus(node)
  if (typeof status === 'number') throw new Error(`status: ${status}`)
  t.equal(status.sizeBytes, 3)
  t.equal(linkCount(tree, node, status), 1)
  // Held by its number alone, as by a descriptor that was opened with O_PATH.
  node.holds = 1
  t.equal(unlink(tree, tree.root, name('b')), 0)
  const last = tree.layerStatus(node)
  t.equal(typeof last === 'number' ? last : linkCount(tree, node, last), 0)
})

t.test('more names than are remembered, and all of them held', async (t) => {
  const tree = treeOf(new MemoryUpper(() => 0n), 100)
  for (let i = 0; i < 110; i++) make(tree, tree.root, `f${i}`, 'file').node.holds = 1
  let walked = 0
  const { children } = tree.root
  const values = children.values.bind(children)
  children.values = () => {
    walked++
    return values()
  }
  for (let i = 0; i < 50; i++) tree.trim()
  t.equal(walked, 1, 'are walked once, and not for each request')
})
