// `shale run-in` as a process: its exit codes, its streams, and whose options are whose.

import path from 'node:path'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import t from 'tap'
import { Interrupted } from '../../cli/program.ts'
import { MAIN, shale, cleanEnvironment, withoutLoader } from '../support/cli.ts'
import { containerFixture } from '../support/container.ts'
import { isRoot, unless } from '../support/host.ts'
import { shaleInProcess } from '../support/in-process.ts'
import { file, layerTar } from '../support/layer.ts'
import { programLayer, programLayerSkip } from '../support/program-layer.ts'

const skip =
  programLayerSkip() ||
  unless(isRoot ? { overlay: true } : { userNamespace: true, programs: ['unshare'] })

t.test('the program’s streams and exit code are shale’s', { skip }, async (t) => {
  const { root } = await containerFixture(t, [programLayer()], { Env: ['PATH=/bin'], Cmd: ['sh'] })
  const run = (args: readonly string[], input = ''): readonly unknown[] => {
    const done = spawnSync(process.execPath, [MAIN, '--root', root, ...args], {
      env: cleanEnvironment(),
      input,
    })
    return [done.status, String(done.stdout), String(done.stderr)]
  }
  t.same(run(['run-in', 'box', 'cat'], 'piped'), [0, 'piped', ''])
  t.same(run(['container', 'run-in', 'box', 'sh', '-c', 'echo out; echo err >&2; exit 9']), [
    9,
    'out\n',
    'err\n',
  ])
  t.same(run(['run-in', 'base:1', 'sh', '-c', 'echo "$@"', 'sh', '--json', '-e', '--quiet=true']), [
    0,
    '--json -e --quiet=true\n',
    '',
  ])
  t.same(
    run(['run-in', '-e', 'A=1', '--env', 'B=2', '-w', '/etc', 'box', 'sh', '-c', 'echo $A$B; pwd']),
    [0, '12\n/etc\n', ''],
  )
  t.same(run(['run-in', 'box', 'none']), [
    127,
    '',
    'shale: cannot run "none": there is no such program\n',
  ])
  t.same(run(['run-in', 'box', '/etc/passwd']).slice(0, 2), [126, ''])
  t.same(run(['run-in', 'box', 'sh', '-c', 'kill -TERM $$'])[0], 143)
})

t.test('a signal before there is a program: as it ends any verb', async (t) => {
  const { root } = await containerFixture(t, [layerTar(file('f', 'x'))])
  const signal = AbortSignal.abort(new Interrupted('SIGTERM'))
  const done = await shaleInProcess(['run-in', 'box', 'true'], { root, signal })
  t.same([done.code, done.stderr], [143, ''])
})

t.test('Ctrl-\\ on a terminal is the program’s to decide about', { skip }, async (t) => {
  const { root } = await containerFixture(t, [programLayer()], { Env: ['PATH=/bin'], Cmd: ['sh'] })
  const script = 'trap "" QUIT; echo ready; read line; exit 9'
  const args = [MAIN, '--root', root, 'run-in', 'box', 'sh', '-c', script]
  const child = spawn(...withoutLoader([process.execPath, ...args]), {
    env: cleanEnvironment(),
    stdio: ['pipe', 'pipe', 'ignore'],
    detached: true,
  })
  const ended = once(child, 'exit')
  await once(child.stdout, 'data')
  process.kill(-child.pid!, 'SIGQUIT')
  child.stdin.end('line\n')
  t.same(await ended, [9, null])
})

t.test('125: it could not be tried', async (t) => {
  const { root } = await containerFixture(t, [layerTar(file('f', 'x'))])
  const done = shale(['--root', path.join(root), 'run-in', 'none', 'true'])
  t.equal(done.code, 125)
  t.equal(done.stderr, 'shale: No such container or image: none\n')
  t.equal(shale(['--root', root, 'run-in', 'box']).code, 2)
})
