// Requests as the kernel writes them, answered without a kernel: what is said on the side, before anybody asks for it.

import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import type { BytePath } from '../../../src/path/byte-path.ts'
import { systemNow } from '../../../src/sys/clock.ts'
import { ERRNO } from '../../../src/sys/errno.ts'
import { FILE_FLAGS_CALLS, callFileFlags, type FileFlagsCall } from '../../../src/sys/file-flags.ts'
import { MemoryUpper } from '../../../src/union/memory-upper.ts'
import { UnionTree } from '../../../src/union/tree.ts'
import type { UpperLayer } from '../../../src/union/upper-layer.ts'
import { BackingFiles } from '../../../src/view/fuse/backing.ts'
import { Message } from '../../../src/view/fuse/message.ts'
import { Operations } from '../../../src/view/fuse/operations.ts'
import { WalkAhead } from '../../../src/view/fuse/walk-ahead.ts'
import {
  IN_HEADER_BYTES,
  NOTIFY_STORE,
  OP,
  OUT_HEADER_BYTES,
  STORE_BYTES,
} from '../../../src/view/fuse/protocol.ts'
import { DirectoryUpper } from '../../../src/view/upper/directory-upper.ts'
import { memoryDirectory, temporaryDirectory } from '../../support/temporary.ts'

const ROOT = 1
const O_RDWR = 2

function memoryWith(files: Readonly<Record<string, string>>): MemoryUpper {
  const upper = new MemoryUpper(systemNow)
  for (const [name, text] of Object.entries(files)) {
    upper.make(name as BytePath, { type: 'file', mode: 0o644, uid: 0, gid: 0 })
    const body = upper.openBody(name as BytePath, true)
    if (typeof body !== 'number') body.write(Buffer.from(text), 0)
  }
  return upper
}

/** One server without a device. */
function serving(
  upper: UpperLayer,
  { checksFlags = true }: { readonly checksFlags?: boolean } = {},
): {
  /** What Operations.run returns. */
  readonly answer: (opcode: number, node: number, body: Buffer) => number | undefined
  readonly ask: (opcode: number, node: number, body: Buffer) => number
  readonly output: Message
  readonly told: { readonly node: number; readonly text: string }[]
} {
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
    checksFlags,
    checksGroups: true,
    ahead: new WalkAhead(tree),
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
  const answer = (opcode: number, node: number, body: Buffer): number | undefined => {
    input.clear(0, IN_HEADER_BYTES)
    input.setNumber(16, node)
    input.setWord(4, opcode)
    body.copy(input.bytes, IN_HEADER_BYTES)
    return operations.run(IN_HEADER_BYTES + body.length)
  }
  return {
    output,
    told,
    answer,
    ask(opcode, node, body) {
      const result = answer(opcode, node, body)
      if (result === undefined || result < 0) throw new Error(`${opcode} answers ${result}`)
      return result
    },
  }
}

t.test('a small file comes with its first opening', async (t) => {
  const { ask, output, told } = serving(
    memoryWith({ small: 'all of it', large: 'x'.repeat(70_000), empty: '' }),
  )
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

t.test('flags are changed only where the kernel asks first who wants to', async (t) => {
  const home = temporaryDirectory(t)
  for (const name of ['upper', 'work']) fs.mkdirSync(path.join(home, name))
  fs.writeFileSync(path.join(home, 'upper/f'), 'content')
  const upper = new DirectoryUpper(path.join(home, 'upper'), {
    form: 'plain',
    work: path.join(home, 'work'),
  })
  t.teardown(() => upper.close())
  const [getFlags, setFlags] = FILE_FLAGS_CALLS
  const request = ({ request, sizeBytes, changes }: FileFlagsCall): Buffer => {
    const body = Buffer.alloc(32 + sizeBytes)
    body.writeUInt32LE(request, 12)
    body.writeUInt32LE(sizeBytes, changes ? 24 : 28)
    return body
  }
  const bytes = Buffer.alloc(4)
  const fd = fs.openSync(path.join(home, 'upper/f'), 'r')
  const has = callFileFlags(fd, getFlags!, bytes) === 0
  fs.closeSync(fd)
  for (const checksFlags of [true, false]) {
    const { ask, answer, output } = serving(upper, { checksFlags })
    ask(OP.LOOKUP, ROOT, Buffer.from('f\0'))
    const node = output.number(OUT_HEADER_BYTES)
    const answerTo = (call: FileFlagsCall): number | undefined =>
      answer(OP.IOCTL, node, request(call))
    const tooShort = { ...setFlags!, sizeBytes: 0 }
    if (has && checksFlags) {
      t.equal(answerTo(getFlags!), 20)
      t.equal(output.word(OUT_HEADER_BYTES + 16), bytes.readUInt32LE())
      t.equal(answerTo(tooShort), -ERRNO.EINVAL)
    } else {
      t.equal(answerTo(getFlags!), -ERRNO.ENOTTY)
      t.equal(answerTo(setFlags!), -ERRNO.ENOTTY)
    }
    t.equal(answerTo({ ...setFlags!, request: 0x5401 }), -ERRNO.ENOTTY, 'of a terminal')
  }
})

t.test('sizes and offsets that no number holds change nothing', async (t) => {
  // Of the disks only those in memory take files that large.
  const home = memoryDirectory(t)
  for (const name of ['upper', 'work']) fs.mkdirSync(path.join(home, name))
  const place = path.join(home, 'upper/f')
  fs.writeFileSync(place, 'content')
  const upper = new DirectoryUpper(path.join(home, 'upper'), {
    form: 'plain',
    work: path.join(home, 'work'),
  })
  t.teardown(() => upper.close())
  const { ask, answer, output } = serving(upper)
  ask(OP.LOOKUP, ROOT, Buffer.from('f\0'))
  const node = output.number(OUT_HEADER_BYTES)
  const flags = Buffer.alloc(8)
  flags.writeUInt32LE(O_RDWR, 0)
  ask(OP.OPEN, node, flags)
  const handle = BigInt(output.number(OUT_HEADER_BYTES))
  const body = (
    lengthBytes: number,
    ...numbers: readonly (readonly [number, bigint])[]
  ): Buffer => {
    const bytes = Buffer.alloc(lengthBytes)
    for (const [at, value] of numbers) bytes.writeBigUInt64LE(value, at)
    return bytes
  }
  const last = BigInt(Number.MAX_SAFE_INTEGER)
  const write = (offset: bigint): Buffer => body(41, [0, handle], [8, offset], [16, 1n])
  const allocate = (offset: bigint, length: bigint): Buffer =>
    body(32, [0, handle], [8, offset], [16, length])
  const copy = (from: bigint, to: bigint, length: bigint): Buffer =>
    body(56, [0, handle], [8, from], [24, handle], [32, to], [40, length])
  for (const beyond of [last + 1n, last + 2n, 2n ** 63n - 1n]) {
    t.equal(answer(OP.SETATTR, node, body(88, [0, 8n], [16, beyond])), -ERRNO.EFBIG, 'size')
    t.equal(answer(OP.WRITE, node, write(beyond)), -ERRNO.EFBIG)
    t.equal(answer(OP.FALLOCATE, node, allocate(beyond, 1n)), -ERRNO.EFBIG)
    t.equal(answer(OP.FALLOCATE, node, allocate(1n, beyond)), -ERRNO.EFBIG)
    t.equal(answer(OP.COPY_FILE_RANGE, node, copy(0n, beyond, 1n)), -ERRNO.EFBIG)
    const data = body(24, [0, handle], [8, beyond], [16, 3n])
    t.equal(answer(OP.LSEEK, node, data), -ERRNO.ENXIO)
  }
  t.equal(answer(OP.WRITE, node, write(last)), -ERRNO.EFBIG, 'it would end beyond')
  t.equal(answer(OP.FALLOCATE, node, allocate(last - 5n, 6n)), -ERRNO.EFBIG)
  t.equal(fs.readFileSync(place, 'utf8'), 'content')
  const bounded = answer(OP.SETATTR, node, body(88, [0, 8n], [16, last]))
  if (bounded !== -ERRNO.EFBIG) t.equal(fs.statSync(place).size, Number(last))
})
