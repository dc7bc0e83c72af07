// Requests as the kernel writes them, answered without a kernel: what is said on the side, before anybody asks for it.

import t from 'tap'
import type { BytePath } from '../../../src/path/byte-path.ts'
import { systemNow } from '../../../src/sys/clock.ts'
import { MemoryUpper } from '../../../src/union/memory-upper.ts'
import { UnionTree } from '../../../src/union/tree.ts'
import { BackingFiles } from '../../../src/view/fuse/backing.ts'
import { Message } from '../../../src/view/fuse/message.ts'
import { Operations } from '../../../src/view/fuse/operations.ts'
import {
  IN_HEADER_BYTES,
  NOTIFY_STORE,
  OP,
  OUT_HEADER_BYTES,
  STORE_BYTES,
} from '../../../src/view/fuse/protocol.ts'

const ROOT = 1
const O_RDWR = 2

/** One server without a device, over files in memory. */
function serving(files: Readonly<Record<string, string>>): {
  readonly ask: (opcode: number, node: number, body: Buffer) => number
  readonly output: Message
  readonly told: { readonly node: number; readonly text: string }[]
} {
  const upper = new MemoryUpper(systemNow)
  for (const [name, text] of Object.entries(files)) {
    upper.make(name as BytePath, { type: 'file', mode: 0o644, uid: 0, gid: 0 })
    const body = upper.openBody(name as BytePath, true)
    if (typeof body !== 'number') body.write(Buffer.from(text), 0)
  }
  const tree = new UnionTree({ lowers: [], upper }, systemNow)
  const [input, output] = [new Message(1 << 20), new Message(1 << 20)]
  const told: { node: number; text: string }[] = []
  const operations = new Operations({
    input,
    output,
    tree,
    place: '/',
    now: systemNow,
    volatile: false,
    owners: undefined,
    backing: new BackingFiles(-1, tree, false),
    replyFrom: () => false,
    notify(code, length) {
      t.equal(code, NOTIFY_STORE)
      const from = OUT_HEADER_BYTES + STORE_BYTES
      t.equal(output.number(OUT_HEADER_BYTES + 8), 0, 'from the start')
      t.equal(output.word(OUT_HEADER_BYTES + 16), length - STORE_BYTES)
      const text = output.bytes.toString('utf8', from, OUT_HEADER_BYTES + length)
      told.push({ node: output.number(OUT_HEADER_BYTES), text })
    },
  })
  return {
    output,
    told,
    ask(opcode, node, body) {
      input.clear(0, IN_HEADER_BYTES)
      input.setNumber(16, node)
      input.setWord(4, opcode)
      body.copy(input.bytes, IN_HEADER_BYTES)
      const result = operations.run(IN_HEADER_BYTES + body.length)
      if (result === undefined || result < 0) throw new Error(`${opcode} answers ${result}`)
      return result
    },
  }
}

t.test('a small file comes with its first opening', async (t) => {
  const { ask, output, told } = serving({
    small: 'all of it',
    large: 'x'.repeat(70_000),
    empty: '',
  })
  const find = (name: string): number => {
    ask(OP.LOOKUP, ROOT, Buffer.from(`${name}\0`))
    return output.number(OUT_HEADER_BYTES)
  }
  const open = (node: number, flags = 0): Buffer => {
    const body = Buffer.alloc(8)
    body.writeUInt32LE(flags, 0)
    ask(OP.OPEN, node, body)
    const release = Buffer.alloc(24)
    release.writeBigUInt64LE(BigInt(output.number(OUT_HEADER_BYTES)), 0)
    return release
  }
  const small = find('small')
  const writer = open(small, O_RDWR)
  t.same(told, [], 'a writer may never read')
  const reader = open(small)
  t.same(told, [], 'and while it is open, somebody may be waiting for a page of it')
  ask(OP.RELEASE, small, writer)
  ask(OP.RELEASE, small, reader)
  ask(OP.RELEASE, small, open(small))
  t.same(told, [{ node: small, text: 'all of it' }])
  ask(OP.RELEASE, small, open(small))
  t.equal(told.length, 1, 'once')
  for (const name of ['large', 'empty']) ask(OP.RELEASE, find(name), open(find(name)))
  t.equal(told.length, 1, 'what has nothing to tell, or too much, is read')
})
