// What the merged tree of an image costs the layers: 125 of them, 100,000 names. A layer is asked about a name once,
// however often somebody asks the tree, and only layers that have the directory are asked at all.

import t from 'tap'
import { joinPath, type BytePath } from '../../src/path/byte-path.ts'
import { ERRNO } from '../../src/sys/errno.ts'
import { create, createOpen, link } from '../../src/union/create.ts'
import type { UnionEntry } from '../../src/union/entry.ts'
import type { LayerEntry, LayerNode } from '../../src/union/layer-view.ts'
import { MemoryUpper } from '../../src/union/memory-upper.ts'
import { unlink } from '../../src/union/remove.ts'
import { rename } from '../../src/union/rename.ts'
import { UnionTree, type UnionName } from '../../src/union/tree.ts'
import type {
  NewNode,
  OpenNode,
  ReadableLayer,
  RenameOptions,
  WritableBody,
} from '../../src/union/upper-layer.ts'

const LAYERS = 125
const ENTRIES = 100_000
const PER_DIRECTORY = 40

const node = (type: 'file' | 'directory'): LayerNode => ({
  type,
  mode: 0o755,
  uid: 0,
  gid: 0,
  sizeBytes: 0,
  mtimeNs: 0n,
  linkTarget: '' as BytePath,
  devMajor: 0,
  devMinor: 0,
})
const FILE = node('file')
const DIRECTORY = node('directory')

/** Counts what it is asked, question by question. */
class CountingLayer implements ReadableLayer {
  readonly fileSystem = 'memory'
  readonly asked = new Map<string, number>()
  readonly #children = new Map<string, Map<BytePath, LayerNode>>([['', new Map()]])

  add(directory: BytePath, name: BytePath): void {
    let at = '' as BytePath
    for (const part of directory.split('/') as BytePath[]) {
      this.#children.get(at)!.set(part, DIRECTORY)
      at = joinPath(at, part)
      if (!this.#children.has(at)) this.#children.set(at, new Map())
    }
    this.#children.get(at)!.set(name, FILE)
  }

  lookup(path: BytePath): LayerNode | undefined {
    this.#ask(`lookup ${path}`)
    if (path === '') return DIRECTORY
    const slash = path.lastIndexOf('/')
    const directory = this.#children.get(slash < 0 ? '' : path.slice(0, slash))
    return directory?.get(path.slice(slash + 1) as BytePath)
  }

  list(path: BytePath): LayerEntry[] {
    this.#ask(`list ${path}`)
    return [...(this.#children.get(path) ?? [])].map(([name, { type }]) => ({
      name,
      kind: type === 'directory' ? type : 'leaf',
    }))
  }

  opaque(path: BytePath): boolean {
    this.#ask(`opaque ${path}`)
    return false
  }

  xattrs(): ReadonlyMap<string, Uint8Array> {
    return new Map()
  }

  openBody(): number {
    return -2
  }

  #ask(question: string): void {
    this.asked.set(question, (this.asked.get(question) ?? 0) + 1)
  }
}

interface Image {
  readonly layers: readonly CountingLayer[]
  readonly names: readonly string[]
}

/** Directories of one layer, of two, and a few of all: as images have them. */
function makeImage(): Image {
  const layers = Array.from({ length: LAYERS }, () => new CountingLayer())
  const names: string[] = []
  for (let i = 0; i < ENTRIES; i++) {
    const group = Math.trunc(i / PER_DIRECTORY)
    const directory = `usr/share/d${group % 50}/p${group}` as BytePath
    const layer = (group + (i % 10 === 0 ? 1 : 0)) % LAYERS
    layers[layer]!.add(directory, `f${i}` as BytePath)
    names.push(`${directory}/f${i}`)
  }
  return { layers, names }
}

function look(tree: UnionTree, path: string): void {
  let at = tree.root
  for (const part of path.split('/')) {
    const found = tree.lookup(at, part as BytePath)
    if (typeof found === 'number') throw new Error(`${path}: ${found}`)
    at = found
  }
}

function worst(layers: readonly CountingLayer[]): number {
  return Math.max(...layers.map(({ asked }) => Math.max(0, ...asked.values())))
}

function total(layers: readonly CountingLayer[]): number {
  return layers.reduce((sum, { asked }) => sum + [...asked.values()].reduce((a, b) => a + b, 0), 0)
}

t.test('by name', async (t) => {
  const { layers, names } = makeImage()
  const tree = new UnionTree({ lowers: layers }, () => 0n)
  for (const name of names) look(tree, name)
  t.equal(worst(layers), 1, 'no layer is asked the same thing twice')
  const first = total(layers)
  t.comment(`${(first / names.length).toFixed(2)} questions a name`)
  for (const name of names) look(tree, name)
  t.equal(total(layers), first, 'a second time asks no layer at all')
})

t.test('by listing, and then each name', async (t) => {
  const { layers, names } = makeImage()
  const tree = new UnionTree({ lowers: layers }, () => 0n)
  const open = [tree.root]
  let files = 0
  for (let directory = open.pop(); directory !== undefined; directory = open.pop()) {
    const listed = tree.list(directory)
    if (typeof listed === 'number') throw new Error(`${directory.path}: ${listed}`)
    for (const { name } of listed) {
      const found = tree.lookup(directory, name)
      if (typeof found === 'number') throw new Error(`${name}: ${found}`)
      if (found.node.type === 'directory') open.push(found)
      else files++
    }
  }
  t.equal(files, names.length)
  t.equal(worst(layers), 1, 'no layer is asked the same thing twice')
  const lookups = new Map<string, number>()
  for (const { asked } of layers) {
    for (const [question, count] of asked) {
      if (question.startsWith('lookup usr/share/d1/')) {
        lookups.set(question, (lookups.get(question) ?? 0) + count)
      }
    }
  }
  t.equal(Math.max(...lookups.values()), 1, 'and only the layer that decides')
})

/** Counts how often it is asked for a name. */
class CountingUpper extends MemoryUpper {
  asked = 0
  /** Once: this one cannot be looked at. */
  fails: string | undefined

  override lookup(path: BytePath): LayerNode | 'whiteout' | undefined {
    this.asked++
    if (this.fails !== path) return super.lookup(path)
    this.fails = undefined
    throw new Error('input/output error')
  }
}

t.test('a directory that was made here is known as a whole', async (t) => {
  const { layers } = makeImage()
  const upper = new CountingUpper(() => 0n)
  const tree = new UnionTree({ lowers: layers, upper }, () => 0n)
  const owner = { uid: 0, gid: 0 }
  const name = (text: string): BytePath => text as BytePath
  const make = (dir: UnionEntry, text: string, type: 'file' | 'directory'): UnionEntry => {
    const made = create(tree, dir, name(text), { type, mode: 0o755 }, owner)
    if (typeof made === 'number') throw new Error(`${text}: ${made}`)
    return made
  }
  const unasked = (dir: UnionEntry, text: string): UnionEntry | number => {
    const before = [upper.asked, total(layers)]
    const found = tree.lookup(dir, name(text))
    t.same([upper.asked, total(layers)], before, `nobody is asked about ${text}`)
    return found
  }
  const dir = make(tree.root, 'dir', 'directory')
  t.equal(unasked(dir, 'a'), -ERRNO.ENOENT)
  const a = make(dir, 'a', 'file')
  const sub = make(dir, 'sub', 'directory')
  t.equal(unasked(dir, 'a'), a)
  t.equal(unasked(dir, 'b'), -ERRNO.ENOENT)
  t.equal(unasked(sub, 'b'), -ERRNO.ENOENT)
  t.equal(link(tree, a, dir, name('b')), unasked(dir, 'b'))
  t.equal(unlink(tree, dir, name('a')), 0)
  t.equal(unasked(dir, 'a'), -ERRNO.ENOENT)
  t.equal(
    rename(tree, { dir, name: name('b') }, { dir: sub, name: name('c') }),
    0,
    'from one to another',
  )
  t.equal(unasked(dir, 'b'), -ERRNO.ENOENT)
  t.type(unasked(sub, 'c'), 'object')
  t.equal(
    rename(tree, { dir: tree.root, name: name('dir') }, { dir: tree.root, name: name('moved') }),
    0,
    'and under another name',
  )
  t.equal(unasked(dir, 'a'), -ERRNO.ENOENT)
  t.equal((unasked(sub, 'c') as UnionEntry).path, 'moved/sub/c')

  const c = unasked(sub, 'c') as UnionEntry
  tree.forget(c.node)
  const asked = upper.asked
  t.match(tree.lookup(sub, name('c')), { name: 'c' }, 'what was forgotten is looked for')
  t.ok(upper.asked > asked)

  upper.fails = 'moved/seen'
  t.throws(() => create(tree, dir, name('seen'), { type: 'file', mode: 0o644 }, owner), {
    message: 'input/output error',
  })
  t.match(tree.lookup(dir, name('seen')), { name: 'seen' }, 'and what was made half-way, too')

  for (const { name: each } of tree.list(tree.root) as UnionName[]) {
    if (each === 'moved') continue
    const shown = tree.lookup(tree.root, each) as UnionEntry
    t.equal(shown.isWhole, false, 'never one that shows a lower one')
    return
  }
  t.fail('the image has names')
})

/** Does what it is told, and fails then: by an errno, or, where that is 0, by throwing. */
class HalfwayUpper extends MemoryUpper {
  errno: number | undefined

  override make(path: BytePath, what: NewNode): number {
    return this.#failing(super.make(path, what))
  }

  makeOpen(dir: BytePath, name: BytePath, what: NewNode): OpenNode | number {
    const path = joinPath(dir, name)
    const made = this.make(path, what)
    return made < 0 ? made : { body: this.openBody(path, true) as WritableBody, status: FILE }
  }

  override link(existing: BytePath, path: BytePath): number {
    return this.#failing(super.link(existing, path))
  }

  override rename(from: BytePath, to: BytePath, options: RenameOptions): number {
    return this.#failing(super.rename(from, to, options))
  }

  #failing(result: number): number {
    const { errno } = this
    this.errno = undefined
    if (errno === 0) throw new Error('input/output error')
    return errno === undefined ? result : -errno
  }
}

t.test('a name whose making fails when it is made already', async (t) => {
  const { layers } = makeImage()
  const owner = { uid: 0, gid: 0 }
  const file = { type: 'file', mode: 0o644 } as const
  const name = 'new' as BytePath
  type Change = (tree: UnionTree, dir: UnionEntry, old: UnionEntry) => unknown
  const changes: Record<string, Change> = {
    create: (tree, dir) => create(tree, dir, name, file, owner),
    createOpen: (tree, dir) => createOpen(tree, dir, name, 0o644, owner),
    link: (tree, dir, old) => link(tree, old, dir, name),
    rename: (tree, dir, old) => rename(tree, { dir: tree.root, name: old.name }, { dir, name }),
  }
  for (const [called, change] of Object.entries(changes)) {
    for (const errno of [0, ERRNO.EIO]) {
      for (const isNew of [true, false]) {
        const upper = new HalfwayUpper(() => 0n)
        const tree = new UnionTree({ lowers: layers, upper }, () => 0n)
        const made = create(tree, tree.root, 'd' as BytePath, { ...file, type: 'directory' }, owner)
        const old = create(tree, tree.root, 'old' as BytePath, file, owner)
        if (typeof made === 'number' || typeof old === 'number') throw new Error('not made')
        const dir = isNew ? made : tree.root
        t.equal(tree.lookup(dir, name), -ERRNO.ENOENT)
        upper.errno = errno
        if (errno === 0) t.throws(() => change(tree, dir, old), { message: 'input/output error' })
        else t.equal(change(tree, dir, old), -errno)
        const where = isNew ? 'a directory made here' : 'a merged directory'
        t.match(tree.lookup(dir, name), { name }, `${called} in ${where}`)
      }
    }
  }
})

t.test('what is not there, until it is made', async (t) => {
  const { layers } = makeImage()
  const upper = new MemoryUpper(() => 0n)
  const tree = new UnionTree({ lowers: layers, upper }, () => 0n)
  const names = Array.from({ length: 20 }, (_, index) => `new-${index}` as BytePath)
  for (const name of names) t.equal(tree.lookup(tree.root, name), -ERRNO.ENOENT)
  const asked = total(layers)
  // As several at a time make files: each asks for its name first.
  for (const name of names) {
    const made = createOpen(tree, tree.root, name, 0o644, { uid: 0, gid: 0 })
    if (typeof made === 'number') throw new Error(`${name}: ${made}`)
    made.file.close()
  }
  t.equal(total(layers), asked, 'no layer is asked a second time')
  for (const name of names) t.type(tree.lookup(tree.root, name), 'object')

  const made = create(
    tree,
    tree.root,
    'dir' as BytePath,
    { type: 'directory', mode: 0o755 },
    { uid: 0, gid: 0 },
  )
  if (typeof made === 'number') throw new Error(`dir: ${made}`)
  t.equal(tree.lookup(tree.root, 'moved' as BytePath), -ERRNO.ENOENT)
  const from = { dir: tree.root, name: 'dir' as BytePath }
  t.equal(rename(tree, from, { dir: tree.root, name: 'moved' as BytePath }), 0)
  t.type(
    tree.lookup(tree.root, 'moved' as BytePath),
    'object',
    'nor is a name that something was moved to',
  )
})
