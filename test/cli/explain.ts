// explain on the command line: an image, a container, plain directories; text, JSON and a picture.

import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import type { Explanation } from '../../src/index.ts'
import { shaleInProcess } from '../support/in-process.ts'
import { fixtureStore } from '../support/store-fixture.ts'
import { temporaryDirectory } from '../support/temporary.ts'

interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

t.test('an image, and what a container of it would keep', async (t) => {
  const { root } = await fixtureStore(t)
  const run = (...args: string[]): Promise<Ran> => shaleInProcess(['explain', ...args], { root })
  const found = await run('/etc/motd', 'app:1')
  t.equal(found.code, 0, found.stderr)
  t.match(found.stdout, /^\/etc\n {2}2 {2}directory .*\n {2}1 {2}directory +merged in$/m)
  t.match(found.stdout, '/etc/motd is the file of layer 2')
  const file = found.stdout.trimEnd().split('\n').at(-1)!.trim()
  t.equal(fs.readFileSync(file, 'utf8'), 'good bye\n', 'the file that is read')

  const gone = await run('/etc/old', 'app:1')
  t.match(gone.stdout, /2 {2}whiteout +removed here/)
  t.match(gone.stdout, '/etc/old: ENOENT')
  t.match((await run('/bin/alias', 'app:1')).stdout, /^\/bin\/alias -> \/etc\/motd$/m)

  const { stdout } = await run('--json', '--op', 'rm', '/etc/motd', 'app:1')
  const { operation, layers } = JSON.parse(stdout) as Explanation
  t.same(
    layers.map(({ label }) => label),
    ['upper', '2', '1'],
  )
  t.same(
    operation?.changes.map(({ kind, path: at, file }) => [kind, at, file]),
    [
      ['copy-up', '/etc', '<upper>/etc'],
      ['whiteout', '/etc/motd', '<upper>/etc/motd'],
    ],
  )
})

t.test('a container', async (t) => {
  const { root } = await fixtureStore(t)
  const run = (...args: string[]): Promise<Ran> => shaleInProcess(args, { root })
  t.equal((await run('create', '--name', 'web', 'app:1')).code, 0)
  const { stdout } = await run('explain', '--json', '--op', 'chmod', '/etc/motd', 'web')
  const { layers, operation } = JSON.parse(stdout) as Explanation
  t.same(
    layers.map(({ label }) => label),
    ['upper', 'init', '2', '1'],
  )
  const upper = layers[0]!.directory!
  t.equal(operation?.changes.at(-1)?.file, path.join(upper, 'etc/motd'))
})

t.test('plain directories', async (t) => {
  const dir = temporaryDirectory(t)
  for (const name of ['U', 'L1/d', 'L2/d']) fs.mkdirSync(path.join(dir, name), { recursive: true })
  fs.writeFileSync(path.join(dir, 'L1/d/c'), 'first')
  fs.writeFileSync(path.join(dir, 'L2/d/c'), 'second')
  const at = (name: string): string => path.join(dir, name)
  const options = `lowerdir=${at('L1')}:${at('L2')},upperdir=${at('U')}`
  const run = (...args: string[]): Promise<Ran> =>
    shaleInProcess(['explain', '-o', options, ...args], { root: at('none') })
  const { stdout } = await run('--op', 'mv', '--to', '/e', '/d')
  t.match(stdout, /refused with EXDEV/)
  t.match((await run('--lang', 'zh', '/d/c')).stdout, '/d/c 是 L1 里的文件')
  t.match((await run('--op', 'write', '/d/c')).stdout, `     ${at('U/d/c')}\n`)
  t.same(fs.readdirSync(at('U')), [], 'nothing is changed')
  const drawn = await run('--svg', at('c.svg'), '/d/c')
  t.equal(drawn.code, 0, drawn.stderr)
  t.match(fs.readFileSync(at('c.svg'), 'utf8'), /^<svg xmlns=/)
  fs.writeFileSync(at('any'), '')
  t.equal(fs.statSync(at('c.svg')).mode, fs.statSync(at('any')).mode, 'no secret')
  t.match((await run('--svg', '-', '/d/c')).stdout, /^<svg /)
})

t.test('what cannot be explained', async (t) => {
  const { root } = await fixtureStore(t)
  const run = (...args: string[]): Promise<Ran> => shaleInProcess(['explain', ...args], { root })
  const refused = async (message: RegExp, ...args: string[]): Promise<void> => {
    const { code, stdout, stderr } = await run(...args)
    t.not(code, 0)
    t.equal(stdout, '')
    t.match(stderr, message)
  }
  await refused(/give an image, a container, or directories/, '/etc')
  await refused(/and one of them/, '/etc', 'app:1', '-o', 'lowerdir=/')
  await refused(/must start with \//, 'etc', 'app:1')
  await refused(/needs the new name/, '--op', 'mv', '/etc', 'app:1')
  await refused(/only the operation mv/, '--to', '/x', '/etc', 'app:1')
  await refused(/lowerdir.*missing/, '-o', 'upperdir=/', '/etc')
  await refused(/as for redirect_dir=off/, '-o', 'lowerdir=/,redirect_dir=on', '/etc')
  await refused(/as for whiteouts=marks/, '-o', 'lowerdir=/,whiteouts=names', '/etc')
  await refused(/No such container or image: none:1/, '/etc', 'none:1')
})
