// Directories that are read before somebody asks: what is told of them is what would have been told without, whatever is
// changed meanwhile, and a walk finds the next one ready.

import fc from 'fast-check'
import t from 'tap'
import { joinPath, type BytePath } from '../../../src/path/byte-path.ts'
import { systemNow } from '../../../src/sys/clock.ts'
import type { LayerEntry, LayerNode } from '../../../src/union/layer-view.ts'
import { MemoryUpper } from '../../../src/union/memory-upper.ts'
import { UnionTree } from '../../../src/union/tree.ts'
import { BackingFiles } from '../../../src/view/fuse/backing.ts'
import { Message } from '../../../src/view/fuse/message.ts'
import { Operations } from '../../../src/view/fuse/operations.ts'
import {
  ENTRY_BYTES,
  IN_HEADER_BYTES,
  OP,
  OUT_HEADER_BYTES as OUT,
} from '../../../src/view/fuse/protocol.ts'
import { WalkAhead } from '../../../src/view/fuse/walk-ahead.ts'

const ROOT = 1
const DIRENT_BYTES = 24
const DT_DIR = 4

/** Tells what it was asked. */
class AskedLayer extends MemoryUpper {
  readonly asked: string[] = []

  override lookup(path: BytePath): LayerNode | 'whiteout' | undefined {
    this.asked.push(`lookup ${path}`)
    return super.lookup(path)
  }

  override list(path: BytePath): LayerEntry[] {
    this.asked.push(`list ${path}`)
    return super.list(path)
  }
}

interface Told {
  readonly name: string
  readonly node: number
  readonly isDirectory: boolean
}

/** A server without a device, of these directories with as many files in each. */
class Served {
  readonly lower: AskedLayer = new AskedLayer(systemNow)
  readonly ahead: WalkAhead
  readonly #in: Message = new Message(1 << 16)
  readonly #out: Message = new Message(1 << 16)
  readonly #operations: Operations

  constructor(directories: readonly string[], files: number) {
    for (const directory of directories) {
      this.lower.make(directory as BytePath, {
        type: 'directory',
        mode: 0o755,
        uid: 0,
        gid: 0,
      })
      for (let file = 0; file < files; file++) {
        const path = joinPath(directory as BytePath, `f${file}` as BytePath)
        this.lower.make(path, { type: 'file', mode: 0o644, uid: 0, gid: 0 })
      }
    }
    this.lower.asked.length = 0
    const tree = new UnionTree(
      { lowers: [this.lower], upper: new MemoryUpper(systemNow) },
      systemNow,
    )
    this.ahead = new WalkAhead(tree)
    this.#operations = new Operations({
      input: this.#in,
      output: this.#out,
      tree,
      ahead: this.ahead,
      place: '/',
      now: systemNow,
      volatile: false,
      owners: undefined,
      checksFlags: true,
      checksGroups: true,
      backing: new BackingFiles(-1, tree, false),
      replyFrom: () => false,
      notify: () => undefined,
    })
  }

  ask(opcode: number, node: number, body: Buffer): number {
    this.#in.clear(0, IN_HEADER_BYTES)
    this.#in.setNumber(16, node)
    this.#in.setWord(4, opcode)
    body.copy(this.#in.bytes, IN_HEADER_BYTES)
    return this.#operations.run(IN_HEADER_BYTES + body.length) ?? 0
  }

  /** By the node's number; 0 where there is none. */
  find(node: number, name: string): number {
    const found = this.ask(OP.LOOKUP, node, Buffer.from(`${name}\0`))
    return found < 0 ? 0 : this.#out.number(OUT)
  }

  /** As `find` and `ls -l` do it. */
  list(node: number): Told[] {
    this.ask(OP.OPENDIR, node, Buffer.alloc(8))
    const handle = this.#out.number(OUT)
    const told: Told[] = []
    for (let offset = 0; ;) {
      const body = Buffer.alloc(40)
      body.writeBigUInt64LE(BigInt(handle), 0)
      body.writeBigUInt64LE(BigInt(offset), 8)
      body.writeUInt32LE(1 << 12, 16)
      const end = OUT + this.ask(OP.READDIRPLUS, node, body)
      if (end <= OUT) break
      for (let at = OUT; at < end;) {
        const dirent = at + ENTRY_BYTES
        offset = this.#out.number(dirent + 8)
        const bytes = this.#out.word(dirent + 16)
        const name = this.#out.text(dirent + DIRENT_BYTES, dirent + DIRENT_BYTES + bytes)
        const isDirectory = this.#out.word(dirent + 20) === DT_DIR
        if (name !== '.' && name !== '..') {
          told.push({ name, node: this.#out.number(at), isDirectory })
        }
        at = dirent + DIRENT_BYTES + ((bytes + 7) & ~7)
      }
    }
    const release = Buffer.alloc(24)
    release.writeBigUInt64LE(BigInt(handle), 0)
    this.ask(OP.RELEASEDIR, node, release)
    return told
  }
}

const NAMES = ['a', 'a/b', 'a/c', 'a/c/d', 'b', 'b/a', 'c', 'd', 'd/a', 'd/b', 'e']

t.test('while one directory is looked at, the next one is read', (t) => {
  const served = new Served(NAMES, 5)
  const walk = (node: number, path: string): void => {
    served.lower.asked.length = 0
    const told = served.list(node)
    const asked = served.lower.asked.filter((what) => what !== 'lookup ')
    const isKnown = path !== '' && path !== 'a' && path !== 'a/b'
    t.equal(asked.length === 0, isKnown, `${path || 'the root'}: ${asked.join(', ')}`)
    while (served.ahead.hasWork) served.ahead.step()
    for (const { name, node: child, isDirectory } of told) {
      if (isDirectory) walk(child, path === '' ? name : `${path}/${name}`)
    }
  }
  walk(ROOT, '')
  t.end()
})

t.test('who looks around has nothing read for him', (t) => {
  const served = new Served(NAMES, 5)
  for (const name of ['e', 'a', 'c', 'b', 'd', 'a', 'c']) {
    served.list(ROOT)
    served.list(served.find(ROOT, name))
    t.equal(served.ahead.hasWork, false, name)
  }
  t.end()
})

type Step =
  | { readonly kind: 'walk'; readonly steps: number }
  | { readonly kind: 'make' | 'mkdir' | 'remove' | 'rename'; readonly at: number; to: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('walk' as const), steps: fc.nat(9) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        'make' as const,
        'mkdir' as const,
        'remove' as const,
        'rename' as const,
      ),
      at: fc.nat(99),
      to: fc.nat(99),
    }),
  },
)

/** A walk that is interrupted by changes. @returns what it was told, by paths, and what the changes answered */
function follow(steps: readonly Step[], readsAhead: boolean): unknown[] {
  const served = new Served(NAMES, 3)
  const out: unknown[] = []
  let next: { readonly node: number; readonly path: string }[] = []
  const places = [...NAMES, ...NAMES.map((name) => `${name}/f0`), 'new', 'b/new']
  const place = (path: string): [directory: number, name: string] => {
    const parts = path.split('/')
    const name = parts.pop()!
    return [parts.reduce((at, part) => (at === 0 ? 0 : served.find(at, part)), ROOT), name]
  }
  const change = (kind: string, from: string, to: string): number => {
    const [directory, name] = place(from)
    const text = Buffer.from(`${name}\0`)
    if (directory === 0) return 0
    if (kind === 'make') return served.ask(OP.MKNOD, directory, modeBefore(0o100644, 16, text))
    if (kind === 'mkdir') return served.ask(OP.MKDIR, directory, modeBefore(0o755, 8, text))
    if (kind === 'remove') {
      const removed = served.ask(OP.UNLINK, directory, text)
      return removed === 0 ? 0 : served.ask(OP.RMDIR, directory, text)
    }
    const [target, newName] = place(to)
    if (target === 0) return 0
    const head = Buffer.alloc(8)
    head.writeBigUInt64LE(BigInt(target), 0)
    return served.ask(
      OP.RENAME,
      directory,
      Buffer.concat([head, text, Buffer.from(`${newName}\0`)]),
    )
  }
  for (const one of steps) {
    if (one.kind !== 'walk') {
      const [from, to] = [places[one.at % places.length]!, places[one.to % places.length]!]
      out.push([one.kind, from, to, change(one.kind, from, to)])
      continue
    }
    const { node, path } = next.shift() ?? { node: ROOT, path: '' }
    const told = served.list(node)
    out.push([path, told.map(({ name, isDirectory }) => [name, isDirectory])])
    const below = told.filter(({ isDirectory }) => isDirectory)
    next = [...below.map((child) => ({ node: child.node, path: `${path}/${child.name}` })), ...next]
    for (let left = one.steps; readsAhead && left > 0 && served.ahead.hasWork; left--) {
      served.ahead.step()
    }
  }
  return out
}

/** A mode, and what else there is up to the name. */
function modeBefore(mode: number, headBytes: number, name: Buffer): Buffer {
  const head = Buffer.alloc(headBytes)
  head.writeUInt32LE(mode, 0)
  return Buffer.concat([head, name])
}

t.test('what is told is what would be told without', (t) => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 60 }), (steps) => {
      t.strictSame(follow(steps, true), follow(steps, false))
    }),
    { numRuns: 300 },
  )
  t.end()
})
