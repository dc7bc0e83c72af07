import t from 'tap'
import fc from 'fast-check'
import type { ImageID } from '../../src/digest/digest.ts'
import { familiarName, familiarString, parseReference } from '../../src/reference/reference.ts'
import { Layout } from '../../src/store/layout.ts'
import { References } from '../../src/store/references.ts'
import fs from 'node:fs'
import path from 'node:path'

const id = (digit: string): ImageID => `sha256:${digit.repeat(64)}` as ImageID

function written(t: { testdir(): string }, text: string): Layout {
  const layout = new Layout(t.testdir(), 'overlay2')
  fs.mkdirSync(path.dirname(layout.repositories), { recursive: true })
  fs.writeFileSync(layout.repositories, text)
  return layout
}

t.test("repositories.json is docker's own text", (t) => {
  const references = new References()
    .with(parseReference('user/app:2'), id('b'))
    .with(parseReference('debian:bookworm'), id('a'))
    .with(parseReference('debian:12'), id('a'))
    .with(parseReference(`debian@sha256:${'c'.repeat(64)}`), id('a'))
  t.equal(
    references.toJSONText(),
    `{"Repositories":{"debian":{"debian:12":"${id('a')}","debian:bookworm":"${id('a')}","debian@${id('c')}":"${id('a')}"},"user/app":{"user/app:2":"${id('b')}"}}}`,
  )
  t.equal(new References().toJSONText(), '{"Repositories":{}}')
  t.end()
})

t.test('what is written is read back, and a removed last name takes its repository along', (t) => {
  const layout = written(t, '')
  const name = fc
    .tuple(fc.constantFrom('a', 'b/c', 'reg:5000/x/y', 'd'), fc.constantFrom('1', '2', 'latest'))
    .map(([repository, tag]) => parseReference(`${repository}:${tag}`))
  fc.assert(
    fc.property(fc.array(fc.tuple(name, fc.constantFrom('1', '2', '3'))), (pairs) => {
      let references = new References()
      const model = new Map<string, ImageID>()
      for (const [reference, digit] of pairs) {
        references = references.with(reference, id(digit))
        model.set(familiarString(reference), id(digit))
      }
      fs.writeFileSync(layout.repositories, references.toJSONText())
      const read = References.read(layout)
      t.same(new Map(read.list().map((stored) => [stored.name, stored.imageID])), model)
      for (const stored of read.list()) references = references.without(stored)
      t.equal(references.toJSONText(), '{"Repositories":{}}')
      for (const [reference] of pairs)
        t.equal(read.get(reference), model.get(familiarString(reference)), familiarName(reference))
    }),
    { numRuns: 50 },
  )
  t.end()
})

t.test("an image's names come in the order of their full spelling, as docker's do", (t) => {
  const names = ['localhost/x:1', 'zzz:1', 'gcr.io/a:1', 'a-b:1', 'a:2', 'a:1', 'user/a:1']
  const references = names.reduce(
    (made, name) => made.with(parseReference(name), id('a')),
    new References(),
  )
  t.same(
    references.namesOf(id('a')).map(({ name }) => name),
    ['a-b:1', 'a:1', 'a:2', 'zzz:1', 'user/a:1', 'gcr.io/a:1', 'localhost/x:1'],
  )
  t.end()
})

t.test('a damaged file is named, never taken for an empty store', (t) => {
  for (const text of [
    '',
    '{',
    '{"Repositories":1}',
    '{"Repositories":{"a":[]}}',
    '{"Repositories":{"a":{"a:1":"x"}}}',
    '{"Repositories":{"a":null}}',
  ]) {
    const layout = written(t, text)
    if (text === '{"Repositories":{"a":[]}}') {
      t.same(References.read(layout).list(), [], 'an empty list has no names')
      continue
    }
    t.throws(
      () => References.read(layout),
      { code: 'ERR_STORE_CORRUPT', message: /repositories\.json/ },
      text,
    )
  }
  t.end()
})

t.test('no file and no repositories are an empty store', (t) => {
  t.same(References.read(new Layout(t.testdir(), 'vfs')).list(), [])
  t.same(References.read(written(t, '{"Repositories":null}')).list(), [])
  t.end()
})
