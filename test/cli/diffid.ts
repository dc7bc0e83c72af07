import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { shaleInProcess, type InProcessOutput } from '../support/in-process.ts'
import { diffIDOf, gzip, sha256Text } from '../support/layer.ts'
import { BASE_TAR } from '../support/store-fixture.ts'

const run = (args: readonly string[], stdin?: Uint8Array): Promise<InProcessOutput> =>
  shaleInProcess(['diffid', ...args], { root: '/nowhere', ...(stdin ? { stdin } : {}) })

t.test('of a file and of a pipe, compressed or not', async (t) => {
  const blob = gzip(BASE_TAR)
  const dir = t.testdir()
  fs.writeFileSync(path.join(dir, 'a.tar'), BASE_TAR)
  fs.writeFileSync(path.join(dir, 'a.bin'), blob)
  const expected = `${diffIDOf(BASE_TAR)}\n`
  t.equal((await run([path.join(dir, 'a.tar')])).stdout, expected)
  t.equal((await run([path.join(dir, 'a.bin')])).stdout, expected, 'whatever it is called')
  t.equal((await run(['-'], BASE_TAR)).stdout, expected)
  t.equal((await run(['-'], blob)).stdout, expected)
  const explained = (await run(['--explain', '-'], blob)).stdout
  t.match(explained, `compressed with gzip: sha256 over the ${blob.length} bytes`)
  t.match(explained, `digest = ${sha256Text(blob)}`)
  t.match((await run(['--explain', '-'], BASE_TAR)).stdout, 'not compressed')
  t.match(JSON.parse((await run(['--json', '-'], blob)).stdout), { compression: 'gzip' })
})

t.test('what cannot be read', async (t) => {
  t.equal((await run([path.join(t.testdir(), 'none')])).code, 10)
  t.equal((await run([])).code, 2)
  const cut = gzip(BASE_TAR)
  t.equal((await run(['-'], cut.subarray(0, cut.length >> 1))).code, 12)
  const terminal = await shaleInProcess(['diffid', '-'], {
    root: '/nowhere',
    terminal: { stdin: true },
  })
  t.equal(terminal.code, 2, 'nobody types a tar')
})
