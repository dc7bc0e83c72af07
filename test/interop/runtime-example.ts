// docs/runtime-example.md as it stands there: its code is run, with another store and another archive.

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { transformSync } from 'esbuild'
import t from 'tap'
import { openStore } from '../../src/index.ts'
import { shaleOk } from '../support/cli.ts'
import { unless } from '../support/host.ts'
import { buildImage, dockerArchive25, packed } from '../support/image.ts'
import { crunOnPath, runtimeSkip } from '../support/oci-runtime.ts'
import { programLayer, programLayerSkip } from '../support/program-layer.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const PAGE = fileURLToPath(new URL('../../../docs/runtime-example.md', import.meta.url))
const skip =
  unless({ interop: true, root: true, overlay: true }) || programLayerSkip() || runtimeSkip('crun')

t.test('it loads, creates, runs, commits and removes', { skip }, async (t) => {
  const example = /```ts\n([\s\S]*?)```/.exec(fs.readFileSync(PAGE, 'utf8'))?.[1]
  t.ok(example, 'there is an example')
  const directory = temporaryDirectory(t)
  const root = path.join(directory, 'store')
  const image = buildImage([programLayer()], { config: { Cmd: ['sh'], Env: ['PATH=/bin'] } })
  fs.writeFileSync(
    path.join(directory, 'app.tar'),
    packed(dockerArchive25([{ image, tags: ['app:1'] }])),
  )
  fs.mkdirSync(path.join(directory, 'run'))
  const source = example!
    .replace("'shale'", JSON.stringify(new URL('../../src/index.js', import.meta.url).href))
    .replace("'/var/lib/shale'", JSON.stringify(root))
    .replace('`/run/tiny/', `\`${path.join(directory, 'run')}/`)
  t.notMatch(source, /\/run\/tiny|\/var\/lib\/shale/)
  const { code } = transformSync(source, { loader: 'ts', format: 'esm', target: 'node20' })
  fs.writeFileSync(path.join(directory, 'example.mjs'), code)
  const done = spawnSync(process.execPath, ['example.mjs'], {
    cwd: directory,
    env: { ...process.env, PATH: crunOnPath(directory) },
    encoding: 'utf8',
  })
  t.equal(done.status, 0, done.stderr)
  const store = await openStore(root)
  const said = [
    /^its root is at .*\/overlay2\/[0-9a-f]{64}\/merged by kernel$/,
    /^add \/greeting$/,
    /^sha256:[0-9a-f]{64}$/,
    /^2 images$/,
    /^0 bytes to give back$/,
  ]
  t.match(done.stdout.trimEnd().split('\n'), said)
  const told = ['create', 'mount', 'unmount', 'mount', 'unmount', 'commit', 'destroy']
  t.same(
    done.stderr.trimEnd().split('\n'),
    told.map((action) => `tiny: ${action}`),
  )
  t.ok(done.stdout.includes(store.image('app:greeted').id))
  t.equal(shaleOk(['--root', root, 'cat', 'app:greeted:/greeting']), 'hello from a container')
  t.same(store.containerDB.list(), [])
  t.notOk(fs.readFileSync('/proc/self/mountinfo', 'utf8').includes(directory), 'nothing is mounted')
})
