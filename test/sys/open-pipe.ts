// What can be read only once: all of it arrives, an end is an end, and whoever waits can be called off.

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { openPipe } from '../../src/sys/open-pipe.ts'
import { withoutLoader } from '../support/cli.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const pipe = path.join(temporaryDirectory(t), 'pipe')
execFileSync('mkfifo', [pipe])

async function read(signal?: AbortSignal): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of openPipe(pipe, { signal })) chunks.push(chunk as Uint8Array)
  return Buffer.concat(chunks)
}

t.test('every byte of one writer, to its end', async (t) => {
  const bytes = Buffer.alloc(3_000_000, 'some bytes ')
  const writer = spawn(...withoutLoader(['sh', '-c', `cat > '${pipe}'`]))
  const ended = once(writer, 'close')
  writer.stdin.end(bytes)
  t.ok((await read()).equals(bytes))
  await ended
})

t.test('a writer who comes late and says nothing', async (t) => {
  const reading = read()
  const writer = spawn(...withoutLoader(['sh', '-c', `sleep 0.1; : > '${pipe}'`]))
  await once(writer, 'close')
  t.equal((await reading).length, 0)
})

t.test('called off while nobody writes, and before', async (t) => {
  const reason = new Error('enough')
  const abort = new AbortController()
  const reading = read(abort.signal)
  setImmediate(() => abort.abort(reason))
  await t.rejects(reading, reason)
  await t.rejects(read(AbortSignal.abort(reason)), reason)
})

t.test('a pipe whose writer is gone already, by its name in /dev', async (t) => {
  const source = new URL('../../src/sys/open-pipe.js', import.meta.url)
  const script = `import { openPipe } from '${source.href}'
    let length = 0
    for await (const chunk of openPipe('/dev/stdin')) length += chunk.length
    console.log(length)`
  for (const [writer, length] of [
    ['true', 0],
    ['echo four', 5],
  ] as const) {
    const line = `${writer} | (sleep 0.1; exec '${process.execPath}' --input-type=module -e "$1")`
    const [command, args] = withoutLoader(['sh', '-c', line, 'sh', script])
    t.equal(Number(execFileSync(command, args, { encoding: 'utf8' })), length, writer)
  }
})

t.test('a device is read as well, and what is not there is told', async (t) => {
  const stream = openPipe('/dev/zero')
  t.equal((await once(stream, 'data')).length, 1)
  stream.destroy()
  t.throws(() => openPipe(`${pipe}.none`), { code: 'ERR_HOST' })
  t.ok(fs.statSync(pipe).isFIFO())
})
