// `shale cp` as its user sees it; what lands where is test/containers/copy-rules.ts's.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { EXIT } from '../../cli/exit-code.ts'
import { Interrupted } from '../../cli/program.ts'
import { lockForWriting } from '../../src/store/write-lock.ts'
import { cleanEnvironment, MAIN, withoutLoader } from '../support/cli.ts'
import { containerFixture } from '../support/container.ts'
import { shaleInProcess } from '../support/in-process.ts'
import { dir, file, layerTar } from '../support/layer.ts'
import { temporaryDirectory } from '../support/temporary.ts'

t.test('says what it did on a terminal alone, and there unless it is told not to', async (t) => {
  const { directory, root } = await containerFixture(t, [layerTar(file('f', 'x'.repeat(2000)))])
  const out = path.join(directory, 'out')
  const cp = (args: readonly string[], terminal = {}): ReturnType<typeof shaleInProcess> =>
    shaleInProcess(['cp', ...args], { root, terminal })
  t.match(await cp(['box:/f', out]), { code: 0, stdout: '', stderr: '' })
  const told = await cp(['box:/f', out], { stdout: true })
  t.match(told, { code: 0, stdout: '', stderr: /^shale: copied [0-9.]+kB to .*out\n$/ })
  for (const quiet of ['-q', '--quiet'])
    t.match(await cp([quiet, 'box:/f', out], { stdout: true }), { code: 0, stderr: '' })
  const { sizeBytes } = JSON.parse((await cp(['--json', 'box:/f', out])).stdout) as {
    sizeBytes: number
  }
  t.ok(sizeBytes > 2000)
})

t.test('a tar goes to a pipe, not to a terminal', async (t) => {
  const { root } = await containerFixture(t, [layerTar(dir('d'), file('d/f', 'x'))])
  const tar = await shaleInProcess(['container', 'cp', 'box:/d', '-'], { root })
  t.match(tar, { code: 0, stderr: '' })
  const refused = await shaleInProcess(['cp', 'box:/d', '-'], { root, terminal: { stdout: true } })
  t.equal(refused.code, 1)
  t.match(refused.stderr, /refusing to write a tar to a terminal/)
  const into = await shaleInProcess(['cp', '-', 'box:/d'], { root, stdin: tar.stdoutBytes })
  t.match(into, { code: 0, stdout: '', stderr: '' })
  const again = await shaleInProcess(['cp', 'box:/d/d/f', '-'], { root })
  t.ok(again.stdoutBytes.includes('x'))
})

t.test('arguments that say nothing, and paths with colons', async (t) => {
  const { directory, root } = await containerFixture(t, [layerTar(file('a:b', 'colon'))])
  for (const [args, message] of [
    [['', 'box:/'], /source can not be empty/],
    [['box:/', ''], /destination can not be empty/],
    [[':/x', directory], /expected CONTAINER:PATH/],
  ] as const) {
    const done = await shaleInProcess(['cp', ...args], { root })
    t.equal(done.code, 2)
    t.match(done.stderr, message)
  }
  const out = path.join(directory, 'c:d')
  t.equal((await shaleInProcess(['cp', 'box:/a:b', out], { root })).code, 0)
  t.equal(fs.readFileSync(out, 'utf8'), 'colon')
  t.equal((await shaleInProcess(['cp', out, 'box:/e:f'], { root })).code, 0)
  const missing = await shaleInProcess(['cp', 'box:/none', out], { root })
  t.same([missing.code, missing.stderr], [10, 'shale: No such container:path: box:/none\n'])
  t.equal(
    (await shaleInProcess(['cp', path.join(temporaryDirectory(t), 'x'), 'box:/'], { root })).code,
    10,
  )
})

t.test('a verb that changes something says what a signal left', async (t) => {
  const { directory, root } = await containerFixture(t, [layerTar(file('f', 'x'))])
  const out = path.join(directory, 'out')
  const signal = AbortSignal.abort(new Interrupted('SIGTERM'))
  for (const [args, left] of [
    [['cp', 'box:/f', out], 'what was copied until then stays'],
    [['commit', 'box'], 'no image was made'],
    [['export', '-o', out, 'box'], 'no archive was written'],
    [['bundle', '--copy', 'box', out], 'no bundle was made'],
    [['rm', 'box'], 'what is not listed above is as it was'],
    [['container', 'prune', '-f'], 'what it did not come to is as it was'],
    [['diff', 'box'], undefined],
  ] as const) {
    const stderr = left === undefined ? '' : `shale: interrupted: ${left}\n`
    const done = await shaleInProcess(args, { root, signal })
    t.match(done, { code: EXIT.terminated, stdout: '', stderr }, args[0])
    const quiet = await shaleInProcess(['--quiet', ...args], { root, signal })
    t.match(quiet, { code: EXIT.terminated, stderr: '' })
  }
  t.notOk(fs.existsSync(out))
})

t.test('a signal while a lock is waited for, before standard input is read', async (t) => {
  const { root, store } = await containerFixture(t, [layerTar(file('f', 'x'))])
  using _lock = await lockForWriting(store.layout, { timeoutMs: 10_000 })
  for (const verb of [['cp', '-', 'box:/'], ['import', '-'], ['load']]) {
    const args = [MAIN, '--root', root, '--log-level', 'debug', ...verb]
    const child = spawn(...withoutLoader([process.execPath, ...args]), { env: cleanEnvironment() })
    const closed = once(child, 'close')
    let said = ''
    child.stderr.on('data', (chunk: Buffer) => {
      // Then it goes to the lock.
      if (said === '') child.kill('SIGTERM')
      said += String(chunk)
    })
    t.same(await closed, [EXIT.terminated, null], verb.join(' '))
    t.match(said, /^shale: opened .*\nshale: interrupted.*\n$/)
  }
})
