// The README's own words are run: the library example as it stands there.

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { transformSync } from 'esbuild'
import t from 'tap'
import { dockerArchive25, packed, smallImage } from './support/image.ts'

const PROJECT = fileURLToPath(new URL('../..', import.meta.url))

t.test('the library example loads, shows and saves', (t) => {
  const readme = fs.readFileSync(path.join(PROJECT, 'README.md'), 'utf8')
  const example = /```ts\n([\s\S]*?)```/.exec(readme)?.[1]
  t.ok(example, 'there is an example')
  const dir = t.testdir()
  const image = smallImage()
  fs.writeFileSync(
    path.join(dir, 'app.tar'),
    packed(dockerArchive25([{ image, tags: ['small:1'] }])),
  )
  const library = new URL('../src/index.js', import.meta.url).href
  const source = example!
    .replace("'shale'", JSON.stringify(library))
    .replace("'/var/lib/shale'", JSON.stringify(path.join(dir, 'store')))
  fs.writeFileSync(
    path.join(dir, 'example.mjs'),
    transformSync(source, { loader: 'ts', format: 'esm', target: 'node20' }).code,
  )
  const run = spawnSync(process.execPath, ['example.mjs'], { cwd: dir, maxBuffer: 64 << 20 })
  t.equal(run.status, 0, run.stderr.toString())
  const out = run.stdout
  for (const tar of image.layers) {
    t.ok(out.includes(tar), 'the saved archive holds each layer as it was')
    t.ok(out.includes(createHash('sha256').update(tar).digest('hex')), 'and its diffID was shown')
  }
  t.end()
})

t.test('the example of a union in the process', (t) => {
  const readme = fs.readFileSync(path.join(PROJECT, 'README.md'), 'utf8')
  const [, example] = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code!)
  const dir = t.testdir({
    new: { etc: { issue: 'new' } },
    old: { etc: { issue: 'old', motd: 'hello' } },
  })
  const source = example!
    .replace("'shale'", JSON.stringify(new URL('../src/index.js', import.meta.url).href))
    .replace(
      "'/srv/new', '/srv/old'",
      `${JSON.stringify(path.join(dir, 'new'))}, ${JSON.stringify(path.join(dir, 'old'))}`,
    )
  t.notMatch(source, '/srv/')
  fs.writeFileSync(
    path.join(dir, 'example.mjs'),
    transformSync(source, { loader: 'ts', format: 'esm', target: 'node20' }).code,
  )
  const run = spawnSync(process.execPath, ['example.mjs'], { cwd: dir, encoding: 'utf8' })
  t.equal(run.status, 0, run.stderr)
  t.match(run.stdout, 'etc/issue')
  t.notMatch(run.stdout, 'motd', 'it is removed in the union')
  t.equal(fs.readFileSync(path.join(dir, 'old/etc/motd'), 'utf8'), 'hello', 'and nowhere else')
  t.end()
})
