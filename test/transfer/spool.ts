import fs from 'node:fs'
import path from 'node:path'
import { Readable } from 'node:stream'
import t from 'tap'
import { spool } from '../../src/transfer/spool.ts'
import { temporaryDirectory } from '../support/temporary.ts'

async function* chunks(...parts: readonly (string | Error)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) {
    if (part instanceof Error) throw part
    yield Buffer.from(part)
  }
}

t.test('a stream becomes a private file', async (t) => {
  const directory = temporaryDirectory(t)
  const first = await spool(chunks('abc', '', 'def'), directory)
  const second = await spool(Readable.from([Buffer.from('x')]), directory)
  t.equal(fs.readFileSync(first, 'latin1'), 'abcdef')
  t.equal(fs.readFileSync(second, 'latin1'), 'x')
  t.equal(fs.statSync(first).mode & 0o777, 0o600)
  t.same(
    new Set(fs.readdirSync(directory)),
    new Set([first, second].map((file) => path.basename(file))),
  )
})

t.test('a signal is heard, also where the source never waits', async (t) => {
  const directory = t.testdir()
  const abort = new AbortController()
  let chunks = 0
  const ready = async function* (): AsyncGenerator<Uint8Array> {
    for (; chunks < 20_000; chunks++) yield Buffer.alloc(512)
  }
  // As Ctrl-C comes: by a turn of the event loop.
  setImmediate(() => abort.abort(new Error('enough')))
  await t.rejects(spool(ready(), directory, { signal: abort.signal }), { message: 'enough' })
  t.ok(chunks < 20_000, `after ${chunks} of 20000 chunks`)
  t.same(fs.readdirSync(directory), [])
})

t.test('a failure leaves nothing', async (t) => {
  const directory = temporaryDirectory(t)
  await t.rejects(spool(chunks('abc', new Error('broken')), directory), { message: 'broken' })
  const controller = new AbortController()
  async function* stopping(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('a')
    controller.abort(new Error('stopped'))
    yield Buffer.from('b')
  }
  await t.rejects(spool(stopping(), directory, { signal: controller.signal }), {
    message: 'stopped',
  })
  t.same(fs.readdirSync(directory), [])
  await t.rejects(spool(chunks('a'), path.join(directory, 'none')), { code: 'ERR_HOST' })
})

const FULL = '/dev/full'
t.test('a full disk', { skip: fs.existsSync(FULL) ? false : `needs ${FULL}` }, async (t) => {
  const { writeFully } = await import('../../src/transfer/spool.ts')
  const fd = fs.openSync(FULL, 'w')
  t.teardown(() => fs.closeSync(fd))
  t.throws(() => writeFully(fd, Buffer.from('a'), FULL), { code: 'ERR_DISK_FULL' })
})
