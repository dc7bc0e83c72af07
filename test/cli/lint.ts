// `shale lint` as its user sees it: archives and images, three forms of output, the exit code.

import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { buildImage, dockerArchive25, packed } from '../support/image.ts'
import { shaleInProcess } from '../support/in-process.ts'
import { file, layerTar, type LayerEntryInit } from '../support/layer.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const dir = temporaryDirectory(t)
const root = path.join(dir, 'root')
const old = { mtimeNs: 1_700_000_000_000_000_000n }

function archive(name: string, ...entries: readonly LayerEntryInit[]): string {
  const target = path.join(dir, name)
  const image = buildImage([layerTar(...entries)])
  fs.writeFileSync(target, packed(dockerArchive25([{ image, tags: ['app:1'] }])))
  return target
}

const clean = archive('clean.tar', file('a', 'a', old))
const warned = archive('warned.tar', file('a//b\u001b[31m', 'a', old))
const noted = archive('noted.tar', file('s', 'a', { ...old, mode: 0o4755 }))
const lint = (...args: string[]) => shaleInProcess(['lint', ...args], { root })

t.test('levels and the exit code', async (t) => {
  const cases: readonly [string[], number][] = [
    [[clean], 0],
    [[warned], 1],
    [['--fail-on', 'error', warned], 0],
    [['--fail-on', 'never', warned], 0],
    [['--ignore', 'unclean-name', warned], 0],
    [['--rule', 'setuid-file', warned], 0],
    [[noted], 0],
    [['--fail-on', 'note', noted], 1],
    [['--rule', 'no-such-rule', noted], 2],
    [['--fail-on', 'bad', noted], 2],
    [[path.join(dir, 'nothing.tar')], 10],
    [['nothing'], 10],
  ]
  for (const [args, code] of cases) t.equal((await lint(...args)).code, code, args.join(' '))
})

t.test('text: grouped by rule, with who differs, escaped', async (t) => {
  const { stdout, stderr } = await lint(warned)
  t.match(stdout, /^warning: unclean-name: unpackers that/m)
  t.match(stdout, '  layer 1  /a//b\\x1b[31m: it has a doubled slash')
  t.match(stdout, '0 errors, 1 warning, 0 notes')
  t.notMatch(stdout + stderr, '\u001b')
  t.equal(stderr, '')
})

t.test('json and sarif parse, and hold no control characters', async (t) => {
  const json = await shaleInProcess(['--json', 'lint', warned], { root })
  t.equal(json.code, 1)
  t.match(JSON.parse(json.stdout), [
    { names: ['app:1'], findings: [{ rule: 'unclean-name', layer: 1, path: '/a//b\u001b[31m' }] },
  ])
  const sarif = await lint('--sarif', warned)
  t.equal(sarif.code, 1)
  t.match(JSON.parse(sarif.stdout), {
    version: '2.1.0',
    runs: [{ results: [{ ruleId: 'unclean-name' }] }],
  })
  for (const { stdout } of [json, sarif]) t.notMatch(stdout, '\u001b')
})

t.test('an image of the store, by name; an archive beside it, by path', async (t) => {
  t.equal((await shaleInProcess(['load', '-q', '-i', noted], { root })).code, 0)
  const stored = await lint('app:1')
  t.match(stored.stdout, 'setuid-file')
  t.equal((await shaleInProcess(['image', 'lint', 'app:1'], { root })).stdout, stored.stdout)
  t.equal((await lint(noted)).stdout, stored.stdout)
})
